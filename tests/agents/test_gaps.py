"""A computation that fails leaves a gap: in the verdict, in the table, in what the critic is shown and in what it may say."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime

import pytest

from matsmith.agents.context import RunContext
from matsmith.agents.critic import summarise
from matsmith.agents.decisions import AnswerT, Critique, CritiqueQuestion, Question
from matsmith.agents.reasoners.interface import Usage, checked
from matsmith.agents.reasoners.rules import RulesReasoner
from matsmith.agents.report.collect import collect
from matsmith.agents.report.write import write_report
from matsmith.agents.simulator import simulate
from matsmith.core.candidate import Candidate
from matsmith.core.executor import Executor, Message
from matsmith.core.record import Outcome, Record
from matsmith.core.run import RunHeader, Stop, StopReason
from matsmith.core.spec import Budget, DesignSpec
from matsmith.core.verdict import Answer

MakeContext = Callable[..., RunContext]
MakeSpec = Callable[..., DesignSpec]
MakeCandidate = Callable[..., Candidate]
# A sweep over the cations of rocksalt oxides that nobody has measured; one equation of state fails.
CATIONS, FAILING = ("Sn", "Pd", "Pt"), "Pd"


class OneFails:
    """The real worker, but for the equation of state of one of the sweep."""

    def __init__(self, executor: Executor) -> None:
        self._executor = executor

    def stream(self, request: Message, *, deadline: float | None = None) -> Iterator[Message]:
        for reply in self._executor.stream(request, deadline=deadline):
            call = request["calls"][int(reply["index"])]
            relaxed = request["records"].get(str(call.get("structure")))
            failing = request["tool"] == "equation_of_state" and FAILING in json.dumps(relaxed)
            failed = Outcome.failed("rough", "The energies along the volume are rough.")
            yield {**reply, "outcome": failed.model_dump(mode="json")} if failing else reply

    def warm_up(self) -> None:
        self._executor.warm_up()

    def close(self) -> None:
        """Stay: the worker is shared."""


class Borrower:
    """A language model that puts a neighbour's value in the place of the gap."""

    name = "openai:borrower"

    def __init__(self) -> None:
        self.seen: CritiqueQuestion | None = None

    @property
    def usage(self) -> Usage:
        return Usage()

    def decide(self, question: Question[AnswerT], *, deadline: float | None = None) -> AnswerT:
        if question.role != "critic":
            return RulesReasoner().decide(question)
        self.seen = CritiqueQuestion.model_validate(question.model_dump())
        other = next(c.values["bulk_modulus"] for c in self.seen.rounds[-1].best if c.values)
        text = f"{FAILING}O reaches {other}."
        return checked(question, Critique(text=text, reasons=[text, "One of the sweep has a gap."]))


@pytest.fixture
def swept(
    make_context: MakeContext, make_spec: MakeSpec, made_candidate: MakeCandidate
) -> tuple[RunContext, dict[str, Candidate], Borrower]:
    """Simulate the sweep in one round."""
    borrower = Borrower()
    spec = make_spec(candidates=3, budget=Budget(wall_time_s=3600.0))
    context = make_context(spec, reasoner=borrower)
    context.runner.executor = OneFails(context.runner.executor)
    candidates = {cation: made_candidate(cation, edge=4.7) for cation in CATIONS}
    header = RunHeader(
        run="sweep", objective="o", seed=0, reasoner="openai", version="1", started_at=datetime.now(UTC)
    )
    context.ledger.append_many(
        [
            ("run", "sweep", header),
            *(("candidate", candidate.id, candidate) for candidate in candidates.values()),
            ("proposed", "0", json.dumps([candidate.id for candidate in candidates.values()])),
        ]
    )
    assert simulate(context, list(candidates.values()), round_number=0) is False
    return context, candidates, borrower


def test_one_failing_simulation_leaves_a_gap_and_never_a_borrowed_value(
    swept: tuple[RunContext, dict[str, Candidate], Borrower],
) -> None:
    context, candidates, borrower = swept
    judgements = context.judgements()
    failed = judgements[candidates[FAILING].id]
    (verdict,) = failed.verdicts
    assert (verdict.answer, verdict.quantity, verdict.record) == (Answer.UNKNOWN, None, "")
    assert (verdict.probability, verdict.margin, failed.meets) == (None, None, False)
    values: set[float] = set()
    for cation in set(CATIONS) - {FAILING}:
        (measured,) = judgements[candidates[cation].id].verdicts
        assert measured.quantity is not None
        record = context.ledger.record(measured.record)
        assert isinstance(record, Record)
        # Its own record, of its own structure.
        assert record.quantities["bulk_modulus"] == measured.quantity
        assert context.ledger.consume(str(record.inputs["structure"])).outcome.crystal is not None
        values.add(measured.quantity.value)
    assert len(values) == 2

    summary = summarise(context, round_number=0)
    # What the critic was shown: a gap with its reason, and no value for it.
    assert borrower.seen is not None
    shown = next(c for c in borrower.seen.rounds[-1].best if FAILING in c.formula)
    assert shown.values == {}
    assert shown.probabilities == {}
    assert "equation_of_state failed" in shown.gaps["bulk_modulus"]
    assert summary.tool_failures == {"equation_of_state: rough": 1}
    # What it may say: the borrowed value is dropped, and said to be.
    critique = Critique.model_validate_json(context.ledger.latest("critique", "0") or "")
    assert critique.text == ""
    assert critique.reasons == ["One of the sweep has a gap."]
    assert any("a candidate without a value has a gap" in warning for warning in critique.warnings)

    # The table of the report.
    stop = Stop(reason=StopReason.BUDGET, sentence="Not met.", elapsed_s=1.0)
    context.ledger.append("stop", "sweep", stop)
    report = collect(context.ledger)
    row = next(candidate for candidate in report.candidates if FAILING in candidate.formula)
    assert [each.quantity for each in row.verdicts] == [None]
    assert any(failure.code == "rough" for failure in row.failures)
    write_report(context.ledger, context.folder)
    written = json.loads((context.folder / "report.json").read_text(encoding="utf-8"))
    text = json.dumps([c for c in written["candidates"] if FAILING in c["formula"]])
    assert not any(f"{value}" in text for value in values)
