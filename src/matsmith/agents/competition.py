"""Fairer competition: other forms of a formula, lower forms found later, and a search of the system on demand.

The phases that ship are elements and binaries. Before a candidate of three or four elements keeps "not refuted", phases of
its own system are searched (a minute each), for the most promising candidates of a round only.
"""

from __future__ import annotations

from matsmith.agents.context import RunContext
from matsmith.agents.estimates import outlook
from matsmith.agents.scoring import score
from matsmith.agents.work import Work
from matsmith.core.candidate import Novelty
from matsmith.core.record import Record, Status
from matsmith.core.run import Judgement
from matsmith.core.spec import DesignSpec
from matsmith.core.verdict import meets_all

_FORMS, _HULL = "competing_forms", "energy_above_hull"
SYSTEMS_PER_ROUND = 3
ELEMENTS_SEARCHED = (3, 4)
SECONDS_PER_SYSTEM = 75.0


def search_competitors(context: RunContext, works: list[Work]) -> None:
    """Search at most three systems, and judge their candidates' stability again with what was found."""
    waiting = [work for work in works if work.alive and not work.hopeless and _only_shipped(work) is not None]
    waiting.sort(key=lambda work: (-outlook(context, work), work.candidate.id))
    systems: dict[tuple[str, ...], list[Work]] = {}
    for work in waiting:
        systems.setdefault(work.candidate.crystal.elements, []).append(work)
    for elements, members in list(systems.items())[:SYSTEMS_PER_ROUND]:
        if context.seconds_left < SECONDS_PER_SYSTEM:
            return
        found = context.runner.run("competing_phases", {"elements": elements}, deadline=context.deadline)
        if found.status is Status.SUCCESS:
            for work in members:
                _judge_again(context, work, competitors=found)


def judge_earlier_forms_again(context: RunContext, works: list[Work]) -> None:
    """Judge what earlier rounds judged once more where this round has found a lower form of the same formula."""
    lowest: dict[str, Record] = {}
    for work in works:
        if work.alive and work.relaxed is not None:
            held = lowest.get(work.candidate.formula)
            if held is None or _energy(work.relaxed) < _energy(held):
                lowest[work.candidate.formula] = work.relaxed
    mine = {work.candidate.id for work in works}
    rows: list[tuple[str, str, Judgement]] = []
    for judgement in context.judgements().values():
        if judgement.rejected or not judgement.relaxed or judgement.candidate in mine:
            continue
        candidate = context.candidate(judgement.candidate)
        lower = lowest.get(candidate.formula)
        relaxed = context.ledger.consume(judgement.relaxed)
        if lower is None or _energy(relaxed) <= _energy(lower):
            continue
        work = Work(
            candidate=candidate, relaxed=relaxed, novelty=judgement.novelty, references=context.references
        )
        work.records = [found for name in judgement.records if (found := context.ledger.record(name))]
        if _below_lower_form(context, work, lower=lower):
            work.judge(context.spec)
            rows.append(("judgement", candidate.id, judged_again(context.spec, judgement, work)))
    context.ledger.append_many(rows)


def awaits_forms(context: RunContext, work: Work) -> bool:
    """Whether a candidate that meets everything has yet to be held against the other forms of its formula.

    Only for formulas in no list: elsewhere a table or a measured crystal says where the lowest form lies.
    """
    return (
        work.alive
        and work.novelty.label is Novelty.NEW
        and bool(work.verdicts)
        and meets_all(work.verdicts, spec=context.spec)
        and any(target.property == _HULL for target in context.spec.targets)
        and not any(record.tool == _FORMS for record in work.records)
    )


def search_forms(context: RunContext, works: list[Work]) -> None:
    """Search the other forms of candidates that would be answers, and judge these again where a lower form turns up."""
    waiting = [work for work in works if awaits_forms(context, work)]
    calls = [{"formula": work.candidate.formula} for work in waiting]
    for index, found in context.runner.run_many(_FORMS, calls, deadline=context.deadline):
        work = waiting[index]
        work.records.append(found)
        if found.status is not Status.SUCCESS or work.relaxed is None:
            continue
        if _energy(found) < _energy(work.relaxed) and _below_lower_form(context, work, lower=found):
            work.judge(context.spec)


def _below_lower_form(context: RunContext, work: Work, *, lower: Record) -> bool:
    """Replace the stability record by one that knows of the lower form; False where that changes nothing."""
    before = next((r for r in work.records if r.tool == "stability" and r.status is Status.SUCCESS), None)
    if before is None:
        return False
    held = before.inputs.get("lower_form")
    if held and _energy(context.ledger.consume(str(held))) <= _energy(lower):
        return False
    arguments = {**before.inputs, "lower_form": lower.id}
    after = context.runner.run("stability", arguments, deadline=context.deadline)
    if after.status is not Status.SUCCESS:
        return False
    work.records = [after if record is before else record for record in work.records]
    return True


def judged_again(spec: DesignSpec, before: Judgement, work: Work) -> Judgement:
    """The judgement with the work's present records and verdicts; the round stays that of the first."""
    return before.model_copy(
        update={
            "records": [record.id for record in work.records],
            "verdicts": work.verdicts,
            "meets": meets_all(work.verdicts, spec=spec),
            "score": score(spec, work.verdicts),
        }
    )


def _energy(relaxed: Record) -> float:
    return relaxed.quantities["energy"].value


def _only_shipped(work: Work) -> Record | None:
    """The stability record of a candidate that was held against shipped phases alone, or None."""
    if len(work.candidate.crystal.elements) not in ELEMENTS_SEARCHED:
        return None
    for record in work.records:
        facts = record.outcome.facts
        if (
            record.tool == "stability"
            and facts.get("tier") == "shipped"
            and "competitors_joined" not in facts
        ):
            return record
    return None


def _judge_again(context: RunContext, work: Work, *, competitors: Record) -> None:
    before = _only_shipped(work)
    if before is None or work.relaxed is None:
        return
    arguments = {"relaxed": work.relaxed.id, "competitors": competitors.id}
    after = context.runner.run("stability", arguments, deadline=context.deadline)
    if after.status is Status.SUCCESS:
        work.records = [after if record is before else record for record in work.records]
        work.judge(context.spec)
