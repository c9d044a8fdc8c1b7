"""Kinds of hops and where they lead: the twelve neighbours of fcc are one kind, and a chain leads in one direction."""

from __future__ import annotations

import numpy as np
import pytest
from pymatgen.core import Lattice, Structure

from matsmith.knowledge.crystals import find
from matsmith.models.hops import directions, distinct_hops


def test_nearest_neighbours_of_fcc_are_one_kind() -> None:
    copper = Structure(3.61 / 2 * np.array([[0, 1, 1], [1, 0, 1], [1, 1, 0]]), ["Cu"], [[0, 0, 0]])
    hops = distinct_hops(copper, "Cu", longest_angstrom=3.7)
    assert [round(hop.length_angstrom, 3) for hop in hops] == [round(3.61 / 2**0.5, 3), 3.61]
    assert [len(hop.edges) for hop in hops] == [12, 6]
    assert [directions(hop.edges) for hop in hops] == [3, 3]


def test_lithium_in_the_olivine_goes_along_chains_first() -> None:
    olivine = find("LiFePO4")[0].structure().get_primitive_structure()
    hops = distinct_hops(olivine, "Li", longest_angstrom=5.8)
    # Along [010], 3.0 Å: the known path (Morgan, Van der Ven & Ceder 2004).
    assert hops[0].length_angstrom == pytest.approx(3.0, abs=0.1)
    assert directions(hops[0].edges) == 1
    assert directions([edge for hop in hops for edge in hop.edges]) == 3


def test_layers_lead_in_two_directions() -> None:
    layered = find("LiCoO2")[0].structure().get_primitive_structure()
    hops = distinct_hops(layered, "Li", longest_angstrom=3.2)
    assert len(hops) == 1
    assert directions(hops[0].edges) == 2


def test_a_supercell_has_the_same_kinds() -> None:
    cell = Structure(Lattice.tetragonal(3.0, 3.4), ["Na"], [[0, 0, 0]])
    doubled = cell.copy()
    doubled.make_supercell([2, 2, 2])
    lengths = [
        [round(hop.length_angstrom, 3) for hop in distinct_hops(each, "Na", longest_angstrom=4.4)]
        for each in (cell, doubled)
    ]
    assert lengths[0] == lengths[1]


def test_nothing_moves_where_no_site_is_near() -> None:
    lonely = Structure(Lattice.cubic(8.0), ["Li", "O"], [[0, 0, 0], [0.5, 0.5, 0.5]])
    assert distinct_hops(lonely, "Li", longest_angstrom=5.0) == []
    assert directions([]) == 0
