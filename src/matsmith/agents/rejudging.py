"""An edited specification reaches back: what was judged by the old one is judged again from the records at hand, and nothing is computed."""

from __future__ import annotations

from matsmith.agents.approvals import EDITED_SPEC
from matsmith.agents.context import RunContext
from matsmith.agents.round_summary import summary_of
from matsmith.agents.scoring import score
from matsmith.agents.work import Work
from matsmith.core.candidate import Novelty
from matsmith.core.run import Judgement
from matsmith.core.verdict import Verdict, meets_all
from matsmith.tools.strategies.chemistry_filter import conforms
from matsmith.tools.strategies.registry import KNOWN

REJUDGED = "rejudged"


def take_in_edited_spec(context: RunContext) -> int:
    """Judge every candidate again by the newest specification and count the rounds again, once an edit.

    Returns how many judgements have changed. What was rejected stays so, since nothing was measured of it; what no longer fits is rejected. Judgements
    are written first and the rounds with the mark that ends the work, so that a kill between them loses nothing.
    """
    edits = [entry.key for entry in context.ledger.entries(EDITED_SPEC)]
    if not edits or context.ledger.latest(REJUDGED, edits[-1]) is not None:
        return 0
    rows: list[tuple[str, str, Judgement]] = []
    for judgement in context.judgements().values():
        again = _judged_again(context, judgement)
        if again != judgement:
            rows.append(("judgement", judgement.candidate, again))
    context.ledger.append_many(rows)
    rounds = [
        summary_of(context, round_number=summary.round, directive=summary.directive).model_copy(
            update={"course": summary.course, "reasons": summary.reasons}
        )
        for summary in context.history()
    ]
    context.ledger.append_many(
        [
            *(("round", str(summary.round), summary) for summary in rounds),
            (REJUDGED, edits[-1], str(len(rows))),
        ]
    )
    return len(rows)


def _judged_again(context: RunContext, judgement: Judgement) -> Judgement:
    if judgement.rejected:
        return judgement
    spec = context.spec
    candidate = context.candidate(judgement.candidate)
    relaxed = context.ledger.consume(judgement.relaxed) if judgement.relaxed else None
    work = Work(
        candidate=candidate, relaxed=relaxed, novelty=judgement.novelty, references=context.references
    )
    work.records = [record for name in judgement.records if (record := context.ledger.record(name))]
    reason = conforms(
        spec, work.crystal, space_group=_space_group(work), known=candidate.lineage.strategy == KNOWN
    )
    rejected = f"does not fit: {reason}" if reason is not None else ""
    if not rejected and spec.new_only and judgement.novelty.label is not Novelty.NEW:
        rejected = f"known: {judgement.novelty.match}"
    if rejected:
        return judgement.model_copy(
            update={"rejected": rejected, "verdicts": list[Verdict](), "meets": False, "score": -99.0}
        )
    work.judge(spec)
    return judgement.model_copy(
        update={
            "verdicts": work.verdicts,
            "meets": meets_all(work.verdicts, spec=spec),
            "score": score(spec, work.verdicts),
        }
    )


def _space_group(work: Work) -> int | None:
    for record in work.records:
        number = record.outcome.facts.get("space_group_number") if record.tool == "symmetry" else None
        if isinstance(number, int):
            return number
    return None
