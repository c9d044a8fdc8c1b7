"""The phases that a candidate has to compete with, from the best source at hand, which is always named.

Four tiers: the Materials Project live, a provider of OPTIMADE on the same basis where a user names one, the table of the
project's DFT formation energies on disk, and the phases that ship with the program. Energies are compared within one tier only; each tier says how a potential's energy is put on its basis.
Phases that a tier lacks can only make a candidate look stabler than it is.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property, lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from matsmith.core.elements import check_elements
from matsmith.core.errors import DataError, UsageError
from matsmith.knowledge.formulas import key_amounts, reduced_key
from matsmith.knowledge.hull import ConvexHull
from matsmith.knowledge.materials_project import MaterialsProjectError, project_entries
from matsmith.knowledge.table_sources import SOURCES
from matsmith.knowledge.tables import KnownTables
from matsmith.knowledge.tier_rates import FalseStableRate, Tier, false_stable_rate

MOST_ELEMENTS = 8
"""Facets grow so fast with the number of elements that a hull of more takes minutes."""
ON_HULL_EV_PER_ATOM = 1e-4
"""Energies are tabulated to about this; a phase this close above the hull is on it."""
SHIPPED_ELEMENTS = frozenset(
    [
        "H",
        "Li",
        "B",
        "C",
        "N",
        "O",
        "F",
        "Na",
        "Mg",
        "Al",
        "Si",
        "P",
        "S",
        "Cl",
        "K",
        "Ca",
        "Ti",
        "V",
        "Cr",
        "Mn",
        "Fe",
        "Co",
        "Ni",
        "Cu",
        "Zn",
        "Ga",
        "Ge",
        "Se",
        "Sr",
        "Y",
        "Zr",
        "Nb",
        "Mo",
        "Ba",
        "W",
    ]
)
"""Every binary system of these elements was searched for the phases that ship; of the others only a few were."""
GAP_SOURCE = "potential, shipped with matsmith"
"""Source of phases that stand in for rows that the table lacks."""
_TABLE = "mp_formation_energy"


@dataclass(frozen=True, kw_only=True)
class ReferencePhase:
    """The lowest phase of a reduced formula: its formation energy on its tier's basis, and where and when that is from.

    `sigma_ev_per_atom` is the error of an energy that is not of the tier's own method, and 0 for the tier's own.
    """

    formula: str
    formation_energy_ev_per_atom: float
    source: str
    date: str
    sigma_ev_per_atom: float = 0.0


@dataclass(frozen=True, kw_only=True)
class TierWarning:
    """Why a better tier was not used."""

    tier: Tier
    reason: str
    hint: str
    retryable: bool


@dataclass(frozen=True, kw_only=True)
class ReferenceSet:
    """Competing phases of one chemical system, all of one tier.

    `complete` is False where the tier is known to lack kinds of phases for this system. `elemental_energies` are the
    tier's own total energies of the elements in eV/atom, where it has them.
    """

    elements: tuple[str, ...]
    tier: Tier
    title: str
    date: str
    phases: tuple[ReferencePhase, ...]
    complete: bool
    warnings: tuple[TierWarning, ...] = ()
    elemental_energies: Mapping[str, float] = field(default_factory=dict[str, float])

    @cached_property
    def hull(self) -> ConvexHull:
        """The convex hull of the phases; numbers of phases are their places in `phases`."""
        return _hull_of(self.elements, self.phases)

    def energy_above_hull(
        self, formula: str | Mapping[str, float], formation_energy_ev_per_atom: float
    ) -> float:
        """Return how far above the hull of these phases an energy lies, in eV/atom; negative below it.

        The formula may have fewer elements than the system. Raises `UsageError` when it has others.
        """
        fractions = self._fractions(key_amounts(reduced_key(formula)))
        return float(self.hull.energy_above_hull(fractions[None, :], [formation_energy_ev_per_atom])[0])

    def decomposition(self, formula: str | Mapping[str, float]) -> list[tuple[str, float]]:
        """Return what the formula falls apart into: reduced formulas and their shares of the atoms, largest first."""
        found = self.hull.decomposition(self._fractions(key_amounts(reduced_key(formula))))
        count = len(self.phases)
        return [
            (self.phases[index].formula if index < count else self.elements[index - count], share)
            for index, share in found
        ]

    def competition_sigma(self, formula: str | Mapping[str, float]) -> float:
        """Return the error of the hull at a formula in eV/atom: that of the phases it falls apart into, by their shares."""
        sigma = {phase.formula: phase.sigma_ev_per_atom for phase in self.phases}
        return math.hypot(*(share * sigma.get(key, 0.0) for key, share in self.decomposition(formula)))

    def phase(self, formula: str | Mapping[str, float]) -> ReferencePhase | None:
        """Return the formula's lowest phase in the set, whatever its source, or None."""
        key = reduced_key(formula)
        return next((phase for phase in self.phases if phase.formula == key), None)

    def table_formation_energy(self, formula: str | Mapping[str, float]) -> float | None:
        """Return the tier's own formation energy of the formula's lowest phase in eV/atom, or None when it lacks it."""
        found = self.phase(formula)
        return None if found is None or found.source == GAP_SOURCE else found.formation_energy_ev_per_atom

    def formation_energy(
        self, amounts: Mapping[str, float], energy_ev_per_atom: float
    ) -> tuple[float, float]:
        """Put a potential's energy on this tier's basis: formation energy and one sigma, both in eV/atom.

        The references fitted to the table serve the phases that ship too, and the Materials Project where no correction of
        one release differs from another's. Elsewhere the project's own elements serve, since the potential is trained on its
        present scale, and what it is off by unfitted joins the error; a tier that tells no energies of elements takes the fitted
        references with that error.
        """
        from matsmith.knowledge import offsets

        formation, sigma = offsets.formation_energy(amounts, energy_ev_per_atom)
        if (
            self.tier not in ("materials_project", "optimade")
            or len(amounts) == 1
            or offsets.is_uncorrected(amounts)
        ):
            return formation, sigma
        bias = offsets.shipped_offsets().unfitted_bias_ev_per_atom
        if not self.elemental_energies:
            return formation, math.hypot(sigma, bias)
        total = sum(amounts.values())
        share = sum(self.elemental_energies[symbol] * amount / total for symbol, amount in amounts.items())
        return energy_ev_per_atom - share, math.hypot(sigma, bias)

    def without(self, formula: str | Mapping[str, float]) -> ReferenceSet:
        """Return the set without a formula's own phase, to judge it by its competitors alone."""
        key = reduced_key(formula)
        return replace(self, phases=tuple(phase for phase in self.phases if phase.formula != key))

    def with_phases(self, phases: Iterable[ReferencePhase], *, complete: bool | None = None) -> ReferenceSet:
        """Return the set with more phases on the same basis; of each formula the lowest stays. Foreign ones are dropped."""
        inside = set(self.elements)
        merged = {phase.formula: phase for phase in self.phases}
        for phase in phases:
            key = reduced_key(phase.formula)
            if inside.issuperset(key_amounts(key)):
                held = merged.get(key)
                if held is None or phase.formation_energy_ev_per_atom < held.formation_energy_ev_per_atom:
                    merged[key] = replace(phase, formula=key)
        return replace(
            self, phases=tuple(merged.values()), complete=self.complete if complete is None else complete
        )

    def verdict(self, energy_above_hull_ev_per_atom: float, *, threshold_ev_per_atom: float = 0.0) -> str:
        """Return `stable` or `unstable`; against the phases that ship, `not refuted` in place of `stable`."""
        if energy_above_hull_ev_per_atom > threshold_ev_per_atom + ON_HULL_EV_PER_ATOM:
            return "unstable"
        return "not refuted" if self.tier == "shipped" else "stable"

    def false_stable_rate(self, *, threshold_ev_per_atom: float = 0.0) -> FalseStableRate | None:
        """Return how often this tier was measured to call an unstable phase of so many elements stable."""
        return false_stable_rate(self.tier, len(self.elements), threshold_ev_per_atom=threshold_ev_per_atom)

    def _fractions(self, amounts: Mapping[str, float]) -> NDArray[np.float64]:
        outside = [symbol for symbol in amounts if symbol not in self.elements]
        if outside:
            raise UsageError(
                f"{outside[0]} is not in the system {'-'.join(self.elements)}.",
                hint="Ask for the references of all elements.",
            )
        return _fractions(amounts, self.elements)


def _fractions(amounts: Mapping[str, float], elements: tuple[str, ...]) -> NDArray[np.float64]:
    row = np.array([float(amounts.get(symbol, 0.0)) for symbol in elements])
    return row / row.sum()


@lru_cache(maxsize=64)
def _hull_of(elements: tuple[str, ...], phases: tuple[ReferencePhase, ...]) -> ConvexHull:
    """Build a hull once for all sets of the same phases: a run judges many candidates of one system."""
    fractions = np.array([_fractions(key_amounts(phase.formula), elements) for phase in phases])
    return ConvexHull.build(elements, fractions, [phase.formation_energy_ev_per_atom for phase in phases])


def references_for(
    elements: Collection[str],
    *,
    data_dir: Path | None,
    cache_dir: Path | None,
    mp_api_key: str | None = None,
    mp_endpoint: str | None = None,
    optimade: str | None = None,
    timeout_s: float = 60.0,
    extra_phases: Iterable[ReferencePhase] = (),
    only: Tier | None = None,
) -> ReferenceSet:
    """Return the competing phases of a chemical system from the best tier at hand, or from the one named in `only`.

    `optimade` names a provider to ask when the Materials Project's own client cannot be. `extra_phases` are phases computed on demand; they stand on the shipped basis and join that tier alone. Why a better
    tier was passed over is in `warnings`. Raises `UsageError` for more than `MOST_ELEMENTS` elements, `DataError` when
    no tier covers the system or the one asked for cannot be used.
    """
    system = tuple(check_elements(elements))
    if not 1 <= len(system) <= MOST_ELEMENTS:
        raise UsageError(
            f"A hull of {len(system)} elements cannot be built.", hint=f"Give 1 to {MOST_ELEMENTS} elements."
        )
    warnings: list[TierWarning] = []

    def ask(tier: Tier) -> ReferenceSet:
        if tier == "materials_project":
            return _from_project(
                system, cache_dir=cache_dir, api_key=mp_api_key, endpoint=mp_endpoint, timeout_s=timeout_s
            )
        if tier == "optimade":
            return _from_optimade(system, provider=optimade or "mp", cache_dir=cache_dir)
        if tier == "dft_table":
            return _from_table(system, data_dir, cache_dir, table_stamp(data_dir))
        return _from_shipped(system).with_phases(extra_phases)

    if only is not None:
        return ask(only)
    online: tuple[Tier, ...] = ("materials_project", "optimade") if optimade else ("materials_project",)
    for tier in (*online, "dft_table"):
        try:
            return replace(ask(tier), warnings=tuple(warnings))
        except DataError as error:
            warnings.append(
                TierWarning(tier=tier, reason=error.message, hint=error.hint, retryable=error.retryable)
            )
    return replace(ask("shipped"), warnings=tuple(warnings))


def _from_project(
    system: tuple[str, ...],
    *,
    cache_dir: Path | None,
    api_key: str | None,
    endpoint: str | None,
    timeout_s: float,
) -> ReferenceSet:
    entries = project_entries(
        system, api_key=api_key, cache_dir=cache_dir, endpoint=endpoint, timeout_s=timeout_s
    )
    ground = entries.elemental_energies()
    day = entries.date[:10]
    phases: list[ReferencePhase] = []
    for key, energy in entries.energies_ev_per_atom.items():
        amounts = key_amounts(key)
        if not set(system).issuperset(amounts):
            raise MaterialsProjectError(
                f"The Materials Project's answer holds {key}, which is not of this system.",
                hint="Delete its kept answer.",
            )
        total = sum(amounts.values())
        phases.append(
            ReferencePhase(
                formula=key,
                formation_energy_ev_per_atom=energy - sum(ground[s] * n / total for s, n in amounts.items()),
                source="Materials Project",
                date=day,
            )
        )
    return ReferenceSet(
        elements=system,
        tier="materials_project",
        title="Materials Project, live",
        date=day,
        phases=tuple(phases),
        complete=True,
        elemental_energies=ground,
    )


def _from_optimade(system: tuple[str, ...], *, provider: str, cache_dir: Path | None) -> ReferenceSet:
    from matsmith.knowledge.optimade_phases import optimade_phases

    found = optimade_phases(system, provider=provider, cache_dir=cache_dir)
    return ReferenceSet(
        elements=system,
        tier="optimade",
        title=found.title,
        date=found.date,
        phases=tuple(
            ReferencePhase(
                formula=key, formation_energy_ev_per_atom=energy, source=found.title, date=found.date
            )
            for key, energy in found.formation_energies_ev_per_atom.items()
        ),
        complete=True,
    )


@lru_cache(maxsize=64)
def _from_table(
    system: tuple[str, ...], data_dir: Path | None, cache_dir: Path | None, stamp: int
) -> ReferenceSet:
    table = _kept_tables(data_dir, cache_dir, stamp).table(_TABLE)
    lowest = table.lowest()
    inside: list[int] = table.within(system).tolist()
    phases = tuple(
        ReferencePhase(
            formula=table.keys[index],
            formation_energy_ev_per_atom=float(lowest[index]),
            source=table.source.title,
            date=table.source.date,
        )
        for index in inside
    )
    return ReferenceSet(
        elements=system,
        tier="dft_table",
        title=table.source.title,
        date=table.source.date,
        phases=(*phases, *_gaps(system, held={phase.formula for phase in phases})),
        complete=True,
    )


def _gaps(system: tuple[str, ...], *, held: Collection[str]) -> list[ReferencePhase]:
    """Binary phases that exist and have no row in the table."""
    from matsmith.knowledge.phases import shipped_method
    from matsmith.knowledge.table_gaps import gap_phases

    date = str(shipped_method().get("date", "not stated"))[:10]
    return [
        ReferencePhase(
            formula=phase.formula,
            formation_energy_ev_per_atom=phase.formation_energy_ev_per_atom,
            sigma_ev_per_atom=phase.sigma_ev_per_atom,
            source=GAP_SOURCE,
            date=date,
        )
        for phase in gap_phases()
        if phase.formula not in held and phase.elements.issubset(system)
    ]


def _from_shipped(system: tuple[str, ...]) -> ReferenceSet:
    missing = [symbol for symbol in system if symbol not in SHIPPED_ELEMENTS]
    if missing:
        raise DataError(
            f"The phases of {missing[0]} that ship with matsmith are too few to compete with.",
            hint="Run `matsmith data get`, or set MP_API_KEY.",
        )
    from matsmith.knowledge import offsets, phases

    method = phases.shipped_method()
    lowest: dict[str, float] = {}
    for phase in phases.shipped_phases(system):
        key = reduced_key(phase.formula)
        energy, _ = offsets.formation_energy(key_amounts(key), phase.energy_ev_per_atom)
        lowest[key] = min(energy, lowest.get(key, energy))
    date = str(method.get("date", "not stated"))[:10]
    return ReferenceSet(
        elements=system,
        tier="shipped",
        title="phases that ship with matsmith",
        date=date,
        phases=tuple(
            ReferencePhase(formula=key, formation_energy_ev_per_atom=energy, source="shipped", date=date)
            for key, energy in lowest.items()
        ),
        complete=len(system) == 1 or frozenset(system) in phases.searched_systems(),
    )


def known_tables(data_dir: Path | None, *, cache_dir: Path | None = None) -> KnownTables:
    """Return the tables of a folder, kept in memory between calls while the table of formation energies stays the same."""
    return _kept_tables(data_dir, cache_dir, table_stamp(data_dir))


def table_stamp(data_dir: Path | None) -> int:
    """When the table of formation energies of a folder was written last, in ns; 0 where there is none."""
    if data_dir is None:
        return 0
    try:
        return (data_dir / SOURCES[_TABLE].file).stat().st_mtime_ns
    except OSError:
        return 0


@lru_cache(maxsize=4)
def _kept_tables(data_dir: Path | None, cache_dir: Path | None, stamp: int) -> KnownTables:
    del stamp  # part of the key only
    return KnownTables(data_dir, cache_dir=cache_dir)
