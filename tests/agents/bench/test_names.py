"""The names in the tasks are those of the program: tools, properties with their units; and a requirement nobody understands is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from matsmith.agents.bench.answer_checks import CallsCheck, RecordCheck, RefusalCheck, ValueCheck
from matsmith.agents.bench.attempt import Ending
from matsmith.agents.bench.design_door import attempt_design
from matsmith.agents.bench.grading import grade
from matsmith.agents.bench.suite import load_suite
from matsmith.agents.bench.task import Task
from matsmith.core.properties import PROPERTIES
from matsmith.core.settings import Settings
from matsmith.tools.registry import tool_names

TASKS = load_suite("full").tasks
# Asked for and not built: the task stays, and fails.
NOT_BUILT = {"melting_point"}
# Quantities that a tool gives beside the properties which a target can name.
BESIDE = {"strongest_line_two_theta", "two_theta"}


def names(task: Task) -> list[str]:
    found = list(task.needs)
    for check in task.answer:
        if isinstance(check, RecordCheck):
            found += check.tools
        elif isinstance(check, CallsCheck):
            found += check.all_of
    return found


@pytest.mark.parametrize("task", TASKS, ids=[task.id for task in TASKS])
def test_tools_and_properties_of_a_task_exist(task: Task) -> None:
    assert set(names(task)) - set(tool_names()) <= NOT_BUILT
    for check in task.answer:
        if not isinstance(check, ValueCheck):
            continue
        unit = check.unit if check.expected is None else check.expected.unit
        for name in set(check.property) - BESIDE:
            assert PROPERTIES[name].unit == unit
            measured = set(PROPERTIES[name].tools) | NOT_BUILT | {"quasi_harmonic"}
            assert not task.needs or set(task.needs) & measured


def test_an_element_that_does_not_exist_is_refused_before_anything_is_computed(
    house: Settings, tmp_path: Path
) -> None:
    task = next(one for one in TASKS if one.id == "trap-no-such-element")
    assert any(isinstance(check, RefusalCheck) for check in task.answer)
    attempt = attempt_design(task, reasoner="rules", folder=tmp_path, settings=house, seed=0)
    assert attempt.ending is Ending.NOT_UNDERSTOOD
    assert "unobtainium" in attempt.told
    assert not (tmp_path / "run").exists()
    assert grade(task, attempt, folder=tmp_path, settings=house).failures == []
