from __future__ import annotations

import json
from pathlib import Path

import pytest

from matsmith.app.main import main
from matsmith.knowledge.table_sources import SOURCES


def test_tables_are_listed_whether_they_are_here_or_not(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tables = home / "tables"
    tables.mkdir()
    (tables / "mp_band_gap.csv.gz").write_bytes(b"")
    assert main(["data", "list"]) == 0
    shown = capsys.readouterr().out
    for name in SOURCES:
        assert name in shown
    assert main(["data", "list", "--json"]) == 0
    listed = {entry["table"]: entry for entry in json.loads(capsys.readouterr().out)}
    assert listed["mp_band_gap"]["here"]
    assert not listed["mp_formation_energy"]["here"]


def test_a_table_that_is_not_offered_is_a_usage_error(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["data", "get", "mp_luck"]) == 2
    assert "mp_luck" in capsys.readouterr().err
    assert not (home / "tables").exists()


def test_a_table_that_is_here_is_not_fetched_again(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    tables = home / "tables"
    tables.mkdir()
    (tables / "mp_band_gap.csv.gz").write_bytes(b"")
    assert main(["data", "get", "mp_band_gap"]) == 0
    assert "mp_band_gap: already here" in capsys.readouterr().out
    assert main(["data", "get", "mp_band_gap", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)[0]["new"] is False


def test_a_folder_that_cannot_be_made_is_a_failure(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (home / "file").write_text("")
    monkeypatch.setenv("MATSMITH_DATA", str(home / "file" / "tables"))
    assert main(["data", "get", "mp_band_gap"]) == 1
    assert "MATSMITH_DATA" in capsys.readouterr().err
