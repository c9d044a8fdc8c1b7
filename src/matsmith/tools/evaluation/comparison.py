"""Generated crystals against each other and against what is known: uniqueness, novelty by formula, by structure and by prototype, with disorder.

Two orderings of a solid solution are one material to a chemist: crystals of one formula count as the same up to disorder when they match after
elements that replace each other freely are given one name. Those are pairs of like character within 15 % in radius and 0.4 in
electronegativity (Darken and Gurry, Physical Chemistry of Metals, McGraw-Hill, 1953), which MatterGen's evaluation also lets count.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from itertools import combinations

import numpy as np

from matsmith.core.crystal import Crystal, anonymised
from matsmith.core.errors import MatsmithError
from matsmith.knowledge.formulas import reduced_key
from matsmith.knowledge.prototypes import Prototype, by_name, prototypes
from matsmith.tools.duplicates import merge
from matsmith.tools.evaluation.measures import FloatArray, average_minimum_distances
from matsmith.tools.strategies.sources import KnownStructure

_RADIUS_SHARE, _ELECTRONEGATIVITY = 0.15, 0.4
# Matching structures lie within this of each other in mean neighbour distances, in units of the cube root of the volume per atom;
# the matcher itself then decides.
_NEAR = 0.3
_LARGEST_PROTOTYPE = 40


def groups_with_disorder(crystals: Sequence[Crystal]) -> list[int]:
    """Group of each crystal, numbered from 0, where crystals of one formula that differ by their order alone share a group."""
    by_formula: dict[str, list[int]] = {}
    for index, crystal in enumerate(crystals):
        by_formula.setdefault(reduced_key(crystal.amounts), []).append(index)
    found, count = [0] * len(crystals), 0
    for members in by_formula.values():
        groups = merge([disordered(crystals[index]) for index in members])
        for index, group in zip(members, groups, strict=True):
            found[index] = count + group
        count += max(groups) + 1
    return found


def disordered(crystal: Crystal) -> Crystal:
    """The crystal with one name for elements that replace each other freely: that of the lightest among them."""
    renamed = replaceable(crystal.elements)
    if len(set(renamed.values())) == len(renamed):
        return crystal
    return Crystal(
        lattice=crystal.lattice,
        species=tuple(renamed[symbol] for symbol in crystal.species),
        positions=crystal.positions,
    )


@lru_cache(maxsize=20_000)
def replaceable(elements: tuple[str, ...]) -> Mapping[str, str]:
    """Each element -> the first of those that it may be exchanged with.

    >>> dict(replaceable(("O", "Fe", "Co")))
    {'O': 'O', 'Fe': 'Fe', 'Co': 'Fe'}
    """
    from pymatgen.core import Element

    named: dict[str, str] = {symbol: symbol for symbol in elements}
    for first, second in combinations(elements, 2):
        a, b = Element(first), Element(second)
        if a.atomic_radius is None or b.atomic_radius is None or a.is_metal != b.is_metal:
            continue
        radii = float(a.atomic_radius), float(b.atomic_radius)
        alike = abs(radii[0] - radii[1]) <= _RADIUS_SHARE * max(radii)
        if alike and abs(float(a.X) - float(b.X)) <= _ELECTRONEGATIVITY:
            old = named[second]
            named = {symbol: named[first] if name == old else name for symbol, name in named.items()}
    return named


def known_up_to_disorder(crystal: Crystal, known: Sequence[KnownStructure]) -> bool:
    """Whether a crystal is another ordering of one of these known crystals of its formula, within the matcher's usual tolerances."""
    from pymatgen.analysis.structure_matcher import StructureMatcher

    if len(set(replaceable(crystal.elements).values())) == len(crystal.elements):
        return False
    matcher, structure = StructureMatcher(), disordered(crystal).to_pymatgen()
    return any(matcher.fit(structure, disordered(one.crystal).to_pymatgen()) for one in known)


class ReferenceCrystals:
    """Known crystals of a reference set, by formula, to tell which samples are new against it."""

    def __init__(self, crystals: Sequence[Crystal]) -> None:
        self._by_formula: dict[str, list[Crystal]] = {}
        for crystal in crystals:
            self._by_formula.setdefault(reduced_key(crystal.amounts), []).append(crystal)

    def has_formula(self, crystal: Crystal) -> bool:
        """Whether some crystal of the set has this formula."""
        return reduced_key(crystal.amounts) in self._by_formula

    def has_structure(self, crystal: Crystal) -> bool:
        """Whether some crystal of the set has this structure, elements included, disorder let count."""
        from pymatgen.analysis.structure_matcher import StructureMatcher

        others = self._by_formula.get(reduced_key(crystal.amounts), ())
        matcher, structure = StructureMatcher(), disordered(crystal).to_pymatgen()
        return any(matcher.fit(structure, disordered(other).to_pymatgen()) for other in others)


def prototype_of(crystal: Crystal) -> str:
    """Name of the AFLOW prototype that a crystal has, whatever its elements and volume; empty for none of the library's."""
    from pymatgen.analysis.structure_matcher import StructureMatcher

    candidates = _by_ratio().get(anonymised(crystal.amounts), ())
    if not candidates:
        return ""
    own = average_minimum_distances(crystal, scaled=True)
    if own is None:
        return ""
    matcher, structure = StructureMatcher(), crystal.to_pymatgen()
    near = [(float(np.abs(own - _distances_of(one.name)).max()), one) for one in candidates]
    for gap, prototype in sorted(near, key=lambda pair: pair[0]):
        if gap > _NEAR:
            break
        if matcher.fit_anonymous(structure, prototype.structure()):
            return prototype.name
    return ""


@lru_cache(maxsize=1)
def _by_ratio() -> dict[tuple[int, ...], list[Prototype]]:
    found: dict[tuple[int, ...], list[Prototype]] = {}
    for prototype in prototypes(atoms_max=_LARGEST_PROTOTYPE):
        found.setdefault(tuple(sorted(prototype.stoichiometry)), []).append(prototype)
    return found


@lru_cache(maxsize=1024)
def _distances_of(name: str) -> FloatArray:
    found = average_minimum_distances(Crystal.from_pymatgen(by_name(name).structure()), scaled=True)
    if found is None:
        raise MatsmithError(f"The prototype {name} cannot be measured.")
    return found
