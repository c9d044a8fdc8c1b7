"""Chooses among the relaxed crystals of the builder what ships, and writes it."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from matsmith.core.elements import SYMBOLS
from matsmith.core.errors import DataError
from matsmith.core.space_group import spglib_or_none
from matsmith.knowledge.phases import PHASES_FILE
from matsmith.knowledge.prototypes import library_version
from matsmith.tools import reference_builder as builder
from matsmith.tools import reference_evaluation as evaluation
from matsmith.tools.reference_plan import binary_systems
from matsmith.tools.reference_selection import hull_level, lower_hull

# Polymorphs closer than this are not resolved by the potential, so more than the lowest ships.
_POLYMORPH_WINDOW_EV_PER_ATOM = 0.05
_POLYMORPHS_MAX = 3
_ABOVE_HULL_EV_PER_ATOM = 0.15
_SAME_ENERGY_EV_PER_ATOM = 0.002
_SAME_VOLUME = 0.01
_SYMMETRY_PRECISION_ANGSTROM = 0.05

LEFT_OUT = (
    "prototypes with more than 16 atoms in the primitive cell, other than a few of the elements",
    "molecular crystals other than water, carbon dioxide, ammonia and carbon monoxide, and duplicates of another prototype at lower symmetry",
    "framework silicas and SiC polytypes other than with small cations",
    "among metals, prototypes other than the common alloy types; metal pairs whose cells of up to 4 atoms all lie more than "
    "0.1 eV/atom above the elements were not searched further",
    "formulas that would need a charge far from any that the cation is known with",
    "sites of mixed occupation, defects, ternary and higher compounds",
)


def export(work: Path, *, out: Path | None = None) -> str:
    """Write what the builder has found so far; returns one line that says how much. Written whole or not at all."""
    target = out or PHASES_FILE
    elements = builder.read_lines(work / "elements.jsonl", key="symbol")
    systems = builder.read_lines(work / "systems.jsonl", key="system")
    for name in ("molecules.jsonl", "deepened.jsonl"):
        for system, line in builder.read_lines(work / name, key="system").items():
            if system in systems:
                systems[system]["relaxed"] += line["relaxed"]
    if not elements:
        raise DataError(f"{work} holds no finished element.", hint="Run the builder first.")
    energies = builder.elemental_energies(work)
    phases: list[dict[str, Any]] = []
    for (symbol,), line in sorted(elements.items(), key=lambda item: SYMBOLS.index(item[0][0])):
        phases += [_row(symbol, r) for r in _polymorphs(line["relaxed"])]
    for system, line in systems.items():
        if all(symbol in energies for symbol in system):
            phases += _of_system(system, line["relaxed"], energies)
    planned = {"-".join(sorted(s)): s for s in binary_systems()}
    searched = sorted("-".join(sorted(s)) for s in systems)
    content = {
        "method": {
            **_method(elements, systems, missing=sorted(set(planned) - set(searched))),
            "n_second_look": len(builder.read_lines(work / "deepened.jsonl", key="system")),
        },
        "searched": searched,
        "phases": phases,
    }
    text = json.dumps(content, separators=(",", ":"), allow_nan=False)
    part = target.with_name(target.name + ".part")
    # A fixed time in the gzip header: equal content gives an equal file.
    part.write_bytes(gzip.compress(text.encode(), 9, mtime=0))
    part.replace(target)
    return f"{len(phases)} phases of {len(elements)} elements and {len(systems)} systems, {target.stat().st_size} bytes"


def _of_system(
    system: tuple[str, ...], relaxed: list[dict[str, Any]], energies: dict[str, float]
) -> Iterable[dict[str, Any]]:
    second = system[1]
    by_fraction: dict[float, list[dict[str, Any]]] = {}
    for r in relaxed:
        by_fraction.setdefault(round(r["species"].count(second) / len(r["species"]), 6), []).append(r)

    def formation(x: float, r: dict[str, Any]) -> float:
        return r["energy_ev_per_atom"] - (1 - x) * energies[system[0]] - x * energies[second]

    points = [(x, formation(x, r)) for x, rows in by_fraction.items() for r in rows]
    hull = lower_hull([*points, (0.0, 0.0), (1.0, 0.0)])
    for x, rows in sorted(by_fraction.items()):
        level = hull_level(hull, x)
        for r in _polymorphs(rows):
            if formation(x, r) - level <= _ABOVE_HULL_EV_PER_ATOM:
                yield _row(None, r)


def _polymorphs(relaxed: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The lowest of one formula, and those that the potential cannot tell from it; equal crystals once."""
    ranked = sorted(relaxed, key=lambda r: r["energy_ev_per_atom"])
    kept: list[dict[str, Any]] = []
    for r in ranked:
        near = r["energy_ev_per_atom"] - ranked[0]["energy_ev_per_atom"] <= _POLYMORPH_WINDOW_EV_PER_ATOM
        if near and len(kept) < _POLYMORPHS_MAX and not any(_same(r, other) for other in kept):
            kept.append(r)
    return kept


def _same(one: dict[str, Any], other: dict[str, Any]) -> bool:
    if abs(one["energy_ev_per_atom"] - other["energy_ev_per_atom"]) > _SAME_ENERGY_EV_PER_ATOM:
        return False
    volumes = [abs(float(np.linalg.det(r["lattice"]))) / len(r["species"]) for r in (one, other)]
    return abs(volumes[0] / volumes[1] - 1) < _SAME_VOLUME and _space_group(one) == _space_group(other)


def _row(formula: str | None, r: dict[str, Any]) -> dict[str, Any]:
    from pymatgen.core import Composition

    amounts = {symbol: r["species"].count(symbol) for symbol in dict.fromkeys(r["species"])}
    return {
        "formula": formula or Composition(amounts).reduced_formula,
        "prototype": r["prototype"],
        "space_group": _space_group(r),
        "energy_ev_per_atom": round(r["energy_ev_per_atom"], 4),
        "converged": r["converged"],
        "lattice": np.round(r["lattice"], 4).tolist(),
        "species": r["species"],
        "positions": (np.round(r["positions"], 4) % 1.0).tolist(),
    }


def _space_group(r: dict[str, Any]) -> int:
    """Number of the space group that spglib finds in the relaxed cell; 1 where it finds none."""
    numbers = [SYMBOLS.index(symbol) + 1 for symbol in r["species"]]
    cell = (r["lattice"], r["positions"], numbers)
    found: Any = spglib_or_none("get_symmetry_dataset", cell, tolerance_angstrom=_SYMMETRY_PRECISION_ANGSTROM)
    return 1 if found is None else int(found.number)


def _method(
    elements: dict[tuple[str, ...], dict[str, Any]],
    systems: dict[tuple[str, ...], dict[str, Any]],
    *,
    missing: list[str],
) -> dict[str, Any]:
    from matsmith.models.potentials.chgnet_batch import BatchedCHGNet

    potential = BatchedCHGNet()
    lines = [*elements.values(), *systems.values()]
    return {
        "potential": potential.name,
        "version": potential.version,
        "weights_hash": potential.weights_hash,
        "date": datetime.now(UTC).date().isoformat(),
        "prototypes": library_version(),
        "force_tolerance_ev_per_angstrom": evaluation.FORCE_TOLERANCE_EV_PER_ANGSTROM,
        "stress_tolerance_gpa": evaluation.STRESS_TOLERANCE_GPA,
        "max_steps": evaluation.MAX_STEPS,
        "n_elements": len(elements),
        "n_systems": len(systems),
        "n_screened": sum(int(line.get("screened", 0)) for line in lines),
        "n_relaxed": sum(len(line["relaxed"]) for line in lines),
        "polymorph_window_ev_per_atom": _POLYMORPH_WINDOW_EV_PER_ATOM,
        "above_hull_kept_ev_per_atom": _ABOVE_HULL_EV_PER_ATOM,
        "systems_missing": missing,
        "left_out": list(LEFT_OUT),
    }
