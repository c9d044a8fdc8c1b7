"""Runs on disk: a folder each, found by name or path, locked while one process works on it."""

from __future__ import annotations

import contextlib
import os
import re
import time
from collections.abc import Generator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from matsmith.agents.approvals import open_pause
from matsmith.core.candidate import Candidate
from matsmith.core.crystal import Crystal
from matsmith.core.errors import LedgerError, MatsmithError, UsageError
from matsmith.core.ledger import Ledger
from matsmith.core.run import Judgement, RunHeader, Stop
from matsmith.core.settings import Settings

LEDGER = "ledger.sqlite"
CHECKPOINT = "checkpoint.sqlite"
_INDEX = "runs.txt"


@dataclass(frozen=True, kw_only=True)
class RunInfo:
    """One line of `matsmith runs`. `state` is a stop reason, 'waiting' (for a person), or 'interrupted'; the last two can be resumed."""

    name: str
    folder: Path
    objective: str
    started_at: datetime
    state: str
    met: int


def new_folder(objective: str, *, settings: Settings, out: Path | None, now: datetime) -> Path:
    """Make the folder of a new run. Raises `UsageError` when it cannot be written or holds a run already."""
    if out is None:
        words = re.sub(r"[^a-z0-9]+", "-", objective.lower()).strip("-")[:40].strip("-") or "run"
        out = settings.runs_dir / f"{now:%Y%m%d-%H%M%S}-{words}"
    if (out / LEDGER).exists():
        raise UsageError(
            f"{out} holds a run already.",
            hint=f"`matsmith resume {out}` goes on with it, or choose another --out.",
        )
    try:
        out.mkdir(parents=True, exist_ok=True)
        probe = out / ".writable"
        probe.write_text("", encoding="utf-8")
        probe.unlink()
    except OSError as error:
        raise UsageError(
            f"The folder {out} cannot be written: {error.strerror}.", hint="Choose another with --out."
        ) from error
    return out.resolve()


def remember(folder: Path, *, settings: Settings) -> None:
    """Note a run that lies outside of the usual place, so that `matsmith runs` finds it."""
    with contextlib.suppress(OSError):  # the list is a convenience: a run without it is found by its path
        settings.state_dir.mkdir(parents=True, exist_ok=True)
        with (settings.state_dir / _INDEX).open("a", encoding="utf-8") as index:
            index.write(f"{folder}\n")


def _folders(settings: Settings) -> list[Path]:
    found: dict[Path, None] = {}
    if settings.runs_dir.is_dir():
        found.update((path.parent.resolve(), None) for path in settings.runs_dir.glob(f"*/{LEDGER}"))
    index = settings.state_dir / _INDEX
    if index.is_file():
        for line in index.read_text(encoding="utf-8").splitlines():
            if line and (Path(line) / LEDGER).is_file():
                found[Path(line)] = None
    return list(found)


def describe(folder: Path) -> RunInfo:
    """What a run's ledger says of it in short."""
    with Ledger(folder / LEDGER, create=False) as ledger:
        header = next((RunHeader.model_validate_json(entry.body) for entry in ledger.entries("run")), None)
        if header is None:
            raise LedgerError(
                f"{folder} holds a ledger without a run.", hint="It was cut off before it began: start again."
            )
        stop = next((Stop.model_validate_json(entry.body) for entry in ledger.entries("stop")), None)
        unfinished = "interrupted" if open_pause(ledger) is None else "waiting"
    return RunInfo(
        name=folder.name,
        folder=folder,
        objective=header.objective,
        started_at=header.started_at,
        state=stop.reason.value if stop else unfinished,
        met=len(stop.met) if stop else 0,
    )


def list_runs(settings: Settings) -> list[RunInfo]:
    """All runs that can be read, newest first."""
    runs: list[RunInfo] = []
    for folder in _folders(settings):
        with contextlib.suppress(
            MatsmithError
        ):  # one damaged run must not hide the others; `verify` names its fault
            runs.append(describe(folder))
    return sorted(runs, key=lambda run: run.started_at, reverse=True)


def find_run(name: str, *, settings: Settings) -> Path:
    """Folder of a run by path, name, or the start of a name. Raises `UsageError` when none or several fit."""
    path = Path(name)
    if (path / LEDGER).is_file():
        return path.resolve()
    if path.name == LEDGER and path.is_file():
        return path.parent.resolve()
    fitting = [folder for folder in _folders(settings) if folder.name == name] or [
        folder for folder in _folders(settings) if folder.name.startswith(name)
    ]
    if len(fitting) == 1:
        return fitting[0]
    if fitting:
        raise UsageError(
            f"Several runs begin with {name!r}.",
            hint=f"Give more of the name: {', '.join(f.name for f in fitting[:4])}.",
        )
    raise UsageError(f"There is no run {name!r}.", hint="`matsmith runs` lists them; a path works too.")


def crystal_of(folder: Path, candidate: str) -> Crystal:
    """A candidate's structure: relaxed where it was relaxed, as proposed otherwise. Raises `UsageError` when the run has none such."""
    with Ledger(folder / LEDGER, create=False) as ledger:
        body = ledger.latest("candidate", candidate)
        if body is None:
            raise UsageError(
                f"The run has no candidate {candidate!r}.", hint="The list of its candidates shows their ids."
            )
        judged = ledger.latest("judgement", candidate)
        relaxed = Judgement.model_validate_json(judged).relaxed if judged else ""
        record = ledger.record(relaxed) if relaxed else None
        if record is not None and record.outcome.crystal is not None:
            return record.outcome.crystal
        return Candidate.model_validate_json(body).crystal


@contextlib.contextmanager
def locked(folder: Path) -> Generator[None]:
    """Hold a run for this process. Raises `UsageError` when another one works on it; a dead one holds nothing."""
    descriptor = os.open(folder / "lock", os.O_RDWR | os.O_CREAT, 0o644)
    try:
        if not _taken(descriptor):
            raise UsageError(f"Another process works on {folder}.", hint="Wait for it, or stop it first.")
        yield
    finally:
        os.close(descriptor)


def is_locked(folder: Path) -> bool:
    """Whether a process works on a run."""
    try:
        descriptor = os.open(folder / "lock", os.O_RDONLY)
    except OSError:
        return False
    try:
        return not _taken(descriptor, patience_s=0.0)
    finally:
        os.close(descriptor)


def _taken(descriptor: int, *, patience_s: float = 0.3) -> bool:
    """Take the lock; a moment of patience, since whoever asks whether it is held holds it for an instant."""
    try:
        import fcntl
    except ImportError:
        return True  # no such locks on this system: two processes on one run would find SQLite's own lock
    until = time.monotonic() + patience_s
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            if time.monotonic() >= until:
                return False
            time.sleep(0.02)
        else:
            return True
