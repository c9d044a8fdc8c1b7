"""Relax known compounds in plausible structures: what the offsets between the potential and the DFT table are fitted on.

    python benchmarks/offset_samples.py --count 600 --write

Takes the AFLOW prototypes' own compounds, the measured crystals, and ternary compounds drawn from the tables so that every element
occurs, each of these in its lowest prototype by static energy. Resumes from its ledger. `--write` puts formulas and
energies into src/matsmith/knowledge/known_energies.json.gz; `benchmarks/reference_phases.py --write` then fits.
"""

from __future__ import annotations

import argparse
import gzip
import json
import random
import time
from collections import Counter
from datetime import UTC, datetime
from itertools import permutations
from math import gcd
from pathlib import Path

from matsmith.core.candidate import Candidate, Lineage
from matsmith.core.crystal import Crystal
from matsmith.core.ledger import Ledger
from matsmith.core.settings import load_settings
from matsmith.knowledge.crystals import measured_crystals
from matsmith.knowledge.formulas import key_amounts, key_elements, reduced_key
from matsmith.knowledge.prototypes import Prototype, decorate, prototypes
from matsmith.knowledge.references import known_tables
from matsmith.tools.potential import weights_hash
from matsmith.tools.runner import ToolRunner, local_executor

_OUT = Path(__file__).parents[1] / "src" / "matsmith" / "knowledge" / "known_energies.json.gz"
_ATOMS_MAX, _STABLE_EV_PER_ATOM = 14, 0.005
_NOT_COVERED = {"Po", "At", "Rn", "Fr", "Ra", "Am", "Cm", "He", "Ne", "Ar", "Kr", "Xe"}
_CHUNK, _DECORATIONS_MAX = 40, 10


def drawn(count: int, *, seed: int) -> list[str]:
    """Formulas on the hull whose stoichiometry some prototype has; rare elements are drawn more often."""
    settings = load_settings()
    table = known_tables(settings.data_dir, cache_dir=settings.cache_dir).table("mp_energy_above_hull")
    shapes = {tuple(sorted(p.stoichiometry)) for p in prototypes(atoms_max=_ATOMS_MAX)}
    lowest = table.lowest()
    pool: list[str] = []
    for index, key in enumerate(table.keys):
        amounts = key_amounts(key)
        if len(amounts) != 3 or _NOT_COVERED & set(amounts) or float(lowest[index]) > _STABLE_EV_PER_ATOM:
            continue
        divisor = gcd(*amounts.values())
        if tuple(sorted(n // divisor for n in amounts.values())) in shapes:
            pool.append(key)
    dice = random.Random(seed)
    dice.shuffle(pool)
    seen: Counter[str] = Counter()
    chosen: list[str] = []
    # Oxygen occurs in most of the compounds that people ask for; each other element should occur about as often as the rest.
    while pool and len(chosen) < count:
        batch = pool[:400]
        # Two thirds oxides: they are what most objectives ask for, and their corrections need the most samples.
        wanted = [key for key in batch if ("O" in key_elements(key)) == (len(chosen) % 3 != 0)] or batch
        best = min(
            wanted,
            key=lambda key: (
                sum(seen[e] for e in key_elements(key) if e != "O") / len(key_elements(key)),
                key,
            ),
        )
        pool.remove(best)
        if len(decorations(best)) > _DECORATIONS_MAX:
            continue
        chosen.append(best)
        seen.update(key_elements(best))
    return chosen


def decorations(key: str) -> list[tuple[Prototype, Crystal]]:
    """Every distinct decoration of every prototype of the formula's stoichiometry."""
    amounts = key_amounts(key)
    divisor = gcd(*amounts.values())
    found: list[tuple[Prototype, Crystal]] = []
    for prototype in prototypes(atoms_max=_ATOMS_MAX):
        if sorted(prototype.stoichiometry) != sorted(n // divisor for n in amounts.values()):
            continue
        for order in permutations(amounts):
            if tuple(amounts[e] // divisor for e in order) == tuple(prototype.stoichiometry):
                structure = decorate(prototype, dict(zip(prototype.slots, order, strict=True)))
                found.append((prototype, Crystal.from_pymatgen(structure)))
    return found


def main() -> None:
    """Relax everything, print progress, write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=600)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--ledger", type=Path, default=Path("/tmp/matsmith-reference-errors.sqlite"))
    parser.add_argument("--write", action="store_true")
    options = parser.parse_args()
    settings = load_settings()
    executor = local_executor(settings=settings)
    energies: dict[str, tuple[float, str]] = {}
    started = time.monotonic()
    with Ledger(options.ledger) as ledger:
        runner = ToolRunner(ledger, settings=settings, executor=executor)

        def relax(starts: list[tuple[str, Crystal]]) -> None:
            named = [
                (name, Candidate.of(c, lineage=Lineage(strategy="sample", prototype=name)))
                for name, c in starts
            ]
            ledger.append_many(("candidate", c.id, c) for _, c in named)
            for index, record in runner.run_many("relax", [{"structure": c.id} for _, c in named]):
                if record.outcome.failure is None:
                    name, candidate = named[index]
                    key, energy = reduced_key(candidate.crystal.amounts), record.quantities["energy"].value
                    if key not in energies or energy < energies[key][0]:
                        energies[key] = (round(energy, 5), name)

        relax([(p.name, Crystal.from_pymatgen(p.structure())) for p in prototypes(atoms_max=20)])
        relax(
            [
                ("measured crystal", Crystal.from_pymatgen(c.structure().get_primitive_structure()))
                for c in measured_crystals()
            ]
        )
        print(f"{len(energies)} formulas after {time.monotonic() - started:.0f} s", flush=True)
        if options.write:
            write(energies)
        formulas = drawn(options.count, seed=options.seed)
        for begin in range(0, len(formulas), _CHUNK):
            jobs = [(key, p, c) for key in formulas[begin : begin + _CHUNK] for p, c in decorations(key)]
            made = [Candidate.of(c, lineage=Lineage(strategy="sample", prototype=p.name)) for _, p, c in jobs]
            ledger.append_many(("candidate", c.id, c) for c in made)
            best: dict[str, tuple[float, str, Crystal]] = {}
            for index, record in runner.run_many("screen", [{"structure": c.id} for c in made]):
                level, crystal = (
                    record.outcome.facts.get("screened_energy_ev_per_atom"),
                    record.outcome.crystal,
                )
                key, prototype, _ = jobs[index]
                if (
                    isinstance(level, float)
                    and crystal is not None
                    and (key not in best or level < best[key][0])
                ):
                    best[key] = (level, prototype.name, crystal)
            relax([(name, crystal) for _, name, crystal in best.values()])
            print(
                f"{begin + _CHUNK} of {len(formulas)} drawn, {len(energies)} formulas, {time.monotonic() - started:.0f} s",
                flush=True,
            )
            if options.write:
                write(energies)
    executor.close()


def write(energies: dict[str, tuple[float, str]]) -> None:
    """Write formulas and energies with their method."""
    content = {
        "method": "relaxed by the potential from AFLOW prototypes and measured crystals; the lowest of each formula",
        "weights_hash": weights_hash(),
        "date": datetime.now(UTC).date().isoformat(),
        "energies_ev_per_atom": {key: list(value) for key, value in sorted(energies.items())},
    }
    _OUT.write_bytes(gzip.compress(json.dumps(content, separators=(",", ":")).encode(), mtime=0))


if __name__ == "__main__":
    main()
