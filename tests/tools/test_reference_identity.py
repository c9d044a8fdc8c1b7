"""A result depends on the content of its reference files, and on nothing else of them."""

from __future__ import annotations

import os
from pathlib import Path

from matsmith.core.settings import Settings
from matsmith.tools.reference_identity import shipped_identity, tables_identity


def test_content_counts_and_other_files_do_not(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path, cache_dir=tmp_path)
    empty = tables_identity(settings)
    table = tmp_path / "mp_band_gap.csv.gz"
    table.write_bytes(b"first")
    first = tables_identity(settings)
    (tmp_path / "notes.txt").write_text("nothing to a result")
    assert tables_identity(settings) == first
    os.utime(table, ns=(1, 1))
    assert tables_identity(settings) == first
    table.write_bytes(b"other")
    os.utime(table, ns=(2, 2))
    other = tables_identity(settings)
    assert len({empty, first, other}) == 3


def test_a_renamed_table_is_another_reference(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path, cache_dir=tmp_path)
    table = tmp_path / "a.csv.gz"
    table.write_bytes(b"content")
    before = tables_identity(settings)
    table.rename(tmp_path / "b.csv.gz")
    assert tables_identity(settings) != before


def test_no_folder_is_as_good_as_an_empty_one(tmp_path: Path) -> None:
    empty = Settings(data_dir=tmp_path, cache_dir=tmp_path)
    none = Settings(data_dir=tmp_path / "none", cache_dir=tmp_path)
    assert tables_identity(none) == tables_identity(empty)


def test_what_ships_has_one_identity() -> None:
    assert len(shipped_identity()) == 16
    assert shipped_identity() == shipped_identity()
