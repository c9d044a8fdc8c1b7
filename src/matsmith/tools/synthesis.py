"""How a composition would be made: resemblance to published targets, route, precursors, temperatures, times, nearest published reactions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field, JsonValue

from matsmith.core.quantity import Quantity, Truth
from matsmith.core.reactions import PublishedReaction, Route
from matsmith.core.record import Method, Outcome
from matsmith.core.settings import Settings
from matsmith.tools.base import Args, Deps, StructureRef, tool
from matsmith.tools.known_synthesis import reactions_identity, reactions_missing

if TYPE_CHECKING:
    from matsmith.knowledge.synthesis.table import Near
    from matsmith.models.predictors.synthesis.predicting import SynthesisPrediction

_CAVEAT = "predicted from what papers report of other compositions: it can rule out and not confirm"
_RESEMBLES = "says how much the composition looks like published targets, and no more than that"
_MEASURES = ("synthesizability", "calcination_temperature", "sintering_temperature")
_BALANCED = 3


class SynthesisArgs(Args):
    """Whose composition, by which route."""

    structure: StructureRef | None = Field(
        default=None,
        description="a structure; only its formula is used",
        json_schema_extra={"x-reference": "structure"},
    )
    formula: str | None = Field(
        default=None, min_length=1, max_length=400, description="or a formula, such as Li7La3Zr2O12"
    )
    route: Route | None = Field(default=None, description="the likelier of the two when not given")
    count: int = Field(
        default=5, ge=1, le=20, description="how many precursor sets and how many published reactions"
    )


def _missing(settings: Settings) -> str | None:
    del settings
    from matsmith.models.predictors.synthesis.predicting import all_here

    return None if all_here() else "the weights of the synthesis models are not here: reinstall matsmith."


def _identity(settings: Settings) -> str:
    from matsmith.models.predictors.synthesis.predicting import all_here, weights_hash

    return f"{weights_hash() if all_here() else 'none'}:{reactions_identity(settings)}"


@tool(
    name="synthesis",
    title="Prediction of a synthesis",
    measures=_MEASURES,
    cost_s=0.1,
    identity=_identity,
    missing=_missing,
)
def run(args: SynthesisArgs, *, deps: Deps) -> Outcome:
    """How a composition would be made, by what papers report of others: temperatures (K) and times (h) with 90 % intervals.

    Facts: whether it resembles published targets (no more than that), the chance of either route, precursor sets with their share and
    balanced equations, and the nearest published reactions with their DOI where these are here. Predictions can rule out and never
    confirm; the published temperature of the very composition is known_synthesis. Typed failures: `no_composition`.

    Example: matsmith tool synthesis formula=Li7La3Zr2O12
    """
    from matsmith.core.errors import DataError, SpecError, UsageError
    from matsmith.knowledge.synthesis.table import synthesis_table
    from matsmith.models.predictors.synthesis.entries import CITATION
    from matsmith.models.predictors.synthesis.predicting import predict_synthesis
    from matsmith.tools.composition_prediction import formula_of

    try:
        formula = formula_of(args.structure, args.formula, deps=deps)
        found = predict_synthesis(formula, route=args.route, count=args.count)
    except (SpecError, UsageError) as error:
        return Outcome.failed("no_composition", error.message, hint=error.hint)
    warnings = [
        f"{name}: outside of the domain: {one.outside_because}."
        for name, one in found.steps.items()
        if not one.in_domain
    ]
    near: list[JsonValue] = []
    published = 0
    absent = reactions_missing(deps.settings)
    try:
        table = synthesis_table(deps.settings.data_dir, cache_dir=deps.settings.cache_dir)
        if table is not None:
            published = len({one.reaction.doi for one in table.of(formula)})
            near = [_told(one) for one in table.nearest(formula, count=args.count)]
    except DataError as error:
        absent = str(error)
    if not found.precursors:
        warnings.append(
            "No precursors are known for one of its elements; the steps are those of no particular precursors."
        )
    return Outcome(
        quantities=_quantities(found),
        facts={
            **_facts(found),
            "published_papers": published if absent is None else None,
            "nearest_published": near,
            **({"nearest_published_missing": absent} if absent is not None else {}),
        },
        method=Method(
            name="boosted trees on composition descriptors, route and kinds of precursors; a small network by element for precursors",
            model="synthesis models",
            reference=f"trained on {CITATION}",
        ),
        warnings=tuple(warnings),
    )


def _quantities(found: SynthesisPrediction) -> dict[str, Quantity]:
    score = found.resemblance.score
    return {
        "synthesizability": Quantity(
            # A chance's own standard deviation.
            value=score, unit="", sigma=(score * (1.0 - score)) ** 0.5, truth=Truth.EXPERIMENT_AT_CONDITIONS
        ),
        **{
            name: Quantity(value=one.value, unit=one.unit, sigma=one.sigma, truth=Truth.EXPERIMENT_AT_CONDITIONS)
            for name, one in found.steps.items()
        },
    }  # fmt: skip


def _facts(found: SynthesisPrediction) -> dict[str, JsonValue]:
    from matsmith.knowledge.synthesis.balance import balanced_equation

    sets: list[JsonValue] = [
        {
            "precursors": list(one.precursors),
            "share": round(one.share, 4),
            **(
                {"reaction": balanced_equation(found.formula, one.precursors) or "cannot be balanced with gases"}
                if place < _BALANCED
                else {}
            ),
        }
        for place, one in enumerate(found.precursors)
    ]  # fmt: skip
    like = found.resemblance
    return {
        "formula": found.formula,
        "resembles_published_targets": like.resembles,
        "resemblance": {
            "score": round(like.score, 4),
            "above_share_of_published_targets_left_out": round(like.above_published, 3),
            "above_share_of_compositions_with_elements_exchanged": round(like.above_other, 3),
            "in_domain": like.in_domain,
        },
        "route": found.route,
        "sol_gel_share": round(found.sol_gel_share, 3),
        "precursor_sets": sets,
        "intervals_90": {name: [one.low90, one.high90] for name, one in found.steps.items()},
        "in_domain": {name: one.in_domain for name, one in found.steps.items()},
        "inconclusive": {"synthesizability": _RESEMBLES, **dict.fromkeys(found.steps, _CAVEAT)},
    }


def _told(near: Near) -> dict[str, JsonValue]:
    from matsmith.knowledge.synthesis.balance import balanced_equation

    reaction: PublishedReaction = near.reaction
    return {
        "formula": near.formula,
        "distance": round(near.distance, 3),
        "doi": reaction.doi,
        "year": reaction.year,
        "route": reaction.route,
        "precursors": list(reaction.precursors),
        "reaction": balanced_equation(near.formula, reaction.precursors),
        "steps": [
            {"kind": step.kind, "word": step.word, "temperature_c": step.temperature_c, "time_h": step.time_h,
             "atmosphere": step.atmosphere}
            for step in reaction.steps if step.temperature_c is not None or step.time_h is not None
        ],
    }  # fmt: skip


TOOL = run
