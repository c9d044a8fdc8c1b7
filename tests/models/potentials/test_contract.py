from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import pytest
from pymatgen.core import Structure

from matsmith.core.errors import ContractError
from matsmith.models.potentials import contract
from matsmith.models.potentials.chgnet_batch import BatchedCHGNet
from matsmith.models.potentials.interface import ArrayPotential, Evaluation, Potential


def test_chgnet_keeps_every_promise(
    potential: BatchedCHGNet, rutile: Structure, shaken_perovskite: Structure
) -> None:
    assert isinstance(potential, Potential)
    assert isinstance(potential, ArrayPotential)
    contract.check_all(potential, [shaken_perovskite, rutile])


class _Broken:
    """CHGNet with one answer spoilt, to see that the checks can fail."""

    name = version = weights_hash = "broken"

    def __init__(self, inner: BatchedCHGNet, fault: str) -> None:
        self.inner, self.fault = inner, fault
        self.elements = inner.elements

    def evaluate(
        self,
        structures: Sequence[Structure],
        *,
        forces: bool = True,
        stress: bool = True,
        magnetic_moments: bool = False,
    ) -> list[Evaluation]:
        if self.fault == "input":
            structures[0].translate_sites([0], [0.1, 0, 0])
        answers = self.inner.evaluate(
            structures, forces=forces, stress=stress, magnetic_moments=magnetic_moments
        )
        return [
            self._spoil(structure, answer, len(structures))
            for structure, answer in zip(structures, answers, strict=True)
        ]

    def _spoil(self, structure: Structure, answer: Evaluation, batch: int) -> Evaluation:
        if self.fault == "batch":
            return replace(answer, energy_ev=answer.energy_ev + 0.01 * batch)
        if self.fault == "origin":
            return replace(
                answer, energy_ev=answer.energy_ev + 0.01 * float(np.asarray(structure.frac_coords).sum())
            )
        if self.fault == "axis":
            return replace(answer, energy_ev=answer.energy_ev + 0.01 * float(structure.lattice.matrix[0, 0]))
        if self.fault == "size":
            return replace(answer, energy_ev=answer.energy_ev + 1.0)
        if self.fault == "forces" and answer.forces_ev_per_angstrom is not None:
            return replace(answer, forces_ev_per_angstrom=1.2 * answer.forces_ev_per_angstrom)
        if self.fault == "drift" and answer.forces_ev_per_angstrom is not None:
            return replace(answer, forces_ev_per_angstrom=answer.forces_ev_per_angstrom + 0.1)
        if self.fault == "stress" and answer.stress_ev_per_angstrom3 is not None:
            return replace(answer, stress_ev_per_angstrom3=-answer.stress_ev_per_angstrom3)
        return answer


def inputs_unchanged(broken: Potential, structure: Structure) -> None:
    contract.check_inputs_unchanged(broken, [structure])


def batch_equals_single(broken: Potential, structure: Structure) -> None:
    contract.check_batch_equals_single(broken, [structure, structure])


CHECKS: dict[str, Callable[[Potential, Structure], None]] = {
    "input": inputs_unchanged,
    "batch": batch_equals_single,
    "origin": contract.check_lattice_translation,
    "axis": contract.check_rotation,
    "size": contract.check_supercell,
    "forces": contract.check_forces_are_slopes,
    "drift": contract.check_no_net_force,
    "stress": contract.check_stress_is_slope,
}


@pytest.mark.parametrize("fault", CHECKS)
def test_a_broken_potential_is_caught(
    potential: BatchedCHGNet, shaken_perovskite: Structure, fault: str
) -> None:
    with pytest.raises(ContractError):
        CHECKS[fault](_Broken(potential, fault), shaken_perovskite)
