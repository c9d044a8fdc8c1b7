"""The design runs that a thread has started, and how each stands."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

from matsmith.agents.conversation.run_process import RunProcess, attach, go_on, start
from matsmith.agents.runs import LEDGER as RUN_LEDGER
from matsmith.core.ledger import Ledger
from matsmith.core.run import Event, EventKind
from matsmith.core.settings import Settings
from matsmith.core.spec import DesignSpec

_KIND = "design_run"


class RunState(StrEnum):
    """How a run stands."""

    RUNNING = "running"
    WAITING = "waiting"
    FINISHED = "finished"
    STOPPED = "stopped"
    FAILED = "failed"


@dataclass(frozen=True, kw_only=True)
class StartedRun:
    """A run that a thread started."""

    name: str
    folder: str
    objective: str


@dataclass(kw_only=True)
class RunNews:
    """What the events of a run add up to."""

    name: str
    folder: Path
    state: RunState = RunState.RUNNING
    round: int = 0
    stage: str = ""
    done: int = 0
    total: int = 0
    judged: int = 0
    met: int = 0
    best: str = ""
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
                return f"{head} was stopped; nothing that was finished is lost. Say resume to go on."
            case RunState.FAILED:
                return f"{head} failed: {self.error or 'no reason was given'}"
            case _:
                if not self.stage:
                    return f"{head} is starting."
                judged = (
                    f"{self.judged} candidates judged, {self.met} of them meet every target"
                    if self.judged
                    else "none judged yet"
                )
                return (
                    f"{head} is in round {self.round}: {self.stage} {self.done} of {self.total}; {judged}; at most "
                    f"{self.seconds_left:.0f} s left."
                )


class BackgroundRuns:
    """The runs of one thread. `command` starts matsmith."""

    def __init__(self, *, ledger: Ledger, settings: Settings, command: Sequence[str] = ()) -> None:
        self._ledger = ledger
        self._settings = settings
        self._command = tuple(command)
        self._processes: dict[str, RunProcess] = {}

    def all(self) -> list[StartedRun]:
        """Every run that this thread started, the last one last."""
        found: dict[str, StartedRun] = {}
        for entry in self._ledger.entries(_KIND):
            found.pop(entry.key, None)
            found[entry.key] = StartedRun(**json.loads(entry.body))
        return list(found.values())

    def find(self, name: str) -> StartedRun | None:
        """By name, the start of one, or folder; the last one for an empty name."""
        runs = self.all()
        if not name:
            return runs[-1] if runs else None
        exact = [run for run in runs if name in (run.name, run.folder)]
        fitting = exact or [run for run in runs if run.name.startswith(name)]
        return fitting[-1] if len(fitting) == 1 else None

    def start(
        self, spec: DesignSpec, *, reasoner: str, seed: int = 0, approve: Sequence[str] = ()
    ) -> StartedRun:
        """Start a run of this specification. Raises `UsageError` when no process can be started."""
        process = start(
            spec,
            settings=self._settings,
            reasoner=reasoner,
            seed=seed,
            approve=approve,
            command=self._command,
        )
        return self._noted(process, objective=spec.objective)

    def resume(self, folder: Path, *, objective: str, decision: str = "") -> StartedRun:
        """Go on with a run that was stopped or waits. Raises `UsageError` while it is still at work."""
        process = go_on(folder, settings=self._settings, decision=decision, command=self._command)
        return self._noted(process, objective=objective)

    def process(self, run: StartedRun) -> RunProcess:
        """The process of a run; one that an earlier conversation started is found by its folder."""
        return self._processes.get(run.name) or attach(Path(run.folder))

    def stop(self, run: StartedRun) -> RunNews:
        """End a run; it can be resumed."""
        self.process(run).stop()
        return self.news(run)

    def news(self, run: StartedRun) -> RunNews:
        """How a run stands now."""
        process = self.process(run)
        alive = process.alive  # before the events are read: what it told last must not be missed
        news = RunNews(name=run.name, folder=Path(run.folder))
        for event in process.past_events():
            news = _after(news, event)
        if news.state is RunState.FINISHED or alive:
            return news
        complaint = process.complaint
        if news.waiting_for:
            news.state = RunState.WAITING
        elif (news.folder / RUN_LEDGER).is_file() and not complaint:
            news.state = RunState.STOPPED
        else:
            news.state, news.error = RunState.FAILED, complaint or "it ended before it began."
        return news

    def _noted(self, process: RunProcess, *, objective: str) -> StartedRun:
        run = StartedRun(name=process.name, folder=str(process.folder), objective=objective)
        self._processes[run.name] = process
        self._ledger.append(_KIND, run.name, json.dumps(asdict(run)))
        return run


def _after(news: RunNews, event: Event) -> RunNews:
    data: dict[str, Any] = event.data
    if event.kind is EventKind.STARTED:
        # A resumed run begins anew: what it waited for or how it ended before counts no more.
        news = RunNews(name=news.name, folder=news.folder, judged=news.judged, met=news.met, best=news.best)
    news.seconds_left = event.seconds_left
    match event.kind:
        case EventKind.ROUND:
            news.round, news.stage, news.done, news.total = event.round, "generate", 0, 0
        case EventKind.PROGRESS:
            news.round, news.stage = event.round, str(data.get("stage", ""))
            news.done, news.total = int(data.get("done", 0)), int(data.get("total", 0))
        case EventKind.CANDIDATE:
            news.judged += 1
            news.met += bool(data.get("meets"))
        case EventKind.ROUND_FINISHED:
            news.best = str(data.get("best", ""))
        case EventKind.WARNING:
            news.warnings.append(str(data.get("text", ""))[:400])
        case EventKind.WAITING:
            news.waiting_for = str(data.get("point", "a decision"))
        case EventKind.FINISHED:
            news.state, news.sentence = RunState.FINISHED, str(data.get("sentence", ""))
        case _:
            pass
    return news
