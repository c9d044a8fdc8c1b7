"""Numbers in an objective: written in digits or words, with a unit, a comparison or a range."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from matsmith.agents.objective.draft import Draft, index_phrases
from matsmith.agents.objective.tokens import read_digits, uniform
from matsmith.agents.objective.unit_words import Unit, unit_at
from matsmith.agents.objective.vocabulary import (
    AFTER_NUMBER,
    BEFORE_COMPARISON,
    COMPARISONS,
    NEGATIONS,
    NUMBER_WORDS,
    OPPOSITE,
    RANGE_STARTS,
    SCALES,
)
from matsmith.agents.objective.word_sets import words
from matsmith.core.quantity import Relation

_COMPARISONS = index_phrases(COMPARISONS)
_AFTER = index_phrases(AFTER_NUMBER)
_RANGES = index_phrases(dict.fromkeys(RANGE_STARTS, True))
_POWER = re.compile(r"\s*[x*]\s*10\s*(?:\^|\*\*)?\s*\(?([+-]?\d{1,3})\)?(?![\w.])", re.IGNORECASE)
_TEN_POWER = re.compile(r"(?:\^|\*\*)\(?([+-]?\d{1,3})\)?(?![\w.])")
_SUPERSCRIPTS = re.compile("[⁻⁺]?[⁰¹²³⁴⁵⁶⁷⁸⁹]+")
_CURRENCY = {"$": "USD", "usd": "USD", "€": "EUR", "eur": "EUR", "us$": "USD"}
_PER_MASS = re.compile(
    r" ?(?:/|per|a) ?(kg|kilo(?:gram)?s?|t|ton(?:ne)?s?|g|grams?)(?![A-Za-z0-9])", re.IGNORECASE
)
_LARGEST = 1e100
_LINKS = words(
    """
    of a an the value be is are than to at about around roughly approximately
    """
)
_TO = frozenset({"to", "and", "-", "..", "...", "through", "until", "till", "up"})


@dataclass(frozen=True, kw_only=True)
class Bound:
    """A number with what surrounds it; `relation` is None for a bare value with a unit. Values are as written."""

    start: int
    end: int
    relation: Relation | None
    value: float
    upper: float | None = None
    unit: Unit | None = None
    upper_unit: Unit | None = None
    strict: bool = False
    by_words: str = ""

    @property
    def last_unit(self) -> Unit | None:
        """The unit of the upper end, which a lower end without a unit shares."""
        return self.upper_unit or self.unit


def number_at(draft: Draft, index: int) -> tuple[float, int] | None:
    """The number that starts at a token, in digits or words, and where it ends."""
    sign = 1.0
    if (
        draft.raw(index) in "+-±"
        and draft.raw(index)
        and index + 1 < len(draft)
        and draft.tokens[index + 1].is_number
    ):
        if draft.raw(index) == "±" or draft.tokens[index].end != draft.tokens[index + 1].start:
            return None
        sign, index = (-1.0 if draft.raw(index) == "-" else 1.0), index + 1
    if not draft.free(index):
        return None
    token = draft.tokens[index]
    if not token.is_number:
        return _number_in_words(draft, index)
    value, end = read_digits(token.text), token.end
    if value == 10 and (match := _SUPERSCRIPTS.match(draft.original, end)):
        value, end = float(f"1e{uniform(match[0])}"), match.end()
    elif match := _TEN_POWER.match(draft.text, end) if value == 10 else None:
        value, end = float(f"1e{match[1]}"), match.end()
    elif match := _POWER.match(draft.text, end):
        value, end = value * float(f"1e{match[1]}"), match.end()
    position = index + 1
    while position < len(draft) and draft.tokens[position].start < end:
        position += 1
    if abs(value) > _LARGEST:
        return None
    scale = SCALES.get(draft.low(position))
    return (sign * value * scale, position + 1) if scale else (sign * value, position)


def _number_in_words(draft: Draft, index: int) -> tuple[float, int] | None:
    total, current, position, seen = 0.0, 0.0, index, False
    while draft.free(position):
        word = draft.low(position)
        if word in NUMBER_WORDS and (not seen or current % 10 == 0):
            current, seen = current + NUMBER_WORDS[word], True
        elif word in SCALES and (seen or draft.low(position - 1) == "a"):
            scale, seen = SCALES[word], True
            if scale == 100:
                current = (current or 1.0) * scale
            else:
                total, current = total + (current or 1.0) * scale, 0.0
        elif not (seen and word in ("and", "-") and draft.low(position - 1) in (*SCALES, *NUMBER_WORDS)
                  and draft.low(position + 1) in NUMBER_WORDS
                  and (draft.low(position - 1) in SCALES or word == "-")):  # fmt: skip
            break
        position += 1
    if seen and [draft.low(position + at) for at in range(3)] == ["and", "a", "half"]:
        current, position = current + 0.5, position + 3
    return (total + current, position) if seen else None


def measure_at(draft: Draft, index: int) -> tuple[float, Unit | None, int] | None:
    """A number with its unit, if it has one, and where both end. A currency sign may stand before the number."""
    currency = _CURRENCY.get(draft.low(index))
    found = number_at(draft, index + 1 if currency else index)
    if found is None:
        return None
    value, end = found
    text_end = draft.tokens[end - 1].end
    unit: Unit | None = None
    if currency:
        per = _PER_MASS.match(draft.text, text_end)
        if per:
            mass = per[1].lower()
            name = "t" if mass.startswith("t") else "g" if mass.startswith("g") else "kg"
            unit, text_end = Unit(f"{currency}/{name}", "price"), per.end()
    elif with_unit := unit_at(draft.text, text_end):
        unit, text_end = with_unit
    while end < len(draft) and draft.tokens[end].start < text_end:
        end += 1
    return value, unit, end


def find_bounds(draft: Draft) -> list[Bound]:
    """Find every number that has a comparison, a range or a unit, from left to right, and reserve its words."""
    bounds: list[Bound] = []
    index = 0
    while index < len(draft):
        bound = _bound_at(draft, index) if draft.free(index) else None
        if bound is None:
            index += 1
            continue
        joined = _join(draft, bounds[-1], bound) if bounds else None
        if joined:
            bounds[-1] = bound = joined
        else:
            bounds.append(bound)
        for place in range(bound.start, bound.end):
            draft.reserved[place] = True
        index = bound.end
    return bounds


def _bound_at(draft: Draft, index: int) -> Bound | None:
    in_range = _RANGES.at(draft, index)
    if in_range:
        found = _range_at(draft, index, in_range[1], marked=True)
        if found:
            return found
    compared = _comparison_at(draft, index)
    if compared:
        relation, strict, after = compared
        position = after
        while draft.low(position) in _LINKS:
            position += 1
        ranged = _range_at(draft, index, position, marked=False)
        if ranged and relation is Relation.AROUND:
            return ranged
        measured = measure_at(draft, position)
        if measured:
            value, unit, end = measured
            words = draft.words(index, after).lower()
            return Bound(
                start=index, end=end, relation=relation, value=value, unit=unit, strict=strict, by_words=words
            )
        return None
    plain = _range_at(draft, index, index, marked=False)
    if plain:
        return plain
    measured = measure_at(draft, index)
    if measured is None:
        return None
    value, unit, end = measured
    if draft.low(end) == "±":
        spread = measure_at(draft, end + 1)
        if spread and spread[0] > 0 and (unit or spread[1]):
            width, spread_unit, end = spread
            return Bound(
                start=index, end=end, relation=Relation.BETWEEN, value=value - width, upper=value + width,
                unit=unit or spread_unit,
            )  # fmt: skip
    after_number = _AFTER.at(draft, end)
    if after_number and (unit or draft.low(after_number[1]) in ("atom", "atoms", "element", "elements")
                         or draft.low(end) in ("or", "+")):  # fmt: skip
        (relation, strict), after = after_number
        if unit is None and (late := unit_at(draft.text, draft.tokens[after - 1].end)):
            unit, text_end = late
            while after < len(draft) and draft.tokens[after].start < text_end:
                after += 1
        return Bound(start=index, end=after, relation=relation, value=value, unit=unit, strict=strict)
    return Bound(start=index, end=end, relation=None, value=value, unit=unit) if unit else None


def relation_after(draft: Draft, index: int) -> tuple[Relation, int] | None:
    """The relation that words such as "or more" after a value give it, and where they end."""
    found = _AFTER.at(draft, index)
    return (found[0][0], found[1]) if found else None


def _comparison_at(draft: Draft, index: int) -> tuple[Relation, bool, int] | None:
    found = _COMPARISONS.at(draft, index)
    if found:
        (relation, strict), end = found
        return relation, strict, end
    if draft.low(index) not in NEGATIONS:
        return None
    position = index + 1
    while draft.low(position) in BEFORE_COMPARISON:
        position += 1
    found = _COMPARISONS.at(draft, position)
    if found is None or found[0][0] not in OPPOSITE:
        return None
    (relation, strict), end = found
    return OPPOSITE[relation], not strict, end


def _range_at(draft: Draft, start: int, index: int, *, marked: bool) -> Bound | None:
    """A range `A to B`; without a word such as "between" it needs a unit, or "to" between digits."""
    first = measure_at(draft, index)
    if first is None:
        return None
    low, low_unit, position = first
    joint = draft.low(position)
    if joint not in _TO or (joint == "and" and not marked):
        return None
    position += 1
    if joint == "up" and draft.low(position) == "to":
        position += 1
    second = measure_at(draft, position)
    if second is None:
        return None
    high, high_unit, end = second
    if not marked and low_unit is None and high_unit is None and joint != "to" and joint != "-":
        return None
    if low_unit is not None and high_unit is None:
        high_unit = low_unit if marked else None
        if high_unit is None:
            return None
    return Bound(
        start=start,
        end=end,
        relation=Relation.BETWEEN,
        value=low,
        upper=high,
        unit=low_unit or high_unit,
        upper_unit=high_unit,
    )


def _join(draft: Draft, first: Bound, second: Bound) -> Bound | None:
    """Join "above 1 eV" and "below 2 eV" to one range when only "and", "but" or a comma stands between."""
    between = [draft.low(place) for place in range(first.end, second.start)]
    if len(between) > 2 or any(word not in ("and", "but", ",", "yet") for word in between):
        return None
    sides = {first.relation, second.relation}
    if sides != {Relation.ABOVE, Relation.BELOW}:
        return None
    if first.unit and second.unit and first.unit.dimension != second.unit.dimension:
        return None
    low, high = (first, second) if first.relation is Relation.ABOVE else (second, first)
    if (low.unit or high.unit) == (high.unit or low.unit) and low.value >= high.value:
        return None
    return replace(
        first, end=second.end, relation=Relation.BETWEEN, value=low.value, upper=high.value,
        unit=low.unit or high.unit, upper_unit=high.unit or low.unit, strict=False,
    )  # fmt: skip
