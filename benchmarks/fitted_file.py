"""Files of fitted numbers in `knowledge/`: what a fit says gets a version of its own, and is written as JSON."""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any


def version_of(content: Any) -> str:
    """Today's date and a digest of the content: the same day can bring two fits, and no record of one is taken for the other's.

    >>> version_of({"a": 1}).rpartition("-")[2] == version_of({"a": 1}).rpartition("-")[2] != version_of({"a": 2}).rpartition("-")[2]
    True
    """
    digest = hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:8]
    return f"{datetime.now(UTC).date().isoformat()}-{digest}"


def write_json(path: Path, content: Any, *, sort_keys: bool = False) -> None:
    """Write the file, and say so."""
    path.write_text(json.dumps(content, indent=1, sort_keys=sort_keys) + "\n", encoding="utf-8")
    print(f"wrote {path.name}")
