"""One tool on one structure: its arguments are made from what a sentence says, and what it needs before is run before."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, Protocol

from matsmith.agents.conversation.chat_tools import ToolReply
from matsmith.agents.conversation.desk import Desk
from matsmith.agents.conversation.pieces import Piece, RecordPiece, says
from matsmith.agents.conversation.record_tools import run_batch
from matsmith.agents.conversation.structures import Shelved
from matsmith.core.elements import parse_formula
from matsmith.core.errors import ToolError
from matsmith.core.record import Record, Status
from matsmith.tools.base import Tool
from matsmith.tools.registry import get_tool

BY_FORMULA = frozenset(("known_property", "known_moduli", "known_synthesis"))
"""Tables whose values belong to a formula, and to no structure of it."""
OF_FORMULA = frozenset(
    ("composition_prediction", "explain_prediction", "formula_stability", "known_synthesis", "supply", "synthesis")
)  # fmt: skip
"""Tools that a formula is enough for: none of them looks at a structure."""
# These look at a structure as it is; every other tool that takes one wants it relaxed.
_AS_IT_IS = frozenset(
    ("relax", "symmetry", "known_pressure_form", "known_voltage", "known_crystal", "known_property", "known_moduli", "element_price", "xray_pattern",
     "identify_phases", "screen", "polymorphs")
) | OF_FORMULA  # fmt: skip
# What these take must be there, so that they name no structure of their own accord.
_SUBJECTS = frozenset(("formula", "elements", "file", "pattern"))


class Call(Protocol):
    """Runs one tool and notes it."""

    def __call__(self, name: str, arguments: Mapping[str, Any], run: Callable[[], ToolReply]) -> ToolReply:
        """Run it."""
        ...


class ToolsOnStructures:
    """Runs tools on structures of a thread."""

    def __init__(self, desk: Desk, *, call: Call) -> None:
        self.desk = desk
        self._called = call

    def run(
        self, tool: Tool, shelved: Shelved, arguments: Mapping[str, Any], *, quiet: bool = False
    ) -> ToolReply:
        """Run a tool on a structure, with what it needs before."""
        given = self._arguments(tool, shelved, arguments)
        if isinstance(given, ToolReply):
            return given
        reply = self._call(tool, given, shelved, quiet=quiet)
        if reply.data.get("failed") != "no_enthalpy" or "formation" not in tool.args.model_fields:
            return reply
        # The tables lack this solid: its formation energy is computed and given along.
        formed = self.run(get_tool("stability"), shelved, {})
        if formed.failed:
            return formed
        return self._call(tool, {**given, "formation": formed.records[0].id}, shelved, quiet=quiet)

    def _call(self, tool: Tool, given: dict[str, Any], shelved: Shelved, *, quiet: bool) -> ToolReply:
        def run() -> ToolReply:
            reply = run_batch(tool, [given], desk=self.desk)[0]
            if not reply.failed and tool.name in BY_FORMULA:
                return replace(
                    reply, pieces=_titled(reply, f"{tool.title}, for the formula {shelved.formula}")
                )
            if not (quiet and reply.failed):
                return reply
            # A look-up that knows nothing is no fault.
            text = f"{tool.title}: {reply.failed}"
            return replace(reply, pieces=[says(text, "quiet")])

        return self._called(tool.name, given, run)

    def _arguments(
        self, tool: Tool, shelved: Shelved, arguments: Mapping[str, Any]
    ) -> dict[str, Any] | ToolReply:
        fields = tool.args.model_fields
        given: dict[str, Any] = {key: value for key, value in arguments.items() if key in fields}
        given |= _meant(arguments, fields)
        if not shelved.id and tool.name in OF_FORMULA:
            return {**given, "formula": shelved.formula}
        for name, kind in tool.args.reference_fields().items():
            # A tool that takes a formula or a structure is given the structure.
            subject = name == "structure" and not _SUBJECTS.intersection(required(tool))
            optional = not (fields[name].is_required() or subject)
            if name in given or optional or kind not in ("structure", "record"):
                continue
            if kind == "record" or tool.name not in _AS_IT_IS:
                relaxed = self._relaxed(shelved)
                if isinstance(relaxed, ToolReply):
                    return relaxed
                given[name] = relaxed
            else:
                given[name] = shelved.label
        if "formula" in fields and "formula" not in given and fields["formula"].is_required():
            given["formula"] = shelved.formula
        if "elements" in fields and "elements" not in given and fields["elements"].is_required():
            given["elements"] = list(parse_formula(shelved.formula))
        missing = [name for name, info in fields.items() if info.is_required() and name not in given]
        if missing:
            if missing == ["temperature_k"]:
                raise ToolError(f"{tool.title} also needs a temperature.", hint="Say it, such as: at 1000 K.")
            if missing == ["pressure_gpa"]:
                raise ToolError(f"{tool.title} also needs a pressure.", hint="Say it, such as: at 10 GPa.")
            raise ToolError(
                f"{tool.title} also needs {', '.join(missing)}.",
                hint=f"Write it like: /run {tool.name} {missing[0]}=… structure={shelved.label!r}.",
            )
        return given

    def _relaxed(self, shelved: Shelved) -> str | ToolReply:
        """The id of the relaxation of a structure, run when it was not; a failed one is passed on."""
        if shelved.record:
            record = self.desk.ledger.record(shelved.record)
            if record is not None and record.tool == "relax" and record.status is Status.SUCCESS:
                return record.id
        arguments = {"structure": shelved.label}
        kept: list[Record] = []
        begun = datetime.now(UTC)

        def run() -> ToolReply:
            reply = run_batch(get_tool("relax"), [arguments], desk=self.desk)[0]
            kept.extend(reply.records)
            if reply.failed:
                return reply
            record = reply.records[0]
            when = "was relaxed before" if record.started_at < begun else "is relaxed first"
            text = f"{shelved.label} {when} (record {record.id[:8]})."
            return ToolReply(data=reply.data, pieces=[says(text, "quiet")], records=reply.records)

        reply = self._called("relax", arguments, run)
        return reply if reply.failed else kept[0].id


def _titled(reply: ToolReply, title: str) -> Sequence[Piece]:
    return [
        piece.model_copy(update={"title": title}) if isinstance(piece, RecordPiece) else piece
        for piece in reply.pieces
    ]


def required(tool: Tool) -> list[str]:
    """The arguments that a tool must have."""
    return [name for name, info in tool.args.model_fields.items() if info.is_required()]


def _meant(arguments: Mapping[str, Any], fields: Mapping[str, Any]) -> dict[str, Any]:
    """What a sentence says of a surface, a temperature or a pressure, under the names that the tool has for it."""
    given: dict[str, Any] = {}
    for said, names in (
        ("_miller", ("plane", "miller", "miller_index", "miller_indices", "hkl")),
        ("_temperature_k", ("temperature_k", "temperature", "at_k")),
        ("_pressure_gpa", ("pressure_gpa", "pressure")),
        ("_element", ("ion", "element")),
        ("_atmosphere", ("atmosphere",)),
    ):
        name = next((one for one in names if one in fields), "")
        if said in arguments and name:
            given[name] = arguments[said]
    return given
