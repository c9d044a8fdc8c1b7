"""Which decorations of a system are worth relaxing: those that charges allow and static energies put near the hull."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from matsmith.core.elements import SYMBOLS
from matsmith.knowledge.formulas import reduced_key
from matsmith.knowledge.prototypes import MODEL_ALLOYS, prototypes
from matsmith.knowledge.references import ReferenceSet
from matsmith.tools.reference_plan import Decoration
from matsmith.tools.strategies.charge import charge_score

if TYPE_CHECKING:
    from matsmith.models.potentials.interface import ArrayPotential

ATOMS_MAX = 20
# Below this no whole, mixed, fractional or bonded state balances a composition; metals and interstitial compounds lie above.
CHARGE_SCORE_MIN = 0.3
ABOVE_STATIC_HULL_EV_PER_ATOM = 0.30
KEPT_PER_FORMULA = 3
RELAXATIONS_MAX = 90
# Static energies are taken at the expected volume and this far to either side of it, in the logarithm of the volume.
_LOG_VOLUME_STEP = 0.12
_VOLUMES = (-_LOG_VOLUME_STEP, 0.0, _LOG_VOLUME_STEP)


@dataclass(frozen=True, slots=True)
class Screened:
    """A decoration with its lowest static energy and the change of volume (as a logarithm) at which it lies."""

    decoration: Decoration
    energy_ev_per_atom: float
    log_volume_change: float


def decorations_of(elements: Sequence[str], *, names: Collection[str] = ()) -> list[Decoration]:
    """Every distinct decoration with all of the elements of every structure type, or of the named ones only.

    The compound that a type was found in is among its own, in its measured lattice.
    """
    found: list[Decoration] = []
    for prototype in prototypes(atoms_max=ATOMS_MAX):
        if len(prototype.slots) != len(elements) or prototype.name in MODEL_ALLOYS:
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


def screen(decorations: Sequence[Decoration], *, potential: ArrayPotential) -> list[Screened]:
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
        ((above_hull(references, s.decoration.amounts, s.energy_ev_per_atom), s) for s in screened),
        key=lambda pair: (pair[0], pair[1].decoration.prototype.name, pair[1].decoration.symbols),
    )
    seen: dict[str, int] = {}
    known: list[Screened] = []
    chosen: list[Screened] = []
    for above, s in ranked:
        if s.decoration.is_own_compound:
            known.append(s)
            continue
        key = formula_key(s.decoration)
        if above < ABOVE_STATIC_HULL_EV_PER_ATOM and seen.get(key, 0) < KEPT_PER_FORMULA:
            seen[key] = seen.get(key, 0) + 1
            chosen.append(s)
    room = max(0, RELAXATIONS_MAX - len(known))
    return known + chosen[:room], len(chosen) - len(chosen[:room])


def formula_key(decoration: Decoration) -> str:
    """Reduced formula of a decoration, as references are filed."""
    return reduced_key({symbol: float(n) for symbol, n in decoration.amounts.items()})


def formation_of(references: ReferenceSet, amounts: Mapping[str, int], energy_ev_per_atom: float) -> float:
    """Formation energy in eV/atom on the basis of the references."""
    return references.formation_energy(amounts, energy_ev_per_atom)[0]


def above_hull(references: ReferenceSet, amounts: Mapping[str, int], energy_ev_per_atom: float) -> float:
    """Energy in eV/atom above the hull of the references, negative below it."""
    return references.energy_above_hull(amounts, formation_of(references, amounts, energy_ev_per_atom))
