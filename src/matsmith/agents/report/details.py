"""Candidates in detail, those that follow in short, and those that were rejected."""

from __future__ import annotations

import math

from matsmith.agents.report.cells import cell_svg
from matsmith.agents.report.element_colours import element_colour, mix
from matsmith.agents.report.markup import Child, Markup, anchor, element, formula_markup, join
from matsmith.agents.report.model import CandidateReport
from matsmith.agents.report.pieces import (
    MISSING,
    View,
    cell,
    columns,
    definitions,
    failure_line,
    name_of,
    novelty_chip,
    overall,
    phase_of,
    table,
    word,
)
from matsmith.agents.report.wording import answer_word, fact_text, fact_title, target_text, title_of
from matsmith.core.crystal import Crystal

_REJECTED_SHOWN = 40
_OPEN_CARDS = 3
_SHOWN_ELSEWHERE = frozenset({"space_group_symbol", "space_group_number"})


def candidates(view: View) -> Markup | None:
    """One card a candidate, with its picture."""
    if not view.cards:
        return None
    return element(
        "section",
        element("h2", "Candidates in detail"),
        *(_card(view, candidate) for candidate in view.cards),
        id="candidates",
    )


def _card(view: View, candidate: CandidateReport) -> Markup:
    kind, words = overall(candidate)
    return element(
        "article",
        element(
            "div",
            _picture(candidate),
            _legend(candidate.crystal),
            _cell_line(view, candidate),
            class_="picture",
        ),
        element(
            "div",
            element(
                "header",
                element("span", f"{candidate.rank}", class_="rank"),
                element(
                    "h3",
                    formula_markup(candidate.formula),
                    class_="formula",
                    style="text-transform:none;color:inherit",
                ),
                novelty_chip(candidate.novelty),
                element("span", words, class_=f"word {kind}"),
                element("a", "CIF", href=f"candidates/{candidate.cif_name}", class_="cif", download=True),
            ),
            element("p", _symmetry(view, candidate), class_="quiet small"),
            _verdicts(view, candidate),
            _measured(view, candidate),
            *(element("p", text, class_="note") for text in candidate.warnings),
            *(
                element("p", failure_line(failure), " ", _record_link(view, failure.record), class_="note")
                for failure in candidate.failures
            ),
            element("h3", "Where it comes from"),
            _lineage(view, candidate),
        ),
        class_="card candidate",
        id=anchor("c", candidate.id),
    )


def _picture(candidate: CandidateReport) -> Markup:
    return cell_svg(
        candidate.crystal, key=anchor("g", candidate.id[:12]), title=f"Unit cell of {candidate.formula}"
    )


def _legend(crystal: Crystal) -> Markup:
    items: list[Markup] = []
    for symbol in crystal.elements:
        colour = element_colour(symbol)
        dot = element(
            "svg",
            element(
                "circle",
                cx=5,
                cy=5,
                r=4.4,
                fill=colour,
                stroke=mix(colour, "#101820", share=0.5),
                stroke_width="0.8",
            ),
            viewBox="0 0 10 10",
            aria_hidden="true",
        )
        items.append(element("li", dot, symbol))
    return element("ul", *items, class_="legend")


def cell_text(crystal: Crystal) -> str:
    """Lengths and angles of the computed cell, its number of atoms and its volume."""
    lengths = [math.sqrt(sum(x * x for x in vector)) for vector in crystal.lattice]
    angles: list[float] = []
    for first, second in ((1, 2), (0, 2), (0, 1)):
        dot = sum(x * y for x, y in zip(crystal.lattice[first], crystal.lattice[second], strict=True))
        angles.append(math.degrees(math.acos(max(-1.0, min(1.0, dot / (lengths[first] * lengths[second]))))))
    atoms = len(crystal.species)
    return (
        f"{atoms} atom{'' if atoms == 1 else 's'}, {crystal.volume_angstrom3:.2f} Å³; "
        f"a, b, c {', '.join(f'{length:.3f}' for length in lengths)} Å; "
        f"α, β, γ {', '.join(f'{angle:.1f}' for angle in angles)}°"
    )


def _cell_line(view: View, candidate: CandidateReport) -> Markup:
    text = cell_text(candidate.crystal)
    if not candidate.crystal_record:
        return element("p", f"As generated, not relaxed: {text}", class_="small quiet cell-line")
    if candidate.crystal_record not in view.records:
        return element(
            "p", "Relaxed cell: ", element("span", MISSING, class_="gap"), class_="small quiet cell-line"
        )
    link = element("a", text, href=f"#{anchor('r', candidate.crystal_record)}", class_="num wrap")
    return element("p", "Relaxed cell: ", link, class_="small quiet cell-line")


def _symmetry(view: View, candidate: CandidateReport) -> Markup:
    parts: list[Child] = []
    if candidate.prototype:
        parts += [candidate.prototype, " · "]
    if candidate.space_group:
        number = f" (no. {candidate.space_group_number})" if candidate.space_group_number else ""
        parts += [
            "space group ",
            view.number(candidate.space_group + number, candidate.space_group_record),
            " · ",
        ]
    parts.append(element("span", candidate.id, class_="mono"))
    return join(parts)


def _verdicts(view: View, candidate: CandidateReport) -> Markup | None:
    rows: list[Markup] = []
    for index, target in enumerate(view.targets):
        verdict = view.verdict(candidate, index)
        if verdict is None:
            continue
        value, margin, probability = view.numbers_of(verdict)
        why = element("span", verdict.reason, class_="under") if verdict.reason else None
        rows.append(
            element(
                "tr",
                cell(
                    title_of(target.property),
                    element("span", target_text(target), class_="under"),
                    label="Target",
                    class_="head",
                ),
                cell(value, label="Value"),
                cell(word(verdict, target), why, label="Verdict"),
                cell(margin, label="Margin"),
                cell(probability, label="Probability"),
            )
        )
    return table(["Target", "Value", "Verdict", "Margin", "Probability"], rows) if rows else None


def _measured(view: View, candidate: CandidateReport) -> Markup | None:
    """Every quantity and fact; open for the first candidates, folded for those that follow."""
    rows = [
        element(
            "tr",
            cell(quantity.title, label="Quantity", class_="head"),
            cell(view.number(quantity.text, quantity.record, strong=True), label="Value"),
            cell(
                str(quantity.quantity.truth) if quantity.quantity.sigma else "exact", label="Sigma is against"
            ),
            cell(element("span", quantity.tool, " ", _record_link(view, quantity.record)), label="Record"),
        )
        for quantity in candidate.quantities
    ]
    facts: list[tuple[Child, Child]] = [
        (fact_title(fact.name), view.number(_short(fact_text(fact.value)), fact.record))
        for fact in candidate.facts
        if fact.name not in _SHOWN_ELSEWHERE
    ]
    parts: list[Child] = []
    if rows:
        heads: list[Child] = ["Quantity", "Value", "Sigma is against", "Record"]
        parts += [table(heads, rows)]
    if facts:
        parts += [element("h3", "Found out on the way"), columns(facts)]
    if not parts:
        return None
    summary = element("summary", f"Everything computed: {len(rows)} quantities, {len(facts)} facts")
    return element("details", summary, *parts, class_="more", open=candidate.rank <= _OPEN_CARDS)


def _short(text: str) -> str:
    return text if len(text) <= 240 else text[:240] + " …"


def _lineage(view: View, candidate: CandidateReport) -> Markup:
    lineage = candidate.lineage
    rows: list[tuple[Child, Child]] = [
        ("strategy", f"{lineage.strategy}, round {lineage.round}, seed {lineage.seed}")
    ]
    if lineage.parents:
        names = [view.candidate(parent) for parent in lineage.parents[:8]]
        rows.append(("parents", join(part for name in names for part in (name, " "))))
    if lineage.note:
        rows.append(("note", lineage.note))
    novelty = candidate.novelty
    checked = "; ".join(novelty.lists) if novelty.lists else "no list"
    match = f", equals {novelty.match}" if novelty.match else ""
    rows.append(("novelty", f"{novelty.label}{match}; checked against {checked}"))
    return definitions(rows)


def _record_link(view: View, record: str) -> Markup | None:
    if record not in view.records:
        return None
    return element("a", record[:8], href=f"#{anchor('r', record)}", class_="mono")


def others(view: View) -> Markup | None:
    """Candidates after the detailed ones, with their verdicts in words."""
    if not view.rows:
        return None
    rows: list[Markup] = []
    for candidate in view.rows:
        kind, words = overall(candidate)
        cells = [
            cell(str(candidate.rank), label="#", class_="rank", sort=float(candidate.rank)),
            cell(
                name_of(candidate),
                element("span", phase_of(candidate), class_="under"),
                label="Candidate",
                class_="head",
                sort=candidate.formula,
            ),
            cell(element("div", novelty_chip(candidate.novelty)), label="Novelty"),
            cell(element("span", words, class_=f"word {kind}"), label="As a whole"),
        ]
        for index, target in enumerate(view.targets):
            verdict = view.verdict(candidate, index)
            shown = word(verdict, target) if verdict else element("span", "unknown", class_="word unknown")
            sort = answer_word(verdict, target) if verdict else ""
            cells.append(cell(shown, label=title_of(target.property), sort=sort))
        rows.append(element("tr", *cells, id=anchor("c", candidate.id)))
    heads: list[Child] = ["#", "Candidate", "Novelty", "As a whole"]
    heads += [title_of(target.property) for target in view.targets]
    left = len(view.report.candidates) - len(view.cards) - len(view.rows)
    more = f" {left} more stand in report.json." if left else ""
    return element(
        "section",
        element("h2", "The candidates that follow"),
        element(
            "p",
            f"Their numbers and records stand in report.json; matsmith show prints them.{more}",
            class_="lead small",
        ),
        element("div", table(heads, rows, class_="stack sortable"), class_="scroll"),
        id="others",
    )


def rejected(view: View) -> Markup | None:
    """Candidates that left the run early: how many for which reason, and some of them by name."""
    report = view.report
    if not report.rejected:
        return None
    most = max(report.rejected_by_reason.values())
    bars: list[Child] = []
    for reason, count in list(report.rejected_by_reason.items())[:12]:
        width = max(1.0, 100.0 * count / most)
        bars += [element("span", reason), element("i", style=f"width:{width:.0f}%"), element("b", count)]
    rows = [
        element(
            "tr",
            cell(
                element("span", formula_markup(one.formula), class_="formula"),
                element("span", one.prototype, class_="under"),
                label="Candidate",
                class_="head",
            ),
            cell(one.reason, label="Why"),
            cell(one.strategy, label="Strategy"),
            cell(str(one.round), label="Round"),
            cell(element("span", one.id[:8], class_="mono"), label="Id"),
        )
        for one in report.rejected[:_REJECTED_SHOWN]
    ]
    left = len(report.rejected) - len(rows)
    return element(
        "section",
        element("h2", f"Rejected, and why ({len(report.rejected)})"),
        element(
            "div",
            element("div", *bars, class_="bars"),
            element(
                "details",
                element("summary", f"{len(rows)} of them by name" if left else "All of them by name"),
                table(["Candidate", "Why", "Strategy", "Round", "Id"], rows),
                element("p", f"{left} more stand in report.json.", class_="small quiet") if left else None,
                class_="more",
            ),
            class_="card",
        ),
        id="rejected",
    )
