"""Ordered cells out of sites that atoms share: every arrangement where they can be counted, a search where they cannot.

Arrangements are compared by the electrostatic energy of point charges (P. P. Ewald, Ann. Phys. 369, 253 (1921)), a quadratic
form E = Σ q_i q_j G_ij whose matrix is found once; those that a symmetry of the lattice turns into each other are one.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from matsmith.core.errors import StructureError
from matsmith.core.space_group import spglib_or_none
from matsmith.models.potentials.interface import FloatArray, IntArray

if TYPE_CHECKING:
    from pymatgen.core import Structure

MOST_COUNTED = 20_000
"""Beyond so many arrangements they are searched and not counted."""
_VACANT = ""
_TOO_CLOSE_ANGSTROM = 1.0
_SAME_ENERGY_EV = 1e-4
_STARTS, _SWEEPS = 40, 12
_CHUNK = 2000
_SYMMETRY_ANGSTROM = 0.05


@dataclass(frozen=True, kw_only=True)
class Sublattice:
    """Sites that share their atoms: how many of each element stand on them; what is left is vacant."""

    sites: tuple[int, ...]
    counts: Mapping[str, int]

    @property
    def labels(self) -> list[str]:
        """One label for each site, the vacancies as empty text."""
        held = [symbol for symbol, count in sorted(self.counts.items()) for _ in range(count)]
        if len(held) > len(self.sites):
            raise StructureError(
                f"{len(held)} atoms share {len(self.sites)} sites.",
                hint="Check the occupancies: they exceed one.",
            )
        return held + [_VACANT] * (len(self.sites) - len(held))

    @property
    def arrangements(self) -> int:
        """In how many ways the atoms can be placed."""
        labels = self.labels
        ways = math.factorial(len(labels))
        for label in set(labels):
            ways //= math.factorial(labels.count(label))
        return ways


@dataclass(frozen=True, kw_only=True)
class Ordering:
    """One arrangement: its cell, its electrostatic energy, and how many arrangements are the same by symmetry."""

    structure: Structure
    ewald_ev: float
    copies: int


@dataclass(frozen=True, kw_only=True)
class Orderings:
    """Distinct arrangements by their electrostatic energy, the lowest first.

    `total` counts all arrangements; `counted` says whether every one of them was looked at. `excluded` is how many of those
    looked at put two atoms within 1 Å of each other.
    """

    found: list[Ordering]
    total: int
    counted: bool
    excluded: int


def orderings(
    frame: Structure,
    sublattices: Sequence[Sublattice],
    *,
    charges: Mapping[str, float],
    most: int,
    seed: int = 0,
) -> Orderings:
    """The `most` lowest distinct arrangements of the sublattices' atoms on the sites of `frame`.

    `frame` has one element on each site; what stands on the sites of a sublattice is replaced. `charges` are those of the
    elements. Raises `StructureError` when every arrangement puts atoms on top of each other.
    """
    if not sublattices:
        return Orderings(
            found=[Ordering(structure=frame.copy(), ewald_ev=0.0, copies=1)],
            total=1,
            counted=True,
            excluded=0,
        )
    problem = _Problem(frame, sublattices, charges=charges)
    total = math.prod(each.arrangements for each in sublattices)
    counted = total <= MOST_COUNTED
    rows = problem.every() if counted else problem.searched(np.random.default_rng(seed))
    allowed = rows[~problem.crowded(rows)]
    if not len(allowed):
        raise StructureError(
            "Every arrangement puts two atoms within 1 Å of each other.",
            hint="Check the occupancies of the split positions.",
        )
    energies = problem.energies(allowed)
    order = np.argsort(energies, kind="stable")
    found: list[Ordering] = []
    seen: list[tuple[float, set[bytes]]] = []
    for place in order:
        row, energy = allowed[place], float(energies[place])
        if any(abs(energy - held) < _SAME_ENERGY_EV and row.tobytes() in orbit for held, orbit in seen):
            continue
        if len(found) == most:
            break
        orbit = problem.orbit(row)
        seen.append((energy, orbit))
        found.append(Ordering(structure=problem.structure(row), ewald_ev=energy, copies=len(orbit)))
    return Orderings(found=found, total=total, counted=counted, excluded=len(rows) - len(allowed))


class _Problem:
    """Arrangements as rows of small integers, one a shared site: the number of its label."""

    def __init__(
        self, frame: Structure, sublattices: Sequence[Sublattice], *, charges: Mapping[str, float]
    ) -> None:
        self.frame = frame
        self.sublattices = sublattices
        self.sites = np.array([site for each in sublattices for site in each.sites], dtype=np.int64)
        self.labels = [_VACANT, *sorted({symbol for each in sublattices for symbol in each.counts})]
        self._charge = np.array([0.0, *(charges.get(symbol, 0.0) for symbol in self.labels[1:])])
        self._matrix, self._field = _forms(frame, self.sites, charges=charges)
        self._close = np.triu(_closer(frame, self.sites, _TOO_CLOSE_ANGSTROM), k=1)
        self._permutations = _permutations(frame, self.sublattices, self.sites)

    def every(self) -> NDArray[np.int8]:
        """All arrangements, shape (n, shared sites)."""
        parts = [np.array(list(self._ways(each)), dtype=np.int8) for each in self.sublattices]
        rows = parts[0]
        for part in parts[1:]:
            rows = np.hstack([np.repeat(rows, len(part), axis=0), np.tile(part, (len(rows), 1))])
        return rows

    def _ways(self, sublattice: Sublattice) -> Iterator[list[int]]:
        """Every placement of one sublattice's labels, by choosing sites for one label after the other."""
        numbers = [self.labels.index(label) for label in sublattice.labels]
        kinds = sorted(set(numbers))

        def fill(free: tuple[int, ...], left: list[int], row: list[int]) -> Iterator[list[int]]:
            if len(left) == 1:
                for place in free:
                    row[place] = left[0]
                yield list(row)
                return
            for chosen in combinations(free, numbers.count(left[0])):
                for place in chosen:
                    row[place] = left[0]
                yield from fill(tuple(place for place in free if place not in chosen), left[1:], row)

        yield from fill(tuple(range(len(numbers))), kinds, [0] * len(numbers))

    def searched(self, rng: np.random.Generator) -> NDArray[np.int8]:
        """Arrangements that no exchange of two atoms lowers, and those passed on the way, from random starts."""
        kept: dict[bytes, NDArray[np.int8]] = {}
        for _ in range(_STARTS):
            row = np.concatenate(
                [
                    rng.permutation([self.labels.index(label) for label in each.labels])
                    for each in self.sublattices
                ]
            ).astype(np.int8)
            energy = self._cost(row[None, :])[0]
            for _ in range(_SWEEPS):
                trials = self._exchanges(row)
                if not len(trials):
                    break
                costs = self._cost(trials)
                kept |= {trials[k].tobytes(): trials[k] for k in np.argsort(costs)[:8]}
                best = int(costs.argmin())
                if costs[best] >= energy - 1e-9:
                    break
                row, energy = trials[best], costs[best]
            kept[row.tobytes()] = row
        return np.array(list(kept.values()), dtype=np.int8)

    def _exchanges(self, row: NDArray[np.int8]) -> NDArray[np.int8]:
        begin = 0
        trials: list[NDArray[np.int8]] = []
        for each in self.sublattices:
            for i, j in combinations(range(begin, begin + len(each.sites)), 2):
                if row[i] != row[j]:
                    trial = row.copy()
                    trial[i], trial[j] = row[j], row[i]
                    trials.append(trial)
            begin += len(each.sites)
        return np.array(trials, dtype=np.int8).reshape(len(trials), len(row))

    def _cost(self, rows: NDArray[np.int8]) -> FloatArray:
        """Energy in eV, with 1 keV for each pair of atoms on top of each other."""
        occupied = (rows > 0).astype(np.float64)
        return self.energies(rows) + 1e3 * np.einsum("ni,ij,nj->n", occupied, self._close, occupied)

    def energies(self, rows: NDArray[np.int8]) -> FloatArray:
        """Electrostatic energy of each arrangement in eV, up to one constant, shape (n,)."""
        parts: list[FloatArray] = []
        for begin in range(0, len(rows), _CHUNK):
            q = self._charge[rows[begin : begin + _CHUNK]]
            parts.append(((q @ self._matrix) * q).sum(axis=1) + 2 * q @ self._field)
        return np.concatenate(parts)

    def crowded(self, rows: NDArray[np.int8]) -> NDArray[np.bool_]:
        """Which arrangements put two atoms on top of each other, shape (n,)."""
        occupied = (rows > 0).astype(np.float64)
        return np.asarray(((occupied @ self._close) * occupied).sum(axis=1) > 0)

    def orbit(self, row: NDArray[np.int8]) -> set[bytes]:
        """The arrangements that symmetry makes of one."""
        return {row[permutation].tobytes() for permutation in self._permutations}

    def structure(self, row: NDArray[np.int8]) -> Structure:
        """The ordered cell of an arrangement, sorted by electronegativity."""
        made = self.frame.copy()
        vacant: list[int] = []
        for site, number in zip(map(int, self.sites), map(int, row), strict=True):
            if number == 0:
                vacant.append(site)
            else:
                made.replace(site, self.labels[number])
        made.remove_sites(vacant)
        return made.get_sorted_structure()


def _forms(
    frame: Structure, shared: IntArray, *, charges: Mapping[str, float]
) -> tuple[FloatArray, FloatArray]:
    """The quadratic form over the shared sites (s, s) and the field of the others on them (s,), in eV per squared charge."""
    from pymatgen.analysis.ewald import EwaldSummation
    from pymatgen.core import Structure

    bare = Structure(frame.lattice, ["H"] * len(frame), frame.frac_coords)
    bare.add_oxidation_state_by_site([1.0] * len(frame))
    summation: Any = EwaldSummation(bare)
    whole: FloatArray = np.array(summation.total_energy_matrix, dtype=np.float64)
    whole = (whole + whole.T) / 2
    # Sites nearer than this are never both taken; their pair must not spoil the sums by an infinity.
    whole[~np.isfinite(whole)] = 0.0
    fixed = np.setdiff1d(np.arange(len(frame)), shared)
    q = np.array([charges.get(str(frame[int(k)].specie.symbol), 0.0) for k in fixed])
    field = whole[np.ix_(shared, fixed)] @ q if len(fixed) else np.zeros(len(shared))
    return whole[np.ix_(shared, shared)], field


def _closer(frame: Structure, sites: IntArray, distance_angstrom: float) -> FloatArray:
    gaps = np.array(frame.distance_matrix)[np.ix_(sites, sites)]
    return (gaps < distance_angstrom).astype(np.float64)


def _permutations(frame: Structure, sublattices: Sequence[Sublattice], sites: IntArray) -> list[IntArray]:
    """Where the symmetries of the frame, its sublattices told apart, take the shared sites; the identity at least."""
    kinds = [int(site.specie.Z) for site in frame]
    for number, each in enumerate(sublattices):
        for site in each.sites:
            kinds[site] = 1000 + number
    cell: Any = (frame.lattice.matrix, frame.frac_coords, kinds)
    found: Any = spglib_or_none("get_symmetry", cell, tolerance_angstrom=_SYMMETRY_ANGSTROM)
    identity = np.arange(len(sites), dtype=np.int64)
    if found is None:
        return [identity]
    coords = np.array(frame.frac_coords)[sites]
    own = np.array([kinds[int(site)] for site in sites])
    permutations: dict[bytes, IntArray] = {identity.tobytes(): identity}
    lattice = np.array(frame.lattice.matrix)
    for rotation, shift in zip(found["rotations"], found["translations"], strict=True):
        gap: FloatArray = (coords @ np.array(rotation, dtype=np.float64).T + shift)[:, None, :] - coords[
            None, :, :
        ]
        gap -= np.round(gap)
        distance = np.where(own[:, None] == own[None, :], np.linalg.norm(gap @ lattice, axis=2), np.inf)
        image = distance.argmin(axis=1).astype(np.int64)
        if (
            len(set(image.tolist())) == len(image)
            and float(distance.min(axis=1).max()) < 4 * _SYMMETRY_ANGSTROM
        ):
            permutations[image.tobytes()] = image
    return list(permutations.values())
