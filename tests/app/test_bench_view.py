"""The score as it is printed: every figure with its interval."""

from __future__ import annotations

from matsmith.agents.bench.attempt import Arm, Attempt, Ending, Grade, MadeCall, MeasuredError, Result
from matsmith.agents.reasoners.interface import Usage
from matsmith.app.bench_view import bench_view
from matsmith.app.console import make_console


def attempt(number: int) -> Result:
    error = MeasuredError(
        property="density",
        value=1.0,
        expected=1.0,
        unit="g/cm3",
        relative=0.01 * number,
        over_tolerance=0.1,
        sigmas=None,
    )
    return Result(
        task=f"task-{number}",
        kind="calculation",
        arm=Arm.RULES,
        repeat=0,
        attempt=Attempt(
            ending=Ending.ANSWERED,
            usage=Usage(),
            wall_s=10.0 * number,
            calls=[MadeCall(name="relax", ok=True)] * number,
        ),
        grade=Grade(passed=number != 3, errors=[error], failures=[] if number != 3 else ["it was wrong"]),
    )


def test_every_figure_stands_with_its_interval() -> None:
    console = make_console()
    console.width = 200
    with console.capture() as captured:
        console.print(bench_view([attempt(number) for number in range(1, 6)]))
    shown = " ".join(captured.get().split())
    assert "4/5" in shown
    assert "80 % (38 to 96)" in shown  # Wilson's interval of four in five
    assert "3 % (1 to 5)" in shown
    assert "30.0 s (10.0 to 50.0)" in shown
    assert "task-3 rules answered it was wrong" in shown
    with console.capture() as captured:
        console.print(bench_view([attempt(1)]))
    assert "10.0 s" in captured.get()
    assert "10.0 s (" not in captured.get()
