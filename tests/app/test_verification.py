from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from matsmith.app.verification import verify_run
from matsmith.core.errors import LedgerError
from matsmith.core.ledger import Ledger

MakeRun = Callable[..., Path]


def crystal_of(folder: Path, formula: str = "NiO") -> Path:
    (path,) = (folder / "candidates").glob(f"*_{formula}_*.cif")
    return path


def test_a_fresh_run_is_intact_and_every_file_was_compared(run_folder: Path) -> None:
    check = verify_run(run_folder)
    assert check.intact
    assert check.notes == ()
    assert (check.crystals, check.records) == (3, 3)
    with Ledger(run_folder / "ledger.sqlite", create=False) as ledger:
        assert check.head == ledger.head


@pytest.mark.parametrize("name", ["report.json", "report.html"])
def test_a_changed_report_is_found(run_folder: Path, name: str) -> None:
    path = run_folder / name
    text = path.read_text()
    assert "187.0" in text
    path.write_text(text.replace("187.0", "387.0"))
    assert any(name in problem for problem in verify_run(run_folder).problems)


def test_a_moved_atom_is_found(run_folder: Path) -> None:
    path = crystal_of(run_folder)
    text = path.read_text()
    assert "4.21" in text or "2.97" in text
    path.write_text(text.replace("2.97", "2.77").replace("4.21", "4.01"))
    assert verify_run(run_folder).problems == (f"candidates/{path.name}: is not what the ledger says",)


def test_a_removed_crystal_is_found_and_a_file_of_the_users_is_not_minded(run_folder: Path) -> None:
    crystal_of(run_folder).unlink()
    (run_folder / "candidates" / "my-notes.txt").write_text("mine")
    (problem,) = verify_run(run_folder).problems
    assert "is missing" in problem


def test_entries_cut_off_at_the_end_are_found_by_the_report(run_folder: Path) -> None:
    with sqlite3.connect(run_folder / "ledger.sqlite") as connection:
        connection.execute("DROP TRIGGER entries_stay")
        connection.execute("DELETE FROM entries WHERE seq = (SELECT max(seq) FROM entries)")
    assert any("removed at the end" in problem for problem in verify_run(run_folder).problems)


def test_a_damaged_report_is_found(run_folder: Path) -> None:
    (run_folder / "report.json").write_text("{")
    assert "report.json: is damaged" in verify_run(run_folder).problems


def test_an_interrupted_run_is_intact_with_a_note(home: Path, make_run: MakeRun) -> None:
    check = verify_run(make_run(home / "runs" / "cut", reason=None))
    assert check.intact
    assert any("no report" in note for note in check.notes)


def test_entries_added_later_leave_the_crystals_comparable(run_folder: Path) -> None:
    with Ledger(run_folder / "ledger.sqlite", create=False) as ledger:
        ledger.append("session", "9", json.dumps({}))
    check = verify_run(run_folder)
    assert check.intact
    assert check.crystals == 3
    assert any("added after the report" in note for note in check.notes)
    path = crystal_of(run_folder)
    path.write_text(path.read_text().replace("2.97", "2.77").replace("4.21", "4.01"))
    (problem,) = verify_run(run_folder).problems
    assert path.name in problem


def test_a_folder_without_a_ledger_is_refused(tmp_path: Path) -> None:
    with pytest.raises(LedgerError):
        verify_run(tmp_path)
