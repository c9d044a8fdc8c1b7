"""The run so far as a reasoner is shown it: bounded, however long the run is.

The last three rounds stand in full, the two before them in short, and all others are folded into counts and their best candidates.
Everything is counted by code from what the ledger holds, so nothing is forgotten that a number could keep, and no text grows.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from matsmith.agents.summaries import (
    CandidateSummary,
    EarlierRounds,
    EvidenceBrief,
    LeadBrief,
    RoundSummary,
)
from matsmith.core.run import Evidence, Lead, Stance

IN_FULL, IN_SHORT = 3, 2
LARGEST_CHARACTERS = 48_000
"""All of the history in one question, written as JSON; the number of candidates shown gives way first."""
_BEST_STEPS = (16, 8, 4, 2, 1)
_COUNTS_KEPT, _FORMULAS_KEPT, _DIRECTIONS_KEPT = 20, 30, 8
_LONGEST_DIRECTION, _LONGEST_QUOTE, _LONGEST_WORDS, _LEADS_KEPT, _DROPPED_KEPT = 160, 400, 160, 4, 12
_Pairs = dict[str, tuple[int, int]]


class View(NamedTuple):
    """Rounds shown one by one, oldest first, and the others folded."""

    rounds: list[RoundSummary]
    earlier: EarlierRounds


def in_view(history: Sequence[RoundSummary], *, largest: int = LARGEST_CHARACTERS) -> View:
    """Fold a history of any length into at most `largest` characters of JSON, oldest and lesser candidates given up first."""
    shown = list(history[-(IN_FULL + IN_SHORT) :])
    before = history[: len(history) - len(shown)]
    short = len(shown) - min(IN_FULL, len(shown))
    view = View([], EarlierRounds())
    for best in _BEST_STEPS:
        rounds = [
            _in_short(summary, best=best) if index < short else _capped(summary, best=best)
            for index, summary in enumerate(shown)
        ]
        view = View(rounds, folded(before, best=best))
        if characters(view) <= largest:
            break
    return view


def characters(view: View) -> int:
    """Length of a view as JSON."""
    return sum(len(part.model_dump_json()) for part in (*view.rounds, view.earlier))


def folded(rounds: Sequence[RoundSummary], *, best: int = _BEST_STEPS[0]) -> EarlierRounds:
    """Add rounds up: counts summed, the best candidates of all of them, the last directions."""
    if not rounds:
        return EarlierRounds()
    directions = [summary.directive.reason[:_LONGEST_DIRECTION] for summary in rounds]
    return EarlierRounds(
        rounds=len(rounds),
        generated=sum(summary.generated for summary in rounds),
        simulated=sum(summary.simulated for summary in rounds),
        met=sum(summary.met for summary in rounds),
        best=best_of(rounds)[:best],
        failures=_most(_summed(summary.failures for summary in rounds)),
        tool_failures=_most(_summed(summary.tool_failures for summary in rounds)),
        target_failures=_most(_summed(summary.target_failures for summary in rounds)),
        by_strategy=_most_pairs(_added(summary.by_strategy for summary in rounds)),
        elements=_most_pairs(_added(summary.elements for summary in rounds)),
        prototypes=_most_pairs(_added(summary.prototypes for summary in rounds)),
        proposed=dict(
            list({f: word for summary in rounds for f, word in summary.proposed.items()}.items())[
                -_FORMULAS_KEPT:
            ]
        ),
        directions=[reason for reason in directions if reason][-_DIRECTIONS_KEPT:],
    )


def best_of(rounds: Iterable[RoundSummary]) -> list[CandidateSummary]:
    """The candidates of several rounds, each once as it was last seen, the most probable first."""
    latest = {candidate.id: candidate for summary in rounds for candidate in summary.best}
    return sorted(latest.values(), key=lambda c: (-least_probability(c), c.id))


def least_probability(candidate: CandidateSummary) -> float:
    """Smallest probability over a candidate's targets; 0 for one without any."""
    return min(candidate.probabilities.values(), default=0.0)


def briefly(evidence: Evidence) -> EvidenceBrief:
    """A quote without what only code needs, its most telling leads first."""
    telling = sorted(evidence.leads, key=lambda lead: lead.stance is Stance.REPORTED)
    return EvidenceBrief(
        id=evidence.id,
        quote=_cut(evidence.quote, _LONGEST_QUOTE),
        source=_cut(evidence.source, _LONGEST_WORDS),
        retracted=evidence.retracted,
        leads=[_lead(lead) for lead in telling[:_LEADS_KEPT]],
    )


def _lead(lead: Lead) -> LeadBrief:
    return LeadBrief(
        kind=lead.kind.value,
        name=lead.name,
        stance=lead.stance.value,
        property=lead.property,
        words=_cut(lead.words, _LONGEST_WORDS),
    )


def _capped(summary: RoundSummary, *, best: int) -> RoundSummary:
    return summary.model_copy(
        update={
            "best": summary.best[:best],
            "elements": _most_pairs(summary.elements),
            "prototypes": _most_pairs(summary.prototypes),
            "proposed": dict(list(summary.proposed.items())[:_FORMULAS_KEPT]),
            "dropped": [_cut(line, _LONGEST_WORDS) for line in summary.dropped[:_DROPPED_KEPT]],
        }
    )


def _in_short(summary: RoundSummary, *, best: int) -> RoundSummary:
    """A round with its counts, and of its candidates what they are and how probable."""
    kept = [
        CandidateSummary(
            id=candidate.id,
            formula=candidate.formula,
            prototype=candidate.prototype,
            strategy=candidate.strategy,
            probabilities=candidate.probabilities,
        )
        for candidate in summary.best[:best]
    ]
    return summary.model_copy(
        update={
            "best": kept,
            "elements": {},
            "prototypes": {},
            "proposed": {},
            "dropped": list[str](),
            "tool_failures": {},
            "reasons": list[str](),
        }
    )


def _summed(counts: Iterable[dict[str, int]]) -> Counter[str]:
    total: Counter[str] = Counter()
    for each in counts:
        total.update(each)
    return total


def _most(total: Counter[str]) -> dict[str, int]:
    return dict(sorted(total.items(), key=lambda pair: (-pair[1], pair[0]))[:_COUNTS_KEPT])


def _added(counts: Iterable[_Pairs]) -> _Pairs:
    total: _Pairs = {}
    for each in counts:
        for name, (judged, good) in each.items():
            before = total.get(name, (0, 0))
            total[name] = (before[0] + judged, before[1] + good)
    return total


def _most_pairs(total: _Pairs) -> _Pairs:
    ordered = sorted(total.items(), key=lambda pair: (-pair[1][1], -pair[1][0], pair[0]))
    return dict(ordered[:_COUNTS_KEPT])


def _cut(text: str, longest: int) -> str:
    return text if len(text) <= longest else f"{text[: longest - 1].rstrip()}…"
