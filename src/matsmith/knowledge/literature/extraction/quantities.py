"""Quantities in a sentence: values, ranges and bounds with their units, and lists that share one unit."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Literal

from matsmith.knowledge.literature.extraction.numbers import Number, find_numbers
from matsmith.knowledge.literature.extraction.units import unit_at

Relation = Literal["equal", "above", "below", "range"]


@dataclass(frozen=True, kw_only=True)
class Measure:
    """A quantity as written: `low` and `high` in `unit` ("" when none is written); equal for a single value.

    A bound has its value in both; `relation` says which side is open. `sigma` is the printed uncertainty (0 when none),
    `rounding` half a unit of the last digit. `start` and `end` are offsets of number and unit in the text.
    """

    low: float
    high: float
    unit: str
    relation: Relation
    sigma: float
    rounding: float
    start: int
    end: int
    approximate: bool = False


_DASH = re.compile(r"\s?[–—-]\s?")
_TO = re.compile(r",?\s?(?:to|up to|through)\s?")
_AND = re.compile(r"\s(?:and)\s")
_BETWEEN = re.compile(
    r"\b(?:between|betwixt|within|in the range(?: of| from)?|range of|ranging from|ranges? between|var(?:y|ies|ied) between)\s(?:about |ca\.? |~)?$",
    re.IGNORECASE,
)
_LIST = re.compile(r"(?:,\s?(?:and\s|or\s)?|\s(?:and|or)\s|\s?/\s?|;\s)")
_ABOVE = re.compile(
    r"(?:[>≥≳]\s?|\b(?:above|over|exceed(?:s|ed|ing)?|beyond|(?:larger|greater|higher|more|wider|better|bigger) than|"
    r"at least|no less than|not less than|in excess of|upwards of|surpass(?:es|ed|ing)?|a minimum of)\s(?:about\s|ca\.?\s|~)?)$",
    re.IGNORECASE,
)
_BELOW = re.compile(
    r"(?:[<≤≲]\s?|\b(?:below|under|(?:less|smaller|lower|narrower) than|at most|no more than|not more than|up to|"
    r"a maximum of|(?:(?:does|do|did) not|never) exceed(?:s|ed)?|as much as)\s(?:about\s|ca\.?\s|~)?)$",
    re.IGNORECASE,
)
_ABOUT = re.compile(
    r"(?:[~≈∼]\s?|\b(?:about|around|approximately|roughly|nearly|ca\.|circa|some|close to)\s)$", re.IGNORECASE
)
_LOOK_BACK = 40


def find_measures(text: str) -> list[Measure]:
    """The quantities of a text in order. Numbers of a list take the unit that ends it; ranges and bounds are one quantity.

    >>> [(m.low, m.high, m.unit, m.relation) for m in find_measures("3.4, 6.2 and 0.7 eV; 2.0 to 2.2 eV; >5 GPa")]
    [(3.4, 3.4, 'eV', 'equal'), (6.2, 6.2, 'eV', 'equal'), (0.7, 0.7, 'eV', 'equal'), (2.0, 2.2, 'eV', 'range'), (5.0, 5.0, 'GPa', 'above')]
    """
    single = [measure for number in find_numbers(text) if (measure := _single(text, number)) is not None]
    joined: list[Measure] = []
    index = 0
    while index < len(single):
        first = single[index]
        second = single[index + 1] if index + 1 < len(single) else None
        if second is not None and _is_range(text, first, second):
            joined.append(_range(first, second))
            index += 2
            continue
        joined.append(_bounded(text, first))
        index += 1
    return _share_units(text, joined)


def _single(text: str, number: Number) -> Measure | None:
    found = unit_at(text, number.end)
    unit, end = found if found else ("", number.end)
    following = text[end : end + 2]
    # A number that runs on into a word is part of a name (3Y-TZP, 7075-T6), not a quantity.
    if not found and (
        following[:1].isalpha()
        or (following[:1] in "-−–" and following[1:2].isalpha())
        or following[:1] == "_"
    ):
        return None
    return Measure(
        low=number.value,
        high=number.value,
        unit=unit,
        relation="equal",
        sigma=number.sigma,
        rounding=number.rounding,
        start=number.start,
        end=end,
    )


def _is_range(text: str, first: Measure, second: Measure) -> bool:
    between = text[first.end : second.start]
    if first.unit and second.unit != first.unit:
        return False
    if abs(second.low) < abs(first.low):
        return False
    if _DASH.fullmatch(between) or _TO.fullmatch(between):
        return True
    before = text[max(0, first.start - _LOOK_BACK) : first.start]
    return bool(_AND.fullmatch(between) and _BETWEEN.search(before))


def _range(first: Measure, second: Measure) -> Measure:
    return Measure(
        low=first.low,
        high=second.high,
        unit=second.unit,
        relation="range",
        sigma=0.0,
        rounding=max(first.rounding, second.rounding),
        start=first.start,
        end=second.end,
    )


def _bounded(text: str, measure: Measure) -> Measure:
    before = text[max(0, measure.start - _LOOK_BACK) : measure.start]
    if _BELOW.search(before):
        return replace(measure, relation="below")
    if _ABOVE.search(before):
        return replace(measure, relation="above")
    if _ABOUT.search(before):
        return replace(measure, approximate=True)
    return measure


def _share_units(text: str, measures: list[Measure]) -> list[Measure]:
    """Give the numbers of a list (3.4, 6.2 and 0.7 eV) the unit of its last."""
    shared = list(measures)
    for index in range(len(shared) - 2, -1, -1):
        this, following = shared[index], shared[index + 1]
        if this.unit or not following.unit or "percent" in following.unit:
            continue
        if _LIST.fullmatch(text[this.end : following.start]):
            shared[index] = replace(this, unit=following.unit)
    return shared
