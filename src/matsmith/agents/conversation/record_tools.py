"""The tools of the registry as a conversation calls them: structures by label, batches together, numbers as references."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import accumulate, islice
from pathlib import Path
from typing import Any, cast

from pydantic import ValidationError

from matsmith.agents.conversation.chat_tools import Arguments, ChatTool, ToolReply
from matsmith.agents.conversation.crystal_numbers import cell_facts
from matsmith.agents.conversation.desk import Desk
from matsmith.agents.conversation.files import attached
from matsmith.agents.conversation.pieces import Piece, RecordPiece, says
from matsmith.agents.conversation.structures import MAKE_STRUCTURES, cell_table
from matsmith.agents.reasoners.chat_model import ToolSchema
from matsmith.agents.report.wording import value_text
from matsmith.core.errors import MatsmithError, ToolError
from matsmith.core.properties import PROPERTIES
from matsmith.core.record import Record, Status
from matsmith.tools.base import Args, Tool
from matsmith.tools.registry import get_tool, tool_names

COSTLY_S = 60.0
"""A call that usually takes longer is confirmed first."""
_LONGEST_FACT, _LONGEST_LIST = 400, 1_600
_ABOUT = {
    "structure": "a structure of this thread: its label, formula or id, or the id of a record that holds one",
    "record": "the id of a record of this thread, at least its first four characters",
}


def record_tools(desk: Desk) -> list[ChatTool]:
    """Every tool of the registry that can run here."""
    tools = [get_tool(name) for name in tool_names()]
    return [record_tool(tool, desk) for tool in tools if tool.missing(desk.settings) is None]


def record_tool(tool: Tool, desk: Desk) -> ChatTool:
    """One tool of the registry."""

    def asks(arguments: Arguments) -> str | None:
        del arguments
        if tool.side_effects != "none":
            return f"Run {tool.name}: it {tool.side_effects}."
        return f"Run {tool.name}: it usually takes {tool.cost_s:.0f} s." if tool.cost_s >= COSTLY_S else None

    return ChatTool(schema=_schema(tool), run_many=lambda batch: run_batch(tool, batch, desk=desk), asks=asks)


def run_batch(tool: Tool, batch: Sequence[Arguments], *, desk: Desk) -> list[ToolReply]:
    """Run one tool on several arguments at once; wrong ones fail alone. Replies stand in the order of the arguments."""
    replies: dict[int, ToolReply] = {}
    ready: dict[int, tuple[Args, str]] = {}
    for index, arguments in enumerate(batch):
        try:
            ready[index] = _prepared(tool, arguments, desk=desk)
        except MatsmithError as error:
            replies[index] = ToolReply.of_error(error)
    order = list(ready)
    if order:
        try:
            stream = desk.runner.run_many(
                tool.name, [ready[index][0] for index in order], deadline=desk.deadline
            )
            for place, record in stream:
                index = order[place]
                label = ready[index][1]
                desk.shelf.put_record(record, of=label)
                desk.known.add_record(record)
                replies[index] = record_reply(record, title=f"{tool.title}: {label}" if label else tool.title)
        except MatsmithError as error:
            # What was finished before stands; the others fail with the reason.
            for index in order:
                replies.setdefault(index, ToolReply.of_error(error))
    return [replies[index] for index in range(len(batch))]


def _prepared(tool: Tool, arguments: Arguments, *, desk: Desk) -> tuple[Args, str]:
    """The arguments as the tool takes them, and what they are about."""
    missing = tool.missing(desk.settings)
    if missing is not None:
        raise ToolError(f"The tool {tool.name} cannot run here: {missing}")
    whole: dict[str, Any] = {name: value for name, value in arguments.items() if value is not None}
    label = str(whole.get("formula", "") or "")
    for name in file_fields(tool):
        if whole.get(name) is not None:
            label = str(whole[name])
            whole[name] = str(_attached_path(label, desk=desk))
    for name, kind in tool.args.reference_fields().items():
        given = whole.get(name)
        if given is None or kind not in _ABOUT:
            continue
        if not isinstance(given, str):
            raise ToolError(f"{name} must name a {kind}.", hint=_ABOUT[kind])
        if kind == "structure":
            shelved = desk.shelf.find(given)
            whole[name] = desk.shelf.reference(given)
            label = shelved.label.removesuffix(" (relax)") if shelved else given
            if shelved is not None and name == "structure":
                desk.shelf.touch(shelved)
        else:
            record = _record(given, tool=tool.name, desk=desk)
            whole[name], label = record.id, _formula_of(record) or given
    try:
        return tool.args.model_validate(whole), label
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(str(part) for part in first["loc"]) or "arguments"
        raise ToolError(
            f"The tool {tool.name} does not take this: {field}: {first['msg']}.",
            hint=f"It takes {', '.join(tool.args.model_fields) or 'nothing'}.",
        ) from error


def file_fields(tool: Tool) -> list[str]:
    """The arguments that are the path of a file: a conversation gives the label of one that the person gave, and no path."""
    references = tool.args.reference_fields()
    return [
        name
        for name, info in tool.args.model_fields.items()
        if references.get(name) == "file"
        or (name not in references and "path of" in (info.description or ""))
    ]


def _attached_path(label: str, *, desk: Desk) -> Path:
    files = {one["label"]: Path(one["path"]) for one in attached(desk)}
    # By label, or by the path that the person wrote: no other path of this machine.
    found = files.get(label) or next((path for path in files.values() if str(path) == label), None)
    if found is None:
        raise ToolError(
            f"The person gave no file {label[:60]!r}.", hint=f"There are: {', '.join(files) or 'none'}."
        )
    return found


def _record(given: str, *, tool: str, desk: Desk) -> Record:
    record = desk.shelf.record(given)
    if record is None:
        # The name of a structure means its relaxation, where there is one.
        shelved = desk.shelf.find(f"{given} (relax)") or desk.shelf.find(given)
        record = desk.ledger.record(shelved.record) if shelved is not None and shelved.record else None
    if record is None:
        raise ToolError(
            f"This thread has no record {given[:60]!r}.",
            hint=f"{tool} takes the id of a record: relax the structure first.",
        )
    if record.status is not Status.SUCCESS:
        raise ToolError(
            f"The record {record.id[:8]} of {record.tool} failed and cannot be used.",
            hint="Run it again first.",
        )
    return record


def _formula_of(record: Record) -> str:
    return record.outcome.crystal.formula if record.outcome.crystal is not None else ""


def record_reply(record: Record, *, title: str = "") -> ToolReply:
    """What a record says: to a model with every number beside its reference, to a person whole."""
    failure = record.outcome.failure
    if failure is not None:
        reply = ToolReply.failure(
            failure.code,
            failure.message,
            hint=failure.hint,
            record=record.id[:8],
            tool=record.tool,
            retryable=failure.retryable,
        )
        pieces: list[Piece] = [
            says(f"{title or record.tool}: {failure.message} {failure.hint}".strip(), "bad")
        ]
        return ToolReply(
            data=reply.data, failed=reply.failed, hint=reply.hint, pieces=pieces, records=[record]
        )
    shown: list[Piece] = [RecordPiece(title=title, record=record)]
    if record.outcome.crystal is not None and record.tool in MAKE_STRUCTURES:
        shown.append(cell_table(record.outcome.crystal))
    return ToolReply(data=record_data(record), pieces=shown, records=[record])


def record_data(record: Record) -> dict[str, Any]:
    """A record in short, for a model."""
    outcome = record.outcome
    data: dict[str, Any] = {"record": record.id[:8], "tool": record.tool}
    if record.quantities:
        data["quantities"] = {
            name: {
                "write": record.reference(name),
                "value": value_text(quantity),
                "against": str(quantity.truth),
            }
            for name, quantity in record.quantities.items()
        }
    if outcome.facts:
        data["facts"] = {name: _short(value) for name, value in outcome.facts_to_read.items()}
    if outcome.crystal is not None:
        data["structure"] = cell_facts(outcome.crystal)
    if outcome.warnings:
        data["warnings"] = list(outcome.warnings[:6])
    return data


def _short(value: Any) -> Any:
    """A fact as far as there is room: what holds several things keeps whole ones, so that no number is cut in two."""
    if isinstance(value, float):
        return float(f"{value:.8g}")
    if isinstance(value, str):
        return value if len(value) <= _LONGEST_FACT else value[:_LONGEST_FACT] + " …"
    if isinstance(value, dict):
        entries = {name: _short(inner) for name, inner in cast("dict[str, Any]", value).items()}
        kept = _fitting([f"{name}: {inner}" for name, inner in entries.items()])
        whole = dict(islice(entries.items(), kept))
        return whole if kept == len(entries) else {**whole, "…": f"{len(entries)} in all"}
    if isinstance(value, list):
        rows = [_short(row) for row in cast("list[Any]", value)]
        kept = _fitting(rows)
        return rows if kept == len(rows) else [*rows[:kept], f"… ({len(rows)} in all)"]
    return value


def _fitting(parts: Sequence[Any]) -> int:
    """How many of the first parts there is room for."""
    ends = accumulate(len(str(part)) + 2 for part in parts)
    return sum(end <= _LONGEST_LIST for end in ends)


def _schema(tool: Tool) -> ToolSchema:
    raw = tool.schema()
    properties = cast("dict[str, dict[str, Any]]", raw.get("properties", {}))
    references = tool.args.reference_fields()
    files = file_fields(tool)
    for name in [one for one, entry in properties.items() if _is_filled_in(entry)]:
        del properties[name]
    for name, entry in properties.items():
        if name in files:
            entry["description"] = "the label of a file that the person gave"
        elif references.get(name) in _ABOUT:
            entry["description"] = _ABOUT[references[name]]
    parameters = cast("dict[str, Any]", _cleaned(raw))
    measures = ", ".join(PROPERTIES[name].title for name in tool.measures if name in PROPERTIES)
    text = f"{tool.title}. {' '.join(tool.description.split())}"
    text += f" Gives: {measures}." if measures else ""
    return ToolSchema(
        name=tool.name, description=f"{text} About {tool.cost_s:g} s a call.", parameters=parameters
    )


def _is_filled_in(entry: Mapping[str, Any]) -> bool:
    """Whether a tool makes this argument itself."""
    return str(entry.get("description", "")).startswith("filled in")


def _cleaned(schema: object) -> object:
    """Leave out what servers do not know."""
    if isinstance(schema, Mapping):
        entries = cast("Mapping[str, object]", schema)
        return {
            key: _cleaned(value)
            for key, value in entries.items()
            if key != "title" and not key.startswith("x-")
        }
    if isinstance(schema, list):
        return [_cleaned(each) for each in cast("list[object]", schema)]
    return schema
