"""Whether a crystal has a structure type, decided on cells: AFLOW prototypes as pymatgen carries them, and measured crystals.

A crystal has the type when StructureMatcher, blind to what the elements are, fits it to a cell of the type at its default
tolerance. A distorted one (a supercell, looser tolerance) has it when no cell of another type of that stoichiometry lies nearer. It
has not when the stoichiometry differs or nothing fits even loosely. Ordered variants count: species are merged until both sides
have the same number (LiFeO2 for rocksalt, Fe3O4 for spinel). Fluorite and antifluorite are one cell, perovskite and its inverse too.
"""

from __future__ import annotations

import gzip
import json
import re
from collections.abc import Iterator, Sequence, Set
from dataclasses import dataclass
from functools import cache
from importlib import resources
from math import gcd
from typing import Any

from independent_facts import Facts
from pymatgen.analysis.structure_matcher import StructureMatcher
from pymatgen.core import Structure

# Looser than pymatgen's default (0.2, 0.3, 5 degrees); at a site tolerance of 0.44 zincblende would already pass for rocksalt.
LOOSE: dict[str, Any] = {"ltol": 0.3, "stol": 0.4, "angle_tol": 10, "attempt_supercell": True}
LARGEST_CELL = 40  # atoms; a loose comparison of bigger cells takes too long and is left out
# Name of a structure type -> AFLOW labels of its cells, with the mineral where several share a label.
TYPES: dict[str, tuple[str, ...]] = {
    "perovskite": (
        "AB3C_cP5_221_a_c_b",
        "AB3C_oP20_62_c_cd_a",
        "A3BC_tP5_99_bc_a_b",
        "A3BC_mC10_8_ab_a_a",
    ),
    "rocksalt": ("AB_cF8_225_a_b",),
    "spinel": ("A2BC4_cF56_227_d_a_e", "A3B4_tI28_141_ad_h"),
    "fluorite": ("AB2_cF12_225_a_c",),
    "antifluorite": ("AB2_cF12_225_a_c",),
    "wurtzite": ("AB_hP4_186_b_b",),
    "zincblende": ("AB_cF8_216_c_a",),
    "caesiumchloride": ("AB_cP2_221_b_a",),
    "diamond": ("A_cF8_227_a",),
    "rutile": ("A2B_tP6_136_f_a",),
    "anatase": ("A2B_tI12_141_e_a",),
    "corundum": ("A2B3_hR10_167_c_e",),
    "ilmenite": ("AB3C_hR10_148_c_f_c",),
    "pyrite": ("AB2_cP12_205_a_c",),
    "marcasite": ("AB2_oP6_58_a_g:Marcasite",),
    "chalcopyrite": ("ABC2_tI16_122_a_b_d",),
    "bixbyite": ("AB3C6_cI80_206_a_d_e",),
    "half-heusler": ("ABC_cF12_216_b_c_a",),
    "heusler": ("AB2C_cF16_225_a_c_b",),
    "skutterudite": ("A3B_cI32_204_g_c",),
    "delafossite": ("ABC2_hR4_166_a_b_c", "ABC2_hP8_194_d_a_f"),
    "calcite": ("ABC3_hR10_167_a_b_e:Calcite",),
    "zircon": ("A4BC_tI24_141_h_b_a",),
    "nickelarsenide": ("AB_hP4_194_c_a",),
    "lavesphase": ("A2B_cF24_227_d_a", "AB2_hP12_194_f_ah"),
    "maxphase": ("AB3C4_hP16_194_c_af_ef", "AB_hP12_194_af_bf"),
    "a15": ("A3B_cP8_223_c_a",),
    "tungstencarbide": ("AB_hP2_187_d_a",),
    "aluminiumdiboride": ("AB2_hP3_191_a_d",),
    "cuprite": ("A2B_cP6_224_b_a",),
    "fcc": ("A_cF4_225_a",),
    "bcc": ("A_cI2_229_a",),
    "hcp": ("A_hP2_194_c",),
}
# Words by which the measured crystals call a type, where its name is not part of their description.
_MEASURED_AS = {"rocksalt": "nacl (b1)", "fluorite": "caf2 (c1)", "caesium chloride": "cscl (b2)"}


@dataclass(frozen=True, kw_only=True)
class Cell:
    """A primitive cell of a structure type."""

    label: str
    structure: Structure


@cache
def _library() -> tuple[Cell, ...]:
    path = resources.files("pymatgen.analysis") / "prototypes" / "aflow_prototypes.json.gz"
    rows: list[dict[str, Any]] = json.loads(gzip.decompress(path.read_bytes()))
    return tuple(
        Cell(
            label=f"{row['tags']['aflow']}:{row['tags']['mineral']}",
            structure=Structure.from_dict(row["snl"]).get_primitive_structure(),
        )
        for row in rows
    )


@cache
def cells(name: str, facts: Facts) -> tuple[Cell, ...]:
    """Cells of a structure type by its name or AFLOW label, each kind once; empty when none is known."""
    labels = TYPES.get(name.lower().replace(" ", ""), (name,))
    found = [
        one
        for one in _library()
        if any(one.label == label or one.label.startswith(f"{label}:") for label in labels)
    ]
    wanted = re.escape(_MEASURED_AS.get(name.lower(), name.lower()))
    for crystal in facts.crystals():
        # A whole word: chalcopyrite is no pyrite, and zirconium no zircon.
        if re.search(rf"(?<![a-z]){wanted}(?![a-z])", f"{crystal.prototype} {crystal.name}".lower()):
            cell = crystal.structure.get_primitive_structure()
            if not any(StructureMatcher().fit_anonymous(cell, one.structure) for one in found):
                found.append(Cell(label=crystal.name, structure=cell))
    return tuple(found)


def has_type(structure: Structure, name: str, facts: Facts) -> bool | None:
    """Say whether a crystal has a structure type; None when no cell of the type is known or it cannot be compared."""
    known = cells(name, facts)
    if not known:
        return None
    mine = structure.get_primitive_structure()
    pairs = [pair for one in known for pair in _same_species(mine, one.structure)]
    if any(StructureMatcher().fit_anonymous(first, second) for first, second in pairs):
        return True
    if any(len(first.composition) == 1 < len(mine.composition) for first, _ in pairs):
        return None  # every ordered alloy is an element once its species are merged
    labels = {one.label for one in known}
    for first, second in pairs:
        near = _distance(first, second)
        if near < float("inf") and all(near <= _distance(first, other) for other in _alike(first, labels)):
            return True
    too_large = any(max(len(first), len(second)) > LARGEST_CELL for first, second in pairs)
    return None if too_large else False


def _alike(structure: Structure, labels: Set[str]) -> Iterator[Structure]:
    """Cells of the library with this stoichiometry that do not bear one of the labels."""
    ratio = _ratio(structure)
    return (one.structure for one in _library() if one.label not in labels and _ratio(one.structure) == ratio)


def _distance(first: Structure, second: Structure) -> float:
    """Root mean square distance of the sites over (volume per atom)^(1/3) at the loose tolerance; infinite without a fit."""
    if len(first) > LARGEST_CELL or len(second) > LARGEST_CELL:
        return float("inf")
    found: Any = StructureMatcher(**LOOSE).get_rms_anonymous(first, second)  # pyright: ignore[reportUnknownVariableType]
    return float("inf") if found[0] is None else float(found[0])


def _ratio(structure: Structure) -> tuple[int, ...]:
    amounts = [round(amount) for amount in structure.composition.element_composition.values()]
    return tuple(sorted(amount // gcd(*amounts) for amount in amounts))


def _same_species(first: Structure, second: Structure) -> Iterator[tuple[Structure, Structure]]:
    """Both structures, species of the one with more of them merged in every way, where the stoichiometry then fits."""
    most, fewest = len(first.composition), len(second.composition)
    if most < fewest:
        yield from ((one, other) for other, one in _same_species(second, first))
        return
    for groups in _groupings([str(element) for element in first.composition], fewest):
        merged = first.copy()
        merged.replace_species({symbol: group[0] for group in groups for symbol in group})
        merged = merged.get_primitive_structure() if most > fewest else merged
        if _ratio(merged) == _ratio(second):
            yield merged, second


def _groupings(symbols: Sequence[str], count: int) -> Iterator[list[list[str]]]:
    """All ways to put symbols into `count` groups that are not empty."""
    if not symbols:
        if count == 0:
            yield []
        return
    if count < 1 or len(symbols) < count:
        return
    first, rest = symbols[0], symbols[1:]
    for groups in _groupings(rest, count - 1):
        yield [[first], *groups]
    for groups in _groupings(rest, count):
        for place in range(len(groups)):
            yield [[*group, first] if number == place else group for number, group in enumerate(groups)]
