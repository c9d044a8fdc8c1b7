"""What every interatomic potential offers: energies, forces, stresses and moments of many crystals at once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from matsmith.core.errors import PotentialError, StructureError

if TYPE_CHECKING:
    from pymatgen.core import Structure

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

RefusalCode = Literal[
    "overlap", "collapsed", "isolated_atoms", "not_covered", "malformed", "exploded", "calculator_failed"
]


@dataclass(frozen=True, slots=True)
class Evaluation:
    """One static evaluation of one crystal.

    `energy_ev` is the total energy of the cell in the potential's own reference, `forces_ev_per_angstrom` has
    shape (n, 3), `stress_ev_per_angstrom3` shape (3, 3), positive under tension, `magnetic_moments` shape (n,)
    in Bohr magnetons. What was not asked for is None.
    """

    energy_ev: float
    forces_ev_per_angstrom: FloatArray | None = None
    stress_ev_per_angstrom3: FloatArray | None = None
    magnetic_moments: FloatArray | None = None


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a potential would not evaluate one crystal: a code to act on and a sentence to read."""

    code: RefusalCode
    message: str


class PotentialRefusal(PotentialError):
    """A crystal that the potential refuses stood among those to be evaluated; `refusal` says why."""

    def __init__(self, refusal: Refusal, *, index: int) -> None:
        super().__init__(
            f"structure {index}: {refusal.message}",
            hint="Leave it out, or use evaluate_each, which reports it in place.",
        )
        self.refusal = refusal
        self.index = index


@dataclass(frozen=True, slots=True, eq=False)
class CrystalArrays:
    """A crystal as plain arrays: atomic numbers (n,), fractional coordinates (n, 3), lattice rows (3, 3) in Å."""

    numbers: IntArray
    frac_coords: FloatArray
    lattice_angstrom: FloatArray

    @property
    def n_atoms(self) -> int:
        """Number of atoms in the cell."""
        return len(self.numbers)

    @property
    def volume_angstrom3(self) -> float:
        """Volume of the cell, in Å³, never negative."""
        return abs(float(np.linalg.det(self.lattice_angstrom)))

    @classmethod
    def from_structure(cls, structure: Structure) -> CrystalArrays:
        """Copy out of a pymatgen structure; a disordered one raises StructureError."""
        if not structure.is_ordered:
            raise StructureError(
                f"{structure.composition.reduced_formula} has partly occupied sites.",
                hint="Make an ordered cell first: a potential needs one atom a site.",
            )
        numbers = np.array([_atomic_number(site.specie) for site in structure], dtype=np.int64)
        frac = np.array([site.frac_coords for site in structure], dtype=np.float64).reshape(-1, 3)
        return cls(
            numbers=numbers,
            frac_coords=frac,
            lattice_angstrom=np.array(structure.lattice.matrix, dtype=np.float64),
        )


def _atomic_number(species: Any) -> int:
    return int(species.Z)


@runtime_checkable
class Potential(Protocol):
    """An interatomic potential: equal crystals give equal answers, and its inputs are never changed."""

    @property
    def name(self) -> str:
        """Short name, for records."""
        ...

    @property
    def version(self) -> str:
        """Version of the weights."""
        ...

    @property
    def weights_hash(self) -> str:
        """SHA-256 of the weights, in hexadecimal."""
        ...

    @property
    def elements(self) -> frozenset[str]:
        """Symbols of the elements that the potential was trained on."""
        ...

    def evaluate(
        self,
        structures: Sequence[Structure],
        *,
        forces: bool = True,
        stress: bool = True,
        magnetic_moments: bool = False,
    ) -> list[Evaluation]:
        """Evaluate every crystal, in order; raise PotentialRefusal at the first that is refused."""
        ...


@runtime_checkable
class ArrayPotential(Potential, Protocol):
    """A potential that also takes plain arrays, with neighbour lists kept between calls: what a relaxation uses."""

    def evaluate_each(
        self,
        structures: Sequence[Structure],
        *,
        forces: bool = True,
        stress: bool = True,
        magnetic_moments: bool = False,
    ) -> Iterator[Evaluation | Refusal]:
        """Evaluate every crystal, in order; a refusal stands in its place."""
        ...

    def evaluate_arrays(
        self,
        crystals: Iterable[CrystalArrays],
        *,
        forces: bool = True,
        stress: bool = True,
        magnetic_moments: bool = False,
    ) -> Iterator[Evaluation | Refusal]:
        """As `evaluate_each`, on plain arrays that are read as they are needed."""
        ...

    def new_state(self, crystal: CrystalArrays) -> Any:
        """What to keep between evaluations of one moving crystal (its neighbour list)."""
        ...

    def evaluate_states(
        self, crystals: Sequence[CrystalArrays], states: Sequence[Any], *, magnetic_moments: bool = False
    ) -> list[Evaluation | Refusal]:
        """Energy, forces and stress of moving crystals; `states` are updated, `crystals` are not."""
        ...

    def cost(self, crystal: CrystalArrays, state: Any) -> int:
        """Size of a crystal in the potential's own measure (bonds and angles), for filling batches."""
        ...

    @property
    def batch_cost(self) -> int:
        """Sum of `cost` that one batch should hold on this device."""
        ...
