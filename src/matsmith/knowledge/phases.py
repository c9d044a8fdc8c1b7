"""The reference phases that ship: elements and binaries relaxed with one potential, to compare energies within one method."""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from functools import cache
from itertools import combinations
from math import gcd, isfinite
from pathlib import Path
from typing import Any

from matsmith.core.crystal import Crystal
from matsmith.core.elements import SYMBOLS, is_element
from matsmith.core.errors import DataError

PHASES_FILE = Path(__file__).with_name("phases.json.gz")
_HINT = "Reinstall matsmith, or build the file again with matsmith.tools.reference_builder."


@dataclass(frozen=True, slots=True, eq=False)
class ShippedPhase:
    """One relaxed crystal: where it came from and its energy in the potential's own reference.

    `prototype` names the structure type that it was relaxed from; `space_group` is that of the relaxed crystal.
    """

    formula: str
    prototype: str
    space_group: int
    energy_ev_per_atom: float
    amounts: dict[str, int]
    converged: bool
    _plain: dict[str, Any] = field(repr=False)

    @property
    def elements(self) -> frozenset[str]:
        """Symbols of its elements."""
        return frozenset(self.amounts)

    def crystal(self) -> Crystal:
        """The relaxed primitive cell."""
        return Crystal.model_validate(self._plain)


def shipped_phases(elements: Collection[str]) -> list[ShippedPhase]:
    """All shipped phases whose elements lie within the given ones, the lowest polymorph of each formula first.

    Raises `DataError` when the file is missing or damaged.
    """
    wanted = frozenset(elements)
    by_system = _load(PHASES_FILE).by_system
    if 2 ** len(wanted) < len(by_system):
        systems = [frozenset(chosen) for n in (1, 2) for chosen in combinations(sorted(wanted), n)]
    else:
        systems = [system for system in by_system if system <= wanted]
    return [phase for system in systems for phase in by_system.get(system, ())]


def shipped_method() -> Mapping[str, Any]:
    """How the phases were made: potential, weights hash, date, tolerances, counts and what was left out.

    Compare with energies of the same potential and weights only. Raises `DataError` when the file is missing or damaged.
    """
    return _load(PHASES_FILE).method


def shipped_elements() -> tuple[str, ...]:
    """Every element that at least one shipped phase holds."""
    return tuple(sorted(frozenset[str]().union(*_load(PHASES_FILE).by_system), key=SYMBOLS.index))


def searched_systems() -> frozenset[frozenset[str]]:
    """The binary systems that were searched, whether or not a compound came out.

    A hull over elements of which some pair is not among these knows less than its peers.
    """
    return _load(PHASES_FILE).searched


def element_energies() -> dict[str, float]:
    """Energy of the lowest shipped phase of each element, eV/atom in the potential's own reference."""
    return {
        symbol: min(phase.energy_ev_per_atom for phase in phases)
        for system, phases in _load(PHASES_FILE).by_system.items()
        if len(system) == 1
        for symbol in system
    }


@dataclass(frozen=True, slots=True)
class _Shipped:
    method: dict[str, Any]
    by_system: dict[frozenset[str], list[ShippedPhase]]
    searched: frozenset[frozenset[str]]


@cache
def _load(path: Path) -> _Shipped:
    try:
        content: dict[str, Any] = json.loads(gzip.decompress(path.read_bytes()))
    except (OSError, EOFError, ValueError, zlib.error) as error:
        raise DataError(f"The shipped phases in {path.name} are missing or damaged.", hint=_HINT) from error
    try:
        method: dict[str, Any] = {str(key): value for key, value in content["method"].items()}
        phases = [_phase(row) for row in content["phases"]]
        searched = frozenset(frozenset(str(name).split("-")) for name in content["searched"])
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise DataError(
            f"The shipped phases in {path.name} are not in the form expected.", hint=_HINT
        ) from error
    by_system: dict[frozenset[str], list[ShippedPhase]] = {}
    for phase in phases:
        by_system.setdefault(phase.elements, []).append(phase)
    return _Shipped(method, by_system, searched)


def _phase(row: dict[str, Any]) -> ShippedPhase:
    energy = float(row["energy_ev_per_atom"])
    species = [str(symbol) for symbol in row["species"]]
    if not (isfinite(energy) and species and len(species) == len(row["positions"])):
        raise ValueError(f"a phase of {row['formula']} is malformed")
    counted: dict[str, int] = {}
    for symbol in species:
        counted[symbol] = counted.get(symbol, 0) + 1
    if not all(is_element(symbol) for symbol in counted):
        raise ValueError(f"a phase of {row['formula']} holds no element")
    divisor = gcd(*counted.values())
    return ShippedPhase(
        formula=str(row["formula"]),
        prototype=str(row["prototype"]),
        space_group=int(row["space_group"]),
        energy_ev_per_atom=energy,
        amounts={symbol: count // divisor for symbol, count in counted.items()},
        converged=bool(row["converged"]),
        _plain={"lattice": row["lattice"], "species": species, "positions": row["positions"]},
    )
