"""What holds for every test: the same examples on every machine of a check, and room of its own for each process that tests."""

from __future__ import annotations

import os
from pathlib import Path

from hypothesis import settings

settings.register_profile("repeatable", derandomize=True)
if os.environ.get("CI"):
    settings.load_profile("repeatable")

# The terminal that the tests are started from must not decide where lines end: readline hands its size on to processes that test side by side.
for name in ("COLUMNS", "LINES"):
    os.environ.pop(name, None)

# Processes that test side by side would otherwise wait for each other: for locks of the caches, and for cores.
worker = os.environ.get("PYTEST_XDIST_WORKER")
if worker:
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    for name, usual in (("XDG_CACHE_HOME", ".cache"), ("XDG_DATA_HOME", ".local/share")):
        base = Path(os.environ.get(name) or Path.home() / usual)
        os.environ[name] = str(base / "matsmith-tests" / worker)
