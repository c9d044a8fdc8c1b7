"""What a stable, target-meeting candidate costs in relaxations when a design run draws from one strategy alone.

    MATSMITH_DATA=DIR python benchmarks/generation_in_design.py --out DIR [--arms diffusion,decoration,random] [--seeds 1] [--rounds 8] [--wall-time 240]

The loop is that of `matsmith design` with built-in rules: screening, relaxation, judgement, the critic's directive. Nothing but the list of strategies
is another. Two counts: by value (energy above hull at most 0.05 eV/atom and the density inside), and by the run's own verdicts, which want a
probability of 84 %. Formulas that nobody lists are counted beside. Each run is kept: the same call goes on where it was stopped, and arms can
be run one by one. By default three runs of four minutes each.
"""

from __future__ import annotations

import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import argparse
import json
import math
import sys
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
from matsmith.tools.strategies.registry import ALLOYS

ABOVE_HULL_EV, LOW, HIGH = 0.05, 4.0, 6.0


@dataclass(frozen=True, kw_only=True)
class Cost:
    """One run of one arm. `stable` and `met` count different formulas; `seconds` is wall time."""

    arm: str
    seed: int
    proposed: int
    relaxed: int
    stable: int
    stable_new: int
    met: int
    seconds: float


def wish(*, rounds: int, wall_time_s: float) -> DesignSpec:
    """A stable compound of two or three elements with a density from 4 to 6 g/cm³."""
    return DesignSpec(
        objective=f"a stable compound with a density between {LOW:g} and {HIGH:g} g/cm3",
        targets=[
            Target(property="energy_above_hull", relation=Relation.BELOW, value=ABOVE_HULL_EV),
            Target(property="density", relation=Relation.BETWEEN, value=LOW, upper=HIGH),
        ],
        chemistry=Chemistry(elements_min=2, elements_max=3),
        structure=StructureWish(atoms_max=12),
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
        stable: dict[str, bool] = {}
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
                stable[key] = judgement.novelty.label is Novelty.NEW
    return Cost(
        arm=arm,
        seed=seed,
        proposed=len(proposed),
        relaxed=relaxed,
        stable=len(stable),
        stable_new=sum(stable.values()),
        met=len(met),
        seconds=float(stop["elapsed_s"]),
    )


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
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    spec = wish(rounds=given.rounds, wall_time_s=given.wall_time)
    results: dict[str, list[Cost]] = {}
    for seed in range(given.seeds):
        for arm in given.arms.split(","):
            cost = run(arm, seed, folder=given.out / f"{arm}-{seed}", spec=spec)
            results.setdefault(arm, []).append(cost)
            print(json.dumps(asdict(cost)), file=sys.stderr, flush=True)
    print(f"{spec.objective}; {given.seeds} seeds, {given.rounds} rounds a run")
    print(
        f"{'strategy':<12} relaxed  stable, target-meeting formulas  of them in no list  by verdict  relaxations each (seeds)"
    )
    for arm, costs in results.items():
        relaxed, stable = sum(one.relaxed for one in costs), sum(one.stable for one in costs)
        each = ", ".join(f"{one.relaxed / one.stable:.1f}" if one.stable else "none" for one in costs)
        price = f"{relaxed / stable:.1f}" if stable else "none found"
        print(
            f"{arm:<12} {relaxed:7d}  {stable:33d}  {sum(one.stable_new for one in costs):18d}  "
            f"{sum(one.met for one in costs):10d}  {price} ({each})"
        )
    if given.json is not None:
        plain: dict[str, Any] = {arm: [asdict(one) for one in costs] for arm, costs in results.items()}
        given.json.write_text(json.dumps(plain, indent=1))
    return 0


if __name__ == "__main__":
    sys.exit(main())
