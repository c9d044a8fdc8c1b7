"""Why the best candidate of a round misses its target, where a composition model predicts it: one sentence, its number by reference."""

from __future__ import annotations

from typing import cast

from matsmith.agents.context import RunContext
from matsmith.agents.report.wording import plain_title
from matsmith.agents.summaries import CandidateSummary, RoundSummary
from matsmith.core.elements import SYMBOLS
from matsmith.core.errors import BudgetExceeded
from matsmith.core.properties import PROPERTIES
from matsmith.core.quantity import Relation
from matsmith.core.record import Record
from matsmith.core.spec import Chemistry, DesignSpec
from matsmith.tools.registry import PREDICTIONS, get_tool

_TOOL = "explain_prediction"
_TOWARDS = {
    Relation.ABOVE: "higher",
    Relation.MAXIMISE: "higher",
    Relation.BELOW: "lower",
    Relation.MINIMISE: "lower",
}
_ELEMENTS_NAMED = 2


def explained_miss(context: RunContext, summary: RoundSummary, *, failing: str) -> str:
    """What the model goes by for the best candidate that misses the target, and what another element would change.

    Empty where no composition model predicts the property, the target has no direction, or nothing is left to spend on it.
    """
    spec = context.spec
    target = next((one for one in spec.targets if one.property == failing), None)
    towards = _TOWARDS.get(target.relation) if target is not None else None
    best = _best_that_misses(summary, failing=failing, probability_met=spec.probability_met)
    if towards is None or best is None or context.seconds_left <= 1 or not _explains(context, failing):
        return ""
    wanted = {
        "property": failing,
        "structure": best.id,
        "towards": towards,
        "avoid": forbidden(spec),
    }
    try:
        record = context.runner.run(_TOOL, wanted, deadline=context.deadline)
    except BudgetExceeded:
        # The round is told without it: what is left is for measuring.
        return ""
    return sentence(record, formula=best.formula, name=failing)


def _explains(context: RunContext, name: str) -> bool:
    from matsmith.models.predictors.library import shipped

    return (
        bool(PREDICTIONS.intersection(PROPERTIES[name].tools))
        and name in shipped()
        and get_tool(_TOOL).missing(context.settings) is None
    )


def _best_that_misses(
    summary: RoundSummary, *, failing: str, probability_met: float
) -> CandidateSummary | None:
    return next(
        (one for one in summary.best if one.probabilities.get(failing, probability_met) < probability_met),
        None,
    )


def forbidden(spec: DesignSpec) -> list[str]:
    """Elements that the specification does not let in, by atomic number."""
    chemistry: Chemistry = spec.chemistry
    outside = set(SYMBOLS) - set(chemistry.allowed) if chemistry.allowed else set[str]()
    return sorted(outside | set(chemistry.excluded), key=SYMBOLS.index)


def sentence(record: Record, *, formula: str, name: str) -> str:
    """An explanation in words, every number a reference; empty for a failure or a formula that the model knows nothing like."""
    facts = record.outcome.facts
    if record.outcome.failure is not None or not facts.get("in_domain"):
        return ""
    title = plain_title(name)
    elements = cast("dict[str, float]", facts["elements"])
    own = {symbol: added for symbol, added in elements.items() if symbol in SYMBOLS}
    parts: list[str] = []
    for word, sign in (("raised", 1.0), ("lowered", -1.0)):
        named = [symbol for symbol, added in own.items() if sign * added > 0][:_ELEMENTS_NAMED]
        if named:
            parts.append(f"{word} most by its {' and '.join(named)}")
    words = [f"In the composition model the {title} of {formula} is {', and '.join(parts)}."] if parts else []
    steps = cast("list[dict[str, object]]", facts["instead"])
    step = next((one for one in steps if one["beyond_error"]), steps[0] if steps else None)
    if step is not None:
        reference = record.reference(
            f"{name}_with_{str(step['by']).lower()}_for_{str(step['replace']).lower()}"
        )
        verb = "rises" if cast("float", step["change"]) > 0 else "falls"
        hedge = "" if step["beyond_error"] else ", a step within the model's error"
        words.append(
            f"There, with {step['by']} in the place of {step['replace']}, it {verb} to {reference}{hedge}."
        )
    return " ".join(words)
