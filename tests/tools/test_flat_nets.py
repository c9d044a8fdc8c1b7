"""Flat nets are found in crystals that are known for them, and not in those that are not."""

from __future__ import annotations

import numpy as np
import pytest
from pymatgen.core import Lattice, Structure

from matsmith.core.crystal import Crystal
from matsmith.models.diffusion.motifs import MOTIFS
from matsmith.tools.flat_nets import holds_motif

KNOWN = {
    "CoSn": ("P6/mmm", Lattice.hexagonal(5.28, 4.26), "Co Sn Sn", [(0.5, 0, 0), (0, 0, 0), (1 / 3, 2 / 3, 0.5)]),
    "graphite": ("P6_3/mmc", Lattice.hexagonal(2.46, 6.7), "C C", [(0, 0, 0.25), (1 / 3, 2 / 3, 0.25)]),
    "copper": ("Fm-3m", Lattice.cubic(3.6), "Cu", [(0, 0, 0)]),
    "silicon": ("Fd-3m", Lattice.cubic(5.43), "Si", [(0, 0, 0)]),
    "MoS2": ("P6_3/mmc", Lattice.hexagonal(3.16, 12.3), "Mo S", [(1 / 3, 2 / 3, 0.25), (1 / 3, 2 / 3, 0.621)]),
    "MgCu2": ("Fd-3m", Lattice.cubic(7.05), "Mg Cu", [(1 / 8, 1 / 8, 1 / 8), (0.5, 0.5, 0.5)]),
    "CuO2": ("P4/mmm", Lattice.tetragonal(3.9, 6.0), "O O", [(0, 0, 0), (0.5, 0, 0)]),
}  # fmt: skip
HELD = {
    "CoSn": {"kagome", "honeycomb"},
    "graphite": {"honeycomb"},
    "copper": {"triangular", "square"},
    "silicon": set[str](),
    "MoS2": {"triangular"},
    "MgCu2": {"kagome"},
    "CuO2": {"lieb"},
}


def _made(name: str) -> Structure:
    group, lattice, symbols, places = KNOWN[name]
    return Structure.from_spacegroup(group, lattice, symbols.split(), places)


@pytest.mark.parametrize("name", list(KNOWN))
def test_the_nets_of_known_crystals_are_found(name: str) -> None:
    crystal = Crystal.from_pymatgen(_made(name))
    assert {motif for motif in MOTIFS if holds_motif(crystal, motif)} == HELD[name]


def test_another_description_holds_the_same_net_and_a_breathing_one_does_not() -> None:
    structure = _made("CoSn")
    structure.make_supercell([[1, 1, 0], [0, 1, 0], [0, 0, 1]])
    structure.translate_sites(list(range(len(structure))), [0.1, 0.2, 0.3])
    shaken = structure.copy()
    shaken.perturb(0.03)
    assert holds_motif(Crystal.from_pymatgen(structure), "kagome")
    assert holds_motif(Crystal.from_pymatgen(shaken), "kagome")
    cell = Lattice.hexagonal(5.28, 4.26)
    small = 0.42  # triangles with edges of 0.42 and 0.58 of the cell's
    places = [(small, 0.0, 0.0), (0.0, small, 0.0), (1 - small, 1 - small, 0.0)]
    breathing = Structure(cell, ["Co"] * 3, places)
    lengths = np.sort(breathing.get_neighbor_list(5.0)[3])
    assert lengths[-1] > 1.2 * lengths[0]
    assert not holds_motif(Crystal.from_pymatgen(breathing), "kagome")
