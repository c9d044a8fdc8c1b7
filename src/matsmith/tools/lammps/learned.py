"""The learned potential inside LAMMPS: the same scripts, with energy, forces and virial from `fix external`.

LAMMPS holds the atoms and moves them, and asks at every step; the answer comes from the potential that the settings name. Both live in a
child of their own (`learned_child`), as LAMMPS is never loaded into this process. A step costs what the potential costs (tens of
milliseconds for a few dozen atoms), and LAMMPS next to nothing.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from matsmith.core.settings import Settings
from matsmith.tools.lammps.failures import DynamicsError
from matsmith.tools.lammps.process import Limits, follow
from matsmith.tools.lammps.program import program
from matsmith.tools.lammps.stage import FINAL

REQUEST = "learned.json"
_MEMORY_GB = 64.0
"""Address space, of which torch reserves much and uses little."""


def run_learned(
    folder: Path,
    *,
    settings: Settings,
    elements: tuple[str, ...],
    limits: Limits,
    cores: int,
    hear: Callable[[str], None],
) -> float:
    """Run the script `script.in` of a folder with the learned potential; returns the wall time in seconds.

    Raises `DynamicsError`: what LAMMPS said, or the potential's refusal.
    """
    public = settings.model_dump(
        mode="json", include={"potential", "device", "cache_dir", "data_dir"}, exclude_none=True
    )
    request = {"settings": public, "elements": list(elements), "threads": cores}
    (folder / REQUEST).write_text(json.dumps(request), encoding="utf-8")
    found = program()
    environment = {
        **found.environment(threads=cores),
        "PYTHONPATH": os.pathsep.join(path for path in sys.path if path),
        "OPENBLAS_NUM_THREADS": "1",
        "PYTHONUNBUFFERED": "1",
        "HOME": str(folder),
    }
    wall_s = follow(
        [sys.executable, "-s", "-m", "matsmith.tools.lammps.learned_child", REQUEST],
        folder=folder,
        environment=environment,
        limits=replace(limits, memory_gb=max(limits.memory_gb, _MEMORY_GB)),
        threads=cores,
        elements=elements,
        hear=hear,
    )
    if not (folder / FINAL).exists():
        raise DynamicsError("bad_output", "LAMMPS ended without its final atoms.", retryable=True)
    return wall_s
