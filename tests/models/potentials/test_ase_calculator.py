"""ASE calculators behind the interface: the same numbers as in ASE, the same promises as the batched potential."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from ase.calculators.calculator import Calculator, CalculatorSetupError, all_changes
from ase.calculators.emt import EMT
from ase.calculators.lj import LennardJones
from pymatgen.core import Lattice, Structure
from pymatgen.io.ase import AseAtomsAdaptor

from matsmith.core.errors import PotentialError, StructureError
from matsmith.models.potentials import contract
from matsmith.models.potentials.ase_calculator import AsePotential, weights_hash_of
from matsmith.models.potentials.chgnet_batch import BatchedCHGNet
from matsmith.models.potentials.interface import ArrayPotential, Evaluation, PotentialRefusal, Refusal
from matsmith.models.relaxation import RelaxationFailure, Relaxed, relax

METALS = ("Cu", "Au", "Ni", "Al")


def emt() -> AsePotential:
    return AsePotential(EMT(), name="emt", version="1", elements=METALS)


def lennard_jones() -> AsePotential:
    # Argon: Rahman 1964, Phys. Rev. 136, A405. Smooth at its end, or forces would not be slopes there.
    calculator = LennardJones(sigma=3.405, epsilon=0.010323, rc=9.0, ro=6.0, smooth=True)
    return AsePotential(calculator, name="lj", version="1", elements=("Ar",), sight_angstrom=9.0)


def shaken(structure: Structure, seed: int = 3) -> Structure:
    generator = np.random.default_rng(seed)
    lattice = structure.lattice.matrix @ (np.eye(3) + 0.02 * generator.normal(size=(3, 3)))
    shift = 0.01 * generator.normal(size=(len(structure), 3))
    return Structure(lattice, structure.species, structure.frac_coords + shift)


def copper_gold() -> Structure:
    return shaken(Structure(Lattice.cubic(3.75), ["Au", "Cu", "Cu", "Cu"],
                            [[0, 0, 0], [0.5, 0.5, 0], [0.5, 0, 0.5], [0, 0.5, 0.5]]))  # fmt: skip


def argon() -> Structure:
    return shaken(Structure.from_spacegroup("Fm-3m", Lattice.cubic(5.3), ["Ar"], [[0, 0, 0]]))


def test_real_calculators_keep_every_promise() -> None:
    assert isinstance(emt(), ArrayPotential)
    contract.check_all(emt(), [copper_gold(), Structure(Lattice.cubic(2.9), ["Ni"], [[0, 0, 0]])])
    contract.check_all(lennard_jones(), [argon()])


def test_numbers_are_those_of_ase() -> None:
    structure = copper_gold()
    (ours,) = emt().evaluate([structure])
    atoms: Any = AseAtomsAdaptor.get_atoms(structure)
    atoms.calc = EMT()
    assert ours.energy_ev == pytest.approx(float(atoms.get_potential_energy()), abs=1e-10)
    assert ours.forces_ev_per_angstrom is not None
    assert ours.stress_ev_per_angstrom3 is not None
    np.testing.assert_allclose(ours.forces_ev_per_angstrom, atoms.get_forces(), atol=1e-10)
    np.testing.assert_allclose(ours.stress_ev_per_angstrom3, atoms.get_stress(voigt=False), atol=1e-10)
    (alone,) = emt().evaluate([structure], forces=False, stress=False, magnetic_moments=True)
    assert alone == Evaluation(energy_ev=ours.energy_ev)


def test_copper_relaxes_to_the_lattice_constant_of_the_model_and_a_broken_cell_harms_nobody() -> None:
    start = Structure.from_spacegroup("Fm-3m", Lattice.cubic(3.8), ["Cu"], [[0, 0, 0]])
    foreign = Structure(Lattice.cubic(3.3), ["W"], [[0, 0, 0]])
    overlapping = Structure(Lattice.cubic(4.0), ["Cu", "Cu"], [[0, 0, 0], [0.1, 0, 0]])
    results = dict(relax([start, foreign, overlapping, start], potential=emt()))
    for place in (0, 3):
        good = results[place]
        assert isinstance(good, Relaxed)
        # Copper in ASE's EMT has its minimum near 3.59 Å.
        assert good.structure.lattice.a == pytest.approx(3.59, abs=0.02)
        assert good.magnetic_moments is None
    codes = [result.code for result in (results[1], results[2]) if isinstance(result, RelaxationFailure)]
    assert codes == ["not_covered", "overlap"]


def test_the_packages_own_calculator_equals_our_batch(
    potential: BatchedCHGNet, mgo: Structure, shaken_perovskite: Structure
) -> None:
    from chgnet.model.dynamics import CHGNetCalculator

    wrapped = AsePotential(
        CHGNetCalculator(use_device="cpu"), name="chgnet-ase", version="0.3.0", elements=potential.elements
    )
    structures = [mgo, shaken_perovskite]
    ours = potential.evaluate(structures, magnetic_moments=True)
    theirs = wrapped.evaluate(structures, magnetic_moments=True)
    for a, b, structure in zip(ours, theirs, structures, strict=True):
        assert a.energy_ev == pytest.approx(b.energy_ev, abs=2e-5 * len(structure))
        assert a.forces_ev_per_angstrom is not None
        assert b.forces_ev_per_angstrom is not None
        np.testing.assert_allclose(a.forces_ev_per_angstrom, b.forces_ev_per_angstrom, atol=1e-3)
        assert a.stress_ev_per_angstrom3 is not None
        assert b.stress_ev_per_angstrom3 is not None
        np.testing.assert_allclose(a.stress_ev_per_angstrom3, b.stress_ev_per_angstrom3, atol=1e-4)
        assert a.magnetic_moments is not None
        assert b.magnetic_moments is not None
        np.testing.assert_allclose(a.magnetic_moments, b.magnetic_moments, atol=1e-3)


def test_the_hash_follows_what_answers_depend_on() -> None:
    assert emt().weights_hash == emt().weights_hash
    first, second = LennardJones(sigma=3.4), LennardJones(sigma=3.5)
    assert weights_hash_of(first) != weights_hash_of(second)
    assert weights_hash_of(first) != weights_hash_of(EMT())

    import torch

    class Net:
        def __init__(self, value: float) -> None:
            self.model = torch.nn.Linear(2, 1)
            self.device = "cpu" if value < 2 else "elsewhere"
            with torch.no_grad():
                self.model.weight.fill_(value)
                self.model.bias.fill_(0.0)

    assert weights_hash_of(Net(1.0)) == weights_hash_of(Net(1.0))
    assert weights_hash_of(Net(1.0)) != weights_hash_of(Net(1.5))


class _Stops(Calculator):
    """Fails as real calculators do, for one element alone."""

    implemented_properties = ["energy", "forces", "stress"]  # noqa: RUF012 - the way ASE declares it

    def calculate(self, atoms: Any = None, properties: Any = None, system_changes: Any = all_changes) -> None:
        super().calculate(atoms, properties, system_changes)
        if "Au" in atoms.get_chemical_symbols():
            raise CalculatorSetupError("no parameters for gold")
        n = len(atoms)
        self.results = {"energy": -1.0 * n, "forces": np.zeros((n, 3)), "stress": np.zeros(6)}


def test_a_calculator_that_stops_is_a_refusal_with_its_reason() -> None:
    stops = AsePotential(_Stops(), name="stops", version="1", elements=METALS)
    copper = Structure(Lattice.cubic(2.6), ["Cu"], [[0, 0, 0]])
    gold = Structure(Lattice.cubic(2.9), ["Au"], [[0, 0, 0]])
    first, second, third = stops.evaluate_each([copper, gold, copper])
    assert isinstance(first, Evaluation)
    assert isinstance(third, Evaluation)
    assert isinstance(second, Refusal)
    assert second.code == "calculator_failed"
    assert "no parameters for gold" in second.message
    with pytest.raises(PotentialRefusal):
        stops.evaluate([gold])


def test_a_calculator_without_stress_is_refused_at_once() -> None:
    class NoStress(_Stops):
        implemented_properties = ["energy", "forces"]  # noqa: RUF012

    with pytest.raises(PotentialError, match="no stress"):
        AsePotential(NoStress(), name="flat", version="1", elements=METALS)


def test_partly_occupied_sites_are_not_guessed() -> None:
    with pytest.raises(StructureError):
        emt().evaluate([Structure(Lattice.cubic(3.6), [{"Cu": 0.5, "Au": 0.5}], [[0, 0, 0]])])
