"""A design run as a process of its own: it tells its events into its folder, outlives whoever started it, and can be stopped and gone on with.

    run = start("a stable oxide with a bulk modulus above 150 GPa", settings=load_settings(), budget_s=600)
    for event in run.events():
        ...
    run.wait()

Nothing here knows of a conversation. Handles may be used from several threads, and several runs go on at once.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from matsmith.agents.runs import LEDGER
from matsmith.core.errors import UsageError
from matsmith.core.ledger import Ledger
from matsmith.core.run import Event, EventKind, Stop
from matsmith.core.settings import Settings
from matsmith.core.spec import DesignSpec

EVENTS, ERRORS, PROCESS = "events.jsonl", "errors.txt", "process.json"
_FROM_SETTINGS = {
    "MATSMITH_DATA": "data_dir", "MATSMITH_CACHE_DIR": "cache_dir", "MATSMITH_STATE_DIR": "state_dir", "MATSMITH_RUNS_DIR": "runs_dir",
    "MATSMITH_LIBRARY": "library_dir", "MATSMITH_DEVICE": "device", "MATSMITH_THREADS": "threads", "MATSMITH_POTENTIAL": "potential",
    "MATSMITH_EMBEDDING_MODEL": "embedding_model", "MATSMITH_MODEL": "model",
}  # fmt: skip


@dataclass
class RunProcess:
    """A run in its folder, with the process that works on it, if one does."""

    folder: Path
    pid: int = 0
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
        return self.pid > 0 and _is_ours(self.pid, self.folder)

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

    def past_events(self) -> list[Event]:
        """What the run has told so far; for one that was started elsewhere, what its ledger says."""
        path = self.folder / EVENTS
        if not path.is_file():
            return _from_ledger(self.folder)
        return [event for line in path.read_bytes().split(b"\n") if (event := _event(line)) is not None]

    def events(self, *, pause_s: float = 0.1) -> Iterator[Event]:
        """Every event from the first on, as it comes, until the process has ended."""
        path = self.folder / EVENTS
        if not path.is_file() and not self.alive:
            yield from _from_ledger(self.folder)
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
                yield from (event for line in lines if (event := _event(line)) is not None)
            if not alive:
                return
            time.sleep(pause_s)

    def stop(self, *, patience_s: float = 2.0) -> bool:
        """End the process: asked first, killed after `patience_s`. Either way nothing finished is lost. Returns whether it was killed."""
        if not self.alive:
            return False
        _signal(self.pid, signal.SIGTERM)
        until = time.monotonic() + patience_s
        while self.alive:
            if time.monotonic() >= until:
                _signal(self.pid, signal.SIGKILL, group=True)
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
    return _launch(words, folder=folder, settings=settings, command=command)


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
    words = [
        "resume",
        str(folder),
        "--json",
        *([f"--{decision}"] if decision else []),
        *(["--spec", str(spec)] if spec else []),
    ]
    return _launch(words, folder=folder, settings=settings, command=command)


def attach(folder: Path) -> RunProcess:
    """The run in a folder, whoever started it and whether or not it is still at work."""
    folder = folder.resolve()
    try:
        noted = json.loads((folder / PROCESS).read_text(encoding="utf-8"))
        pid = int(noted["pid"])
    except (OSError, ValueError, KeyError, TypeError):
        pid = 0
    return RunProcess(folder=folder, pid=pid)


def _free_folder(objective: str, *, settings: Settings) -> Path:
    words = re.sub(r"[^a-z0-9]+", "-", objective.lower()).strip("-")[:40].strip("-") or "run"
    name = f"{datetime.now(UTC):%Y%m%d-%H%M%S}-{words}"
    folder, count = settings.runs_dir / name, 1
    while folder.exists():
        count += 1
        folder = settings.runs_dir / f"{name}-{count}"
    return folder


def _launch(words: list[str], *, folder: Path, settings: Settings, command: Sequence[str]) -> RunProcess:
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
        (folder / PROCESS).write_text(json.dumps({"pid": process.pid}), encoding="utf-8")
    except OSError as error:
        raise UsageError(
            f"No run can be started: {error.strerror}.", hint="Check the disk and the number of processes."
        ) from error
    return RunProcess(folder=folder, pid=process.pid, _process=process)


def _signal(pid: int, number: int, *, group: bool = False) -> None:
    try:
        if group:
            os.killpg(pid, number)
        else:
            os.kill(pid, number)
    except ProcessLookupError:
        return  # it ended in this moment
    except PermissionError as error:
        raise UsageError(
            f"The process {pid} cannot be stopped from here.", hint="Another user has started it."
        ) from error


def _event(line: bytes) -> Event | None:
    try:
        return Event.model_validate_json(line) if line.strip() else None
    except ValidationError:
        return None  # half a line, or what a library printed


def _from_ledger(folder: Path) -> list[Event]:
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


def _is_ours(pid: int, folder: Path) -> bool:
    """Whether the process of that number works on this run: numbers are used again."""
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, PermissionError):
        return False
    try:
        words = Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace")
    except OSError:
        program = shutil.which("ps")
        if program is None:
            return False
        words = subprocess.run(
            [program, "-o", "command=", "-p", str(pid)], capture_output=True, text=True, check=False
        ).stdout
    return str(folder) in words
