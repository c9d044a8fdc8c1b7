"""Simulator: takes candidates through cheap tools first and dear ones for those that are left, and has them judged.

Stages: look up (known materials: what was measured may settle every target, and when that is enough nothing is computed)
-> screen (static energies) -> relax -> facts, stability and tables -> the dear tools, for those that no cheap tool has
settled. Every number stands in a record; a stage that runs out of time leaves what is finished.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence

from matsmith.agents.competition import (
    awaits_forms,
    judge_earlier_forms_again,
    search_competitors,
    search_forms,
)
from matsmith.agents.conditions import (
    MEASURES_AT_CONDITIONS,
    UNDER_PRESSURE,
    at_conditions,
    conditions_for,
    tools_wanted,
)
from matsmith.agents.context import RunContext
from matsmith.agents.critic import enough
from matsmith.agents.decisions import SimulationQuestion
from matsmith.agents.estimates import most_promising, new_first, outlook
from matsmith.agents.exploring import with_explorers
from matsmith.agents.literature_steering import reported_formulas
from matsmith.agents.reference_materials import measure_references
from matsmith.agents.scoring import score
from matsmith.agents.work import Work
from matsmith.core.candidate import Candidate, Novelty
from matsmith.core.crystal import Crystal
from matsmith.core.errors import BudgetExceeded
from matsmith.core.record import Record, Status
from matsmith.core.run import EventKind, Judgement
from matsmith.core.verdict import Answer, meets_all
from matsmith.tools.base import Tool
from matsmith.tools.duplicates import merge
from matsmith.tools.novelty import label
from matsmith.tools.registry import LOOK_UPS, get_tool
from matsmith.tools.strategies.chemistry_filter import conforms
from matsmith.tools.strategies.registry import KNOWN

# Tools whose argument is a relaxation rather than any structure.
_TAKES_RELAXED = {"stability", "density"}
_ALWAYS = ("symmetry", "stability", "density")
_IN_GASES = MEASURES_AT_CONDITIONS - UNDER_PRESSURE
_ASKS_WHETHER_KNOWN = {"stability", "known_property", "known_moduli", *_IN_GASES}
# Tools that answer without any computed structure.
_LOOKED_UP = LOOK_UPS | {"element_price", "supply", *_IN_GASES}
# Below this cost a tool runs on every relaxed candidate; above it only where the verdict still hangs on it.
_CHEAP_S = 0.5
_CHUNK = 40
# So many are measured before those that would be answers are held against other forms: no answer waits long. Tools that take more
# seconds than this measure one at a time.
_FEW, _LONG_S = 8, 30.0


def simulate(context: RunContext, candidates: Sequence[Candidate], *, round_number: int) -> bool:
    """Measure and judge the candidates; True when the time or the evaluations ran out on the way."""
    works = [Work(candidate=candidate, references=context.references) for candidate in candidates]
    out_of_budget = False
    try:
        _look_up(
            context,
            [work for work in works if work.candidate.lineage.strategy == KNOWN],
            round_number=round_number,
        )
        _write(context, works, round_number=round_number)
        if enough(context):
            return False
        open_works = [work for work in works if work.alive and not work.settled]
        _screen(context, open_works, round_number=round_number)
        plan = context.decide(
            SimulationQuestion(
                spec=context.spec,
                round=round_number,
                candidates=max(1, sum(work.alive for work in open_works)),
                seconds_left=round(max(0.0, context.seconds_left)),
                seconds_per_relaxation=round(context.pace.seconds["relax"], 2),
                seconds_per_measurement=round(_seconds_per_measurement(context), 2),
            ),
            key=str(round_number),
        )
        chosen = with_explorers(most_promising(context, open_works), places=plan.relax)
        _relax(context, chosen, round_number=round_number)
        relaxed = [work for work in chosen if work.relaxed is not None and work.alive]
        _merge_duplicates(context, relaxed, round_number=round_number)
        _measure_cheaply(context, chosen)
        judge_earlier_forms_again(context, chosen)
        search_competitors(context, chosen)
        _measure_dearly(context, chosen, limit=plan.measure, round_number=round_number)
    except BudgetExceeded:
        out_of_budget = True
    _write(context, works, round_number=round_number)
    return out_of_budget


def _look_up(context: RunContext, works: list[Work], *, round_number: int) -> None:
    """Ask what was measured of known materials, before any structure is computed."""
    wanted = [
        tool.name for tool in tools_wanted(context.spec, settings=context.settings) if tool.name in _LOOKED_UP
    ]
    _merge_duplicates(context, works, round_number=round_number)
    for name in dict.fromkeys(wanted):
        measure_references(context, name, works)
    for work in works:
        if not work.alive:
            continue
        _describe(context, work, names=dict.fromkeys(wanted))
        if work.alive and work.settled:
            _tell_candidate(context, work, round_number=round_number)


def _screen(context: RunContext, works: list[Work], *, round_number: int) -> None:
    started, done = time.monotonic(), 0
    calls = [{"structure": work.candidate.id} for work in works]
    for begin in range(0, len(calls), _CHUNK):
        chunk = calls[begin : begin + _CHUNK]
        for index, record in context.runner.run_many("screen", chunk, deadline=context.deadline):
            work = works[begin + index]
            work.screened = record
            done += 1
            if record.outcome.failure is not None:
                work.rejected = f"{record.outcome.failure.code}: {record.outcome.failure.message}"
            context.tell(
                EventKind.PROGRESS, round_number=round_number, stage="screen", done=done, total=len(works)
            )
    context.pace.learn("screen", seconds=time.monotonic() - started, count=done)


def _relax(context: RunContext, works: list[Work], *, round_number: int) -> None:
    started, done = time.monotonic(), 0
    works = [work for work in works if work.screened is not None]
    calls = [{"structure": work.screened.id} for work in works if work.screened is not None]
    try:
        for index, record in context.runner.run_many("relax", calls, deadline=context.deadline):
            work = works[index]
            done += 1
            if record.outcome.failure is not None:
                work.rejected = f"{record.outcome.failure.code}: {record.outcome.failure.message}"
            else:
                work.relaxed = record
            context.tell(
                EventKind.PROGRESS, round_number=round_number, stage="relax", done=done, total=len(calls)
            )
    finally:
        context.pace.learn("relax", seconds=time.monotonic() - started, count=done)


def _merge_duplicates(context: RunContext, works: list[Work], *, round_number: int) -> None:
    """Drop what equals another candidate of this round or one that an earlier round judged."""
    formulas = {work.candidate.formula for work in works}
    earlier = _judged_crystals(context, formulas=formulas, before=round_number)
    crystals = [crystal for _, crystal in earlier] + [work.crystal for work in works]
    groups = merge(crystals)
    first: dict[int, str] = {}
    for (candidate_id, _), group in zip(earlier, groups, strict=False):
        first.setdefault(group, candidate_id)
    for work, group in zip(works, groups[len(earlier) :], strict=True):
        kept = first.setdefault(group, work.candidate.id)
        if kept != work.candidate.id:
            work.rejected = f"duplicate: the same crystal as {kept}"


def _judged_crystals(context: RunContext, *, formulas: set[str], before: int) -> list[tuple[str, Crystal]]:
    found: list[tuple[str, Crystal]] = []
    for judgement in context.judgements().values():
        if judgement.rejected or judgement.round >= before:
            continue
        candidate = context.candidate(judgement.candidate)
        if candidate.formula in formulas:
            relaxed = context.ledger.consume(judgement.relaxed).outcome.crystal if judgement.relaxed else None
            found.append((candidate.id, relaxed or candidate.crystal))
    return found


def _measure_cheaply(context: RunContext, works: list[Work]) -> None:
    """Symmetry, the spec's wishes, novelty, and every tool that costs next to nothing."""
    wanted = (
        tool.name for tool in tools_wanted(context.spec, settings=context.settings) if tool.cost_s <= _CHEAP_S
    )
    names = dict.fromkeys((*_ALWAYS, *wanted))
    for name in names:
        measure_references(context, name, works)
    lowest = _lowest_forms(context, works)
    for work in works:
        if work.alive and work.relaxed is not None:
            lower = lowest.get(work.candidate.formula)
            _describe(context, work, names=names, lower_form=lower if lower != work.relaxed.id else None)


def _lowest_forms(context: RunContext, works: list[Work]) -> dict[str, str]:
    """Of each formula in the round, the relaxation of lowest energy in this run."""
    formulas = {work.candidate.formula for work in works}
    relaxed = [work.relaxed for work in works if work.relaxed is not None and work.alive]
    for judgement in context.judgements().values():
        if judgement.relaxed and not judgement.rejected:
            relaxed.append(context.ledger.consume(judgement.relaxed))
    lowest: dict[str, Record] = {}
    for record in relaxed:
        formula = record.outcome.crystal.formula if record.outcome.crystal else ""
        held = lowest.get(formula)
        energy = record.quantities["energy"].value
        if formula in formulas and (held is None or energy < held.quantities["energy"].value):
            lowest[formula] = record
    return {formula: record.id for formula, record in lowest.items()}


def _describe(
    context: RunContext, work: Work, *, names: Iterable[str], lower_form: str | None = None
) -> None:
    """Check a structure against the spec's wishes, label its novelty, run the tools named, and judge."""
    crystal = work.crystal
    symmetry = _run(context, "symmetry", work)
    number = None if symmetry is None else symmetry.outcome.facts.get("space_group_number")
    reason = conforms(
        context.spec,
        crystal,
        space_group=number if isinstance(number, int) else None,
        known=work.candidate.lineage.strategy == KNOWN,
    )
    if reason is not None:
        work.rejected = f"does not fit: {reason}"
        return
    work.novelty = label(crystal, settings=context.settings, reported=reported_formulas(context.evidence()))
    if context.spec.new_only and work.novelty.label is not Novelty.NEW:
        work.rejected = f"known: {work.novelty.match}"
        return
    for name in names:
        if name != "symmetry":
            extra: dict[str, str | bool | float] = {}
            if name == "stability" and lower_form:
                extra["lower_form"] = lower_form
            if name in _ASKS_WHETHER_KNOWN:
                extra["structure_known"] = work.novelty.structure_matched
            extra |= _at_conditions(context, work, name=name)
            _run(context, name, work, **extra)
    work.judge(context.spec)


def _at_conditions(context: RunContext, work: Work, *, name: str) -> dict[str, str | float]:
    if name in MEASURES_AT_CONDITIONS:
        return conditions_for(context.spec, work, name=name)
    return at_conditions(context, name, elements=work.crystal.elements)


def _run(context: RunContext, name: str, work: Work, **extra: str | bool | float) -> Record | None:
    if name in _TAKES_RELAXED and work.relaxed is None:
        return None
    field_name = "relaxed" if name in _TAKES_RELAXED else "structure"
    record = context.runner.run(name, {field_name: work.structure, **extra}, deadline=context.deadline)
    work.records.append(record)
    return record if record.status is Status.SUCCESS else None


def _dear_tools(context: RunContext) -> list[Tool]:
    """Tools of the targets that run only where a verdict hangs on them."""
    return [tool for tool in tools_wanted(context.spec, settings=context.settings) if tool.cost_s > _CHEAP_S]


def _seconds_per_measurement(context: RunContext) -> float:
    """What the dear tools take for one candidate: as learnt, and before anything was measured as they say."""
    if context.pace.learnt("measure"):
        return context.pace.seconds["measure"]
    return max([context.pace.seconds["measure"], *(tool.cost_s for tool in _dear_tools(context))])


def _measure_dearly(context: RunContext, works: list[Work], *, limit: int, round_number: int) -> None:
    """Run the dear tools where a verdict still hangs on them, most promising candidates first."""
    for tool in _dear_tools(context):
        name, few = tool.name, 1 if tool.cost_s > _LONG_S else _FEW
        waiting = [
            work for work in works if work.alive and work.relaxed is not None and _hangs_on(work, name)
        ]
        waiting.sort(key=lambda work: (-outlook(context, work), work.candidate.id))
        chosen = new_first(context, waiting)[:limit]
        started, done = time.monotonic(), 0
        try:
            for begin in range(0, len(chosen), few):
                part = chosen[begin : begin + few]
                measure_references(context, name, part)
                calls = [
                    {"structure": work.relaxed.id, **_at_conditions(context, work, name=name)}
                    for work in part
                    if work.relaxed is not None
                ]
                for index, record in context.runner.run_many(name, calls, deadline=context.deadline):
                    done += 1
                    _take_in(context, part[index], record, round_number=round_number)
                    context.tell(
                        EventKind.PROGRESS,
                        round_number=round_number,
                        stage="measure",
                        done=done,
                        total=len(chosen),
                    )
                search_forms(context, part)
                for work in part:
                    if not work.told:
                        _tell_candidate(context, work, round_number=round_number)
                if few < _FEW:
                    # Minutes a candidate: what is enough ends the round.
                    _write(context, works, round_number=round_number)
                    if enough(context):
                        return
        finally:
            context.pace.learn("measure", seconds=time.monotonic() - started, count=done)
    # Where cheap tools alone settle the targets nothing dear has run, and the other forms have not been searched.
    search_forms(context, works)


def _take_in(context: RunContext, work: Work, record: Record, *, round_number: int) -> None:
    """Judge by one more record, and tell of it unless the other forms of the formula still have to be looked at."""
    work.records.append(record)
    work.judge(context.spec)
    if not awaits_forms(context, work):
        _tell_candidate(context, work, round_number=round_number)


def _hangs_on(work: Work, tool_name: str) -> bool:
    """Whether a tool could still change this candidate's fate."""
    if work.hopeless:
        return False
    measured = set(get_tool(tool_name).measures)
    return any(
        verdict.property in measured and (verdict.answer is Answer.UNKNOWN or not verdict.record)
        for verdict in work.verdicts
    )


def _tell_candidate(context: RunContext, work: Work, *, round_number: int) -> None:
    work.told = True
    context.tell(
        EventKind.CANDIDATE,
        round_number=round_number,
        id=work.candidate.id,
        formula=work.candidate.formula,
        prototype=work.candidate.lineage.prototype,
        novelty=work.novelty.label.value,
        meets=meets_all(work.verdicts, spec=context.spec),
        values={verdict.property: str(verdict.quantity) for verdict in work.verdicts if verdict.quantity},
        answers={verdict.property: verdict.answer.value for verdict in work.verdicts},
    )


def _write(context: RunContext, works: list[Work], *, round_number: int) -> None:
    """Write a judgement for every candidate that was looked at; the same judgement is not written twice."""
    kept = context.judgements()
    rows: list[tuple[str, str, Judgement]] = []
    for work in works:
        if work.screened is None and not work.verdicts and not work.rejected:
            continue
        judgement = Judgement(
            candidate=work.candidate.id,
            round=round_number,
            relaxed=work.relaxed.id if work.relaxed else "",
            records=[
                record.id for record in (work.screened, work.relaxed, *work.records) if record is not None
            ],
            verdicts=work.verdicts if work.alive else [],
            meets=work.alive and bool(work.verdicts) and meets_all(work.verdicts, spec=context.spec),
            score=score(context.spec, work.verdicts) if work.alive and work.verdicts else -99.0,
            novelty=work.novelty,
            rejected=work.rejected,
        )
        if kept.get(work.candidate.id) != judgement:
            rows.append(("judgement", work.candidate.id, judgement))
        if judgement.meets and not work.told:
            _tell_candidate(context, work, round_number=round_number)
    context.ledger.append_many(rows)
