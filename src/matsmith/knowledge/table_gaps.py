"""Binary phases that exist and that a table of DFT energies lacks, filled in from those that ship.

A table without MgO makes every magnesium oxide look stable. A shipped phase stands in where its formula is one that was
measured, is a prototype's own compound, or balances the charges of the elements' common oxidation states: a made-up
phase would refute what is stable, so other shipped phases stay out. Its energy is the potential's, put on the table's
basis, and carries that error.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from matsmith.knowledge.crystals import measured_crystals
from matsmith.knowledge.formulas import reduced_key
from matsmith.knowledge.prototypes import prototypes

_LARGEST_ATOMS = 100
# Error of a stand-in against a hidden row, in units of the potential's own: measured by benchmarks/table_gaps.py. Where charges
# alone speak for a formula, the relaxed form is more often not the one that exists.
_SIGMA_FACTOR_KNOWN, _SIGMA_FACTOR_CHARGES = 1.0, 1.3


@dataclass(frozen=True, kw_only=True)
class GapPhase:
    """A shipped phase on the table's basis: formation energy and one sigma in eV/atom."""

    formula: str
    elements: frozenset[str]
    formation_energy_ev_per_atom: float
    sigma_ev_per_atom: float


def gap_phases() -> tuple[GapPhase, ...]:
    """Return the lowest shipped phase of every binary formula that may stand in for a missing row, by formula.

    Raises `DataError` when the shipped phases or the fitted offsets are missing or damaged.
    """
    from matsmith.knowledge import offsets, phases

    return _gap_phases(phases.PHASES_FILE, offsets.OFFSETS_FILE)


@cache
def _gap_phases(phases_file: Path, offsets_file: Path) -> tuple[GapPhase, ...]:
    from matsmith.knowledge import offsets, phases

    del phases_file, offsets_file  # part of the key only
    lowest: dict[str, tuple[float, Mapping[str, int]]] = {}
    for phase in phases.shipped_phases(phases.shipped_elements()):
        if len(phase.elements) == 2:
            key = reduced_key(phase.amounts)
            held = lowest.get(key)
            if held is None or phase.energy_ev_per_atom < held[0]:
                lowest[key] = (phase.energy_ev_per_atom, phase.amounts)
    real = known_compounds()
    found: list[GapPhase] = []
    for key, (energy, amounts) in sorted(lowest.items()):
        if key in real or charges_balance(amounts):
            formation, sigma = offsets.formation_energy(amounts, energy)
            found.append(
                GapPhase(
                    formula=key,
                    elements=frozenset(amounts),
                    formation_energy_ev_per_atom=formation,
                    sigma_ev_per_atom=sigma * (_SIGMA_FACTOR_KNOWN if key in real else _SIGMA_FACTOR_CHARGES),
                )
            )
    return tuple(found)


def charges_balance(amounts: Mapping[str, int]) -> bool:
    """Whether a binary formula is neutral with both elements in common oxidation states (as pymatgen lists them).

    The more electronegative element takes its negative state; elements without one balance nothing.

    >>> charges_balance({"Mg": 1, "O": 1}), charges_balance({"Ga": 2, "O": 3}), charges_balance({"Cu": 1, "F": 3})
    (True, True, False)
    """
    from pymatgen.core import Element

    if len(amounts) != 2:
        return False
    metal, anion = sorted(
        (Element(symbol) for symbol in amounts), key=lambda element: (element.X, element.symbol)
    )
    negative = [state for state in anion.common_oxidation_states if state < 0]
    return any(
        amounts[metal.symbol] * given + amounts[anion.symbol] * taken == 0
        for taken in negative
        for given in metal.common_oxidation_states
        if given > 0
    )


def known_compounds() -> frozenset[str]:
    """Formulas of crystals that are known to exist whatever their charges."""
    return frozenset(
        [
            *(reduced_key(crystal.formula) for crystal in measured_crystals()),
            *(reduced_key(prototype.compound) for prototype in prototypes(atoms_max=_LARGEST_ATOMS)),
        ]
    )
