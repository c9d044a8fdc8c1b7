"""What a find costs: the error of a ratio over few runs, and the net that is asked for."""

from __future__ import annotations

import importlib
import math
import sys
from pathlib import Path
from typing import Any

import pytest

BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks"


@pytest.fixture
def in_design(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    sys.modules.pop("generation_in_design", None)
    return importlib.import_module("generation_in_design")


def test_the_error_is_that_of_leaving_runs_out(in_design: Any) -> None:
    def cost(relaxed: int, finds: int) -> Any:
        stable = {f"A{place}": in_design.Find(new=True, prototype="") for place in range(finds)}
        return in_design.Cost(arm="a", seed=0, proposed=9, relaxed=relaxed, stable=stable, met=0, seconds=1.0)

    assert cost(30, 10).each == 3
    assert cost(30, 0).each == math.inf
    assert in_design._error([cost(30, 10), cost(60, 20), cost(15, 5)]) == pytest.approx(0)
    # Without the first 4, without the second 2 relaxations a find.
    assert in_design._error([cost(20, 10), cost(40, 10)]) == pytest.approx(1.0)
    assert math.isnan(in_design._error([cost(20, 10)]))
    assert math.isnan(in_design._error([cost(20, 10), cost(20, 0)]))


def test_a_net_is_part_of_the_wish_where_one_is_named(in_design: Any) -> None:
    assert in_design.wish(rounds=1, wall_time_s=1, motif="kagome").structure.motif == "kagome"
    assert in_design.wish(rounds=1, wall_time_s=1, motif="").structure.motif is None
