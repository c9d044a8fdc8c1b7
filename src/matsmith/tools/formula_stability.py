"""How likely a formula lies on the hull of a database, from the formula alone: it orders candidates before anything is relaxed."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Literal

from pydantic import Field

from matsmith.core.quantity import Quantity, Truth
from matsmith.core.record import Method, Outcome
from matsmith.core.settings import Settings
from matsmith.tools.base import Args, Deps, StructureRef, tool
from matsmith.tools.composition_prediction import formula_of

if TYPE_CHECKING:
    from matsmith.models.predictors.stability.model import StabilityChance

QUANTITY = "chance_on_hull"
_CAVEAT = "a chance from the formula alone: it orders candidates and confirms nothing; the stability tool computes the energy above the hull"


class FormulaStabilityArgs(Args):
    """Whose formula, and which database's hull."""

    structure: StructureRef | None = Field(
        default=None,
        description="a structure; only its formula is used",
        json_schema_extra={"x-reference": "structure"},
    )
    formula: str | None = Field(
        default=None, min_length=1, max_length=400, description="or a formula, such as BaTiO3"
    )
    database: Literal["materials_project", "jarvis"] = Field(
        default="materials_project", description="on whose hull"
    )


def _missing(settings: Settings) -> str | None:
    del settings
    from matsmith.models.predictors.stability.model import WEIGHTS

    return (
        None if WEIGHTS.is_file() else "the weights of the stability model are not here: reinstall matsmith."
    )


def _identity(settings: Settings) -> str:
    del settings
    from matsmith.models.predictors.stability.model import stability_model

    return stability_model().sha256[:16]


def _run_many(batch: Sequence[FormulaStabilityArgs], *, deps: Deps) -> Iterator[tuple[int, Outcome]]:
    """Predict for all at once; what cannot be read fails alone."""
    from matsmith.core.errors import SpecError, UsageError
    from matsmith.models.predictors.compositions import read_formula
    from matsmith.models.predictors.library import check_covered
    from matsmith.models.predictors.stability.model import chances

    started = time.perf_counter()
    readable: dict[str, list[tuple[int, str]]] = {}
    for index, args in enumerate(batch):
        try:
            formula = formula_of(args.structure, args.formula, deps=deps)
            check_covered(read_formula(formula))
        except (SpecError, UsageError) as error:
            yield index, Outcome.failed("no_composition", error.message, hint=error.hint)
            continue
        readable.setdefault(args.database, []).append((index, formula))
    for database, group in readable.items():
        found = chances([formula for _, formula in group], database=database)
        each_s = (time.perf_counter() - started) / len(batch)
        for (index, _), one in zip(group, found, strict=True):
            yield index, _outcome(one).model_copy(update={"wall_s": each_s})


@tool(
    name="formula_stability",
    title="Chance of stability from the formula",
    cost_s=0.02,
    identity=_identity,
    missing=_missing,
    run_many=_run_many,
)
def run(args: FormulaStabilityArgs, *, deps: Deps) -> Outcome:
    """The chance that a formula lies on the hull of the Materials Project or JARVIS, with how far three views of it are apart.

    Trees on element statistics, trees on electron configurations and a network over pairs of elements, stacked and calibrated on formulas left
    out. It orders candidates and confirms nothing. Typed failure `no_composition`.

    Example: matsmith tool formula_stability --args '{"formula": "BaTiO3"}'
    """
    return next(outcome for _, outcome in _run_many([args], deps=deps))


def _outcome(one: StabilityChance) -> Outcome:
    from matsmith.models.predictors.stability.model import DATABASES, stability_model

    model = stability_model()
    return Outcome(
        quantities={QUANTITY: Quantity(value=one.probability, unit="", sigma=one.spread, truth=Truth.DFT_0K)},
        facts={
            "formula": one.formula,
            "of": f"the chance to lie on the hull of {DATABASES[one.database]} at 0 K",
            "views": {name: round(value, 3) for name, value in one.views.items()},
            "share_of_the_database_that_does": round(one.base_rate, 3),
            "in_domain": one.in_domain,
            "inconclusive": {QUANTITY: _CAVEAT},
        },
        method=Method(
            name="two views of boosted trees and a network over pairs of elements, stacked",
            model="stability from composition",
            weights_hash=model.sha256,
            reference="trained on " + str(model.card["databases"][one.database]["citation"]),
        ),
        warnings=_warnings(one),
    )


def _warnings(one: StabilityChance) -> tuple[str, ...]:
    from matsmith.models.predictors.compositions import read_formula

    found: list[str] = []
    if not one.in_domain:
        found.append(f"{one.formula} is outside of the domain of the stability model.")
    if one.database == "jarvis" and "O" in read_formula(one.formula):
        found.append(
            "The table of JARVIS calls hardly any oxide stable, even those that are: its chance says nothing of one."
        )
    return tuple(found)


TOOL = run
