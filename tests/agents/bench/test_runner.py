"""The runner with real processes: results, resume, and attempts that end badly."""

from __future__ import annotations

from pathlib import Path

import pytest

from matsmith.agents.bench import runner
from matsmith.agents.bench.attempt import Arm, Ending, Result
from matsmith.agents.bench.runner import RESULTS, Turn, read_results, run_suite, turns_left
from matsmith.agents.bench.suite import Suite, load_suite
from matsmith.agents.bench.task import Task
from matsmith.core.errors import DataError, UsageError

SUITE = """about: made for this test
tasks:
- id: refused-at-once
  kind: trap
  door: design
  success: refused
  prompt: a material with a bulk modulus above 2000 GPa
  answer: [{check: refuses, because: [diamond]}]
- id: cannot-begin
  kind: calculation
  door: chat
  prompt: Relax a.cif
  files: {a.cif: {kind: crystal, space_group: 225, lattice: [4, 5, 6, 90, 90, 90], sites: [[Mg, 0, 0, 0]], source: impossible}}
  answer: [{check: record}]
"""


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> tuple[Suite, Path, list[Turn]]:
    """A bench of two tasks, one of which cannot begin."""
    folder = tmp_path_factory.mktemp("bench")
    path = folder / "made.yaml"
    path.write_text(SUITE, encoding="utf-8")
    suite = load_suite(str(path))
    told: list[Turn] = []
    run_suite(suite, arms=[Arm.RULES], reasoner="rules", model="", out=folder / "out", tell=told.append)
    return suite, folder / "out", told


def again(suite: Suite, out: Path, **changes: object) -> list[Turn]:
    told: list[Turn] = []
    options: dict[str, object] = {
        "arms": [Arm.RULES],
        "reasoner": "rules",
        "model": "",
        "out": out,
        "again": True,
    }
    run_suite(suite, tell=told.append, **(options | changes))  # pyright: ignore[reportArgumentType]
    return told


def test_a_task_is_tried_graded_and_kept(finished: tuple[Suite, Path, list[Turn]]) -> None:
    _, out, told = finished
    first = read_results(out)[0]
    assert first.grade.passed, first
    assert first.attempt.ending is Ending.REFUSED
    assert first.attempt.wall_s < 60
    assert [turn.result is None for turn in told] == [True, False, True, False]
    assert told[1].number == 1
    assert told[1].total == 2


def test_an_attempt_that_dies_is_a_failed_task_and_not_a_failed_bench(
    finished: tuple[Suite, Path, list[Turn]],
) -> None:
    second = read_results(finished[1])[1]
    assert second.attempt.ending is Ending.CRASHED
    assert not second.grade.passed
    assert "incompatible" in second.attempt.error


def test_what_is_finished_is_not_tried_again(finished: tuple[Suite, Path, list[Turn]]) -> None:
    suite, out, _ = finished
    before = (out / RESULTS).read_bytes()
    assert [turn.kept for turn in again(suite, out)] == [True, True]
    assert (out / RESULTS).read_bytes() == before


def test_a_line_that_a_kill_cut_off_is_tried_again(
    finished: tuple[Suite, Path, list[Turn]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    suite, out, _ = finished
    copy = tmp_path / "out"
    copy.mkdir()
    (copy / "bench.json").write_bytes((out / "bench.json").read_bytes())
    whole, cut = (out / RESULTS).read_text(encoding="utf-8").splitlines()
    (copy / RESULTS).write_text(f"{whole}\n{cut[:40]}", encoding="utf-8")
    results = read_results(out)
    assert list(turns_left(read_results(copy), suite, arms=[Arm.RULES], repeat=1)) == [
        ("cannot-begin", Arm.RULES)
    ]

    def made_before(task: Task, **options: object) -> Result:
        assert task.id == "cannot-begin"
        return results[1]

    monkeypatch.setattr(runner, "try_once", made_before)
    again(suite, copy)
    assert read_results(copy) == results
    (copy / RESULTS).write_text(f"{cut[:40]}\n{whole}\n", encoding="utf-8")
    with pytest.raises(DataError, match="line 1, is damaged"):
        read_results(copy)


def test_results_are_never_mixed(finished: tuple[Suite, Path, list[Turn]], tmp_path: Path) -> None:
    suite, out, _ = finished
    with pytest.raises(UsageError, match="holds results already"):
        again(suite, out, again=False)
    with pytest.raises(UsageError, match="another tasks"):
        again(suite.selected("cannot-begin"), out)
    with pytest.raises(UsageError, match="another model"):
        again(suite, out, model="other")
    (tmp_path / "note.txt").write_text("mine", encoding="utf-8")
    with pytest.raises(UsageError, match="not empty"):
        again(suite, tmp_path)


def test_an_attempt_that_overruns_is_ended(
    finished: tuple[Suite, Path, list[Turn]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runner, "_GRACE_S", -89.9)
    task = (
        finished[0]
        .tasks[0]
        .model_copy(update={"budget": finished[0].tasks[0].budget.model_copy(update={"wall_time_s": 60.0})})
    )
    result = runner.try_once(task, arm=Arm.RULES, reasoner="rules", repeat=0, out=tmp_path)
    assert result.attempt.ending is Ending.TIMED_OUT
    assert not result.grade.passed
