"""A turn without a model: the router says what is wanted, and the same tools do it."""

from __future__ import annotations

import difflib
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from matsmith.agents.conversation import run_tools, spec_tools
from matsmith.agents.conversation.calculations import Calculation, calculate
from matsmith.agents.conversation.chat_tools import Confirm, Confirmation, ToolReply
from matsmith.agents.conversation.commands import COMMANDS
from matsmith.agents.conversation.desk import Desk
from matsmith.agents.conversation.files import attach, attached, read_table, table_piece
from matsmith.agents.conversation.intents import Intent, Kind, Situation
from matsmith.agents.conversation.literature_tools import ask, literature_reply
from matsmith.agents.conversation.pieces import Piece, RecordPiece, TablePiece, says
from matsmith.agents.conversation.record_tools import run_batch
from matsmith.agents.conversation.router import route
from matsmith.agents.conversation.spec_changes import changed_by_words
from matsmith.agents.conversation.structures import structure_table
from matsmith.agents.conversation.tool_loop import CallResult, Ended, OnEvent, TurnEvent, TurnResult
from matsmith.agents.runs import list_runs
from matsmith.core.errors import BudgetExceeded, ImpossibleObjective, MatsmithError, ToolError, UsageError
from matsmith.core.properties import PROPERTIES
from matsmith.core.record import Record
from matsmith.tools.registry import get_tool, tool_names

EXAMPLES = (
    '"relax MgO.cif"',
    '"bulk modulus of MgO"',
    '"a stable oxide with a bulk modulus above 150 GPa"',
    '"what limits the conductivity of garnets?"',
    '"why was candidate 3 rejected?"',
    "/help",
)


def situation_of(desk: Desk) -> Situation:
    """What sentences of this thread may mean."""
    runs = [run.name for run in desk.runs.all()]
    elsewhere = [info.name for info in list_runs(desk.settings)]
    return Situation(
        labels=tuple(one.label for one in desk.shelf.all() if not one.record),
        tables=tuple(one["label"] for one in attached(desk) if one["kind"] == "table"),
        runs=tuple(dict.fromkeys([*runs, *elsewhere])),
        has_spec=desk.spec is not None,
        has_run=bool(runs or elsewhere),
        tools=tuple(tool_names()),
    )


def rules_turn(text: str, *, desk: Desk, confirm: Confirm | None, on_event: OnEvent | None) -> TurnResult:
    """Do what a sentence asks for. Every way to end gives a result; only a defect raises."""
    turn = _RulesTurn(desk, confirm=confirm, on_event=on_event)
    started = time.monotonic()
    try:
        for intent in route(text, situation_of(desk)):
            turn.do(intent)
    except KeyboardInterrupt:
        turn.end(Ended.INTERRUPTED, "Stopped; what was finished is kept.")
    except BudgetExceeded as error:
        turn.end(Ended.TIME, error.message, hint=error.hint)
    except ImpossibleObjective as error:
        turn.end(Ended.REFUSED, error.message, hint=error.hint)
    except MatsmithError as error:
        turn.end(Ended.FAILED, error.message, hint=error.hint)
    turn.result.seconds = time.monotonic() - started
    return turn.result


class _RulesTurn:
    def __init__(self, desk: Desk, *, confirm: Confirm | None, on_event: OnEvent | None) -> None:
        self.desk = desk
        self.confirm = confirm
        self.on_event = on_event
        self.result = TurnResult()

    def do(self, intent: Intent) -> None:
        """Do one thing."""
        doing = _DOING.get(intent.kind)
        if doing is None:
            self._not_understood(intent)
            return
        doing(self, intent)

    def end(self, why: Ended, error: str, *, hint: str = "") -> None:
        """Note that it went wrong, and say it once."""
        self.result.ended, self.result.error, self.result.hint = why, error, hint
        self._say(f"{error} {hint}".strip())

    def _say(self, text: str, *, raw: str = "") -> None:
        self.result.text = f"{self.result.text}\n{text}".strip()
        self.result.raw_text = f"{self.result.raw_text}\n{raw or text}".strip()
        if self.on_event is not None:
            self.on_event(TurnEvent(kind="text", text=f"{text}\n"))

    def _show(self, name: str, pieces: Sequence[Piece]) -> None:
        """Show what is no call of a tool."""
        self._tell(name, {}, ToolReply(data={}, pieces=pieces), seconds=0.0)
        self.result.pieces += pieces

    def _tell(self, name: str, arguments: Mapping[str, Any], reply: ToolReply, *, seconds: float) -> None:
        if self.on_event is not None:
            self.on_event(
                TurnEvent(kind="reply", name=name, arguments=arguments, reply=reply, seconds=seconds)
            )

    def call(self, name: str, arguments: Mapping[str, Any], run: Callable[[], ToolReply]) -> ToolReply:
        """One call of a tool, told and noted like a model's."""
        if self.on_event is not None:
            self.on_event(TurnEvent(kind="call", name=name, arguments=arguments))
        started = time.monotonic()
        reply = run()
        seconds = time.monotonic() - started
        for record in reply.records:
            self.desk.known.add_record(record)
        for text in reply.texts:
            self.desk.known.add_text(text)
        result = self.result
        result.calls.append(
            CallResult(
                name=name,
                arguments=dict(arguments),
                ok=not reply.failed,
                record_ids=tuple(record.id for record in reply.records),
                error=reply.failed,
                seconds=seconds,
            )
        )
        result.pieces += reply.pieces
        result.records += [record.id for record in reply.records if record.id not in result.records]
        result.runs += [run for run in reply.runs if run not in result.runs]
        if reply.literature is not None:
            result.literature.append(reply.literature)
        self._tell(name, arguments, reply, seconds=seconds)
        return reply

    def _agreed(self, tool: str, sentence: str, arguments: Mapping[str, Any]) -> bool:
        if self.confirm is not None and self.confirm(
            Confirmation(tool=tool, sentence=sentence, arguments=arguments)
        ):
            return True
        self.result.calls.append(
            CallResult(name=tool, arguments=dict(arguments), ok=False, error="not agreed", refused=True)
        )
        self.end(
            Ended.REFUSED,
            "Nothing was started.",
            hint="" if self.confirm else "There is nobody to ask: add --yes.",
        )
        return False

    # what is wanted, one by one

    def help(self, intent: Intent) -> None:
        del intent
        rows = tuple(COMMANDS.items())
        examples = "; ".join(EXAMPLES[:-1])
        self._show(
            "help",
            [
                says(f"Say it in plain words, such as {examples}."),
                TablePiece(columns=("Command", ""), rows=rows),
            ],
        )

    def greet(self, intent: Intent) -> None:
        thanks = intent.kind is Kind.THANKS
        self._say(
            "You are welcome."
            if thanks
            else f"Hello. Say for example {EXAMPLES[0]}, {EXAMPLES[1]} or {EXAMPLES[2]}; /help shows more."
        )

    def tools(self, intent: Intent) -> None:
        del intent
        rows: list[tuple[str, ...]] = []
        for name in tool_names():
            tool = get_tool(name)
            missing = tool.missing(self.desk.settings)
            measures = ", ".join(PROPERTIES[one].title for one in tool.measures if one in PROPERTIES)
            rows.append(
                (
                    name,
                    measures or tool.title.lower(),
                    f"{tool.cost_s:g} s",
                    f"missing: {missing}" if missing else "ready",
                )
            )
        self._show("tools", [TablePiece(columns=("Tool", "Measures", "Cost", "State"), rows=tuple(rows))])

    def files(self, intent: Intent) -> None:
        del intent
        rows = [(one["label"], one["kind"], "") for one in attached(self.desk) if one["kind"] != "structure"]
        rows += [(one.label, "structure", f"{one.formula}, {one.source}") for one in self.desk.shelf.all()]
        if not rows:
            self._say(
                "There are no files and no structures yet: write the path of a file, or name a formula."
            )
            return
        self._show("files", [TablePiece(columns=("Name", "Kind", ""), rows=tuple(rows))])

    def records(self, intent: Intent) -> None:
        del intent
        records = [Record.model_validate_json(entry.body) for entry in self.desk.ledger.entries("record")]
        if not records:
            self._say("Nothing was computed in this thread yet.")
            return
        rows = tuple((one.id[:8], one.tool, _in_short(one)) for one in records[-30:])
        note = f"the last {len(rows)} of {len(records)}" if len(records) > len(rows) else ""
        self._show("records", [TablePiece(columns=("Record", "Tool", ""), rows=rows, note=note)])

    def record(self, intent: Intent) -> None:
        record = self.desk.shelf.record(intent.what)
        if record is None:
            raise UsageError(f"This thread has no record {intent.what[:40]!r}.", hint="/records lists them.")
        self._show("record", [RecordPiece(record=record)])
        self.result.records.append(record.id)

    def attach(self, intent: Intent) -> None:
        import shlex

        done = attach([Path(word) for word in shlex.split(intent.what)], desk=self.desk)
        self._show("add", done.pieces)
        if not done.labels:
            self.result.ended, self.result.error = Ended.FAILED, "; ".join(done.problems)

    def table(self, intent: Intent) -> None:
        path = next(Path(one["path"]) for one in attached(self.desk) if one["label"] == intent.what)
        header, _, total = read_table(path, count=1)
        self._show("table", [table_piece(path, title=intent.what)])
        self._say(f"{intent.what} has {total} rows and {len(header)} columns.")

    def look(self, intent: Intent) -> None:
        for name in intent.about:
            shelved = Calculation(self.desk).structure(name)
            self.desk.shelf.touch(shelved)
            self._show(
                "look",
                [
                    structure_table(
                        self.desk.shelf.crystal(shelved), title=shelved.label, source=shelved.source
                    )
                ],
            )

    def export(self, intent: Intent) -> None:
        shelved = Calculation(self.desk).structure(intent.about[0])
        plain = "".join(letter if letter.isalnum() else "_" for letter in shelved.label).strip("_")
        path = Path(intent.what or f"{plain}.cif").expanduser()
        if path.suffix.lower() not in (".cif", ""):
            raise UsageError(
                f"Structures are written as CIF, not as {path.suffix}.", hint="Name a file that ends in .cif."
            )
        path = path.with_suffix(".cif")
        if path.exists() and not self._agreed("cif", f"Write over {path}.", {"file": str(path)}):
            return
        try:
            path.write_text(self.desk.shelf.crystal(shelved).to_cif(), encoding="utf-8")
        except OSError as error:
            raise UsageError(
                f"{path} cannot be written: {error.strerror}.", hint="Choose another file."
            ) from error
        self._say(f"{shelved.label} is written to {path}.")

    def run_tool(self, intent: Intent) -> None:
        if intent.what not in tool_names():
            near = difflib.get_close_matches(intent.what, tool_names(), n=1)
            raise ToolError(
                f"There is no tool {intent.what[:60]!r}.",
                hint=f"Did you mean {near[0]}?" if near else "/tools lists them.",
            )
        tool = get_tool(intent.what)
        arguments = dict(intent.arguments)
        calculation = Calculation(self.desk)
        for name, kind in tool.args.reference_fields().items():
            given = arguments.get(name)
            if kind == "structure" and isinstance(given, str) and self.desk.shelf.record(given) is None:
                arguments[name] = calculation.structure(given).label
        reply = self.call(intent.what, arguments, lambda: run_batch(tool, [arguments], desk=self.desk)[0])
        if reply.failed:
            self.end(Ended.FAILED, reply.failed, hint=reply.hint)

    def calculate(self, intent: Intent) -> None:
        outcome = calculate(
            intent,
            desk=self.desk,
            call=self.call,
            note=lambda text: self._show("note", [says(text, "quiet")]),
        )
        for raw, text in outcome.sentences:
            self._say(text, raw=raw)
        if outcome.failure:
            self.end(Ended.FAILED, outcome.failure, hint=outcome.hint)

    def literature(self, intent: Intent) -> None:
        reply = self.call(
            "ask_literature",
            {"question": intent.what},
            lambda: literature_reply(ask(intent.what, desk=self.desk)),
        )
        found = reply.literature
        if found is not None:
            words = " ".join(one.text for one in found.statements) or found.refusal
            self.result.text, self.result.raw_text = words, words
            if not found.answered:
                self.result.ended, self.result.error = Ended.REFUSED, found.refusal

    def plan(self, intent: Intent) -> None:
        reply = self.call(
            "plan_design", {"objective": intent.what}, lambda: spec_tools.plan(self.desk, intent.what)
        )
        self._may_start(reply)

    def _may_start(self, reply: ToolReply) -> None:
        if reply.data.get("can_start"):
            self._say("Say start to begin it, or what should be different.")
            return
        self.result.ended = Ended.REFUSED
        against = [*_texts(reply.data.get("contradictions")), *_texts(reply.data.get("cannot_be_measured"))]
        self.result.error = " ".join(against)
        self._say("This cannot be started as it is: say what should be different.")

    def show_spec(self, intent: Intent) -> None:
        del intent
        from matsmith.agents.planner import PlanCheck

        check = PlanCheck.from_spec(spec_tools.current_spec(self.desk), settings=self.desk.settings)
        self.call("show_spec", {}, lambda: spec_tools.spec_reply(check))

    def change_spec(self, intent: Intent) -> None:
        if intent.arguments:
            reply = self.call(
                "change_spec", intent.arguments, lambda: spec_tools.change(self.desk, intent.arguments)
            )
        else:
            spec = changed_by_words(spec_tools.current_spec(self.desk), intent.what)
            reply = self.call(
                "change_spec", {"words": intent.what}, lambda: spec_tools.spec_reply(self.desk.set_spec(spec))
            )
        self._may_start(reply)

    def start(self, intent: Intent) -> None:
        del intent
        sentence = spec_tools.start_sentence(self.desk)
        if self._agreed("start_design", sentence, {}):
            self.call("start_design", {}, lambda: run_tools.start_design(self.desk))

    def run(self, intent: Intent) -> None:
        desk, run = self.desk, intent.run
        arguments = {"run": run} if run else {}
        match intent.kind:
            case Kind.LIST_RUNS:
                self.call("list_runs", {}, lambda: run_tools.runs_reply(desk))
            case Kind.WATCH:
                self.call("watch_run", arguments, lambda: run_tools.watch(desk, run))
            case Kind.STOP:
                # The person says it here in so many words: that is the agreement.
                self.call("stop_run", arguments, lambda: run_tools.stop(desk, run))
            case Kind.SHOW_RUN:
                self.call("show_run", arguments, lambda: run_tools.show_run(desk, run))
            case _:
                decision = {Kind.APPROVE: "approve", Kind.REFUSE: "refuse"}.get(intent.kind, "")
                whole = {**arguments, "decision": decision} if decision else arguments
                self.call("resume_run", whole, lambda: run_tools.resume(desk, run, decision=decision))

    def explain(self, intent: Intent) -> None:
        for key in intent.about:
            arguments = {"candidate": key, **({"run": intent.run} if intent.run else {})}
            self.call(
                "explain_candidate",
                arguments,
                lambda key=key: run_tools.explain(self.desk, key, run=intent.run),
            )

    def quit(self, intent: Intent) -> None:
        del intent
        self._say("The thread is kept; runs go on.")

    def _not_understood(self, intent: Intent) -> None:
        del intent
        self.result.ended = Ended.NOT_UNDERSTOOD
        self._say(f"I did not understand that. Try {', '.join(EXAMPLES[:-1])}, or {EXAMPLES[-1]}.")


def _texts(value: object) -> list[str]:
    return [str(each) for each in value] if isinstance(value, list | tuple) else []  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]


def _in_short(record: Record) -> str:
    from matsmith.agents.report.wording import title_of, value_text

    if record.outcome.failure is not None:
        return f"failed: {record.outcome.failure.message}"
    values = ", ".join(
        f"{title_of(name)} {value_text(one)}" for name, one in list(record.quantities.items())[:4]
    )
    formula = record.outcome.crystal.formula if record.outcome.crystal else ""
    return ", ".join(part for part in (formula, values) if part) or f"{len(record.outcome.facts)} facts"


_DOING: dict[Kind, Callable[[_RulesTurn, Intent], None]] = {
    Kind.HELP: _RulesTurn.help,
    Kind.GREETING: _RulesTurn.greet,
    Kind.THANKS: _RulesTurn.greet,
    Kind.QUIT: _RulesTurn.quit,
    Kind.TOOLS: _RulesTurn.tools,
    Kind.FILES: _RulesTurn.files,
    Kind.RECORDS: _RulesTurn.records,
    Kind.RECORD: _RulesTurn.record,
    Kind.ATTACH: _RulesTurn.attach,
    Kind.TABLE: _RulesTurn.table,
    Kind.LOOK: _RulesTurn.look,
    Kind.EXPORT: _RulesTurn.export,
    Kind.RUN_TOOL: _RulesTurn.run_tool,
    Kind.CALCULATE: _RulesTurn.calculate,
    Kind.LITERATURE: _RulesTurn.literature,
    Kind.PLAN: _RulesTurn.plan,
    Kind.SHOW_SPEC: _RulesTurn.show_spec,
    Kind.CHANGE_SPEC: _RulesTurn.change_spec,
    Kind.START: _RulesTurn.start,
    Kind.EXPLAIN: _RulesTurn.explain,
    **dict.fromkeys(
        (Kind.LIST_RUNS, Kind.WATCH, Kind.STOP, Kind.SHOW_RUN, Kind.RESUME, Kind.APPROVE, Kind.REFUSE),
        _RulesTurn.run,
    ),
}
