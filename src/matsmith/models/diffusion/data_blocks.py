"""Blocks of a source that are read already: what a killed reading of a large set goes on from."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections import Counter
from pathlib import Path

from matsmith.core.errors import DataError
from matsmith.models.diffusion.data_format import CrystalTable, load_table, save_table


class KeptBlocks:
    """Blocks in a folder of their own, named by what they depend on, so that other rows or other settings never meet them."""

    def __init__(self, folder: Path, *, identity: str) -> None:
        self.folder = folder / hashlib.sha256(identity.encode()).hexdigest()[:16]

    def get(self, number: int) -> tuple[CrystalTable | None, Counter[str]] | None:
        """Return a block and how many of its rows were skipped for which reason, or None when it was not read to its end."""
        note = self.folder / f"{number:06d}.json"
        try:
            skipped: Counter[str] = Counter(json.loads(note.read_text(encoding="utf-8")))
        except (OSError, ValueError):
            return None
        table = note.with_suffix(".npz")
        try:
            return (load_table(table) if table.exists() else None), skipped
        except DataError:
            return None  # damaged: it is read again

    def put(self, number: int, table: CrystalTable | None, skipped: Counter[str]) -> None:
        """Keep a block. Its note is written last, so that a block with a note is whole."""
        self.folder.mkdir(parents=True, exist_ok=True)
        note = self.folder / f"{number:06d}.json"
        if table is not None:
            save_table(table, note.with_suffix(".npz"))
        draft = note.with_suffix(".part")
        draft.write_text(json.dumps(skipped), encoding="utf-8")
        draft.replace(note)

    def clear(self) -> None:
        """Remove the blocks, once what they were for is written."""
        shutil.rmtree(self.folder, ignore_errors=True)
