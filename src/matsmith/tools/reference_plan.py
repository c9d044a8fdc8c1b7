"""Which elements, binary systems and decorations the shipped reference phases are looked for in."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Literal

from matsmith.core.elements import SYMBOLS
from matsmith.knowledge.prototypes import FloatArray, Prototype, prototypes

BondingClass = Literal["ionic", "covalent", "metalloid", "metallic"]


def _names(text: str) -> frozenset[str]:
    """Names apart by spaces, since a long list of them reads better so."""
    return frozenset(text.split())


COMMON_ELEMENTS: tuple[str, ...] = tuple(
    "H Li B C N O F Na Mg Al Si P S Cl K Ca Ti V Cr Mn Fe Co Ni Cu Zn Ga Ge Se Sr Y Zr Nb Mo Ba W".split()  # noqa: SIM905
)
NOBLE_GASES: tuple[str, ...] = ("He", "Ne", "Ar", "Kr", "Xe")
_NOT_COVERED = _names("Po At Rn Fr Ra")
COVERED_ELEMENTS: tuple[str, ...] = tuple(s for s in SYMBOLS[:94] if s not in _NOT_COVERED)
OTHER_ELEMENTS: tuple[str, ...] = tuple(
    s for s in COVERED_ELEMENTS if s not in COMMON_ELEMENTS and s not in NOBLE_GASES
)

# The most valuable systems first: a run that is cut short ships these.
_PARTNERS = ("O", "N", "C", "B", "S", "F", "Al", "Si", "Cl", "H", "P", "Se", "Ge")
_OTHERS_FIRST, _OTHERS_LAST = ("O", "F"), ("S", "Cl", "N", "Al", "Si", "B", "C")

_IONIC_ANIONS = _names("O F Cl Br I")
_COVALENT_ANIONS = _names("S Se Te N P As H")
_METALLOIDS = _names("B C Si Ge Sb")
_NONMETALS = _IONIC_ANIONS | _COVALENT_ANIONS | _METALLOIDS
_PEROXIDE_FORMERS = _names("Li Na K Rb Cs Mg Ca Sr Ba")
_SMALL_CATIONS = _names("Be B C Si P Ge Al Ga")
# The highest charge per cation with O2-, S3 2- and the like.
_CHALCOGEN_CHAIN_CHARGE = {"O": 4.0, "S": 6.0, "Se": 6.0, "Te": 6.0}
_CHARGE = {"O": 2, "F": 1, "Cl": 1, "Br": 1, "I": 1, "S": 2, "Se": 2, "Te": 2, "N": 3}

# Structure types of alloys, by Strukturbericht symbol or AFLOW tag, tried with the elements either way round.
_ALLOY_TYPES = _names(
    "B2 B11 B19 B20 B27 B32 B33 B35 L1_0 L1_1 L1_2 D0_3 D0_19 D0_22 D0_23 D0_a A15 B8_2 C11_b C14 C15 "
    "C15_b C16 C32 C37 C38 C40 C49 C54 C23 D1_3 D1_a D2_d D5_13 D8_i D5_a C22 AB2_oI6_71_a_g "
    "A5B2_mC14_12_a2i_i A3B5_oC16_65_ah_bej A7B_cF32_225_bd_a AB2_hP6_194_b_f AB3_oC8_65_a_bf "
    "A2B_oC12_38_de_ab"
)
# Also tried for borides, carbides, silicides and germanides, which bond both ways.
_SHARED_TYPES = _names("B1 B3 B4 B_h B8_1 C1 D0_11 D5_1 A3B_cP8_223_c_a")
# Polytypes and framework silicas: a few meV apart and many atoms each, so tried for small tetrahedral cations only.
_TETRAHEDRAL_POLYTYPES = _names(
    "AB_hR6_160_3a_3a AB_hP12_186_a2b_a2b AB_hP8_186_ab_ab A2B_oC24_20_abc_c A2B_tP12_92_b_a "
    "A2B_cF24_227_c_a A2B_hP12_194_cg_f A2B_mP12_3_bc3e_2e A2B_hP9_180_j_c A2B_hP9_152_c_a"
)
# Molecules, and types that relax into another one: tried for their own elements only.
_OWN_ELEMENTS_ONLY = _names(
    "AB_cP8_198_a_a-CO AB_hR16_148_cf_cf A3B_cP16_198_b_a AB2_aP12_1_4a_8a AB_oI4_44_a_b AB_oP2_25_b_a AB_oF8_69_a_b "
    "A2B_hP9_150_ef_bd AB2_oP6_58_a_g-Fe2C AB_oP8_62_c_c-GeS AB_oP8_57_d_d AB_oP8_33_a_a A2B_oP12_62_2c_c-HgCl2 "
    "A2B_oP12_19_2a_a"
)
_LARGEST = {"ionic": 16, "covalent": 12, "metalloid": 12, "metallic": 12}
_LARGEST_OF_NONMETALS = 9
_ATOMS_OF_OWN_ELEMENTS = 20


@dataclass(frozen=True, slots=True)
class Decoration:
    """A prototype with an element for each slot."""

    prototype: Prototype
    symbols: tuple[str, ...]

    @property
    def amounts(self) -> dict[str, int]:
        """Reduced amounts of the elements."""
        return dict(zip(self.symbols, self.prototype.stoichiometry, strict=True))

    @property
    def is_own_compound(self) -> bool:
        """True for the compound that the prototype was found in; its measured lattice is kept."""
        return self.symbols == self.prototype.slots

    @property
    def lattice_angstrom(self) -> FloatArray:
        """Lattice (3, 3) to start from."""
        own = self.is_own_compound
        return self.prototype.lattice_angstrom if own else self.prototype.scaled_lattice(self.symbols)


def binary_systems() -> list[tuple[str, str]]:
    """Every system to build, most valuable first; in each pair the more electronegative element comes second."""
    common = set(COMMON_ELEMENTS)
    pairs: list[tuple[str, str]] = []
    for partner in _PARTNERS:
        pairs += [(element, partner) for element in COMMON_ELEMENTS if element != partner]
    pairs += [(element, partner) for partner in _OTHERS_FIRST for element in OTHER_ELEMENTS]
    metals = [element for element in COMMON_ELEMENTS if element not in _PARTNERS]
    pairs += [(a, b) for k, a in enumerate(metals) for b in metals[k + 1 :]]
    pairs += [(element, partner) for partner in _OTHERS_LAST for element in OTHER_ELEMENTS]
    assert all(b in common for _, b in pairs)
    found: dict[frozenset[str], tuple[str, str]] = {}
    for a, b in pairs:
        found.setdefault(
            frozenset((a, b)), (a, b) if _electronegativity(a) <= _electronegativity(b) else (b, a)
        )
    return list(found.values())


def bonding_class(anion: str) -> BondingClass:
    """How a compound bonds, by its more electronegative element."""
    if anion in _IONIC_ANIONS:
        return "ionic"
    if anion in _COVALENT_ANIONS:
        return "covalent"
    return "metalloid" if anion in _METALLOIDS else "metallic"


def relaxations_planned(system: tuple[str, str]) -> int:
    """How many decorations of a system are relaxed to the end."""
    cation, anion = system
    if _mostly_molecular(system):
        return 3
    if cation not in COMMON_ELEMENTS or anion not in COMMON_ELEMENTS:
        return 3
    return 4 if bonding_class(anion) == "metallic" and "Al" not in system else 7


def _mostly_molecular(system: tuple[str, str]) -> bool:
    """True for pairs of nonmetals that bond as molecules, unlike quartz or boron nitride."""
    framework = system[0] in ("B", "Si", "Ge", "C") and system[1] in ("O", "N", "F", "S")
    return set(system) <= _NONMETALS and not framework and not set(system) <= {"B", "C", "Si", "Ge"}


def decorations(system: tuple[str, str], *, atoms_max: int) -> Iterator[Decoration]:
    """Decorations of a binary system worth an energy; `system` has the more electronegative element second.

    The compounds that the prototypes were found in are always among those of their own systems.
    """
    kind = bonding_class(system[1])
    for prototype in _binary_prototypes(max(atoms_max, _ATOMS_OF_OWN_ELEMENTS)):
        own = set(prototype.slots) == set(system)
        if own:
            yield Decoration(prototype, prototype.slots)
        if prototype.atoms > atoms_max or not _suits(prototype, kind, system):
            continue
        choices = prototype.distinct_assignments(system)
        for symbols in choices:
            oriented = len(choices) == 1 or _oriented(prototype, symbols, kind)
            known = own and (symbols == prototype.slots or len(choices) == 1)
            if oriented and not known and _charges_allow(prototype, symbols, system):
                yield Decoration(prototype, symbols)


@cache
def _binary_prototypes(atoms_max: int) -> tuple[Prototype, ...]:
    return tuple(p for p in prototypes(atoms_max=atoms_max) if len(p.slots) == 2)


def _suits(prototype: Prototype, kind: BondingClass, system: tuple[str, str]) -> bool:
    if prototype.name in _TETRAHEDRAL_POLYTYPES and system[0] not in _SMALL_CATIONS:
        return False
    if prototype.name in _OWN_ELEMENTS_ONLY:
        return False
    largest = _LARGEST_OF_NONMETALS if _mostly_molecular(system) else _LARGEST[kind]
    if prototype.atoms > largest and prototype.strukturbericht != "D0_11":
        return False
    alloy = prototype.strukturbericht in _ALLOY_TYPES or prototype.name in _ALLOY_TYPES
    own = bonding_class(max(prototype.slots, key=_electronegativity))
    if kind == "metallic":
        return alloy
    if kind == "metalloid":
        return alloy or own == "metalloid" or prototype.strukturbericht in _SHARED_TYPES
    if kind == "covalent":
        return own != "metallic"
    return own in ("ionic", "covalent") or prototype.strukturbericht in {"C32", "D0_23", "B33"}


def _oriented(prototype: Prototype, symbols: tuple[str, ...], kind: BondingClass) -> bool:
    """Keep the anion on the anion's slot where both orientations have one formula, except among metals and in nickel arsenide."""
    if kind == "metallic" or prototype.strukturbericht == "B8_1" or prototype.stoichiometry != (1, 1):
        return True
    own = _electronegativity(prototype.slots[0]) <= _electronegativity(prototype.slots[1])
    new = _electronegativity(symbols[0]) <= _electronegativity(symbols[1])
    return own == new


def _charges_allow(prototype: Prototype, symbols: tuple[str, ...], system: tuple[str, str]) -> bool:
    """Drop formulas whose cation would need a charge far from any it is known with; metals among themselves are free."""
    cation, anion = system
    if anion not in _CHARGE:
        return True
    amounts = dict(zip(symbols, prototype.stoichiometry, strict=True))
    charge = _CHARGE[anion] * amounts[anion] / amounts[cation]
    low, high = _oxidation_range(cation)
    if cation in _PEROXIDE_FORMERS and anion in _CHALCOGEN_CHAIN_CHARGE:
        high = _CHALCOGEN_CHAIN_CHARGE[anion]
    elif anion in ("S", "Se", "Te"):
        # Polysulfides on the one side, metallic monosulfides of trivalent metals on the other.
        low, high = min(low, 2.0), max(high, 4.0)
    return low <= charge + 1e-9 and charge <= high + 1e-9


@cache
def _oxidation_range(symbol: str) -> tuple[float, float]:
    """Lowest and highest charge per cation to try; d metals also form suboxides and subnitrides."""
    from pymatgen.core import Element

    element = Element(symbol)
    fixed = element.group in (1, 2, 3, 12) or element.is_lanthanoid
    states = element.common_oxidation_states if fixed else element.oxidation_states
    positive = [float(q) for q in states if q > 0]
    low, high = (min(positive), max(positive)) if positive else (0.5, 4.0)
    return (min(low, 0.6) if element.is_transition_metal and element.group != 3 else low), high


@cache
def _electronegativity(symbol: str) -> float:
    from pymatgen.core import Element

    return float(Element(symbol).data.get("X") or 0.0)
