"""What the events of a run add up to, kept apart from how it is drawn."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, cast

from matsmith.core.properties import PROPERTIES
from matsmith.core.run import Event, EventKind


@dataclass(frozen=True, kw_only=True)
class Found:
    """A candidate that was judged; `values` holds title, text and answer of each property."""

    id: str
    formula: str
    novelty: str
    meets: bool
    values: tuple[tuple[str, str, str], ...]

    @property
    def rank(self) -> tuple[bool, int, int]:
        """Higher is better: meets all, then how many are met, then how few are missed."""
        answers = [answer for _, _, answer in self.values]
        return self.meets, answers.count("met"), -answers.count("not met")

    @classmethod
    def of(cls, data: Mapping[str, Any]) -> Found:
        """Read a `candidate` event."""
        texts = cast("dict[str, Any]", data.get("values") or {})
        answers = cast("dict[str, Any]", data.get("answers") or {})
        values = tuple(
            (
                PROPERTIES[name].title if name in PROPERTIES else name,
                str(texts.get(name, "")),
                str(answers.get(name, "")),
            )
            for name in dict.fromkeys([*texts, *answers])
        )
        return cls(
            id=str(data.get("id", "")),
            formula=str(data.get("formula", "")),
            novelty=str(data.get("novelty", "")),
            meets=bool(data.get("meets")),
            values=values,
        )


@dataclass
class RunView:
    """The state of a run as its events tell it."""

    run: str = ""
    folder: str = ""
    round: int | None = None
    stage: str = ""
    done: int = 0
    total: int = 0
    wanted: int = 0
    accept_known: bool = False
    quotes: int = 0
    warnings: list[str] = field(default_factory=list[str])
    last: Found | None = None
    best: Found | None = None
    finished: bool = False
    _candidates: dict[str, Found] = field(default_factory=dict[str, Found])
    _elapsed_s: float = 0.0
    _left_s: float = 0.0
    _heard_at: float = field(default_factory=time.monotonic)

    @property
    def judged(self) -> int:
        """Candidates told of."""
        return len(self._candidates)

    @property
    def found(self) -> int:
        """Candidates that meet every hard target and are no known materials."""
        return sum(found.meets and found.novelty != "known" for found in self._candidates.values())

    @property
    def found_known(self) -> int:
        """Known materials that meet every hard target."""
        return sum(found.meets and found.novelty == "known" for found in self._candidates.values())

    def elapsed_s(self, now: float) -> float:
        """Wall time of the run; the clock goes on between events."""
        return self._elapsed_s + (now - self._heard_at)

    def seconds_left(self, now: float) -> float:
        """Wall time left."""
        return max(0.0, self._left_s - (now - self._heard_at))

    def expect(self, spec: Mapping[str, Any]) -> None:
        """Take in what the specification wants."""
        self.wanted = int(spec.get("candidates", 0))
        self.accept_known = bool(spec.get("accept_known", False))

    def update(self, event: Event) -> None:
        """Take an event in."""
        data = event.data
        self._heard_at, self._elapsed_s, self._left_s = time.monotonic(), event.elapsed_s, event.seconds_left
        match event.kind:
            case EventKind.STARTED:
                self.run, self.folder = str(data.get("run", "")), str(data.get("folder", ""))
            case EventKind.PLANNED:
                self.expect(cast("dict[str, Any]", data.get("spec") or {}))
            case EventKind.EVIDENCE:
                self.quotes = _count(data)
            case EventKind.ROUND:
                self.round, self.stage, self.done, self.total = event.round, "generate", 0, 0
            case EventKind.PROGRESS:
                self.round = event.round
                self.stage = str(data.get("stage", ""))
                self.done, self.total = int(data.get("done", 0)), int(data.get("total", 0))
            case EventKind.CANDIDATE:
                self._take(Found.of(data))
            case EventKind.WARNING:
                self.warnings.append(str(data.get("text", "")))
            case EventKind.FINISHED:
                self.finished = True
            case EventKind.ROUND_FINISHED | EventKind.WAITING:
                pass

    def _take(self, found: Found) -> None:
        self.last = self._candidates[found.id] = found
        if self.best is None or found.id == self.best.id:
            self.best = max(self._candidates.values(), key=lambda each: each.rank)
        elif found.rank > self.best.rank:
            self.best = found


def _count(data: Mapping[str, Any]) -> int:
    quotes = data.get("quotes", data.get("evidence"))
    return len(cast("list[Any]", quotes)) if isinstance(quotes, list) else 0
