"""Builds the reference phases that ship: elements and binaries, decorated, screened by static energy and relaxed.

    python -m matsmith.tools.reference_builder run      looks for phases, system by system, and can be stopped and resumed
    python -m matsmith.tools.reference_builder deepen   takes a second look at what the first pass left out; resumable too
    python -m matsmith.tools.reference_builder export   writes what has been found so far to the package

Each finished element or system is one line of JSON in the work folder, so nothing is computed twice.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from matsmith.core.errors import DataError
from matsmith.tools.reference_elements import elemental_starts
from matsmith.tools.reference_evaluation import (
    MAX_STEPS,
    TASTE_STEPS,
    Progress,
    crystal_of,
    relax_plain,
    static_energies,
    structure_of,
)
from matsmith.tools.reference_molecules import molecular_starts
from matsmith.tools.reference_plan import (
    COVERED_ELEMENTS,
    Decoration,
    binary_systems,
    bonding_class,
    decorations,
    relaxations_planned,
)
from matsmith.tools.reference_selection import (
    ABOVE_TASTED_HULL_EV_PER_ATOM,
    HOPELESS_EV_PER_ATOM,
    Screened,
    by_hull,
    choose,
    formation,
    without_copies,
)

if TYPE_CHECKING:
    from pymatgen.core import Structure

    from matsmith.models.potentials.chgnet_batch import BatchedCHGNet

ATOMS_MAX = 16
_SYSTEMS_PER_GROUP = 12
_ELEMENTS_PER_GROUP = 10
_ELEMENT_STEPS = 80
_PROBE_ATOMS = 4
_STATIC_KEPT = 24


def build(work: Path, *, systems: Sequence[tuple[str, str]] | None = None) -> None:
    """Fill the work folder with relaxed elements and binaries. Takes an hour or more on two cores; resumable."""
    from matsmith.models.potentials.chgnet_batch import BatchedCHGNet

    work.mkdir(parents=True, exist_ok=True)
    potential = BatchedCHGNet()
    progress = Progress(work / "progress.log")
    done = read_lines(work / "elements.jsonl", key="symbol")
    missing = [s for s in COVERED_ELEMENTS if (s,) not in done]
    progress.tick(f"start, {len(missing)} elements to do", force=True)
    for start in range(0, len(missing), _ELEMENTS_PER_GROUP):
        for line in _build_elements(
            missing[start : start + _ELEMENTS_PER_GROUP], potential=potential, progress=progress
        ):
            append_line(work / "elements.jsonl", line)
    if not (work / "molecules.jsonl").exists():
        _append_all(work / "molecules.jsonl", _build_molecules(potential=potential, progress=progress))
    elements = elemental_energies(work)
    found = read_lines(work / "systems.jsonl", key="system")
    todo = [s for s in (binary_systems() if systems is None else systems) if s not in found]
    for start in range(0, len(todo), _SYSTEMS_PER_GROUP):
        group = todo[start : start + _SYSTEMS_PER_GROUP]
        for line in _build_group(group, elements=elements, potential=potential, progress=progress):
            append_line(work / "systems.jsonl", line)
        progress.tick(f"last {'-'.join(group[-1])}", force=True)
    progress.tick("finished", force=True)


def read_lines(path: Path, *, key: str) -> dict[tuple[str, ...], dict[str, Any]]:
    """Finished lines of a checkpoint by their key; a last line cut off by a kill is left out."""
    found: dict[tuple[str, ...], dict[str, Any]] = {}
    if not path.exists():
        return found
    raw = path.read_bytes()
    if raw and not raw.endswith(b"\n"):
        path.write_bytes(raw[: raw.rfind(b"\n") + 1])
    for text in path.read_text(encoding="utf-8").splitlines():
        try:
            line: dict[str, Any] = json.loads(text)
        except ValueError as error:
            raise DataError(
                f"{path} holds a line that is not JSON.", hint="Delete that line and resume."
            ) from error
        value = line[key]
        found[(value,) if isinstance(value, str) else tuple(value)] = line
    return found


def elemental_energies(work: Path) -> dict[str, float]:
    """Lowest relaxed energy of each element, eV/atom."""
    lines = read_lines(work / "elements.jsonl", key="symbol")
    return {
        key[0]: min(r["energy_ev_per_atom"] for r in line["relaxed"])
        for key, line in lines.items()
        if line["relaxed"]
    }


def append_line(path: Path, line: dict[str, Any]) -> None:
    """Write one line to a checkpoint, and to the disk."""
    with path.open("a", encoding="utf-8") as file:
        file.write(json.dumps(line, separators=(",", ":")) + "\n")
        file.flush()
        os.fsync(file.fileno())


def _append_all(path: Path, lines: Iterable[dict[str, Any]]) -> None:
    for line in lines:
        append_line(path, line)


def _build_molecules(*, potential: BatchedCHGNet, progress: Progress) -> list[dict[str, Any]]:
    starts = molecular_starts()
    results = relax_plain(
        [start.structure for start in starts],
        max_steps=_ELEMENT_STEPS,
        potential=potential,
        progress=progress,
    )
    return [
        {"system": list(start.system), "relaxed": [{"prototype": start.name, **result}]}
        for start, result in zip(starts, results, strict=True)
        if result is not None
    ]


def _build_elements(
    symbols: Sequence[str], *, potential: BatchedCHGNet, progress: Progress
) -> Iterable[dict[str, Any]]:
    starts = [(symbol, start) for symbol in symbols for start in elemental_starts(symbol)]
    energies = static_energies(
        [start.structure for _, start in starts], potential=potential, progress=progress
    )
    chosen: list[tuple[str, str, Structure]] = []
    for symbol in symbols:
        ranked = sorted(
            (
                (energy, start.prototype, start)
                for (owner, start), energy in zip(starts, energies, strict=True)
                if owner == symbol and energy is not None
            ),
            key=lambda row: row[:2],
        )
        keep = [start for _, _, start in ranked[:4]]
        keep += [start for _, _, start in ranked[4:] if start.always]
        # The three close packings are tried always: they lie too close for static energies to rank them.
        keep += [s for _, _, s in ranked[4:] if s.prototype in ("A_cF4_225_a", "A_cI2_229_a", "A_hP2_194_c")]
        chosen += [(symbol, start.prototype, start.structure) for start in dict.fromkeys(keep)]
    results = relax_plain(
        [c[2] for c in chosen], max_steps=_ELEMENT_STEPS, potential=potential, progress=progress
    )
    for symbol in symbols:
        relaxed = [
            {"prototype": name, **result}
            for (owner, name, _), result in zip(chosen, results, strict=True)
            if owner == symbol and result is not None
        ]
        progress.counts["elements"] += 1
        yield {"symbol": symbol, "relaxed": sorted(relaxed, key=lambda r: r["energy_ev_per_atom"])}


def _build_group(
    group: Sequence[tuple[str, str]],
    *,
    elements: dict[str, float],
    potential: BatchedCHGNet,
    progress: Progress,
) -> Iterable[dict[str, Any]]:
    screened = _screen(group, elements=elements, potential=potential, progress=progress)
    picked = {system: choose(system, screened[system], elements=elements) for system in group}
    tasted = [(system, s) for system in group for s in picked[system]]
    # A few steps show what the guessed volume cost each; the rest of the steps go to those that are still good then.
    first = relax_plain(
        [crystal_of(s.decoration) for _, s in tasted],
        max_steps=TASTE_STEPS,
        potential=potential,
        progress=progress,
    )
    going: list[tuple[tuple[str, str], Screened, dict[str, Any]]] = []
    ended: list[tuple[tuple[str, str], Screened, dict[str, Any]]] = []
    for system in group:
        mine = [
            (s, r) for (owner, s), r in zip(tasted, first, strict=True) if owner == system and r is not None
        ]
        better = [(Screened(s.decoration, r["energy_ev_per_atom"]), r) for s, r in without_copies(mine)]
        kept = by_hull(
            system,
            [s for s, _ in better],
            elements=elements,
            count=relaxations_planned(system),
            window=ABOVE_TASTED_HULL_EV_PER_ATOM,
        )
        for s, r in better:
            if s in kept:
                (ended if r["converged"] else going).append((system, s, r))
    second = relax_plain(
        [structure_of(r) for _, _, r in going], max_steps=MAX_STEPS, potential=potential, progress=progress
    )
    for (system, s, _), r in zip(going, second, strict=True):
        if r is not None:
            ended.append((system, s, r))
    for system in group:
        static = sorted(screened[system], key=lambda s: s.energy_ev_per_atom)
        progress.counts["systems"] += 1
        yield {
            "system": list(system),
            "screened": len(static),
            "static": [
                [s.decoration.prototype.name, list(s.decoration.symbols), round(s.energy_ev_per_atom, 4)]
                for s in by_hull(system, static, elements=elements, count=_STATIC_KEPT)
            ],
            "relaxed": [
                {"prototype": s.decoration.prototype.name, "slots": list(s.decoration.symbols), **r}
                for owner, s, r in ended
                if owner == system
            ],
        }


def _screen(
    group: Sequence[tuple[str, str]],
    *,
    elements: dict[str, float],
    potential: BatchedCHGNet,
    progress: Progress,
) -> dict[tuple[str, str], list[Screened]]:
    """Static energies of the decorations; metal pairs are probed with small cells first."""
    found: dict[tuple[str, str], list[Screened]] = {system: [] for system in group}
    every = {system: list(decorations(system, atoms_max=ATOMS_MAX)) for system in group}
    for small in (True, False):
        batch: list[tuple[tuple[str, str], Decoration]] = []
        for system in group:
            if not small and bonding_class(system[1]) == "metallic":
                lowest = min((formation(s, elements) for s in found[system]), default=0.0)
                if lowest > HOPELESS_EV_PER_ATOM:
                    continue
            batch += [(system, d) for d in every[system] if (d.prototype.atoms <= _PROBE_ATOMS) == small]
        energies = static_energies([d for _, d in batch], potential=potential, progress=progress)
        for (system, decoration), energy in zip(batch, energies, strict=True):
            if energy is not None:
                found[system].append(Screened(decoration, energy))
    return found


def main(arguments: Sequence[str] | None = None) -> int:
    """Command line of the builder."""
    parser = argparse.ArgumentParser(prog="python -m matsmith.tools.reference_builder", description=__doc__)
    parser.add_argument("action", choices=("run", "deepen", "export"))
    parser.add_argument("--work", type=Path, default=Path("refbuild"), help="folder of the checkpoint")
    parser.add_argument(
        "--out", type=Path, default=None, help="file to export to (default: the package's own)"
    )
    chosen = parser.parse_args(arguments)
    if chosen.action == "run":
        build(chosen.work)
    elif chosen.action == "deepen":
        from matsmith.tools.reference_deepen import deepen

        deepen(chosen.work)
    else:
        from matsmith.tools.reference_export import export

        sys.stdout.write(export(chosen.work, out=chosen.out) + "\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
