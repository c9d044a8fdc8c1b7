"""Files derived from a library, kept in a folder that is replaced whole: a reader sees the old files or the new ones, never half of them.

A pointer names the folder that counts and the stamp of the state it was made from.
"""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

_POINTER = "current"


def find_stamped(parent: Path, stamp: str) -> Path | None:
    """The folder made for a stamp; None when there is none, or it belongs to another state, or its pointer is damaged."""
    try:
        pointer = json.loads((parent / _POINTER).read_text(encoding="utf-8"))
        return parent / Path(str(pointer["folder"])).name if pointer["stamp"] == stamp else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def write_stamped(parent: Path, stamp: str, fill: Callable[[Path], None]) -> Path:
    """Let `fill` write files into a new folder, then point to it and take the older ones away. Whatever `fill` raises, nothing changed."""
    parent.mkdir(parents=True, exist_ok=True)
    made = Path(tempfile.mkdtemp(prefix="index-", dir=parent))
    try:
        fill(made)
        pointer = made / _POINTER
        pointer.write_text(json.dumps({"stamp": stamp, "folder": made.name}), encoding="utf-8")
        pointer.replace(parent / _POINTER)
    except BaseException:
        shutil.rmtree(made, ignore_errors=True)
        raise
    for old in parent.glob("index-*"):
        # On Windows a reader may still hold it; the next one takes it away.
        if old != made:
            shutil.rmtree(old, ignore_errors=True)
    return made
