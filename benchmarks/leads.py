"""What the literature's leads change: what is proposed first, and what short design runs find, with leads and without.

    python benchmarks/leads.py                    # proposals alone: a minute
    python benchmarks/leads.py --evaluations 60   # design runs too

Three arms: `none` (no evidence), `notes` (the built-in notes), `paper` (the notes and one made paper). The paper states the computed bulk modulus of some
formulas, half of which meet the target, taken from the public table `mp_log10_bulk_modulus` (de Jong et al. 2015) with a fixed draw. The runs
have no tables, so nothing but the paper tells those values; the table is what the proposals are judged by afterwards. `hits` are formulas proposed in the
first two rounds that meet the target by the table, `of the paper` those that the paper names, `others` those it does not; `share` is how many of
the proposals that the table knows, and the paper does not name, meet the target.
"""

from __future__ import annotations

import argparse
import csv
import gzip
import os
import random
import statistics
import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest.mock import patch

from matsmith.agents.context import RunContext
from matsmith.agents.generator import propose
from matsmith.agents.literature import gather_evidence
from matsmith.agents.planner import PlanCheck, make_plan
from matsmith.agents.reasoners.rules import RulesReasoner
from matsmith.agents.session import design
from matsmith.core.candidate import Candidate
from matsmith.core.ledger import Ledger
from matsmith.core.run import Evidence, Judgement
from matsmith.core.settings import Settings
from matsmith.core.spec import Budget
from matsmith.knowledge.formulas import reduced_key
from matsmith.knowledge.literature.library import Library
from matsmith.knowledge.literature.notes import built_in_documents
from matsmith.knowledge.literature.readers.markdown import read_markdown
from matsmith.tools.runner import ToolRunner, local_executor
from matsmith.tools.strategies.chemistry_filter import conforms_chemistry

OBJECTIVES = {
    "a ternary oxide with a bulk modulus above 200 GPa": 200.0,
    "a binary nitride with a bulk modulus above 250 GPa": 250.0,
}
ARMS = ("none", "notes", "paper")
PAPER_FORMULAS = 16
ROUNDS = 2


@dataclass(frozen=True, kw_only=True)
class Proposals:
    """Formulas proposed in the first rounds, judged by the table: how many hits of each kind, and the share of hits among the others."""

    paper_hits: int
    other_hits: int
    share: float


def bulk_moduli_gpa(folder: Path) -> dict[str, float]:
    """The largest bulk modulus of each formula in the table, by reduced key."""
    found: dict[str, float] = {}
    with gzip.open(folder / "mp_log10_bulk_modulus.csv.gz", "rt", encoding="utf-8", newline="") as file:
        rows = csv.reader(file)
        next(rows)
        for formula, logarithm in rows:
            key = reduced_key(formula)
            found[key] = max(found.get(key, 0.0), 10.0 ** float(logarithm))
    return found


def write_paper(folder: Path, *, objective: str, table: dict[str, float], limit_gpa: float) -> set[str]:
    """Make a library with the notes and the made paper; returns the keys that the paper names."""
    from matsmith.knowledge.formulas import key_amounts

    spec = PlanCheck.of(make_plan(objective, reasoner=RulesReasoner()), settings=Settings()).spec
    fitting = sorted(key for key in table if conforms_chemistry(spec, key_amounts(key)) is None)
    draw = random.Random(objective)
    good = [key for key in fitting if table[key] >= limit_gpa]
    bad = [key for key in fitting if table[key] < limit_gpa]
    half = PAPER_FORMULAS // 2
    chosen = [*draw.sample(good, min(half, len(good))), *draw.sample(bad, min(half, len(bad)))]
    draw.shuffle(chosen)
    lines = "\n\n".join(f"The bulk modulus of {key} is {table[key]:.0f} GPa." for key in chosen)
    with Library.open(folder, create=True) as library:
        for document in built_in_documents():
            library.add(document)
        library.add(read_markdown(f"# Bulk moduli from computation\n\n{lines}\n".encode(), path="made.md"))
    return set(chosen)


@contextmanager
def arm_settings(arm: str, *, scratch: Path, paper: Path) -> Generator[Settings]:
    """Settings of a user without tables, and the evidence of the arm."""
    settings = Settings(
        data_dir=scratch / "none",
        cache_dir=scratch / "cache",
        state_dir=scratch / "state",
        runs_dir=scratch / "runs",
        library_dir=paper if arm == "paper" else scratch / "no-library",
        device="cpu",
        threads=1,
    )

    def nothing(context: RunContext) -> list[Evidence]:
        del context
        return []

    if arm == "none":
        with patch("matsmith.agents.graph.gather_evidence", nothing):
            yield settings
    else:
        yield settings


def proposals(objective: str, *, arm: str, settings: Settings, seed: int, folder: Path) -> list[Candidate]:
    """What the first rounds propose when nothing is measured in between."""
    folder.mkdir(parents=True)
    plan = PlanCheck.of(make_plan(objective, reasoner=RulesReasoner()), settings=settings).plan
    with Ledger(folder / "ledger.sqlite") as ledger:
        ledger.append("plan", "plan", plan)
        executor = local_executor(log=folder / "worker.log", settings=settings)
        runner = ToolRunner(ledger, settings=settings, executor=executor, seed=seed)
        context = RunContext(
            folder=folder,
            ledger=ledger,
            settings=settings,
            runner=runner,
            reasoner=RulesReasoner(),
            seed=seed,
        )
        if arm != "none":
            gather_evidence(context)
        for number in range(ROUNDS):
            propose(context, round_number=number)
        executor.close()
        return [Candidate.model_validate_json(entry.body) for entry in ledger.entries("candidate")]


def judged(
    found: list[Candidate], *, table: dict[str, float], named: set[str], limit_gpa: float
) -> Proposals:
    """Hold the proposed formulas against the table."""
    keys = {reduced_key(candidate.crystal.amounts) for candidate in found}
    others = [key for key in keys if key in table and key not in named]
    hits = [key for key in others if table[key] >= limit_gpa]
    return Proposals(
        paper_hits=sum(table[key] >= limit_gpa for key in keys & named),
        other_hits=len(hits),
        share=len(hits) / len(others) if others else 0.0,
    )


def run(objective: str, *, settings: Settings, seed: int, evaluations: int, out: Path) -> tuple[int, int]:
    """A design run: how many candidates meet every hard target, and how many records there were before the first."""
    check = PlanCheck.of(make_plan(objective, reasoner=RulesReasoner()), settings=settings)
    spec = check.spec.model_copy(
        update={"budget": Budget(wall_time_s=36_000.0, evaluations=evaluations), "candidates": 50}
    )
    result = design(PlanCheck.from_spec(spec, settings=settings), settings=settings, seed=seed, out=out)
    before = 0
    with Ledger(result.folder / "ledger.sqlite", create=False) as ledger:
        for entry in ledger.entries():
            before += entry.kind == "record"
            if entry.kind == "judgement" and Judgement.model_validate_json(entry.body).meets:
                break
    return len(result.stop.met), before


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="Design with the literature's leads and without.")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument(
        "--evaluations", type=int, default=0, help="of each design run; 0 leaves the runs out"
    )
    arguments: Any = parser.parse_args()
    data = os.environ.get("MATSMITH_DATA")
    if not data:
        raise SystemExit("Set MATSMITH_DATA to the folder of the tables.")
    table = bulk_moduli_gpa(Path(data))
    for objective, limit_gpa in OBJECTIVES.items():
        print(f"\n{objective}")
        with tempfile.TemporaryDirectory() as name:
            scratch = Path(name)
            paper = scratch / "library"
            named = write_paper(paper, objective=objective, table=table, limit_gpa=limit_gpa)
            print(f"{'arm':<8}{'hits of the paper':>20}{'other hits':>12}{'share of others':>17}", end="")
            print(f"{'runs: met':>14}{'first after':>14}" if arguments.evaluations else "", flush=True)
            for arm in ARMS:
                rows: list[Proposals] = []
                ends: list[tuple[int, int]] = []
                for seed in range(arguments.seeds):
                    with arm_settings(arm, scratch=scratch, paper=paper) as settings:
                        place = scratch / f"{arm}-{seed}"
                        found = proposals(objective, arm=arm, settings=settings, seed=seed, folder=place)
                        rows.append(judged(found, table=table, named=named, limit_gpa=limit_gpa))
                        if arguments.evaluations:
                            out = scratch / f"run-{arm}-{seed}"
                            ends.append(
                                run(
                                    objective,
                                    settings=settings,
                                    seed=seed,
                                    evaluations=arguments.evaluations,
                                    out=out,
                                )
                            )
                line = (
                    f"{arm:<8}{_several([row.paper_hits for row in rows]):>20}{_several([row.other_hits for row in rows]):>12}"
                    f"{statistics.mean(row.share for row in rows):>17.3f}"
                )
                if ends:
                    line += f"{_several([met for met, _ in ends]):>14}{_several([before for _, before in ends]):>14}"
                print(line, flush=True)


def _several(values: list[int]) -> str:
    return " ".join(map(str, values))


if __name__ == "__main__":
    main()
