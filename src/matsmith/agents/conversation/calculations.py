"""A calculation by rules: choose the tools, run what must come before, and say what came out.

The best tool that is installed computes what was asked; what tables and measurements say of it stands beside, named as what it is.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from matsmith.agents.conversation.chat_tools import ToolReply
from matsmith.agents.conversation.comparison import Value, compared
from matsmith.agents.conversation.desk import Desk
from matsmith.agents.conversation.files import attached
from matsmith.agents.conversation.intents import Intent
from matsmith.agents.conversation.materials import formula_of
from matsmith.agents.conversation.naming import composition_named, structure_named
from matsmith.agents.conversation.prediction_words import PREDICTED_IN_WORDS, prediction_words
from matsmith.agents.conversation.record_tools import file_fields, run_batch
from matsmith.agents.conversation.structures import Shelved
from matsmith.agents.conversation.tools_on_structures import (
    BY_FORMULA,
    OF_FORMULA,
    Call,
    ToolsOnStructures,
    required,
)
from matsmith.agents.report.wording import fact_text, fact_title, plain_title, title_of, value_text
from matsmith.core.elements import parse_formula
from matsmith.core.errors import MatsmithError, ToolError
from matsmith.core.properties import PROPERTIES
from matsmith.core.record import Record
from matsmith.tools.base import Tool
from matsmith.tools.registry import LOOK_UPS, PREDICTIONS, get_tool, tool_names

_PROPERTY_OF_TOOL = {
    "equation_of_state": "bulk_modulus", "intercalation_voltage": "voltage", "surface_energy": "surface_energy",
    "quasi_harmonic": "thermal_expansion",
}  # fmt: skip
_TITLES = {
    "elasticity": "elastic constants", "phonons": "phonons", "quasi_harmonic": "thermal expansion", "vacancy_formation": "vacancy formation energies",
    "surface_energy": "surface energies", "intercalation_voltage": "intercalation voltages", "xray_pattern": "X-ray patterns",
    "identify_phases": "phases from a pattern",
}  # fmt: skip
_FACTS_SAID = 6
_HULL, _ODDS = "energy_above_hull", "formula_stability"


@dataclass(kw_only=True)
class Calculated:
    """What came of it: sentences (with references, and filled in) and values, or why there are none.

    `beside` is what is known of a material whose structure could not be computed: never an answer.
    """

    sentences: list[tuple[str, str]] = field(default_factory=list[tuple[str, str]])
    beside: list[tuple[str, str]] = field(default_factory=list[tuple[str, str]])
    values: list[Value] = field(default_factory=list[Value])
    failure: str = ""
    hint: str = ""

    def fail(self, message: str, *, hint: str = "", of: str = "") -> None:
        """Note one failure beside those before it."""
        told = f"{of}: {message}" if of and of not in message else message
        self.failure = f"{self.failure} {told}".strip()
        self.hint = hint or self.hint


def calculate(intent: Intent, *, desk: Desk, call: Call, note: Callable[[str], None]) -> Calculated:
    """Do one calculation on every material that is named, and compare several; one that fails leaves the others alone."""
    kind, _, name = intent.what.partition(":")
    work = _Calculation(desk, call=call)
    done = Calculated()
    if kind == "tool" and name in tool_names() and _on_file(get_tool(name)):
        try:
            work.on_file(get_tool(name), intent, done)
        except MatsmithError as error:
            done.fail(error.message, hint=error.hint)
        return done
    materials = intent.about or ("it",)
    for about in materials:
        try:
            shelved = composition_named(about, desk=desk) if work.of_formula(kind, name) else None
            shelved = shelved or structure_named(
                about, desk=desk, prototype=str(intent.arguments.get("_prototype", "")), note=note
            )
            if kind == "tool":
                work.by_tool(name, shelved, intent.arguments, done)
            else:
                work.by_property(name, shelved, intent.arguments, done)
        except MatsmithError as error:
            done.fail(error.message, hint=error.hint, of=about if about != "it" else "")
            if kind == "property":
                work.beside_by_formula(name, about, intent.arguments, done)
    if len(materials) > 1:
        _compare(done, count=len(materials))
    return done


def _compare(done: Calculated, *, count: int) -> None:
    """Say how the values of one property stand to each other, for every method that has them all."""
    methods: dict[tuple[str, str], list[Value]] = {}
    for value in done.values:
        methods.setdefault((value.name, value.record.tool), []).append(value)
    whole = {key: values for key, values in methods.items() if len(values) == count}
    names = list(dict.fromkeys(name for name, _ in methods))
    for name in names:
        tools = [tool for property_name, tool in whole if property_name == name]
        computed = [tool for tool in tools if tool not in LOOK_UPS]
        known = [tool for tool in tools if tool in LOOK_UPS]
        if not tools:
            text = f"No one method gives the {plain_title(name)} of all of them, so they are not compared."
            done.sentences.append((text, text))
        for tool in computed[:1] + known[:1]:
            raw, text = compared(whole[name, tool])
            lead = f"By {get_tool(tool).title.lower()}: " if tool in LOOK_UPS else ""
            done.sentences.append((lead + raw, lead + text))


class _Calculation:
    def __init__(self, desk: Desk, *, call: Call) -> None:
        self.desk = desk
        self._run = ToolsOnStructures(desk, call=call).run
        self._called = call

    def of_formula(self, kind: str, name: str) -> bool:
        """Whether nothing that answers this looks at a structure."""
        return set(self._ready_for(name) if kind == "property" else [name]) <= OF_FORMULA

    def _ready_for(self, name: str) -> list[str]:
        tools = [get_tool(tool) for tool in PROPERTIES[name].tools if tool in tool_names()]
        return [tool.name for tool in tools if tool.missing(self.desk.settings) is None]

    def beside_by_formula(
        self, name: str, about: str, arguments: Mapping[str, Any], done: Calculated
    ) -> None:
        """What models say of a formula alone, where no structure of it is known: never an answer to what was asked of a structure."""
        shelved = composition_named(about, desk=self.desk)
        wanted = [_ODDS] if name == _HULL else [tool for tool in self._ready_for(name) if tool in OF_FORMULA]
        if shelved is None or any(get_tool(tool).missing(self.desk.settings) for tool in wanted):
            return
        for tool in wanted:
            reply = self._run(get_tool(tool), shelved, {**arguments, "properties": (name,)}, quiet=True)
            for record in reply.records:
                if reply.failed:
                    continue
                if tool == _ODDS:
                    done.beside += prediction_words(record, of=shelved.formula)[:1]
                elif name in record.quantities:
                    head = f"For comparison only: the {plain_title(name)} of {shelved.formula} {_how(tool)}"
                    done.beside.append(_said(head, record, name))

    def on_file(self, tool: Tool, intent: Intent, done: Calculated) -> None:
        """Run a tool whose subject is a file: a scan, or a crystal with partly occupied sites. Formulas beside it say which elements may occur."""
        labels = [one["label"] for one in attached(self.desk)]
        file = next((name for name in intent.about if name in labels), "")
        if not file:
            raise ToolError(f"{tool.title} works on a file.", hint="Give its path in the sentence.")
        fields = tool.args.model_fields
        given: dict[str, Any] = {key: value for key, value in intent.arguments.items() if key in fields}
        given[next(name for name in file_fields(tool) if name in required(tool))] = file
        if "elements" in fields:
            formulas = [formula_of(name) or name for name in intent.about if name != file]
            elements = [symbol for formula in formulas for symbol in parse_formula(formula)]
            given |= {"elements": list(dict.fromkeys(elements))} if elements else {}
        reply = self._called(tool.name, given, lambda: run_batch(tool, [given], desk=self.desk)[0])
        self._take(reply, Shelved(label=file, id="", formula=file, source=file), done)

    def by_tool(self, name: str, shelved: Shelved, arguments: Mapping[str, Any], done: Calculated) -> None:
        """Run one tool."""
        if name not in tool_names():
            fallback = name if name in PROPERTIES else _PROPERTY_OF_TOOL.get(name, "")
            if fallback and any(tool in tool_names() for tool in PROPERTIES[fallback].tools):
                self.by_property(fallback, shelved, arguments, done)
                return
            raise ToolError(
                f"No tool for {_TITLES.get(name, title_of(name))} is installed.",
                hint="/tools lists those that are.",
            )
        reply = self._run(get_tool(name), shelved, arguments)
        self._take(reply, shelved, done)

    def by_property(
        self, name: str, shelved: Shelved, arguments: Mapping[str, Any], done: Calculated
    ) -> None:
        """Look a property up, and compute it by the best tool that is installed."""
        entry = PROPERTIES[name]
        tools = [get_tool(tool) for tool in entry.tools if tool in tool_names()]
        ready = [tool for tool in tools if tool.missing(self.desk.settings) is None]
        if not ready:
            reason = next((why for tool in tools if (why := tool.missing(self.desk.settings))), "")
            raise ToolError(
                f"No installed tool measures the {entry.title}{' here: ' + reason if reason else '.'}",
                hint="/tools lists what is measured.",
            )
        computing = [one for one in ready if one.name not in LOOK_UPS | PREDICTIONS][-1:]
        computed, known = list[Record](), list[Record]()
        failure: ToolReply | None = None
        for tool in computing:
            reply = self._run(tool, shelved, arguments)
            failure = reply if reply.failed else None
            computed += [record for record in reply.records if name in record.quantities]
        for tool in [one for one in ready if one.name in LOOK_UPS]:
            reply = self._run(tool, shelved, arguments, quiet=True)
            known += [record for record in reply.records if name in record.quantities]
        # A prediction from the formula is for where nothing better can be had: it stands in for no table and no computation.
        for tool in [one for one in ready if one.name in PREDICTIONS and not (computing or known)]:
            computing = [tool]
            reply = self._run(tool, shelved, {**arguments, "properties": (name,)})
            failure = reply if reply.failed else None
            computed += [record for record in reply.records if name in record.quantities]
        of = subject_of(shelved)
        done.values += [Value(of=of, name=name, record=record) for record in (*computed, *known)]
        for record in computed:
            done.sentences.append(_said(f"The {plain_title(name)} of {of} {_how(record.tool)}", record, name))
        for record in known:
            head = f"The {plain_title(name)} known {_known_for(record, shelved)}"
            if failure is not None:
                # What was asked is not answered by a table: it stands apart, as what it is.
                note = f"the structure {of} was not computed"
                done.beside.append(
                    _said(f"For comparison only, {note}: {head[0].lower()}{head[1:]} is", record, name)
                )
            else:
                done.sentences.append(_said(f"{head} is", record, name))
        if failure is not None:
            done.fail(failure.failed, hint=failure.hint, of=of)
        elif not (computed or known):
            hint = "" if computing else "Tables hold known materials only."
            done.fail(f"No tool here knows the {plain_title(name)} of {of}.", hint=hint)

    def _take(self, reply: ToolReply, shelved: Shelved, done: Calculated) -> None:
        of = subject_of(shelved)
        if reply.failed:
            done.fail(reply.failed, hint=reply.hint, of=of)
            return
        for record in reply.records:
            if record.tool in PREDICTED_IN_WORDS:
                done.sentences += prediction_words(record, of=of)
                continue
            measures = get_tool(record.tool).measures
            done.values += [
                Value(of=of, name=name, record=record) for name in record.quantities if name in measures
            ][:1]
            for name in list(record.quantities)[:_FACTS_SAID]:
                done.sentences.append(_said(f"{title_of(name).capitalize()} of {of}:", record, name))
            if not record.quantities or not shelved.id:
                facts = "; ".join(
                    f"{fact_title(key)} {fact_text(value)[:60]}"
                    for key, value in list(record.outcome.facts_to_read.items())[:_FACTS_SAID]
                )
                text = f"{of}: {facts or 'done'} [{record.id[:8]}]."
                done.sentences.append((text, text))


def subject_of(shelved: Shelved) -> str:
    """How a structure is spoken of: by its label, which names the form that is meant, relaxed or not."""
    return shelved.label.removesuffix(" (relax)")


def _said(head: str, record: Record, name: str) -> tuple[str, str]:
    """A sentence that ends with a value: by reference, and filled in."""
    return (
        f"{head} {record.reference(name)}.",
        f"{head} {value_text(record.quantities[name])} [{record.id[:8]}].",
    )


def _known_for(record: Record, shelved: Shelved) -> str:
    return f"for the formula {shelved.formula}" if record.tool in BY_FORMULA else "for this crystal"


def _how(tool_name: str) -> str:
    return "is predicted from the formula as" if tool_name in PREDICTIONS else "is computed as"


def _on_file(tool: Tool) -> bool:
    """Whether a tool's subject is a file that is no plain crystal."""
    return any(field in required(tool) for field in file_fields(tool))
