"""Any ASE calculator as a `Potential`: one crystal after the other, with the same refusals as the batched potential.

ASE gives energies in eV, forces in eV/Å and stresses in eV/Å³, positive under tension (Larsen et al. 2017, J. Phys.: Condens.
Matter 29, 273002), which are the units of `Evaluation`. What the calculator itself cannot do comes back as a refusal.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from ase.calculators.calculator import CalculatorError, PropertyNotImplementedError
from ase.data import atomic_numbers, covalent_radii

from matsmith.core.errors import PotentialError
from matsmith.models.potentials.interface import (
    CrystalArrays,
    Evaluation,
    FloatArray,
    PotentialRefusal,
    Refusal,
)
from matsmith.models.potentials.periodic_graph import check_cell, check_neighbours, find_neighbours

if TYPE_CHECKING:
    from ase import Atoms
    from numpy.typing import NDArray
    from pymatgen.core import Structure

_NEEDED = ("energy", "forces", "stress")
# What calculators raise for a structure that they cannot handle; anything else is a defect and goes up.
_FAILURES = (
    CalculatorError,
    PropertyNotImplementedError,
    ArithmeticError,
    IndexError,
    RuntimeError,
    ValueError,
)
_SIGHT_ANGSTROM = 6.0


class AsePotential:
    """An ASE calculator behind the interface of all potentials.

    `sight_angstrom` is how far an atom may stand from its nearest neighbour before it counts as isolated, for calculators
    that reach farther or less far than the usual 6 Å. Raises `PotentialError` for a calculator without forces or stress.
    """

    batch_cost = 1  # nothing is gained by holding several crystals: each is evaluated alone

    def __init__(
        self,
        calculator: Any,
        *,
        name: str,
        version: str,
        elements: Iterable[str],
        sight_angstrom: float = _SIGHT_ANGSTROM,
    ) -> None:
        offered: list[str] = list(calculator.implemented_properties)
        lacking = [each for each in _NEEDED if each not in offered]
        if lacking:
            raise PotentialError(
                f"The calculator {name} gives no {' and no '.join(lacking)}.",
                hint="A relaxation of atoms and cell needs energy, forces and stress: use a calculator that has all three.",
            )
        self.name = name
        self.version = version
        self.weights_hash = weights_hash_of(calculator)
        self.elements = frozenset(elements)
        self._covered = frozenset(atomic_numbers[symbol] for symbol in self.elements)
        self._calculator = calculator
        self._has_moments = "magmoms" in offered
        self._sight_angstrom = sight_angstrom
        self._radii: FloatArray = np.asarray(covalent_radii, dtype=np.float64)

    def evaluate(
        self,
        structures: Sequence[Structure],
        *,
        forces: bool = True,
        stress: bool = True,
        magnetic_moments: bool = False,
    ) -> list[Evaluation]:
        """Evaluate every crystal, in order; raise `PotentialRefusal` at the first that is refused."""
        results: list[Evaluation] = []
        each = self.evaluate_each(structures, forces=forces, stress=stress, magnetic_moments=magnetic_moments)
        for index, result in enumerate(each):
            if isinstance(result, Refusal):
                raise PotentialRefusal(result, index=index)
            results.append(result)
        return results

    def evaluate_each(
        self,
        structures: Iterable[Structure],
        *,
        forces: bool = True,
        stress: bool = True,
        magnetic_moments: bool = False,
    ) -> Iterator[Evaluation | Refusal]:
        """Evaluate every crystal, in order; a refusal stands in its place."""
        crystals = (CrystalArrays.from_structure(structure) for structure in structures)
        return self.evaluate_arrays(crystals, forces=forces, stress=stress, magnetic_moments=magnetic_moments)

    def evaluate_arrays(
        self,
        crystals: Iterable[CrystalArrays],
        *,
        forces: bool = True,
        stress: bool = True,
        magnetic_moments: bool = False,
    ) -> Iterator[Evaluation | Refusal]:
        """As `evaluate_each`, on plain arrays."""
        for crystal in crystals:
            yield self._evaluate(crystal, forces=forces, stress=stress, magnetic_moments=magnetic_moments)

    def new_state(self, crystal: CrystalArrays) -> None:
        """Nothing is kept here between evaluations: calculators keep their own neighbour lists."""
        del crystal

    def cost(self, crystal: CrystalArrays, state: Any) -> int:
        """Number of atoms."""
        del state
        return max(1, crystal.n_atoms)

    def evaluate_states(
        self, crystals: Sequence[CrystalArrays], states: Sequence[Any], *, magnetic_moments: bool = False
    ) -> list[Evaluation | Refusal]:
        """Energy, forces and stress of moving crystals."""
        del states
        return list(self.evaluate_arrays(crystals, magnetic_moments=magnetic_moments))

    def _evaluate(
        self, crystal: CrystalArrays, *, forces: bool, stress: bool, magnetic_moments: bool
    ) -> Evaluation | Refusal:
        refusal = check_cell(crystal, covered=self._covered)
        if refusal is None:
            neighbours = find_neighbours(crystal, reach_angstrom=self._sight_angstrom)
            refusal = check_neighbours(crystal, neighbours, radii_angstrom=self._radii)
        if refusal is not None:
            return refusal
        atoms = _atoms(crystal)
        atoms.calc = self._calculator
        try:
            energy = float(atoms.get_potential_energy())  # pyright: ignore[reportUnknownArgumentType]
            return Evaluation(
                energy_ev=energy,
                forces_ev_per_angstrom=np.array(atoms.get_forces(), dtype=np.float64) if forces else None,
                stress_ev_per_angstrom3=np.array(atoms.get_stress(voigt=False), dtype=np.float64)
                if stress
                else None,
                magnetic_moments=self._moments(atoms) if magnetic_moments and self._has_moments else None,
            )
        except _FAILURES as error:
            text = " ".join(str(error).split())[:200]
            return Refusal("calculator_failed", f"{self.name} stopped: {type(error).__name__}: {text}")

    def _moments(self, atoms: Atoms) -> FloatArray | None:
        try:
            moments = self._calculator.get_property("magmoms", atoms)
        except PropertyNotImplementedError:  # some offer moments by name and have none (ASE's EMT)
            return None
        return None if moments is None else np.array(moments, dtype=np.float64).reshape(len(atoms))


def _atoms(crystal: CrystalArrays) -> Atoms:
    from ase import Atoms

    return Atoms(
        numbers=crystal.numbers,
        cell=crystal.lattice_angstrom,
        scaled_positions=crystal.frac_coords,
        pbc=True,
    )


def weights_hash_of(calculator: Any) -> str:
    """SHA-256 of what a calculator's answers depend on: network weights where it has any, otherwise its parameters.

    Networks are found among the calculator's attributes by their `state_dict`. Without one, every number, text and array that
    the calculator holds is taken, with its class, and of a saved model that it names the files.
    """
    digest = hashlib.sha256()
    networks = _networks(calculator)
    for label, network in networks:
        for key, tensor in sorted(network.state_dict().items()):
            _feed(digest, f"{label}.{key}", tensor)
    if not networks:
        digest.update(f"{calculator.__class__.__module__}.{calculator.__class__.__qualname__}".encode())
        for key, value in _attributes(calculator):
            if key not in ("atoms", "results", "directory", "prefix", "nl", "_neighbors"):
                _feed(digest, key, value)
    return digest.hexdigest()


def _attributes(calculator: Any) -> list[tuple[str, Any]]:
    held = cast("dict[str, Any]", calculator.__dict__)
    return sorted(held.items())


def _networks(calculator: Any) -> list[tuple[str, Any]]:
    found: list[tuple[str, Any]] = []
    for key, value in _attributes(calculator):
        members: list[Any] = (
            list(cast("Sequence[Any]", value)) if isinstance(value, list | tuple) else [value]
        )
        found += [
            (f"{key}.{number}", member)
            for number, member in enumerate(members)
            if callable(getattr(member, "state_dict", None))
        ]
    return found


def _feed(digest: Any, key: str, value: Any) -> None:
    """Add one named value; what is neither number, text, array nor a container of these is left out."""
    if callable(getattr(value, "detach", None)):
        value = value.detach().cpu().contiguous()
        # Types that numpy lacks (bfloat16) pass through a wider one without loss.
        value = (value.float() if "bfloat" in str(value.dtype) else value).numpy()
    if isinstance(value, np.ndarray):
        if value.dtype.kind in "biufc":
            array = cast("NDArray[Any]", value)
            digest.update(f"{key}:{array.dtype.str}:{array.shape}".encode())
            digest.update(array.tobytes())
    elif isinstance(value, str | Path) and "model" in key and Path(value).exists():
        root = Path(value)
        for file in sorted(root.rglob("*")) if root.is_dir() else [root]:
            if file.is_file():
                digest.update(f"{key}/{file.relative_to(root)}".encode())
                digest.update(file.read_bytes())
    elif isinstance(value, bool | int | float | str):
        digest.update(f"{key}={value!r};".encode())
    elif isinstance(value, dict):
        table = cast("dict[Any, Any]", value)
        for name in sorted(table, key=str):
            _feed(digest, f"{key}.{name}", table[name])
    elif isinstance(value, list | tuple):
        for number, member in enumerate(cast("Sequence[Any]", value)):
            _feed(digest, f"{key}.{number}", member)
