"""The second look: what it tries, and that it finds what a wrong static energy had hidden."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from matsmith.tools import reference_builder as builder
from matsmith.tools.reference_deepen import deepen, second_choice

ENERGIES = {"Mg": -1.596, "O": -4.914}
RELAXED: dict[str, Any] = {
    "prototype": "AB_hP4_186_b_b",
    "slots": ["Mg", "O"],
    "energy_ev_per_atom": -6.22,
    "converged": True,
    "steps": 3,
    "max_force_ev_per_angstrom": 0.01,
    "lattice": [[3.3, 0, 0], [-1.65, 2.858, 0], [0, 0, 5.1]],
    "species": ["Mg", "Mg", "O", "O"],
    "positions": [[0.333, 0.667, 0], [0.667, 0.333, 0.5], [0.333, 0.667, 0.39], [0.667, 0.333, 0.89]],
}
LINE: dict[str, Any] = {
    "system": ["Mg", "O"],
    "screened": 3,
    "static": [
        ["AB_hP4_186_b_b", ["Mg", "O"], -6.1],
        ["A3B4_tI28_141_ad_h", ["Mg", "O"], -5.8],
        ["A2B_tP6_136_f_a", ["O", "Mg"], -3.0],
    ],
    "relaxed": [RELAXED],
}


def test_familiar_types_and_new_formulas_are_tried_and_relaxed_ones_are_not() -> None:
    tried = {
        (s.decoration.prototype.name, s.decoration.symbols) for s in second_choice(LINE, elements=ENERGIES)
    }
    assert ("AB_cF8_225_a_b", ("Mg", "O")) in tried
    assert ("A3B4_tI28_141_ad_h", ("Mg", "O")) in tried
    assert ("AB_hP4_186_b_b", ("Mg", "O")) not in tried
    assert len(tried) == len(second_choice(LINE, elements=ENERGIES))


def test_metal_pairs_are_judged_by_their_static_energies_alone() -> None:
    line = {"system": ["Zr", "Fe"], "screened": 0, "static": [], "relaxed": []}
    assert second_choice(line, elements={"Zr": -8.5, "Fe": -8.4}) == []


@pytest.fixture
def work(tmp_path: Path) -> Path:
    elements = [{"symbol": s, "relaxed": [{"energy_ev_per_atom": e}]} for s, e in ENERGIES.items()]
    (tmp_path / "elements.jsonl").write_text("".join(json.dumps(e) + "\n" for e in elements))
    (tmp_path / "systems.jsonl").write_text(json.dumps(LINE) + "\n")
    return tmp_path


def test_it_finds_rocksalt_magnesia_and_does_not_repeat_itself(work: Path) -> None:
    deepen(work)
    (line,) = builder.read_lines(work / "deepened.jsonl", key="system").values()
    best = min(line["relaxed"], key=lambda r: r["energy_ev_per_atom"] if len(set(r["species"])) == 2 else 0.0)
    assert best["prototype"] == "AB_cF8_225_a_b"
    assert best["energy_ev_per_atom"] < RELAXED["energy_ev_per_atom"]
    before = (work / "deepened.jsonl").read_bytes()
    deepen(work)
    assert (work / "deepened.jsonl").read_bytes() == before
