"""Small pieces that every part of the page uses: numbers that lead to their records, verdicts, chips, tables."""

from __future__ import annotations

from dataclasses import dataclass, field

from matsmith.agents.report.markup import Child, Markup, anchor, element, formula_markup, join
from matsmith.agents.report.model import CandidateReport, FailureReport, RunReport, TextPart
from matsmith.agents.report.wording import answer_word, margin_text, probability_text, value_text
from matsmith.core.candidate import NoveltyLabel
from matsmith.core.run import StopReason
from matsmith.core.spec import Target
from matsmith.core.verdict import Answer, Verdict

MISSING = "–"


@dataclass(frozen=True, kw_only=True)
class View:
    """What of a report stands in the page: `cards` in detail, `rows` in short. Both are ranks' prefixes of the candidates."""

    report: RunReport
    cards: list[CandidateReport]
    rows: list[CandidateReport]
    records: frozenset[str]
    linked: frozenset[str] = field(default_factory=frozenset[str])

    @classmethod
    def of(cls, report: RunReport, *, cards: int, rows: int) -> View:
        """Choose how much of a long run the page holds; `report.json` holds all of it."""
        detailed = report.candidates[:cards]
        short = report.candidates[cards : cards + rows]
        cited = {part.record for row in report.rounds for part in row.critique if part.record}
        wanted = {record for candidate in detailed for record in candidate.records} | cited
        return cls(
            report=report,
            cards=detailed,
            rows=short,
            records=frozenset(wanted & set(report.records)),
            linked=frozenset(candidate.id for candidate in [*detailed, *short]),
        )

    @property
    def targets(self) -> list[Target]:
        """Targets of the specification, none when the run was never planned."""
        return self.report.spec.targets if self.report.spec else []

    def number(self, text: str, record: str, *, strong: bool = False) -> Markup:
        """A number that opens the record it comes from; without that record in the page there is no number, but a gap."""
        if record not in self.records:
            return element("span", MISSING, class_="gap", title="No record backs this number.")
        return element(
            "a",
            text,
            href=f"#{anchor('r', record)}",
            class_="num value" if strong else "num",
            title=f"record {record[:8]}",
        )

    def candidate(self, identifier: str, name: Child = None) -> Markup:
        """The name of a candidate, leading to it when it stands in the page."""
        shown = name if name is not None else element("span", identifier[:8], class_="mono")
        if identifier not in self.linked:
            return join([shown])
        return element("a", shown, href=f"#{anchor('c', identifier)}")

    def verdict(self, candidate: CandidateReport, index: int) -> Verdict | None:
        """The verdict on one target."""
        return next((one for one in candidate.verdicts if one.target == index), None)

    def numbers_of(self, verdict: Verdict) -> tuple[Markup, Markup, Markup]:
        """Value, margin and probability of a verdict, each leading to its record."""
        if verdict.quantity is None:
            gap = element("span", MISSING, class_="quiet")
            return gap, gap, gap
        target = self.targets[verdict.target] if verdict.target < len(self.targets) else None
        constraint = target is None or target.is_constraint
        none = element("span", MISSING, class_="quiet")
        return (
            self.number(value_text(verdict.quantity), verdict.record, strong=True),
            self.number(margin_text(verdict), verdict.record) if constraint else none,
            self.number(probability_text(verdict.probability), verdict.record) if constraint else none,
        )

    def text(self, parts: list[TextPart]) -> Markup:
        """A text whose numbers lead to their records."""
        return join(
            element("span", part.text, class_="gap")
            if part.gap
            else self.number(part.text, part.record)
            if part.record
            else part.text
            for part in parts
        )


def word(verdict: Verdict, target: Target | None) -> Markup:
    """The verdict as a coloured word with a shape of its own."""
    text = answer_word(verdict, target)
    return element("span", text, class_=f"word {text.replace(' ', '-')}", title=verdict.reason or None)


def overall(candidate: CandidateReport) -> tuple[str, str]:
    """Class and word for a candidate as a whole."""
    if candidate.meets:
        return "met", "meets all"
    if any(verdict.answer is Answer.NOT_MET for verdict in candidate.verdicts):
        return "not-met", "does not meet"
    return "unknown", "not settled"


def novelty_chip(novelty: NoveltyLabel) -> Markup:
    """The novelty label; the lists it was checked against show on hovering and stand in full in the details."""
    lists = "Checked against: " + "; ".join(novelty.lists) if novelty.lists else "Checked against no list."
    kind = str(novelty.label).replace(" ", "-")
    return element("span", str(novelty.label), class_=f"chip {kind}", title=lists)


def stop_class(reason: StopReason | None) -> str:
    """Class of the banner."""
    return str(reason) if reason is not None else "interrupted"


def definitions(rows: list[tuple[Child, Child]]) -> Markup:
    """A list of names and what they stand for."""
    return element("dl", *(join([element("dt", name), element("dd", value)]) for name, value in rows))


def columns(rows: list[tuple[Child, Child]]) -> Markup:
    """Short facts side by side, each name above its value."""
    items = (element("div", element("dt", name), element("dd", value)) for name, value in rows)
    return element("dl", *items, class_="columns")


def table(
    heads: list[Child], rows: list[Markup], *, class_: str = "stack", caption: str | None = None
) -> Markup:
    """A table from its heads and finished rows."""
    return element(
        "table",
        element("caption", caption, class_="skip") if caption else None,
        element("thead", element("tr", *(element("th", head, scope="col") for head in heads))),
        element("tbody", *rows),
        class_=class_,
    )


def cell(*children: Child, label: str, sort: str | float | None = None, class_: str | None = None) -> Markup:
    """A cell that carries its column's name, for narrow screens."""
    return element(
        "td",
        element("div", *children, class_="cell-stack"),
        data_label=label,
        data_sort=repr(sort) if isinstance(sort, float) else sort,
        class_=class_,
    )


def failure_line(failure: FailureReport) -> Markup:
    """A typed failure in a line."""
    return join([element("b", failure.tool), ": ", failure.message, f" ({failure.code.replace('_', ' ')})"])


def name_of(candidate: CandidateReport) -> Markup:
    """The formula, with lowered digits."""
    return element("span", formula_markup(candidate.formula), class_="formula")


def phase_of(candidate: CandidateReport) -> str:
    """Prototype and space group in short."""
    group = candidate.space_group
    if group and candidate.space_group_number:
        group += f" ({candidate.space_group_number})"
    return " · ".join(part for part in (candidate.prototype, group) if part)
