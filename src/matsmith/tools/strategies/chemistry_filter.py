"""What a specification says about chemistry and structure, as yes or no with the reason."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from matsmith.core.crystal import Crystal, anonymised
from matsmith.core.elements import SYMBOLS
from matsmith.core.spec import FLAT_MOTIFS, Chemistry, DesignSpec
from matsmith.knowledge.elements import facts, is_earth_abundant, is_toxic
from matsmith.knowledge.formulas import reduced_key
from matsmith.tools.flat_nets import holds_motif
from matsmith.tools.strategies.charge import NEUTRAL, charge_score

if TYPE_CHECKING:
    from matsmith.knowledge.prototypes import Prototype

_BRACKETS = re.compile(r"\(([^)]+)\)")
# The potential (CHGNet) was trained on hydrogen to plutonium without these: 89 elements.
COVERED_BY_POTENTIAL: frozenset[str] = frozenset(SYMBOLS[:94]) - {"Po", "At", "Rn", "Fr", "Ra"}
# Structure types that people ask for and the library of prototypes lacks or that cover more ratios than its entries do.
_MORE_RATIOS: dict[str, tuple[tuple[int, ...], ...]] = {
    "garnet": ((2, 3, 3, 12), (3, 5, 12)),
    "pyrochlore": ((2, 2, 7),),
    "olivine": ((1, 2, 4), (1, 1, 1, 4)),
    "rocksalt": ((1, 1), (1, 1, 2)),
    "spinel": ((1, 2, 4), (3, 4)),
    "perovskite": ((1, 1, 3), (1, 1, 2, 6)),
    "delafossite": ((1, 1, 2),),
    "corundum": ((2, 3),),
    "bixbyite": ((2, 3), (1, 1, 3)),
}
_SYMMETRY_PRECISION_ANGSTROM = 0.01


def permitted_elements(spec: DesignSpec) -> frozenset[str]:
    """Return the elements that may occur in an answer.

    Radioactive elements are left out unless the spec names them; so are elements that the potential does not cover.
    """
    return _permitted(spec.chemistry.model_dump_json())


@lru_cache(maxsize=64)
def _permitted(chemistry_json: str) -> frozenset[str]:
    chemistry = Chemistry.model_validate_json(chemistry_json)
    named = {*chemistry.required, *chemistry.allowed, *(_formula_elements(chemistry))}
    chosen: Collection[str] = chemistry.allowed or COVERED_BY_POTENTIAL
    return frozenset(symbol for symbol in chosen if _element_reason(symbol, chemistry, named=named) is None)


def _formula_elements(chemistry: Chemistry) -> list[str]:
    from matsmith.core.elements import parse_formula

    return list(parse_formula(chemistry.formula)) if chemistry.formula else []


def _element_reason(symbol: str, chemistry: Chemistry, *, named: Collection[str]) -> str | None:
    """Return why an element may not occur, or None."""
    if symbol in chemistry.excluded:
        return f"It contains {symbol}, which is excluded."
    if chemistry.allowed and symbol not in chemistry.allowed:
        return f"It contains {symbol}, which is not among the allowed elements."
    if symbol not in COVERED_BY_POTENTIAL:
        return f"It contains {symbol}, which the potential does not cover."
    if facts(symbol).radioactive and symbol not in named:
        return f"It contains {symbol}, which is radioactive and was not asked for."
    if chemistry.earth_abundant and not is_earth_abundant(symbol):
        return f"It contains {symbol}, which is not earth-abundant."
    if chemistry.non_toxic and is_toxic(symbol):
        return f"It contains {symbol}, which is regulated as toxic."
    return None


def conforms_chemistry(
    spec: DesignSpec, amounts: Mapping[str, int], *, permitted: frozenset[str] | None = None
) -> str | None:
    """Say in one sentence why a composition (atoms of each element) does not fit the spec, or return None.

    `permitted` saves working out `permitted_elements` again where many compositions are tried.
    """
    chemistry = spec.chemistry
    elements = set(amounts)
    outside = sorted(elements - (permitted_elements(spec) if permitted is None else permitted))
    if outside:
        named = {*chemistry.required, *chemistry.allowed, *_formula_elements(chemistry)}
        return _element_reason(outside[0], chemistry, named=named)
    lacking = [symbol for symbol in chemistry.required if symbol not in elements]
    if lacking:
        return f"It lacks {' and '.join(lacking)}."
    for group in chemistry.any_of:
        if not elements.intersection(group):
            return f"It contains none of {', '.join(group)}."
    if not chemistry.elements_min <= len(elements) <= chemistry.elements_max:
        return f"It has {len(elements)} elements; from {chemistry.elements_min} to {chemistry.elements_max} are wanted."
    if chemistry.formula is not None and reduced_key(amounts) != reduced_key(chemistry.formula):
        return f"Its formula is {reduced_key(amounts)}, not {chemistry.formula}."
    wanted = spec.structure.prototype
    if wanted is not None:
        ratios = prototype_ratios(wanted)
        if ratios and anonymised(dict(amounts)) not in ratios:
            return f"Its stoichiometry is not that of the {wanted} type."
    if chemistry.charge_neutral and charge_score(amounts) < NEUTRAL:
        return "No common oxidation states balance its charge."
    return None


def conforms(
    spec: DesignSpec, crystal: Crystal, *, space_group: int | None, known: bool = False
) -> str | None:
    """Say in one sentence why a crystal does not fit the spec, or return None when it does.

    `space_group` is the crystal's number where it is known already; it is found by spglib when the spec asks for one. Of a crystal
    that is `known` nothing dear may have to be computed: its cell may be larger where no size was asked for.
    """
    reason = conforms_chemistry(spec, crystal.amounts)
    if reason is not None:
        return reason
    wish = spec.structure
    atoms = len(crystal.species)
    most = max(wish.atoms_max, wish.known_atoms_max) if known else wish.atoms_max
    if not wish.atoms_min <= atoms <= most or wish.atoms_min > 1:
        atoms = primitive_atoms(crystal)
    if not wish.atoms_min <= atoms <= most:
        return f"Its primitive cell has {atoms} atoms; from {wish.atoms_min} to {most} are wanted."
    if wish.space_groups:
        number = space_group if space_group is not None else _space_group(crystal)
        if number not in wish.space_groups:
            return f"Its space group is {number}, which is not among those wanted."
    named = () if wish.prototype is None else prototypes_called(wish.prototype)
    if wish.prototype is not None and named and not is_of_type(crystal, wish.prototype):
        return f"Its structure is not of the {wish.prototype} type."
    if wish.motif in FLAT_MOTIFS and not holds_motif(crystal, wish.motif):
        return f"It holds no {wish.motif} net."
    return None


def is_of_type(crystal: Crystal, name: str) -> bool:
    """Say whether a structure is that of a named type, whatever its elements, within the matcher's usual tolerances."""
    return _is_of_type(crystal.model_dump_json(), name)


@lru_cache(maxsize=4096)
def _is_of_type(crystal_json: str, name: str) -> bool:
    from pymatgen.analysis.structure_matcher import StructureMatcher

    structure = Crystal.model_validate_json(crystal_json).to_pymatgen()
    matcher = StructureMatcher()
    return any(bool(matcher.fit_anonymous(structure, known.structure())) for known in prototypes_called(name))


@lru_cache(maxsize=64)
def prototype_ratios(name: str) -> frozenset[tuple[int, ...]]:
    """Return the sorted stoichiometries of a structure type, by any of its names; empty when it is not known."""
    found = {tuple(sorted(prototype.stoichiometry)) for prototype in prototypes_called(name)}
    return frozenset(found.union(_MORE_RATIOS.get(name.lower(), ())))


def prototypes_called(name: str) -> tuple[Prototype, ...]:
    """Return the library's prototypes of this name.

    `Laves phase` finds what `Laves` does, and `NaCl (B1)` what the symbol in brackets does.
    """
    from matsmith.knowledge.prototypes import by_common_name

    short = name.lower().removesuffix(" phase").removesuffix(" structure")
    bracketed = _BRACKETS.search(name)
    return by_common_name(name) or by_common_name(short) or by_common_name(bracketed[1] if bracketed else "")


def primitive_atoms(crystal: Crystal) -> int:
    """Return the number of atoms in the primitive cell."""
    import spglib

    library: Any = spglib
    found = library.find_primitive(_cell(crystal), symprec=_SYMMETRY_PRECISION_ANGSTROM)
    return len(crystal.species) if found is None else len(found[2])


def _space_group(crystal: Crystal) -> int:
    import spglib

    library: Any = spglib
    found = library.get_symmetry_dataset(_cell(crystal), symprec=_SYMMETRY_PRECISION_ANGSTROM)
    return 1 if found is None else int(found.number)


def _cell(crystal: Crystal) -> tuple[Any, Any, list[int]]:
    return (crystal.lattice, crystal.positions, [SYMBOLS.index(symbol) + 1 for symbol in crystal.species])
