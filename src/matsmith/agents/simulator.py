"""Simulator: takes candidates through cheap tools first and dear ones for those that are left, and has them judged.

Stages: look up (known materials: what was measured may settle every target, and when that is enough nothing is computed)
-> screen (static energies) -> relax -> facts, stability and tables -> the dear tools, for those that no cheap tool has
settled. Every number stands in a record; a stage that runs out of time leaves what is finished.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from matsmith.agents.context import RunContext
from matsmith.agents.critic import enough
from matsmith.agents.decisions import SimulationQuestion
from matsmith.agents.scoring import promise, score
from matsmith.core.candidate import Candidate, Novelty, NoveltyLabel
from matsmith.core.crystal import Crystal
from matsmith.core.errors import BudgetExceeded, MatsmithError
from matsmith.core.properties import PROPERTIES
from matsmith.core.quantity import Quantity
from matsmith.core.record import Record, Status
from matsmith.core.run import EventKind, Judgement
from matsmith.core.spec import DesignSpec
from matsmith.core.verdict import Answer, Measurement, Verdict, judge, meets_all
from matsmith.knowledge.calibration import calibration
from matsmith.knowledge.references import references_for
from matsmith.tools.duplicates import merge
from matsmith.tools.novelty import label
from matsmith.tools.registry import get_tool, tools_for
from matsmith.tools.strategies.chemistry_filter import conforms

# Tools whose argument is a relaxation rather than any structure.
_TAKES_RELAXED = {"stability", "density"}
_ALWAYS = ("symmetry", "stability", "density")
_LOOK_UPS = {"known_crystal", "known_property", "element_price"}
KNOWN = "known"
# Below this cost a tool runs on every relaxed candidate; above it only where the verdict still hangs on it.
_CHEAP_S = 0.5
# How far a screened, unrelaxed estimate lies from the relaxed one (typical relaxation gain and its scatter).
_RELAXATION_GAIN_EV_PER_ATOM, _SCREENED_SIGMA_EV_PER_ATOM = 0.06, 0.12
_ROUGH_MODULUS_SIGMA, _ROUGH_DENSITY_SIGMA = 0.3, 0.08
_CHUNK = 40


@dataclass
class Work:
    """A candidate on its way through the stages."""

    candidate: Candidate
    screened: Record | None = None
    relaxed: Record | None = None
    records: list[Record] = field(default_factory=list[Record])
    verdicts: list[Verdict] = field(default_factory=list[Verdict])
    novelty: NoveltyLabel = field(default_factory=NoveltyLabel)
    rejected: str = ""
    told: bool = False

    @property
    def alive(self) -> bool:
        """Whether it is still in the run."""
        return not self.rejected

    @property
    def structure(self) -> str:
        """Id of the best structure at hand: the relaxed one, else the candidate's own."""
        return self.relaxed.id if self.relaxed is not None else self.candidate.id

    @property
    def crystal(self) -> Crystal:
        """The structure that `structure` names."""
        relaxed = None if self.relaxed is None else self.relaxed.outcome.crystal
        return relaxed or self.candidate.crystal

    @property
    def settled(self) -> bool:
        """Whether every target has its verdict."""
        return bool(self.verdicts) and all(verdict.answer is not Answer.UNKNOWN for verdict in self.verdicts)

    @property
    def hopeless(self) -> bool:
        """Whether some hard target is certainly not met."""
        return any(verdict.answer is Answer.NOT_MET for verdict in self.verdicts)


def simulate(context: RunContext, candidates: Sequence[Candidate], *, round_number: int) -> bool:
    """Measure and judge the candidates; True when the time or the evaluations ran out on the way."""
    works = [Work(candidate=candidate) for candidate in candidates]
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
                seconds_per_measurement=round(context.pace.seconds["measure"], 2),
            ),
            key=str(round_number),
        )
        chosen = _most_promising(context, open_works)[: plan.relax]
        _relax(context, chosen, round_number=round_number)
        relaxed = [work for work in chosen if work.relaxed is not None and work.alive]
        _merge_duplicates(context, relaxed, round_number=round_number)
        _measure_cheaply(context, chosen)
        _measure_dearly(context, chosen, limit=plan.measure, round_number=round_number)
    except BudgetExceeded:
        out_of_budget = True
    _write(context, works, round_number=round_number)
    return out_of_budget


def _look_up(context: RunContext, works: list[Work], *, round_number: int) -> None:
    """Ask what was measured of known materials, before any structure is computed."""
    wanted = [
        tool.name
        for target in context.spec.targets
        for tool in tools_for(target.property, settings=context.settings)
        if tool.name in _LOOK_UPS
    ]
    _merge_duplicates(context, works, round_number=round_number)
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


def estimates(context: RunContext, work: Work) -> dict[str, Quantity]:
    """Rough values of the targets' properties from the screening, with wide sigmas; they order work only."""
    record = work.screened
    if record is None or record.outcome.crystal is None:
        return {}
    found: dict[str, Quantity] = {}
    facts, crystal = record.outcome.facts, record.outcome.crystal
    wanted = {target.property for target in context.spec.targets}
    modulus = facts.get("rough_bulk_modulus_gpa")
    if "bulk_modulus" in wanted and isinstance(modulus, float) and modulus > 0:
        value = calibration("bulk_modulus").factor * modulus
        found["bulk_modulus"] = Quantity(value=value, unit="GPa", sigma=_ROUGH_MODULUS_SIGMA * value)
    if "density" in wanted:
        from pymatgen.core import Composition

        density = float(Composition(crystal.amounts).weight) * 1.66053906660 / crystal.volume_angstrom3
        found["density"] = Quantity(value=density, unit="g/cm3", sigma=_ROUGH_DENSITY_SIGMA * density)
    energy = facts.get("screened_energy_ev_per_atom")
    if "energy_above_hull" in wanted and isinstance(energy, float):
        above = _screened_energy_above_hull(context, work, energy=energy)
        if above is not None:
            found["energy_above_hull"] = Quantity(
                value=above - _RELAXATION_GAIN_EV_PER_ATOM, unit="eV/atom", sigma=_SCREENED_SIGMA_EV_PER_ATOM
            )
    return found


def _screened_energy_above_hull(context: RunContext, work: Work, *, energy: float) -> float | None:
    crystal = work.candidate.crystal
    settings = context.settings
    try:
        references = references_for(
            crystal.elements, data_dir=settings.data_dir, cache_dir=settings.cache_dir, only=None
        )
        amounts = {symbol: float(amount) for symbol, amount in crystal.amounts.items()}
        formation, _ = references.formation_energy(amounts, energy)
        return references.energy_above_hull(crystal.formula, formation)
    except MatsmithError:
        # Without references the candidate keeps even odds here; the stability tool will say why.
        return None


def _most_promising(context: RunContext, works: list[Work]) -> list[Work]:
    """Alive candidates, most promising first; at most three of a formula at the front."""
    ranked = sorted(
        (work for work in works if work.alive),
        key=lambda work: (-promise(context.spec, estimates(context, work)), work.candidate.id),
    )
    seen: dict[str, int] = {}
    front: list[Work] = []
    back: list[Work] = []
    for work in ranked:
        formula = work.candidate.formula
        seen[formula] = seen.get(formula, 0) + 1
        (front if seen[formula] <= 3 else back).append(work)
    return front + back


def _relax(context: RunContext, works: list[Work], *, round_number: int) -> None:
    started, done = time.monotonic(), 0
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
        tool.name
        for target in context.spec.targets
        for tool in tools_for(target.property, settings=context.settings)
        if tool.cost_s <= _CHEAP_S
    )
    names = dict.fromkeys((*_ALWAYS, *wanted))
    for work in works:
        if work.alive and work.relaxed is not None:
            _describe(context, work, names=names)


def _describe(context: RunContext, work: Work, *, names: Iterable[str]) -> None:
    """Check a structure against the spec's wishes, label its novelty, run the tools named, and judge."""
    crystal = work.crystal
    symmetry = _run(context, "symmetry", work)
    number = None if symmetry is None else symmetry.outcome.facts.get("space_group_number")
    reason = conforms(context.spec, crystal, space_group=number if isinstance(number, int) else None)
    if reason is not None:
        work.rejected = f"does not fit: {reason}"
        return
    work.novelty = label(crystal, settings=context.settings)
    if context.spec.new_only and work.novelty.label is Novelty.KNOWN:
        work.rejected = f"known: {work.novelty.match}"
        return
    for name in names:
        if name != "symmetry":
            _run(context, name, work)
    _judge(context, work)


def _run(context: RunContext, name: str, work: Work) -> Record | None:
    if name in _TAKES_RELAXED and work.relaxed is None:
        return None
    field_name = "relaxed" if name in _TAKES_RELAXED else "structure"
    record = context.runner.run(name, {field_name: work.structure}, deadline=context.deadline)
    work.records.append(record)
    return record if record.status is Status.SUCCESS else None


def _measure_dearly(context: RunContext, works: list[Work], *, limit: int, round_number: int) -> None:
    """Run the dear tools where a verdict still hangs on them, most promising candidates first."""
    names = dict.fromkeys(
        tool.name
        for target in context.spec.targets
        for tool in tools_for(target.property, settings=context.settings)
        if tool.cost_s > _CHEAP_S
    )
    for name in names:
        waiting = [
            work for work in works if work.alive and work.relaxed is not None and _hangs_on(work, name)
        ]
        waiting.sort(key=lambda work: (-_outlook(context, work), work.candidate.id))
        chosen = waiting[:limit]
        started, done = time.monotonic(), 0
        calls = [{"structure": work.relaxed.id} for work in chosen if work.relaxed is not None]
        try:
            for index, record in context.runner.run_many(name, calls, deadline=context.deadline):
                done += 1
                chosen[index].records.append(record)
                _judge(context, chosen[index])
                _tell_candidate(context, chosen[index], round_number=round_number)
                context.tell(
                    EventKind.PROGRESS,
                    round_number=round_number,
                    stage="measure",
                    done=done,
                    total=len(calls),
                )
        finally:
            context.pace.learn("measure", seconds=time.monotonic() - started, count=done)


def _hangs_on(work: Work, tool_name: str) -> bool:
    """Whether a tool could still change this candidate's fate."""
    if work.hopeless:
        return False
    measured = set(get_tool(tool_name).measures)
    return any(
        verdict.property in measured and (verdict.answer is Answer.UNKNOWN or not verdict.record)
        for verdict in work.verdicts
    )


def _outlook(context: RunContext, work: Work) -> float:
    """Score so far plus what the screening promises for the targets that are not measured."""
    missing = {verdict.property for verdict in work.verdicts if verdict.quantity is None}
    rough = {name: value for name, value in estimates(context, work).items() if name in missing}
    return score(context.spec, work.verdicts) + promise(context.spec, rough)


def measurements(spec: DesignSpec, target_index: int, records: Sequence[Record]) -> list[Measurement]:
    """What the records say about a target's property, from the tools that the registry lists for it."""
    name = spec.targets[target_index].property
    tools = set(PROPERTIES[name].tools)
    found: list[Measurement] = []
    for record in records:
        quantity = record.quantities.get(name)
        if quantity is None or record.tool not in tools:
            continue
        facts = record.outcome.facts
        conclusive = bool(facts.get("conclusive", True))
        caveat = (
            ""
            if conclusive
            else f"{facts.get('word', 'not refuted')}: against {facts.get('references', 'incomplete references')}"
        )
        found.append(
            Measurement(
                record=record.id, tool=record.tool, quantity=quantity, conclusive=conclusive, caveat=caveat
            )
        )
    return found


def _judge(context: RunContext, work: Work) -> None:
    spec = context.spec
    work.verdicts = [
        judge(
            target,
            measurements(spec, index, work.records),
            spec=spec,
            candidate=work.candidate.id,
            index=index,
        )
        for index, target in enumerate(spec.targets)
    ]


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
