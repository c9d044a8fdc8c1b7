"""The shipped phases: what is there, and that a damaged file is refused."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from matsmith.core.errors import DataError
from matsmith.knowledge import phases
from matsmith.knowledge.hull import ConvexHull

METHOD = {"potential": "made", "weights_hash": "0", "date": "2020-01-01"}
ROCKSALT: dict[str, Any] = {
    "formula": "MgO",
    "prototype": "AB_cF8_225_a_b",
    "space_group": 225,
    "energy_ev_per_atom": -6.2,
    "converged": True,
    "lattice": [[0, 2.1, 2.1], [2.1, 0, 2.1], [2.1, 2.1, 0]],
    "species": ["Mg", "O"],
    "positions": [[0, 0, 0], [0.5, 0.5, 0.5]],
}


def write(path: Path, content: Any) -> Path:
    path.write_bytes(gzip.compress(json.dumps(content).encode()))
    return path


@pytest.fixture
def made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "phases.json.gz"
    monkeypatch.setattr(phases, "PHASES_FILE", path)
    return path


def test_a_made_file_is_read(made: Path) -> None:
    write(made, {"method": METHOD, "searched": ["Mg-O"], "phases": [ROCKSALT]})
    (phase,) = phases.shipped_phases({"Mg", "O", "Al"})
    assert (phase.formula, phase.space_group, phase.elements) == ("MgO", 225, {"Mg", "O"})
    assert phase.crystal().formula == "MgO"
    assert phases.shipped_phases({"Mg"}) == []
    assert phases.shipped_elements() == ("O", "Mg")
    assert phases.searched_systems() == {frozenset(("Mg", "O"))}


@pytest.mark.parametrize(
    "change",
    [
        {"energy_ev_per_atom": None},
        {"species": ["Mg"]},
        {"species": ["Mg", "Xx"]},
        {"space_group": "cubic"},
        {"energy_ev_per_atom": "much"},
    ],
)
def test_a_malformed_phase_is_refused(made: Path, change: dict[str, Any]) -> None:
    write(made, {"method": METHOD, "searched": [], "phases": [{**ROCKSALT, **change}]})
    with pytest.raises(DataError):
        phases.shipped_phases({"Mg", "O"})


_OTHER_FORMS: list[Any] = [{}, [], {"method": METHOD}, {"method": METHOD, "searched": [], "phases": [{}]}]


@pytest.mark.parametrize("content", _OTHER_FORMS)
def test_a_file_of_another_form_is_refused(made: Path, content: Any) -> None:
    write(made, content)
    with pytest.raises(DataError):
        phases.shipped_method()


def test_a_truncated_and_a_missing_file_are_refused(made: Path) -> None:
    with pytest.raises(DataError, match="missing or damaged"):
        phases.shipped_method()
    write(made, {"method": METHOD, "searched": [], "phases": [ROCKSALT] * 50})
    made.write_bytes(made.read_bytes()[:-40])
    with pytest.raises(DataError, match="missing or damaged"):
        phases.shipped_method()


def test_what_ships_knows_its_method() -> None:
    phases._load.cache_clear()  # pyright: ignore[reportPrivateUsage]
    method = phases.shipped_method()
    assert method["potential"] == "chgnet"
    assert len(method["weights_hash"]) == 64
    assert method["n_elements"] >= 85
    assert phases.PHASES_FILE.stat().st_size < 1_500_000


def test_what_ships_are_the_elements_as_they_are() -> None:
    """Ground states that no potential of this quality misses: magnesium hcp, copper-like fcc or its stacking, tungsten bcc."""
    lowest = {s: phases.shipped_phases({s})[0] for s in ("Mg", "W", "K", "V", "Zr", "O", "N", "Se")}
    assert lowest["Mg"].space_group == 194
    assert lowest["W"].space_group == lowest["V"].space_group == 229
    assert -5.1 < lowest["O"].energy_ev_per_atom < -4.8
    assert -8.5 < lowest["N"].energy_ev_per_atom < -8.2


@pytest.mark.parametrize(
    ("formula", "elements", "space_group"),
    [("MgO", "Mg O", 225), ("Al2O3", "Al O", 167), ("Li2O", "Li O", 225), ("CaO", "Ca O", 225)],
)
def test_what_ships_holds_known_oxides_on_the_hull(formula: str, elements: str, space_group: int) -> None:
    symbols = sorted(elements.split())
    own = phases.element_energies()
    found = [p for p in phases.shipped_phases(symbols) if len(p.elements) == 2]
    fractions = [[p.amounts[s] / sum(p.amounts.values()) for s in symbols] for p in found]
    formation = [
        p.energy_ev_per_atom - sum(x * own[s] for x, s in zip(row, symbols, strict=True))
        for p, row in zip(found, fractions, strict=True)
    ]
    import numpy as np

    hull = ConvexHull.build(symbols, np.array(fractions), formation)
    lowest = min((k for k, p in enumerate(found) if p.formula == formula), key=lambda k: formation[k])
    assert found[lowest].space_group == space_group
    assert hull.energy_above_hull(np.array([fractions[lowest]]), np.array([formation[lowest]]))[0] < 1e-6
