"""Wishes that a formula alone answers: why a model predicts what it predicts, whether a formula is likely stable, how it would be made.

They are read before the literature's questions, which begin with the same words: "why" and "how" of a prediction, or of one's own synthesis, are
asked of the models here; what others did and why things are as they are is asked of papers.
"""

from __future__ import annotations

import re

from matsmith.agents.conversation.calculation_wishes import name_of, without_structure_type
from matsmith.agents.conversation.intents import Intent, Kind, Situation
from matsmith.agents.conversation.materials import Mention, without
from matsmith.agents.conversation.wanted import wanted_in

_REASON = re.compile(
    r"^why\b|\b(?:explain|explanation|reasons?|how come|what (?:makes|moves|drives|lies behind|raises|lowers)|go(?:es)? by|based on|rests? on)\b",
    re.IGNORECASE,
)
_PREDICTION = re.compile(r"\b(?:predict\w*|the models?(?:'s?)?(?! of\b)|estimate[sd]?)(?!\w)", re.IGNORECASE)
_INSTEAD = re.compile(
    r"\b(?:which|what)\s+(?:other\s+)?(?:elements?|substitutions?|replacements?|exchange)\b.{0,80}\b(?:lower|raise|increase|decrease|reduce|widen|narrow|change|"
    r"improve|larger|smaller|higher)|\bwith what in (?:the )?place of\b",
    re.IGNORECASE,
)
_LOWER = re.compile(r"\b(?:lower\w*|reduc\w+|decreas\w+|narrow\w*|smaller|softer)\b", re.IGNORECASE)
_HIGHER = re.compile(
    r"\b(?:higher|rais\w+|increas\w+|widen\w*|wider|larger|bigger|stiffer|improv\w+)\b", re.IGNORECASE
)
_ODDS = r"(?:likel(?:y|ihood)|probab(?:ly|le|ility)|plausib(?:ly|le)|chances?|odds)"
_STABLE = r"(?:stable|stability|on (?:the|a) (?:convex )?hull)"
_LIKELY = re.compile(
    rf"\b{_ODDS}\b.{{0,60}}\b{_STABLE}\b|\b{_STABLE}\b.{{0,40}}\b(?:from|by|judging by|given) (?:its|the|this) (?:formula|composition)\b|"
    rf"\bpredict\w*\b.{{0,30}}\b{_STABLE}\b",
    re.IGNORECASE,
)
_FORMULA_ALONE = re.compile(r"\b(?:formula|composition)\b", re.IGNORECASE)
_PERSON = r"(?:i|we|you|one)"
# Something that is made, and not made stiffer: nothing follows, or from what, by which way, in what.
_ENDS = r"(?=\s*(?:[?.!]|$|by\b|from\b|via\b|using\b|with\b|in\b|at\b|out of\b))"
_MAKING = re.compile(
    rf"\bhow (?:do|can|could|should|would|might|shall) {_PERSON} (?:best |possibly )?(?:synthesi[sz]e\b|(?:prepare|produce|obtain|make)\b{_ENDS})|"
    r"\b(?:what|which) (?:\w+ ){0,2}(?:precursors?|starting materials?|reagents?)\b|\b(?:precursors?|starting materials?) (?:for|of|to)\b|"
    r"\b(?:synthesis|preparation|synthetic) (?:route|recipe|conditions?|plan|procedure)s?\b(?=\s*(?:for|of|to|[?.!]|$))|\brecipes? (?:for|to make)\b|"
    r"\b(?:suggest|propose|plan|give|predict) (?:me )?(?:a |the )?(?:way to (?:make|prepare|synthesi[sz]e)|synthesis)\b|"
    rf"\bsynthesi[sz]able\b|\b(?:can|could)\b.{{0,60}}\bbe (?:synthesi[sz]ed\b|(?:made|prepared|produced)\b{_ENDS})",
    re.IGNORECASE,
)
_HEATING = re.compile(
    rf"\b(?:how|at (?:what|which) temperature|how hot|what temperature|which temperature)\b.{{0,40}}?\b{_PERSON} (calcine|sinter)\b|\b(calcin\w+|sinter)\s+temperature\b",
    re.IGNORECASE,
)
_ROUTES = (
    (re.compile(r"\bsol[- ]?gel\b", re.IGNORECASE), "sol-gel"),
    (re.compile(r"\bsolid[- ]state (?:reaction|synthesis|route|method)|\bceramic (?:method|route)\b", re.IGNORECASE), "solid state"),
)  # fmt: skip
# What others found is the literature's, and a bound makes an objective.
_REPORTED = re.compile(
    r"\b(?:reported|papers?|literature|published|has anyone|how (?:is|are|was|were) \S+ (?:usually )?(?:made|synthesi[sz]ed|prepared))\b",
    re.IGNORECASE,
)
_STABILITY = ("energy_above_hull", "formation_energy")


def predicted(bare: str, plain: str, situation: Situation, named: list[Mention]) -> list[Intent]:
    """What a formula alone answers; nothing where no material is named or the sentence asks for something else."""
    del situation
    subjects = [one for one in named if one.kind != "pronoun"] or named
    if not subjects or _REPORTED.search(bare):
        return []
    rest = without(without_structure_type(plain), [one for one in named if one.kind != "pronoun"])
    for read in (_explained, _likely, _made):
        found = read(rest, plain, subjects)
        if found:
            return found
    return []


def _intents(what: str, subjects: list[Mention], arguments: dict[str, object]) -> list[Intent]:
    about = tuple(name_of(one) for one in subjects)
    return [Intent(kind=Kind.CALCULATE, what=what, about=about, arguments=arguments)]


def _explained(rest: str, plain: str, subjects: list[Mention]) -> list[Intent]:
    """Why does the model predict this gap, and which element in the place of another would change it?"""
    from matsmith.models.predictors.targets import PREDICTED

    instead = _INSTEAD.search(plain)
    if not instead and not (_REASON.search(rest) and _PREDICTION.search(rest)):
        return []
    names = [name for kind, name in wanted_in(rest) if kind == "property"]
    name = next((one for one in names if one in PREDICTED), "")
    if not name:
        stability = any(one in _STABILITY for one in names) or re.search(_STABLE, rest, re.IGNORECASE)
        return _intents("tool:formula_stability", subjects, {}) if stability and not instead else []
    arguments: dict[str, object] = {"property": name}
    if instead:
        lower, higher = _LOWER.search(rest), _HIGHER.search(rest)
        arguments["towards"] = "lower" if lower else "higher" if higher else "either"
        # In "which element in place of Ti would lower the gap of BaTiO3" the element is no subject.
        subjects = [one for one in subjects if not _is_element(one)] or subjects
    return _intents("tool:explain_prediction", subjects, arguments)


def _is_element(one: Mention) -> bool:
    from matsmith.core.elements import is_element

    return one.kind == "formula" and is_element(one.name)


def _likely(rest: str, plain: str, subjects: list[Mention]) -> list[Intent]:
    """Is it likely stable? Of a structure that is given, its energy says more than its formula."""
    del plain
    given = any(one.kind in ("label", "file", "candidate", "pronoun") for one in subjects)
    if not _LIKELY.search(rest) or (given and not _FORMULA_ALONE.search(rest)):
        return []
    others = [name for kind, name in wanted_in(rest) if kind == "tool" or name not in _STABILITY]
    return [] if others else _intents("tool:formula_stability", subjects, {})


def _made(rest: str, plain: str, subjects: list[Mention]) -> list[Intent]:
    """How would I make it, from what, how hot?"""
    route = next((name for pattern, name in _ROUTES if pattern.search(plain)), None)
    arguments: dict[str, object] = {} if route is None else {"route": route}
    heating = _HEATING.search(rest)
    if heating:
        step = "sintering" if (heating[1] or heating[2]).lower().startswith("sinter") else "calcination"
        return _intents(f"property:{step}_temperature", subjects, arguments)
    return _intents("tool:synthesis", subjects, arguments) if _MAKING.search(rest) else []
