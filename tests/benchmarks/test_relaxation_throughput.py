"""Ratios and agreement of the sides, from made times and energies."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from typing import Any

import pytest

BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks"


@pytest.fixture
def throughput(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    yield importlib.import_module("relaxation_throughput")
    sys.modules.pop("relaxation_throughput", None)


def test_ratios_count_only_what_both_sides_relaxed(throughput: Any) -> None:
    answers: dict[str, Any] = {
        "ours": {0: (-1.0, 10), 1: (-2.0, 20), 2: (-3.0, 30), 3: (None, 0)},
        "package": {0: (-1.001, 40), 1: (-1.99, 60), 3: (-4.0, 50)},
    }
    blocks = [
        {"ours": (1.0, 1.5), "package": (5.0, 6.0)},
        {"ours": (1.0, 0.5), "package": (9.0, 8.0)},
        {"ours": (100.0, 100.0)},
    ]
    found = throughput.compare("package", answers=answers, blocks=blocks)
    assert found["wall_ratio"] == 7.0
    assert found["cpu_ratio"] == 7.0
    assert found["median_block_ratio"] == 7.0
    assert found["both_relaxed"] == 2
    # Ours lies 1 meV above the one and 10 below the other.
    assert found["within_2_mev_per_atom"] == 0.5
    assert found["not_higher_by_2_mev_per_atom"] == 1.0
    assert found["gaps_beyond_2_mev"] == [-10.0]


def test_the_picture_is_written(throughput: Any, tmp_path: Path) -> None:
    figures = {
        "device": "made",
        "by_batch": [(1000, 2.0, 50.0), (10_000, 3.0, 90.0)],
        "by_number": [(1, 1.0), (2, 0.6), (4, 0.4)],
    }
    path = tmp_path / "docs" / "picture.png"
    throughput.plot(figures, path=path)
    assert path.read_bytes().startswith(b"\x89PNG")
