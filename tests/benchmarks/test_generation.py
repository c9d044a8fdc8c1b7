"""The benchmark of generation on an untrained network: rules hold all the same, decorations cannot be asked, and the plot is drawn."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from typing import Any

import pytest
from crystal_models import tiny_model

from matsmith.core.crystal import Crystal

BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks"


@pytest.fixture
def generation(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    sys.modules.pop("generation", None)
    return importlib.import_module("generation")


def test_rules_hold_and_a_second_call_takes_what_was_made(generation: Any, tmp_path: Path) -> None:
    model = tiny_model()
    figure = generation.obedience(model, each=2, out=tmp_path)
    assert figure.value == 1.0
    assert figure.count == 2 * len(generation.RULES)
    (table,) = tmp_path.glob("rules-*.npz")
    written = table.stat().st_mtime_ns
    assert generation.obedience(model, each=2, out=tmp_path) == figure
    assert table.stat().st_mtime_ns == written


def test_conditions_are_measured_against_decorations_that_cannot_be_asked(
    generation: Any, tmp_path: Path
) -> None:
    model = tiny_model()
    decorated = generation.random_decorations(model, count=6, seed=0)
    assert all(isinstance(one, Crystal) and len(one.elements) > 1 for one in decorated)
    assert generation.random_decorations(model, count=6, seed=0) == decorated
    found = generation.followed(model, "density_g_cm3", each=3, strengths=(2.0,), out=tmp_path)
    rows = found["curves"]["guidance 2"]
    assert [row[0] for row in rows] == list(generation.TARGETS["density_g_cm3"])
    assert all(row[3] == 3 for row in rows)
    assert set(found["curves"]) == {"guidance 2", "decorated at random"}
    generation.plot({"density_g_cm3": found}, tmp_path / "plot.svg")
    assert "<svg" in (tmp_path / "plot.svg").read_text()


def test_as_they_come_are_the_first_draws_of_those_drawn_again(generation: Any, tmp_path: Path) -> None:
    model = tiny_model()
    call: dict[str, Any] = {
        "file": tmp_path / "free.npz",
        "settings": generation.SamplingSettings(steps=3),
        "seed": 4,
    }
    requests = [generation.CrystalRequest()] * 12
    again, told = generation.made(model, requests, tries=3, **call)
    assert told["draws"] > 12
    first, told_first = generation.made(model, requests, tries=1, **call)
    assert told_first == {"draws": 12, "unsound_at_first": told["unsound_at_first"]}
    plain, _ = generation.made(model, requests, tries=1, **{**call, "file": tmp_path / "plain.npz"})
    assert [one.crystal for one in first] == [one.crystal for one in plain]
    assert [one.crystal for one in first] != [one.crystal for one in again]
