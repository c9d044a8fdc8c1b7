"""The tool: a chance with its spread that confirms nothing; a batch equals its members; refusals are typed; it orders what is relaxed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from matsmith.core.record import Outcome
from matsmith.core.settings import Settings
from matsmith.models.predictors.stability.model import chances
from matsmith.tools.base import Deps
from matsmith.tools.formula_stability import QUANTITY, FormulaStabilityArgs
from matsmith.tools.registry import get_tool


def run(**args: Any) -> Outcome:
    return get_tool("formula_stability").run(
        FormulaStabilityArgs.model_validate(args), deps=Deps(settings=Settings())
    )


def test_a_chance_is_told_with_its_views_and_confirms_nothing() -> None:
    outcome = run(formula="KMgF3")
    (known,) = chances(["KMgF3"])
    assert outcome.quantities[QUANTITY].value == pytest.approx(known.probability)
    assert outcome.quantities[QUANTITY].sigma == pytest.approx(known.spread)
    assert "confirms nothing" in str(outcome.facts["inconclusive"])
    assert set(known.views) <= set(str(outcome.facts["views"]).replace("'", " ").replace(":", " ").split())
    assert outcome.warnings == ()


def test_what_the_other_table_says_of_oxides_is_marked() -> None:
    assert "hardly any oxide" in run(formula="Al2O3", database="jarvis").warnings[-1]
    assert run(formula="KMgF3", database="jarvis").warnings == ()


def test_a_batch_equals_its_members_and_bad_ones_fail_alone() -> None:
    formulas: Sequence[str] = ["MgO", "LixCoO2", "GaN", "OgO"]
    batch = [FormulaStabilityArgs(formula=formula) for formula in formulas]
    found = dict(get_tool("formula_stability").run_many(batch, deps=Deps(settings=Settings())))
    failures = [found[index].failure for index in range(4)]
    assert [one.code if one else "" for one in failures] == ["", "no_composition", "", "no_composition"]
    for index in (0, 2):
        alone = run(formula=formulas[index]).quantities[QUANTITY].value
        assert found[index].quantities[QUANTITY].value == pytest.approx(alone, abs=1e-6)
    neither = run()
    assert neither.failure is not None
    assert neither.failure.hint
