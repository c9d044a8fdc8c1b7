"""The draft that the rules fill in: which words are used, what they were made of, and what was refused."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from matsmith.agents.decisions import Understanding
from matsmith.agents.objective.tokens import Token, tokenize, uniform
from matsmith.core.spec import Target

Payload = TypeVar("Payload")

_BREAKS = frozenset({",", ";", ".", ":", "(", ")", "!", "?", "but", "while", "yet"})


@dataclass(kw_only=True)
class Draft:
    """An objective on its way to a plan. Spans are half-open ranges of token indices."""

    original: str
    text: str
    tokens: list[Token]
    used: list[bool]
    refused: list[bool]
    reserved: list[bool]
    understood: dict[int, Understanding] = field(default_factory=dict[int, Understanding])
    questions: list[str] = field(default_factory=list[str])
    targets: list[tuple[int, Target]] = field(default_factory=list[tuple[int, Target]])
    soft: list[tuple[int, int]] = field(default_factory=list[tuple[int, int]])
    required: list[str] = field(default_factory=list[str])
    any_of: list[list[str]] = field(default_factory=list[list[str]])
    excluded: list[str] = field(default_factory=list[str])
    allowed: list[str] = field(default_factory=list[str])
    formula: str | None = None
    elements_range: tuple[int, int] | None = None
    flags: set[str] = field(default_factory=set[str])
    prototype: str | None = None
    motif: str | None = None
    space_groups: list[int] = field(default_factory=list[int])
    atoms_range: tuple[int | None, int | None] = (None, None)
    temperature_k: float | None = None
    pressure_gpa: float | None = None
    atmosphere: str | None = None
    oxygen_bar: tuple[float, float] | None = None
    atmosphere_end: int = -1
    candidates: int | None = None

    @classmethod
    def of(cls, objective: str) -> Draft:
        """Start a draft of an objective; runs of white space become one space."""
        objective = " ".join(objective.split())
        text = uniform(objective)
        tokens = tokenize(text)
        count = len(tokens)
        return cls(
            original=objective,
            text=text,
            tokens=tokens,
            used=[False] * count,
            refused=[False] * count,
            reserved=[False] * count,
        )

    def __len__(self) -> int:
        return len(self.tokens)

    def low(self, index: int) -> str:
        """Lower-case text of a token; empty outside the text."""
        return self.tokens[index].low if 0 <= index < len(self.tokens) else ""

    def raw(self, index: int) -> str:
        """Text of a token as written; empty outside the text."""
        return self.tokens[index].text if 0 <= index < len(self.tokens) else ""

    def free(self, start: int, end: int | None = None) -> bool:
        """Whether no rule has taken a token, or any of a span."""
        stop = start + 1 if end is None else end
        return 0 <= start < stop <= len(self.tokens) and not any(self.used[start:stop])

    def open(self, index: int) -> bool:
        """Whether a token is neither taken nor part of a number with a comparison or a unit."""
        return self.free(index) and not self.reserved[index]

    def words(self, start: int, end: int) -> str:
        """The text of a span as it was written."""
        return self.original[self.tokens[start].start : self.tokens[end - 1].end]

    def use(self, start: int, end: int, meaning: str) -> None:
        """Take a span and say what it means."""
        for index in range(start, end):
            self.used[index] = True
        self.understood[start] = Understanding(words=self.words(start, end), meaning=meaning)

    def refuse(self, start: int, end: int) -> None:
        """Take a span that no rule may read, to be shown as not understood."""
        for index in range(start, end):
            self.used[index] = True
            self.refused[index] = True

    def ask(self, question: str) -> None:
        """Add an ambiguity with the default taken."""
        if question not in self.questions:
            self.questions.append(question)

    def clause_end(self, start: int, *, also: Iterable[str] = ()) -> int:
        """Index of the first break at or after `start`: punctuation, "but", or one of `also`."""
        stops = _BREAKS | set(also)
        for index in range(start, len(self.tokens)):
            if self.low(index) in stops:
                return index
        return len(self.tokens)

    def clause_start(self, end: int) -> int:
        """Index after the last break before `end`."""
        for index in range(end - 1, -1, -1):
            if self.low(index) in _BREAKS:
                return index + 1
        return 0

    def phrase(self, index: int, words: Sequence[str]) -> int | None:
        """End of the phrase that starts at `index`, or None; a hyphen may stand between words, the last may be plural."""
        position = index
        for place, word in enumerate(words):
            if place and self.low(position) == "-":
                position += 1
            given = self.low(position)
            last = place == len(words) - 1
            if given != word and not (last and given in _plurals(word)):
                return None
            if self.used[position]:
                return None
            position += 1
        return position


def _plurals(word: str) -> tuple[str, ...]:
    return (f"{word}s", f"{word}es", f"{word[:-1]}ies") if word.endswith(("y", "s")) else (f"{word}s",)


@dataclass(frozen=True)
class Phrases(Generic[Payload]):
    """Phrases by their first word, longest first, each with what it stands for."""

    by_first: dict[str, list[tuple[tuple[str, ...], Payload]]]

    def at(self, draft: Draft, index: int) -> tuple[Payload, int] | None:
        """What stands at a token, and where it ends; None when no phrase fits."""
        for words, payload in self.by_first.get(draft.low(index), ()):
            end = draft.phrase(index, words)
            if end is not None:
                return payload, end
        return None


def index_phrases(phrases: Mapping[str, Payload]) -> Phrases[Payload]:
    """Index phrases written with single spaces, in lower case."""
    by_first: dict[str, list[tuple[tuple[str, ...], Payload]]] = {}
    for text, payload in phrases.items():
        words = tuple(text.replace("-", " ").split())
        for first in {words[0], *(_plurals(words[0]) if len(words) == 1 else ())}:
            by_first.setdefault(first, []).append((words, payload))
    for entries in by_first.values():
        entries.sort(key=lambda entry: -len(entry[0]))
    return Phrases(by_first)
