"""Generator: proposes candidates by the strategies that the reasoner chose, near what the critic found good, and what it asked for by name.

Whatever a language model asks for by formula goes through the strategy `proposed`: read, held against the specification, balanced in charge and
put into a structure by code, like any other candidate. Neither the critic nor a plan can lock the search in: a share of every round is drawn
without parents and weights, and the simulator keeps as many of its places for them.
"""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Iterable, Iterator
from dataclasses import replace

from matsmith.agents.context import RunContext
from matsmith.agents.decisions import GenerationPlan, GenerationQuestion
from matsmith.agents.exploring import EXPLORING_SHARE, bans_of, lacking
from matsmith.agents.history import in_view
from matsmith.agents.literature_steering import directive_of, drawn, steering_of
from matsmith.agents.planner import looked_up_only
from matsmith.core.candidate import Candidate
from matsmith.core.directive import Directive
from matsmith.core.errors import LedgerError
from matsmith.core.proposal import Substitution
from matsmith.core.run import EventKind
from matsmith.core.spec import ALLOY, FLAT_MOTIFS
from matsmith.core.steering import Steering
from matsmith.knowledge.formulas import reduced_key
from matsmith.tools.strategies.interface import StrategyRequest
from matsmith.tools.strategies.registry import (
    ALLOYS,
    DIFFUSION,
    KNOWN,
    PROPOSED,
    RANDOM,
    get_strategy,
    strategy_names,
)

# A round screens this many candidates at most; more learn nothing new before the next directive.
LARGEST_ROUND = 160
SMALLEST_ROUND = 8
# Share of the time left that a round's screening may take.
_SCREEN_SHARE = 0.12
_LONGEST_PROPOSING_S, _AT_ONCE_S = 20.0, 0.1


def capacity(context: RunContext) -> int:
    """How many candidates the simulator can look at in this round."""
    affordable = _SCREEN_SHARE * context.seconds_left / context.pace.seconds["screen"]
    return int(max(SMALLEST_ROUND, min(LARGEST_ROUND, affordable)))


def propose(context: RunContext, *, round_number: int) -> list[str]:
    """Write this round's candidates to the ledger and return their ids; a round proposed before is not proposed again."""
    key = str(round_number)
    kept = context.ledger.latest("proposed", key)
    if kept is not None:
        return list(json.loads(kept))
    settings = context.settings
    # What is asked for by formula stands in fields of its own, so `proposed` is none of the strategies to divide a round among.
    names = [
        name for name in strategy_names() if name != PROPOSED and get_strategy(name).missing(settings) is None
    ]
    if looked_up_only(context.spec, settings=settings):
        names = [KNOWN] if KNOWN in names else []
    elif context.spec.structure.motif != ALLOY:
        names.remove(ALLOYS)
        if context.spec.structure.motif in FLAT_MOTIFS and DIFFUSION in names:
            # It builds the net in, and some prototypes hold one; random crystals would be made to be thrown away.
            names = [name for name in names if name != RANDOM]
    elif len(context.spec.chemistry.required) > 1:
        # Who asks for an alloy of these elements wants a solid solution; ordered compounds are what it is held against.
        names = [ALLOYS]
    only_known = names == [KNOWN]
    evidence, history = context.evidence(), context.history()
    view = in_view(history)
    room = capacity(context)
    plan = context.decide(
        GenerationQuestion(
            spec=context.spec,
            evidence=evidence,
            strategies=names,
            earlier=view.earlier,
            history=view.rounds,
            round=round_number,
            capacity=room,
            left=context.left(round_number=round_number),
        ),
        key=key,
    )
    steering = steering_of(evidence, spec=context.spec, rounds=history)
    wanted = {name: count for name, count in plan.strategies.items() if name in names and count > 0}
    if (plan.formulas or plan.substitutions) and not only_known:
        # First, so that a round which is cut short has tried what was asked for; the places for exploring are not theirs.
        wanted = {PROPOSED: room - int(EXPLORING_SHARE * room), **wanted}
    context.tell(EventKind.ROUND, round_number=round_number, strategies=wanted, reason=plan.reason)
    started = time.monotonic()
    explorer = next((name for name in names if name not in (KNOWN, ALLOYS)), "")
    fresh = _draw(
        context, wanted=wanted, plan=plan, steering=steering, explorer=explorer, round_number=round_number
    )
    context.pace.learn("generate", seconds=time.monotonic() - started, count=len(fresh))
    ids = [candidate.id for candidate in fresh]
    # One transaction: candidates without their round would count as seen after a kill and never be looked at.
    cited = drawn(steering, fresh, cited=plan.evidence, evidence=evidence)
    context.ledger.append_many(
        [
            *(("candidate", candidate.id, candidate) for candidate in fresh),
            *([("steering", key, cited)] if cited.steers else []),
            ("generation", key, plan),
            ("proposed", key, json.dumps(ids)),
        ]
    )
    context.tell(
        EventKind.PROGRESS, round_number=round_number, stage="generate", done=len(ids), total=len(ids)
    )
    return ids


def _draw(
    context: RunContext,
    *,
    wanted: dict[str, int],
    plan: GenerationPlan,
    steering: Steering,
    explorer: str,
    round_number: int,
) -> list[Candidate]:
    """Draw from every strategy what it is asked for, and by `explorer` as many free ones as the round's share of exploring lacks."""
    seen_ids = {entry.key for entry in context.ledger.entries("candidate")}
    formulas: dict[str, int] = {}
    for entry in context.ledger.entries("candidate"):
        formula = reduced_key(Candidate.model_validate_json(entry.body).crystal.amounts)
        formulas[formula] = formulas.get(formula, 0) + 1
    # The literature speaks where neither the critic nor the plan does: what was measured overrules what was written.
    directive = merged(merged(directive_of(steering), context.directive()), plan.directive)
    request = StrategyRequest(
        spec=context.spec,
        round=round_number,
        seed=context.seed,
        directive=directive,
        parents=tuple(context.candidate(parent) for parent in directive.parents if parent in seen_ids),
        seen_formulas=dict(formulas),
        formulas=tuple(plan.formulas),
        substitutions=tuple(_with_parents(context, plan.substitutions)),
    )
    fresh: dict[str, Candidate] = {}
    stop_at = min(context.deadline, time.monotonic() + _LONGEST_PROPOSING_S)

    def take(name: str, count: int, *, told: StrategyRequest) -> None:
        told = replace(told, count=count, seen=frozenset(seen_ids | fresh.keys()))
        taken, late, asked = 0, False, time.monotonic()
        for candidate in get_strategy(name).propose(told, settings=context.settings):
            if candidate.id not in seen_ids and candidate.id not in fresh:
                fresh[candidate.id] = candidate
                taken += 1
            # What a batch has made already is taken also when its making has used up the time.
            if taken >= count or (late and time.monotonic() - asked > _AT_ONCE_S):
                break
            asked = time.monotonic()
            late = asked > stop_at

    for name, count in wanted.items():
        take(name, count, told=request)
    missing = (
        lacking(list(fresh.values()))
        if explorer and (request.parents or plan.formulas or plan.substitutions)
        else 0
    )
    if missing:
        stop_at += _LONGEST_PROPOSING_S * EXPLORING_SHARE
        take(explorer, missing, told=replace(request, directive=bans_of(directive), parents=()))
    return list(fresh.values())


def _with_parents(
    context: RunContext, substitutions: Iterable[Substitution]
) -> Iterator[tuple[Candidate, Substitution]]:
    """Each substitution with the candidate that it changes; what names none of this run is left out."""
    for substitution in substitutions:
        with contextlib.suppress(LedgerError):
            yield context.candidate(substitution.parent), substitution


def merged(first: Directive, second: Directive) -> Directive:
    """The second directive over the first: its multipliers and parents win where both speak."""
    return Directive(
        strategies={**first.strategies, **second.strategies},
        elements={**first.elements, **second.elements},
        prototypes={**first.prototypes, **second.prototypes},
        elements_per_formula={**first.elements_per_formula, **second.elements_per_formula},
        formulas={**first.formulas, **second.formulas},
        parents=second.parents or first.parents,
        reason=second.reason or first.reason,
    )
