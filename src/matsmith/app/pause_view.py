"""What a person sees where a run waits: the plan, what a round will cost, or what the last round has shown."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from matsmith.app.console import plain_table

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.text import Text

    from matsmith.agents.approvals import Pause
    from matsmith.agents.summaries import CandidateSummary, RoundSummary
    from matsmith.core.ledger import Ledger
    from matsmith.core.spec import DesignSpec

_SHOWN = 6
_COURSES = {
    "narrow": "draw nearer to the best",
    "widen": "look farther",
    "shift": "leave what failed",
    "keep": "go on as before",
}


def pause_view(pause: Pause, *, ledger: Ledger, spec: DesignSpec) -> RenderableType:
    """Return what a pause shows, its numbers filled in from the records; the plan itself is shown by `plan_view`."""
    from rich.console import Group
    from rich.padding import Padding

    rows: list[RenderableType] = []
    shows = pause.shows
    if "round" in shows:
        from matsmith.agents.summaries import RoundSummary

        summary = RoundSummary.model_validate(shows["round"])
        rows += _round_rows(summary, shows, ledger=ledger, spec=spec)
    if "candidates" in shows:
        rows += _cost_rows(shows)
    rows += _left_rows(shows)
    return Padding(Group(*rows), (0, 0, 0, 1), expand=False)


def _round_rows(
    summary: RoundSummary, shows: dict[str, Any], *, ledger: Ledger, spec: DesignSpec
) -> list[RenderableType]:
    from rich.text import Text

    from matsmith.agents.report.collect import structure_type

    rows: list[RenderableType] = [
        _line(
            f"Round {summary.round}",
            f"{summary.generated} generated, {summary.simulated} judged, {summary.met} meet every hard target",
        )
    ]
    if summary.best:
        rows += [Text(), _best_table(summary.best[:_SHOWN], ledger=ledger, spec=spec), Text()]
    for tool, count in summary.tool_failures.items():
        rows.append(_line("Gaps", f"{count} without a value of {tool}"))
    text = _filled(str(shows.get("critique", "")), ledger)
    if text:
        rows.append(_line("Critic", text))
    course = str(shows.get("course", ""))
    if course:
        rows.append(_line("Course", f"{course}: {_COURSES.get(course, course)}"))
    for reason in cast("list[str]", shows.get("reasons", [])):
        rows.append(_line("Because", _filled(reason, ledger)))
    if summary.directive.reason:
        rows.append(_line("Next", _filled(summary.directive.reason, ledger)))
    types = {structure_type(name): weight for name, weight in summary.directive.prototypes.items()}
    weights = {**summary.directive.elements, **types}
    if weights:
        strongest = sorted(weights.items(), key=lambda pair: -abs(pair[1] - 1.0))[:8]
        rows.append(_line("Weights", ", ".join(f"{name} ×{weight:g}" for name, weight in strongest)))
    return rows


def _best_table(candidates: list[CandidateSummary], *, ledger: Ledger, spec: DesignSpec) -> RenderableType:
    """The best candidates with their values; a candidate without a value has a gap, and why."""
    from matsmith.agents.report.wording import probability_text, title_of

    names = list(dict.fromkeys(target.property for target in spec.targets))
    table = plain_table("Formula", "", *(title_of(name) for name in names))
    for candidate in candidates:
        cells: list[Text] = []
        for name in names:
            if name in candidate.values:
                chance = probability_text(candidate.probabilities.get(name))
                cells.append(_text(f"{_filled(candidate.values[name], ledger)}  ({chance})"))
            else:
                cells.append(_text(f"– {candidate.gaps.get(name, '')}".rstrip(), style="quiet"))
        table.add_row(
            _text(candidate.formula, style="label"), _text(candidate.novelty, style="quiet"), *cells
        )
    return table


def _cost_rows(shows: dict[str, Any]) -> list[RenderableType]:
    from matsmith.agents.report.wording import duration_text

    strategies = cast("dict[str, int]", shows.get("by_strategy", {}))
    seconds = cast("dict[str, float]", shows.get("seconds", {}))
    drawn = ", ".join(f"{count} by {name}" for name, count in strategies.items())
    count = int(shows["candidates"])
    rows: list[RenderableType] = [_line("To compute", f"{count} candidate{'s' * (count != 1)}: {drawn}")]
    if seconds:
        parts = ", ".join(f"{stage} {duration_text(value)}" for stage, value in seconds.items())
        rows.append(_line("At most about", f"{duration_text(sum(seconds.values()))} ({parts})"))
    return rows


def _left_rows(shows: dict[str, Any]) -> list[RenderableType]:
    from matsmith.agents.report.wording import duration_text

    left = cast("dict[str, Any]", shows.get("left", {}))
    rows: list[RenderableType] = []
    if left:
        words = (
            f"{duration_text(float(left.get('seconds', 0)))}, {left.get('rounds', 0)} rounds, "
            f"{int(left.get('evaluations', 0)):,} evaluations"
        )
        rows.append(_line("Left", words))
    if shows.get("usage"):
        cost = left.get("model_cost_usd")
        limit = "" if cost is None else f"; {cost:g} USD left"
        rows.append(_line("Model so far", f"{shows['usage']}{limit}"))
    return rows


def _filled(text: str, ledger: Ledger) -> str:
    """Put the records' values in the place of their references; what no record answers is a gap."""
    from matsmith.agents.report.wording import value_text
    from matsmith.core.errors import LedgerError
    from matsmith.core.references import Reference, render

    def resolve(reference: Reference) -> str:
        try:
            record = ledger.find_record(reference.record_prefix)
        except LedgerError:
            record = None
        quantity = None if record is None else record.quantities.get(reference.quantity)
        return "[gap]" if quantity is None else value_text(quantity)

    try:
        return render(text, resolve)
    except LedgerError:
        return "[withheld: it holds a malformed reference to a record]"


def _line(label: str, text: str) -> Text:
    from rich.text import Text

    return Text.assemble((f"{label}: ", "label"), _text(text))


def _text(value: str, *, style: str = "") -> Text:
    from rich.text import Text

    from matsmith.agents.report.markup import visible

    return Text(visible(value, limit=2000), style=style)
