"""Comparisons with an element: "stiffer than pure aluminium" asks for more than the same method gives for it in the same run.

Only elements are taken: their crystal is beyond doubt. Other materials ("harder than steel") and multiples ("20 % stiffer than") are set
aside by `refusals`.
"""

from __future__ import annotations

from matsmith.agents.objective.draft import Draft
from matsmith.agents.objective.element_words import ELEMENT_NAMES
from matsmith.agents.objective.properties_in_words import find_mentions
from matsmith.agents.objective.targets import add_target
from matsmith.core.elements import SYMBOLS
from matsmith.core.quantity import Relation

_ADJECTIVES = {
    "stiffer": ("youngs_modulus", Relation.ABOVE),
    "harder": ("hardness", Relation.ABOVE),
    "softer": ("hardness", Relation.BELOW),
    "lighter": ("density", Relation.BELOW),
    "denser": ("density", Relation.ABOVE),
    "heavier": ("density", Relation.ABOVE),
}
_DIRECTIONS = {
    **dict.fromkeys(("higher", "greater", "larger", "bigger"), Relation.ABOVE),
    **dict.fromkeys(("lower", "smaller"), Relation.BELOW),
}
_PURE = frozenset(("pure", "elemental", "metallic", "the", "element", "metal", "bulk", "crystalline"))
# What may follow the element; anything else makes it the beginning of another material ("than iron oxide").
_ENDS = frozenset(("", ",", ";", ".", ")", "!", "?", "at", "and", "but", "with", "without", "that", "which", "itself", "is", "has",
                   "under", "in", "made", "while", "yet", "or"))  # fmt: skip
_MULTIPLES = frozenset(("%", "percent", "times", "twice", "thrice", "half", "fold"))


def read_comparisons(draft: Draft) -> None:
    """Take what is compared with an element, each as a target that refers to it."""
    for index in range(1, len(draft)):
        if draft.low(index) not in ("than", "then") or not draft.open(index):
            continue
        material = _element_after(draft, index + 1)
        asked = _asked_before(draft, index)
        if material is None or asked is None:
            continue
        symbol, end = material
        name, relation, start = asked
        if draft.low(start - 1) in _MULTIPLES:
            continue
        add_target(
            draft, start, end, name=name, relation=relation, value=1.0, reference=symbol,
            note=", both measured by the same method in this run",
        )  # fmt: skip
        if name == "youngs_modulus" and draft.low(start) == "stiffer":
            draft.ask(
                f"{draft.words(start, end)!r} is read as a higher Young's modulus; say bulk or shear modulus if that is meant."
            )


def _element_after(draft: Draft, index: int) -> tuple[str, int] | None:
    """The element named from here on, and where its words end."""
    while draft.low(index) in _PURE and draft.open(index):
        index += 1
    if not draft.open(index) or draft.low(index + 1) not in _ENDS:
        return None
    raw = draft.raw(index)
    symbol = ELEMENT_NAMES.get(draft.low(index)) or (raw if raw in SYMBOLS else None)
    return None if symbol is None else (symbol, index + 1)


def _asked_before(draft: Draft, index: int) -> tuple[str, Relation, int] | None:
    """What is compared by the words that end here: property, relation, and where they start."""
    word = draft.low(index - 1)
    if word in _ADJECTIVES and draft.open(index - 1):
        name, relation = _ADJECTIVES[word]
        return name, relation, index - 1
    mention = next((one for one in find_mentions(draft) if one.end == index and not one.is_adjective), None)
    if mention is None or len(mention.properties) != 1:
        return None
    start = mention.start - 1
    relation = _DIRECTIONS.get(draft.low(start))
    if relation is None or not draft.open(start):
        return None
    return mention.properties[0], relation, start
