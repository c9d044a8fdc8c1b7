"""Alloys: compositions as people write them, the lattice they are put on, and random or special quasi-random cells.

A special quasi-random cell (Zunger, Wei, Ferreira & Bernard, Phys. Rev. Lett. 65, 353, 1990) is a small periodic cell whose pairs of
neighbours are as mixed as in an infinite random alloy (quasi_random.py).
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from matsmith.core.crystal import Crystal
from matsmith.core.elements import is_element, parse_formula
from matsmith.core.errors import SpecError, ToolError
from matsmith.tools.lammps.quasi_random import most_mixed, shells_of, warren_cowley
from matsmith.tools.lammps.structures import usual_lattice

if TYPE_CHECKING:
    from ase import Atoms

FloatArray = NDArray[np.float64]
# Distance of nearest neighbours in lattice parameters.
_NEIGHBOURS = {"fcc": math.sqrt(0.5), "bcc": math.sqrt(0.75), "hcp": 1.0}
LATTICES = tuple(_NEIGHBOURS)
# Valence electrons (with d) above which solid solutions were found fcc and below which bcc: Guo, Ng, Lu & Liu, J. Appl. Phys. 109, 103505 (2011).
_FCC_ELECTRONS, _BCC_ELECTRONS = 8.0, 6.87
_MOST_ELEMENTS = 8
_LARGEST_CELL = 400
_PART = re.compile(r"(\d+(?:\.\d+)?)?\s*([A-Z][a-z]?)")
_BASIS = re.compile(r"\b(at|wt|mol|atomic|weight|mass)\s*\.?\s*(?:%|percent|per cent)", re.IGNORECASE)
_BASES = {"at": "at", "atomic": "at", "mol": "at", "wt": "wt", "weight": "wt", "mass": "wt"}


@dataclass(frozen=True, kw_only=True)
class Alloy:
    """Atomic fractions by element, most abundant first, which add up to one."""

    fractions: Mapping[str, float]

    @property
    def elements(self) -> tuple[str, ...]:
        """Symbols, most abundant first."""
        return tuple(self.fractions)

    def describe(self) -> str:
        """Write it with atomic per cent: `Al 95.8 Cu 4.2 at.%`."""
        return " ".join(f"{symbol} {100 * share:.4g}" for symbol, share in self.fractions.items()) + " at.%"

    @property
    def mixing_entropy(self) -> float:
        """Ideal entropy of mixing in Boltzmann's constants an atom: -sum x ln x."""
        return -sum(share * math.log(share) for share in self.fractions.values() if share > 0)


@dataclass(frozen=True, kw_only=True)
class LatticeChoice:
    """The lattice of a solid solution with the reason it was taken."""

    lattice: str
    reason: str


@dataclass(frozen=True, kw_only=True)
class AlloyCell:
    """A cell of an alloy: `order` holds the Warren-Cowley parameter of each pair of elements in each shell, nearest first."""

    crystal: Crystal
    lattice: str
    wanted: Alloy
    found: Alloy
    order: Mapping[str, tuple[float, ...]]
    kind: str

    @property
    def deviation(self) -> float:
        """Largest difference of an atomic fraction from the one that was asked for."""
        return max(
            abs(self.found.fractions.get(one, 0.0) - share) for one, share in self.wanted.fractions.items()
        )


def read_alloy(text: str, *, basis: str | None = None) -> Alloy:
    """Read an alloy from text: `Fe0.5Ni0.3Cr0.2`, `CoCrNi`, `Al-4Cu wt.%`, `Ti-6Al-4V wt%`, `Cu 70 Zn 30 at.%`.

    `basis` is "at" or "wt" where the text does not say. With numbers in per cent and a balance, one of the two must be said: 4 % of copper in
    aluminium by weight is 1.7 % by atoms. Raises `SpecError`.

    >>> read_alloy("Fe0.5Ni0.3Cr0.2").describe()
    'Fe 50 Ni 30 Cr 20 at.%'
    >>> read_alloy("Al-4Cu wt.%").describe()
    'Al 98.26 Cu 1.738 at.%'
    >>> read_alloy("CoCrNi").describe()
    'Co 33.33 Cr 33.33 Ni 33.33 at.%'
    """
    hint = "Write it like Fe0.5Ni0.3Cr0.2, CoCrNi, or Al-4Cu wt.%."
    body = " ".join(text.split())
    if not body or len(body) > 120:
        raise SpecError(f"{body[:40]!r} is no alloy.", hint=hint)
    said = {_BASES[found.lower()] for found in _BASIS.findall(body)}
    if len(said) > 1:
        raise SpecError(
            f"{body!r} mixes atomic and weight per cent.", hint="Give all of it in one of the two."
        )
    body = _BASIS.sub(" ", body).strip(" ,;")
    meant = said.pop() if said else basis
    if meant not in (None, "at", "wt"):
        raise SpecError(f"There is no basis {meant!r}.", hint="Say at or wt.")
    if "-" in body or (re.search(r"\s", body) and re.search(r"\d", body)):
        shares = _of_parts(body, hint=hint)
        if len(shares) > 1 and meant is None and any(share is not None for share in shares.values()):
            raise SpecError(
                f"{body!r}: per cent of the atoms or of the weight?",
                hint="Add at.% or wt.%, as in Al-4Cu wt.%.",
            )
        amounts = _balanced(shares, text=body)
    else:
        amounts = parse_formula(body.replace(" ", ""))
    return alloy_of(amounts, basis=meant or "at")


def alloy_of(amounts: Mapping[str, float], *, basis: str = "at") -> Alloy:
    """The alloy of amounts in any common measure, by atoms ("at") or by weight ("wt"). Raises `SpecError`."""
    if not 1 <= len(amounts) <= _MOST_ELEMENTS:
        raise SpecError(f"{len(amounts)} elements are too many.", hint=f"Give at most {_MOST_ELEMENTS}.")
    if any(not math.isfinite(share) or share <= 0 for share in amounts.values()):
        raise SpecError("An amount must be above zero.", hint="Leave out what does not occur.")
    if basis == "wt":
        amounts = {symbol: share / _mass(symbol) for symbol, share in amounts.items()}
    total = sum(amounts.values())
    order = sorted(amounts, key=lambda symbol: (-amounts[symbol], symbol))
    return Alloy(fractions={symbol: amounts[symbol] / total for symbol in order})


def _of_parts(body: str, *, hint: str) -> dict[str, float | None]:
    """`Al-4Cu` and `Cu 70 Zn 30`: an amount stands before its element or after it, alike in all of the text; None is the balance."""
    words = re.split(r"[\s\-,]+", body)
    shares: dict[str, float | None] = {}
    last = ""
    for word in words:
        match = _PART.fullmatch(word)
        after = re.fullmatch(r"([A-Z][a-z]?)(\d+(?:\.\d+)?)", word)
        if match is not None and is_element(match[2]) and match[2] not in shares:
            last = match[2]
            shares[last] = float(match[1]) if match[1] else None
        elif after is not None and is_element(after[1]) and after[1] not in shares:
            last = after[1]
            shares[last] = float(after[2])
        elif re.fullmatch(r"\d+(?:\.\d+)?", word) and last and shares[last] is None:
            shares[last] = float(word)
        else:
            raise SpecError(f"{body!r} is no alloy: {word!r} cannot be read.", hint=hint)
    return shares


def _balanced(shares: Mapping[str, float | None], *, text: str) -> dict[str, float]:
    given = {symbol: share for symbol, share in shares.items() if share is not None}
    open_ones = [symbol for symbol, share in shares.items() if share is None]
    if not given:
        return dict.fromkeys(open_ones, 1.0)
    total = sum(given.values())
    if len(open_ones) > 1:
        raise SpecError(
            f"{text!r} leaves open how much {' and '.join(open_ones)} it has.", hint="Give all but one."
        )
    if open_ones:
        if total >= 100:
            raise SpecError(
                f"{text!r} leaves nothing for {open_ones[0]}.",
                hint="The others must add up to less than 100.",
            )
        return {**{open_ones[0]: 100.0 - total}, **given}
    if abs(total - 100) > 1 and abs(total - 1) > 0.01:
        raise SpecError(
            f"{text!r} adds up to {total:g} %.", hint="Make it 100, or leave one element without a number."
        )
    return given


def _mass(symbol: str) -> float:
    from ase.data import atomic_masses, atomic_numbers

    return float(atomic_masses[atomic_numbers[symbol]])


def element_lattice(symbol: str) -> tuple[str, float]:
    """Lattice and distance of nearest neighbours in Å of an element; raises `ToolError` for one that is neither fcc, bcc nor hcp."""
    kind, a, _ = usual_lattice(symbol)
    if kind not in _NEIGHBOURS:
        raise ToolError(
            f"{symbol} crystallises as {kind}: it is no metal to alloy on a simple lattice.",
            hint="Give the alloy as a structure.",
        )
    return kind, a * _NEIGHBOURS[kind]


def lattice_of(alloy: Alloy) -> LatticeChoice:
    """The lattice that the rules of thumb give: that of an element which makes up more than 60 % of the atoms, else by valence electrons."""
    first, share = next(iter(alloy.fractions.items()))
    kinds = {symbol: element_lattice(symbol)[0] for symbol in alloy.elements}
    if len(set(kinds.values())) == 1:
        return LatticeChoice(lattice=kinds[first], reason=f"every element of it is {kinds[first]}")
    if share > 0.6:
        return LatticeChoice(
            lattice=kinds[first], reason=f"{first}, {100 * share:.0f} % of the atoms, is {kinds[first]}"
        )
    electrons = sum(part * _valence_electrons(symbol) for symbol, part in alloy.fractions.items())
    if electrons >= _FCC_ELECTRONS:
        kind, rule = "fcc", "8 or more"
    elif electrons < _BCC_ELECTRONS:
        kind, rule = "bcc", "fewer than 6.87"
    else:
        kind = kinds[first]
        return LatticeChoice(
            lattice=kind,
            reason=f"{electrons:.2f} valence electrons an atom lie where fcc and bcc mix; {first}, the most abundant, is {kind}",
        )
    return LatticeChoice(
        lattice=kind,
        reason=f"{electrons:.2f} valence electrons an atom: {rule} make {kind} (Guo et al. 2011)",
    )


def _valence_electrons(symbol: str) -> int:
    """Electrons outside the noble-gas core, filled d and f shells aside: Al 3, Fe 8, Cu 11."""
    from pymatgen.core import Element

    group = int(Element(symbol).group)
    return group if group <= 12 else group - 10


def lattice_parameter(alloy: Alloy, lattice: str) -> float:
    """Cubic or hexagonal lattice parameter in Å by Vegard's rule on the atomic volumes of the elements."""
    volume = 0.0
    for symbol, share in alloy.fractions.items():
        kind, distance = element_lattice(symbol)
        packed = {"fcc": math.sqrt(0.5), "hcp": math.sqrt(0.5), "bcc": 4.0 / math.sqrt(27.0)}[kind]
        volume += share * packed * distance**3
    return {
        "fcc": (4.0 * volume) ** (1 / 3),
        "bcc": (2.0 * volume) ** (1 / 3),
        "hcp": (math.sqrt(2.0) * volume) ** (1 / 3),
    }[lattice]


def empty_cell(lattice: str, *, a: float, atoms: int) -> Atoms:
    """The compact cell of a lattice with about so many sites, all of one element.

    Cubic ones are the simple, face-centred or body-centred supercells of the conventional cell: images of a site stand far apart in all
    directions. hcp is repeated along its axes.
    """
    from ase import build

    make: Any = build
    if lattice == "hcp":
        cell = make.bulk("Mg", "hcp", a=a, c=a * math.sqrt(8.0 / 3.0))
        choices = [(n, n, m) for n in range(1, 8) for m in range(1, 6)]
        best = min(
            choices,
            key=lambda one: (
                abs(math.log(2 * one[0] ** 2 * one[2] / atoms))
                + 0.5 * abs(math.log(one[0] / (1.63 * one[2])))
            ),
        )
        return cell.repeat(best)
    cell = make.bulk("Cu", lattice, a=a, cubic=True)
    shapes = {
        "simple": np.eye(3, dtype=int),
        "face-centred": np.array([[0, 1, 1], [1, 0, 1], [1, 1, 0]]),
        "body-centred": np.array([[-1, 1, 1], [1, -1, 1], [1, 1, -1]]),
    }
    matrices = [n * shape for shape in shapes.values() for n in range(1, 6)]
    best = min(
        matrices,
        key=lambda one: (
            abs(len(cell) * round(abs(float(np.linalg.det(one)))) - atoms),
            int(np.abs(one).max()),
        ),
    )
    return make.make_supercell(cell, best)


def amounts_in(alloy: Alloy, sites: int) -> dict[str, int]:
    """Whole numbers of atoms nearest to the fractions: every element occurs, and they add up to the sites. Raises `SpecError`."""
    if sites < len(alloy.fractions):
        raise SpecError(
            f"{sites} atoms cannot hold {len(alloy.fractions)} elements.", hint="Ask for a larger cell."
        )
    exact = {symbol: share * sites for symbol, share in alloy.fractions.items()}
    counts = {symbol: max(1, math.floor(amount)) for symbol, amount in exact.items()}
    while (left := sites - sum(counts.values())) != 0:
        step = 1 if left > 0 else -1
        movable = [one for one in counts if step > 0 or counts[one] > 1]
        chosen = max(movable, key=lambda one: step * (exact[one] - counts[one]))
        counts[chosen] += step
    return counts


def alloy_cell(
    alloy: Alloy, *, lattice: str | None = None, atoms: int = 32, kind: str = "special", seed: int = 0
) -> AlloyCell:
    """A cell of about so many atoms: special quasi-random ("special") or drawn at random ("random"); the same seed gives the same cell.

    Raises `SpecError` for what is no alloy, `ToolError` where an element has no simple lattice.
    """
    if kind not in ("special", "random"):
        raise SpecError(f"There is no kind of cell {kind!r}.", hint="Choose special or random.")
    if lattice is not None and lattice not in LATTICES:
        raise SpecError(
            f"There is no lattice {lattice!r} for alloys.", hint=f"Choose one of {', '.join(LATTICES)}."
        )
    if not 2 <= atoms <= _LARGEST_CELL:
        raise SpecError(
            f"A cell of {atoms} atoms cannot be made.", hint=f"Ask for 2 to {_LARGEST_CELL} atoms."
        )
    chosen = lattice or lattice_of(alloy).lattice
    sites = empty_cell(chosen, a=lattice_parameter(alloy, chosen), atoms=atoms)
    amounts = amounts_in(alloy, len(sites))
    species = [symbol for symbol, count in amounts.items() for _ in range(count)]
    shuffled: list[int] = np.random.default_rng(seed).permutation(len(species)).tolist()
    symbols = [species[place] for place in shuffled]
    positions, cell = np.asarray(sites.get_scaled_positions(wrap=True)), np.asarray(sites.cell.array)
    if kind == "special" and len(amounts) > 1:
        symbols = most_mixed(symbols, shells=shells_of(positions, cell), seed=seed)
    crystal = Crystal(lattice=_rows(cell), species=tuple(symbols), positions=_rows(positions))
    return AlloyCell(
        crystal=crystal,
        lattice=chosen,
        wanted=alloy,
        found=alloy_of({symbol: float(count) for symbol, count in amounts.items()}),
        order=warren_cowley(symbols, shells=shells_of(positions, cell)),
        kind=kind if len(amounts) > 1 else "pure",
    )


def symbols_of(atoms: Atoms) -> list[str]:
    """The element of each atom."""
    anything: Any = atoms
    return [str(symbol) for symbol in anything.get_chemical_symbols()]


def _rows(array: Any) -> Any:
    return tuple((float(x), float(y), float(z)) for x, y, z in array)
