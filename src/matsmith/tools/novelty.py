"""How new a crystal is against named, dated lists of known materials.

A formula that stands in no list at hand is new. One that stands in a list is known, unless crystals of it are at hand and the
structure matches none of them: then it is a new ordering, which may still be a polymorph that the lists hold without its atoms.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from matsmith.core.candidate import Novelty, NoveltyLabel
from matsmith.core.crystal import Crystal
from matsmith.core.settings import Settings
from matsmith.knowledge.formulas import reduced_key
from matsmith.tools.strategies.sources import KnownStructure, named_lists, structures_of

if TYPE_CHECKING:
    from pymatgen.analysis.structure_matcher import StructureMatcher


def label(crystal: Crystal, *, settings: Settings, reported: Mapping[str, str] | None = None) -> NoveltyLabel:
    """Compare a crystal with every list at hand, and with the known crystals of its formula.

    `reported` are formulas that somebody has written of, by reduced key, each with where: they are known too. `lists` names all lists that
    were asked, whether the formula stands in them or not.
    """
    key = reduced_key(crystal.amounts)
    lists = named_lists(settings)
    names = tuple(named.label for named in lists)
    holding = [named.label for named in lists if key in named.keys]
    if not holding and reported and key in reported:
        match = f"formula; structure not compared ({reported[key]})"
        return NoveltyLabel(label=Novelty.KNOWN, lists=names, match=match)
    if not holding:
        return NoveltyLabel(label=Novelty.NEW, lists=names, match="")
    at_hand = structures_of(key)
    if not at_hand:
        match = f"formula; structure not compared ({holding[0]})"
        return NoveltyLabel(label=Novelty.KNOWN, lists=names, match=match)
    same = matching(crystal, at_hand)
    if same is not None:
        return NoveltyLabel(
            label=Novelty.KNOWN,
            lists=names,
            match=f"formula and structure ({same.origin})",
            # A shipped phase is a relaxed guess itself: to equal it proves nothing.
            structure_matched=not same.origin.startswith("shipped phase"),
        )
    permuted = _permuted(crystal, at_hand)
    how = (
        f"the sites of {permuted.origin} permuted" if permuted else f"unlike {_counted(len(at_hand))} at hand"
    )
    return NoveltyLabel(
        label=Novelty.NEW_ORDERING, lists=names, match=f"formula ({holding[0]}); structure {how}"
    )


def matching(crystal: Crystal, known: list[KnownStructure]) -> KnownStructure | None:
    """Return the first known crystal with the same structure (volume scaled), or None."""
    matcher, structure = _matcher(), crystal.to_pymatgen()
    for candidate in known:
        if matcher.fit(structure, candidate.crystal.to_pymatgen()):
            return candidate
    return None


def _permuted(crystal: Crystal, known: list[KnownStructure]) -> KnownStructure | None:
    """Return a known crystal whose sites are the same when the elements are exchanged, or None."""
    matcher, structure = _matcher(), crystal.to_pymatgen()
    for candidate in known:
        other = candidate.crystal
        alike = len(other.elements) == len(crystal.elements)
        if alike and matcher.fit_anonymous(structure, other.to_pymatgen()):
            return candidate
    return None


def _matcher() -> StructureMatcher:
    from pymatgen.analysis.structure_matcher import StructureMatcher

    return StructureMatcher()


def _counted(number: int) -> str:
    return "the one known crystal" if number == 1 else f"the {number} known crystals"
