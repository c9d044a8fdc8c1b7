"""Why a composition model predicts what it predicts: contributions of descriptors and elements, nearest formulas, what another element would do."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Literal

from pydantic import Field, JsonValue

from matsmith.core.quantity import Quantity, Truth
from matsmith.core.record import Method, Outcome
from matsmith.core.settings import Settings
from matsmith.tools.base import Args, Deps, StructureRef, tool
from matsmith.tools.composition_prediction import TRUTHS, formula_of
from matsmith.tools.drawn_series import Contributions, Part, contributions_fact
from matsmith.tools.reference_identity import tables_identity

if TYPE_CHECKING:
    from matsmith.models.predictors.explanation import Explanation
    from matsmith.models.predictors.substitutions import Substitution

_SUBSTITUTIONS = 6
_DESCRIPTORS_TOLD = 8
_NO_CAUSE = "what the model goes by, which need not be what causes the property"


class ExplainPredictionArgs(Args):
    """Which prediction."""

    property: str = Field(
        min_length=1,
        max_length=60,
        description="a predicted property, such as measured_band_gap or bulk_modulus",
    )
    structure: StructureRef | None = Field(
        default=None,
        description="a structure; only its formula is used",
        json_schema_extra={"x-reference": "structure"},
    )
    formula: str | None = Field(
        default=None, min_length=1, max_length=400, description="or a formula, such as BaTiO3"
    )
    towards: Literal["higher", "lower", "either"] = Field(
        default="either",
        description="which way the element put in the place of another should move the value",
    )
    avoid: tuple[str, ...] = Field(
        default=(), max_length=100, description="elements that must not be put in the place of another"
    )


def _missing(settings: Settings) -> str | None:
    del settings
    from matsmith.models.predictors.explanation_data import data_path
    from matsmith.models.predictors.library import shipped, weights_path

    if any(data_path(weights_path(name)).is_file() for name in shipped()):
        return None
    return "what explains the composition models is not here: reinstall matsmith."


def _identity(settings: Settings) -> str:
    from matsmith.models.predictors.library import shipped, weights_identity

    return f"{weights_identity(shipped())}-{tables_identity(settings)}"


@tool(
    name="explain_prediction",
    title="Explanation of a prediction",
    cost_s=0.2,
    identity=_identity,
    missing=_missing,
)
def run(args: ExplainPredictionArgs, *, deps: Deps) -> Outcome:
    """What descriptors and elements add to a predicted property (exact Shapley values), and what another element would change.

    The quantity is the prediction itself; beside it stand predictions of formulas with one element replaced by one of its group or charge. Facts:
    contributions on the model's scale (log10 for quantities that multiply), the nearest formulas trained on, with their values where
    the tables are here. Typed failures: `no_composition`, `no_such_property`.

    Example: matsmith tool explain_prediction --args '{"formula": "BaZrO3", "property": "measured_band_gap"}'
    """
    from matsmith.core.errors import SpecError, UsageError
    from matsmith.models.predictors.explanation import explain
    from matsmith.models.predictors.library import model_of
    from matsmith.models.predictors.substitutions import best_substitutions

    try:
        formula = formula_of(args.structure, args.formula, deps=deps)
        (found,) = explain(args.property, [formula])
        steps = best_substitutions(
            args.property, formula, towards=args.towards, count=_SUBSTITUTIONS, avoid=args.avoid
        )
    except (SpecError, UsageError) as error:
        code = "no_composition" if isinstance(error, SpecError) else "no_such_property"
        return Outcome.failed(code, error.message, hint=error.hint)
    own = found.prediction
    truth = TRUTHS.get(own.property, Truth.DFT_0K)
    quantities = {own.property: Quantity(value=own.value, unit=own.unit, sigma=own.sigma, truth=truth)}
    for step in steps:
        quantities[quantity_name(own.property, step)] = Quantity(
            value=step.prediction.value, unit=own.unit, sigma=step.prediction.sigma, truth=truth
        )
    return Outcome(
        quantities=quantities,
        facts={**facts_of(found, steps, settings=deps.settings), **drawn(found)},
        method=Method(
            name="exact Shapley values of boosted trees on composition descriptors, path-dependent; networks and kernel count as one part each",
            model="composition models",
            reference="trained on " + str(model_of(own.property).card["citation"]),
        ),
        warnings=()
        if own.in_domain
        else (f"{formula} is outside of the domain of the model: {own.outside_because}.",),
    )


def quantity_name(name: str, step: Substitution) -> str:
    """The name under which a prediction with another element stands: `bulk_modulus_with_ti_for_zr`."""
    return f"{name}_with_{step.by.lower()}_for_{step.replaced.lower()}"


def facts_of(
    found: Explanation, steps: Iterable[Substitution], *, settings: Settings
) -> dict[str, JsonValue]:
    """An explanation as plain data: what adds how much, the nearest formulas, and what another element would change."""
    own = found.prediction
    return {
        "formula": own.formula,
        "property": own.property,
        "in_domain": own.in_domain,
        "scale": found.scale,
        "usual_value": float(f"{found.usual:.4g}"),
        "elements": {symbol: float(f"{added:.3g}") for symbol, added in found.elements.items()},
        "descriptors": {
            part.name: float(f"{part.added:.3g}") for part in found.descriptors[:_DESCRIPTORS_TOLD]
        },
        "nearest": [_neighbour(own.property, *one, settings=settings) for one in found.nearest],
        "instead": [
            {
                "replace": step.replaced,
                "by": step.by,
                "formula": step.prediction.formula,
                "value": float(f"{step.prediction.value:.4g}"),
                "sigma": float(f"{step.prediction.sigma:.3g}"),
                "change": float(f"{step.change:.3g}"),
                "beyond_error": step.beyond_error,
            }
            for step in steps
        ],
        "what_it_is": _NO_CAUSE,
    }


def _neighbour(name: str, formula: str, distance: float, *, settings: Settings) -> JsonValue:
    from matsmith.knowledge.references import known_tables

    tables = known_tables(settings.data_dir, cache_dir=settings.cache_dir)
    known = tables.lookup(name, formula)
    told: dict[str, JsonValue] = {"formula": formula, "distance": round(distance, 2)}
    if known is not None:
        told |= {"value": float(f"{known.value:.4g}"), "source": known.label}
    return told


def drawn(found: Explanation) -> dict[str, JsonValue]:
    """The contributions as a picture takes them: of descriptors, and of elements."""
    name = found.prediction.property.replace("_", "-")
    title = f"{found.prediction.property.replace('_', ' ')} of {found.prediction.formula}"
    base_name = "what the model says on average"
    descriptors = [
        Part(name=part.name, value=part.added, given=f"{part.value:.3g}") for part in found.descriptors
    ]
    elements = [Part(name=symbol, value=added) for symbol, added in found.elements.items()]
    return contributions_fact(
        Contributions(
            id=name, of=title, unit=found.scale, base=found.base, value=found.total, parts=descriptors,
            base_name=base_name, note=f"Shapley values: {_NO_CAUSE}.",
        ),
        Contributions(
            id=f"{name}-elements", of=f"{title}, by element", unit=found.scale, base=found.base, value=found.total,
            parts=elements, base_name=base_name, note="Each descriptor is owed to the elements that make it.",
        ),
    )  # fmt: skip


TOOL = run
