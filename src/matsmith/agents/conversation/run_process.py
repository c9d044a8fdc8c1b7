"""Design runs as processes of their own: each tells its events into its folder, outlives whoever started it, and can be stopped and gone on with.

    run = start("a stable oxide with a bulk modulus above 150 GPa", settings=load_settings(), budget_s=600)
    for event in run.events():
        ...
    run.wait()

Handles may be used from several threads, and several runs go on at once. `StartedRuns` remembers those that one ledger's owner has started.
"""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from matsmith.agents.conversation.process_numbers import (
    is_ours,
    pid_of,
    send_signal,
    was_stopped,
    write_process,
)
from matsmith.agents.conversation.run_news import RunNews, RunState, events_of_ledger, read_event
from matsmith.agents.runs import LEDGER
from matsmith.core.errors import UsageError
from matsmith.core.ledger import Ledger
from matsmith.core.run import Event, EventKind
from matsmith.core.settings import Settings
from matsmith.core.spec import DesignSpec

_KIND = "design_run"
EVENTS, ERRORS = "events.jsonl", "errors.txt"
_FROM_SETTINGS = {
    "MATSMITH_DATA": "data_dir", "MATSMITH_CACHE_DIR": "cache_dir", "MATSMITH_STATE_DIR": "state_dir", "MATSMITH_RUNS_DIR": "runs_dir",
    "MATSMITH_LIBRARY": "library_dir", "MATSMITH_DEVICE": "device", "MATSMITH_THREADS": "threads", "MATSMITH_POTENTIAL": "potential",
    "MATSMITH_EMBEDDING_MODEL": "embedding_model", "MATSMITH_MODEL": "model",
}  # fmt: skip


@dataclass(eq=False)
class RunProcess:
    """A run in its folder, with the process that works on it, if one does."""

    folder: Path
    pid: int = 0
    objective: str = ""
    _process: subprocess.Popen[bytes] | None = None
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def name(self) -> str:
        """The folder's name."""
        return self.folder.name

    @property
    def alive(self) -> bool:
        """Whether the process is at work."""
        if self._process is not None:
            with self._lock:
                return self._process.poll() is None
        return self.pid > 0 and is_ours(self.pid, self.folder)

    @property
    def exit_code(self) -> int | None:
        """The exit status of a process that this program started and that has ended; else what the run's last event says, or None."""
        if self._process is not None:
            with self._lock:
                return self._process.poll()
        last = self.past_events()
        code = last[-1].data.get("exit_code") if last and last[-1].kind is EventKind.FINISHED else None
        return code if isinstance(code, int) else None

    @property
    def complaint(self) -> str:
        """What the process said when it failed; "" when it did not, or was only interrupted."""
        try:
            lines = (self.folder / ERRORS).read_text(encoding="utf-8", errors="replace").splitlines()
        except OSError:
            return ""
        said = next((line for line in reversed(lines) if line.startswith("matsmith: ")), "").removeprefix(
            "matsmith: "
        )
        return "" if said.startswith(("Interrupted", "Stopped")) else said[:600]

    def news(self) -> RunNews:
        """How the run stands now."""
        alive = self.alive  # before the events are read: what it told last must not be missed
        news = RunNews(name=self.name)
        for event in self.past_events():
            news = news.after(event)
        if news.state is RunState.FINISHED or alive:
            return news
        complaint = self.complaint
        if news.waiting_for:
            news.state = RunState.WAITING
        elif not complaint and ((self.folder / LEDGER).is_file() or was_stopped(self.folder)):
            news.state, news.began = RunState.STOPPED, (self.folder / LEDGER).is_file()
        else:
            news.state, news.error = RunState.FAILED, complaint or "it ended before it began."
        return news

    def past_events(self) -> list[Event]:
        """What the run has told so far; for one that was started elsewhere, what its ledger says."""
        path = self.folder / EVENTS
        if not path.is_file():
            return events_of_ledger(self.folder)
        return [event for line in path.read_bytes().split(b"\n") if (event := read_event(line)) is not None]

    def events(self, *, pause_s: float = 0.1) -> Iterator[Event]:
        """Every event from the first on, as it comes, until the process has ended."""
        path = self.folder / EVENTS
        if not path.is_file() and not self.alive:
            yield from events_of_ledger(self.folder)
            return
        place, rest = 0, b""
        while True:
            alive = self.alive
            if path.is_file():
                with path.open("rb") as file:
                    file.seek(place)
                    fresh = file.read()
                place += len(fresh)
                *lines, rest = (rest + fresh).split(b"\n")
                yield from (event for line in lines if (event := read_event(line)) is not None)
            if not alive:
                return
            time.sleep(pause_s)

    def stop(self, *, patience_s: float = 2.0) -> bool:
        """End the process: asked first, killed after `patience_s`. Either way nothing finished is lost. Returns whether it was killed."""
        if not self.alive:
            return False
        write_process(self.folder, pid=self.pid, stopped=True)
        send_signal(self.pid, signal.SIGTERM)
        until = time.monotonic() + patience_s
        while self.alive:
            if time.monotonic() >= until:
                send_signal(self.pid, signal.SIGKILL, group=True)
                self.wait(timeout_s=5.0)
                return True
            time.sleep(0.05)
        return False

    def wait(self, *, timeout_s: float | None = None) -> int | None:
        """Wait until the process has ended. Returns its exit status; None when it is not known, or the time passed first."""
        until = None if timeout_s is None else time.monotonic() + timeout_s
        while self.alive:
            if until is not None and time.monotonic() >= until:
                return None
            time.sleep(0.05)
        return self.exit_code


def start(
    wish: str | DesignSpec,
    *,
    settings: Settings,
    folder: Path | None = None,
    budget_s: float | None = None,
    candidates: int | None = None,
    seed: int = 0,
    new_only: bool | None = None,
    reasoner: str | None = None,
    approve: Sequence[str] = (),
    command: Sequence[str] = (),
) -> RunProcess:
    """Start a run of an objective or a specification; nobody is asked but at the points of `approve`.

    `command` starts matsmith when it is not this Python's. Raises `UsageError` when no folder or process can be made.
    """
    objective = wish if isinstance(wish, str) else wish.objective
    folder = (folder or _free_folder(objective, settings=settings)).resolve()
    if (folder / LEDGER).exists():
        raise UsageError(f"{folder} holds a run already.", hint="Resume it, or choose another folder.")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        words = ["design"]
        if isinstance(wish, str):
            words.append(wish)
        else:
            plan = folder / "wanted.json"
            plan.write_text(wish.model_dump_json(indent=2), encoding="utf-8")
            words += ["--spec", str(plan)]
    except OSError as error:
        raise UsageError(
            f"The folder {folder} cannot be written: {error.strerror}.", hint="Choose another."
        ) from error
    words += ["--yes", "--json", "--out", str(folder), "--seed", str(seed)]
    words += ["--reasoner", reasoner] if reasoner else []
    words += ["--budget", f"{budget_s:g}s"] if budget_s is not None else []
    words += ["--candidates", str(candidates)] if candidates is not None else []
    words += ["--new-only"] if new_only else []
    words += ["--approve", ",".join(approve)] if approve else []
    return _launch(words, folder=folder, settings=settings, command=command, objective=objective)


def go_on(
    folder: Path,
    *,
    settings: Settings,
    decision: str = "",
    spec: Path | None = None,
    command: Sequence[str] = (),
) -> RunProcess:
    """Go on with a run that was stopped or waits; `decision` is `approve` or `refuse`. Raises `UsageError` while it is at work."""
    folder = folder.resolve()
    if not (folder / LEDGER).is_file():
        raise UsageError(f"{folder} holds no run.", hint="`matsmith runs` lists them.")
    if attach(folder).alive:
        raise UsageError(f"Run {folder.name} is at work.", hint="Watch it, or stop it first.")
    words = ["resume", str(folder), "--json"]
    words += [f"--{decision}"] if decision else []
    words += ["--spec", str(spec)] if spec else []
    return _launch(words, folder=folder, settings=settings, command=command)


def attach(folder: Path, *, objective: str = "") -> RunProcess:
    """The run in a folder, whoever started it and whether or not it is still at work."""
    folder = folder.resolve()
    return RunProcess(folder=folder, pid=pid_of(folder), objective=objective)


class StartedRuns:
    """The design runs that were started from one place and are remembered in its ledger. `command` starts matsmith."""

    def __init__(self, *, ledger: Ledger, settings: Settings, command: Sequence[str] = ()) -> None:
        self._ledger = ledger
        self._settings = settings
        self._command = tuple(command)
        self._held: dict[str, RunProcess] = {}

    def all(self) -> list[RunProcess]:
        """Every run, the last one last; one that an earlier sitting started is found by its folder."""
        found: dict[str, RunProcess] = {}
        for entry in self._ledger.entries(_KIND):
            noted = json.loads(entry.body)
            found.pop(entry.key, None)
            found[entry.key] = self._held.get(entry.key) or attach(
                Path(noted["folder"]), objective=noted["objective"]
            )
        return list(found.values())

    def find(self, name: str) -> RunProcess | None:
        """By name, the start of one, or folder; the last one for an empty name."""
        runs = self.all()
        if not name:
            return runs[-1] if runs else None
        exact = [run for run in runs if name in (run.name, str(run.folder))]
        fitting = exact or [run for run in runs if run.name.startswith(name)]
        return fitting[-1] if len(fitting) == 1 else None

    def start(
        self, spec: DesignSpec, *, reasoner: str, seed: int = 0, approve: Sequence[str] = ()
    ) -> RunProcess:
        """Start a run of this specification. Raises `UsageError` when no process can be started."""
        settings, command = self._settings, self._command
        return self._noted(
            start(spec, settings=settings, reasoner=reasoner, seed=seed, approve=approve, command=command)
        )

    def resume(self, folder: Path, *, decision: str = "") -> RunProcess:
        """Go on with a run that was stopped or waits. Raises `UsageError` while it is still at work."""
        known = self.find(folder.name)
        run = go_on(folder, settings=self._settings, decision=decision, command=self._command)
        run.objective = known.objective if known else ""
        return self._noted(run)

    def _noted(self, run: RunProcess) -> RunProcess:
        self._held[run.name] = run
        noted = {"name": run.name, "folder": str(run.folder), "objective": run.objective}
        self._ledger.append(_KIND, run.name, json.dumps(noted))
        return run


def _free_folder(objective: str, *, settings: Settings) -> Path:
    words = re.sub(r"[^a-z0-9]+", "-", objective.lower()).strip("-")[:40].strip("-") or "run"
    name = f"{datetime.now(UTC):%Y%m%d-%H%M%S}-{words}"
    folder, count = settings.runs_dir / name, 1
    while folder.exists():
        count += 1
        folder = settings.runs_dir / f"{name}-{count}"
    return folder


def _launch(
    words: list[str], *, folder: Path, settings: Settings, command: Sequence[str], objective: str = ""
) -> RunProcess:
    given = {name: getattr(settings, attribute) for name, attribute in _FROM_SETTINGS.items()}
    environment = os.environ | {name: str(value) for name, value in given.items() if value not in (None, "")}
    try:
        with (folder / EVENTS).open("ab") as out, (folder / ERRORS).open("wb") as errors:
            # A session of its own: Ctrl-C is meant for whoever watches, not for the run.
            process = subprocess.Popen(
                [*(command or (sys.executable, "-m", "matsmith")), *words],
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=errors,
                env=environment,
                start_new_session=True,
            )
        write_process(folder, pid=process.pid)
    except OSError as error:
        raise UsageError(
            f"No run can be started: {error.strerror}.", hint="Check the disk and the number of processes."
        ) from error
    return RunProcess(folder=folder, pid=process.pid, objective=objective, _process=process)
