"""Does the generator follow the critic, and find what is hidden from it? Prints figures for the README.

    python benchmarks/planted_optimum.py                 # planted optimum: evaluations until it is found, with and without the critic
    python benchmarks/planted_optimum.py --neighbours    # guesses of neighbours on left-out formulas (needs the tables)
    python benchmarks/planted_optimum.py --rediscovery   # a quarter of the formulas hidden: what comes back (needs the tables)

Planted optimum: the score of a candidate is its closeness to one prototype with one assignment, which the generator does not
know. A made critic hands back the best candidates and multipliers for their elements and prototypes, from that score alone.
"""

from __future__ import annotations

import argparse
import tempfile
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from matsmith.core.candidate import Candidate
from matsmith.core.directive import Directive
from matsmith.core.quantity import Relation
from matsmith.core.settings import Settings, load_settings
from matsmith.core.spec import Chemistry, DesignSpec, Target
from matsmith.knowledge.formulas import reduced_key
from matsmith.tools.strategies import neighbours
from matsmith.tools.strategies.decoration import STRATEGY
from matsmith.tools.strategies.interface import StrategyRequest
from matsmith.tools.strategies.similarity import element_distance
from matsmith.tools.strategies.sources import tables_of

ROUNDS, PER_ROUND, KEPT = 12, 25, 6


@dataclass(frozen=True, kw_only=True)
class Planted:
    """The hidden optimum: a prototype and its formula, inside the chemistry that the spec states."""

    prototype: str
    amounts: tuple[tuple[str, int], ...]
    spec: DesignSpec

    def score(self, candidate: Candidate) -> float:
        """Closeness in [0, 1]: half for the prototype, half for the elements of the planted amounts; 1 at the optimum."""
        reduced = sorted(candidate.crystal.amounts.items(), key=lambda item: item[1])
        wanted = sorted(self.amounts, key=lambda item: item[1])
        elements = 0.0
        if len(reduced) == len(wanted):
            # The order that suits best: roles of equal amount have no order of their own.
            elements = np.exp(
                -sum(min(element_distance(symbol, other) for other, _ in reduced) for symbol, _ in wanted)
            )
        return 0.5 * float(candidate.lineage.prototype == self.prototype) + 0.5 * float(elements)

    def found(self, candidate: Candidate) -> bool:
        """Say whether a candidate is the optimum."""
        same = reduced_key(candidate.crystal.amounts) == reduced_key(dict(self.amounts))
        return same and candidate.lineage.prototype == self.prototype


def oxide(prototype: str, **amounts: int) -> Planted:
    """Plant a ternary oxide, with the spec that asks for a ternary oxide and nothing else."""
    spec = DesignSpec(chemistry=Chemistry(required=["O"], elements_min=3, elements_max=3))
    return Planted(prototype=prototype, amounts=tuple(amounts.items()), spec=spec)


CASES = (
    oxide("A2BC4_cF56_227_d_a_e", Mg=1, V=2, O=4),
    oxide("AB3C_hR10_148_c_f_c", Zn=1, Ge=1, O=3),
    oxide("ABC2_hR4_166_a_b_c", Na=1, Rh=1, O=2),
    oxide("A4BC_tI24_141_h_b_a", Sc=1, Nb=1, O=4),
)


def critic(best: list[tuple[float, Candidate]]) -> Directive:
    """Write the directive that a critic would who sees only scores: favour what the best candidates share."""
    elements: dict[str, float] = {}
    prototypes: dict[str, float] = {}
    for rank, (_, candidate) in enumerate(best):
        for symbol in candidate.crystal.elements:
            elements[symbol] = elements.get(symbol, 1.0) + 0.6 / (1 + rank)
        name = candidate.lineage.prototype
        prototypes[name] = prototypes.get(name, 1.0) + 1.0 / (1 + rank)
    return Directive(
        elements=elements, prototypes=prototypes, parents=[candidate.id for _, candidate in best]
    )


def search(
    planted: Planted,
    *,
    seed: int,
    follow: bool,
    settings: Settings,
    rounds: int = ROUNDS,
    per_round: int = PER_ROUND,
) -> tuple[int, float]:
    """Return after how many evaluated candidates the optimum was proposed, and the best score reached.

    The count is one more than all when it never was.
    """
    seen: set[str] = set()
    formulas: dict[str, int] = {}
    best: list[tuple[float, Candidate]] = []
    for number in range(rounds):
        request = StrategyRequest(
            spec=planted.spec,
            count=per_round,
            round=number,
            seed=seed,
            directive=critic(best) if follow else Directive(),
            parents=tuple(candidate for _, candidate in best) if follow else (),
            seen=frozenset(seen),
            seen_formulas=dict(formulas),
        )
        for candidate in islice(STRATEGY.propose(request, settings=settings), per_round):
            seen.add(candidate.id)
            key = reduced_key(candidate.crystal.amounts)
            formulas[key] = formulas.get(key, 0) + 1
            best.append((planted.score(candidate), candidate))
            if planted.found(candidate):
                return len(seen), 1.0
        best = sorted(best, key=lambda pair: (-pair[0], pair[1].id))[:KEPT]
    return rounds * per_round + 1, best[0][0]


def best_score(
    planted: Planted, *, seed: int, follow: bool, settings: Settings, rounds: int, per_round: int
) -> float:
    """Return the best score reached in so many rounds."""
    return search(planted, seed=seed, follow=follow, settings=settings, rounds=rounds, per_round=per_round)[1]


def compare(*, seeds: int) -> None:
    """Print evaluations with and without the critic's directive."""
    with tempfile.TemporaryDirectory() as empty:
        settings = load_settings().model_copy(update={"data_dir": Path(empty), "cache_dir": Path(empty)})
        print(
            f"{'planted optimum':44s} with critic  without  (median of {seeds} seeds, at most {ROUNDS * PER_ROUND})"
        )
        ratios: list[float] = []
        for planted in CASES:
            runs = {
                follow: [
                    search(planted, seed=seed, follow=follow, settings=settings)[0] for seed in range(seeds)
                ]
                for follow in (True, False)
            }
            with_critic, without = float(np.median(runs[True])), float(np.median(runs[False]))
            ratios.append(without / with_critic)
            name = f"{reduced_key(dict(planted.amounts))} in {planted.prototype}"
            print(f"{name:44s} {with_critic:11.0f}  {without:7.0f}")
        print(
            f"evaluations without over with the critic, geometric mean: at least {np.exp(np.mean(np.log(ratios))):.1f}"
        )


def measure_neighbours() -> None:
    """Print how well neighbours guess what is left out, formula by formula."""
    from scipy.stats import rankdata, spearmanr  # pyright: ignore[reportUnknownVariableType]

    tables = tables_of(load_settings())
    for name in (
        "bulk_modulus",
        "shear_modulus",
        "computed_band_gap",
        "refractive_index",
        "energy_above_hull",
    ):
        true: list[float] = []
        guessed: list[float] = []
        for family in neighbours.families(name, tables=tables).values():
            if not 2 <= len(family.values) <= 6000:
                continue
            guess = neighbours.expected_values(family, family.elements, leave_out_itself=True)
            usable = np.isfinite(guess.value)
            values = 10.0**family.values if family.log10 else family.values
            true.extend(values[usable].tolist())
            guessed.extend(guess.value[usable].tolist())
        if not true:
            continue
        correlation = float(spearmanr(true, guessed)[0])  # pyright: ignore[reportArgumentType,reportUnknownArgumentType]
        line = f"{name:20s} {len(true):6d} formulas, Spearman {correlation:.3f}"
        if name == "energy_above_hull":
            stable = np.array(true) <= 0.05
            rank: np.ndarray[Any, Any] = np.asarray(rankdata(-np.array(guessed)))  # pyright: ignore[reportUnknownArgumentType]
            count = stable.sum()
            area = float(rank[stable].sum() - count * (count + 1) / 2) / float(count * (~stable).sum())
            line += f", area under the curve for at most 0.05 eV/atom {area:.3f}"
        print(line)


def measure_rediscovery(*, share: float = 0.25, proposals: int = 300) -> None:
    """Print how many hidden formulas come back among new proposals, and how many of those are near the hull."""
    settings = load_settings()
    table = tables_of(settings).table("mp_energy_above_hull")
    random = np.random.default_rng(0)
    hidden = {key for key in table.keys if random.random() < share}
    truth = {key: float(table.rows(key)[0]) for key in hidden}
    with tempfile.TemporaryDirectory() as folder:
        _write_without(settings.data_dir, Path(folder), hidden)
        reduced = settings.model_copy(update={"data_dir": Path(folder), "cache_dir": Path(folder)})
        below = Target(property="energy_above_hull", relation=Relation.BELOW, value=0.05)
        stiff = Target(property="bulk_modulus", relation=Relation.ABOVE, value=150)
        specs = {
            "stable oxide": DesignSpec(targets=[below], chemistry=Chemistry(required=["O"]), new_only=True),
            "stable stiff oxide": DesignSpec(
                targets=[below, stiff], chemistry=Chemistry(required=["O"]), new_only=True
            ),
            "stable and stiff": DesignSpec(targets=[below, stiff], new_only=True),
            "stable nitride": DesignSpec(targets=[below], chemistry=Chemistry(required=["N"]), new_only=True),
        }
        print(f"{share:.0%} of the formulas hidden; of the first {proposals} new proposals:")
        for name, spec in specs.items():
            request = StrategyRequest(spec=spec, count=proposals)
            drawn = [*islice(STRATEGY.propose(request, settings=reduced), proposals)]
            formulas = dict.fromkeys(reduced_key(c.crystal.amounts) for c in drawn)
            back = [key for key in formulas if key in hidden]
            stable = sum(truth[key] <= 0.05 for key in back)
            print(
                f"  {name:20s} {len(formulas)} formulas, {len(back)} are hidden ones, of them {stable} within 0.05 eV/atom"
            )


def _write_without(source: Path, target: Path, hidden: set[str]) -> None:
    """Copy the tables without the rows of the hidden formulas."""
    import csv
    import gzip

    from matsmith.knowledge.table_sources import SOURCES

    for entry in SOURCES.values():
        if (source / entry.file).is_file():
            with (
                gzip.open(source / entry.file, "rt", newline="") as lines,
                gzip.open(target / entry.file, "wt") as kept,
            ):
                rows = csv.reader(lines)
                writer = csv.writer(kept)
                writer.writerow(next(rows))
                writer.writerows(row for row in rows if reduced_key(row[0]) not in hidden)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--neighbours", action="store_true")
    parser.add_argument("--rediscovery", action="store_true")
    parser.add_argument("--seeds", type=int, default=5)
    options = parser.parse_args()
    if options.neighbours:
        measure_neighbours()
    elif options.rediscovery:
        measure_rediscovery()
    else:
        compare(seeds=options.seeds)
