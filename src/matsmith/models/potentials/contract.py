"""Promises that every potential keeps, as checks that a new one has to pass before it is trusted.

Each check evaluates the structures it is given and raises `ContractError` with the promise, the structure and the size of the breach.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from matsmith.core.errors import ContractError
from matsmith.models.potentials.interface import Evaluation, FloatArray, Potential

if TYPE_CHECKING:
    from pymatgen.core import Structure


def check_all(potential: Potential, structures: Sequence[Structure]) -> None:
    """Run every check on every structure."""
    check_inputs_unchanged(potential, structures)
    check_batch_equals_single(potential, structures)
    check_order_of_batch(potential, structures)
    for structure in structures:
        check_lattice_translation(potential, structure)
        check_rotation(potential, structure)
        check_supercell(potential, structure)
        check_no_net_force(potential, structure)
        check_forces_are_slopes(potential, structure)
        check_stress_is_slope(potential, structure)


def check_inputs_unchanged(potential: Potential, structures: Sequence[Structure]) -> None:
    """Evaluation leaves what it was given as it was."""
    before = [s.copy() for s in structures]
    potential.evaluate(structures, magnetic_moments=True)
    for old, new in zip(before, structures, strict=True):
        same = np.array_equal(old.frac_coords, new.frac_coords) and np.array_equal(
            old.lattice.matrix, new.lattice.matrix
        )
        if not same or old.species != new.species or old.site_properties != new.site_properties:
            raise ContractError(f"{potential.name} changed its input {old.composition.reduced_formula}.")


def check_batch_equals_single(
    potential: Potential,
    structures: Sequence[Structure],
    *,
    energy_ev_per_atom: float = 2e-5,
    force_ev_per_angstrom: float = 1e-3,
) -> None:
    """A crystal has the same energy, forces and stress in company as alone."""
    together = potential.evaluate(structures)
    for structure, one in zip(structures, together, strict=True):
        (alone,) = potential.evaluate([structure])
        _compare(
            f"{potential.name}: {_name(structure)} in a batch and alone",
            one,
            alone,
            energy_ev=energy_ev_per_atom * len(structure),
            force_ev_per_angstrom=force_ev_per_angstrom,
        )


def check_order_of_batch(potential: Potential, structures: Sequence[Structure]) -> None:
    """Answers come in the order of the questions."""
    forward = potential.evaluate(structures)
    backward = potential.evaluate(list(reversed(structures)))
    for structure, a, b in zip(structures, forward, reversed(backward), strict=True):
        _compare(
            f"{potential.name}: {_name(structure)} in a reversed batch", a, b, energy_ev=2e-5 * len(structure)
        )


def check_lattice_translation(potential: Potential, structure: Structure) -> None:
    """Moving all atoms together, or one by a lattice vector, changes nothing."""
    (still,) = potential.evaluate([structure])
    moved = structure.copy()
    moved.translate_sites(list(range(len(moved))), [0.137, -0.291, 0.418], to_unit_cell=True)
    moved.translate_sites([0], [1, -2, 0], to_unit_cell=False)
    (after,) = potential.evaluate([moved])
    _compare(
        f"{potential.name}: {_name(structure)} translated", still, after, energy_ev=2e-5 * len(structure)
    )


def check_rotation(potential: Potential, structure: Structure) -> None:
    """A rotated crystal has the same energy, and forces and stress that turned with it."""
    from pymatgen.core import Lattice, Structure

    rotation = _rotation(np.array([1.0, 2.0, -0.5]), angle=0.7)
    turned = Structure(
        Lattice(structure.lattice.matrix @ rotation.T), structure.species, np.array(structure.frac_coords)
    )
    (still,), (after,) = potential.evaluate([structure]), potential.evaluate([turned])
    expected = Evaluation(
        energy_ev=still.energy_ev,
        forces_ev_per_angstrom=_forces(still) @ rotation.T,
        stress_ev_per_angstrom3=rotation @ _stress(still) @ rotation.T,
    )
    _compare(
        f"{potential.name}: {_name(structure)} rotated", expected, after, energy_ev=2e-5 * len(structure)
    )


def check_supercell(potential: Potential, structure: Structure) -> None:
    """Twice the cell has twice the energy, the same forces and the same stress."""
    doubled = structure.copy()
    doubled.make_supercell([1, 1, 2])
    (one,), (two,) = potential.evaluate([structure]), potential.evaluate([doubled])
    origin = _origins(structure, doubled)
    expected = Evaluation(
        energy_ev=2 * one.energy_ev,
        forces_ev_per_angstrom=_forces(one)[origin],
        stress_ev_per_angstrom3=_stress(one),
    )
    _compare(f"{potential.name}: {_name(structure)} doubled", expected, two, energy_ev=4e-5 * len(structure))


def check_no_net_force(
    potential: Potential, structure: Structure, *, force_ev_per_angstrom: float = 1e-3
) -> None:
    """Forces sum to nothing, and the stress is symmetric."""
    (one,) = potential.evaluate([structure])
    net = float(np.abs(_forces(one).sum(axis=0)).max())
    if net > force_ev_per_angstrom * len(structure):
        raise ContractError(f"{potential.name}: {_name(structure)} feels a net force of {net:.2e} eV/Å.")
    skew = float(np.abs(_stress(one) - _stress(one).T).max())
    if skew > 1e-5:
        raise ContractError(f"{potential.name}: {_name(structure)} has a stress askew by {skew:.2e} eV/Å³.")


def check_forces_are_slopes(
    potential: Potential,
    structure: Structure,
    *,
    step_angstrom: float = 0.01,
    tolerance_ev_per_angstrom: float = 0.01,
) -> None:
    """Forces are minus the slope of the energy, by central differences along three random directions."""
    (here,) = potential.evaluate([structure], stress=False)
    forces = _forces(here)
    generator = np.random.default_rng(7)
    for _ in range(3):
        direction = generator.normal(size=forces.shape)
        direction /= np.linalg.norm(direction)
        ahead, behind = (_shifted(structure, sign * step_angstrom * direction) for sign in (1, -1))
        up, down = potential.evaluate([ahead, behind], forces=False, stress=False)
        slope = -(up.energy_ev - down.energy_ev) / (2 * step_angstrom)
        projected = float((forces * direction).sum())
        if abs(slope - projected) > tolerance_ev_per_angstrom + 0.01 * abs(slope):
            text = f"{projected:.5f} eV/Å along a direction, the energy says {slope:.5f}."
            raise ContractError(f"{potential.name}: the forces on {_name(structure)} are {text}")


def check_stress_is_slope(
    potential: Potential,
    structure: Structure,
    *,
    strain: float = 2e-3,
    tolerance_ev_per_angstrom3: float = 5e-4,
) -> None:
    """The stress is the slope of the energy with strain over the volume, in all six components."""
    from pymatgen.core import Lattice, Structure

    (here,) = potential.evaluate([structure])
    stress, volume = _stress(here), float(structure.volume)
    for a in range(3):
        for b in range(a, 3):
            tilt = np.zeros((3, 3))
            tilt[a, b] += 0.5 * strain
            tilt[b, a] += 0.5 * strain
            cells = [
                Structure(
                    Lattice(structure.lattice.matrix @ (np.eye(3) + sign * tilt)),
                    structure.species,
                    structure.frac_coords,
                )
                for sign in (1, -1)
            ]
            up, down = potential.evaluate(cells, forces=False, stress=False)
            slope = (up.energy_ev - down.energy_ev) / (2 * strain * volume)
            if abs(slope - stress[a, b]) > tolerance_ev_per_angstrom3 + 0.02 * abs(slope):
                text = f"component {a}{b} is {stress[a, b]:.6f} eV/Å³, the energy says {slope:.6f}."
                raise ContractError(f"{potential.name}: stress of {_name(structure)}: {text}")


def _compare(
    what: str, a: Evaluation, b: Evaluation, *, energy_ev: float, force_ev_per_angstrom: float = 1e-3
) -> None:
    gap = abs(a.energy_ev - b.energy_ev)
    if not gap <= energy_ev:
        raise ContractError(f"{what}: energies differ by {gap:.2e} eV.")
    scale = max(1.0, float(np.abs(_forces(a)).max()))
    gap = float(np.abs(_forces(a) - _forces(b)).max())
    if not gap <= force_ev_per_angstrom * scale:
        raise ContractError(f"{what}: forces differ by {gap:.2e} eV/Å.")
    scale = max(0.01, float(np.abs(_stress(a)).max()))
    gap = float(np.abs(_stress(a) - _stress(b)).max())
    if not gap <= 2e-3 * scale:
        raise ContractError(f"{what}: stresses differ by {gap:.2e} eV/Å³.")


def _forces(evaluation: Evaluation) -> FloatArray:
    if evaluation.forces_ev_per_angstrom is None:
        raise ContractError("Forces were asked for and not given.")
    return evaluation.forces_ev_per_angstrom


def _stress(evaluation: Evaluation) -> FloatArray:
    if evaluation.stress_ev_per_angstrom3 is None:
        raise ContractError("A stress was asked for and not given.")
    return evaluation.stress_ev_per_angstrom3


def _name(structure: Structure) -> str:
    return str(structure.composition.reduced_formula)


def _shifted(structure: Structure, displacements_angstrom: FloatArray) -> Structure:
    from pymatgen.core import Structure

    return Structure(
        structure.lattice,
        structure.species,
        structure.cart_coords + displacements_angstrom,
        coords_are_cartesian=True,
    )


def _origins(structure: Structure, supercell: Structure) -> list[int]:
    """For every site of the supercell, the site of the small cell that it repeats."""
    wanted = np.asarray(structure.lattice.get_fractional_coords(supercell.cart_coords))
    gap = wanted[:, None, :] - np.asarray(structure.frac_coords)[None, :, :]
    gap -= np.round(gap)
    return [int(k) for k in (gap**2).sum(axis=2).argmin(axis=1)]


def _rotation(axis: FloatArray, *, angle: float) -> FloatArray:
    """Rotation matrix by Rodrigues' formula; the angle in radians."""
    x, y, z = axis / np.linalg.norm(axis)
    cross = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    return np.eye(3) + np.sin(angle) * cross + (1 - np.cos(angle)) * cross @ cross
