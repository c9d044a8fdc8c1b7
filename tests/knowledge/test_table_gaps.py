"""Stand-ins for missing rows: which formulas are real enough, and what they do to a hull."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from matsmith.knowledge import offsets
from matsmith.knowledge.references import GAP_SOURCE, ReferenceSet, references_for
from matsmith.knowledge.table_gaps import charges_balance, gap_phases, known_compounds

# Formation energies near the Materials Project's, in eV/atom; magnesia has no row, as in a table with gaps.
TABLE = "formula,formation_energy_eV_per_atom\nHfO2,-3.95\nMgO2,-2.13\nMg,0.0\nO2,0.0\nHf,0.0\n"


@pytest.fixture
def gappy(tmp_path: Path) -> ReferenceSet:
    (tmp_path / "mp_formation_energy.csv.gz").write_bytes(gzip.compress(TABLE.encode(), mtime=0))
    return references_for(
        ["Hf", "Mg", "O"], data_dir=tmp_path, cache_dir=tmp_path / "cache", only="dft_table"
    )


@pytest.mark.parametrize(
    ("amounts", "balanced"),
    [
        ({"Mg": 1, "O": 1}, True),
        ({"Ga": 2, "O": 3}, True),
        ({"Si": 1, "F": 4}, True),
        ({"H": 2, "O": 1}, True),
        ({"Cu": 1, "F": 3}, False),
        ({"Rb": 1, "O": 2}, False),
        ({"Al": 1, "Ni": 3}, False),
    ],
)
def test_charges(amounts: dict[str, int], *, balanced: bool) -> None:
    assert charges_balance(amounts) is balanced


def test_stand_ins_are_binaries_near_what_was_measured() -> None:
    phases = {phase.formula: phase for phase in gap_phases()}
    assert all(len(phase.elements) == 2 for phase in phases.values())
    # Standard enthalpies of formation (CODATA, Cox et al. 1989): MgO -601.60 and Al2O3 -1675.7 kJ/mol.
    for formula, measured_ev_per_atom in {"MgO": -601.60 / 96.485 / 2, "Al2O3": -1675.7 / 96.485 / 5}.items():
        phase = phases[formula]
        assert phase.formation_energy_ev_per_atom == pytest.approx(measured_ev_per_atom, abs=0.1)
        assert 0.02 < phase.sigma_ev_per_atom < 0.2
    assert "CuF3" not in phases


def test_a_formula_known_by_its_charges_only_is_less_sure() -> None:
    sigma = offsets.shipped_offsets().sigma_ev_per_atom["oxide"]
    phases = {phase.formula: phase for phase in gap_phases() if "O" in phase.elements}
    known = known_compounds()
    assert {p.sigma_ev_per_atom / sigma for key, p in phases.items() if key in known} == {1.0}
    charged = [
        p.sigma_ev_per_atom / sigma for key, p in phases.items() if key not in known and "F" not in key
    ]
    assert charged
    assert min(charged) > 1.1


def test_a_missing_row_is_filled_and_marked(gappy: ReferenceSet) -> None:
    magnesia = gappy.phase("MgO")
    assert magnesia is not None
    assert magnesia.source == GAP_SOURCE
    # What the table itself says of a formula is never the stand-in's value.
    assert gappy.table_formation_energy("MgO") is None
    hafnia = gappy.phase("HfO2")
    assert hafnia is not None
    assert (hafnia.formation_energy_ev_per_atom, hafnia.sigma_ev_per_atom) == (-3.95, 0.0)


def test_a_stand_in_competes_and_carries_its_error(gappy: ReferenceSet) -> None:
    # Without magnesia the hull is MgO2 + Mg + HfO2, some 0.6 eV/atom too high for an oxide of magnesium.
    bare = gappy.without("MgO")
    assert dict(gappy.decomposition("Mg2HfO4")).keys() == {"MgO", "HfO2"}
    assert gappy.energy_above_hull("Mg2HfO4", -3.4) > bare.energy_above_hull("Mg2HfO4", -3.4) + 0.4
    magnesia = gappy.phase("MgO")
    assert magnesia is not None
    # Four of the seven atoms are magnesia's, and only magnesia's energy is the potential's.
    assert gappy.competition_sigma("Mg2HfO4") == pytest.approx(4 / 7 * magnesia.sigma_ev_per_atom)
    assert bare.competition_sigma("Mg2HfO4") == 0.0
