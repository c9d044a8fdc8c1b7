"""Identity of the reference data that a result depends on: hashes of the files themselves, taken once a process."""

from __future__ import annotations

import hashlib
from functools import lru_cache
from importlib.resources import files
from pathlib import Path

from matsmith.core.settings import Settings

_SHIPPED = ("phases.json.gz", "offsets.json", "guesses.json", "calibration.json")


@lru_cache(maxsize=256)
def _file_hash(path: Path, size: int, changed_ns: int) -> str:
    del size, changed_ns  # part of the key only: a changed file is read again
    return hashlib.sha256(path.read_bytes()).hexdigest()[:16]


def tables_identity(settings: Settings) -> str:
    """Hash of every table in the data folder."""
    digest = hashlib.sha256()
    if settings.data_dir.is_dir():
        for path in sorted(settings.data_dir.glob("*.csv.gz")):
            state = path.stat()
            digest.update(f"{path.name}:{_file_hash(path, state.st_size, state.st_mtime_ns)};".encode())
    return digest.hexdigest()[:16]


@lru_cache(maxsize=1)
def shipped_identity() -> str:
    """Hash of the reference files that ship with the package."""
    folder = files("matsmith.knowledge")
    digest = hashlib.sha256()
    for name in _SHIPPED:
        digest.update(folder.joinpath(name).read_bytes())
    return digest.hexdigest()[:16]
