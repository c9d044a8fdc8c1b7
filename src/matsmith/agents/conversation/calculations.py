"""A calculation by rules: find the structure that is meant, choose the tools, run what must come before, and say what came out.

What tables and measurements say is looked up first; then the best tool that is installed computes it. Both stand beside each other.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from matsmith.agents.conversation.chat_tools import ToolReply
from matsmith.agents.conversation.desk import Desk
from matsmith.agents.conversation.files import attached
from matsmith.agents.conversation.files import note as note_file
from matsmith.agents.conversation.intents import Intent
from matsmith.agents.conversation.materials import formula_of
from matsmith.agents.conversation.pieces import says
from matsmith.agents.conversation.record_tools import file_fields, run_batch
from matsmith.agents.conversation.structures import Shelved, find_by_formula
from matsmith.agents.report.wording import fact_text, fact_title, title_of, value_text
from matsmith.core.elements import parse_formula
from matsmith.core.errors import MatsmithError, SpecError, ToolError
from matsmith.core.properties import PROPERTIES
from matsmith.core.record import Record, Status
from matsmith.tools.base import Tool
from matsmith.tools.registry import LOOK_UPS, get_tool, tool_names
from matsmith.tools.structure_files import is_structure_file

# These look at a structure as it is; every other tool that takes one wants it relaxed.
_AS_IT_IS = frozenset(
    {
        "relax",
        "symmetry",
        "known_crystal",
        "known_property",
        "element_price",
        "xray_pattern",
        "identify_phases",
        "screen",
        "polymorphs",
    }
)
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


class Call(Protocol):
    """Runs one tool and notes it."""

    def __call__(self, name: str, arguments: Mapping[str, Any], run: Callable[[], ToolReply]) -> ToolReply:
        """Run it."""
        ...


@dataclass(kw_only=True)
class Calculated:
    """What came of it: sentences (with references, and filled in), or why nothing did."""

    sentences: list[tuple[str, str]] = field(default_factory=list[tuple[str, str]])
    failure: str = ""
    hint: str = ""


def calculate(intent: Intent, *, desk: Desk, call: Call, note: Callable[[str], None]) -> Calculated:
    """Do one calculation on every material that is named; one that fails leaves the others alone."""
    kind, _, name = intent.what.partition(":")
    work = Calculation(desk, call=call, note=note)
    done = Calculated()
    if kind == "tool" and name in tool_names() and _on_file(get_tool(name)):
        try:
            work.on_file(get_tool(name), intent, done)
        except MatsmithError as error:
            done.failure, done.hint = error.message, error.hint
        return done
    for about in intent.about or ("it",):
        try:
            shelved = work.structure(about, prototype=str(intent.arguments.get("_prototype", "")))
            if kind == "tool":
                work.by_tool(name, shelved, intent.arguments, done)
            else:
                work.by_property(name, shelved, intent.arguments, done)
        except MatsmithError as error:
            done.failure, done.hint = error.message, error.hint
    return done


class Calculation:
    """Finds structures and runs tools on them."""

    def __init__(
        self, desk: Desk, *, call: Call | None = None, note: Callable[[str], None] | None = None
    ) -> None:
        self.desk = desk
        self._call = call
        self._note = note or _silent

    def structure(self, name: str, *, prototype: str = "") -> Shelved:
        """The structure that a name means: of the thread, of a run's candidate, a file, or one found by its formula."""
        shelf = self.desk.shelf
        if name == "it":
            last = shelf.last()
            if last is None:
                raise ToolError(
                    "There is no structure yet that this could mean.",
                    hint="Name a file or a formula, such as MgO.",
                )
            return last
        if name.lower().startswith("candidate ") and shelf.find(name) is None:
            from matsmith.agents.conversation.run_tools import take

            reply = take(self.desk, name.split()[1])
            name = str(reply.data["structure"])
        found = None if prototype else shelf.find(name)
        if found is not None:
            return found
        path = Path(name).expanduser()
        if is_structure_file(path) and path.is_file():
            shelved = shelf.put_file(path)
            note_file(path.name, kind="structure", path=path.resolve(), desk=self.desk)
            return shelved
        if is_structure_file(path) or "/" in name:
            raise ToolError(f"There is no file {name!r}.", hint="Check the path.")
        return self._by_formula(name, prototype=prototype)

    def _by_formula(self, name: str, *, prototype: str) -> Shelved:
        formula = formula_of(name) or name
        try:
            parse_formula(formula)
        except SpecError:
            self.desk.shelf.reference(formula)  # raises, and names the structures there are
        found = find_by_formula(formula, prototype=prototype)
        if formula != name:
            # A name such as diamond means one form.
            found.sort(key=lambda one: name.casefold() not in one.label.casefold())
        if not found:
            raise ToolError(
                f"No structure of {formula} is known here.",
                hint=f"Give a CIF, or name a structure type: {formula} in the rocksalt structure.",
            )
        first = found[0]
        others = (
            f" Other forms known here: {', '.join(one.label for one in found[1:4])}."
            if len(found) > 1
            else ""
        )
        self._note(f"{name} is taken as {first.label} ({first.source}).{others}")
        return self.desk.shelf.put(
            first.crystal,
            label=first.label,
            source=first.source,
            strategy="formula",
            prototype=first.prototype,
        )

    def on_file(self, tool: Tool, intent: Intent, done: Calculated) -> None:
        """Run a tool whose subject is a file: a scan, or a crystal with partly occupied sites. Formulas beside it say which elements may occur."""
        labels = [one["label"] for one in attached(self.desk)]
        file = next((name for name in intent.about if name in labels), "")
        if not file:
            raise ToolError(f"{tool.title} works on a file.", hint="Give its path in the sentence.")
        fields = tool.args.model_fields
        given: dict[str, Any] = {key: value for key, value in intent.arguments.items() if key in fields}
        given[next(name for name in file_fields(tool) if name in _required(tool))] = file
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
        found: list[Record] = []
        failures: list[ToolReply] = []
        for tool in [one for one in ready if one.name in LOOK_UPS]:
            reply = self._run(tool, shelved, arguments, quiet=True)
            found += [record for record in reply.records if name in record.quantities]
        computing = [one for one in ready if one.name not in LOOK_UPS][-1:]
        for tool in computing:
            reply = self._run(tool, shelved, arguments)
            found += [record for record in reply.records if name in record.quantities]
            if reply.failed:
                failures.append(reply)
        for record in found:
            quantity = record.quantities[name]
            how = "is known as" if record.tool in LOOK_UPS else "is computed as"
            raw = f"The {entry.title} of {shelved.formula} {how} {record.reference(name)}."
            done.sentences.append(
                (
                    raw,
                    f"The {entry.title} of {shelved.formula} {how} {value_text(quantity)} [{record.id[:8]}].",
                )
            )
        if failures:
            done.failure, done.hint = failures[0].failed, failures[0].hint
        elif not found:
            done.failure = f"No tool here knows the {entry.title} of {shelved.formula}."
            done.hint = "Tables hold known materials only." if not computing else ""

    def _take(self, reply: ToolReply, shelved: Shelved, done: Calculated) -> None:
        if reply.failed:
            done.failure, done.hint = reply.failed, reply.hint
            return
        for record in reply.records:
            for name, quantity in list(record.quantities.items())[:_FACTS_SAID]:
                raw = f"{title_of(name).capitalize()} of {shelved.formula}: {record.reference(name)}."
                done.sentences.append(
                    (
                        raw,
                        f"{title_of(name).capitalize()} of {shelved.formula}: {value_text(quantity)} [{record.id[:8]}].",
                    )
                )
            if not record.quantities or not shelved.id:
                facts = "; ".join(
                    f"{fact_title(key)} {fact_text(value)[:60]}"
                    for key, value in list(record.outcome.facts.items())[:_FACTS_SAID]
                )
                text = (
                    f"{shelved.formula}: {facts} [{record.id[:8]}]."
                    if facts
                    else f"{shelved.formula}: done [{record.id[:8]}]."
                )
                done.sentences.append((text, text))

    def _run(
        self, tool: Tool, shelved: Shelved, arguments: Mapping[str, Any], *, quiet: bool = False
    ) -> ToolReply:
        """Run a tool on a structure, with what it needs before."""
        given = self._arguments(tool, shelved, arguments)
        if isinstance(given, ToolReply):
            return given

        def run() -> ToolReply:
            reply = run_batch(tool, [given], desk=self.desk)[0]
            if not (quiet and reply.failed):
                return reply
            # A look-up that knows nothing is no fault.
            text = f"{tool.title}: {reply.failed}"
            return ToolReply(
                data=reply.data,
                pieces=[says(text, "quiet")],
                records=reply.records,
                failed=reply.failed,
                hint=reply.hint,
            )

        return self._called(tool.name, given, run)

    def _arguments(
        self, tool: Tool, shelved: Shelved, arguments: Mapping[str, Any]
    ) -> dict[str, Any] | ToolReply:
        fields = tool.args.model_fields
        given: dict[str, Any] = {key: value for key, value in arguments.items() if key in fields}
        given |= _meant(arguments, fields)
        for name, kind in tool.args.reference_fields().items():
            # A tool that takes a formula or a structure is given the structure.
            optional = not (fields[name].is_required() or (name == "structure" and not _required(tool)))
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

        def run() -> ToolReply:
            reply = run_batch(get_tool("relax"), [arguments], desk=self.desk)[0]
            kept.extend(reply.records)
            if reply.failed:
                return reply
            text = f"{shelved.label} is relaxed first (record {reply.records[0].id[:8]})."
            return ToolReply(data=reply.data, pieces=[says(text, "quiet")], records=reply.records)

        reply = self._called("relax", arguments, run)
        return reply if reply.failed else kept[0].id

    def _called(self, name: str, arguments: Mapping[str, Any], run: Callable[[], ToolReply]) -> ToolReply:
        return run() if self._call is None else self._call(name, arguments, run)


def _on_file(tool: Tool) -> bool:
    """Whether a tool's subject is a file that is no plain crystal."""
    return any(field in _required(tool) for field in file_fields(tool))


def _required(tool: Tool) -> list[str]:
    return [name for name, info in tool.args.model_fields.items() if info.is_required()]


def _meant(arguments: Mapping[str, Any], fields: Mapping[str, Any]) -> dict[str, Any]:
    """What a sentence says of a surface, a temperature or a pressure, under the names that the tool has for it."""
    given: dict[str, Any] = {}
    for said, names in (
        ("_miller", ("plane", "miller", "miller_index", "miller_indices", "hkl")),
        ("_temperature_k", ("temperature_k", "temperature")),
        ("_pressure_gpa", ("pressure_gpa", "pressure")),
    ):
        name = next((one for one in names if one in fields), "")
        if said in arguments and name:
            given[name] = arguments[said]
    return given


def _silent(text: str) -> None:
    del text
