"""The registry imports what it names, and helps with what it does not."""

from __future__ import annotations

from pathlib import Path

import pytest
from crystal_models import tiny_weights

from matsmith.core.errors import ToolError
from matsmith.core.settings import Settings
from matsmith.tools.strategies.registry import (
    available_strategies,
    get_strategy,
    strategy_names,
    usual_weight,
)


def test_every_strategy_has_its_own_name() -> None:
    assert [get_strategy(name).name for name in strategy_names()] == strategy_names()
    assert all(get_strategy(name).title for name in strategy_names())


def test_the_baseline_comes_first_and_nothing_is_missing_on_a_bare_machine(bare: Settings) -> None:
    assert [strategy.name for strategy in available_strategies(bare)] == [
        "known",
        "decoration",
        "substitution",
        "random",
        "alloy",
        "proposed",
    ]


def test_with_weights_the_diffusion_model_takes_part(bare: Settings, tmp_path: Path) -> None:
    weights = tiny_weights(tmp_path / "tiny.safetensors")
    names = [
        strategy.name
        for strategy in available_strategies(bare.model_copy(update={"diffusion_weights": weights}))
    ]
    assert names[names.index("random") + 1] == "diffusion"
    assert 0 < usual_weight("random") < usual_weight("diffusion") < 0.5
    assert usual_weight("diffusion", one_formula=True) >= 1.0


def test_a_wrong_name_is_answered_with_the_nearest() -> None:
    with pytest.raises(ToolError, match="Did you mean decoration"):
        get_strategy("decorations")


def test_dear_strategies_get_a_small_share_save_where_one_formula_is_wanted() -> None:
    assert usual_weight("decoration") == usual_weight("known") == 1.0
    assert 0 < usual_weight("random") < usual_weight("substitution") < 0.5
    assert usual_weight("random", one_formula=True) >= 1.0
