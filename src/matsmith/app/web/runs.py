"""Design runs as the page sees them: start, watch, stop, go on, and everything that is known of one."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from matsmith.app.web.events import RunFeed
from matsmith.core.errors import MatsmithError, UsageError

if TYPE_CHECKING:
    from matsmith.agents.conversation.run_process import RunProcess
    from matsmith.agents.runs import RunInfo
    from matsmith.core.record import Record
    from matsmith.core.settings import Settings

MOST_RUNNING = 2


class TooManyRunsError(MatsmithError):
    """As many runs are at work as this machine should bear."""


@dataclass(frozen=True, kw_only=True)
class RunLine:
    """One line of the list of runs."""

    name: str
    objective: str
    state: str
    met: int
    started_at: str


class RunDesk:
    """The runs of this installation. Methods block and are called from threads."""

    def __init__(self, *, settings: Settings) -> None:
        self.settings = settings
        self._processes: dict[str, RunProcess] = {}
        self._feeds: dict[str, RunFeed] = {}
        self._lock = threading.RLock()

    def list(self) -> list[RunLine]:
        """All runs, newest first; those that began a moment ago first of all."""
        from matsmith.agents.runs import list_runs

        found = list_runs(self.settings)
        named = {run.name for run in found}
        young = [run for run in self._processes.values() if run.name not in named]
        lines = [
            RunLine(name=run.name, objective="", state=self._young_state(run), met=0, started_at="")
            for run in reversed(young)
        ]
        for run in found:
            lines.append(
                RunLine(
                    name=run.name,
                    objective=run.objective,
                    state=self._state(run),
                    met=run.met,
                    started_at=run.started_at.isoformat(),
                )
            )
        return lines

    def start(self, body: dict[str, Any]) -> str:
        """Start a run of a specification that `plan` made, edited or not; returns its name.

        Raises `SpecError` for a specification that cannot be used, `ImpossibleObjective` for one that nothing can meet, and
        `TooManyRunsError`.
        """
        from matsmith.agents.conversation.run_process import start
        from matsmith.agents.decisions import Plan
        from matsmith.agents.planner import PlanCheck
        from matsmith.core.errors import ImpossibleObjective

        spec = read_spec(body.get("spec"))
        check = PlanCheck.of(Plan(spec=spec), settings=self.settings)
        if check.refusal is not None:
            raise ImpossibleObjective(check.refusal, hint="Change the objective.")
        with self._lock:
            self._make_room()
            run = start(
                spec,
                settings=self.settings,
                seed=int(body.get("seed") or 0),
                reasoner=self.settings.reasoner,
                approve=tuple(body.get("approve") or ()),
            )
            self._processes[run.name] = run
        return run.name

    def stop(self, name: str) -> str:
        """End a run at work; it can be resumed. Returns one sentence."""
        run = self._process(name)
        if not run.alive:
            raise UsageError(f"The run {name} is not at work here.", hint="Stop it where it was started.")
        run.stop()
        return "The run was stopped; nothing that was finished is lost."

    def resume(self, name: str, *, decision: str = "") -> str:
        """Go on with a run that was stopped, or decide what it waits for."""
        from matsmith.agents.conversation.run_process import go_on

        folder = self.named(name).folder
        with self._lock:
            self._make_room()
            self._processes[name] = go_on(folder, settings=self.settings, decision=decision)
            self._feeds.pop(name, None)
        return name

    def _make_room(self) -> None:
        at_work = sum(run.alive for run in self._processes.values())
        if at_work >= MOST_RUNNING:
            raise TooManyRunsError(
                f"{at_work} runs are at work already.",
                hint="Wait for one to end, or stop one.",
                retryable=True,
            )

    def detail(self, name: str) -> dict[str, Any]:
        """Everything that the page shows of a run; records are fetched one by one."""
        from matsmith.agents.report.collect import collect
        from matsmith.agents.runs import LEDGER
        from matsmith.core.ledger import Ledger

        young = self._without_ledger(name)
        if young is not None:
            return young
        info = self.named(name)
        with Ledger(info.folder / LEDGER, create=False) as ledger:
            report = collect(ledger)
        body = report.model_dump(mode="json", exclude={"records"})
        for candidate in body["candidates"]:
            candidate.pop("crystal", None)
        return {
            **body,
            "name": name,
            "state": self._state(info),
            "report_ready": self._report(info) is not None,
        }

    def record(self, name: str, record_id: str) -> Record:
        """A record of a run. Raises `UsageError` when there is none."""
        from matsmith.agents.runs import LEDGER
        from matsmith.core.ledger import Ledger

        with Ledger(self.named(name).folder / LEDGER, create=False) as ledger:
            record = ledger.find_record(record_id) if 4 <= len(record_id) <= 64 else None
        if record is None:
            raise UsageError(f"The run has no record {record_id!r}.", hint="Reload the page.")
        return record

    def cif(self, name: str, candidate: str) -> str:
        """A candidate's structure: relaxed where it was relaxed, as proposed otherwise."""
        from matsmith.agents.runs import crystal_of

        return crystal_of(self.named(name).folder, candidate).to_cif()

    def report(self, name: str) -> str:
        """The report of a run, a page of its own. Raises `UsageError` before it is written."""
        path = self._report(self.named(name))
        if path is None:
            raise UsageError("The run has no report yet.", hint="It is written when the run ends.")
        return path.read_text(encoding="utf-8")

    def feed(self, name: str) -> RunFeed:
        """What a run tells; the same for everybody who watches it."""
        from matsmith.agents.conversation.run_process import EVENTS
        from matsmith.agents.runs import LEDGER, is_locked

        with self._lock:
            held = self._feeds.get(name)
            if held is None:
                run = self._process(name)
                path = run.folder / EVENTS
                at_work = (lambda: run.alive) if path.is_file() else (lambda: is_locked(run.folder))
                held = RunFeed(
                    path=path if path.is_file() else None, ledger=run.folder / LEDGER, alive=at_work
                )
                self._feeds[name] = held
            return held

    def named(self, name: str) -> RunInfo:
        """A run by its whole name. Raises `UsageError`: nothing that a browser sends becomes a path."""
        from matsmith.agents.runs import list_runs

        for run in list_runs(self.settings):
            if run.name == name:
                return run
        raise UsageError(f"There is no run {name!r}.", hint="The list of runs shows their names.")

    def _process(self, name: str) -> RunProcess:
        """The run of this name with its process, if it has one."""
        from matsmith.agents.conversation.run_process import attach

        held = self._processes.get(name)
        return held if held is not None else attach(self.named(name).folder)

    def _without_ledger(self, name: str) -> dict[str, Any] | None:
        """What can be said of a run that was started a moment ago, or that failed before it began."""
        from matsmith.agents.runs import LEDGER

        run = self._processes.get(name)
        if run is None or (run.folder / LEDGER).is_file():
            return None
        return {"name": name, "state": self._young_state(run), "outcome": run.complaint, "young": True}

    def _young_state(self, run: RunProcess) -> str:
        return "running" if run.alive else "failed"

    def _state(self, info: RunInfo) -> str:
        from matsmith.agents.runs import is_locked

        if info.state != "interrupted":
            return info.state
        held = self._processes.get(info.name)
        if held is not None and held.alive:
            return "running"
        if is_locked(info.folder):
            return "running"
        return "waiting" if _waits(info) else "interrupted"

    def _report(self, info: RunInfo) -> Path | None:
        from matsmith.agents.session import REPORT

        path = info.folder / REPORT
        return path if path.is_file() else None


def read_spec(data: Any) -> Any:
    """A specification from plain data. Raises `SpecError` that names the field at fault."""
    from pydantic import ValidationError

    from matsmith.core.errors import SpecError
    from matsmith.core.spec import DesignSpec

    if not isinstance(data, dict):
        raise SpecError("There is no specification.", hint="Let the objective be understood first.")
    try:
        return DesignSpec.model_validate(data)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise SpecError(
            f"The specification cannot be used: {where}: {first['msg']}.", hint="Correct it."
        ) from error


def _waits(info: RunInfo) -> bool:
    """Whether a run ended to wait for a person's decision."""
    from matsmith.agents.session import waiting

    return waiting(info.folder) is not None
