"""At what temperature papers calcined or sintered this very composition, with their DOIs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from pydantic import Field, JsonValue

from matsmith.core.quantity import Quantity, Truth
from matsmith.core.record import Method, Outcome
from matsmith.core.settings import Settings
from matsmith.tools.base import Args, Deps, StructureRef, tool

if TYPE_CHECKING:
    from matsmith.core.reactions import StepKind

KELVIN = 273.15
_MOST_TOLD = 12
_KINDS: Mapping[str, StepKind] = {
    "calcination_temperature": "calcination",
    "sintering_temperature": "sintering",
}


class KnownSynthesisArgs(Args):
    """Whose composition."""

    structure: StructureRef | None = Field(
        default=None,
        description="a structure; only its formula is used",
        json_schema_extra={"x-reference": "structure"},
    )
    formula: str | None = Field(
        default=None, min_length=1, max_length=400, description="or a formula, such as Li7La3Zr2O12"
    )


def reactions_identity(settings: Settings) -> str:
    """Hash of the files of reactions that are here."""
    from matsmith.knowledge.synthesis.mined import files_identity

    return files_identity(settings.data_dir)


def reactions_missing(settings: Settings) -> str | None:
    """What is missing to look a reaction up, in one sentence."""
    if reactions_identity(settings):
        return None
    return "the published reactions are not here: `matsmith data get synthesis` fetches them."


@tool(
    name="known_synthesis",
    title="Published syntheses",
    measures=tuple(_KINDS),
    cost_s=0.01,
    identity=reactions_identity,
    missing=reactions_missing,
)
def run(args: KnownSynthesisArgs, *, deps: Deps) -> Outcome:
    """Temperatures (K) at which papers calcined and sintered this very composition: the median, each paper once, with the DOIs.

    Sigma is the scatter between papers over the root of their number. The texts were read by a machine: a paper may be misread, and the
    polymorph is not told. Typed failures: `not_listed` where no paper at hand tells it, `no_composition`.

    Example: matsmith tool known_synthesis formula=BaTiO3
    """
    from matsmith.core.errors import DataError, SpecError, UsageError
    from matsmith.knowledge.synthesis.mined import CITATION
    from matsmith.knowledge.synthesis.table import reported_temperature, synthesis_table
    from matsmith.tools.composition_prediction import formula_of

    try:
        formula = formula_of(args.structure, args.formula, deps=deps)
        table = synthesis_table(deps.settings.data_dir, cache_dir=deps.settings.cache_dir)
        found = {} if table is None else {
            name: one for name, kind in _KINDS.items() if (one := reported_temperature(table, formula, kind))
        }  # fmt: skip
    except (SpecError, UsageError) as error:
        return Outcome.failed("no_composition", error.message, hint=error.hint)
    except DataError as error:
        return Outcome.failed("no_data", error.message, hint=error.hint)
    if not found:
        return Outcome.failed(
            "not_listed", f"No published synthesis at hand tells how hot {formula} was calcined or sintered."
        )
    facts: dict[str, JsonValue] = {
        name: {
            "papers": one.papers,
            "lowest_c": one.lowest_c,
            "highest_c": one.highest_c,
            "dois": list(one.dois[:_MOST_TOLD]),
        }
        for name, one in found.items()
    }
    return Outcome(
        quantities={
            name: Quantity(
                value=one.temperature_c + KELVIN, unit="K", sigma=one.sigma_c, truth=Truth.EXPERIMENT_AT_CONDITIONS
            )
            for name, one in found.items()
        },
        facts={"formula": formula, **facts},
        method=Method(name="median over papers, read from their texts by a machine", reference=CITATION),
    )  # fmt: skip


TOOL = run
