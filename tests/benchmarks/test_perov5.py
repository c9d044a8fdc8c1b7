"""The baselines of the structure-prediction benchmark are what they say."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks"


@pytest.fixture
def perov5(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    sys.modules.pop("perov5", None)
    return importlib.import_module("perov5")


@pytest.mark.parametrize(
    ("numbers", "corner", "centre"),
    [((22, 8, 56, 8, 8), "Ba", "Ti"), ((56, 8, 8, 8, 22), "Ba", "Ti"), ((9, 9, 9, 28, 19), "K", "Ni")],
)
def test_the_bigger_ion_is_on_the_corner_and_the_anions_on_the_faces(
    perov5: Any, numbers: tuple[int, ...], corner: str, centre: str
) -> None:
    crystal = perov5.template(np.array(numbers))
    assert [str(site.specie) for site in crystal[:2]] == [corner, centre]
    np.testing.assert_array_equal(crystal[0].frac_coords, 0)
    np.testing.assert_array_equal(crystal[1].frac_coords, 0.5)
    assert {str(site.specie) for site in crystal[2:]} in ({"O"}, {"F"})
    # Six anions around the centre, half an edge away.
    assert len(crystal.get_neighbors(crystal[1], 2.1)) == 6
