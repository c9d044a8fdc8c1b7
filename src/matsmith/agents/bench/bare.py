"""Numbers without a record: what an arm wrote, read again by code that the arm does not run."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from typing import cast

from matsmith.agents.bench.attempt import Attempt
from matsmith.agents.bench.reading import Reading
from matsmith.core.references import bare_numbers

_REPEATED_DIGITS = 1e-9


_RECORD_MARK = re.compile(r"\[[0-9a-f]{6,16}\]")
_NUMBER = re.compile(r"\d+(?:[.,]\d+)*(?:[eE][-+]?\d+)?")
# One digit alone is no rounding: 3 stands for 3 and not for anything from 2.5 to 3.5.
_ROUNDED_DIGITS = 2


def numbers_without_record(attempt: Attempt, *, reading: Reading, prompt: str) -> list[str]:
    """Numbers that reached the reader and that no record of the attempt, no quote of it and no word of the task holds.

    A number counts as backed when a quantity, its sigma or a fact of a record rounds to it in the digits that are written. What code
    itself tells beside the answer is not looked at: no model has a hand in it.
    """
    texts = [_RECORD_MARK.sub(" ", attempt.said), *reading.written]
    found = [number for text in texts for number in bare_numbers(text)]
    read = {
        number
        for text in (prompt, *(quote.text for quote in attempt.quotes))
        for number in _NUMBER.findall(text)
    }
    known = list(_known(reading))
    return [
        number
        for number in dict.fromkeys(found)
        if number.lstrip("+-") not in read and not _backed(number, known)
    ]


def _known(reading: Reading) -> Iterator[float]:
    for record in reading.records.values():
        for quantity in record.quantities.values():
            yield quantity.value
            yield quantity.sigma
        if record.outcome.failure is None:
            yield from _numbers_in(record.outcome.facts)
        else:
            # What a tool says of its failure, such as the distance of two atoms, may be repeated.
            yield from _numbers_in(record.outcome.failure.message)
        if record.outcome.crystal is not None:
            yield float(len(record.outcome.crystal.species))
            yield record.outcome.crystal.volume_angstrom3


def _numbers_in(value: object) -> Iterator[float]:
    if isinstance(value, bool):
        return
    if isinstance(value, int | float):
        yield float(value)
    elif isinstance(value, str):
        yield from map(_float, _NUMBER.findall(value))
    elif isinstance(value, dict):
        for inner in cast("dict[str, object]", value).values():
            yield from _numbers_in(inner)
    elif isinstance(value, list):
        for inner in cast("list[object]", value):
            yield from _numbers_in(inner)


def _backed(number: str, known: list[float]) -> bool:
    value = abs(_float(number))
    if not math.isfinite(value):
        return False
    mantissa, _, exponent = number.lower().partition("e")
    decimals = len(mantissa.partition(".")[2])
    half = 0.5 * 10.0 ** (int(exponent or 0) - decimals)
    rounded = len(re.sub(r"\D", "", mantissa).lstrip("0")) >= _ROUNDED_DIGITS
    allowed = half * (1 + _REPEATED_DIGITS) if rounded else _REPEATED_DIGITS
    return any(abs(abs(one) - value) <= allowed for one in known)


def _float(text: str) -> float:
    try:
        return float(text.replace(",", ""))
    except ValueError:
        return math.nan
