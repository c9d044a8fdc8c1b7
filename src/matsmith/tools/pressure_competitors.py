"""What a crystal competes with under a pressure: forms that ship, measured ones, and the likeliest structure types of the library.

All are relaxed under the pressure by one potential, once for all crystals of a formula: the last few sets stay in memory.
"""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from matsmith.core.record import Outcome
from matsmith.core.settings import Settings
from matsmith.knowledge.formulas import key_amounts, reduced_key
from matsmith.models.compression import Compressed, compressed
from matsmith.models.potentials.interface import ArrayPotential
from matsmith.models.relaxation import EV_PER_ANGSTROM3_IN_GPA
from matsmith.tools.potential import identity as potential_identity
from matsmith.tools.potential import potential

if TYPE_CHECKING:
    from pymatgen.core import Structure

# Static energies are taken at volumes without pressure; a solid of 100 GPa gives way by so much of p V.
_SOFTNESS_PER_GPA, _LEAST_SHARE = 0.004, 0.6
_MOST_SCREENED, _MOST_RELAXED = 400, 120
_KEPT = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """A crystal that competes: its formula, what it is called, and what it is under the pressure."""

    formula: str
    label: str
    state: Compressed

    @property
    def amounts(self) -> dict[str, float]:
        """Atoms of each element in a formula unit."""
        return {symbol: float(n) for symbol, n in key_amounts(self.formula).items()}


@dataclass(frozen=True, slots=True, kw_only=True)
class Competitors:
    """Forms under one pressure, how many starts were tried, and what vibrations add to them, by label and temperature."""

    forms: tuple[Form, ...]
    tried: int
    vibrations: dict[tuple[str, str, float, str], tuple[float, float] | Outcome] = field(
        default_factory=dict[tuple[str, str, float, str], "tuple[float, float] | Outcome"]
    )


_memory: OrderedDict[tuple[str, float, int, str], Competitors] = OrderedDict()


def competitors_of(
    elements: Sequence[str],
    *,
    own: str,
    pressure_gpa: float,
    most_types: int,
    settings: Settings,
    note: Callable[[str], None],
) -> Competitors:
    """Every form that a crystal of the formula `own` could turn into, relaxed under the pressure."""
    key = (own, pressure_gpa, most_types, potential_identity(settings))
    if key in _memory:
        _memory.move_to_end(key)
        return _memory[key]
    model = potential(settings)
    starts = _starts(elements, own=own, pressure_gpa=pressure_gpa, most_types=most_types, model=model)
    forms: list[Form] = []
    for place, result in compressed(
        (structure for _, _, structure in starts), potential=model, pressure_gpa=pressure_gpa
    ):
        if isinstance(result, Compressed):
            formula, label, _ = starts[place]
            forms.append(Form(formula=formula, label=label, state=result))
        note(f"{own}: {len(forms)} of {len(starts)} forms compressed to {pressure_gpa:g} GPa")
    _memory[key] = Competitors(forms=tuple(forms), tried=len(starts))
    while len(_memory) > _KEPT:
        _memory.popitem(last=False)
    return _memory[key]


def _starts(
    elements: Sequence[str], *, own: str, pressure_gpa: float, most_types: int, model: ArrayPotential
) -> list[tuple[str, str, Structure]]:
    """(formula, label, start) of every form to compress: shipped, measured, and the likeliest types of the library."""
    from matsmith.knowledge.crystals import find
    from matsmith.knowledge.phases import shipped_phases

    found: list[tuple[str, str, Structure]] = []
    formulas = {own, *elements}
    for phase in shipped_phases(elements):
        key = reduced_key(phase.formula)
        formulas.add(key)
        found.append((key, f"{phase.prototype}, shipped", phase.crystal().to_pymatgen()))
    for key in sorted(formulas):
        found += [
            (key, f"{entry.name}, measured", entry.structure().get_primitive_structure())
            for entry in find(key)
        ]
    found += _from_library(sorted(formulas), pressure_gpa=pressure_gpa, most_types=most_types, model=model)
    # The candidate's own formula and the elements first, so that a cut for the time takes neither.
    found.sort(key=lambda entry: (entry[0] != own, len(key_amounts(entry[0])) > 1))
    return found[:_MOST_RELAXED]


def _from_library(
    formulas: Sequence[str], *, pressure_gpa: float, most_types: int, model: ArrayPotential
) -> Iterator[tuple[str, str, Structure]]:
    """The structure types of each formula that are lowest under the pressure by their static energies."""
    from matsmith.tools.competing_screening import Screened, decorations_of, formula_key, screen
    from matsmith.tools.reference_evaluation import crystal_of

    share = max(_LEAST_SHARE, 1 - _SOFTNESS_PER_GPA * pressure_gpa)
    work = pressure_gpa / EV_PER_ANGSTROM3_IN_GPA * share

    def enthalpy(one: Screened) -> float:
        atoms = one.decoration.prototype.atoms
        volume = crystal_of(one.decoration).volume * math.exp(one.log_volume_change) / atoms
        return one.energy_ev_per_atom + work * volume

    by_elements: dict[tuple[str, ...], list[str]] = {}
    for formula in formulas:
        by_elements.setdefault(tuple(sorted(key_amounts(formula))), []).append(formula)
    for elements, wanted in by_elements.items():
        fitting = [d for d in decorations_of(elements) if formula_key(d) in wanted][:_MOST_SCREENED]
        ranked = sorted(
            screen(fitting, potential=model),
            key=lambda one: (enthalpy(one), one.decoration.prototype.name),
        )
        for formula in wanted:
            of_formula = [one for one in ranked if formula_key(one.decoration) == formula]
            for one in of_formula[:most_types]:
                structure = crystal_of(one.decoration)
                structure.scale_lattice(structure.volume * math.exp(one.log_volume_change) * share)
                yield formula, one.decoration.prototype.label, structure
