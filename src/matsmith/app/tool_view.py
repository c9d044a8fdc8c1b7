"""Tools and what they return, as people read them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, cast

from matsmith.app.console import plain_table
from matsmith.core.properties import PROPERTIES
from matsmith.tools.base import RELAXED

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import RenderableType

    from matsmith.core.record import Record
    from matsmith.core.settings import Settings
    from matsmith.tools.base import Tool

_EXAMPLES = {"structure": "MgO.cif", "record": "id of a record", "file": "alloy.cif"}


def tool_json(tool: Tool, settings: Settings) -> dict[str, Any]:
    """Return a tool's declaration as plain data."""
    return {
        "name": tool.name,
        "title": tool.title,
        "version": tool.version,
        "description": tool.description,
        "measures": list(tool.measures),
        "cost_s": tool.cost_s,
        "side_effects": tool.side_effects,
        "missing": tool.missing(settings),
        "arguments": tool.schema(),
    }


def tools_table(tools: Sequence[Tool], settings: Settings) -> RenderableType:
    """Return the list of tools."""
    from rich.text import Text

    table = plain_table("Tool", "Measures", "Cost", "State", right=frozenset({"Cost"}))
    for tool in tools:
        missing = tool.missing(settings)
        measures = "; ".join(PROPERTIES[name].title if name in PROPERTIES else name for name in tool.measures)
        state = Text(f"missing: {missing}", style="unknown") if missing else Text("ready", style="met")
        table.add_row(
            Text(tool.name, style="label"),
            Text(measures or tool.title.lower(), style="" if measures else "quiet"),
            Text(cost_text(tool.cost_s), style="quiet", no_wrap=True),
            state,
        )
    return table


def cost_text(seconds: float) -> str:
    """Show what a call usually takes.

    >>> cost_text(0.001), cost_text(0.4), cost_text(12)
    ('1 ms', '0.4 s', '12 s')
    """
    return f"{1000 * seconds:.2g} ms" if seconds < 0.1 else f"{seconds:.3g} s"


def tool_help(tool: Tool, settings: Settings) -> RenderableType:
    """Return what a tool does, its arguments from the schema, and an example."""
    from rich.console import Group
    from rich.padding import Padding
    from rich.text import Text

    schema = tool.schema()
    required = set(cast("list[str]", schema.get("required", [])))
    table = plain_table("Argument", "Type", "Default", "")
    example: dict[str, Any] = {}
    references = tool.args.reference_fields()
    for name, entry in cast("dict[str, dict[str, Any]]", schema.get("properties", {})).items():
        if name in required:
            kind = "structure" if name == RELAXED else references.get(name, "")
            example[name] = _EXAMPLES.get(kind, "…")
        table.add_row(
            Text(name, style="label", no_wrap=True),
            Text(type_text(entry)),
            Text("required" if name in required else json.dumps(entry.get("default")), style="quiet"),
            Text(str(entry.get("description", ""))),
        )
    missing = tool.missing(settings)
    lines = " ".join(
        f"{key}={value if ' ' not in str(value) else repr(value)}" for key, value in example.items()
    )
    parts: list[RenderableType] = [
        Text.assemble((f"{tool.name}", "label"), f"  {tool.title}, about {cost_text(tool.cost_s)} a call"),
        Text(),
        Text("\n".join(line.strip() for line in tool.description.splitlines())),
        Text(),
        table,
        Text(),
        Text(f"matsmith tool {tool.name} {lines}", style="quiet"),
        Text(f"matsmith tool {tool.name} --args '{json.dumps(example)}'", style="quiet"),
    ]
    if missing:
        parts += [Text(), Text(f"Cannot run here: {missing}", style="unknown")]
    return Padding(Group(*parts), (0, 0, 0, 1), expand=False)


def type_text(entry: dict[str, Any]) -> str:
    """Show the type of an argument with its limits, from the schema's entry."""
    if "anyOf" in entry:
        return " or ".join(type_text(option) for option in cast("list[dict[str, Any]]", entry["anyOf"]))
    if "enum" in entry:
        return " | ".join(str(value) for value in cast("list[Any]", entry["enum"]))
    limits = [
        f"{sign} {entry[key]:g}"
        for key, sign in (
            ("exclusiveMinimum", ">"),
            ("minimum", "≥"),
            ("exclusiveMaximum", "<"),
            ("maximum", "≤"),
        )
        if key in entry
    ]
    return ", ".join([str(entry.get("type", "any")), *limits])


def record_view(record: Record) -> RenderableType:
    """Return a record: quantities with sigma, facts, warnings, method and id."""
    from rich.console import Group
    from rich.padding import Padding
    from rich.text import Text

    from matsmith.agents.report.markup import visible
    from matsmith.agents.report.wording import duration_text, fact_text, title_of, value_text

    outcome = record.outcome
    parts: list[RenderableType] = []
    if record.quantities:
        table = plain_table("Quantity", "Value ± sigma", "Against")
        for name, quantity in record.quantities.items():
            table.add_row(
                Text(title_of(name)),
                Text(value_text(quantity), style="label"),
                Text(str(quantity.truth), style="quiet"),
            )
        parts += [table, Text()]
    lines = [(title_of(name), fact_text(value)) for name, value in outcome.facts_to_read.items()]
    if outcome.crystal is not None:
        crystal = outcome.crystal
        lines.append(
            (
                "structure",
                f"{crystal.formula}, {len(crystal.species)} atoms, {crystal.volume_angstrom3:.2f} Å³",
            )
        )
    if outcome.method is not None:
        method = outcome.method
        lines.append(
            ("method", ", ".join(part for part in (method.name, method.model, method.reference) if part))
        )
        if method.weights_hash:
            lines.append(("weights", method.weights_hash[:16]))
    lines.append(
        (
            "record",
            f"{record.id}  ({record.tool} {record.tool_version}, {duration_text(outcome.wall_s)}, {record.status})",
        )
    )
    grid = plain_table("", "", show_header=False)
    for label, value in lines:
        grid.add_row(Text(visible(label), style="quiet"), Text(visible(value)))
    parts.append(grid)
    for warning in outcome.warnings:
        parts.append(Text.assemble(("warning: ", "unknown"), visible(warning)))
    return Padding(Group(*parts), (0, 0, 0, 1), expand=False)
