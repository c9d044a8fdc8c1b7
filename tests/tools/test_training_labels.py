from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from pymatgen.core import Lattice, Structure

from matsmith.core.settings import Settings
from matsmith.knowledge.phases import shipped_phases
from matsmith.models.diffusion.data_builder import structure_type
from matsmith.models.potentials.interface import CrystalArrays
from matsmith.tools.potential import default_potential
from matsmith.tools.training_labels import Hulls, composition_moduli, static_moduli
from matsmith.tools.training_rows import plausible, shipped_rows


@pytest.fixture
def bare(tmp_path: Path) -> Settings:
    """A machine without tables."""
    return Settings(data_dir=tmp_path, cache_dir=tmp_path, device="cpu")  # pyright: ignore[reportCallIssue]


def _hulls(settings: Settings) -> Hulls:
    return Hulls(data_dir=settings.data_dir, cache_dir=settings.cache_dir)


def test_the_ground_state_lies_on_the_hull_and_other_forms_above(bare: Settings) -> None:
    hulls = _hulls(bare)
    forms = [phase for phase in shipped_phases({"Mg", "O"}) if phase.amounts == {"Mg": 1, "O": 1}]
    lowest = hulls.labels(forms[0].amounts, forms[0].energy_ev_per_atom)
    assert lowest["energy_above_hull_ev_per_atom"] == pytest.approx(0, abs=1e-9)
    assert lowest["formation_energy_ev_per_atom"] == pytest.approx(-3.1, abs=0.3)
    higher = hulls.labels(forms[0].amounts, forms[0].energy_ev_per_atom + 0.07)
    assert higher["energy_above_hull_ev_per_atom"] == pytest.approx(0.07)
    assert hulls.tiers == Counter(shipped=2)


def test_where_no_references_are_at_hand_nothing_is_claimed(bare: Settings) -> None:
    hulls = _hulls(bare)
    assert hulls.labels({"Yb": 1, "O": 1}, -6.0) == {}
    assert hulls.tiers == Counter(none=1)
    assert plausible({})
    assert not plausible({"energy_above_hull_ev_per_atom": 0.51})
    assert not plausible({"energy_above_hull_ev_per_atom": -0.31})


def test_static_moduli_order_a_hard_and_a_soft_crystal(bare: Settings) -> None:
    magnesia = Structure.from_spacegroup(225, Lattice.cubic(4.22), ["Mg", "O"], [[0, 0, 0], [0.5, 0.5, 0.5]])
    salt = Structure.from_spacegroup(225, Lattice.cubic(5.68), ["Na", "Cl"], [[0, 0, 0], [0.5, 0.5, 0.5]])
    far = Structure.from_spacegroup(225, Lattice.cubic(5.3), ["Mg", "O"], [[0, 0, 0], [0.5, 0.5, 0.5]])
    crystals = [CrystalArrays.from_structure(one.get_primitive_structure()) for one in (magnesia, salt, far)]
    hard, soft, none = static_moduli(crystals, potential=default_potential(bare))
    # Measured: 160 and 24 GPa (knowledge/crystals.json).
    assert hard == pytest.approx(160, rel=0.25)
    assert soft == pytest.approx(24, rel=0.35)
    assert np.isnan(none), "no minimum lies within the volumes"


def test_the_composition_model_says_nothing_of_unknown_elements() -> None:
    oxide, unknown = composition_moduli(["MgO", "Og2O"])
    assert 110 < oxide < 220
    assert np.isnan(unknown)


def test_what_ships_comes_labelled_and_measured(bare: Settings) -> None:
    skipped: Counter[str] = Counter()
    rows = {row.name: row for row in shipped_rows(_hulls(bare), skipped=skipped)}
    assert len(rows) > 3000
    assert skipped["not relaxed to the end"] >= 0
    diamond = next(row for name, row in rows.items() if name.startswith("measured-C-diamond"))
    assert diamond.properties["bulk_modulus_gpa"] == pytest.approx(443, abs=5)
    assert diamond.crystal is not None
    found = structure_type(
        np.array([6] * len(diamond.crystal.species)),
        frac=np.array(diamond.crystal.positions),
        lattice=np.array(diamond.crystal.lattice),
    )
    assert found == (227, "227_2")
    labelled = [row for row in rows.values() if "energy_above_hull_ev_per_atom" in row.properties]
    assert len(labelled) > 2000
