"""The builder: hulls, checkpoints, and one real small run that is stopped, resumed and exported."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from matsmith.core.errors import DataError
from matsmith.knowledge import phases
from matsmith.tools import reference_builder as builder
from matsmith.tools.reference_elements import elemental_starts
from matsmith.tools.reference_export import export
from matsmith.tools.reference_selection import lower_hull

_POINT = st.tuples(st.integers(1, 19).map(lambda k: k / 20), st.floats(-3, 1))


@given(st.lists(_POINT, max_size=30))
def test_the_lower_hull_lies_under_every_point_and_is_convex(points: list[tuple[float, float]]) -> None:
    hull = lower_hull([*points, (0.0, 0.0), (1.0, 0.0)])
    xs, ys = zip(*hull, strict=True)
    assert all(float(np.interp(x, xs, ys)) <= y + 1e-9 for x, y in points)
    slopes = np.diff(ys) / np.diff(xs)
    assert (np.diff(slopes) >= -1e-9).all()
    assert set(hull) <= {*points, (0.0, 0.0), (1.0, 0.0)}


def test_a_line_cut_off_by_a_kill_is_dropped(tmp_path: Path) -> None:
    path = tmp_path / "systems.jsonl"
    path.write_text('{"system":["Mg","O"],"relaxed":[]}\n{"system":["Al","O"],"rel')
    assert set(builder.read_lines(path, key="system")) == {("Mg", "O")}
    assert path.read_text().endswith("\n")
    path.write_text("not json\n")
    with pytest.raises(DataError):
        builder.read_lines(path, key="system")
    assert builder.read_lines(tmp_path / "none.jsonl", key="system") == {}


@pytest.mark.parametrize(("symbol", "bond"), [("N", 1.098), ("O", 1.208), ("H", 0.741), ("Cl", 1.988)])
def test_diatomic_elements_start_as_molecules(symbol: str, bond: float) -> None:
    for start in elemental_starts(symbol):
        structure = start.structure
        nearest = [min(n.nn_distance for n in structure.get_neighbors(site, 4.0)) for site in structure]
        assert min(nearest) == pytest.approx(bond, abs=0.03), start.prototype


def test_metals_start_from_the_close_packings() -> None:
    names = {start.prototype for start in elemental_starts("Fe")}
    assert {"A_cF4_225_a", "A_cI2_229_a", "A_hP2_194_c"} <= names


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run over three elements and one system, killed after its elements and resumed."""
    work = tmp_path_factory.mktemp("build")
    before = builder.COVERED_ELEMENTS
    builder.COVERED_ELEMENTS = ("O", "Mg")  # pyright: ignore[reportConstantRedefinition]
    try:
        builder.build(work, systems=[])
        first = (work / "elements.jsonl").read_bytes()
        builder.build(work, systems=[("Mg", "O")])
        assert (work / "elements.jsonl").read_bytes() == first
    finally:
        builder.COVERED_ELEMENTS = before  # pyright: ignore[reportConstantRedefinition]
    return work


def test_magnesia_is_rocksalt(built: Path) -> None:
    (line,) = builder.read_lines(built / "systems.jsonl", key="system").values()
    monoxides: list[dict[str, Any]] = [
        r for r in line["relaxed"] if r["species"].count("Mg") == r["species"].count("O")
    ]
    best = min(monoxides, key=lambda r: r["energy_ev_per_atom"])
    assert best["prototype"] == "AB_cF8_225_a_b"
    # Measured: 4.21 Å, 18.7 Å3 a formula.
    assert abs(np.linalg.det(best["lattice"])) == pytest.approx(18.7, rel=0.05)
    energies = builder.elemental_energies(built)
    formation = best["energy_ev_per_atom"] - (energies["Mg"] + energies["O"]) / 2
    assert formation == pytest.approx(-3.07, abs=0.1)


def test_export_is_read_back_and_repeats_itself(
    built: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "phases.json.gz"
    assert "1 systems" in export(built, out=out)
    first = out.read_bytes()
    export(built, out=out)
    assert out.read_bytes() == first
    monkeypatch.setattr(phases, "PHASES_FILE", out)
    found = phases.shipped_phases({"Mg", "O"})
    assert {"Mg", "O", "MgO"} <= {p.formula for p in found}
    rocksalt = next(p for p in found if p.formula == "MgO")
    assert rocksalt.space_group == 225
    assert rocksalt.crystal().formula == "MgO"
    lowest = min(p.energy_ev_per_atom for p in found if p.formula == "MgO")
    assert all(p.energy_ev_per_atom - lowest <= 0.0501 for p in found if p.formula == "MgO")
    method = phases.shipped_method()
    assert method["n_systems"] == 1
    assert "Al-O" in method["systems_missing"]
    assert not list(tmp_path.glob("*.part"))


def test_export_of_nothing_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError):
        export(tmp_path, out=tmp_path / "phases.json.gz")


def test_the_command_line_exports(built: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "made.json.gz"
    assert builder.main(["export", "--work", os.fspath(built), "--out", os.fspath(out)]) == 0
    assert "2 elements" in capsys.readouterr().out
    with pytest.raises(SystemExit):
        builder.main(["nothing"])


def test_lines_hold_plain_data(built: Path) -> None:
    for name in ("elements.jsonl", "systems.jsonl"):
        for text in (built / name).read_text().splitlines():
            assert json.dumps(json.loads(text), separators=(",", ":")) == text
