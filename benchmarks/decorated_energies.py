"""Energies of compounds as a search finds them: every prototype of the stoichiometry decorated, the lowest few relaxed.

    MATSMITH_DATA=DIR python benchmarks/decorated_energies.py --count 400

Draws formulas of two and three elements, with a seed, from the table of what is on the Materials Project's hull, of those whose
stoichiometry a prototype has. Each is decorated in every distinct way, screened by static energies at three volumes, and
the lowest few are relaxed in two stages, as the search for competing phases does. Formulas and energies go to
`benchmarks/decorated_energies.json.gz` after each batch, and those that stand there are not computed again.
`benchmarks/stability.py` and `benchmarks/chosen_candidates.py` judge them.
"""

from __future__ import annotations

import argparse
import gzip
import json
import math
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from math import gcd
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from matsmith.core.settings import load_settings
from matsmith.knowledge.formulas import key_amounts
from matsmith.knowledge.offsets import shipped_offsets
from matsmith.knowledge.prototypes import prototypes, with_stoichiometry
from matsmith.knowledge.references import known_tables
from matsmith.knowledge.tables import KnownTables
from matsmith.models.relaxation import RelaxationSettings, Relaxed, relax
from matsmith.tools.competing_screening import ATOMS_MAX, Screened, screen
from matsmith.tools.potential import default_potential, weights_hash
from matsmith.tools.reference_evaluation import (
    FORCE_TOLERANCE_EV_PER_ANGSTROM,
    STRESS_TOLERANCE_GPA,
    crystal_of,
)
from matsmith.tools.reference_plan import Decoration

if TYPE_CHECKING:
    from pymatgen.core import Structure

    from matsmith.models.potentials.chgnet_batch import BatchedCHGNet

STORE = Path(__file__).with_name("decorated_energies.json.gz")
_TASTED, _TASTE_STEPS, _RELAXED, _MAX_STEPS = 5, 8, 2, 60
_RESIDUAL_FORCE_EV_PER_ANGSTROM = 0.5
_BATCH = 20


def drawn(tables: KnownTables, *, seed: int, most_elements: int = 3) -> list[str]:
    """Return the formulas of the table of stability that a prototype can take, in an order drawn with a seed."""
    covered, shapes = set(shipped_offsets().mu_ev), prototype_shapes()
    pool = [
        key
        for key in tables.table("mp_stability").keys
        if 2 <= len(amounts := key_amounts(key)) <= most_elements
        and covered.issuperset(amounts)
        and shape(amounts) in shapes
    ]
    order: list[int] = np.random.default_rng(seed).permutation(len(pool)).tolist()
    return [pool[index] for index in order]


def prototype_shapes() -> set[tuple[int, ...]]:
    """Return the stoichiometries that the prototypes have."""
    return {tuple(sorted(p.stoichiometry)) for p in prototypes(atoms_max=ATOMS_MAX)}


def shape(amounts: Mapping[str, int]) -> tuple[int, ...]:
    """Return the reduced amounts of a formula, ascending."""
    divisor = gcd(*amounts.values())
    return tuple(sorted(n // divisor for n in amounts.values()))


def decorations(key: str) -> list[Decoration]:
    """Return every distinct decoration of every prototype of the formula's stoichiometry."""
    amounts = key_amounts(key)
    divisor = gcd(*amounts.values())
    wanted = {symbol: n // divisor for symbol, n in amounts.items()}
    found: list[Decoration] = []
    for prototype in with_stoichiometry(shape(amounts), atoms_max=ATOMS_MAX):
        own = set(prototype.slots) == set(wanted)
        for symbols in prototype.distinct_assignments(prototype.slots if own else tuple(wanted)):
            decoration = Decoration(prototype, symbols)
            if decoration.amounts == wanted:
                found.append(decoration)
    return found


def measure(keys: Sequence[str], *, model: BatchedCHGNet) -> dict[str, dict[str, Any]]:
    """Return what the search finds for each formula: how many decorations, and its lowest ones with their energies."""
    jobs = [(key, decoration) for key in keys for decoration in decorations(key)]
    places = {id(decoration): key for key, decoration in jobs}
    screened: dict[str, list[Screened]] = {key: [] for key in keys}
    for entry in screen([decoration for _, decoration in jobs], potential=model):
        screened[places[id(entry.decoration)]].append(entry)
    starts = [
        (key, entry)
        for key in keys
        for entry in sorted(screened[key], key=lambda s: s.energy_ev_per_atom)[:_TASTED]
    ]
    tasted = _relaxed([_start(entry) for _, entry in starts], max_steps=_TASTE_STEPS, model=model)
    rows: dict[str, list[dict[str, Any]]] = {key: [] for key in keys}
    ends: dict[str, list[tuple[float, dict[str, Any], Structure]]] = {key: [] for key in keys}
    for (key, entry), end in zip(starts, tasted, strict=True):
        row: dict[str, Any] = {
            "prototype": entry.decoration.prototype.name,
            "own_compound": entry.decoration.is_own_compound,
            "atoms": entry.decoration.prototype.atoms,
            "static": round(entry.energy_ev_per_atom, 5),
        }
        rows[key].append(row)
        if end is not None:
            row["tasted"] = round(end.energy_ev_per_atom, 5)
            ends[key].append((end.energy_ev_per_atom, row, end.structure))
    going = [
        (row, structure)
        for key in keys
        for _, row, structure in sorted(ends[key], key=lambda e: e[0])[:_RELAXED]
    ]
    last = _relaxed([structure for _, structure in going], max_steps=_MAX_STEPS, model=model)
    for (row, _), end in zip(going, last, strict=True):
        if end is not None and end.max_force_ev_per_angstrom <= _RESIDUAL_FORCE_EV_PER_ANGSTROM:
            row["relaxed"] = round(end.energy_ev_per_atom, 5)
            row["converged"] = end.converged
            row["volume"] = round(end.structure.volume / len(end.structure), 3)
    return {
        key: {
            "decorations": len(screened[key]),
            "prototypes": len({entry.decoration.prototype.name for entry in screened[key]}),
            "lowest": rows[key],
        }
        for key in keys
    }


def _start(entry: Screened) -> Structure:
    structure = crystal_of(entry.decoration)
    structure.scale_lattice(structure.volume * math.exp(entry.log_volume_change))
    return structure


def _relaxed(
    structures: Sequence[Structure], *, max_steps: int, model: BatchedCHGNet
) -> list[Relaxed | None]:
    """Relax all in one stream of batches; None where nothing sound came out, the last sound point where the steps ran out."""
    settings = RelaxationSettings(
        force_tolerance_ev_per_angstrom=FORCE_TOLERANCE_EV_PER_ANGSTROM,
        stress_tolerance_gpa=STRESS_TOLERANCE_GPA,
        max_steps=max_steps,
    )
    found: list[Relaxed | None] = [None] * len(structures)
    for index, result in relax(structures, potential=model, settings=settings):
        if isinstance(result, Relaxed):
            found[index] = result
        elif result.code == "unconverged":
            found[index] = result.last
    return found


def stored(path: Path = STORE) -> dict[str, dict[str, Any]]:
    """Return what was computed so far with the present potential, by formula."""
    if not path.is_file():
        return {}
    held = json.loads(gzip.decompress(path.read_bytes()))
    return held["formulas"] if held["weights_hash"] == weights_hash() else {}


def store(found: dict[str, dict[str, Any]], path: Path = STORE) -> None:
    """Write formulas and energies with their method; the order in which they were drawn stays."""
    content = {
        "method": "all decorations of the prototypes of the stoichiometry; static energies at three volumes; the lowest "
        f"{_TASTED} relaxed for {_TASTE_STEPS} steps, the lowest {_RELAXED} of these for {_MAX_STEPS}; eV/atom",
        "weights_hash": weights_hash(),
        "date": datetime.now(UTC).date().isoformat(),
        "formulas": found,
    }
    part = path.with_suffix(".part")
    part.write_bytes(gzip.compress(json.dumps(content, separators=(",", ":")).encode(), mtime=0))
    part.replace(path)


def main() -> None:
    """Compute what is missing, batch by batch."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--count", type=int, default=400, help="formulas in all")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--minutes", type=float, default=math.inf, help="stop after the batch that passes this"
    )
    options = parser.parse_args()
    settings = load_settings()
    tables = known_tables(settings.data_dir, cache_dir=settings.cache_dir)
    found = stored()
    wanted = [key for key in drawn(tables, seed=options.seed)[: options.count] if key not in found]
    model = default_potential(settings)
    started = time.monotonic()
    for begin in range(0, len(wanted), _BATCH):
        found |= measure(wanted[begin : begin + _BATCH], model=model)
        store(found)
        passed = time.monotonic() - started
        print(f"{len(found)} formulas after {passed:.0f} s", flush=True)
        if passed > 60 * options.minutes:
            break


if __name__ == "__main__":
    main()
