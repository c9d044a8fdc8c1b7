"""What is at hand about known materials: formulas of named lists, and crystals with their prototype."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from matsmith.core.crystal import Crystal
from matsmith.core.elements import SYMBOLS
from matsmith.core.errors import DataError
from matsmith.core.settings import Settings
from matsmith.knowledge.crystals import MeasuredCrystal, measured_crystals
from matsmith.knowledge.formulas import reduced_key
from matsmith.knowledge.prototypes import Prototype, library_version, prototypes
from matsmith.knowledge.references import known_tables
from matsmith.knowledge.tables import KnownTables
from matsmith.tools.strategies.chemistry_filter import prototypes_called

if TYPE_CHECKING:
    from matsmith.knowledge.phases import ShippedPhase

_LARGEST_ATOMS = 100


MEASURED = "measured:"
"""How the origin of a measured crystal begins."""


@dataclass(frozen=True, kw_only=True)
class NamedList:
    """Formulas that stand in one list of known materials; `label` names the list with its date or version."""

    label: str
    keys: frozenset[str]


@dataclass(frozen=True, kw_only=True)
class KnownStructure:
    """A crystal of a known material. `origin` says in a few words where it comes from."""

    key: str
    origin: str
    prototype: str
    space_group: int
    crystal: Crystal


def tables_of(settings: Settings) -> KnownTables:
    """Return the tables of the settings' data folder, kept in memory."""
    return known_tables(settings.data_dir, cache_dir=settings.cache_dir)


def named_lists(settings: Settings) -> tuple[NamedList, ...]:
    """Return every list at hand: the tables, the prototypes' own compounds, measured crystals, shipped phases."""
    tables = tables_of(settings)
    return _named_lists(settings.data_dir, settings.cache_dir, tuple(tables.names()))


@lru_cache(maxsize=4)
def _named_lists(data_dir: Path, cache_dir: Path, names: tuple[str, ...]) -> tuple[NamedList, ...]:
    tables = known_tables(data_dir, cache_dir=cache_dir)
    by_label: dict[str, set[str]] = {}
    for name in names:
        table = tables.table(name)
        by_label.setdefault(table.source.label, set()).update(table.keys)
    found = [NamedList(label=label, keys=frozenset(keys)) for label, keys in by_label.items()]
    found.append(
        NamedList(
            label=f"AFLOW prototypes' own compounds ({library_version()})",
            keys=frozenset(reduced_key(p.compound) for p in prototypes(atoms_max=_LARGEST_ATOMS)),
        )
    )
    found.append(
        NamedList(
            label="measured crystals that ship with matsmith",
            keys=frozenset(reduced_key(c.formula) for c in measured_crystals()),
        )
    )
    shipped = _shipped_by_key()
    if shipped:
        from matsmith.knowledge.phases import shipped_method

        label = f"phases that ship with matsmith, relaxed decorations ({shipped_method()['date']})"
        found.append(NamedList(label=label, keys=frozenset(shipped)))
    return tuple(found)


def known_keys(settings: Settings) -> frozenset[str]:
    """Return the reduced keys of every named list."""
    return _union(named_lists(settings))


@lru_cache(maxsize=4)
def _union(lists: tuple[NamedList, ...]) -> frozenset[str]:
    return frozenset[str]().union(*(named.keys for named in lists))


def structures_of(key: str) -> list[KnownStructure]:
    """Return every known crystal of a formula at hand: measured, the prototypes' compounds, shipped phases."""
    measured = [_from_measured(c) for c in _measured_by_key().get(key, ())]
    compounds = [_from_prototype(p) for p in _compounds_by_key().get(key, ())]
    return [*measured, *compounds, *(_from_shipped(p) for p in _shipped_by_key().get(key, ()))]


def measured_keys() -> Iterable[str]:
    """Return the reduced keys of the measured crystals."""
    return _measured_by_key().keys()


def compound_keys() -> Iterable[str]:
    """Return the reduced keys of the prototypes' own compounds."""
    return _compounds_by_key().keys()


def shipped_keys() -> Iterable[str]:
    """Return the reduced keys of the shipped phases; none where no phases ship."""
    return _shipped_by_key().keys()


@lru_cache(maxsize=1)
def _shipped_by_key() -> dict[str, list[ShippedPhase]]:
    from matsmith.knowledge.phases import shipped_phases

    found: dict[str, list[ShippedPhase]] = {}
    try:
        phases = shipped_phases(SYMBOLS)
    except DataError:
        return found
    for phase in phases:
        found.setdefault(reduced_key(phase.amounts), []).append(phase)
    return found


@lru_cache(maxsize=1)
def _measured_by_key() -> dict[str, list[MeasuredCrystal]]:
    found: dict[str, list[MeasuredCrystal]] = {}
    for crystal in measured_crystals():
        found.setdefault(reduced_key(crystal.formula), []).append(crystal)
    for crystals in found.values():
        crystals.sort(key=lambda c: (not c.stable_at_ambient, c.stable_at_ambient is False))
    return found


@lru_cache(maxsize=1)
def _compounds_by_key() -> dict[str, list[Prototype]]:
    found: dict[str, list[Prototype]] = {}
    for prototype in prototypes(atoms_max=_LARGEST_ATOMS):
        found.setdefault(reduced_key(prototype.compound), []).append(prototype)
    return found


@lru_cache(maxsize=1024)
def _from_measured(crystal: MeasuredCrystal) -> KnownStructure:
    structure = crystal.structure().get_primitive_structure()
    called = prototypes_called(crystal.prototype)
    fitting = (p.name for p in called if p.space_group == crystal.space_group and p.atoms == len(structure))
    return KnownStructure(
        key=reduced_key(crystal.formula),
        origin=f"{MEASURED} {crystal.name}",
        prototype=next(fitting, crystal.prototype),
        space_group=crystal.space_group,
        crystal=Crystal.from_pymatgen(structure),
    )


@lru_cache(maxsize=1024)
def _from_prototype(prototype: Prototype) -> KnownStructure:
    return KnownStructure(
        key=reduced_key(prototype.compound),
        origin=f"AFLOW prototype {prototype.label}",
        prototype=prototype.name,
        space_group=prototype.space_group,
        crystal=Crystal.from_pymatgen(prototype.structure()),
    )


@lru_cache(maxsize=4096)
def _from_shipped(phase: ShippedPhase) -> KnownStructure:
    return KnownStructure(
        key=reduced_key(phase.amounts),
        origin=f"shipped phase, relaxed from {phase.prototype}",
        prototype=phase.prototype,
        space_group=phase.space_group,
        crystal=phase.crystal(),
    )
