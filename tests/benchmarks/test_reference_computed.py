"""Results are kept across a torn line, and elastic constants come out of the stresses of a made crystal."""

from __future__ import annotations

import importlib
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks"
GPA = 160.21766208


@pytest.fixture
def computed(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    yield importlib.import_module("reference_computed")
    sys.modules.pop("reference_computed", None)


def test_what_was_stored_is_there_again_and_a_torn_line_is_not(computed: Any, tmp_path: Path) -> None:
    path = tmp_path / "store.jsonl"
    store = computed.Store(path)
    store.put("a", {"x": 1})
    with path.open("a") as stream:
        stream.write('{"key": "b", "val')
    again = computed.Store(path)
    assert again.get("a") == {"x": 1}
    assert again.get("b") is None
    again.put("b", 2)
    assert [json.loads(line)["key"] for line in path.read_text().splitlines()] == ["a", "b"]
    assert computed.Store(path).get("b") == 2


def stiffness(c11: float, c12: float, c13: float, c33: float, c44: float, c66: float) -> Any:
    matrix = np.diag([c11, c11, c33, c44, c44, c66])
    matrix[0, 1] = matrix[1, 0] = c12
    matrix[:2, 2] = matrix[2, :2] = c13
    return matrix


def stress_of(matrix: Any, strain: Any) -> Any:
    voigt = np.array(
        [strain[0, 0], strain[1, 1], strain[2, 2], 2 * strain[1, 2], 2 * strain[0, 2], 2 * strain[0, 1]]
    )
    s = matrix @ voigt / GPA
    return np.array([[s[0], s[5], s[4]], [s[5], s[1], s[3]], [s[4], s[3], s[2]]])


@pytest.mark.parametrize(
    ("space_group", "wanted"),
    [
        (225, {"C11": 200.0, "C12": 120.0, "C44": 80.0}),
        (194, {"C11": 160.0, "C12": 90.0, "C13": 70.0, "C33": 180.0, "C44": 45.0}),
        (136, {"C11": 270.0, "C12": 175.0, "C13": 147.0, "C33": 484.0, "C44": 124.0, "C66": 190.0}),
    ],
)
def test_constants_of_a_made_crystal(computed: Any, space_group: int, wanted: dict[str, float]) -> None:
    matrix = stiffness(
        wanted["C11"],
        wanted["C12"],
        wanted.get("C13", wanted["C12"]),
        wanted.get("C33", wanted["C11"]),
        wanted["C44"],
        wanted.get("C66", wanted["C44"]),
    )
    components = computed._strains(space_group)
    # A residual stress and an odd third-order term: the first drops out, the second shows as spread.
    stress = {
        (component, sign * amplitude): stress_of(matrix, computed._strain(component, sign * amplitude))
        * (1 + 5 * amplitude**2)
        + 0.01
        for component in components
        for amplitude in computed.AMPLITUDES
        for sign in (1, -1)
    }
    found = computed._constants(stress, components=components)
    assert found["constants"].keys() == wanted.keys()
    for name, value in wanted.items():
        assert found["constants"][name] == pytest.approx(value, rel=2e-3), name
        assert 0 < found["spread"][name] < 2e-3 * value
    stress[components[0], computed.AMPLITUDES[0]] = None
    assert computed._constants(stress, components=components)["constants"] == {}
