from __future__ import annotations

import csv
import io
import json

import pytest

from matsmith.agents.bench.attempt import Arm, Attempt, Ending, Grade, MadeCall, MeasuredError, Result
from matsmith.agents.bench.summary import ALL, as_csv, as_json, differences, sound, summarise
from matsmith.agents.reasoners.interface import Usage


def result(
    task: str,
    arm: Arm,
    *,
    passed: bool,
    kind: str = "trap",
    relative: float | None = None,
    **grade: list[str],
) -> Result:
    errors = (
        []
        if relative is None
        else [
            MeasuredError(
                property="density",
                value=1.0,
                expected=1.0,
                unit="g/cm3",
                relative=relative,
                over_tolerance=1.0,
                sigmas=None,
            )
        ]
    )
    usage = (
        Usage() if arm is Arm.RULES else Usage(calls=2, input_tokens=900, output_tokens=100, cost_usd=0.02)
    )
    return Result(
        task=task,
        kind=kind,
        arm=arm,
        repeat=0,
        attempt=Attempt(
            ending=Ending.ANSWERED,
            usage=usage,
            wall_s=3.0,
            calls=[MadeCall(name="relax", ok=True)],
            unbacked=["7"],
        ),
        grade=Grade(passed=passed, errors=errors, failures=[] if passed else ["=1+1 is wrong"], **grade),  # pyright: ignore[reportArgumentType]
    )


ROWS = [
    result("a", Arm.RULES, passed=True, kind="calculation", relative=0.02),
    result("b", Arm.RULES, passed=False),
    result("a", Arm.FIVE, passed=True, kind="calculation", relative=0.04),
    result("b", Arm.FIVE, passed=True),
    result("a", Arm.ONE, passed=False, kind="calculation", relative=0.5, refuted=["false"]),
    result("b", Arm.ONE, passed=False, bare_numbers=["12"]),
]


def test_arms_are_summed_up_over_all_tasks_and_by_kind() -> None:
    found = {(one.arm, one.kind): one for one in summarise(ROWS)}
    assert set(found) == {(arm, kind) for arm in Arm for kind in (ALL, "calculation", "trap")}
    rules, five, one = (found[arm, ALL] for arm in Arm)
    assert (rules.passed, rules.attempts, five.passed) == (1, 2, 2)
    assert five.tokens_in_all == 2000
    assert five.cost_usd == pytest.approx(0.04)
    assert rules.cost_usd is None
    assert (one.refuted_claims, one.bare_numbers, one.taken_out) == (1, 1, 2)
    assert rules.relative_error is not None
    assert rules.relative_error.value == pytest.approx(0.02)
    assert found[Arm.RULES, "trap"].relative_error is None


def test_arms_are_compared_on_the_same_tasks() -> None:
    found = differences(ROWS)
    assert found["five"].value == pytest.approx(0.5)
    assert found["one"].value == pytest.approx(-0.5)
    assert differences(ROWS[:2]) == {}


def test_a_bench_is_sound_without_false_claims_and_bare_numbers() -> None:
    assert sound(ROWS[:4])
    assert not sound(ROWS[:5])
    assert not sound([ROWS[5]])


def test_results_can_be_read_by_machines() -> None:
    data = as_json(ROWS, manifest={"suite": "made"})
    assert json.loads(json.dumps(data)) == data
    assert data["sound"] is False
    assert len(data["results"]) == 6
    rows = list(csv.DictReader(io.StringIO(as_csv(ROWS))))
    assert [row["passed"] for row in rows] == ["1", "0", "1", "1", "0", "0"]
    assert rows[1]["failures"] == "'=1+1 is wrong"
    assert rows[2]["cost_usd"] == "0.02"
