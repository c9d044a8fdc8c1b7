"""Read a run's ledger into a `RunReport`. Nothing is computed here but ranks, counts and what stood after each round."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable
from datetime import datetime
from functools import lru_cache
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from matsmith.agents.decisions import Critique, Plan, RoundSummary
from matsmith.agents.pareto import front, ranks
from matsmith.agents.report.model import (
    CandidateReport,
    FactReport,
    FailureReport,
    MethodReport,
    QuantityReport,
    RejectedCandidate,
    RoundReport,
    RunReport,
    TextPart,
)
from matsmith.agents.report.wording import duration_text, reason_group, title_of, value_text
from matsmith.core.candidate import Candidate, Novelty
from matsmith.core.errors import LedgerError
from matsmith.core.ledger import Entry, Ledger
from matsmith.core.record import Method, Record
from matsmith.core.references import Reference, UnknownReference, render
from matsmith.core.run import Evidence, Judgement, RunHeader, Stop
from matsmith.core.steering import Steering

_ModelT = TypeVar("_ModelT", bound=BaseModel)
_GAP = "[no such number]"


def collect(ledger: Ledger) -> RunReport:
    """Read everything that the report shows. Raises `LedgerError` when the ledger holds no run or an unreadable entry."""
    read = _Reading(ledger)
    header = read.header
    if header is None:
        raise LedgerError(
            f"{ledger.path} holds no run.", hint="Give the folder of a run: `matsmith runs` lists them."
        )
    records = read.records
    ranked, rejected = read.ranked(), read.rejected()
    wanted = dict.fromkeys(record for candidate in ranked for record in candidate.records)
    rounds = read.rounds()
    for part in (part for row in rounds for part in row.critique if part.record):
        wanted.setdefault(part.record)
    shown = {identifier: records[identifier] for identifier in wanted if identifier in records}
    elapsed = read.stop.elapsed_s if read.stop else max(0.0, (read.last - header.started_at).total_seconds())
    judged = {*(candidate.id for candidate in ranked), *(candidate.id for candidate in rejected)}
    plan = read.plan
    return RunReport(
        header=header,
        spec=plan.spec if plan else None,
        understood=plan.understood if plan else [],
        not_understood=plan.not_understood if plan else [],
        questions=plan.questions if plan else [],
        warnings=plan.warnings if plan else [],
        stop=read.stop,
        outcome=read.stop.sentence if read.stop else _interrupted(elapsed, rounds=len(rounds)),
        elapsed_s=elapsed,
        last_written_at=read.last,
        generated=len(read.candidates),
        waiting=sum(identifier not in judged for identifier in read.candidates),
        rounds=rounds,
        candidates=ranked,
        front=front(plan.spec, read.judgements.values()) if plan else [],
        rejected=rejected,
        rejected_by_reason=dict(Counter(reason_group(one.reason) for one in rejected).most_common()),
        evidence=list(read.evidence.values()),
        steering=dict(sorted(read.steering.items())),
        methods=_methods(shown.values()),
        reference_data=_reference_data(shown.values(), novelty=read.novelty_lists()),
        tools={record.tool: record.tool_version for record in shown.values()},
        records=shown,
        ledger_head=read.head,
        ledger_entries=read.entries,
    )


def _interrupted(elapsed_s: float, *, rounds: int) -> str:
    return (
        f"Not finished: the run stands after {duration_text(elapsed_s)} and {rounds} finished "
        f"round{'' if rounds == 1 else 's'}. `matsmith resume` goes on from here and repeats nothing."
    )


class _Reading:
    """One pass over the ledger; for a key that was written several times the last entry counts."""

    def __init__(self, ledger: Ledger) -> None:
        self.header: RunHeader | None = None
        self.plan: Plan | None = None
        self.stop: Stop | None = None
        self.evidence: dict[str, Evidence] = {}
        self.steering: dict[int, Steering] = {}
        self.candidates: dict[str, Candidate] = {}
        self.records: dict[str, Record] = {}
        self.judgements: dict[str, Judgement] = {}
        self._judged: list[Judgement] = []
        self._summaries: dict[str, RoundSummary] = {}
        self._critiques: dict[str, Critique] = {}
        self.entries = 0
        self.head = ""
        self.last = datetime.min
        takers: dict[str, Callable[[Entry], None]] = {
            "run": self._take_header,
            "plan": self._take_plan,
            "stop": self._take_stop,
            "evidence": lambda entry: self.evidence.update({entry.key: _parse(entry, Evidence)}),
            "steering": lambda entry: self.steering.update({int(entry.key): _parse(entry, Steering)}),
            "candidate": self._take_candidate,
            "record": lambda entry: self.records.update({entry.key: _parse(entry, Record)}),
            "judgement": self._take_judgement,
            "round": lambda entry: self._summaries.update({entry.key: _parse(entry, RoundSummary)}),
            "critique": lambda entry: self._critiques.update({entry.key: _parse(entry, Critique)}),
        }
        for entry in ledger.entries():
            self.entries, self.head = entry.seq, entry.hash
            self.last = datetime.fromisoformat(entry.written_at)
            if entry.kind in takers:
                takers[entry.kind](entry)

    def _take_header(self, entry: Entry) -> None:
        self.header = self.header or _parse(entry, RunHeader)

    def _take_plan(self, entry: Entry) -> None:
        self.plan = _parse(entry, Plan)

    def _take_stop(self, entry: Entry) -> None:
        self.stop = _parse(entry, Stop)

    def _take_candidate(self, entry: Entry) -> None:
        # The first way to a structure is its lineage; a later one to the same structure changes nothing.
        self.candidates.setdefault(entry.key, _parse(entry, Candidate))

    def _take_judgement(self, entry: Entry) -> None:
        judgement = _parse(entry, Judgement)
        self.judgements[entry.key] = judgement
        self._judged.append(judgement)

    def novelty_lists(self) -> list[str]:
        """Every list of known materials that a candidate was checked against."""
        return sorted({name for judgement in self.judgements.values() for name in judgement.novelty.lists})

    def ranked(self) -> list[CandidateReport]:
        """Candidates that were judged and not rejected: those that meet first, front by front where targets are traded off, then by score."""
        kept = [
            judgement
            for judgement in self.judgements.values()
            if not judgement.rejected and judgement.candidate in self.candidates
        ]
        behind = ranks(self.plan.spec, kept) if self.plan else {}
        kept.sort(
            key=lambda judgement: (
                not judgement.meets,
                # Among the answers new ones stand first: that they exist is what the run has added.
                judgement.meets and judgement.novelty.label is not Novelty.NEW,
                behind.get(judgement.candidate, len(kept)),
                -judgement.score,
                judgement.candidate,
            )
        )
        return [self._candidate(judgement, rank=rank) for rank, judgement in enumerate(kept, start=1)]

    def rejected(self) -> list[RejectedCandidate]:
        """Candidates that left early, in the order they were judged."""
        found: list[RejectedCandidate] = []
        for judgement in self.judgements.values():
            candidate = self.candidates.get(judgement.candidate)
            if not judgement.rejected or candidate is None:
                continue
            found.append(
                RejectedCandidate(
                    id=candidate.id,
                    formula=candidate.formula,
                    prototype=structure_type(candidate.lineage.prototype),
                    strategy=candidate.lineage.strategy,
                    round=judgement.round,
                    reason=judgement.rejected,
                    novelty=judgement.novelty,
                    failures=_failures(self._of(judgement)),
                    records=[record.id for record in self._of(judgement)],
                )
            )
        return found

    def _of(self, judgement: Judgement) -> list[Record]:
        """The records that a judgement rests on, once each; those that are not in the ledger are left out."""
        named = [judgement.relaxed, *judgement.records]
        for verdict in judgement.verdicts:
            named += [verdict.record, *verdict.others]
        return [self.records[name] for name in dict.fromkeys(named) if name in self.records]

    def _candidate(self, judgement: Judgement, *, rank: int) -> CandidateReport:
        candidate = self.candidates[judgement.candidate]
        records = self._of(judgement)
        relaxed = self.records.get(judgement.relaxed)
        crystal = relaxed.outcome.crystal if relaxed is not None else None
        symmetry = next((record for record in records if "space_group_number" in record.outcome.facts), None)
        facts = symmetry.outcome.facts if symmetry else {}
        number = facts.get("space_group_number")
        return CandidateReport(
            rank=rank,
            id=candidate.id,
            formula=candidate.formula,
            prototype=structure_type(candidate.lineage.prototype),
            space_group=str(facts.get("space_group_symbol", "")),
            space_group_number=number if isinstance(number, int) else None,
            space_group_record=symmetry.id if symmetry else "",
            novelty=judgement.novelty,
            lineage=candidate.lineage,
            round=judgement.round,
            meets=judgement.meets,
            score=judgement.score,
            crystal=crystal or candidate.crystal,
            crystal_record=judgement.relaxed if crystal is not None else "",
            verdicts=judgement.verdicts,
            quantities=[
                QuantityReport(
                    name=name,
                    title=title_of(name),
                    quantity=quantity,
                    text=value_text(quantity),
                    record=record.id,
                    tool=record.tool,
                )
                for record in records
                for name, quantity in record.quantities.items()
            ],
            facts=[
                FactReport(name=name, value=value, record=record.id, tool=record.tool)
                for record in records
                if record.outcome.failure is None
                for name, value in record.outcome.facts_to_read.items()
            ],
            failures=_failures(records),
            warnings=list(
                dict.fromkeys(warning for record in records for warning in record.outcome.warnings)
            ),
            records=[record.id for record in records],
        )

    def rounds(self) -> list[RoundReport]:
        """Rounds by number, each with what stood after it: judgements count from the round that made them."""
        reports: list[RoundReport] = []
        evaluated = 0
        for key in sorted(self._summaries, key=lambda key: self._summaries[key].round):
            summary = self._summaries[key]
            evaluated += summary.simulated
            standing = {
                judgement.candidate: judgement
                for judgement in self._judged
                if judgement.round <= summary.round and not judgement.rejected
            }
            critique = self._critiques.get(key)
            reports.append(
                RoundReport(
                    summary=summary,
                    critique=self._rendered(critique.text) if critique else [],
                    critique_warnings=critique.warnings if critique else [],
                    evaluated_so_far=evaluated,
                    met_so_far=sum(judgement.meets for judgement in standing.values()),
                    best_score_so_far=max((one.score for one in standing.values()), default=None),
                )
            )
        return reports

    def _rendered(self, text: str) -> list[TextPart]:
        """Fill in the numbers of a text; a reference that no record answers shows as a gap."""
        filled: list[TextPart] = []

        def resolve(reference: Reference) -> str:
            found = [one for key, one in self.records.items() if key.startswith(reference.record_prefix)]
            quantity = found[0].quantities.get(reference.quantity) if len(found) == 1 else None
            if quantity is None:
                filled.append(TextPart(text=_GAP, gap=True))
            else:
                filled.append(TextPart(text=value_text(quantity), record=found[0].id))
            return f"\x00{len(filled) - 1}\x00"

        try:
            rendered = render(text.replace("\x00", ""), resolve)
        except UnknownReference:
            return [TextPart(text="[withheld: it holds a malformed reference to a record]", gap=True)]
        pieces = re.split("\x00(\\d+)\x00", rendered)
        parts = [
            filled[int(piece)] if index % 2 else TextPart(text=piece) for index, piece in enumerate(pieces)
        ]
        return [part for part in parts if part.text]


def _parse(entry: Entry, model: type[_ModelT]) -> _ModelT:
    try:
        return model.model_validate_json(entry.body)
    except ValidationError as error:
        raise LedgerError(
            f"Entry {entry.seq} ({entry.kind} {entry.key[:16]}) cannot be read: {error.errors()[0]['msg']}.",
            hint="`matsmith verify` says whether it was changed.",
        ) from error


def _failures(records: Iterable[Record]) -> list[FailureReport]:
    return [
        FailureReport(
            tool=record.tool, code=failure.code, message=failure.message, hint=failure.hint, record=record.id
        )
        for record in records
        if (failure := record.outcome.failure) is not None
    ]


def _methods(records: Iterable[Record]) -> list[MethodReport]:
    """Methods in use, the most used first; two files or two weights make two methods."""
    found: dict[str, tuple[Method, list[str]]] = {}
    for record in records:
        method = record.outcome.method
        if method is not None:
            found.setdefault(method.model_dump_json(), (method, []))[1].append(record.tool)
    reports = [
        MethodReport(method=method, tools=sorted(set(tools)), records=len(tools))
        for method, tools in found.values()
    ]
    return sorted(reports, key=lambda report: (-report.records, report.method.name))


def _reference_data(records: Iterable[Record], *, novelty: list[str]) -> list[str]:
    """Reference data named by methods and by the checks of novelty, each with its date as its source states it."""
    named = {record.outcome.method.reference for record in records if record.outcome.method is not None}
    return sorted({*named, *novelty} - {""})


@lru_cache(maxsize=512)
def structure_type(name: str) -> str:
    """The name that people know a prototype by: `TiO2 rutile (C4)` for `A2B_tP6_136_f_a`; other names as they are."""
    from matsmith.core.errors import StructureError
    from matsmith.knowledge.prototypes import by_name

    try:
        return by_name(name).label
    except StructureError:
        return name
