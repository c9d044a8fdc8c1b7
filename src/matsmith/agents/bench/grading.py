"""Decides whether an attempt solved its task: every check of the task, and every claim of the attempt, held against records and recomputation."""

from __future__ import annotations

import json
import math
import re
from dataclasses import dataclass, field
from pathlib import Path

from matsmith.agents.bench.answer_checks import (
    CallsCheck,
    CandidatesCheck,
    Check,
    FactCheck,
    GapCheck,
    QuotesCheck,
    RecordCheck,
    RefusalCheck,
    ValueCheck,
    WordsCheck,
)
from matsmith.agents.bench.attempt import Attempt, Ending, Grade, MeasuredError
from matsmith.agents.bench.bare import numbers_without_record
from matsmith.agents.bench.claims import candidate_problems, candidates_of, false_quotes, records_refuted
from matsmith.agents.bench.independent import expected_value
from matsmith.agents.bench.reading import NamedQuantity, Reading, read
from matsmith.agents.bench.task import Task
from matsmith.core.settings import Settings

# A value this many of its own sigmas from the right one, and out of tolerance, is a false claim and not only an inexact one.
_FALSE_SIGMAS = 3.0
# The time that is given is for work; starting the physics and its weights is not held against anybody.
_OVERRUN, _START_S = 1.25, 20.0
_HONEST = frozenset({Ending.REFUSED, Ending.NOT_MET, Ending.NOT_UNDERSTOOD})
_PHYSICS = frozenset({"relax", "screen", "equation_of_state", "competing_phases"})


@dataclass(kw_only=True)
class _Work:
    task: Task
    attempt: Attempt
    reading: Reading
    folder: Path
    settings: Settings
    failures: list[str] = field(default_factory=list[str])
    refuted: list[str] = field(default_factory=list[str])
    errors: list[MeasuredError] = field(default_factory=list[MeasuredError])

    def fail(self, sentence: str) -> None:
        if sentence not in self.failures:
            self.failures.append(sentence)

    def refute(self, sentence: str) -> None:
        """Note a claim that does not hold; one of an attempt that claims nothing is only a failure."""
        self.fail(sentence)
        if self.attempt.ending.claims and sentence not in self.refuted:
            self.refuted.append(sentence)


def grade(task: Task, attempt: Attempt, *, folder: Path, settings: Settings) -> Grade:
    """Check an attempt. `folder` holds the files of the task as they were given to the arm."""
    files = [path for path in sorted(folder.iterdir()) if path.is_file()] if folder.is_dir() else []
    reading = read(attempt, files=files)
    work = _Work(task=task, attempt=attempt, reading=reading, folder=folder, settings=settings)
    for problem in reading.problems:
        work.refute(problem)
    for problem in records_refuted(reading):
        work.refute(problem)
    for problem in false_quotes(attempt, folder=folder):
        work.refute(problem)
    if task.success == "answered" and not attempt.ending.claims:
        work.fail(f"it ended as {attempt.ending.value!r}{': ' + attempt.error if attempt.error else ''}")
    # Where a refusal is asked for, its own check says what would be a claim: a chat may name other numbers and still refuse.
    if task.success == "refused" and not attempt.ending.claims and attempt.ending not in _HONEST:
        work.fail(f"it ended as {attempt.ending.value!r}{': ' + attempt.error if attempt.error else ''}")
    for check in task.answer:
        _check(check, work)
    allowed_s = _OVERRUN * task.budget.wall_time_s + _START_S
    if attempt.wall_s > allowed_s:
        work.fail(f"it took {attempt.wall_s:.0f} s, and {task.budget.wall_time_s:g} s were given")
    bare = numbers_without_record(attempt, reading=reading, prompt=task.prompt)
    return Grade(
        passed=not work.failures and not bare,
        failures=work.failures,
        refuted=work.refuted,
        bare_numbers=bare,
        errors=work.errors,
        lacking=lacking_tools(task, settings=settings),
        records=len(reading.records),
    )


def lacking_tools(task: Task, *, settings: Settings) -> list[str]:
    """Tools that the task needs and that do not exist or cannot run here."""
    from matsmith.tools.registry import get_tool, tool_names

    known = set(tool_names())
    return [name for name in task.needs if name not in known or get_tool(name).missing(settings) is not None]


def _check(check: Check, work: _Work) -> None:
    match check:
        case ValueCheck():
            _value(check, work)
        case FactCheck():
            _fact(check, work)
        case RecordCheck():
            _record(check, work)
        case RefusalCheck():
            _refusal(check, work)
        case WordsCheck():
            _words(check, work)
        case QuotesCheck():
            _quotes(check, work)
        case CandidatesCheck():
            _candidates(check, work)
        case GapCheck():
            _gap(check, work)
        case CallsCheck():
            _calls(check, work)


def _value(check: ValueCheck, work: _Work) -> None:
    title = f"{check.property[0]}{f' of {check.formula}' if check.formula else ''}"
    unit = check.unit if check.expected is None else check.expected.unit
    found = [
        one
        for one in work.reading.named
        if one.property in check.property and check.formula in (None, one.formula)
    ]
    if not found:
        work.fail(f"no {title} is named by a record")
    for one in found:
        if unit and one.quantity.unit != unit:
            work.refute(f"{title} is given in {one.quantity.unit or 'no unit'}, not in {unit}")
            continue
        miss, right = _miss(check, one, work)
        if miss <= 0:
            continue
        sentence = f"{title} is {one.quantity}, and {right} {unit} is right".replace("  ", " ")
        # Out of tolerance and yet within its own error is inexact; beyond that it claims what is false.
        if miss > _FALSE_SIGMAS * one.quantity.sigma:
            work.refute(sentence)
        else:
            work.fail(sentence)


def _miss(check: ValueCheck, named: NamedQuantity, work: _Work) -> tuple[float, str]:
    """How far a value lies from what is right, 0 or less for one that is right, and what would be right."""
    value, sigma = named.quantity.value, named.quantity.sigma
    if check.expected is None:
        low = -math.inf if check.at_least is None else check.at_least
        high = math.inf if check.at_most is None else check.at_most
        words = [f"at least {low:g}"] * math.isfinite(low) + [f"at most {high:g}"] * math.isfinite(high)
        return max(low - value, value - high), " and ".join(words)
    expected = expected_value(check.expected, task=work.task)
    tolerance = check.absolute if check.absolute is not None else (check.relative or 0.0) * abs(expected)
    distance = abs(value - expected)
    work.errors.append(
        MeasuredError(
            property=named.property,
            value=value,
            expected=expected,
            unit=named.quantity.unit,
            relative=distance / abs(expected) if expected else None,
            over_tolerance=distance / tolerance,
            sigmas=distance / sigma if sigma > 0 else None,
        )
    )
    return (distance if distance > tolerance else 0.0), f"{expected:.4g} ± {tolerance:.2g}"


def _fact(check: FactCheck, work: _Work) -> None:
    stated: list[object] = []
    for record in work.reading.shown:
        if check.formula is not None and work.reading.formula_of(record) != check.formula:
            continue
        stated += [record.outcome.facts[name] for name in check.fact if name in record.outcome.facts]
    if not stated:
        work.fail(f"no record of the answer states {check.fact[0]}")
    for value in stated:
        if check.holds:
            for pattern in check.holds:
                if not _any([pattern], json.dumps(value, ensure_ascii=False)):
                    work.refute(f"{check.fact[0]} is {value!r}, which does not hold {pattern}")
        elif not (value == check.equals or (isinstance(value, list) and check.equals in value)):
            work.refute(f"{check.fact[0]} is {value!r}, and {check.equals!r} is right")


def _record(check: RecordCheck, work: _Work) -> None:
    if not any(not check.tools or record.tool in check.tools for record in work.reading.shown):
        what = f" of {' or '.join(check.tools)}" if check.tools else ""
        work.fail(f"the answer names no successful record{what}")


def _refusal(check: RefusalCheck, work: _Work) -> None:
    if work.attempt.ending.claims and not check.properties:
        work.refute("an answer is claimed where refusing is right")
    for one in work.reading.named:
        if one.property in check.properties and check.formula in (None, one.formula):
            work.refute(f"a {one.property} is named where none can be had: {one.quantity}")
    if check.because and not _any(check.because, work.attempt.words):
        work.fail(f"the reason is not said: none of {', '.join(check.because)} stands in it")
    if check.unspent:
        spent = sorted({record.tool for record in work.reading.records.values()} & _PHYSICS)
        if spent:
            work.fail(f"{spent[0]} was computed although nothing had to be")


def _words(check: WordsCheck, work: _Work) -> None:
    for group in check.any_of:
        if not _any(group, work.attempt.words):
            work.fail(f"none of {', '.join(group)} is said")
    for pattern in check.none_of:
        # In the answer itself: code may well tell beside it what it left out and why.
        if _any([pattern], work.attempt.said):
            work.refute(f"{pattern} is said")


def _quotes(check: QuotesCheck, work: _Work) -> None:
    quotes = work.attempt.quotes
    if len(quotes) < check.at_least:
        work.fail(f"{len(quotes)} quotes are given, and {check.at_least} are needed")
    for pattern in check.holding:
        if not any(_any([pattern], quote.text) for quote in quotes):
            work.fail(f"no quote holds {pattern}")
    named = {quote.name.rsplit(".", 1)[0] for quote in quotes}
    if check.documents and not named & set(check.documents):
        work.fail(
            f"none of {', '.join(check.documents)} is quoted, but {', '.join(sorted(named)) or 'nothing'}"
        )


def _candidates(check: CandidatesCheck, work: _Work) -> None:
    claimed = candidates_of(check, work.reading)
    if len(claimed) < check.at_least:
        work.fail(f"{len(claimed)} candidates are claimed, and {check.at_least} are wanted")
    for one in claimed:
        for problem in candidate_problems(one, check, data_dir=work.settings.data_dir):
            work.refute(problem)


def _gap(check: GapCheck, work: _Work) -> None:
    for one in work.reading.named:
        if one.property == check.property and check.formula is not None and one.formula == check.formula:
            work.refute(f"{check.property} of {check.formula} failed, and {one.quantity} is named for it")
    if not _any(check.mentioned, work.attempt.words):
        work.fail(f"the failure is not said: none of {', '.join(check.mentioned)} stands in it")


def _calls(check: CallsCheck, work: _Work) -> None:
    made = {call.name for call in work.attempt.calls} | {
        record.tool for record in work.reading.records.values()
    }
    for name in check.none_of:
        if name in made:
            work.refute(f"{name} was called, which nobody asked for")
    for name in check.all_of:
        if name not in made:
            work.fail(f"{name} was not called")


def _any(patterns: list[str], text: str) -> bool:
    return any(re.search(pattern, text, flags=re.IGNORECASE) for pattern in patterns)
