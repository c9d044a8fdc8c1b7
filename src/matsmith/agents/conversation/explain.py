"""Why a candidate is where it is: in sentences made from its verdicts and records, each number with the record it stands in."""

from __future__ import annotations

from typing import Any

from matsmith.agents.conversation.chat_tools import ToolReply
from matsmith.agents.conversation.pieces import Piece, TablePiece, says
from matsmith.agents.report.model import CandidateReport, RejectedCandidate, RunReport
from matsmith.agents.report.terminal import find_candidate
from matsmith.agents.report.wording import (
    answer_word,
    margin_text,
    probability_text,
    target_text,
    title_of,
    value_text,
)
from matsmith.core.record import Record
from matsmith.core.spec import Target
from matsmith.core.verdict import Answer, Verdict
from matsmith.tools.registry import LOOK_UPS

_MOST_TARGETS = 12


def explain_candidate(report: RunReport, key: str) -> ToolReply:
    """One candidate by its rank or the beginning of its id. Raises `UsageError` when there is none such."""
    found = candidate_named(report, key)
    return _rejected(report, found) if isinstance(found, RejectedCandidate) else _judged(report, found)


def candidate_named(report: RunReport, key: str) -> CandidateReport | RejectedCandidate:
    """A candidate by rank, beginning of its id, or formula (the best ranked of several)."""
    from matsmith.core.errors import SpecError
    from matsmith.knowledge.formulas import reduced_key

    if not key.strip().isdecimal():
        try:
            wanted = reduced_key(key.strip())
        except SpecError:
            wanted = ""
        named = [
            one
            for one in (*report.candidates, *report.rejected)
            if wanted and reduced_key(one.formula) == wanted
        ]
        if named:
            return named[0]
    return find_candidate(report, key)


def _rejected(report: RunReport, candidate: RejectedCandidate) -> ToolReply:
    reason = candidate.reason.rstrip(".")
    lines = [f"{candidate.formula} ({candidate.id[:8]}) left the run in round {candidate.round}: {reason}."]
    lines += [
        f"{one.tool} failed: {one.message} {one.hint} [{one.record[:8]}]"
        for one in candidate.failures
        if one.tool not in LOOK_UPS
    ]
    data: dict[str, Any] = {
        "candidate": candidate.id[:8],
        "formula": candidate.formula,
        "outcome": "rejected",
        "reason": candidate.reason,
        "round": candidate.round,
        "strategy": candidate.strategy,
        "failures": [
            {"tool": one.tool, "message": one.message, "record": one.record[:8]}
            for one in candidate.failures
            if one.tool not in LOOK_UPS
        ],
    }
    pieces: list[Piece] = [says(line) for line in lines]
    return ToolReply(
        data=data, pieces=pieces, records=_records(report, candidate.records), texts=[candidate.reason]
    )


def _judged(report: RunReport, candidate: CandidateReport) -> ToolReply:
    targets = report.spec.targets if report.spec else []
    failing = [verdict for verdict in candidate.verdicts if verdict.answer is Answer.NOT_MET]
    unknown = [
        verdict
        for verdict in candidate.verdicts
        if verdict.answer is Answer.UNKNOWN and _counts(verdict, targets)
    ]
    name = f"Candidate {candidate.rank}, {candidate.formula} ({candidate.id[:8]}),"
    if candidate.meets:
        head = f"{name} was not rejected: it meets every hard target."
    elif failing:
        head = f"{name} is no answer: it does not meet {_listed(failing)}."
    elif unknown:
        head = f"{name} is neither met nor refuted: {_listed(unknown)} cannot be told."
    else:
        head = f"{name} is no answer."
    lines = [head, *(_because(verdict, targets) for verdict in [*failing, *unknown][:_MOST_TARGETS])]
    lines += [
        f"{one.tool} failed for it: {one.message} {one.hint} [{one.record[:8]}]"
        for one in candidate.failures
        if one.tool not in LOOK_UPS
    ]
    rows = tuple(_row(verdict, targets) for verdict in candidate.verdicts)
    pieces: list[Piece] = [says(line) for line in lines]
    if rows:
        pieces.append(
            TablePiece(
                columns=("target", "value", "verdict", "margin", "probability", "record"),
                rows=rows,
                title="Verdicts",
            )
        )
    origin = candidate.lineage
    from_ = f"From the strategy {origin.strategy} in round {candidate.round}; {candidate.novelty.label}."
    pieces.append(says(from_, "quiet"))
    pieces += [says(warning, "unsure") for warning in candidate.warnings[:4]]
    data: dict[str, Any] = {
        "candidate": candidate.id[:8],
        "rank": candidate.rank,
        "formula": candidate.formula,
        "outcome": "meets every hard target" if candidate.meets else "not met" if failing else "unknown",
        "verdicts": [_data(verdict, targets) for verdict in candidate.verdicts],
        "strategy": origin.strategy,
        "prototype": candidate.prototype,
        "novelty": str(candidate.novelty.label),
        "round": candidate.round,
        "failures": [
            {"tool": one.tool, "message": one.message}
            for one in candidate.failures
            if one.tool not in LOOK_UPS
        ],
        "warnings": candidate.warnings[:4],
    }
    texts = [*(" ".join(row) for row in rows), *lines, *(one.describe() for one in targets)]
    return ToolReply(data=data, pieces=pieces, records=_records(report, candidate.records), texts=texts)


def _because(verdict: Verdict, targets: list[Target]) -> str:
    target = targets[verdict.target] if verdict.target < len(targets) else None
    wanted = f", {target_text(target)} is asked" if target else ""
    title = title_of(verdict.property)
    if verdict.quantity is None:
        return f"The {title} is not known{wanted}: {verdict.reason or 'it was not measured'}."
    chance = (
        f"; the probability of meeting it is {probability_text(verdict.probability)}"
        if verdict.probability is not None
        else ""
    )
    reason = f" ({verdict.reason})" if verdict.reason else ""
    return f"The {title} is {value_text(verdict.quantity)} [{verdict.record[:8]}]{wanted}{chance}{reason}."


def _row(verdict: Verdict, targets: list[Target]) -> tuple[str, ...]:
    target = targets[verdict.target] if verdict.target < len(targets) else None
    constraint = target is None or target.is_constraint
    return (
        f"{title_of(verdict.property)} {target_text(target) if target else ''}".strip(),
        value_text(verdict.quantity) if verdict.quantity else "–",
        answer_word(verdict, target) + (f" ({verdict.reason})" if verdict.reason else ""),
        margin_text(verdict) if constraint else "–",
        probability_text(verdict.probability) if constraint else "–",
        verdict.record[:8] or "–",
    )


def _data(verdict: Verdict, targets: list[Target]) -> dict[str, Any]:
    target = targets[verdict.target] if verdict.target < len(targets) else None
    row: dict[str, Any] = {
        "target": target.describe() if target else verdict.property,
        "answer": str(verdict.answer),
    }
    if verdict.quantity is not None and verdict.record:
        row["write"] = f"{{r:{verdict.record[:8]}.{verdict.property}}}"
        row["value"] = value_text(verdict.quantity)
    if verdict.probability is not None:
        row["probability"] = probability_text(verdict.probability)
    if verdict.reason:
        row["reason"] = verdict.reason
    return row


def _counts(verdict: Verdict, targets: list[Target]) -> bool:
    return verdict.target >= len(targets) or targets[verdict.target].is_constraint


def _listed(verdicts: list[Verdict]) -> str:
    return " and ".join(dict.fromkeys(f"the {title_of(verdict.property)}" for verdict in verdicts))


def _records(report: RunReport, identifiers: list[str]) -> list[Record]:
    return [report.records[name] for name in identifiers if name in report.records]
