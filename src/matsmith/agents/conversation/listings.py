"""What a thread holds and what can be done in it, as tables: tools, files and structures, records."""

from __future__ import annotations

from matsmith.agents.conversation.desk import Desk
from matsmith.agents.conversation.files import attached
from matsmith.agents.conversation.pieces import TablePiece
from matsmith.agents.report.wording import title_of, value_text
from matsmith.core.properties import PROPERTIES
from matsmith.core.record import Record
from matsmith.tools.registry import get_tool, tool_names

_RECORDS_SHOWN = 30


def tools_table(desk: Desk) -> TablePiece:
    """Every tool: what it measures, what it costs, and what it lacks here."""
    rows: list[tuple[str, ...]] = []
    for name in tool_names():
        tool = get_tool(name)
        missing = tool.missing(desk.settings)
        measures = ", ".join(PROPERTIES[one].title for one in tool.measures if one in PROPERTIES)
        state = f"missing: {missing}" if missing else "ready"
        rows.append((name, measures or tool.title.lower(), f"{tool.cost_s:g} s", state))
    return TablePiece(columns=("Tool", "Measures", "Cost", "State"), rows=tuple(rows))


def files_table(desk: Desk) -> TablePiece | None:
    """The files and structures of a thread, None when there are none."""
    rows = [(one["label"], one["kind"], "") for one in attached(desk) if one["kind"] != "structure"]
    rows += [(one.label, "structure", f"{one.formula}, {one.source}") for one in desk.shelf.all()]
    return TablePiece(columns=("Name", "Kind", ""), rows=tuple(rows)) if rows else None


def records_table(desk: Desk) -> TablePiece | None:
    """The last records of a thread in short, None when nothing was computed."""
    records = [Record.model_validate_json(entry.body) for entry in desk.ledger.entries("record")]
    if not records:
        return None
    rows = tuple((one.id[:8], one.tool, _in_short(one)) for one in records[-_RECORDS_SHOWN:])
    note = f"the last {len(rows)} of {len(records)}" if len(records) > len(rows) else ""
    return TablePiece(columns=("Record", "Tool", ""), rows=rows, note=note)


def _in_short(record: Record) -> str:
    if record.outcome.failure is not None:
        return f"failed: {record.outcome.failure.message}"
    values = ", ".join(
        f"{title_of(name)} {value_text(one)}" for name, one in list(record.quantities.items())[:4]
    )
    formula = record.outcome.crystal.formula if record.outcome.crystal else ""
    return ", ".join(part for part in (formula, values) if part) or f"{len(record.outcome.facts)} facts"
