"""A second look at every finished system: formulas that the first pass left out, and the commonest types of each formula."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from math import nan
from pathlib import Path
from typing import TYPE_CHECKING, Any

from matsmith.knowledge.prototypes import by_name
from matsmith.tools import reference_builder as builder
from matsmith.tools.reference_evaluation import (
    MAX_STEPS,
    TASTE_STEPS,
    Progress,
    crystal_of,
    relax_plain,
    structure_of,
)
from matsmith.tools.reference_plan import COMMON_ELEMENTS, Decoration, bonding_class, decorations
from matsmith.tools.reference_selection import (
    Screened,
    formation,
    fraction,
    hull_level,
    lower_hull,
    without_copies,
)

if TYPE_CHECKING:
    from matsmith.models.potentials.chgnet_batch import BatchedCHGNet

_SYSTEMS_PER_GROUP = 16
_TASTED_COMMON, _TASTED_OTHER = 5, 3
_FINISHED = 8
_FINISHED_PER_FORMULA = 2
_ABOVE_STATIC_HULL_EV_PER_ATOM = 0.45
_ABOVE_RELAXED_HULL_EV_PER_ATOM = 0.15
# Tasted whatever their static energy is, since a volume guessed wrongly has hidden some: the commonest types with small cells.
_ALWAYS_TASTED = frozenset(
    {"B1", "B2", "B3", "B4", "B8_1", "B_h", "C1", "C4", "C15", "C32", "D5_1", "L1_2", "D0_9", "D0_3", "A15"}
)
_ALWAYS_TASTED_ATOMS = 10
_NEW_FORMULA_BONUS_EV_PER_ATOM = 0.10


def deepen(work: Path) -> None:
    """Relax more decorations of each finished system, from the static energies kept; resumable."""
    from matsmith.models.potentials.chgnet_batch import BatchedCHGNet

    potential = BatchedCHGNet()
    progress = Progress(work / "progress.log")
    elements = builder.elemental_energies(work)
    systems = builder.read_lines(work / "systems.jsonl", key="system")
    done = builder.read_lines(work / "deepened.jsonl", key="system")
    common = set(COMMON_ELEMENTS)
    todo = [line for system, line in systems.items() if system not in done]
    todo.sort(key=lambda line: not set(line["system"]) <= common)
    progress.tick(f"second look, {len(todo)} systems to do", force=True)
    for start in range(0, len(todo), _SYSTEMS_PER_GROUP):
        group = todo[start : start + _SYSTEMS_PER_GROUP]
        for line in _deepen_group(group, elements=elements, potential=potential, progress=progress):
            builder.append_line(work / "deepened.jsonl", line)
        progress.tick(f"second look, last {'-'.join(group[-1]['system'])}", force=True)
    progress.tick("second look finished", force=True)


def _deepen_group(
    group: Sequence[dict[str, Any]],
    *,
    elements: dict[str, float],
    potential: BatchedCHGNet,
    progress: Progress,
) -> Iterable[dict[str, Any]]:
    picked = [(k, s) for k, line in enumerate(group) for s in second_choice(line, elements=elements)]
    first = relax_plain(
        [crystal_of(s.decoration) for _, s in picked],
        max_steps=TASTE_STEPS,
        potential=potential,
        progress=progress,
    )
    going: list[tuple[int, Screened, dict[str, Any]]] = []
    ended: list[tuple[int, Screened, dict[str, Any]]] = []
    for k, line in enumerate(group):
        mine = [(s, r) for (owner, s), r in zip(picked, first, strict=True) if owner == k and r is not None]
        for s, r in _promising(line, mine, elements=elements):
            (ended if r["converged"] else going).append((k, s, r))
    second = relax_plain(
        [structure_of(r) for _, _, r in going], max_steps=MAX_STEPS, potential=potential, progress=progress
    )
    ended += [(k, s, r) for (k, s, _), r in zip(going, second, strict=True) if r is not None]
    for k, line in enumerate(group):
        progress.counts["systems"] += 1
        yield {
            "system": line["system"],
            "relaxed": [
                {"prototype": s.decoration.prototype.name, "slots": list(s.decoration.symbols), **r}
                for owner, s, r in ended
                if owner == k
            ],
        }


def second_choice(line: dict[str, Any], *, elements: dict[str, float]) -> list[Screened]:
    """Decorations of a finished system that were not relaxed to the end: the commonest types, then the most promising."""
    system: tuple[str, str] = (line["system"][0], line["system"][1])
    relaxed = {(r["prototype"], tuple(r["slots"])) for r in line["relaxed"]}
    chosen: dict[tuple[str, tuple[str, ...]], Screened] = {}
    for s in [*_familiar(system), *_nearest(line, elements=elements)]:
        key = (s.decoration.prototype.name, s.decoration.symbols)
        if key not in relaxed:
            chosen.setdefault(key, s)
    return list(chosen.values())


def _familiar(system: tuple[str, str]) -> list[Screened]:
    if bonding_class(system[1]) == "metallic":
        return []
    return [
        Screened(decoration, nan)
        for decoration in decorations(system, atoms_max=_ALWAYS_TASTED_ATOMS)
        if decoration.prototype.strukturbericht in _ALWAYS_TASTED or decoration.is_own_compound
    ]


def _nearest(line: dict[str, Any], *, elements: dict[str, float]) -> list[Screened]:
    """Of the static energies kept, those nearest to their own hull; formulas not relaxed yet come first."""
    second = line["system"][1]
    formulas = {_share(r, second) for r in line["relaxed"]}
    relaxed = {(r["prototype"], tuple(r["slots"])) for r in line["relaxed"]}
    screened = [
        Screened(Decoration(by_name(name), tuple(slots)), energy) for name, slots, energy in line["static"]
    ]
    points = [(fraction(s, second), formation(s, elements)) for s in screened]
    hull = lower_hull([*points, (0.0, 0.0), (1.0, 0.0)])
    ranked: list[tuple[float, str, Screened]] = []
    for s, (x, energy) in zip(screened, points, strict=True):
        above = energy - hull_level(hull, x)
        key = (s.decoration.prototype.name, s.decoration.symbols)
        if key not in relaxed and above <= _ABOVE_STATIC_HULL_EV_PER_ATOM:
            bonus = _NEW_FORMULA_BONUS_EV_PER_ATOM * (round(x, 6) not in formulas)
            ranked.append((above - bonus, s.decoration.prototype.name, s))
    common = set(line["system"]) <= set(COMMON_ELEMENTS)
    ranked.sort(key=lambda row: row[:2])
    return [s for _, _, s in ranked[: _TASTED_COMMON if common else _TASTED_OTHER]]


def _promising(
    line: dict[str, Any], tasted: Sequence[tuple[Screened, dict[str, Any]]], *, elements: dict[str, float]
) -> list[tuple[Screened, dict[str, Any]]]:
    """Those near the hull of what is relaxed, new in energy, and few of each formula."""
    second = line["system"][1]
    known = [(_share(r, second), _formation_of(r, elements)) for r in line["relaxed"]]
    hull = lower_hull([*known, (0.0, 0.0), (1.0, 0.0)])
    kept: list[tuple[Screened, dict[str, Any]]] = []
    counted: dict[float, int] = {}
    for s, r in sorted(without_copies(tasted), key=lambda pair: pair[1]["energy_ev_per_atom"]):
        x, energy = _share(r, second), _formation_of(r, elements)
        copy = any(abs(x - other) < 1e-6 and abs(energy - level) < 3e-4 for other, level in known)
        near = energy - hull_level(hull, x) < _ABOVE_RELAXED_HULL_EV_PER_ATOM
        if near and not copy and counted.get(x, 0) < _FINISHED_PER_FORMULA and len(kept) < _FINISHED:
            counted[x] = counted.get(x, 0) + 1
            kept.append((s, r))
    return kept


def _share(relaxed: dict[str, Any], symbol: str) -> float:
    return round(relaxed["species"].count(symbol) / len(relaxed["species"]), 6)


def _formation_of(relaxed: dict[str, Any], elements: dict[str, float]) -> float:
    species: list[str] = relaxed["species"]
    return float(relaxed["energy_ev_per_atom"]) - sum(elements[s] for s in species) / len(species)
