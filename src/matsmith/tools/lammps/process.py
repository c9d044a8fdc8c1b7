"""One process of LAMMPS in its own folder, followed line by line, within limits on time, memory and disk.

The child leads a session of its own and is killed with all that it started; it dies when whoever waits for it dies. Its output goes
into a file of the folder, so that nothing is lost with a kill, and is read from there while it grows.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from matsmith.tools.lammps.failures import DynamicsError, from_output, from_signal

OUTPUT = "output.txt"
_LAUNCHER = Path(__file__).with_name("launch.py")
_GLANCE_S, _FIRST_GLANCE_S, _DISK_EVERY_S = 0.25, 0.01, 3.0
_TAIL_BYTES = 6000


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What one stage may use: wall time, memory, bytes on disk, atoms, and the estimated time from which it is refused beforehand."""

    wall_s: float = 4 * 3600.0
    memory_gb: float = 6.0
    disk_gb: float = 4.0
    most_atoms: int = 250_000
    most_estimated_s: float = 4 * 3600.0


def launched(
    command: Sequence[str], *, limits: Limits, threads: int, folder: Path | None, parent: int | None
) -> list[str]:
    """A command behind the launcher; `parent` None: whoever starts it."""
    beside = [] if folder is None else [folder.resolve(), Path("/dev/null"), Path("/dev/shm")]  # noqa: S108 - where MPI shares memory
    wanted = {
        "parent": parent or 0,
        "memory_bytes": int(limits.memory_gb * 1e9),
        "file_bytes": int(limits.disk_gb * 1e9),
        "cpu_s": int(limits.wall_s * max(1, threads)) + 60,
        "open_files": 256,
        "writable": [str(place) for place in beside if place.exists()],
    }
    return [sys.executable, "-I", "-S", str(_LAUNCHER), json.dumps(wanted), *command]


def follow(
    command: Sequence[str],
    *,
    folder: Path,
    environment: dict[str, str],
    limits: Limits,
    threads: int,
    elements: tuple[str, ...],
    hear: Callable[[str], None],
) -> float:
    """Run a command in a folder until it ends well; `hear` gets each line of its output. Returns the wall time in seconds.

    Raises `DynamicsError`: what LAMMPS said, the signal that ended it, the time limit or the disk; what `hear` raises ends it too.
    """
    started = time.monotonic()
    output = folder / OUTPUT
    with output.open("wb") as sink:
        try:
            process = subprocess.Popen(
                launched(command, limits=limits, threads=threads, folder=folder, parent=os.getpid()),
                cwd=folder,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=sink,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                close_fds=True,
            )
        except OSError as error:
            raise DynamicsError("not_started", f"LAMMPS does not start: {error}.", retryable=True) from error
    try:
        _watch(process, output=output, folder=folder, limits=limits, started=started, hear=hear)
    finally:
        _end(process)
    code = process.returncode
    if code != 0:
        tail = _tail(output)
        if code < 0 and "ERROR" not in tail:
            raise from_signal(-code)
        raise from_output(tail, elements=elements)
    return time.monotonic() - started


def _watch(
    process: subprocess.Popen[bytes],
    *,
    output: Path,
    folder: Path,
    limits: Limits,
    started: float,
    hear: Callable[[str], None],
) -> None:
    glance, disk_at, unfinished = _FIRST_GLANCE_S, started + _DISK_EVERY_S, b""
    with output.open("rb") as source:
        while True:
            ended = _ended_within(process, glance)
            glance = min(_GLANCE_S, 1.5 * glance)
            *lines, unfinished = (unfinished + source.read()).split(b"\n")
            for line in lines:
                hear(line.decode("ascii", "replace"))
            if ended:
                return
            now = time.monotonic()
            if now - started > limits.wall_s:
                raise DynamicsError(
                    "time_limit",
                    f"The run took longer than the {limits.wall_s:.0f} s that it is allowed.",
                    hint="Ask for fewer atoms or steps, or allow more time (max_hours); it then goes on from its last restart file.",
                )
            if now > disk_at:
                disk_at = now + _DISK_EVERY_S
                if _bytes_in(folder) > limits.disk_gb * 1e9:
                    raise DynamicsError(
                        "disk_full",
                        f"The run wrote more than the {limits.disk_gb:g} GB that it is allowed.",
                        hint="Ask for fewer frames, atoms or steps.",
                    )


def _ended_within(process: subprocess.Popen[bytes], seconds: float) -> bool:
    try:
        process.wait(timeout=seconds)
    except subprocess.TimeoutExpired:
        return False
    return True


def _end(process: subprocess.Popen[bytes]) -> None:
    """Kill the session of a process, whatever of it is left."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _bytes_in(folder: Path) -> int:
    total = 0
    for path in folder.iterdir():
        with contextlib.suppress(OSError):
            total += path.stat().st_size
    return total


def _tail(output: Path) -> str:
    with output.open("rb") as source:
        source.seek(0, os.SEEK_END)
        source.seek(max(0, source.tell() - _TAIL_BYTES))
        return source.read().decode("ascii", "replace")
