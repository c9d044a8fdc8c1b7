"""Protocols of molecular dynamics and what they measure, as people read them, and the files that a result is written to."""

from __future__ import annotations

import json
import re
import shlex
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from matsmith.app.console import plain_table
from matsmith.app.tool_view import cost_text, type_text

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from rich.console import RenderableType

    from matsmith.core.record import Record
    from matsmith.core.settings import Settings
    from matsmith.tools.base import Tool
    from matsmith.tools.lammps.alloys import Alloy
    from matsmith.tools.lammps.potentials import Entry

_MOST_NOTES = 8
# As tools say it at the end of their descriptions: a call of `matsmith tool` with JSON, or one that needs no change.
_EXAMPLE = re.compile(r"Example: (?:`(?P<call>[^`\n]+)`|matsmith tool \w+ --args '(?P<args>[^'\n]+)')")


def protocols_table(tools: Sequence[Tool], settings: Settings) -> RenderableType:
    """The list of protocols: name, what it measures, usual cost, what is missing."""
    from rich.text import Text

    table = plain_table("Protocol", "Measures", "Cost", "State", right=frozenset({"Cost"}))
    for tool in tools:
        missing = tool.missing(settings)
        table.add_row(
            Text(tool.name.removeprefix("md_"), style="label"),
            Text(tool.title),
            Text(f"about {cost_text(tool.cost_s)}", style="quiet", no_wrap=True),
            Text(f"missing: {missing}", style="unknown") if missing else Text("ready", style="met"),
        )
    return table


def potentials_table(entries: Sequence[Entry]) -> RenderableType:
    """The potentials of the catalogue: id, elements, style, what each was fitted for, and its known weaknesses."""
    from rich.text import Text

    table = plain_table("Potential", "Elements", "Style", "Fitted for", "Known weaknesses")
    for entry in entries:
        table.add_row(
            Text(entry.id, style="label", no_wrap=True),
            Text(" ".join(entry.elements)),
            Text(entry.pair_style, style="quiet"),
            Text(entry.fitted_for),
            Text("; ".join(entry.weaknesses), style="unknown"),
        )
    return table


def protocol_help(tool: Tool, settings: Settings, *, options: Mapping[str, str]) -> RenderableType:
    """What a protocol does and its options, with its example."""
    from rich.console import Group
    from rich.padding import Padding
    from rich.text import Text

    schema = tool.schema()
    table = plain_table("Option", "Type", "Default", "")
    for name, entry in cast("dict[str, dict[str, Any]]", schema.get("properties", {})).items():
        default = entry.get("default")
        table.add_row(
            Text(options[name], style="label", no_wrap=True),
            Text(type_text(entry)),
            Text("" if default is None else str(default), style="quiet"),
            Text(str(entry.get("description", ""))),
        )
    short = tool.name.removeprefix("md_")
    parts: list[RenderableType] = [
        Text.assemble((f"matsmith md {short}", "label"), f"  {tool.title}, about {cost_text(tool.cost_s)}"),
        Text(),
        Text("\n".join(line.strip() for line in _EXAMPLE.sub("", tool.description).strip().splitlines())),
        Text(),
        table,
        Text(),
        *([Text("Lists are written with commas, as in 1,1,0", style="quiet")] if list_fields(schema) else []),
        Text("--alloy, --sweep, --seed, --out and --json: see matsmith md --help", style="quiet"),
        Text(example_call(tool, options=options), style="quiet", no_wrap=True, overflow="ignore"),
    ]
    missing = tool.missing(settings)
    if missing:
        parts += [Text(), Text(f"Cannot run here: {missing}", style="unknown")]
    return Padding(Group(*parts), (0, 0, 0, 1), expand=False)


def example_call(tool: Tool, *, options: Mapping[str, str]) -> str:
    """The example of a protocol's own description as a call of `matsmith md`; of one without an example, the call for its help."""
    short = tool.name.removeprefix("md_")
    found = _EXAMPLE.search(tool.description)
    if found is None:
        return f"matsmith md {short} --help"
    if found["args"] is None:
        return found["call"]
    arguments: dict[str, Any] = json.loads(found["args"])
    words = [f"{options[name]} {_as_word(value)}" for name, value in arguments.items()]
    return " ".join([f"matsmith md {short}", *words])


def list_fields(schema: Mapping[str, Any]) -> frozenset[str]:
    """Names of the arguments of a tool's schema that take a list."""
    return frozenset(
        name
        for name, entry in schema.get("properties", {}).items()
        if any(kind.get("type") == "array" for kind in (entry, *entry.get("anyOf", ())))
    )


def _as_word(value: Any) -> str:
    if isinstance(value, list):
        return ",".join(_as_word(each) for each in cast("list[Any]", value))
    return shlex.quote(value if isinstance(value, str) else json.dumps(value))


def sweep_table(alloys: Sequence[Alloy], records: Sequence[Record]) -> RenderableType:
    """Quantities over composition; a failure says its reason. Below, what the records warn of."""
    from rich.console import Group
    from rich.text import Text

    from matsmith.agents.report.wording import title_of, unit_text
    from matsmith.core.quantity import format_value

    names = list(dict.fromkeys(name for record in records for name in record.quantities))[:6]
    units = {
        name: unit_text(record.quantities[name].unit)
        for name in names
        for record in records
        if name in record.quantities
    }
    table = plain_table("Composition", *(f"{title_of(name)} ({units[name]})" for name in names), "")
    for alloy, record in zip(alloys, records, strict=True):
        cells = [
            Text(format_value(found.value, sigma=found.sigma, unit=""))
            if (found := record.quantities.get(name))
            else Text("–")
            for name in names
        ]
        failure = record.outcome.failure
        table.add_row(
            Text(alloy.describe(), style="label"),
            *cells,
            Text(failure.message if failure else "", style="unknown"),
        )
    notes = [Text(f"  {note}", style="quiet") for note in sweep_notes(records)]
    return Group(table, *notes)


def sweep_notes(records: Sequence[Record]) -> list[str]:
    """What the records of a sweep warn of, each once, the most common first, with how many of them do; at most eight."""
    counts = Counter(warning for record in records for warning in dict.fromkeys(record.outcome.warnings))
    told = [
        note if count == len(records) else f"{count} of {len(records)}: {note}"
        for note, count in counts.most_common(_MOST_NOTES)
    ]
    left = len(counts) - len(told)
    return [*told, f"and {left} more, in the records"] if left > 0 else told


def written(record: Record, folder: Path) -> list[Path]:
    """Write a record, its structure and its plots (SVG) into a folder; return the paths."""
    from matsmith.agents.figures.build import drawing_of
    from matsmith.agents.report.figure_svg import svg_of

    folder.mkdir(parents=True, exist_ok=True)
    files = {f"{record.tool}.json": record.model_dump_json(indent=2)}
    if record.outcome.crystal is not None:
        files["structure.cif"] = record.outcome.crystal.to_cif()
    for figure in drawing_of(record).figures:
        if figure.series:
            files[f"{figure.id}.svg"] = _with_style(str(svg_of(figure)))
    paths: list[Path] = []
    for name, text in files.items():
        (folder / name).write_text(text, encoding="utf-8")
        paths.append(folder / name)
    return paths


def _with_style(svg: str) -> str:
    """An SVG of the report as a file of its own: with its name space, and with the report's style inside."""
    from importlib.resources import files

    style = files("matsmith.agents.report").joinpath("page.css").read_text(encoding="utf-8")
    head, _, rest = svg.partition(">")
    head = head.replace("<svg", '<svg xmlns="http://www.w3.org/2000/svg"', 1)
    return f"{head}><style><![CDATA[{style}]]></style>{rest}\n"
