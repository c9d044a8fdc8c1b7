"""Tools of a conversation that find structures and show what the thread holds."""

from __future__ import annotations

from matsmith.agents.conversation.chat_tools import Arguments, ChatTool, ToolReply, schema_of, single, text_of
from matsmith.agents.conversation.crystal_numbers import cell_facts
from matsmith.agents.conversation.desk import Desk
from matsmith.agents.conversation.file_numbers import learn_structure
from matsmith.agents.conversation.files import attached
from matsmith.agents.conversation.record_tools import record_data
from matsmith.agents.conversation.structures import find_by_formula, structure_table
from matsmith.core.errors import UsageError


def structure_tools(desk: Desk) -> list[ChatTool]:
    """`find_structure`, `list_structures` and `show_record`."""
    return [
        ChatTool(
            schema=schema_of(
                "find_structure",
                "Find a crystal by its formula among measured crystals and reference phases, or put the elements into a named structure type. "
                "It is then a structure of this thread under the label returned.",
                formula={"type": "string", "description": "such as MgO or LiFePO4", "required": True},
                prototype={
                    "type": "string",
                    "description": "a structure type or a mineral, such as perovskite or anatase",
                },
            ),
            run_many=single(lambda arguments: _find(arguments, desk)),
        ),
        ChatTool(
            schema=schema_of("list_structures", "The files and structures of this thread, with their cells."),
            run_many=single(lambda _: _listed(desk)),
        ),
        ChatTool(
            schema=schema_of(
                "show_record",
                "One record of this thread again, with its quantities, facts and warnings.",
                record={"type": "string", "description": "the beginning of its id", "required": True},
            ),
            run_many=single(lambda arguments: _record(arguments, desk)),
        ),
    ]


def _find(arguments: Arguments, desk: Desk) -> ToolReply:
    formula = text_of(arguments, "formula", longest=100)
    found = find_by_formula(formula, prototype=text_of(arguments, "prototype", longest=60))
    if not found:
        raise UsageError(
            f"No structure of {formula} is known here.",
            hint="Name a structure type, or ask the person for a CIF.",
        )
    first = found[0]
    shelved = desk.shelf.put(
        first.crystal, label=first.label, source=first.source, strategy="formula", prototype=first.prototype
    )
    learn_structure(shelved, desk=desk)
    data = {
        "structure": shelved.label, "id": shelved.id, **cell_facts(first.crystal), "from": first.source,
        "other_forms": [one.label for one in found[1:6]],
    }  # fmt: skip
    piece = structure_table(first.crystal, title=shelved.label, source=first.source)
    return ToolReply(data=data, pieces=[piece])


def _listed(desk: Desk) -> ToolReply:
    data = {
        "files": [{"label": one["label"], "kind": one["kind"]} for one in attached(desk)],
        "structures": [
            {
                "label": one.label,
                **cell_facts(desk.shelf.crystal(one)),
                "from": one.source,
                "record": one.record[:8],
            }
            for one in desk.shelf.all()
        ],
    }
    return ToolReply(data=data)


def _record(arguments: Arguments, desk: Desk) -> ToolReply:
    name = text_of(arguments, "record", longest=64)
    record = desk.shelf.record(name)
    if record is None:
        raise UsageError(f"This thread has no record {name!r}.", hint="Use an id that a tool has returned.")
    return ToolReply(data=record_data(record), records=[record])
