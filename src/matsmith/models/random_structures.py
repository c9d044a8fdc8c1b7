"""Random crystals with symmetry: a space group, Wyckoff positions whose multiplicities add up to the formula, a lattice of that system.

Random starts that are relaxed find structures that nobody put in (C. J. Pickard and R. J. Needs, J. Phys.: Condens. Matter 23, 053201
(2011)); symmetry makes the search shorter, since most low minima have some. Every crystal has its own seed, so that one can be made
again without the others; atoms keep a distance by their covalent radii (Cordero et al., Dalton Trans. 2008, 2832). Trials are counted
and never wait for luck: what does not fit in a few tries is given up.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import product
from math import gcd

import numpy as np
from numpy.typing import NDArray

from matsmith.core.crystal import Crystal
from matsmith.core.elements import SYMBOLS
from matsmith.core.errors import StructureError
from matsmith.core.space_group import spglib_or_none
from matsmith.models.wyckoff_positions import WyckoffPosition, operations, wyckoff_positions

FloatArray = NDArray[np.float64]

CLOSEST = 0.72
"""Nearest two atoms may stand, in sums of their covalent radii."""
CLOSEST_ANIONS = 1.4
"""The same for two atoms out of `_APART` in a compound with a metal: they do not bond there (peroxides are not drawn)."""
_APART = frozenset({"N", "O", "F", "Cl", "Br"})
_NONMETALS = _APART | {"H", "C", "P", "S", "Se", "I", "B", "Si", "As", "Te"}
_FILLINGS, _PLACINGS, _SHAPES = 8, 12, 4
_MOST_CONVENTIONAL = 160
_VOLUME_MEAN, _VOLUME_SPREAD = 0.08, 0.15
_NEIGHBOURS: FloatArray = np.array(list(product((-1, 0, 1), repeat=3)), dtype=np.float64)
_SYMMETRY_ANGSTROM = 1e-3


@dataclass(frozen=True, slots=True, kw_only=True)
class RandomCrystal:
    """A random crystal, primitive; `space_group` is the one it was drawn in, and the others say how to draw it again."""

    crystal: Crystal
    space_group: int
    formula_units: int
    seed: tuple[int, ...]


def random_crystals(
    amounts: Mapping[str, int],
    *,
    volume_angstrom3: float,
    atoms_max: int,
    atoms_min: int = 1,
    space_groups: Sequence[int] = (),
    seed: Sequence[int] = (0,),
    trials: int = 1000,
    deadline: float | None = None,
) -> Iterator[RandomCrystal]:
    """Yield random crystals of a formula until `trials` were tried or `deadline` (a `time.monotonic` time) has passed.

    `volume_angstrom3` is expected for the reduced formula; primitive cells hold `atoms_min` to `atoms_max` atoms, as many formula units
    as fit, smaller cells as often as larger ones. The n-th trial depends on `seed` and n alone. Raises `StructureError` for a formula
    without atoms, or larger than the cell may be.
    """
    divisor = gcd(*amounts.values()) if amounts else 0
    if divisor == 0 or min(amounts.values()) <= 0:
        raise StructureError(
            "A formula needs a positive amount of each element.", hint="Such as {'Mg': 1, 'O': 1}."
        )
    reduced = {symbol: amount // divisor for symbol, amount in amounts.items()}
    atoms = sum(reduced.values())
    units = [z for z in range(1, atoms_max // atoms + 1) if z * atoms >= atoms_min]
    if not units:
        raise StructureError(
            f"A formula unit has {atoms} atoms; cells of {atoms_min} to {atoms_max} are wanted.",
            hint="Allow larger cells.",
        )
    for trial in range(trials):
        if deadline is not None and time.monotonic() > deadline:
            return
        own = (*seed, trial)
        random = np.random.default_rng(own)
        z = int(random.choice(units))
        # P1 asks nothing of a crystal: it is drawn only where it is asked for.
        number = int(random.choice(space_groups)) if space_groups else int(random.integers(2, 231))
        made = _crystal(reduced, z, number, volume_angstrom3=volume_angstrom3 * z, random=random)
        if made is not None and atoms_min <= len(made.species) <= atoms_max:
            yield RandomCrystal(crystal=made, space_group=number, formula_units=z, seed=own)


def _crystal(
    reduced: Mapping[str, int], z: int, number: int, *, volume_angstrom3: float, random: np.random.Generator
) -> Crystal | None:
    """One try in one space group: None where the atoms do not add up or come too close."""
    centrings = operations(number).centrings
    amounts = {symbol: amount * z * centrings for symbol, amount in reduced.items()}
    if sum(amounts.values()) > _MOST_CONVENTIONAL:
        return None
    positions = wyckoff_positions(number)
    closest = closest_distances(tuple(sorted(reduced)))
    for _ in range(_FILLINGS):
        filling = _filling(amounts, positions, random)
        if filling is None:
            continue
        for _ in range(_SHAPES):
            swelling = float(np.exp(random.normal(_VOLUME_MEAN, _VOLUME_SPREAD)))
            lattice = random_lattice(
                number, volume_angstrom3=volume_angstrom3 * centrings * swelling, random=random
            )
            placed = _placed(filling, lattice, number=number, closest=closest, random=random)
            if placed is not None:
                return _primitive(lattice, *placed)
        return None
    return None


def _filling(
    amounts: Mapping[str, int], positions: Sequence[WyckoffPosition], random: np.random.Generator
) -> list[tuple[str, WyckoffPosition]] | None:
    """Positions for all atoms of each element, or None: a position without freedom is taken once, any other as often as wanted."""
    free = list(range(len(positions)))
    chosen: list[tuple[str, WyckoffPosition]] = []
    order = [str(symbol) for symbol in random.permutation(sorted(amounts))]
    for symbol in order:
        left = amounts[symbol]
        while left:
            fitting = [k for k in free if positions[k].multiplicity <= left]
            if not fitting:
                return None
            # By multiplicity first: many positions of one multiplicity are not more likely for being many.
            sizes = sorted({positions[k].multiplicity for k in fitting})
            size = sizes[int(random.integers(len(sizes)))]
            alike = [k for k in fitting if positions[k].multiplicity == size]
            taken = alike[int(random.integers(len(alike)))]
            chosen.append((symbol, positions[taken]))
            left -= size
            if positions[taken].freedom == 0:
                free.remove(taken)
    return chosen


def _placed(
    filling: Sequence[tuple[str, WyckoffPosition]],
    lattice: FloatArray,
    *,
    number: int,
    closest: Mapping[tuple[str, str], float],
    random: np.random.Generator,
) -> tuple[list[str], FloatArray] | None:
    """Symbols and fractional positions (n, 3), no two atoms closer than they may be; None when some orbit finds no place."""
    group = operations(number)
    symbols: list[str] = []
    points = np.empty((0, 3))
    for symbol, position in filling:
        for _ in range(_PLACINGS if position.freedom else 1):
            orbit = group.orbit(np.mod(position.nearest(random.random(3)), 1.0))
            if len(orbit) != position.multiplicity:
                continue  # the point fell onto a more special position
            limits = np.array([closest[symbol, other] for other in (*symbols, *[symbol] * len(orbit))])
            if _far_enough(orbit, np.concatenate([points, orbit]), lattice, limits):
                symbols += [symbol] * len(orbit)
                points = np.concatenate([points, orbit])
                break
        else:
            return None
    return symbols, points


def _far_enough(orbit: FloatArray, others: FloatArray, lattice: FloatArray, limits: FloatArray) -> bool:
    """Whether one atom of an orbit, and so each, keeps its distance (m,) to all others (m, 3) and their images."""
    gap: FloatArray = others - orbit[0]
    gap -= np.round(gap)
    distance = np.linalg.norm((gap[:, None, :] + _NEIGHBOURS[None, :, :]) @ lattice, axis=-1)
    distance[distance < 1e-6] = np.inf  # the atom itself
    return bool((distance.min(axis=1) >= limits).all())


@lru_cache(maxsize=1024)
def closest_distances(symbols: tuple[str, ...]) -> Mapping[tuple[str, str], float]:
    """The smallest distance in Å that two atoms of these elements may have in one crystal, for every pair."""
    from ase.data import covalent_radii

    radius = {symbol: float(covalent_radii[SYMBOLS.index(symbol) + 1]) for symbol in symbols}
    with_metal = any(symbol not in _NONMETALS for symbol in symbols)
    return {
        (a, b): (CLOSEST_ANIONS if with_metal and a in _APART and b in _APART else CLOSEST)
        * (radius[a] + radius[b])
        for a, b in product(symbols, repeat=2)
    }


def random_lattice(number: int, *, volume_angstrom3: float, random: np.random.Generator) -> FloatArray:
    """A conventional cell (3, 3), vectors as rows in Å, of the space group's crystal system and of this volume."""
    lengths: list[float] = np.exp(random.uniform(-0.45, 0.45, size=3)).tolist()
    a, b, c = lengths
    alpha = beta = gamma = np.pi / 2
    if number <= 2:
        angles: list[float] = random.uniform(np.radians(65), np.radians(115), size=3).tolist()
        alpha, beta, gamma = angles
    elif number <= 15:
        beta = float(np.pi / 2 + random.random() * np.radians(35))
    elif 75 <= number <= 142:
        b = a
    elif 143 <= number <= 194:
        b, gamma = a, 2 * np.pi / 3
        c *= 1.6 if number in _RHOMBOHEDRAL else 1.0
    elif number >= 195:
        b = c = a
    cx = c * np.cos(beta)
    cy = c * (np.cos(alpha) - np.cos(beta) * np.cos(gamma)) / np.sin(gamma)
    rows = np.array(
        [
            [a, 0.0, 0.0],
            [b * np.cos(gamma), b * np.sin(gamma), 0.0],
            [cx, cy, np.sqrt(max(c**2 - cx**2 - cy**2, 0.05 * c**2))],
        ]
    )
    return rows * (volume_angstrom3 / abs(float(np.linalg.det(rows)))) ** (1.0 / 3.0)


_RHOMBOHEDRAL = frozenset({146, 148, 155, 160, 161, 166, 167})


def _primitive(lattice: FloatArray, symbols: list[str], points: FloatArray) -> Crystal | None:
    cell = (lattice, points, [SYMBOLS.index(symbol) + 1 for symbol in symbols])
    found = spglib_or_none("find_primitive", cell, tolerance_angstrom=_SYMMETRY_ANGSTROM)
    if found is None:
        return None
    rows, places, numbers = found
    a, b, c = (tuple(float(x) for x in row) for row in rows)
    return Crystal.model_validate(
        {
            "lattice": (a, b, c),
            "species": tuple(SYMBOLS[int(n) - 1] for n in numbers),
            "positions": tuple(tuple(float(x) for x in place) for place in places),
        }
    )
