"""A candidate whose bulk modulus was measured and judged, as the design loop writes it."""

from __future__ import annotations

from matsmith.core.candidate import Candidate, NoveltyLabel
from matsmith.core.ledger import Ledger
from matsmith.core.quantity import Quantity, Truth
from matsmith.core.record import Method, Outcome, Record
from matsmith.core.run import Judgement
from matsmith.core.spec import DesignSpec
from matsmith.core.verdict import Measurement, judge, meets_all

_UNKNOWN = NoveltyLabel()


def write_judged(
    ledger: Ledger,
    candidate: Candidate,
    *,
    spec: DesignSpec,
    modulus_gpa: float,
    round_number: int = 0,
    novelty: NoveltyLabel = _UNKNOWN,
) -> tuple[Record, bool]:
    """Write the candidate, its record and its judgement by the only target of `spec`. Returns the record and whether it meets."""
    quantity = Quantity(value=modulus_gpa, unit="GPa", sigma=8.0, truth=Truth.EXPERIMENT_300K)
    record = Record.of(
        Outcome(quantities={"bulk_modulus": quantity}, method=Method(name="fit", model="made"), wall_s=0.5),
        tool="equation_of_state",
        tool_version="1",
        inputs={"structure": candidate.id},
        identity="",
        seed=0,
    )
    measured = Measurement(record=record.id, tool=record.tool, quantity=quantity)
    verdict = judge(spec.targets[0], [measured], spec=spec, candidate=candidate.id, index=0)
    meets = meets_all([verdict], spec=spec)
    judgement = Judgement(
        candidate=candidate.id,
        round=round_number,
        records=[record.id],
        verdicts=[verdict],
        meets=meets,
        score=modulus_gpa,
        novelty=novelty,
    )
    ledger.append_many(
        [
            ("candidate", candidate.id, candidate),
            ("record", record.id, record),
            ("judgement", candidate.id, judgement),
        ]
    )
    return record, meets
