"""Compositions that a generation plan asks for by name: which of them can be tried, and what became of them."""

from __future__ import annotations

import re
from collections.abc import Mapping

from matsmith.agents.decisions import GenerationPlan
from matsmith.core.candidate import Candidate
from matsmith.core.errors import SpecError
from matsmith.core.proposal import ProposedFormula, Substitution
from matsmith.core.run import Judgement
from matsmith.core.spec import DesignSpec
from matsmith.core.verdict import Answer as VerdictAnswer


def reviewed(
    plan: GenerationPlan, *, spec: DesignSpec, shown: Mapping[str, str]
) -> tuple[list[str], GenerationPlan]:
    """The complaints about a plan's proposals, and the plan with those that can be tried, each once.

    `shown` is the formula of every candidate that a substitution may start from.
    """
    if not plan.formulas and not plan.substitutions:
        return [], plan
    from matsmith.tools.strategies.proposed import formula_problem, substitution_problem

    complaints: list[str] = []
    formulas: dict[tuple[str, str], ProposedFormula] = {}
    for wanted in plan.formulas:
        problem = formula_problem(wanted, spec=spec)
        if problem is None:
            formulas.setdefault((wanted.formula, wanted.prototype), wanted)
        else:
            complaints.append(_left_out("formulas", wanted.formula, problem))
    substitutions: dict[str, Substitution] = {}
    for exchange in plan.substitutions:
        formula = shown.get(exchange.parent)
        if formula is None:
            complaints.append(_left_out("substitutions", exchange.parent, "no candidate that was shown"))
            continue
        problem = substitution_problem(exchange, formula=formula, spec=spec)
        if problem is None:
            substitutions.setdefault(exchange.model_dump_json(), exchange)
        else:
            complaints.append(_left_out("substitutions", formula, problem))
    update = {"formulas": list(formulas.values()), "substitutions": list(substitutions.values())}
    return list(dict.fromkeys(complaints)), plan.model_copy(update=update)


def _left_out(where: str, what: str, problem: str) -> str:
    """A complaint that names what was asked for: later readers of a ledger, and the model itself, must know which one it was.

    A formula or an id is named as it was written; anything else may be text, or a number that was made up, and is quoted so that it is masked.
    """
    named = what.strip()
    if not _NAME.fullmatch(named):
        return f"{where}: {problem}"
    reason = problem.removeprefix(f"{named}: ").replace(repr(named), "it")
    return f"{where}: {named}: {reason}"


def outcomes(
    plan: GenerationPlan, *, candidates: Mapping[str, Candidate], judgements: Mapping[str, Judgement]
) -> dict[str, str]:
    """What became of every formula that was asked for, in a few words; `candidates` are those of the round."""
    from matsmith.knowledge.formulas import reduced_key

    by_key: dict[str, list[Candidate]] = {}
    for candidate in candidates.values():
        if candidate.lineage.strategy == "proposed":
            by_key.setdefault(reduced_key(candidate.crystal.amounts), []).append(candidate)
    found: dict[str, str] = {}
    for wanted in plan.formulas:
        try:
            made = by_key.get(reduced_key(wanted.formula), [])
        except SpecError:
            continue
        words = [_fate(judgements.get(candidate.id)) for candidate in made]
        found[wanted.formula] = min(words, key=_RANK.index) if words else _NOT_MADE
    return found


# What may be a formula or the id of a candidate: one word, and no reference to a record.
_NAME = re.compile(r"[^\s'\"{}<>]{1,64}")
_NOT_MADE = "not made: in the run already, or no structure fits"
_MET, _UNKNOWN, _MISSED = "meets every hard target", "judged, still open", "judged, not met"
_LEFT_EARLY, _UNJUDGED = "left early", "made, not judged"
_RANK = (_MET, _UNKNOWN, _MISSED, _LEFT_EARLY, _UNJUDGED)


def _fate(judgement: Judgement | None) -> str:
    if judgement is None:
        return _UNJUDGED
    if judgement.rejected:
        return _LEFT_EARLY
    if judgement.meets:
        return _MET
    missed = any(verdict.answer is VerdictAnswer.NOT_MET for verdict in judgement.verdicts)
    return _MISSED if missed else _UNKNOWN if judgement.verdicts else _UNJUDGED
