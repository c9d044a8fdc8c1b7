"""The score of a bench as people read it: a table of the arms, what failed, and what must never happen."""

from __future__ import annotations

from typing import TYPE_CHECKING

from matsmith.agents.bench.summary import ALL, ArmSummary, differences, summarise
from matsmith.app.console import plain_table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import RenderableType

    from matsmith.agents.bench.attempt import Result
    from matsmith.agents.bench.statistics import Estimate

_SHOWN_FAILURES = 60


def bench_view(results: Sequence[Result]) -> RenderableType:
    """Return the score: a line an arm and kind, differences between arms, failed attempts with their reason."""
    from rich.console import Group
    from rich.padding import Padding
    from rich.text import Text

    summaries = summarise(results)
    parts: list[RenderableType] = [_table(summaries), Text()]
    for name, found in differences(results).items():
        parts.append(
            Text(f"success of {name} less rules: {_points(found)} (mean over tasks, 95 % by bootstrap)")
        )
    whole = [one for one in summaries if one.kind == ALL]
    bare, refuted = sum(one.bare_numbers for one in whole), sum(one.refuted_claims for one in whole)
    parts.append(
        Text.assemble(
            ("numbers without a record that reached a reader: ", ""),
            (str(bare), "not_met" if bare else "met"),
            ("; claims of success that code refutes: ", ""),
            (str(refuted), "not_met" if refuted else "met"),
            (f"; numbers taken out before anybody read them: {sum(one.taken_out for one in whole)}", "quiet"),
        )
    )
    failed = [one for one in results if not one.grade.passed]
    if failed:
        parts += [Text(), Text(f"{len(failed)} attempts failed:", style="label"), _failures(failed)]
    parts += [
        Text(),
        Text(
            "Success with Wilson's 95 % interval; errors and times are medians, calls means, with bootstrap intervals.",
            style="quiet",
        ),
    ]
    return Padding(Group(*parts), (0, 0, 0, 1), expand=False)


def _table(summaries: Sequence[ArmSummary]) -> RenderableType:
    from rich.text import Text

    right = frozenset({"Passed", "Error", "Values", "Tokens", "Cost", "Time", "Calls"})
    table = plain_table(
        "Arm", "Tasks", "Passed", "Success", "Error", "Values", "Tokens", "Cost", "Time", "Calls", right=right
    )
    for one in summaries:
        style = "label" if one.kind == ALL else "quiet"
        table.add_row(
            Text(one.arm.value if one.kind == ALL else "", style=style),
            Text(one.kind + (f" ({one.lacking} lack a tool)" if one.lacking else ""), style=style),
            f"{one.passed}/{one.attempts}",
            _share(one.success),
            _percent(one.relative_error),
            str(one.values),
            f"{one.tokens_in_all:,}",
            "–" if one.cost_usd is None else f"{one.cost_usd:.3g} USD",
            _seconds(one.wall_s),
            _plain(one.calls, digits=3),
        )
    return table


def _failures(failed: Sequence[Result]) -> RenderableType:
    from rich.text import Text

    from matsmith.agents.report.markup import visible

    table = plain_table("Task", "Arm", "Ended", "Why", show_header=False)
    for one in failed[:_SHOWN_FAILURES]:
        reasons = one.grade.failures or [
            f"number without a record: {number}" for number in one.grade.bare_numbers
        ]
        why = Text(visible("; ".join(reasons), limit=300))
        if one.grade.lacking:
            why.append(f" (not here: {', '.join(one.grade.lacking)})", style="unknown")
        table.add_row(Text(one.task, style="label"), one.arm.value, one.attempt.ending.value, why)
    if len(failed) > _SHOWN_FAILURES:
        table.add_row("", "", "", f"{len(failed) - _SHOWN_FAILURES} more: report.csv")
    return table


def _share(found: Estimate | None) -> str:
    if found is None or found.low is None or found.high is None:
        return "–"
    return f"{100 * found.value:.0f} % ({100 * found.low:.0f} to {100 * found.high:.0f})"


def _percent(found: Estimate | None) -> str:
    if found is None:
        return "–"
    text = f"{100 * found.value:.2g} %"
    if found.low is None or found.high is None:
        return text
    return f"{text} ({100 * found.low:.2g} to {100 * found.high:.2g})"


def _seconds(found: Estimate | None) -> str:
    if found is None:
        return "–"
    if found.low is None or found.high is None:
        return f"{found.value:.1f} s"
    return f"{found.value:.1f} s ({found.low:.1f} to {found.high:.1f})"


def _plain(found: Estimate | None, *, digits: int) -> str:
    if found is None:
        return "–"
    text = f"{found.value:.{digits}g}"
    if found.low is None or found.high is None:
        return text
    return f"{text} ({found.low:.{digits}g} to {found.high:.{digits}g})"


def _points(found: Estimate) -> str:
    text = f"{100 * found.value:+.0f} points"
    if found.low is None or found.high is None:
        return text
    return f"{text} ({100 * found.low:+.0f} to {100 * found.high:+.0f})"
