"""What a stable, target-meeting candidate costs in relaxations when a design run draws from one strategy alone.

    MATSMITH_DATA=DIR python benchmarks/generation_in_design.py --out DIR [--arms diffusion,decoration,random] [--seeds 1] [--rounds 8] [--wall-time 240]

The loop is that of `matsmith design` with built-in rules: screening, relaxation, judgement, the critic's directive. Nothing but the list of strategies
is another. Two counts: by value (energy above hull at most 0.05 eV/atom and the density inside), and by the run's own verdicts, which want a
probability of 84 %. Formulas that nobody lists are counted beside, and those whose relaxed structure is in no AFLOW prototype.
`--motif kagome` asks for a flat net besides. Each run is kept: the same call goes on where it was stopped, and arms can
be run one by one. By default three runs of four minutes each.
"""

from __future__ import annotations

import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import argparse
import json
import math
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from matsmith.agents import generator, session
from matsmith.agents.decisions import Plan
from matsmith.agents.planner import PlanCheck
from matsmith.core.candidate import Candidate, Novelty
from matsmith.core.ledger import Ledger
from matsmith.core.quantity import Relation
from matsmith.core.run import Judgement
from matsmith.core.settings import load_settings
from matsmith.core.spec import Budget, Chemistry, DesignSpec, StructureWish, Target
from matsmith.knowledge.formulas import reduced_key
from matsmith.tools.evaluation.comparison import prototype_of
from matsmith.tools.strategies.registry import ALLOYS

ABOVE_HULL_EV, LOW, HIGH = 0.05, 4.0, 6.0


@dataclass(frozen=True, kw_only=True)
class Find:
    """A stable formula inside the window: whether it stands in no list, and the AFLOW prototype of its relaxed structure, empty for none."""

    new: bool
    prototype: str


@dataclass(frozen=True, kw_only=True)
class Cost:
    """One run of one arm. `stable` by formula; `met` counts different formulas; `seconds` is wall time."""

    arm: str
    seed: int
    proposed: int
    relaxed: int
    stable: dict[str, Find]
    met: int
    seconds: float

    @property
    def each(self) -> float:
        """Relaxations a find; infinite without one."""
        return self.relaxed / len(self.stable) if self.stable else math.inf


def wish(*, rounds: int, wall_time_s: float, motif: str) -> DesignSpec:
    """A stable compound of two or three elements with a density from 4 to 6 g/cm³, with a flat net where one is named."""
    return DesignSpec(
        objective=f"a stable compound with a density between {LOW:g} and {HIGH:g} g/cm3",
        targets=[
            Target(property="energy_above_hull", relation=Relation.BELOW, value=ABOVE_HULL_EV),
            Target(property="density", relation=Relation.BETWEEN, value=LOW, upper=HIGH),
        ],
        chemistry=Chemistry(elements_min=2, elements_max=3),
        structure=StructureWish(atoms_max=12, motif=motif or None),
        candidates=1000,
        budget=Budget(rounds=rounds, wall_time_s=wall_time_s, evaluations=1_000_000),
    )


def run(arm: str, seed: int, *, folder: Path, spec: DesignSpec) -> Cost:
    """Run one arm with one seed, or go on with it, and count."""
    # The alloys are there to be taken out again by the generator, which a specification without an alloy makes it do.
    names = [arm, ALLOYS]
    before = generator.strategy_names
    generator.strategy_names = lambda: names
    try:
        settings = load_settings()
        if (folder / "ledger.sqlite").is_file():
            session.resume(folder, settings=settings)
        else:
            check = PlanCheck.of(Plan(spec=spec), settings=settings)
            session.design(check, settings=settings, out=folder, seed=seed, reasoner="rules")
    finally:
        generator.strategy_names = before
    return counted(folder, arm=arm, seed=seed)


def counted(folder: Path, *, arm: str, seed: int) -> Cost:
    """What stands in the ledger of a run."""
    with Ledger(folder / "ledger.sqlite", create=False) as ledger:
        proposed = {
            entry.key: Candidate.model_validate_json(entry.body) for entry in ledger.entries("candidate")
        }
        foreign = {one.lineage.strategy for one in proposed.values()} - {arm}
        if foreign:
            raise SystemExit(f"{folder} holds candidates of {', '.join(sorted(foreign))}")
        latest: dict[str, Judgement] = {}
        for entry in ledger.entries("judgement"):
            latest[entry.key] = Judgement.model_validate_json(entry.body)
        relaxed = sum(json.loads(entry.body)["tool"] == "relax" for entry in ledger.entries("record"))
        stop = json.loads(next(iter(ledger.entries("stop"))).body)
        stable: dict[str, Find] = {}
        met: set[str] = set()
        for judgement in latest.values():
            key = reduced_key(proposed[judgement.candidate].crystal.amounts)
            values = {
                verdict.property: verdict.quantity.value for verdict in judgement.verdicts if verdict.quantity
            }
            if judgement.meets:
                met.add(key)
            above, density = values.get("energy_above_hull", math.inf), values.get("density", 0.0)
            if not judgement.rejected and above <= ABOVE_HULL_EV and LOW <= density <= HIGH:
                crystal = ledger.consume(judgement.relaxed).outcome.crystal if judgement.relaxed else None
                prototype = prototype_of(crystal or proposed[judgement.candidate].crystal)
                if key in stable:
                    # Of one formula the structure that nothing decorates counts.
                    prototype = prototype and stable[key].prototype
                stable[key] = Find(new=judgement.novelty.label is Novelty.NEW, prototype=prototype)
    return Cost(
        arm=arm,
        seed=seed,
        proposed=len(proposed),
        relaxed=relaxed,
        stable=stable,
        met=len(met),
        seconds=float(stop["elapsed_s"]),
    )


def _error(costs: Sequence[Cost]) -> float:
    """One standard error of the relaxations a find of all runs together: by leaving each run out in turn; NaN where that leaves no find."""
    rests = [[other for other in costs if other is not one] for one in costs]
    found = [sum(len(one.stable) for one in rest) for rest in rests]
    if len(costs) < 2 or not all(found):
        return math.nan
    prices = [sum(one.relaxed for one in rest) / count for rest, count in zip(rests, found, strict=True)]
    mean = sum(prices) / len(prices)
    return math.sqrt((len(prices) - 1) / len(prices) * sum((price - mean) ** 2 for price in prices))


def main() -> int:
    """Run the arms and print a line each."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path, required=True, metavar="DIR")
    parser.add_argument("--arms", default="diffusion,decoration,random")
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=8)
    parser.add_argument("--wall-time", type=float, default=240.0, help="seconds, at most, a run")
    parser.add_argument("--motif", default="", help="a flat net that is wanted: kagome, lieb, honeycomb ...")
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    spec = wish(rounds=given.rounds, wall_time_s=given.wall_time, motif=given.motif)
    results: dict[str, list[Cost]] = {}
    for seed in range(given.seeds):
        for arm in given.arms.split(","):
            cost = run(arm, seed, folder=given.out / f"{arm}-{seed}", spec=spec)
            results.setdefault(arm, []).append(cost)
            print(json.dumps(asdict(cost)), file=sys.stderr, flush=True)
    print(f"{spec.objective}; {given.seeds} seeds, {given.rounds} rounds a run")
    print(
        "strategy     relaxed  finds, different (in no list, in no prototype, of no other arm)  by verdict  relaxations a find (seeds)"
    )
    for arm, costs in results.items():
        finds = {key: find for one in costs for key, find in one.stable.items()}
        others = {key for name, rest in results.items() if name != arm for one in rest for key in one.stable}
        own = sorted(set(finds) - others)
        counts = (
            sum(find.new for find in finds.values()),
            sum(not find.prototype for find in finds.values()),
            len(own),
        )
        relaxed, found = sum(one.relaxed for one in costs), sum(len(one.stable) for one in costs)
        error = _error(costs)
        price = (
            f"{relaxed / found:.2f}" + (f" ± {error:.2f}" if math.isfinite(error) else "")
            if found
            else "none"
        )
        each = ", ".join(f"{one.each:.2f}" for one in costs)
        print(
            f"{arm:<12} {relaxed:7d}  {found:d}, {len(finds)} different {counts}  "
            f"{sum(one.met for one in costs):10d}  {price} ({each})"
        )
        bare = [key for key in own if not finds[key].prototype]
        print(f"{'':<12} of no other arm and in no prototype: {', '.join(bare) or 'none'}")
    if given.json is not None:
        plain: dict[str, Any] = {arm: [asdict(one) for one in costs] for arm, costs in results.items()}
        given.json.write_text(json.dumps(plain, indent=1))
    return 0


if __name__ == "__main__":
    sys.exit(main())
