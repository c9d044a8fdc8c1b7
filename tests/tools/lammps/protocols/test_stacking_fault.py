"""Slip on planes: the curve's top, the geometry, and copper against its potential's paper."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk  # pyright: ignore[reportUnknownVariableType]
from ase.neighborlist import neighbor_list  # pyright: ignore[reportUnknownVariableType]

from matsmith.core.record import Outcome
from matsmith.models.potentials.interface import FloatArray
from matsmith.tools.lammps.failures import DynamicsError
from matsmith.tools.lammps.parent_lattice import Parent, frame_along, parent_of
from matsmith.tools.lammps.protocols import stacking_fault
from matsmith.tools.lammps.protocols.stacking_fault import SLIPS, gamma_line, slid
from matsmith.tools.lammps.structures import repeated

RunProtocol = Callable[..., Outcome]


def test_the_top_lies_between_points() -> None:
    shares = np.linspace(0, 1, 11)
    found = gamma_line(shares, 100 - 400 * (shares - 0.53) ** 2)
    assert found.largest_mj_per_m2 == pytest.approx(100, abs=1e-6)
    assert found.largest_at == pytest.approx(0.53, abs=1e-6)


@pytest.mark.parametrize("name", SLIPS)
def test_the_whole_slip_of_bcc_is_a_lattice_vector_and_of_fcc_a_fault(name: str) -> None:
    prototype = "fcc" if name.startswith("fcc") else "bcc"
    slip = SLIPS[name]
    parent = Parent(prototype=prototype, a_angstrom=3.0, fractions={"Cu": 1.0})
    atoms = parent.cut(slip.directions, repeat=(1, 1, 2))
    assert len(np.unique(atoms.get_positions()[:, 2].round(4))) == 2 * slip.layers_per_repeat

    def neighbours(cell: Atoms) -> FloatArray:
        distances = np.asarray(cast("Any", neighbor_list)("d", cell, 3.2), dtype=np.float64)
        return np.sort(np.round(distances, 4))

    whole = slip.length_in_a * 3.0
    after = [neighbours(slid(atoms, sense * whole)) for sense in (1, -1)]
    same = [len(each) == len(neighbours(atoms)) and np.allclose(each, neighbours(atoms)) for each in after]
    assert any(same) if prototype == "bcc" else True
    if prototype == "fcc":
        # One sense keeps twelve near neighbours (the fault), the other puts atoms above each other.
        near = [int((each < 2.2).sum()) for each in after]
        assert max(near) == 12 * len(atoms)
        assert min(near) < 12 * len(atoms)


def test_lattices_are_recognised_with_several_elements() -> None:
    atoms = repeated(bulk("Cu", a=3.6, cubic=True), (2, 2, 2))
    atoms.symbols = np.random.default_rng(1).permutation(["Cu"] * 24 + ["Ni"] * 8).tolist()
    atoms.rattle(0.03, seed=2)
    parent = parent_of(atoms, wanted=("fcc",), what="Faults")
    assert parent.prototype == "fcc"
    assert parent.fractions == {"Cu": 0.75, "Ni": 0.25}
    cut = parent.cut(SLIPS["fcc_111"].directions, repeat=(2, 2, 1), seed=4)
    assert list(cut.symbols).count("Ni") == len(cut) // 4


def test_other_lattices_and_ordered_compounds_are_refused() -> None:
    with pytest.raises(DynamicsError) as refusal:
        parent_of(bulk("Mg", orthorhombic=True), wanted=("fcc", "bcc"), what="Faults")
    assert refusal.value.code == "other_lattice"
    with pytest.raises(DynamicsError) as refusal:
        parent_of(bulk("NiAl", "cesiumchloride", a=2.88), wanted=("bcc",), what="Faults")
    assert refusal.value.code == "ordered_compound"


@pytest.mark.parametrize("direction", [(1, 0, 0), (1, 1, 1), (2, 1, 0), (1, -2, 3)])
def test_frames_are_right_angled_and_right_handed(direction: tuple[int, int, int]) -> None:
    axes = np.array(frame_along(direction))
    assert np.array_equal(axes @ axes.T, np.diag(np.diag(axes @ axes.T)))
    assert np.linalg.det(axes) > 0


def test_copper_has_its_potentials_published_fault(run_protocol: RunProtocol) -> None:
    # Y. Mishin et al., Phys. Rev. B 63, 224106 (2001): 44.4 mJ/m² intrinsic, 158 unstable.
    outcome = run_protocol(stacking_fault.TOOL, element="Cu", potential="cu_mishin1", points=6, layers=9)
    assert outcome.failure is None, outcome.failure
    assert outcome.quantities["stacking_fault_energy"].value == pytest.approx(44.4, abs=0.5)
    assert outcome.quantities["unstable_stacking_fault_energy"].value == pytest.approx(160, abs=5)
    assert "traces" in outcome.facts


def test_planes_that_are_not_built_in_are_refused(run_protocol: RunProtocol) -> None:
    outcome = run_protocol(stacking_fault.TOOL, element="Cu", potential="cu_mishin1", plane="110")
    assert outcome.failure is not None
    assert outcome.failure.code == "wrong_plane"
