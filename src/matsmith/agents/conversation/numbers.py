"""No number without a record: what a model writes is checked word by word as it streams, and references are filled in.

A number may stand in a model's text as a reference (`{r:9f3c.bulk_modulus}`), or when a record of this thread holds the same value in the same
unit to the digits that are written, or when the person or a quoted source wrote it. Any other is left out and a mark stands in its place.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from matsmith.agents.conversation.crystal_numbers import numbers_of
from matsmith.agents.conversation.number_units import (
    half_of_last_digit,
    number_of,
    numbers_in,
    texts_in,
    unit_after,
    unit_letters,
)
from matsmith.agents.report.wording import value_text
from matsmith.core.quantity import Quantity
from matsmith.core.record import Record
from matsmith.core.references import bare_numbers, references

GAP = "[no record]"
NO_SUCH = "[no such number]"
_MASK = "\ufffc"
_NUMBER = re.compile(r"\d+(?:[.,]\d+)*(?:[eE][-+]?\d+)?")
_MARKS = re.compile(r"\[\d{1,3}(?:\s*,\s*\d{1,3})*\]")
_OPENING = re.compile(r"\{\s*r\s*:")
_NUMBER_WORDS = (
    "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve", "thirteen", "fourteen",
    "fifteen", "sixteen", "seventeen", "eighteen", "nineteen", "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety",
    "half", "hundred", "thousand", "million",
)  # fmt: skip
_TRIGGER = re.compile(
    rf"[\d{{²³¹¼½¾\u2070-\u209c\u2150-\u218b\u2460-\u249b]|\b(?:{'|'.join(_NUMBER_WORDS)})\b", re.IGNORECASE
)
_SENTENCE_END = re.compile(r"(?<=[.!?;:])\s+|\n")
_LONGEST_HELD = 600
_MOST_FACTS = 400


@dataclass(frozen=True, kw_only=True)
class Known:
    """A number that may be written: its value, its unit as letters, and the record it stands in ("" when a person or a source wrote it).

    `source` is the person's file that it was read from, "" for any other.
    """

    value: float
    unit: str
    record: str = ""
    source: str = ""


def nothing_found(prefix: str) -> Record | None:
    """Answer no record."""
    del prefix
    return None


@dataclass
class KnownNumbers:
    """The numbers of a thread. `find` answers the beginning of a record's id with the record, or None."""

    find: Callable[[str], Record | None] = field(default=nothing_found)
    _known: list[Known] = field(default_factory=list[Known])
    _records: dict[str, Record] = field(default_factory=dict[str, Record])
    _marks: set[str] = field(default_factory=set[str])
    _sources: set[str] = field(default_factory=set[str])

    def is_new_source(self, key: str) -> bool:
        """Whether a file has not been read for its numbers before; it counts as read from now on."""
        new = key not in self._sources
        self._sources.add(key)
        return new

    def add_values(self, values: Iterable[tuple[float, str]], *, source: str) -> None:
        """Take in numbers with their units as letters that stand in a file of the person."""
        self._known += [Known(value=value, unit=unit, source=source) for value, unit in values]

    def add_record(self, record: Record) -> None:
        """Take in what a record holds; a failed one holds no number."""
        if record.id in self._records:
            return
        self._records[record.id] = record
        for quantity in record.quantities.values():
            unit = unit_letters(quantity.unit)
            self._known += [
                Known(value=quantity.value, unit=unit, record=record.id),
                Known(value=quantity.sigma, unit=unit, record=record.id),
            ]
            self.add_text(str(quantity.truth), record=record.id)
        if record.outcome.failure is None:
            for said in (*texts_in(record.outcome.facts), *record.outcome.warnings):
                self.add_text(said, record=record.id)
            facts = list(numbers_in(record.outcome.facts))[:_MOST_FACTS]
            self._known += [Known(value=value, unit=unit, record=record.id) for value, unit in facts]
            if record.outcome.crystal is not None:
                cell = numbers_of(record.outcome.crystal)
                self._known += [Known(value=value, unit=unit, record=record.id) for value, unit in cell]

    def add_text(self, text: str, *, source: str = "", record: str = "") -> None:
        """Take in the numbers that a person, a quoted source, a file of the person's or a record's own words wrote. A text that is the mark of a source, `[1]`, is a name and no number."""
        if _MARKS.fullmatch(text):
            self._marks.update(re.findall(r"\d+", text))
            return
        for match in _NUMBER.finditer(text):
            value = number_of(match[0])
            if value is not None:
                unit = unit_after(text, match.end())
                self._known.append(Known(value=value, unit=unit, source=source, record=record))

    def quantity(self, prefix: str, name: str) -> tuple[Record, Quantity] | None:
        """The quantity that a reference names, with its record; None when no single record answers."""
        fitting = [record for identifier, record in self._records.items() if identifier.startswith(prefix)]
        record = fitting[0] if len(fitting) == 1 else None if fitting else self.find(prefix)
        quantity = None if record is None else record.quantities.get(name)
        return None if record is None or quantity is None else (record, quantity)

    def names_sources(self, marks: str) -> bool:
        """Whether every mark in brackets, such as `[1, 2]`, is that of a source."""
        return self._marks.issuperset(re.findall(r"\d+", marks))

    def match(self, written: str, *, unit: str, negative: bool = False) -> Known | None:
        """The number that was written, if it is known; those with a record first."""
        value = number_of(written)
        if value is None:
            return None
        tolerance = half_of_last_digit(written, value)
        sought = [-value, value] if negative else [value]
        found = [
            known
            for known in self._known
            if known.unit == unit and any(abs(known.value - each) <= tolerance for each in sought)
        ]
        return min(found, key=lambda known: not known.record) if found else None


@dataclass
class Checked:
    """Text that may be shown.

    `unbacked` lists the numbers and references that were left out, as they were written; `sources` the person's files that others came from.
    """

    text: str = ""
    unbacked: list[str] = field(default_factory=list[str])
    records: list[str] = field(default_factory=list[str])
    sources: list[str] = field(default_factory=list[str])


class NumberFilter:
    """Checks text as it streams: words pass at once, whatever holds a number waits for the end of its sentence."""

    def __init__(self, known: KnownNumbers) -> None:
        self._known = known
        self._line = ""  # what stood before on the same line: "candidate" makes a number behind it a name
        self._pending = ""
        self.checked = Checked()

    def feed(self, text: str) -> str:
        """Take in more text; returns what may be shown now."""
        self._pending += text
        shown = ""
        while True:
            ready = self._ready()
            if not ready:
                return shown
            shown += self._pass(ready)

    def finish(self) -> str:
        """The rest."""
        return self._pass(self._pending) if self._pending else ""

    def _ready(self) -> str:
        """How much of what is pending can be judged."""
        trigger = _TRIGGER.search(self._pending)
        if trigger is None:
            # A word that has only begun may still become one that counts: "thir" and "ty".
            last = re.search(r"\w+$", self._pending)
            begun = last is not None and any(word.startswith(last[0].lower()) for word in _NUMBER_WORDS)
            return self._pending[: last.start()] if last is not None and begun else self._pending
        start = self._pending.rfind(" ", 0, trigger.start()) + 1
        if start > 0:
            return self._pending[:start]
        end = _SENTENCE_END.search(self._pending, trigger.end())
        if end is not None:
            return self._pending[: end.end()]
        if len(self._pending) > _LONGEST_HELD:
            return self._pending[: self._pending.rfind(" ", 0, _LONGEST_HELD) + 1 or _LONGEST_HELD]
        return ""

    def _pass(self, segment: str) -> str:
        before = self._line
        shown = check_segment(segment, known=self._known, before=before, into=self.checked)
        newline = segment.rfind("\n")
        self._line = (segment[newline + 1 :] if newline >= 0 else before + segment)[-300:]
        self._pending = self._pending[len(segment) :]
        self.checked.text += shown
        return shown


def check_text(text: str, *, known: KnownNumbers) -> Checked:
    """Check a whole text."""
    filtered = NumberFilter(known)
    filtered.feed(text)
    filtered.finish()
    return filtered.checked


def check_segment(segment: str, *, known: KnownNumbers, before: str, into: Checked) -> str:
    """Check a part of a text that follows `before` on its line; what was left out and which records speak goes into `into`."""
    if _TRIGGER.search(segment) is None:
        return segment
    named = references(segment)
    masked = segment
    for reference in named:
        masked = masked.replace(str(reference), _MASK * len(str(reference)), 1)
    masked = _MARKS.sub(
        lambda marks: _MASK * len(marks[0]) if known.names_sources(marks[0]) else marks[0], masked
    )
    if _OPENING.search(masked):
        into.unbacked.append(segment.strip()[:80])
        return f"{NO_SUCH} "
    spots = [
        (match.start(), match.end())
        for match in _NUMBER.finditer(masked)
        if _is_bare(before + masked, len(before) + match.start(), len(before) + match.end())
    ]
    hidden = len(bare_numbers(before + masked)) - len(bare_numbers(before)) - len(spots)
    if hidden > 0:
        # Written in other digits or in words: which word it is cannot be told, so the sentence is left out.
        into.unbacked.append(segment.strip()[:80])
        return f"[left out: {GAP[1:-1]} for an amount in this sentence] "
    pieces: list[str] = []
    place = 0
    for start, end in spots:
        pieces += [segment[place:start], _backed(masked, start, end, known=known, into=into)]
        place = end
    pieces.append(segment[place:])
    return _filled("".join(pieces), known=known, into=into)


def _backed(text: str, start: int, end: int, *, known: KnownNumbers, into: Checked) -> str:
    written = text[start:end]
    negative = start > 0 and text[start - 1] in "-−"
    found = known.match(written, unit=unit_after(text, end), negative=negative)
    if found is None:
        into.unbacked.append(written)
        return GAP
    if found.record and found.record not in into.records:
        into.records.append(found.record)
    if found.source and found.source not in into.sources:
        into.sources.append(found.source)
    return written


def _filled(text: str, *, known: KnownNumbers, into: Checked) -> str:
    for reference in dict.fromkeys(references(text)):
        found = known.quantity(reference.record_prefix, reference.quantity)
        if found is None:
            into.unbacked.append(str(reference))
            text = text.replace(str(reference), NO_SUCH)
            continue
        record, quantity = found
        if record.id not in into.records:
            into.records.append(record.id)
        text = text.replace(str(reference), f"{value_text(quantity)} [{record.id[:8]}]")
    return text


def _is_bare(text: str, start: int, end: int) -> bool:
    """Whether the number at this place is bare: without it, fewer are."""
    return len(bare_numbers(text[:start] + _MASK + text[end:])) < len(bare_numbers(text))
