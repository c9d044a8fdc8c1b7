"""Fairer competition for candidates that only shipped phases were held against: their systems are searched on demand.

The phases that ship are elements and binaries. Before a candidate of three or four elements keeps "not refuted", phases of
its own system are searched (a minute each), for the most promising candidates of a round only.
"""

from __future__ import annotations

from matsmith.agents.context import RunContext
from matsmith.agents.estimates import outlook
from matsmith.agents.work import Work
from matsmith.core.record import Record, Status

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
