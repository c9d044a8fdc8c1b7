"""Search of one chemical system for phases of all its elements: decorate, balance charges, static energies, relax.

Every structure type of the library with as many slots as the system has elements is filled in every distinct way. What is
left after the charges and the static energies is relaxed by the potential, and the lowest phase of each formula near the
hull of the simpler phases is kept. Energies are the potential's own; the hull stands on the basis of the shipped phases.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from matsmith.knowledge.references import ReferencePhase, ReferenceSet
from matsmith.tools.competing_screening import (
    Screened,
    above_hull,
    charge_balanced,
    decorations_of,
    formation_of,
    formula_key,
    near_hull,
    screen,
)
from matsmith.tools.reference_evaluation import (
    FORCE_TOLERANCE_EV_PER_ANGSTROM,
    STRESS_TOLERANCE_GPA,
    crystal_of,
)
from matsmith.tools.reference_plan import Decoration

if TYPE_CHECKING:
    from pymatgen.core import Structure

    from matsmith.models.potentials.chgnet_batch import BatchedCHGNet

ABOVE_HULL_EV_PER_ATOM = 0.15
# A few steps show what is hopeless; the long relaxation is for the rest.
_TASTE_STEPS = 8
_MAX_STEPS = 60
_ABOVE_TASTED_HULL_EV_PER_ATOM = 0.22
_TASTED_PER_FORMULA = 2
_RESIDUAL_FORCE_EV_PER_ANGSTROM = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class CompetingPhase:
    """The lowest phase found of a formula; `converged` is False where the steps ran out close to the minimum."""

    formula: str
    prototype: str
    energy_ev_per_atom: float
    above_hull_ev_per_atom: float
    converged: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Search:
    """What a search found and how many decorations reached each stage of it.

    `cut` counts those within the static window that were left out for their number alone, `failed` those whose relaxation
    gave nothing sound.
    """

    phases: tuple[CompetingPhase, ...]
    n_prototypes: int
    decorations: int
    balanced: int
    screened: int
    relaxations: int
    relaxed_to_the_end: int
    cut: int
    failed: int


def search(
    elements: Sequence[str],
    *,
    references: ReferenceSet,
    potential: BatchedCHGNet,
    names: Collection[str] = (),
) -> Search:
    """Search a system of three or four elements. `references` holds its shipped phases (tier "shipped")."""
    every = decorations_of(elements, names=names)
    balanced = charge_balanced(every)
    screened = screen(balanced, potential=potential)
    chosen, cut = near_hull(screened, references=references)
    tasted = _relaxed([_start(s) for s in chosen], max_steps=_TASTE_STEPS, potential=potential)
    lowest: list[_Point] = [
        _Point(s.decoration, found) for s, found in zip(chosen, tasted, strict=True) if found is not None
    ]
    going = _still_near(lowest, references=references)
    second = iter(
        _relaxed(
            [p.relaxed.structure for p in going if not p.relaxed.converged],
            max_steps=_MAX_STEPS,
            potential=potential,
        )
    )
    ends: list[_Point] = []
    for point in going:
        relaxed = point.relaxed if point.relaxed.converged else next(second)
        if relaxed is not None and relaxed.max_force_ev_per_angstrom <= _RESIDUAL_FORCE_EV_PER_ANGSTROM:
            ends.append(_Point(point.decoration, relaxed))
    return Search(
        phases=_kept(ends, references=references),
        n_prototypes=len({d.prototype.name for d in every}),
        decorations=len(every),
        balanced=len(balanced),
        screened=len(screened),
        relaxations=len(chosen),
        relaxed_to_the_end=len(ends),
        cut=cut,
        failed=(len(chosen) - len(lowest)) + (len(going) - len(ends)),
    )


@dataclass(frozen=True, slots=True)
class _End:
    """Where a relaxation stands."""

    structure: Structure
    energy_ev_per_atom: float
    max_force_ev_per_angstrom: float
    converged: bool


@dataclass(frozen=True, slots=True)
class _Point:
    decoration: Decoration
    relaxed: _End


def _start(screened: Screened) -> Structure:
    structure = crystal_of(screened.decoration)
    structure.scale_lattice(structure.volume * math.exp(screened.log_volume_change))
    return structure


def _relaxed(
    structures: Sequence[Structure], *, max_steps: int, potential: BatchedCHGNet
) -> list[_End | None]:
    """Relax all in one stream of batches; None where nothing sound came out. An unfinished one is its last sound point."""
    from matsmith.models.relaxation import RelaxationSettings, Relaxed, relax

    settings = RelaxationSettings(
        force_tolerance_ev_per_angstrom=FORCE_TOLERANCE_EV_PER_ANGSTROM,
        stress_tolerance_gpa=STRESS_TOLERANCE_GPA,
        max_steps=max_steps,
    )
    found: list[_End | None] = [None] * len(structures)
    for index, result in relax(structures, potential=potential, settings=settings):
        last = result if isinstance(result, Relaxed) else result.last
        # What collapsed or exploded has left the range where the potential can be trusted.
        if last is not None and (isinstance(result, Relaxed) or result.code == "unconverged"):
            found[index] = _End(
                last.structure, last.energy_ev_per_atom, last.max_force_ev_per_angstrom, last.converged
            )
    return found


def _still_near(points: Sequence[_Point], *, references: ReferenceSet) -> list[_Point]:
    """After the first steps: the best two of each formula that are not hopeless, and every known compound."""
    seen: dict[str, int] = {}
    kept: list[_Point] = []
    for point in sorted(points, key=lambda p: (p.relaxed.energy_ev_per_atom, p.decoration.prototype.name)):
        key = formula_key(point.decoration)
        above = above_hull(references, point.decoration.amounts, point.relaxed.energy_ev_per_atom)
        good = above < _ABOVE_TASTED_HULL_EV_PER_ATOM and seen.get(key, 0) < _TASTED_PER_FORMULA
        if good or point.decoration.is_own_compound:
            seen[key] = seen.get(key, 0) + 1
            kept.append(point)
    return kept


def _kept(points: Sequence[_Point], *, references: ReferenceSet) -> tuple[CompetingPhase, ...]:
    """The lowest of each formula that lies near the hull of the simpler phases and all that was found, lowest first."""
    lowest: dict[str, _Point] = {}
    for point in points:
        held = lowest.get(formula_key(point.decoration))
        if held is None or point.relaxed.energy_ev_per_atom < held.relaxed.energy_ev_per_atom:
            lowest[formula_key(point.decoration)] = point
    joined = references.with_phases(
        ReferencePhase(
            formula=key,
            formation_energy_ev_per_atom=formation_of(
                references, p.decoration.amounts, p.relaxed.energy_ev_per_atom
            ),
            source="search",
            date=references.date,
        )
        for key, p in lowest.items()
    )
    phases = [
        CompetingPhase(
            formula=key,
            prototype=p.decoration.prototype.name,
            energy_ev_per_atom=round(p.relaxed.energy_ev_per_atom, 5),
            above_hull_ev_per_atom=above_hull(joined, p.decoration.amounts, p.relaxed.energy_ev_per_atom),
            converged=p.relaxed.converged,
        )
        for key, p in lowest.items()
    ]
    near = [p for p in phases if p.above_hull_ev_per_atom < ABOVE_HULL_EV_PER_ATOM]
    return tuple(sorted(near, key=lambda p: (round(p.above_hull_ev_per_atom, 6), p.formula)))
