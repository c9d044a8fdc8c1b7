"""Search of one chemical system for phases of all its elements: decorate, balance charges, static energies, relax.

Every structure type of the library with as many slots as the system has elements is filled in every distinct way. What is
left after the charges and the static energies is relaxed by the potential, and the lowest phase of each formula near the
hull of the simpler phases is kept. Energies are the potential's own; the hull stands on the basis of the shipped phases.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from matsmith.core.elements import SYMBOLS
from matsmith.knowledge.formulas import reduced_key
from matsmith.knowledge.prototypes import prototypes
from matsmith.knowledge.references import ReferencePhase, ReferenceSet
from matsmith.tools.reference_evaluation import (
    FORCE_TOLERANCE_EV_PER_ANGSTROM,
    STRESS_TOLERANCE_GPA,
    crystal_of,
)
from matsmith.tools.reference_plan import Decoration
from matsmith.tools.strategies.charge import charge_score

if TYPE_CHECKING:
    from pymatgen.core import Structure

    from matsmith.models.potentials.chgnet_batch import BatchedCHGNet

ATOMS_MAX = 20
# Below this no whole, mixed, fractional or bonded state balances a composition; metals and interstitial compounds lie above.
CHARGE_SCORE_MIN = 0.3
ABOVE_STATIC_HULL_EV_PER_ATOM = 0.30
KEPT_PER_FORMULA = 3
RELAXATIONS_MAX = 90
ABOVE_HULL_EV_PER_ATOM = 0.15
# Static energies are taken at the expected volume and this far to either side of it, in the logarithm of the volume.
_LOG_VOLUME_STEP = 0.12
_VOLUMES = (-_LOG_VOLUME_STEP, 0.0, _LOG_VOLUME_STEP)
# A few steps show what is hopeless; the long relaxation is for the rest.
_TASTE_STEPS = 8
_MAX_STEPS = 60
_ABOVE_TASTED_HULL_EV_PER_ATOM = 0.22
_TASTED_PER_FORMULA = 2
_RESIDUAL_FORCE_EV_PER_ANGSTROM = 0.5
# Ordered cells that stand for random Cr-Fe-Ni alloys in the library; no compound is known to take them.
_MODEL_ALLOYS = frozenset({"AB11CD3_cP16_221_a_dg_b_c", "AB12C3_cI32_229_a_h_b", "AB4C3_cI16_229_a_c_b"})


@dataclass(frozen=True, slots=True)
class Screened:
    """A decoration with its lowest static energy and the change of volume (as a logarithm) at which it lies."""

    decoration: Decoration
    energy_ev_per_atom: float
    log_volume_change: float


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


def decorations_of(elements: Sequence[str], *, names: Collection[str] = ()) -> list[Decoration]:
    """Every distinct decoration with all of the elements of every structure type, or of the named ones only.

    The compound that a type was found in is among its own, in its measured lattice.
    """
    found: list[Decoration] = []
    for prototype in prototypes(atoms_max=ATOMS_MAX):
        if len(prototype.slots) != len(elements) or prototype.name in _MODEL_ALLOYS:
            continue
        if names and prototype.name not in names:
            continue
        own = set(prototype.slots) == set(elements)
        choices = prototype.distinct_assignments(prototype.slots if own else tuple(elements))
        found += [Decoration(prototype, symbols) for symbols in choices]
    return found


def charge_balanced(decorations: Iterable[Decoration]) -> list[Decoration]:
    """Leave out what no oxidation states balance, unless the compound is known."""
    return [d for d in decorations if d.is_own_compound or charge_score(d.amounts) >= CHARGE_SCORE_MIN]


def screen(decorations: Sequence[Decoration], *, potential: BatchedCHGNet) -> list[Screened]:
    """Static energies of all at three volumes in one stream of batches; what the potential refuses at all three is left out."""
    from matsmith.models.potentials.interface import CrystalArrays, Evaluation

    def arrays(decoration: Decoration, log_change: float) -> CrystalArrays:
        numbers = np.array([SYMBOLS.index(symbol) + 1 for symbol in decoration.symbols], dtype=np.int64)
        return CrystalArrays(
            numbers=numbers[decoration.prototype.slot_of_site],
            frac_coords=decoration.prototype.frac_coords.copy(),
            lattice_angstrom=decoration.lattice_angstrom * math.exp(log_change / 3.0),
        )

    answers = potential.evaluate_arrays(
        (arrays(d, change) for d in decorations for change in _VOLUMES), forces=False, stress=False
    )
    found: list[Screened] = []
    for decoration in decorations:
        energies: dict[float, float] = {}
        for change in _VOLUMES:
            answer = next(answers)
            if isinstance(answer, Evaluation) and math.isfinite(answer.energy_ev):
                energies[change] = answer.energy_ev / decoration.prototype.atoms
        if energies:
            change, energy = lowest_of(energies)
            found.append(Screened(decoration, energy, change))
    return found


def lowest_of(energies: Mapping[float, float]) -> tuple[float, float]:
    """Place and height of the lowest point of energies by evenly spaced place: of a parabola through three, else of the points.

    >>> lowest_of({-1.0: 4.0, 0.0: 1.0, 1.0: 0.0})
    (1.0, 0.0)
    >>> lowest_of({-1.0: 2.0, 0.0: 0.0, 1.0: 1.0})
    (0.16666666666666666, -0.041666666666666664)
    """
    place = min(energies, key=lambda x: energies[x])
    if len(energies) == 3 and place == sorted(energies)[1]:
        (left, low), (_, middle), (right, high) = sorted(energies.items())
        curvature = low - 2.0 * middle + high
        if curvature > 0.0:
            shift = 0.5 * (low - high) / curvature
            return place + shift * (right - left) / 2.0, middle - 0.25 * (low - high) * shift
    return place, energies[place]


def near_hull(screened: Sequence[Screened], *, references: ReferenceSet) -> tuple[list[Screened], int]:
    """The best few of each formula near the hull of the simpler phases, lowest first, and how many were cut for their number.

    A known compound in its own structure type is always among them.
    """
    ranked = sorted(
        ((_above(references, s.decoration.amounts, s.energy_ev_per_atom), s) for s in screened),
        key=lambda pair: (pair[0], pair[1].decoration.prototype.name, pair[1].decoration.symbols),
    )
    seen: dict[str, int] = {}
    known: list[Screened] = []
    chosen: list[Screened] = []
    for above, s in ranked:
        if s.decoration.is_own_compound:
            known.append(s)
            continue
        key = reduced_key({symbol: float(n) for symbol, n in s.decoration.amounts.items()})
        if above < ABOVE_STATIC_HULL_EV_PER_ATOM and seen.get(key, 0) < KEPT_PER_FORMULA:
            seen[key] = seen.get(key, 0) + 1
            chosen.append(s)
    room = max(0, RELAXATIONS_MAX - len(known))
    return known + chosen[:room], len(chosen) - len(chosen[:room])


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
        key = _key(point)
        above = _above(references, point.decoration.amounts, point.relaxed.energy_ev_per_atom)
        good = above < _ABOVE_TASTED_HULL_EV_PER_ATOM and seen.get(key, 0) < _TASTED_PER_FORMULA
        if good or point.decoration.is_own_compound:
            seen[key] = seen.get(key, 0) + 1
            kept.append(point)
    return kept


def _kept(points: Sequence[_Point], *, references: ReferenceSet) -> tuple[CompetingPhase, ...]:
    """The lowest of each formula that lies near the hull of the simpler phases and all that was found, lowest first."""
    lowest: dict[str, _Point] = {}
    for point in points:
        held = lowest.get(_key(point))
        if held is None or point.relaxed.energy_ev_per_atom < held.relaxed.energy_ev_per_atom:
            lowest[_key(point)] = point
    joined = references.with_phases(
        ReferencePhase(
            formula=key,
            formation_energy_ev_per_atom=_formation(
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
            above_hull_ev_per_atom=_above(joined, p.decoration.amounts, p.relaxed.energy_ev_per_atom),
            converged=p.relaxed.converged,
        )
        for key, p in lowest.items()
    ]
    near = [p for p in phases if p.above_hull_ev_per_atom < ABOVE_HULL_EV_PER_ATOM]
    return tuple(sorted(near, key=lambda p: (round(p.above_hull_ev_per_atom, 6), p.formula)))


def _key(point: _Point) -> str:
    return reduced_key({symbol: float(n) for symbol, n in point.decoration.amounts.items()})


def _formation(references: ReferenceSet, amounts: Mapping[str, int], energy_ev_per_atom: float) -> float:
    return references.formation_energy(amounts, energy_ev_per_atom)[0]


def _above(references: ReferenceSet, amounts: Mapping[str, int], energy_ev_per_atom: float) -> float:
    return references.energy_above_hull(amounts, _formation(references, amounts, energy_ev_per_atom))
