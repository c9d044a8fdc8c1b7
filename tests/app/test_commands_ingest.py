"""`matsmith ingest` as a user meets it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from matsmith.app.main import main
from matsmith.core.settings import load_settings


@pytest.fixture(autouse=True)
def library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("MATSMITH_LIBRARY", str(tmp_path / "library"))
    monkeypatch.setenv("MATSMITH_EMBEDDING_MODEL", "none")
    load_settings.cache_clear()
    return tmp_path / "library"


def test_a_file_is_taken_in_and_counted(
    tmp_path: Path, library: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    paper = tmp_path / "paper.txt"
    paper.write_text("Moduli of made oxides\n\nThe bulk modulus of MgO is 160 GPa.")
    assert main(["ingest", str(paper)]) == 0
    shown = capsys.readouterr().out
    assert "1 new" in shown
    assert "Papers in the library: 1;" in shown
    assert "Found by words alone" in shown
    assert main(["ingest", str(paper), "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert (report["unchanged"], report["documents"], report["library"]) == (1, 1, str(library))


def test_what_cannot_be_read_is_named_and_fails(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "papers").mkdir()
    (tmp_path / "papers" / "good.md").write_text("# A good note\n\nOxides are stiff, and some are hard.")
    (tmp_path / "papers" / "bad.pdf").write_bytes(b"<html>Log in</html>")
    assert main(["ingest", str(tmp_path / "papers")]) == 1
    shown = " ".join(capsys.readouterr().out.split())  # lines end where the console does
    assert "bad.pdf is called a PDF but holds a web page" in shown
    assert "1 new, 1 not read" in shown


def test_a_path_that_is_not_there_is_a_wrong_use(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["ingest", str(tmp_path / "none")]) == 2
    assert "There is nothing at" in capsys.readouterr().err
    assert main(["ingest"]) == 2


def test_a_library_elsewhere(tmp_path: Path, library: Path) -> None:
    paper = tmp_path / "paper.txt"
    paper.write_text("Moduli of made oxides\n\nThe bulk modulus of MgO is 160 GPa.")
    assert main(["ingest", str(paper), "--library", str(tmp_path / "other")]) == 0
    assert (tmp_path / "other" / "library.sqlite").is_file()
    assert not library.exists()
