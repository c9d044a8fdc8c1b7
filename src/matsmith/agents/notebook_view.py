"""What a notebook shows of a run, a candidate, a plan, a record and an answer: plain HTML that runs nothing.

Everything is escaped by `report.markup`. Styles stand in the elements, since notebooks drop style sheets of what they do not trust; colours are
the page's own (`currentColor`) or stand out on light and on dark.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from matsmith.agents.report.cells import cell_svg
from matsmith.agents.report.markup import Child, Markup, element, formula_markup, join, own_text
from matsmith.agents.report.overview import wishes
from matsmith.agents.report.pieces import overall, phase_of
from matsmith.agents.report.record_view import record_rows
from matsmith.agents.report.wording import (
    answer_word,
    duration_text,
    probability_text,
    stop_word,
    target_text,
    title_of,
    value_text,
)

if TYPE_CHECKING:
    from matsmith.agents.planner import PlanCheck
    from matsmith.agents.report.model import CandidateReport, RunReport
    from matsmith.agents.saved_run import RunCandidate
    from matsmith.core.crystal import Crystal
    from matsmith.core.record import Record
    from matsmith.core.spec import DesignSpec, Target
    from matsmith.core.verdict import Verdict
    from matsmith.knowledge.literature.answers import LiteratureAnswer
    from matsmith.knowledge.literature.quotes import Quote

_SHOWN = 12
_GREEN, _RED, _AMBER = "#2a9d57", "#d9534f", "#c08a00"
_COLOURS = {
    "met": _GREEN, "meets all": _GREEN, "not met": _RED, "does not meet": _RED, "rejected": _RED, "failed": _RED,
    "unknown": _AMBER, "not settled": _AMBER,
}  # fmt: skip
_LINE = "1px solid rgba(128,128,128,.35)"
_CELL = f"text-align:left;vertical-align:top;padding:.3em .9em .3em 0;border:0;border-bottom:{_LINE};background:none"
_QUIET = "opacity:.72;font-size:.9em"
# What the report's style sheet says of a cell's picture.
_PICTURE = {
    'class="edge"': 'stroke="#8a8f98" stroke-width="1" stroke-linecap="round"',
    'class="axis axis-a"': 'stroke="#d4574e" stroke-width="2"',
    'class="axis axis-b"': 'stroke="#3fa663" stroke-width="2"',
    'class="axis axis-c"': 'stroke="#4f7fe0" stroke-width="2"',
    'class="axis-name axis-a"': 'fill="#d4574e" font-size="12"',
    'class="axis-name axis-b"': 'fill="#3fa663" font-size="12"',
    'class="axis-name axis-c"': 'fill="#4f7fe0" font-size="12"',
    'class="cell"': 'xmlns="http://www.w3.org/2000/svg" width="300" style="max-width:100%;height:auto"',
}


def run_html(report: RunReport, *, folder: Path) -> str:
    """A run: what was asked, how it ended, its best candidates, and where the report lies."""
    targets = report.spec.targets if report.spec else []
    heads = [
        "#",
        "candidate",
        "novelty",
        *(f"{title_of(one.property)} {target_text(one)}" for one in targets),
    ]
    rows = [
        [
            str(one.rank),
            join([formula_markup(one.formula), _under(phase_of(one)), _word(overall(one)[1])]),
            str(one.novelty.label),
            *(_verdict(one, index, target) for index, target in enumerate(targets)),
        ]
        for one in report.candidates[:_SHOWN]
    ]
    more = len(report.candidates) - len(rows)
    counted = (
        f"{report.met} met, {len(report.candidates)} judged, {len(report.rejected)} rejected, "
        f"{len(report.rounds)} round{'' if len(report.rounds) == 1 else 's'}, {duration_text(report.elapsed_s)}"
    )
    return _block(
        element("div", element("b", report.header.objective or report.header.run)),
        element("div", _word(stop_word(report.stop.reason if report.stop else None)), " · ", report.outcome),
        _quiet(counted),
        _table(heads, rows) if rows else None,
        _quiet(f"{more} more in to_pandas()") if more > 0 else None,
        _quiet(str(folder)),
    )


def candidate_html(candidate: RunCandidate) -> str:
    """A candidate: its picture, and each target with the value, the verdict and the record."""
    entry = candidate.judged
    if entry is None:
        return _block(
            element("div", element("b", formula_markup(candidate.formula)), " ", _word("rejected")),
            element("div", candidate.rejected),
            _quiet(f"id {candidate.id}"),
        )
    report = candidate.run.contents
    targets = report.spec.targets if report.spec else []
    rows = [_verdict_row(one, targets) for one in entry.verdicts]
    named = {one.property for one in entry.verdicts}
    rows += [
        [one.title, _nowrap(one.text), "", "", _record_id(one.record)]
        for one in entry.quantities
        if one.name not in named
    ]
    return _block(
        element(
            "div", element("b", f"{entry.rank}. ", formula_markup(entry.formula)), " ", _word(overall(entry)[1]),
            " · ", str(entry.novelty.label), " · ", phase_of(entry),
        ),
        picture(entry.crystal, key=f"c{entry.id[:12]}", title=f"Unit cell of {entry.formula}"),
        _table(["", "value", "verdict", "probability", "record"], rows) if rows else None,
        *(_quiet(warning) for warning in entry.warnings[:4]),
        _quiet(f"id {entry.id}"),
    )  # fmt: skip


def plan_html(check: PlanCheck) -> str:
    """A plan: what is wanted, what was understood, what was not, and what stands against it."""
    plan = check.plan
    rows: list[list[Child]] = [[f"“{one.words}”", one.meaning] for one in plan.understood]
    refusal = check.refusal
    return _block(
        specification(check.spec),
        _table(["words", "taken as"], rows) if rows else None,
        element("div", "Not understood: ", ", ".join(f"“{text}”" for text in plan.not_understood))
        if plan.not_understood
        else None,
        *(_quiet(text) for text in [*plan.questions, *plan.warnings]),
        element("div", _word("failed", "cannot be met"), " · ", refusal) if refusal is not None else None,
    )


def specification(spec: DesignSpec) -> Markup:
    """Targets as a table, and every other wish in a line."""
    rows: list[list[Child]] = [
        [
            title_of(one.property),
            target_text(one),
            "must be met" if one.hard and one.is_constraint else "soft" if one.is_constraint else "orders",
        ]
        for one in spec.targets
    ]
    return element(
        "div",
        element("div", element("b", spec.objective)) if spec.objective else None,
        _table(["property", "wanted", "kind"], rows) if rows else None,
        _quiet(" · ".join(wishes(spec))),
    )


def record_html(record: Record) -> str:
    """A record whole, as the report shows it."""
    return _block(_table([], [[element("b", name), value] for name, value in record_rows(record)]))


def outcome_html(record: Record) -> str:
    """What a tool returned in short, the record whole below it, folded."""
    failure = record.outcome.failure
    rows: list[list[Child]] = [
        [title_of(name), _nowrap(value_text(one)), str(one.truth)] for name, one in record.quantities.items()
    ]
    crystal = record.outcome.crystal
    return _block(
        element("div", element("b", record.tool), " ", _quiet(f"record {record.id}")),
        element("div", _word("failed"), " · ", failure.message, " ", failure.hint) if failure else None,
        _table(["", "value", "sigma is against"], rows) if rows else None,
        picture(crystal, key=f"t{record.id[:12]}", title=f"Unit cell of {crystal.formula}")
        if crystal is not None
        else None,
        *(_quiet(warning) for warning in record.outcome.warnings[:6]),
        element("details", element("summary", "everything"), own_text(record_html(record))),
    )


def answer_html(found: LiteratureAnswer) -> str:
    """An answer in statements, each with the sources of its quotes; or why there is none, and what came nearest."""
    if not found.answered:
        return _block(
            element("div", _word("unknown", "no answer"), " · ", found.refusal),
            *(element("div", "– ", quote.text, _under(_place(quote))) for quote in found.closest),
        )
    return _block(
        *(
            element("p", statement.text, *(_under(_place(quote)) for quote in statement.quotes))
            for statement in found.statements
        ),
        *(
            element(
                "div",
                _word("unknown", "sources disagree"),
                f" on the {one.property} of {one.material}: ",
                "; ".join(f"{side.written} ({side.quote.citation})" for side in one.sides),
            )
            for one in found.contradictions
        ),
        _quiet(f"Searched {found.searched.corpus}: {found.searched.documents} documents."),
    )


def picture(crystal: Crystal, *, key: str, title: str) -> Markup:
    """The report's picture of a cell with its styles in the elements."""
    drawn = str(cell_svg(crystal, key=key, title=title))
    for styled, plain in _PICTURE.items():
        drawn = drawn.replace(styled, plain)
    return own_text(drawn)


def _verdict(candidate: CandidateReport, index: int, target: Target) -> Markup:
    verdict = next((one for one in candidate.verdicts if one.target == index), None)
    if verdict is None or verdict.quantity is None:
        return join([_word("unknown"), _under(verdict.reason if verdict else "not measured")])
    return join([_nowrap(value_text(verdict.quantity)), " ", _word(answer_word(verdict, target))])


def _verdict_row(verdict: Verdict, targets: Sequence[Target]) -> list[Child]:
    target = targets[verdict.target] if verdict.target < len(targets) else None
    name = f"{title_of(verdict.property)} {target_text(target) if target else ''}".strip()
    quantity = verdict.quantity
    return [
        name,
        _nowrap(value_text(quantity)) if quantity else "–",
        join([_word(answer_word(verdict, target)), _under(verdict.reason)]),
        probability_text(verdict.probability) if target is None or target.is_constraint else "–",
        _record_id(verdict.record),
    ]


def _place(quote: Quote) -> str:
    parts = [
        quote.citation,
        *(f"doi:{doi}" for doi in quote.dois[:2]),
        "RETRACTED" if quote.retracted else "",
    ]
    return " · ".join(part for part in parts if part)


def _block(*children: Child) -> str:
    return str(element("div", *children, style="max-width:70em;line-height:1.45", class_="matsmith"))


def _table(heads: Sequence[str], rows: Iterable[Sequence[Child]]) -> Markup:
    head = (
        element("thead", element("tr", *(element("th", name, style=_CELL, scope="col") for name in heads)))
        if heads
        else None
    )
    body = (element("tr", *(element("td", child, style=_CELL) for child in row)) for row in rows)
    return element(
        "table", head, element("tbody", *body), style="border-collapse:collapse;margin:.6em 0;border:0"
    )


def _word(kind: str, text: str = "") -> Markup:
    colour = _COLOURS.get(kind, "currentColor")
    return element("span", text or kind, style=f"color:{colour};font-weight:600;white-space:nowrap")


def _nowrap(text: str) -> Markup:
    return element("span", text, style="white-space:nowrap")


def _quiet(text: str) -> Markup:
    return element("div", text, style=_QUIET)


def _under(text: str) -> Markup | None:
    return element("div", text, style=_QUIET) if text else None


def _record_id(record: str) -> Markup | None:
    return (
        element("code", record[:8], title=record, style="background:none;color:inherit") if record else None
    )
