"""Which material a quantity belongs to: lists told apart by "respectively", brackets, prepositions, and what stands nearest."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import pairwise

from matsmith.knowledge.literature.extraction.clauses import clause_bounds
from matsmith.knowledge.literature.extraction.materials import Material
from matsmith.knowledge.literature.extraction.quantities import Measure

_LIST_GAP = re.compile(
    r"(?:,\s?(?:and\s|or\s)?|\s(?:and|or|as well as|to|vs\.?|versus)\s|\s?/\s?|;\s)"
    r"(?:(?:for|in|of|the|also|finally|that|pure|bulk|layered|cubic|hexagonal|tetragonal|orthorhombic|monoclinic|amorphous|p-type|n-type|undoped)\s){0,2}"
)
_AFTER = re.compile(
    r"\s?(?:(?:,\s)?(?:for|in|of|by|with)\s|\()(?:the |both |our |dense |undoped |bare |pristine |thin films? of |single crystals? of |films? of |bulk |samples? of |ceramics? of |case of )*"
)
_BRACKET = re.compile(
    r"(?:\s(?:single crystals?|films?|ceramics?|glass(?:es)?|alloys?))?(?:\s?\(|,\s|:\s|\s=\s)(?:[A-Za-zκσΘθΔαε_0-9]{1,6}\s?[=≈~:]\s?|(?:about|ca\.) )?"
)

_PLURAL = re.compile(r"\s(?:both |all |each )?(?:have|show|are|exhibit|reach|possess|share|were)\b")
_BEFORE_LIST = re.compile(
    r"\b(?:than|unlike|like|on|versus|vs\.?|against|with|by|below that of|above that of|substrates? of|from|than that of|next to|"
    r"containing|contains|between|around|doped with|alloyed with|coated with|modified with)\s(?:the |a |an |pure |metallic |layers of )?$"
)
_BREAK = re.compile(r"[;:]")
_PRONOUN = re.compile(r"\b(?:its|it|their|they)\b", re.IGNORECASE)


def link(
    sentence: str, measures: Sequence[Measure], materials: Sequence[Material], *, fallback: Material | None
) -> list[tuple[Material, ...]]:
    """The materials of each quantity, in order; mostly one, several when they share it (TiC and ZrC have ...).

    `fallback` is what an earlier sentence or the title speaks of; a quantity without any material has none.
    """
    if not materials:
        return [(fallback,) if fallback is not None else ()] * len(measures)
    pairs = _lists(sentence, measures, materials)
    if pairs is not None:
        return [(material,) for material in pairs]
    owners = [_one(sentence, measure, measures, materials) for measure in measures]
    if len(measures) == 1 and owners[0] is not None:
        return [_sharing(sentence, owners[0], measures[0], materials)]
    return [(owner,) if owner is not None else () for owner in owners]


def _sharing(
    sentence: str, owner: Material, measure: Measure, materials: Sequence[Material]
) -> tuple[Material, ...]:
    """The whole list that the owner ends, when a plural verb says one thing of all of it."""
    for run in _runs(sentence, materials):
        ends_here = len(run) > 1 and run[-1] is owner and owner.end <= measure.start
        if (
            ends_here
            and _PLURAL.match(sentence, owner.end)
            and not _BEFORE_LIST.search(sentence[: run[0].start])
        ):
            return tuple(run)
    return (owner,)


def _lists(
    sentence: str, measures: Sequence[Measure], materials: Sequence[Material]
) -> Sequence[Material] | None:
    """A list of as many materials as there are quantities in a list: they go together one by one."""
    if len(measures) < 2:
        return None
    listed = all(
        _LIST_GAP.fullmatch(sentence[first.end : second.start]) for first, second in pairwise(measures)
    )
    if not listed and "respectively" not in sentence:
        return None
    for run in _runs(sentence, materials):
        if len(run) == len(measures):
            return run
    return None


def _runs(sentence: str, materials: Sequence[Material]) -> list[list[Material]]:
    """Unbroken lists of materials, longest first."""
    runs: list[list[Material]] = []
    for material in materials:
        if runs and _LIST_GAP.fullmatch(sentence[runs[-1][-1].end : material.start]):
            runs[-1].append(material)
        else:
            runs.append([material])
    return sorted(runs, key=len, reverse=True)


def _one(
    sentence: str, measure: Measure, measures: Sequence[Measure], materials: Sequence[Material]
) -> Material | None:
    claimed = {
        material.start for other in measures if (material := _right(sentence, other, materials)) is not None
    }
    for material in materials:
        between = sentence[material.end : measure.start] if material.end <= measure.start else None
        if between is None or not _BRACKET.fullmatch(between):
            continue
        if between.strip() != "," or material.start not in claimed:
            return material
    right = _right(sentence, measure, materials)
    if right is not None:
        return right
    return _near(sentence, measure, measures, materials)


def _near(
    sentence: str, measure: Measure, measures: Sequence[Measure], materials: Sequence[Material]
) -> Material | None:
    """The material that stands nearest in the clause, or the one that the clause goes on about."""
    start, end = clause_bounds(sentence, measure.start)
    inside = [material for material in materials if start <= material.start < end]
    before = [material for material in inside if material.end <= measure.start]
    if before:
        return _subject(sentence, before)
    earlier = [material for material in materials if material.end <= start]
    if earlier and _PRONOUN.search(sentence[start : measure.start]):
        return earlier[0]
    taken = {other.start for other in measures if other.start != measure.start}
    after = [material for material in inside if material.start >= measure.end]
    if after and not any(measure.end <= place < after[0].start for place in taken):
        return after[0]
    if earlier:
        return earlier[-1]
    first = materials[0]
    return None if _BREAK.search(sentence[measure.end : first.start]) else first


def _right(sentence: str, measure: Measure, materials: Sequence[Material]) -> Material | None:
    """The material that a preposition or a bracket puts right behind the quantity."""
    for material in materials:
        if material.start >= measure.end and _AFTER.fullmatch(sentence[measure.end : material.start]):
            return material
    return None


def _subject(sentence: str, before: Sequence[Material]) -> Material:
    """The nearest material before the quantity that is no yardstick: not the one after than, like, on, with, versus."""
    runs = _runs(sentence, before)
    for material in reversed(before):
        first = next(run[0] for run in runs if material in run)
        if first is not before[0] and _BEFORE_LIST.search(sentence[: first.start]):
            continue
        return material
    return before[-1]
