"""What a design run tells: its events, and how it stands as they add up."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from matsmith.agents.runs import LEDGER
from matsmith.core.ledger import Ledger
from matsmith.core.run import Event, EventKind, Stop


class RunState(StrEnum):
    """How a run stands."""

    RUNNING = "running"
    WAITING = "waiting"
    FINISHED = "finished"
    STOPPED = "stopped"
    FAILED = "failed"


@dataclass(kw_only=True)
class RunNews:
    """What the events of a run add up to."""

    name: str
    state: RunState = RunState.RUNNING
    began: bool = True
    round: int = 0
    stage: str = ""
    done: int = 0
    total: int = 0
    judged: int = 0
    met: int = 0
    seconds_left: float = 0.0
    sentence: str = ""
    waiting_for: str = ""
    warnings: list[str] = field(default_factory=list[str])
    error: str = ""

    def in_words(self) -> str:
        """One sentence or two."""
        head = f"Run {self.name}"
        match self.state:
            case RunState.FINISHED:
                return f"{head} has finished. {self.sentence}"
            case RunState.WAITING:
                return f"{head} waits for you: {self.waiting_for}. Say approve or refuse."
            case RunState.STOPPED:
                if not self.began:
                    return f"{head} was stopped before it had begun. Say start to begin another."
                return f"{head} was stopped; nothing that was finished is lost. Say resume to go on."
            case RunState.FAILED:
                return f"{head} failed: {self.error or 'no reason was given'}"
            case _:
                if not self.stage:
                    return f"{head} is starting."
                number = f"{self.judged} candidate{'' if self.judged == 1 else 's'} judged"
                meeting = f"{self.met or 'none'} of them meet{'s' if self.met <= 1 else ''} every target"
                judged = f"{number}, {meeting}" if self.judged else "none judged yet"
                place = f" {self.done} of {self.total}" if self.total else ""
                return f"{head} is in round {self.round}: {self.stage}{place}; {judged}; at most {self.seconds_left:.0f} s left."

    def after(self, event: Event) -> RunNews:
        """The news once an event has been told."""
        data: dict[str, Any] = event.data
        if event.kind is EventKind.STARTED:
            # A resumed run begins anew: what it waited for or how it ended before counts no more.
            return RunNews(name=self.name, judged=self.judged, met=self.met, seconds_left=event.seconds_left)
        self.seconds_left = event.seconds_left
        match event.kind:
            case EventKind.ROUND:
                self.round, self.stage, self.done, self.total = event.round, "generate", 0, 0
            case EventKind.PROGRESS:
                self.round, self.stage = event.round, str(data.get("stage", ""))
                self.done, self.total = int(data.get("done", 0)), int(data.get("total", 0))
            case EventKind.CANDIDATE:
                self.judged += 1
                self.met += bool(data.get("meets"))
            case EventKind.WARNING:
                self.warnings.append(str(data.get("text", ""))[:400])
            case EventKind.WAITING:
                self.waiting_for = str(data.get("point", "a decision"))
            case EventKind.FINISHED:
                self.state, self.sentence = RunState.FINISHED, str(data.get("sentence", ""))
            case _:
                pass
        return self


def read_event(line: bytes) -> Event | None:
    """An event from a line that a run has written, None for anything else."""
    try:
        return Event.model_validate_json(line) if line.strip() else None
    except ValidationError:
        return None  # half a line, or what a library printed


def events_of_ledger(folder: Path) -> list[Event]:
    """The events that a ledger can still tell: that it began, and how it ended."""
    if not (folder / LEDGER).is_file():
        return []
    events = [Event(kind=EventKind.STARTED, data={"run": folder.name, "folder": str(folder)})]
    with Ledger(folder / LEDGER, create=False) as ledger:
        stop = next((Stop.model_validate_json(entry.body) for entry in ledger.entries("stop")), None)
    if stop is not None:
        data: dict[str, Any] = {
            "reason": stop.reason.value, "sentence": stop.sentence, "met": stop.met, "folder": str(folder), "exit_code": stop.reason.exit_code,
        }  # fmt: skip
        events.append(Event(kind=EventKind.FINISHED, elapsed_s=stop.elapsed_s, data=data))
    return events
