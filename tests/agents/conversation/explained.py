"""A finished run with a candidate that meets its target, one that does not, and one that was rejected."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from made_judgements import write_judged

from matsmith.agents.decisions import Plan
from matsmith.core.candidate import Candidate
from matsmith.core.ledger import Ledger
from matsmith.core.quantity import Relation
from matsmith.core.record import Record
from matsmith.core.run import Judgement, RunHeader, Stop, StopReason
from matsmith.core.spec import DesignSpec, Target

SPEC = DesignSpec(
    objective="an oxide above 150 GPa",
    targets=[Target(property="bulk_modulus", relation=Relation.ABOVE, value=150.0)],
    candidates=1,
)


def write_run(folder: Path, made_candidate: Callable[..., Candidate]) -> dict[str, Record]:
    """Write the run. Returns the record of each cation."""
    folder.mkdir(parents=True)
    records: dict[str, Record] = {}
    with Ledger(folder / "ledger.sqlite") as ledger:
        header = RunHeader(
            run=folder.name,
            objective=SPEC.objective,
            seed=0,
            reasoner="rules",
            version="0",
            started_at=datetime.now(UTC),
        )
        ledger.append_many([("run", folder.name, header), ("plan", folder.name, Plan(spec=SPEC))])
        met: list[str] = []
        for cation, value in (("Mg", 173.0), ("Ba", 74.0)):
            candidate = made_candidate(cation)
            records[cation], meets = write_judged(ledger, candidate, spec=SPEC, modulus_gpa=value)
            met += [candidate.id] if meets else []
        lost = made_candidate("Ca")
        ledger.append_many(
            [
                ("candidate", lost.id, lost),
                (
                    "judgement",
                    lost.id,
                    Judgement(candidate=lost.id, round=0, rejected="unphysical: the cell collapsed"),
                ),
            ]
        )
        stop = Stop(reason=StopReason.MET, sentence="Objective met.", elapsed_s=2.0, met=met)
        ledger.append("stop", folder.name, stop)
    return records
