"""Records whole, folded: tool, version, inputs, quantities, facts, structure, method, warnings and time."""

from __future__ import annotations

import json

from matsmith.agents.figures.build import drawing_of
from matsmith.agents.report.details import cell_text
from matsmith.agents.report.figure_svg import figure_element
from matsmith.agents.report.markup import Child, Markup, anchor, element, join
from matsmith.agents.report.pieces import View, definitions
from matsmith.agents.report.wording import duration_text, fact_text, fact_title, title_of, value_text
from matsmith.core.crystal import Crystal
from matsmith.core.record import Record, Status

_LONG_FACT = 1500


def records(view: View) -> Markup | None:
    """Every record that a number in the page comes from, in the order of the candidates."""
    shown = [record for identifier, record in view.report.records.items() if identifier in view.records]
    if not shown:
        return None
    owners: dict[str, list[str]] = {}
    for candidate in view.cards:
        for identifier in candidate.records:
            owners.setdefault(identifier, []).append(candidate.formula)
    return element(
        "section",
        element("h2", f"Records ({len(shown)})"),
        element(
            "p",
            "What each tool was given and what it returned. A number above leads to the record it stands in.",
            class_="lead small",
        ),
        element("div", *(_record(record, owners.get(record.id, [])) for record in shown), class_="card"),
        id="records",
    )


def _record(record: Record, owners: list[str]) -> Markup:
    failure = record.outcome.failure
    if failure is not None:
        what = f"failed: {failure.message}"
    else:
        named = [
            f"{title_of(name)} {value_text(quantity)}" for name, quantity in record.outcome.quantities.items()
        ]
        what = "; ".join(named) or ("structure" if record.outcome.crystal else "facts")
    return element(
        "details",
        element(
            "summary",
            element("span", record.tool, class_="tool"),
            element("span", ", ".join(dict.fromkeys(owners[:3]))),
            element("span", what, class_="what"),
            element("span", record.id[:8], class_="mono quiet"),
        ),
        element(
            "div",
            definitions(record_rows(record)),
            record_figures(record),
            id=anchor("r", record.id),
            class_="record-body",
        ),
        class_="record",
    )


def record_figures(record: Record) -> Markup | None:
    """The figures of a record, still; None where it has none. What a table holds stands among the facts."""
    drawn = [figure_element(figure) for figure in drawing_of(record).figures if not figure.columns]
    return element("div", *drawn, class_="charts") if drawn else None


def record_rows(record: Record) -> list[tuple[Child, Child]]:
    """Everything that a record holds, as names and values."""
    outcome, method = record.outcome, record.outcome.method
    rows: list[tuple[Child, Child]] = [
        ("record", element("span", record.id, class_="mono")),
        ("tool", f"{record.tool}, version {record.tool_version}"),
        ("status", _status(record)),
        ("inputs", _json(record.inputs)),
    ]
    if outcome.quantities:
        rows.append(
            (
                "quantities",
                join(
                    element(
                        "div",
                        f"{title_of(name)}: ",
                        element("b", value_text(quantity)),
                        f" · sigma against {quantity.truth}",
                    )
                    for name, quantity in outcome.quantities.items()
                ),
            )
        )
    rows += [(fact_title(name), _cut(fact_text(value))) for name, value in outcome.facts_to_read.items()]
    if outcome.crystal is not None:
        rows.append(("structure", _sites(outcome.crystal)))
    if method is not None:
        rows.append(("method", " · ".join(part for part in (method.name, method.model) if part)))
        if method.weights_hash:
            rows.append(("weights", element("span", method.weights_hash, class_="mono")))
        rows += [
            (f"file {name}", element("span", digest, class_="mono"))
            for name, digest in list(method.files.items())[:20]
        ]
        if method.reference:
            rows.append(("reference data", method.reference))
    rows += [("warning", warning) for warning in outcome.warnings]
    rows += [("seed", str(record.seed)), ("wall time", duration_text(outcome.wall_s))]
    if record.identity:
        rows.append(("identity of the method", element("span", record.identity, class_="mono")))
    rows.append(("computed", f"{record.started_at:%Y-%m-%d %H:%M:%S} UTC"))
    return rows


def _status(record: Record) -> str:
    failure = record.outcome.failure
    if record.status is Status.SUCCESS or failure is None:
        return str(record.status)
    return f"{record.status}, {failure.code}: {failure.message} {failure.hint}".strip()


def _json(value: object) -> Markup:
    return element("pre", _cut(json.dumps(value, ensure_ascii=False, indent=1)))


def _cut(text: str) -> str:
    return text if len(text) <= _LONG_FACT else text[:_LONG_FACT] + " … (cut here; whole in report.json)"


def _sites(crystal: Crystal) -> Markup:
    lines = [
        f"{symbol:<3}" + "".join(f"{x:>10.5f}" for x in place)
        for symbol, place in zip(crystal.species, crystal.positions, strict=True)
    ]
    shown = lines[:60]
    if len(lines) > len(shown):
        shown.append(f"… and {len(lines) - len(shown)} more sites; whole in report.json")
    return join([element("div", cell_text(crystal)), element("pre", "\n".join(shown))])
