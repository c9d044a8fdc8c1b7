"""Design runs as the page sees them: start, watch, stop, go on, and everything that is known of one."""

from __future__ import annotations

import threading
from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic_core import to_json

from matsmith.app.web.events import RunFeed, stamp_of
from matsmith.app.web.room import Room
from matsmith.core.errors import UsageError

if TYPE_CHECKING:
    from matsmith.agents.conversation.run_process import RunProcess
    from matsmith.agents.runs import RunInfo
    from matsmith.core.record import Record
    from matsmith.core.settings import Settings

_MOST_DETAILS_KEPT = 16


@dataclass(frozen=True, kw_only=True)
class RunLine:
    """One line of the list of runs."""

    name: str
    objective: str
    state: str
    met: int
    started_at: str


class RunDesk:
    """The runs of one folder of runs. Methods block and are called from threads."""

    def __init__(self, *, settings: Settings, room: Room | None = None) -> None:
        self.settings = settings
        self._room = room or Room()
        self._processes: dict[str, RunProcess] = {}
        self._feeds: dict[str, RunFeed] = {}
        self._details: OrderedDict[str, tuple[object, bytes]] = OrderedDict()
        self._lock = threading.RLock()
        self._collecting = threading.Lock()

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
        from matsmith.core.errors import ImpossibleObjective, SpecError

        spec = read_spec(body.get("spec"))
        if not spec.targets and not spec.objective.strip():
            raise SpecError(
                "The specification wants nothing.",
                hint="Give an objective or a target; /api/plan makes both.",
            )
        check = PlanCheck.of(Plan(spec=spec), settings=self.settings)
        if check.refusal is not None:
            raise ImpossibleObjective(check.refusal, hint="Change the objective.")
        with self._room.lock:
            self._room.check(self.settings.runs_dir)
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

        info = self.named(name)
        folder, state = info.folder, self._state(info)
        if state == "running":
            raise UsageError(f"The run {name} is at work.", hint="Watch it, or stop it first.")
        if state not in ("interrupted", "waiting"):
            raise UsageError(f"The run {name} has ended ({state}).", hint="Start another one.")
        with self._room.lock:
            self._room.check(self.settings.runs_dir)
            self._processes[name] = go_on(folder, settings=self.settings, decision=decision)
            self._feeds.pop(name, None)
        return name

    def detail(self, name: str) -> bytes:
        """Everything that the page shows of a run, as JSON; records are fetched one by one.

        Collected once for each change of the run, however many look on: all of them ask when a candidate has been judged.
        """
        from matsmith.agents.runs import LEDGER

        young = self._without_ledger(name)
        if young is not None:
            return to_json(young)
        info = self.named(name)
        ready = self._report(info) is not None
        with self._collecting:
            # The stamp before the reading: what is written meanwhile is collected the next time.
            key = (stamp_of(info.folder / LEDGER), self._state(info), ready)
            held = self._details.get(name)
            if held is None or held[0] != key:
                body = {**_collected(info.folder), "name": name, "state": key[1], "report_ready": ready}
                held = self._details[name] = (key, to_json(body, inf_nan_mode="null"))
            self._details.move_to_end(name)
            while len(self._details) > _MOST_DETAILS_KEPT:
                self._details.popitem(last=False)
            return held[1]

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
            if held is not None and (held.watched or not held.begun):
                return held
            run = self._process(name)
            path: Path | None = run.folder / EVENTS
            alive = lambda: run.alive  # noqa: E731
            if not run.alive and (not (run.folder / EVENTS).is_file() or is_locked(run.folder)):
                # Somebody's own command works on it and tells nothing into its folder.
                path, alive = None, lambda: is_locked(run.folder)
            self._feeds = {other: feed for other, feed in self._feeds.items() if feed.watched}
            feed = self._feeds[name] = RunFeed(path=path, ledger=run.folder / LEDGER, alive=alive)
            return feed

    def named(self, name: str) -> RunInfo:
        """A run by its whole name. Raises `UsageError`: a name is looked for among those that there are, it never becomes a path."""
        from matsmith.agents.runs import LEDGER, describe, list_runs

        folder = self.settings.runs_dir
        inside = (
            next((path for path in folder.iterdir() if path.name == name), None) if folder.is_dir() else None
        )
        if inside is not None and (inside / LEDGER).is_file():
            return describe(inside.resolve())
        for run in list_runs(self.settings):
            if run.name == name:
                return run
        raise UsageError(f"There is no run {name!r}.", hint="The list of runs shows their names.")

    def _process(self, name: str) -> RunProcess:
        """The run of this name with its process, if it has one."""
        from matsmith.agents.conversation.run_process import attach
        from matsmith.agents.runs import LEDGER

        held = self._processes.get(name)
        if held is not None and (held.alive or not (held.folder / LEDGER).is_file()):
            return held
        # Not the one that this server started: a conversation, or another server, may have gone on with it.
        return attach(self.named(name).folder)

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


def _collected(folder: Path) -> dict[str, Any]:
    from matsmith.agents.report.collect import collect
    from matsmith.agents.runs import LEDGER
    from matsmith.core.ledger import Ledger

    with Ledger(folder / LEDGER, create=False) as ledger:
        report = collect(ledger)
    body = report.model_dump(mode="json", exclude={"records"})
    for candidate in body["candidates"]:
        candidate.pop("crystal", None)
    return body


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
