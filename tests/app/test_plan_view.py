from __future__ import annotations

import io
from pathlib import Path

import pytest

from matsmith.agents.planner import PlanCheck
from matsmith.agents.session import plan_objective
from matsmith.app.commands_design import read_spec
from matsmith.app.console import make_console, write_json
from matsmith.app.plan_view import plan_json, plan_view
from matsmith.core.settings import Settings
from matsmith.core.spec import DesignSpec


def shown(check: PlanCheck, *, width: int = 120) -> str:
    stream = io.StringIO()
    console = make_console(file=stream)
    console.width = width
    console.print(plan_view(check))
    return stream.getvalue()


def test_everything_that_matters_before_saying_yes_is_shown(settings: Settings) -> None:
    check = plan_objective(
        "a shiny cubic oxide without cobalt, bulk modulus above 150 GPa",
        settings=settings,
        budget_s=90,
        candidates=7,
    )
    text = shown(check)
    for expected in (
        "bulk modulus > 150 GPa",
        "equation_of_state",
        "“shiny”",
        "changed nothing",
        "Co",
        "7",
        "1 min 30 s",
    ):
        assert expected in text


def test_an_unmeasurable_target_is_said(settings: Settings) -> None:
    check = plan_objective("a superconductor with a critical temperature above 300 K", settings=settings)
    assert "no tool measures it" in shown(check)
    assert "Cannot be measured" in shown(check)
    assert not check.runnable


def test_a_contradiction_is_said(settings: Settings) -> None:
    check = plan_objective("an oxide without oxygen", settings=settings)
    assert "Impossible: " in shown(check)


@pytest.mark.parametrize("width", [40, 80])
def test_it_fits_narrow_terminals(settings: Settings, width: int) -> None:
    check = plan_objective(
        "a stable ternary nitride, as incompressible as possible, no rare earths", settings=settings
    )
    assert max(len(line) for line in shown(check, width=width).splitlines()) <= width


def test_words_of_the_objective_are_no_markup_and_no_control_codes(settings: Settings) -> None:
    check = plan_objective("a stable oxide [bold]quux[/bold] \x1b[31mfrob", settings=settings)
    assert "\x1b" not in shown(check)


def test_the_json_of_a_plan_is_read_back_as_the_same_specification(
    settings: Settings, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    check = plan_objective("a lead-free perovskite with a density below 6 g/cm3", settings=settings)
    write_json(plan_json(check))
    path = tmp_path / "plan.json"
    path.write_text(capsys.readouterr().out)
    assert read_spec(path) == check.spec
    path.write_text(check.spec.model_dump_json())
    assert read_spec(path) == check.spec
    assert isinstance(read_spec(path), DesignSpec)


@pytest.mark.parametrize("pressure", ["", " at 10 GPa"])
def test_only_tools_that_can_answer_at_the_conditions_are_named(settings: Settings, pressure: str) -> None:
    text = shown(plan_objective(f"a stable oxide{pressure}", settings=settings))
    assert ("pressure_stability" in text) == bool(pressure)
