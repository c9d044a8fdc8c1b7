"""What the models of a formula say, as sentences: explanations, the odds of stability, how it would be made. Every number is the record's."""

from __future__ import annotations

from typing import Any, cast

from matsmith.agents.explanations import sentence
from matsmith.agents.report.wording import plain_title, value_text
from matsmith.core.record import Record

PREDICTED_IN_WORDS = frozenset(("explain_prediction", "formula_stability", "synthesis"))
_KELVIN = 273.15
_DESCRIPTORS, _NEAREST, _SETS, _PUBLISHED = 3, 3, 2, 2


def prediction_words(record: Record, *, of: str) -> list[tuple[str, str]]:
    """Sentences about a record of one of `PREDICTED_IN_WORDS`, each with references and filled in."""
    tell = {"explain_prediction": _explanation, "formula_stability": _odds, "synthesis": _synthesis}
    raw = tell[record.tool](record, of)
    return [(text, _filled(text, record)) for text in raw if text]


def _filled(text: str, record: Record) -> str:
    """References of the record filled in; its id stands once, at the end."""
    for name, quantity in record.quantities.items():
        text = text.replace(record.reference(name), value_text(quantity))
    return f"{text.removesuffix('.')} [{record.id[:8]}]."


def _facts(record: Record) -> dict[str, Any]:
    return cast("dict[str, Any]", dict(record.outcome.facts))


def _explanation(record: Record, of: str) -> list[str]:
    facts = _facts(record)
    name = str(facts["property"])
    outside = "" if facts["in_domain"] else ", outside of the domain of the model"
    told = [f"The predicted {plain_title(name)} of {of} is {record.reference(name)}{outside}."]
    told.append(sentence(record, formula=of, name=name))
    parts = [f"{part} ({added:+.2g})" for part, added in list(facts["descriptors"].items())[:_DESCRIPTORS]]
    told.append(
        f"Its largest contributions, from {facts['usual_value']:g} on average, in {facts['scale']}: {', '.join(parts)}."
    )
    near = [
        f"{one['formula']} ({one['value']:g} there)" if "value" in one else str(one["formula"])
        for one in facts["nearest"][:_NEAREST]
    ]
    told.append(f"The nearest formulas that it was trained on are {', '.join(near)}." if near else "")
    told.append(f"This is {facts['what_it_is']}.")
    return told


def _odds(record: Record, of: str) -> list[str]:
    facts = _facts(record)
    share = float(facts["share_of_the_database_that_does"])
    outside = " The formula is unlike those that it was trained on." if not facts["in_domain"] else ""
    return [
        f"By its formula alone, {facts['of']} is {record.reference('chance_on_hull')} for {of}; {share:.0%} of all formulas there do. Its sigma is how "
        f"far three models are apart.{outside}",
        "That orders candidates and confirms nothing: give a structure, and its energy above the hull can be computed.",
    ]


def _synthesis(record: Record, of: str) -> list[str]:
    facts = _facts(record)
    like = facts["resemblance"]
    does = "resembles" if facts["resembles_published_targets"] else "does not resemble"
    told = [
        f"{of} {does} published targets: its score is above that of {like['above_share_of_published_targets_left_out']:.0%} of those left out. That is "
        "all it says.",
        f"Most reports of its like take the {facts['route']} route (sol-gel: {facts['sol_gel_share']:.0%}).",
    ]
    sets = [
        f"{' + '.join(one['precursors'])} ({one['share']:.0%}{_equation(one)})"
        for one in facts["precursor_sets"][:_SETS]
    ]
    told.append(
        f"Likeliest precursors: {'; or '.join(sets)}."
        if sets
        else "No precursors are known for one of its elements."
    )
    told.append(_steps(record, facts))
    told.append(_near(facts))
    return told


def _equation(one: dict[str, Any]) -> str:
    reaction = str(one.get("reaction", ""))
    return f": {reaction}" if "->" in reaction or "→" in reaction else ""


def _steps(record: Record, facts: dict[str, Any]) -> str:
    parts: list[str] = []
    for name, (low, high) in facts["intervals_90"].items():
        if not name.endswith("_temperature"):
            continue
        celsius = record.quantities[name].value - _KELVIN
        doubt = "" if facts["in_domain"][name] else ", outside of the domain"
        parts.append(
            f"{name.removesuffix('_temperature')} at {record.reference(name)} ({celsius:.0f} °C; nine of ten reports lie from {low - _KELVIN:.0f} to "
            f"{high - _KELVIN:.0f} °C{doubt})"
        )
    return f"Predicted: {', '.join(parts)}." if parts else ""


def _near(facts: dict[str, Any]) -> str:
    missing = facts.get("nearest_published_missing")
    if missing:
        return f"Nearest published reactions: {str(missing).rstrip('.')}."
    near = [
        f"{one['formula']} from {' + '.join(one['precursors'])} (doi:{one['doi']})"
        for one in facts["nearest_published"][:_PUBLISHED]
    ]
    return f"Nearest published: {'; '.join(near)}." if near else ""
