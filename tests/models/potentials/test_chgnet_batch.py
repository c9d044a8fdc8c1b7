from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from pymatgen.core import Lattice, Structure

from matsmith.core.errors import PotentialError, StructureError
from matsmith.models.potentials.chgnet_batch import BatchedCHGNet
from matsmith.models.potentials.interface import Evaluation, PotentialRefusal, Refusal


def caesium() -> Structure:
    """No bond is short enough for an angle."""
    return Structure(Lattice.cubic(6.14), ["Cs", "Cs"], [[0, 0, 0], [0.5, 0.5, 0.5]])


def iron() -> Structure:
    return Structure(Lattice.cubic(2.83), ["Fe", "Fe"], [[0, 0, 0], [0.5, 0.5, 0.5]])


def overlapping() -> Structure:
    return Structure(Lattice.cubic(4.0), ["O", "O"], [[0, 0, 0], [0.1, 0, 0]])


def isolated() -> Structure:
    return Structure(Lattice.cubic(12.0), ["Ar"], [[0, 0, 0]])


def polonium() -> Structure:
    return Structure(Lattice.cubic(3.36), ["Po"], [[0, 0, 0]])


def collapsed() -> Structure:
    return Structure(Lattice.cubic(0.9), ["H"], [[0, 0, 0]])


def test_equals_the_package_it_takes_its_weights_from(
    potential: BatchedCHGNet, mgo: Structure, rutile: Structure, shaken_perovskite: Structure
) -> None:
    from chgnet.model.model import CHGNet

    stock: Any = CHGNet.load(use_device="cpu", verbose=False)
    structures = [mgo, rutile, shaken_perovskite, caesium(), iron()]
    for structure, ours in zip(
        structures, potential.evaluate(structures, magnetic_moments=True), strict=True
    ):
        theirs = stock.predict_structure(structure)
        assert ours.forces_ev_per_angstrom is not None
        assert ours.stress_ev_per_angstrom3 is not None
        assert ours.energy_ev / len(structure) == pytest.approx(float(theirs["e"]), abs=1e-5)
        np.testing.assert_allclose(ours.forces_ev_per_angstrom, theirs["f"], rtol=1e-4, atol=1e-4)
        largest = float(np.abs(theirs["s"]).max())
        np.testing.assert_allclose(
            ours.stress_ev_per_angstrom3 * 160.21766208, theirs["s"], atol=1e-4 * largest + 1e-3
        )
        assert ours.magnetic_moments is not None
        np.testing.assert_allclose(ours.magnetic_moments, theirs["m"], atol=1e-4)


def test_energies_alone_are_the_same_and_carry_nothing_else(
    potential: BatchedCHGNet, rutile: Structure
) -> None:
    (full,) = potential.evaluate([rutile])
    (alone,) = potential.evaluate([rutile], forces=False, stress=False)
    assert alone.energy_ev == pytest.approx(full.energy_ev, abs=1e-5)
    assert alone.forces_ev_per_angstrom is None
    assert alone.stress_ev_per_angstrom3 is None
    assert alone.magnetic_moments is None


def test_iron_is_magnetic_and_magnesia_is_not(potential: BatchedCHGNet, mgo: Structure) -> None:
    magnetic, plain = potential.evaluate([iron(), mgo], magnetic_moments=True)
    assert magnetic.magnetic_moments is not None
    assert plain.magnetic_moments is not None
    assert magnetic.magnetic_moments.min() > 1.5  # measured: 2.2 Bohr magnetons
    assert plain.magnetic_moments.max() < 0.1


@pytest.mark.parametrize(
    ("make", "code"),
    [
        (overlapping, "overlap"),
        (isolated, "isolated_atoms"),
        (polonium, "not_covered"),
        (collapsed, "collapsed"),
    ],
)
def test_refuses_what_it_cannot_judge_and_leaves_the_rest_alone(
    potential: BatchedCHGNet, mgo: Structure, make: Any, code: str
) -> None:
    first, refused, last = potential.evaluate_each([mgo, make(), iron()])
    assert isinstance(refused, Refusal)
    assert refused.code == code
    (alone,) = potential.evaluate([mgo])
    assert isinstance(first, Evaluation)
    assert isinstance(last, Evaluation)
    assert first.energy_ev == pytest.approx(alone.energy_ev, abs=1e-5)
    with pytest.raises(PotentialRefusal) as caught:
        potential.evaluate([mgo, make()])
    assert caught.value.index == 1
    assert caught.value.refusal.code == code


def test_a_batch_of_nothing_but_refusals(potential: BatchedCHGNet) -> None:
    answers = list(potential.evaluate_each([overlapping(), isolated(), polonium()]))
    assert [a.code for a in answers if isinstance(a, Refusal)] == ["overlap", "isolated_atoms", "not_covered"]
    assert potential.evaluate([]) == []


def test_partly_occupied_sites_are_not_guessed(potential: BatchedCHGNet) -> None:
    mixed = Structure(Lattice.cubic(3.6), [{"Cu": 0.5, "Au": 0.5}], [[0, 0, 0]])
    with pytest.raises(StructureError):
        potential.evaluate([mixed])


def test_oxidation_states_make_no_difference(potential: BatchedCHGNet, mgo: Structure) -> None:
    decorated = mgo.copy()
    decorated.add_oxidation_state_by_element({"Mg": 2, "O": -2})
    a, b = potential.evaluate([mgo, decorated])
    assert a.energy_ev == pytest.approx(b.energy_ev, abs=1e-6)


def test_many_batches_give_the_same_as_one(
    mgo: Structure, rutile: Structure, potential: BatchedCHGNet
) -> None:
    small = BatchedCHGNet(batch_cost=1)
    structures = [mgo, rutile, iron()]
    for a, b in zip(small.evaluate(structures), potential.evaluate(structures), strict=True):
        assert a.energy_ev == pytest.approx(b.energy_ev, abs=1e-4)


def test_says_what_it_is(potential: BatchedCHGNet) -> None:
    assert len(potential.elements) == 89
    assert {"O", "U", "Pu"} <= potential.elements
    assert "Po" not in potential.elements
    assert len(potential.weights_hash) == 64
    with pytest.raises(PotentialError):
        BatchedCHGNet(version="9.9")


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU here")
def test_gpu_equals_cpu(potential: BatchedCHGNet, rutile: Structure) -> None:
    (a,), (b,) = potential.evaluate([rutile]), BatchedCHGNet(device="cuda").evaluate([rutile])
    assert a.energy_ev == pytest.approx(b.energy_ev, abs=1e-4)
    assert a.forces_ev_per_angstrom is not None
    assert b.forces_ev_per_angstrom is not None
    np.testing.assert_allclose(a.forces_ev_per_angstrom, b.forces_ev_per_angstrom, atol=1e-3)
