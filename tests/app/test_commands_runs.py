from __future__ import annotations

import json
import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from matsmith.app.main import main

MakeRun = Callable[..., Path]


def test_runs_are_listed_with_what_became_of_them(
    home: Path, make_run: MakeRun, capsys: pytest.CaptureFixture[str]
) -> None:
    make_run(home / "runs" / "good")
    make_run(home / "runs" / "cut", reason=None)
    assert main(["runs"]) == 0
    shown = capsys.readouterr().out
    assert "good" in shown
    assert "met" in shown
    assert "interrupted" in shown
    assert main(["runs", "--json"]) == 0
    listed = {entry["name"]: entry for entry in json.loads(capsys.readouterr().out)}
    assert (listed["good"]["state"], listed["good"]["met"]) == ("met", 2)
    assert listed["cut"]["state"] == "interrupted"


def test_no_runs_is_said_with_how_to_start_one(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert home.is_dir()
    assert main(["runs"]) == 0
    assert "matsmith design" in capsys.readouterr().out


def test_a_run_and_a_candidate_are_shown(run_folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["show", run_folder.name]) == 0
    assert "NiO" in capsys.readouterr().out
    assert main(["show", str(run_folder), "1"]) == 0
    assert "187.0 ± 8.0 GPa" in capsys.readouterr().out
    assert main(["show", run_folder.name, "1", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["formula"] == "NiO"
    assert main(["show", run_folder.name, "--json"]) == 0
    assert len(json.loads(capsys.readouterr().out)["candidates"]) == 3


@pytest.mark.parametrize(
    "words", [["show", "nope"], ["verify", "nope"], ["show", "made-run", "zzz"], ["show", "made-run", "99"]]
)
def test_what_does_not_exist_is_a_usage_error(
    run_folder: Path, capsys: pytest.CaptureFixture[str], words: list[str]
) -> None:
    assert run_folder.is_dir()
    assert main(words) == 2
    assert capsys.readouterr().err.startswith("matsmith: ")


def test_an_untouched_run_verifies(run_folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["verify", run_folder.name]) == 0
    shown = capsys.readouterr()
    assert "Nothing was changed." in shown.out
    assert "3 records" in shown.out
    assert shown.err == ""
    assert main(["verify", run_folder.name, "--json"]) == 0
    check = json.loads(capsys.readouterr().out)
    assert check["intact"]
    assert (check["records"], check["crystals"]) == (3, 3)


def test_a_changed_number_in_the_ledger_is_found(
    run_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with sqlite3.connect(run_folder / "ledger.sqlite") as connection:
        connection.execute("DROP TRIGGER entries_keep")
        connection.execute("UPDATE entries SET body = replace(body, '187.0', '387.0') WHERE kind = 'record'")
    assert main(["verify", run_folder.name]) == 1
    shown = capsys.readouterr()
    assert "its content was changed" in shown.out
    assert "not as it was written" in shown.err


def test_a_ledger_that_is_none_is_a_failure_and_not_a_crash(
    run_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (run_folder / "ledger.sqlite").write_bytes(b"SQLite format 3\x00" + b"\x07" * 5000)
    for command in ("verify", "show", "resume"):
        assert main([command, str(run_folder)]) == 1
        shown = capsys.readouterr()
        assert shown.err.startswith("matsmith: ")
        assert "error of its own" not in shown.err


def test_a_foreign_database_is_told_apart(run_folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = run_folder / "ledger.sqlite"
    for leftover in run_folder.glob("ledger.sqlite*"):
        leftover.unlink()
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE songs (title TEXT)")
    assert main(["verify", str(run_folder)]) == 1
    assert "another program" in capsys.readouterr().err


def test_a_run_moved_elsewhere_still_verifies(run_folder: Path, tmp_path: Path) -> None:
    moved = tmp_path / "elsewhere"
    shutil.move(run_folder, moved)
    assert main(["verify", str(moved)]) == 0
