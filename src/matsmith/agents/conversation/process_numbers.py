"""The process of a run by its number: noted in the run's folder, found again, and signalled."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import time
from pathlib import Path
from typing import cast

from matsmith.core.errors import UsageError

PROCESS = "process.json"
_LOOKS = 5
_BETWEEN_LOOKS_S = 0.01


def write_process(folder: Path, *, pid: int, stopped: bool = False) -> None:
    """Note who works on a run, and whether it was told to stop."""
    (folder / PROCESS).write_text(json.dumps({"pid": pid, "stopped": stopped}), encoding="utf-8")


def pid_of(folder: Path) -> int:
    """The number that was noted, 0 when none was."""
    pid = _noted(folder).get("pid")
    return pid if isinstance(pid, int) else 0


def was_stopped(folder: Path) -> bool:
    """Whether the last process of a run was told to stop."""
    return _noted(folder).get("stopped") is True


def _noted(folder: Path) -> dict[str, object]:
    try:
        noted = json.loads((folder / PROCESS).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return cast("dict[str, object]", noted) if isinstance(noted, dict) else {}


def send_signal(pid: int, number: int, *, group: bool = False) -> None:
    """Signal a process, or all of its group; one that has just ended is none. Raises `UsageError` for another user's."""
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


def is_ours(pid: int, folder: Path) -> bool:
    """Whether the process of that number works on this run: numbers are used again."""
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, PermissionError):
        return False
    try:
        words = _command_of(pid)
    except OSError:
        program = shutil.which("ps")
        if program is None:
            return False
        words = subprocess.run(
            [program, "-o", "command=", "-p", str(pid)], capture_output=True, text=True, check=False
        ).stdout
    return str(folder) in words


def _command_of(pid: int) -> str:
    """The words that a process was started with, by the system's own list; empty for one that has ended and still stands there."""
    for _ in range(_LOOKS):
        words = Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace")
        if words:
            return words
        # One that is just starting has no words for a moment.
        time.sleep(_BETWEEN_LOOKS_S)
    return ""
