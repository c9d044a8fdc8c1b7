"""What a bench found, in numbers: an arm's success, errors, cost and faults, over all tasks and by kind."""

from __future__ import annotations

import csv
import io
import statistics
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from matsmith.agents.bench.attempt import Arm, Result
from matsmith.agents.bench.statistics import Estimate, bootstrap, paired_difference, wilson

ALL = "all"


@dataclass(frozen=True, kw_only=True)
class ArmSummary:
    """One arm on one kind of tasks. Medians and sums are over attempts; `lacking` counts those whose tools are not here."""

    arm: Arm
    kind: str
    attempts: int
    passed: int
    success: Estimate | None
    relative_error: Estimate | None
    values: int
    tokens: Estimate | None
    tokens_in_all: int
    cost_usd: float | None
    wall_s: Estimate | None
    calls: Estimate | None
    bare_numbers: int
    refuted_claims: int
    taken_out: int
    lacking: int
    endings: dict[str, int]


def summarise(results: Iterable[Result]) -> list[ArmSummary]:
    """Summaries by arm: first over all tasks, then by kind."""
    everything = list(results)
    kinds = [ALL, *sorted({one.kind for one in everything})]
    return [
        _summary(arm, kind, rows)
        for arm in Arm
        for kind in kinds
        if (rows := [one for one in everything if one.arm is arm and kind in (ALL, one.kind)])
    ]


def _summary(arm: Arm, kind: str, rows: Sequence[Result]) -> ArmSummary:
    errors = [error.relative for one in rows for error in one.grade.errors if error.relative is not None]
    costs = [one.attempt.usage.cost_usd for one in rows if one.attempt.usage.cost_usd is not None]
    passed = sum(one.grade.passed for one in rows)
    return ArmSummary(
        arm=arm,
        kind=kind,
        attempts=len(rows),
        passed=passed,
        success=wilson(passed, len(rows)),
        relative_error=bootstrap(errors),
        values=len(errors),
        tokens=bootstrap([float(one.attempt.usage.tokens) for one in rows], of=statistics.fmean),
        tokens_in_all=sum(one.attempt.usage.tokens for one in rows),
        cost_usd=sum(costs) if costs else None,
        wall_s=bootstrap([one.attempt.wall_s for one in rows]),
        calls=bootstrap([float(calls_of(one)) for one in rows], of=statistics.fmean),
        bare_numbers=sum(len(one.grade.bare_numbers) for one in rows),
        refuted_claims=sum(len(one.grade.refuted) for one in rows),
        taken_out=sum(len(one.attempt.unbacked) for one in rows),
        lacking=sum(bool(one.grade.lacking) for one in rows),
        endings=dict(Counter(one.attempt.ending.value for one in rows)),
    )


def calls_of(result: Result) -> int:
    """Tool calls of an attempt: those made by name, or else the computations of a design run."""
    return len(result.attempt.calls) or result.grade.records


def differences(results: Iterable[Result]) -> dict[str, Estimate]:
    """Success of each model arm less that of the rules, over the tasks that both tried, repeats averaged."""
    rates: dict[Arm, dict[str, list[float]]] = {}
    for one in results:
        rates.setdefault(one.arm, {}).setdefault(one.task, []).append(float(one.grade.passed))
    rules = rates.get(Arm.RULES, {})
    found: dict[str, Estimate] = {}
    for arm in (Arm.FIVE, Arm.ONE):
        mine = rates.get(arm, {})
        pairs = [
            (statistics.fmean(rules[task]), statistics.fmean(mine[task])) for task in rules if task in mine
        ]
        difference = paired_difference(pairs)
        if difference is not None:
            found[arm.value] = difference
    return found


def sound(results: Iterable[Result]) -> bool:
    """Whether no number without a record reached a reader and no claim was refuted."""
    return not any(one.grade.bare_numbers or one.grade.refuted for one in results)


def as_json(results: Sequence[Result], *, manifest: dict[str, Any]) -> dict[str, Any]:
    """Everything as plain data."""
    return {
        "bench": manifest,
        "summaries": [asdict(one) for one in summarise(results)],
        "success_less_rules": {name: asdict(one) for name, one in differences(results).items()},
        "sound": sound(results),
        "results": [one.model_dump(mode="json") for one in results],
    }


_COLUMNS = (
    "task", "kind", "arm", "repeat", "passed", "ending", "wall_s", "tool_calls", "model_calls", "input_tokens", "output_tokens",
    "cost_usd", "relative_error", "bare_numbers", "refuted_claims", "taken_out", "lacking", "failures",
)  # fmt: skip


def as_csv(results: Iterable[Result]) -> str:
    """One line an attempt."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(_COLUMNS)
    for one in results:
        attempt, grade = one.attempt, one.grade
        errors = [error.relative for error in grade.errors if error.relative is not None]
        writer.writerow(
            [
                one.task, one.kind, one.arm.value, one.repeat, int(grade.passed), attempt.ending.value, attempt.wall_s, calls_of(one),
                attempt.usage.calls, attempt.usage.input_tokens, attempt.usage.output_tokens,
                "" if attempt.usage.cost_usd is None else attempt.usage.cost_usd,
                f"{max(errors):.4g}" if errors else "", len(grade.bare_numbers), len(grade.refuted), len(attempt.unbacked),
                " ".join(grade.lacking), "; ".join(_plain(sentence) for sentence in grade.failures),
            ]
        )  # fmt: skip
    return text.getvalue()


def _plain(sentence: str) -> str:
    """A cell that no spreadsheet takes for a formula."""
    flat = " ".join(sentence.split())
    return f"'{flat}" if flat[:1] in "=+-@" else flat
