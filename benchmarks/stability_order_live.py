"""Relaxations that a stable find costs in whole design runs, with the stability model's order and without it.

    python benchmarks/stability_order_live.py --seeds 0 1 2 --budget 180 --out DIR

The same objective and seeds, new materials only, without the tables: there the order matters, since the screening often has no competitors to hold
a candidate against (`MATSMITH_STABILITY_ORDER` turns it off for anybody). Both arms are compared over as many relaxations as the shorter one made,
so that a busy machine favours neither. A find is a candidate of its own formula that the stability tool puts within 0.05 eV/atom of the hull.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from pathlib import Path
from typing import Any

from matsmith.agents.api import design_events
from matsmith.agents.run_events import event_line
from matsmith.agents.runs import LEDGER
from matsmith.core.ledger import Ledger
from matsmith.core.record import Record, Status
from matsmith.core.run import EventKind
from matsmith.core.settings import load_settings

OBJECTIVE = "a new stable ternary oxide with a bulk modulus above 150 GPa"
THRESHOLD_EV = 0.05


def run(objective: str, *, seed: int, ordered: bool, budget_s: float, out: Path, tables: Path) -> list[bool]:
    """One design run: of each relaxation, in the order made, whether its formula turned out stable and was not found before."""
    name = f"seed{seed}-{'ordered' if ordered else 'plain'}"
    settings = load_settings().model_copy(update={"stability_order": ordered, "data_dir": tables})
    events = design_events(
        objective, settings=settings, out=out / name, seed=seed, budget_s=budget_s, candidates=1000, new_only=True
    )  # fmt: skip
    for event in events:
        if event.kind is not EventKind.PROGRESS:
            print(f"{name}: {event_line(event)}", file=sys.stderr, flush=True)
    return relaxations(out / name / LEDGER)


def relaxations(ledger: Path) -> list[bool]:
    """Of each successful relaxation of a run, in the order made, whether it brought a new stable formula."""
    stable: set[str] = set()
    relaxed: list[tuple[str, str]] = []
    with Ledger(ledger, create=False) as held:
        for entry in held.entries("record"):
            record = Record.model_validate_json(entry.body)
            if record.status is not Status.SUCCESS:
                continue
            crystal = record.outcome.crystal
            if record.tool == "relax" and crystal is not None:
                relaxed.append((record.id, crystal.formula))
            above = record.quantities.get("energy_above_hull")
            if record.tool == "stability" and above is not None and above.value <= THRESHOLD_EV:
                stable.add(str(record.inputs["relaxed"]))
    found: list[bool] = []
    seen: set[str] = set()
    for identifier, formula in relaxed:
        found.append(identifier in stable and formula not in seen)
        seen |= {formula} if found[-1] else set()
    return found


def main() -> None:
    """Run both arms for every seed and print a table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--budget", type=float, default=180.0, help="seconds of each run")
    parser.add_argument("--objective", default=OBJECTIVE)
    parser.add_argument("--out", type=Path, help="folder of the runs; a temporary one by default")
    parser.add_argument("--tables", type=Path, help="data folder; an empty one by default")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    rows: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as empty:
        out: Path = arguments.out or Path(empty) / "runs"
        tables: Path = arguments.tables or Path(empty) / "tables"
        for seed in arguments.seeds:
            arms = {
                ordered: run(arguments.objective, seed=seed, ordered=ordered, budget_s=arguments.budget, out=out, tables=tables)
                for ordered in (True, False)
            }  # fmt: skip
            count = min(len(arm) for arm in arms.values())
            rows.append(
                {
                    "seed": seed,
                    "relaxations": count,
                    "stable_ordered": sum(arms[True][:count]),
                    "stable_plain": sum(arms[False][:count]),
                    "made": [len(arms[True]), len(arms[False])],
                }
            )
    if arguments.json:
        print(json.dumps(rows, indent=2))
        return
    print(
        "| seed | relaxations compared | stable finds, ordered | without | relaxations a find, ordered | without |"
    )
    print("| --- | --- | --- | --- | --- | --- |")
    for row in rows:
        costs = [_cost(row["relaxations"], row[arm]) for arm in ("stable_ordered", "stable_plain")]
        print(
            f"| {row['seed']} | {row['relaxations']} | {row['stable_ordered']} | {row['stable_plain']} | {' | '.join(costs)} |"
        )
    whole = sum(row["relaxations"] for row in rows)
    costs = [_cost(whole, sum(row[arm] for row in rows)) for arm in ("stable_ordered", "stable_plain")]
    print(f"\nOver all seeds, relaxations a stable find: {costs[0]} ordered, {costs[1]} without")


def _cost(relaxations: int, finds: int) -> str:
    return f"{relaxations / finds:.2f}" if finds else f"none in {relaxations}"


if __name__ == "__main__":
    main()
