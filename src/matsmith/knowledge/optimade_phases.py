"""Competing phases of a chemical system from a provider of OPTIMADE whose formation energies stand on the Materials Project's basis.

Asked only when a user names the provider, since a design run judges hundreds of systems. Each subsystem is one query, so that no
provider has to know the optional operator `HAS ONLY`; answers are kept with their date by the exchange.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

from matsmith.core.elements import check_elements
from matsmith.core.errors import DataError, UsageError
from matsmith.knowledge.database_query import DatabaseQuery, Interval
from matsmith.knowledge.exchange import Exchange, ServiceError
from matsmith.knowledge.formulas import reduced_key
from matsmith.knowledge.optimade import ask, exchange_for
from matsmith.knowledge.optimade_providers import Provider, get_provider

SAME_BASIS = ("mp", "alexandria")
"""Providers of PBE and PBE+U with the Materials Project's settings and 2020 corrections; others' energies are another method."""
FAR_EV_PER_ATOM = 0.3
"""Phases further above the hull than this are not asked for where the provider can filter: they bound nothing."""
QUIET_S = 300.0
"""After a failure the provider is left alone for so long: a run judges many candidates and must not wait for each."""
_LIMIT = 500
_failures: dict[str, tuple[float, DataError]] = {}
_lock = threading.Lock()


@dataclass(frozen=True, kw_only=True)
class OnlinePhases:
    """Lowest formation energy of each formula of a system in eV/atom, and when and from where it was taken."""

    title: str
    citation: str
    date: str
    formation_energies_ev_per_atom: Mapping[str, float]


def check_provider(name: str) -> Provider:
    """The provider of this name. Raises `UsageError` for one whose energies cannot stand beside the potential's."""
    provider = get_provider(name)
    if provider.name not in SAME_BASIS:
        raise UsageError(
            f"{provider.title} cannot serve as reference: its energies are of another method than the potential's.",
            hint=f"Choose from {', '.join(SAME_BASIS)}.",
        )
    return provider


def recent_failure(name: str) -> DataError | None:
    """Why the provider is left alone at present, or None when it would be asked."""
    moment, last = _failures.get(name, (0.0, None))
    return last if last is not None and time.monotonic() - moment < QUIET_S else None


def optimade_phases(
    elements: Collection[str], *, provider: str, cache_dir: Path | None, exchange: Exchange | None = None
) -> OnlinePhases:
    """Ask for all phases of a system. Raises `DataError` when the provider fails or left an element without a phase."""
    system = tuple(sorted(check_elements(elements)))
    source = check_provider(provider)
    last = recent_failure(source.name)
    if last is not None:
        raise last
    try:
        # One system at a time: threads of one run often want the same one, and the second finds it kept.
        with _lock:
            return _phases(system, source, exchange or exchange_for(source, cache_dir=cache_dir))
    except ServiceError as error:
        _failures[source.name] = (time.monotonic(), error)
        raise


def _phases(system: tuple[str, ...], provider: Provider, exchange: Exchange) -> OnlinePhases:
    lowest: dict[str, float] = {}
    date = ""
    for size in range(1, len(system) + 1):
        for subsystem in combinations(system, size):
            answer = ask(_query(subsystem, provider), provider, exchange=exchange)
            if answer.available is not None and len(answer.rows) == _LIMIT < answer.available:
                raise DataError(
                    f"{provider.title} holds more than {_LIMIT} phases of {'-'.join(subsystem)}, too many to ask for.",
                    hint="Set MP_API_KEY to use the Materials Project's own client.",
                )
            date = max(date, answer.date)
            for row in answer.rows:
                key = reduced_key(row.formula)
                energy = row.values.get("formation_energy")
                if energy is not None:
                    lowest[key] = min(energy, lowest.get(key, energy))
    missing = [symbol for symbol in system if symbol not in lowest]
    if missing:
        raise DataError(
            f"{provider.title} answered with no phase of pure {missing[0]}.",
            hint="The next source of reference phases is used.",
        )
    return OnlinePhases(
        title=provider.title,
        citation=provider.citation,
        date=date[:10],
        formation_energies_ev_per_atom=lowest,
    )


def _query(subsystem: tuple[str, ...], provider: Provider) -> DatabaseQuery:
    bounds: dict[str, Interval] = {}
    above_hull = provider.fields.get("energy_above_hull")
    if above_hull is not None and above_hull.filterable:
        bounds["energy_above_hull"] = Interval(high=FAR_EV_PER_ATOM)
    return DatabaseQuery(
        elements=subsystem, only=True, bounds=bounds, properties=("formation_energy",), limit=_LIMIT
    )
