"""The lattice under a crystal or a random alloy: fcc, bcc, diamond or hcp, with the elements ignored, and cells of it cut along given axes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from matsmith.core.space_group import spglib_or_none
from matsmith.models.potentials.interface import FloatArray
from matsmith.tools.lammps.failures import DynamicsError
from matsmith.tools.lammps.structures import oriented_cell, symbols_of

if TYPE_CHECKING:
    from ase import Atoms

Prototype = Literal["fcc", "bcc", "diamond"]
Direction = tuple[int, int, int]
_TOLERANCES_ANGSTROM = (0.05, 0.1, 0.2, 0.3, 0.4, 0.5)
# Number of the first tetragonal space group: random alloys have less symmetry, ordered ones at least as much.
_TETRAGONAL = 75
_CUBIC_SITES: dict[tuple[str, int], Prototype] = {
    ("Fm-3m", 4): "fcc",
    ("Im-3m", 2): "bcc",
    ("Fd-3m", 8): "diamond",
}


@dataclass(frozen=True, kw_only=True)
class Parent:
    """A cubic lattice with its edge in Å, and the share of each element on it."""

    prototype: Prototype
    a_angstrom: float
    fractions: dict[str, float]

    @property
    def is_alloy(self) -> bool:
        """Whether several elements share the sites."""
        return len(self.fractions) > 1

    def cut(
        self,
        directions: tuple[Direction, Direction, Direction],
        *,
        repeat: tuple[int, int, int],
        seed: int = 0,
    ) -> Atoms:
        """A cell with its axes along three directions of the lattice; elements are dealt at random where there are several."""
        symbols = sorted(self.fractions, key=lambda symbol: -self.fractions[symbol])
        atoms = oriented_cell(
            self.prototype, symbols[0], a=self.a_angstrom, directions=directions, repeat=repeat
        )
        if self.is_alloy:
            places = np.random.default_rng(seed).permutation(len(atoms))
            begin = 0
            counts = _counts(len(atoms), [self.fractions[symbol] for symbol in symbols])
            names = np.array(symbols_of(atoms))
            for symbol, count in zip(symbols, counts, strict=True):
                names[places[begin : begin + count]] = symbol
                begin += count
            atoms.symbols = names.tolist()
        return atoms


def symmetry_within(atoms: Atoms, *, elements_ignored: bool) -> Any:
    """The data set of spglib with the highest symmetry that atoms have within half an Å; None when there is none.

    Several tolerances are tried, as a large one can fail where a smaller one does not.
    """
    kinds = np.ones(len(atoms), dtype=np.int64) if elements_ignored else atoms.numbers
    cell: Any = (np.asarray(atoms.cell.array), atoms.get_scaled_positions(), kinds)
    best: Any = None
    for tolerance in _TOLERANCES_ANGSTROM:
        found: Any = spglib_or_none("get_symmetry_dataset", cell, tolerance_angstrom=tolerance)
        if found is not None and (best is None or int(found.number) > int(best.number)):
            best = found
    return best


def parent_of(atoms: Atoms, *, wanted: tuple[Prototype, ...], what: str) -> Parent:
    """The lattice of a crystal of one element, or of a random alloy on it.

    Raises `DynamicsError` (`other_lattice`) where it is none of those wanted; `what` names what was to be computed.
    """
    found = symmetry_within(atoms, elements_ignored=True)
    prototype = None
    if found is not None:
        prototype = _CUBIC_SITES.get((str(found.international), len(found.std_types)))
    if prototype is None or prototype not in wanted:
        name = "unknown" if found is None else str(found.international)
        raise DynamicsError(
            "other_lattice",
            f"{what} are computed for {' and '.join(wanted)} lattices; this crystal has the lattice {prototype or name}.",
            hint="Give a crystal, or a random alloy, on such a lattice.",
        )
    if _is_ordered(atoms):
        raise DynamicsError(
            "ordered_compound",
            f"{atoms.get_chemical_formula()} is an ordered compound: its planes differ, and {what.lower()} of them are not built in.",
            hint="Give a crystal of one element or a random alloy.",
        )
    sites = {"fcc": 4, "bcc": 2, "diamond": 8}[prototype]
    symbols = symbols_of(atoms)
    return Parent(
        prototype=prototype,
        a_angstrom=float((atoms.get_volume() / len(atoms) * sites) ** (1 / 3)),
        fractions={symbol: symbols.count(symbol) / len(symbols) for symbol in sorted(set(symbols))},
    )


def _is_ordered(atoms: Atoms) -> bool:
    """Whether the elements stand in an order: then the crystal with its elements keeps a good part of the lattice's symmetry."""
    if len(set(symbols_of(atoms))) == 1:
        return False
    own = symmetry_within(atoms, elements_ignored=False)
    return own is not None and int(own.number) >= _TETRAGONAL


def _counts(total: int, fractions: list[float]) -> list[int]:
    """Whole numbers that add up to the total, as near to the shares as they can be."""
    exact = [total * fraction for fraction in fractions]
    counts = [int(value) for value in exact]
    for place in np.argsort([whole - value for whole, value in zip(counts, exact, strict=True)]):
        if sum(counts) == total:
            break
        counts[int(place)] += 1
    return counts


def normal_direction(first: Direction, second: Direction) -> Direction:
    """The whole-number direction across two others, with its common factor taken out.

    >>> normal_direction((1, -1, 0), (1, 1, -2))
    (1, 1, 1)
    """
    across = np.cross(np.array(first), np.array(second))
    factor = int(np.gcd.reduce(across)) or 1
    return (int(across[0]) // factor, int(across[1]) // factor, int(across[2]) // factor)


def frame_along(direction: Direction) -> tuple[Direction, Direction, Direction]:
    """Three orthogonal whole-number directions of a cubic lattice, the first as given, the others as short as they can be.

    >>> frame_along((1, 1, 0))
    ((1, 1, 0), (0, 0, 1), (1, -1, 0))
    """
    given = np.array(direction)
    if not given.any():
        raise DynamicsError("no_direction", "[0, 0, 0] is no direction.", hint="Give one such as [1, 0, 0].")
    first = given // int(np.gcd.reduce(given))
    span = range(-6, 7)
    options: list[FloatArray] = [np.array((i, j, k)) for i in span for j in span for k in span]
    across = [v for v in options if v.any() and int(v @ first) == 0 and int(np.gcd.reduce(v)) == 1]
    if not across:
        raise DynamicsError(
            "no_direction", f"{list(direction)} has too large indices.", hint="Use smaller ones."
        )
    second = min(across, key=lambda v: (int(v @ v), [-int(n) for n in v[::-1]]))
    one: Direction = (int(first[0]), int(first[1]), int(first[2]))
    two: Direction = (int(second[0]), int(second[1]), int(second[2]))
    return one, two, normal_direction(one, two)
