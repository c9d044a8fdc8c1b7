"""The tiers: which is used, what it says of itself, and what follows for a candidate."""

from __future__ import annotations

import gzip
import json
import math
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from matsmith.core.errors import DataError, UsageError
from matsmith.knowledge.references import (
    SHIPPED_ELEMENTS,
    ReferencePhase,
    ReferenceSet,
    known_tables,
    references_for,
)
from matsmith.knowledge.tier_rates import false_stable_rate

# Formation energies in eV/atom near the true ones; LiAlO2 lies below Li2O + Al2O3.
TABLE = """formula,formation_energy_eV_per_atom
Li2O,-2.0
Li4O2,-1.9
Al2O3,-3.4
Al2O3,-3.3
LiAlO2,-3.05
AlLi,-0.2
Li5AlO4,-2.4
MgO,-3.0
Al,0.0
Al,0.1
"""
# Energies of a made potential in eV/atom: MgO lies 3.0 below its elements, its second form 0.2 above that.
SHIPPED = {
    "Mg": (["Mg"], -1.5),
    "O2": (["O", "O"], -5.0),
    "MgO": (["Mg", "O"], -6.25),
    "MgO ": (["Mg", "O"], -6.05),
}


@pytest.fixture
def shipped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Put small files of the same form in the place of the phases and offsets that ship."""
    row = {
        "prototype": "made",
        "space_group": 1,
        "converged": True,
        "lattice": [[3, 0, 0], [0, 3, 0], [0, 0, 3]],
    }
    phases = [
        {
            **row,
            "formula": name.strip(),
            "species": species,
            "positions": [[0, 0, 0], [0.5, 0, 0]][: len(species)],
            "energy_ev_per_atom": energy,
        }
        for name, (species, energy) in SHIPPED.items()
    ]
    content = {"method": {"date": "2025-01-01"}, "searched": ["Mg-O"], "phases": phases}
    (tmp_path / "phases.json.gz").write_bytes(gzip.compress(json.dumps(content).encode()))
    fit = {
        "mu_ev": {"Mg": -1.5, "O": -4.6, "Al": -3.7},
        "n_formulas": {},
        "sigma_ev_per_atom": {"all": 0.08, "oxide": 0.05},
        "unfitted_bias_ev_per_atom": 0.04,
        "polymorphs": {"ground_share": 0.8, "excess_ev_per_atom": 0.1},
        "method": "made",
        "date": "2025-01-01",
        "source": "made",
        "weights_hash": "0",
    }
    (tmp_path / "offsets.json").write_text(json.dumps(fit))
    monkeypatch.setattr("matsmith.knowledge.phases.PHASES_FILE", tmp_path / "phases.json.gz")
    monkeypatch.setattr("matsmith.knowledge.offsets.OFFSETS_FILE", tmp_path / "offsets.json")


@pytest.fixture
def data_dir(tmp_path: Path) -> Path:
    folder = tmp_path / "tables"
    folder.mkdir()
    (folder / "mp_formation_energy.csv.gz").write_bytes(gzip.compress(TABLE.encode()))
    return folder


@pytest.fixture
def oxides(data_dir: Path) -> ReferenceSet:
    return references_for(["O", "Li", "Al"], data_dir=data_dir, cache_dir=None)


def test_the_table_is_used_and_says_why_no_better_one_was(oxides: ReferenceSet) -> None:
    assert (oxides.tier, oxides.complete, oxides.date) == ("dft_table", True, "2019-04-02")
    assert oxides.elements == ("Li", "O", "Al")
    assert {phase.formula for phase in oxides.phases} == {"Li2O", "Al2O3", "AlLiO2", "AlLi", "AlLi5O4", "Al"}
    [warning] = oxides.warnings
    assert warning.tier == "materials_project"
    assert "no key" in warning.reason
    assert "MP_API_KEY" in warning.hint


def test_energies_above_hull_by_hand(oxides: ReferenceSet) -> None:
    assert oxides.energy_above_hull("LiAlO2", -3.05) == pytest.approx(0.0)
    assert oxides.energy_above_hull({"Li": 2, "Al": 2, "O": 4}, -3.0) == pytest.approx(0.05)
    # Li5AlO4 falls apart into 2 Li2O (6 of 10 atoms) and LiAlO2 (4 of 10): -2.42.
    assert oxides.energy_above_hull("Li5AlO4", -2.4) == pytest.approx(0.02)
    assert oxides.decomposition("Li5AlO4") == [("Li2O", pytest.approx(0.6)), ("AlLiO2", pytest.approx(0.4))]
    assert oxides.energy_above_hull("Li2O", -1.9) == pytest.approx(0.1)
    assert oxides.decomposition({"O": 1.0}) == [("O", 1.0)]


def test_a_known_formula_can_be_judged_by_its_competitors_alone(oxides: ReferenceSet) -> None:
    left = oxides.without("Al2Li2O4")
    assert left.table_formation_energy("LiAlO2") is None
    # 5 LiAlO2 = Li5AlO4 + 2 Al2O3, half of the atoms in each: (-2.4 - 3.4) / 2 = -2.9, below Li2O + Al2O3 at -2.875.
    assert left.energy_above_hull("LiAlO2", -3.05) == pytest.approx(-3.05 + 2.9)
    assert oxides.table_formation_energy("AlLiO2") == -3.05


def test_the_lowest_row_stands_for_a_formula(oxides: ReferenceSet) -> None:
    assert oxides.table_formation_energy("Al4O6") == -3.4
    assert oxides.table_formation_energy("Li2O2") is None


def test_more_phases_only_ever_raise_the_energy_above_hull(oxides: ReferenceSet) -> None:
    extra = [
        ReferencePhase(
            formula="Li3AlO3", formation_energy_ev_per_atom=-2.9, source="made", date="2025-01-01"
        ),
        ReferencePhase(formula="LiAlO2", formation_energy_ev_per_atom=-2.0, source="made", date="2025-01-01"),
        ReferencePhase(formula="NaCl", formation_energy_ev_per_atom=-2.0, source="made", date="2025-01-01"),
    ]
    more = oxides.with_phases(extra)
    assert more.table_formation_energy("LiAlO2") == -3.05  # the lower one stays
    assert "ClNa" not in {phase.formula for phase in more.phases}
    assert more.energy_above_hull("Li5AlO4", -2.4) > oxides.energy_above_hull("Li5AlO4", -2.4) + 0.05


def test_words(oxides: ReferenceSet) -> None:
    assert oxides.verdict(0.0) == "stable"
    assert oxides.verdict(-0.3) == "stable"
    assert oxides.verdict(0.02) == "unstable"
    assert oxides.verdict(0.02, threshold_ev_per_atom=0.025) == "stable"


def test_other_elements_are_refused(oxides: ReferenceSet) -> None:
    with pytest.raises(UsageError, match="Mg is not in the system"):
        oxides.energy_above_hull("MgO", -3.0)


def test_an_element_alone_is_its_own_hull(data_dir: Path) -> None:
    alone = references_for(["Al"], data_dir=data_dir, cache_dir=None)
    assert alone.energy_above_hull("Al", 0.1) == pytest.approx(0.1)
    unknown = references_for(["U"], data_dir=data_dir, cache_dir=None)
    assert unknown.phases == ()
    assert unknown.energy_above_hull("U", 0.03) == pytest.approx(0.03)


@pytest.mark.parametrize("elements", [[], ["Li", "Na", "K", "Rb", "Cs", "Mg", "Ca", "Sr", "Ba"]])
def test_a_system_of_no_or_too_many_elements_is_refused(data_dir: Path, elements: list[str]) -> None:
    with pytest.raises(UsageError, match="cannot be built"):
        references_for(elements, data_dir=data_dir, cache_dir=None)


def test_the_materials_project_is_preferred_and_keeps_its_own_elements(
    data_dir: Path, tmp_path: Path
) -> None:
    kept = tmp_path / "cache" / "materials_project" / "Mg-O.json"
    kept.parent.mkdir(parents=True)
    today = datetime.now(UTC).isoformat(timespec="seconds")
    energies = {"O": -4.95, "Mg": -1.6, "MgO": -6.25}
    kept.write_text(
        json.dumps(
            {
                "thermo_type": "GGA_GGA+U",
                "date": today,
                "elements": ["O", "Mg"],
                "energies_ev_per_atom": energies,
            }
        )
    )
    found = references_for(["Mg", "O"], data_dir=data_dir, cache_dir=tmp_path / "cache")
    assert found.tier == "materials_project"
    assert found.warnings == ()
    assert found.date == today[:10]
    assert found.table_formation_energy("MgO") == pytest.approx(-6.25 + (4.95 + 1.6) / 2)
    assert found.elemental_energies == {"O": -4.95, "Mg": -1.6}
    table = references_for(["Mg", "O"], data_dir=data_dir, cache_dir=tmp_path / "cache", only="dft_table")
    assert table.table_formation_energy("MgO") == -3.0


def test_a_tier_asked_for_by_name_is_not_replaced(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="not there"):
        references_for(["Mg", "O"], data_dir=tmp_path, cache_dir=None, only="dft_table")
    with pytest.raises(DataError, match="no key"):
        references_for(["Mg", "O"], data_dir=tmp_path, cache_dir=None, only="materials_project")


def test_a_changed_table_is_read_anew(data_dir: Path) -> None:
    assert (
        references_for(["Mg", "O"], data_dir=data_dir, cache_dir=None).table_formation_energy("MgO") == -3.0
    )
    path = data_dir / "mp_formation_energy.csv.gz"
    path.write_bytes(gzip.compress(TABLE.replace("MgO,-3.0", "MgO,-3.1").encode()))
    assert (
        references_for(["Mg", "O"], data_dir=data_dir, cache_dir=None).table_formation_energy("MgO") == -3.1
    )
    assert known_tables(data_dir) is known_tables(data_dir)


@pytest.mark.usefixtures("shipped")
def test_what_ships_is_used_last_and_does_not_call_anything_stable(tmp_path: Path) -> None:
    found = references_for(["Mg", "O"], data_dir=tmp_path / "empty", cache_dir=None)
    assert (found.tier, found.complete, found.date) == ("shipped", True, "2025-01-01")
    assert [warning.tier for warning in found.warnings] == ["materials_project", "dft_table"]
    assert found.verdict(0.0) == "not refuted"
    assert found.verdict(0.3) == "unstable"
    assert found.table_formation_energy("MgO") == pytest.approx(-6.25 + (1.5 + 4.6) / 2)
    energy, sigma = found.formation_energy({"Mg": 1.0, "O": 1.0}, -6.05)
    assert found.energy_above_hull("MgO", energy) == pytest.approx(0.2)
    assert sigma == 0.05


@pytest.mark.usefixtures("shipped")
def test_what_ships_says_where_it_was_not_searched() -> None:
    assert not references_for(["Mg", "Al", "O"], data_dir=None, cache_dir=None).complete
    assert not references_for(["Al", "O"], data_dir=None, cache_dir=None).complete
    assert references_for(["Mg"], data_dir=None, cache_dir=None).complete


@pytest.mark.usefixtures("shipped")
def test_phases_computed_on_demand_join_what_ships_and_nothing_else(data_dir: Path) -> None:
    made = ReferencePhase(
        formula="MgAl2O4", formation_energy_ev_per_atom=-3.4, source="on demand", date="2025-01-01"
    )
    plain = references_for(["Mg", "Al", "O"], data_dir=None, cache_dir=None)
    more = references_for(["Mg", "Al", "O"], data_dir=None, cache_dir=None, extra_phases=[made])
    assert len(more.phases) == len(plain.phases) + 1
    assert more.energy_above_hull("Mg2Al4O8", -3.0) == pytest.approx(0.4)
    # MgO holds 2 of 7 atoms at -3.2, the rest are elements: without the spinel, -3.0 lies far below.
    assert plain.energy_above_hull("Mg2Al4O8", -3.0) == pytest.approx(-3.0 + 3.2 * 2 / 7)
    table = references_for(["Mg", "Al", "O"], data_dir=data_dir, cache_dir=None, extra_phases=[made])
    assert table.table_formation_energy("MgAl2O4") is None


@pytest.mark.usefixtures("shipped")
def test_a_potential_s_energy_is_put_on_the_basis_of_its_tier(data_dir: Path) -> None:
    table = references_for(["Mg", "O"], data_dir=data_dir, cache_dir=None)
    assert table.formation_energy({"Mg": 2.0, "O": 2.0}, -6.1) == (
        pytest.approx(-6.1 + (1.5 + 4.6) / 2),
        0.05,
    )
    project = replace(table, tier="materials_project", elemental_energies={"Mg": -1.6, "O": -4.95})
    # Oxides are corrected otherwise in other releases: the project's own elements, and what these are off by in the error.
    assert project.formation_energy({"Mg": 1.0, "O": 1.0}, -6.25) == (
        pytest.approx(-6.25 + (1.6 + 4.95) / 2),
        pytest.approx(math.hypot(0.05, 0.04)),
    )


@pytest.mark.usefixtures("shipped")
def test_the_materials_project_s_elements_give_way_where_no_correction_differs(data_dir: Path) -> None:
    table = references_for(["Mg", "Al"], data_dir=data_dir, cache_dir=None)
    project = replace(table, tier="materials_project", elemental_energies={"Mg": -1.6, "Al": -3.8})
    alloy = {"Mg": 1.0, "Al": 1.0}
    assert project.formation_energy(alloy, -2.7) == table.formation_energy(alloy, -2.7)
    # A form of an element is held against the potential's own lowest form, whatever the project's own energy is.
    assert project.formation_energy({"Mg": 2.0}, -1.45)[0] == pytest.approx(0.05)


def test_no_tier_covers_what_is_rare(tmp_path: Path) -> None:
    assert "Pu" not in SHIPPED_ELEMENTS
    assert len(SHIPPED_ELEMENTS) == 35
    with pytest.raises(DataError) as caught:
        references_for(["Pu", "O"], data_dir=tmp_path, cache_dir=None)
    assert caught.value.hint


def test_measured_rates_are_rates() -> None:
    rate = false_stable_rate("dft_table", 3)
    assert rate is not None
    assert rate.n_elements == 3
    assert rate.threshold_ev_per_atom == 0.0
    assert 0 < rate.called_stable < rate.unstable
    assert rate.rate == rate.called_stable / rate.unstable
    assert rate.rate < 0.3
    beyond = false_stable_rate("dft_table", 9, threshold_ev_per_atom=0.06)
    assert beyond is not None
    assert beyond.n_elements == 6
    assert beyond.threshold_ev_per_atom == 0.05
    assert false_stable_rate("materials_project", 3) is None
