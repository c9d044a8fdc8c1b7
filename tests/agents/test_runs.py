"""Runs on disk: made, found, listed, and held by one process at a time."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from matsmith.agents.runs import LEDGER, describe, find_run, list_runs, locked, new_folder, remember
from matsmith.core.errors import LedgerError, UsageError
from matsmith.core.ledger import Ledger
from matsmith.core.run import RunHeader, Stop, StopReason
from matsmith.core.settings import Settings

NOW = datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC)


def write_run(folder: Path, *, stop: StopReason | None = StopReason.MET, day: int = 1) -> Path:
    folder.mkdir(parents=True)
    with Ledger(folder / LEDGER) as ledger:
        header = RunHeader(
            run=folder.name,
            objective="a stable oxide",
            seed=0,
            reasoner="rules",
            version="1",
            started_at=datetime(2026, 1, day, tzinfo=UTC),
        )
        ledger.append("run", folder.name, header)
        if stop is not None:
            ledger.append("stop", folder.name, Stop(reason=stop, sentence="x", elapsed_s=1, met=["a", "b"]))
    return folder


@pytest.mark.parametrize(
    ("objective", "name"),
    [
        ("A stable oxide!", "20260304-050607-a-stable-oxide"),
        ("../../etc/passwd", "20260304-050607-etc-passwd"),
        ("更硬的氧化物", "20260304-050607-run"),
        ("x" * 300, "20260304-050607-" + "x" * 40),
    ],
)
def test_a_folder_is_named_by_time_and_words_and_stays_in_its_place(
    house: Settings, objective: str, name: str
) -> None:
    folder = new_folder(objective, settings=house, out=None, now=NOW)
    assert folder == (house.runs_dir / name).resolve()
    assert list(folder.iterdir()) == []


def test_a_folder_that_holds_a_run_is_not_taken(house: Settings, tmp_path: Path) -> None:
    folder = write_run(tmp_path / "mine")
    with pytest.raises(UsageError, match="holds a run already") as caught:
        new_folder("x", settings=house, out=folder, now=NOW)
    assert "resume" in caught.value.hint


def test_a_folder_that_cannot_be_made_says_so(house: Settings, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(UsageError, match="cannot be written"):
        new_folder("x", settings=house, out=tmp_path / "file" / "run", now=NOW)


def test_runs_are_listed_newest_first_wherever_they_lie(house: Settings, tmp_path: Path) -> None:
    write_run(house.runs_dir / "first", day=1)
    write_run(house.runs_dir / "third", day=3, stop=None)
    outside = write_run(tmp_path / "outside", day=2, stop=StopReason.BUDGET)
    remember(outside, settings=house)
    found = list_runs(house)
    assert [run.name for run in found] == ["third", "outside", "first"]
    assert [run.state for run in found] == ["interrupted", "budget", "met"]
    assert found[2].met == 2


def test_a_damaged_run_does_not_hide_the_others(house: Settings) -> None:
    write_run(house.runs_dir / "good")
    bad = house.runs_dir / "bad"
    bad.mkdir()
    (bad / LEDGER).write_bytes(b"this is no database, and it is long enough to be read as one" * 50)
    empty = house.runs_dir / "empty"
    empty.mkdir()
    with Ledger(empty / LEDGER):
        pass
    assert [run.name for run in list_runs(house)] == ["good"]
    with pytest.raises(LedgerError, match="without a run"):
        describe(empty)


def test_a_forgotten_run_is_no_fault(house: Settings, tmp_path: Path) -> None:
    remember(tmp_path / "gone", settings=house)
    assert list_runs(house) == []


def test_a_run_is_found_by_path_name_or_the_start_of_it(house: Settings) -> None:
    first, second = (
        write_run(house.runs_dir / "20260101-oxide"),
        write_run(house.runs_dir / "20260102-nitride"),
    )
    for name in (str(first), str(first / LEDGER), "20260101-oxide", "20260101"):
        assert find_run(name, settings=house) == first.resolve()
    assert find_run("20260102", settings=house) == second.resolve()
    with pytest.raises(UsageError, match="Several runs") as caught:
        find_run("2026", settings=house)
    assert "oxide" in caught.value.hint
    with pytest.raises(UsageError, match="no run"):
        find_run("2030", settings=house)


def test_a_name_in_full_wins_over_longer_ones(house: Settings) -> None:
    short = write_run(house.runs_dir / "oxide")
    write_run(house.runs_dir / "oxide-2")
    assert find_run("oxide", settings=house) == short.resolve()


def test_a_run_is_held_by_one(tmp_path: Path) -> None:
    with locked(tmp_path):
        with pytest.raises(UsageError, match="Another process"), locked(tmp_path):
            pass
        code = (
            "import sys; from pathlib import Path\n"
            "from matsmith.agents.runs import locked\n"
            "from matsmith.core.errors import UsageError\n"
            "try:\n"
            "    with locked(Path(sys.argv[1])): pass\n"
            "except UsageError: sys.exit(7)\n"
        )
        other = subprocess.run([sys.executable, "-c", code, os.fspath(tmp_path)], check=False, timeout=60)
        assert other.returncode == 7
    with locked(tmp_path):
        pass


def test_a_holder_that_fails_lets_go(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt), locked(tmp_path):
        raise KeyboardInterrupt
    with locked(tmp_path):
        pass
