"""Starting crystals for the elements: structure types for most, molecular crystals for the diatomic gases and halogens."""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt
from typing import TYPE_CHECKING

from matsmith.knowledge.prototypes import Prototype, prototypes
from matsmith.tools.reference_plan import NOBLE_GASES

if TYPE_CHECKING:
    from pymatgen.core import Structure

# Bond length in Å of the gas (Huber and Herzberg 1979) and volume per molecule in Å3 of the solid, rounded: only where to start.
_DIATOMIC: dict[str, tuple[float, float]] = {
    "H": (0.741, 38.0),
    "N": (1.098, 45.0),
    "O": (1.208, 34.5),
    "F": (1.412, 32.0),
    "Cl": (1.988, 57.0),
    "Br": (2.281, 66.0),
    "I": (2.666, 85.0),
}
# Measured volume per formula unit of the molecular types, in Å3 an atom, so that the bonds come out as they are.
_MOLECULAR_TYPES: dict[str, tuple[str, ...]] = {
    "O": ("A_mC4_12_i", "A_hR2_166_c-O2"),
    "F": ("A_mC4_12_i",),
    "N": ("A_cP8_205_c", "A_cP8_198_2a", "A_tP4_136_f"),
    "Cl": ("A_oC8_64_f-I", "A_tP16_138_j"),
    "Br": ("A_oC8_64_f-I",),
    "I": ("A_oC8_64_f-I",),
}
# Bigger cells that some elements need for their ground state.
_LARGE_TYPES: dict[str, tuple[str, ...]] = {
    "B": ("A_hR12_166_2h",),
    "S": ("A_oF128_70_4h",),
    "Mn": ("A_cP20_213_cd", "A_cI58_217_ac2g"),
    "U": ("A_oC4_63_c",),
    "Np": ("A_oP8_62_2c", "A_tP4_129_ac"),
    "Pu": ("A_mP16_11_8e",),
    "Ga": ("A_oC8_64_f-Ga",),
    "Hg": ("A_hR1_166_a-Hg",),
    "P": ("A_oC8_64_f-P",),
}
_ATOMS_SCREENED = 4


@dataclass(frozen=True, slots=True, eq=False)
class ElementalStart:
    """A crystal of one element to relax, the name of its type, and whether it is relaxed whatever its static energy."""

    prototype: str
    structure: Structure
    always: bool


def elemental_starts(symbol: str) -> list[ElementalStart]:
    """Crystals of one element to try, at the volume expected for it."""
    starts: list[ElementalStart] = []
    if symbol in _DIATOMIC:
        bond, volume = _DIATOMIC[symbol]
        molecules = _molecular_crystal(symbol, bond_angstrom=bond, volume_angstrom3=volume)
        starts.append(ElementalStart("A_cP8_205_c", molecules, True))
        for prototype in _named(_MOLECULAR_TYPES.get(symbol, ())):
            starts.append(
                ElementalStart(prototype.name, _at_bond(prototype, symbol, bond_angstrom=bond), True)
            )
        return starts
    large = {p.name for p in _named(_LARGE_TYPES.get(symbol, ()))}
    for prototype in prototypes(atoms_max=64):
        if not prototype.is_single_element:
            continue
        if prototype.name in large or (prototype.atoms <= _ATOMS_SCREENED and not _molecular(prototype)):
            lattice = prototype.scaled_lattice((symbol,))
            if prototype.compound in (symbol, f"{symbol}2"):
                lattice = prototype.lattice_angstrom
            starts.append(
                ElementalStart(
                    prototype.name, _filled(prototype, symbol, lattice=lattice), prototype.name in large
                )
            )
    if symbol in NOBLE_GASES:
        starts = [s for s in starts if s.prototype in ("A_cF4_225_a", "A_hP2_194_c")]
    return starts


def _molecular(prototype: Prototype) -> bool:
    return prototype.compound in ("N2", "O2", "Cl2")


def _named(names: tuple[str, ...]) -> list[Prototype]:
    return [p for p in prototypes(atoms_max=64) if p.name in names]


def _at_bond(prototype: Prototype, symbol: str, *, bond_angstrom: float) -> Structure:
    """Scale a molecular type so that its shortest distance is the bond of the gas."""
    structure = prototype.structure()
    shortest = min(
        neighbour.nn_distance for site in structure for neighbour in structure.get_neighbors(site, 4.0)
    )
    return _filled(prototype, symbol, lattice=prototype.lattice_angstrom * (bond_angstrom / float(shortest)))


def _filled(prototype: Prototype, symbol: str, *, lattice: object) -> Structure:
    from pymatgen.core import Lattice, Structure

    return Structure(Lattice(lattice), [symbol] * prototype.atoms, prototype.frac_coords)  # pyright: ignore[reportArgumentType]


def _molecular_crystal(symbol: str, *, bond_angstrom: float, volume_angstrom3: float) -> Structure:
    """Four molecules along the body diagonals of a cubic cell, as in alpha nitrogen (space group 205, site 8c)."""
    from pymatgen.core import Lattice, Structure

    edge = (4.0 * volume_angstrom3) ** (1.0 / 3.0)
    x = bond_angstrom / (2.0 * sqrt(3.0) * edge)
    return Structure.from_spacegroup(  # pyright: ignore[reportUnknownMemberType]
        "Pa-3", Lattice.cubic(edge), [symbol], [[x, x, x]]
    )
