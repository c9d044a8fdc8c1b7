"""The suites that ship, and what is refused in one that a user wrote."""

from __future__ import annotations

import math
from collections import Counter
from pathlib import Path

import pytest

from matsmith.agents.bench.independent import expected_value
from matsmith.agents.bench.suite import load_suite, shipped_names
from matsmith.agents.bench.task import CrystalFile, Kind
from matsmith.agents.bench.task_files import documents_folder, structure_of, write_files
from matsmith.core.errors import UsageError

FULL = load_suite("full").tasks


def test_there_are_at_least_forty_tasks_of_four_kinds() -> None:
    assert len(FULL) >= 40
    assert set(Counter(task.kind for task in FULL)) == set(Kind)
    assert {"quick", "design", "calculations", "literature", "traps", "full"} <= set(shipped_names())


def test_quick_has_ten_tasks_of_all_kinds() -> None:
    quick = load_suite("quick")
    assert len(quick.tasks) == 10
    assert {task.kind for task in quick.tasks} == set(Kind)
    assert sum(task.budget.wall_time_s for task in quick.tasks if task.kind is not Kind.TRAP) < 900


def test_every_asked_for_subject_has_a_task() -> None:
    ids = " ".join(task.id for task in FULL)
    for subject in (
        "eos",
        "shear",
        "hull",
        "voltage",
        "vacancy",
        "surface",
        "expansion",
        "melting",
        "xray-identify",
    ):
        assert subject in ids


def test_crystals_of_the_suites_have_the_space_group_that_they_name() -> None:
    from pymatgen.symmetry.analyzer import SpacegroupAnalyzer

    files = [file for task in FULL for file in task.files.values() if isinstance(file, CrystalFile)]
    unique = {file.model_copy(update={"comment": ""}).model_dump_json(): file for file in files}
    assert len(unique) >= 15
    for file in unique.values():
        found = SpacegroupAnalyzer(structure_of(file), symprec=0.01).get_space_group_number()
        assert found == file.space_group or "made up" in file.source, file


def test_crystals_of_the_suites_are_as_dense_as_they_were_measured() -> None:
    # CRC Handbook of Chemistry and Physics, sections 4 and 12
    measured = {
        "MgO": 3.585, "Si": 2.329, "Cu": 8.96, "Al": 2.70, "NaCl": 2.165, "TiN": 5.4, "Al2O3": 3.987, "TiO2": 4.25, "Fe": 7.87,
        "Fe2O3": 5.26, "W": 19.3, "Nb": 8.57, "LiCoO2": 5.05,
    }  # fmt: skip
    seen: set[str] = set()
    for file in (file for task in FULL for file in task.files.values() if isinstance(file, CrystalFile)):
        structure = structure_of(file)
        formula = structure.composition.reduced_formula
        if "made up" not in file.source and formula not in seen:
            seen.add(formula)
            assert float(structure.density) == pytest.approx(measured[formula], rel=0.01), formula
    assert seen == set(measured)


def test_what_is_expected_can_be_recomputed() -> None:
    values = [
        expected_value(check.expected, task=task)
        for task in FULL
        for check in task.answer
        if check.check == "value" and check.expected is not None
    ]
    assert len(values) >= 20
    assert all(math.isfinite(value) for value in values)


def test_every_file_of_a_task_can_be_written(tmp_path: Path) -> None:
    for task in load_suite("full").selected("trap-*,lit-*,calc-xray-*").tasks:
        folder = tmp_path / task.id
        shown = write_files(task, folder)
        documents = documents_folder(folder)
        made = len(shown) + (len(list(documents.iterdir())) if documents.is_dir() else 0)
        assert made == len(task.files)


def test_tasks_are_chosen_by_id_kind_and_pattern() -> None:
    suite = load_suite("full")
    assert {task.kind for task in suite.selected("trap").tasks} == {Kind.TRAP}
    assert [task.id for task in suite.selected("calc-eos-mgo, lit-off-*").tasks] == [
        "calc-eos-mgo",
        "lit-off-topic",
    ]
    with pytest.raises(UsageError, match="No task of the suite full"):
        suite.selected("nothing-like-this")


def test_the_hash_of_a_suite_is_that_of_its_tasks(tmp_path: Path) -> None:
    text = "tasks:\n- {use: calc-eos-mgo}\n"
    path = tmp_path / "mine.yaml"
    path.write_text(text, encoding="utf-8")
    first = load_suite(str(path))
    assert first.tasks == load_suite("full").selected("calc-eos-mgo").tasks
    path.write_text("about: other words\n" + text, encoding="utf-8")
    assert load_suite(str(path)).sha256 == first.sha256
    path.write_text("tasks:\n- {use: calc-eos-si}\n", encoding="utf-8")
    assert load_suite(str(path)).sha256 != first.sha256


GOOD = """tasks:
- id: a-task
  kind: trap
  door: chat
  prompt: x
  answer: [{check: refuses}]
"""


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("tasks: [", "is no YAML"),
        ("a: 1", "holds no list of tasks"),
        ("tasks: []", "has no task"),
        (GOOD + "extra: 1\n", "unknown part 'extra'"),
        (GOOD + GOOD.removeprefix("tasks:\n"), "has the task a-task twice"),
        (GOOD.replace("trap", "riddle"), "task a-task, kind"),
        (GOOD.replace("prompt: x", "prompt: ''"), "task a-task, prompt"),
        (GOOD.replace("{check: refuses}", "{check: guesses}"), "task a-task, answer"),
        (GOOD.replace("{check: refuses}", "{check: words, none_of: ['(']}"), "malformed"),
        (
            GOOD.replace(
                "{check: refuses}", "{check: value, property: density, relative: 0.1, expected: {value: 3}}"
            ),
            "needs its source",
        ),
        (
            GOOD.replace(
                "{check: refuses}",
                "{check: value, property: density, relative: 0.1, expected: {recompute: {way: density, file: x.cif}}}",
            ),
            "which the task does not give",
        ),
        (
            GOOD.replace("{check: refuses}", "{check: candidates, wishes: [{property: charm, above: 1}]}"),
            "unknown property",
        ),
        ("tasks:\n- {use: no-such-task}\n", "no suite that ships has"),
        ("tasks:\n- 3\n", "task 1"),
        (GOOD + "  files: {../x.cif: {kind: text, text: y}}\n", "plain name"),
    ],
)
def test_a_fault_in_a_suite_is_named(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(UsageError) as caught:
        load_suite(str(path))
    assert said in str(caught.value)


def test_a_suite_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="There is no suite"):
        load_suite("everything")
    with pytest.raises(UsageError, match="cannot be read"):
        load_suite(str(tmp_path / "none.yaml"))
