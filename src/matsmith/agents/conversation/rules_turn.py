"""A turn without a model: the router says what is wanted, and the same tools do it."""

from __future__ import annotations

import difflib
import time
from collections.abc import Callable
from pathlib import Path

from matsmith.agents.conversation import run_tools, spec_tools
from matsmith.agents.conversation.calculations import calculate
from matsmith.agents.conversation.chat_tools import Confirm, ToolReply
from matsmith.agents.conversation.commands import COMMANDS
from matsmith.agents.conversation.desk import Desk
from matsmith.agents.conversation.files import attach, attached, read_table, table_piece
from matsmith.agents.conversation.intents import Intent, Kind, Situation
from matsmith.agents.conversation.listings import files_table, records_table, tools_table
from matsmith.agents.conversation.literature_tools import ask, literature_reply
from matsmith.agents.conversation.naming import structure_named
from matsmith.agents.conversation.pieces import RecordPiece, TablePiece, says
from matsmith.agents.conversation.record_tools import run_batch
from matsmith.agents.conversation.router import route
from matsmith.agents.conversation.rules_work import RulesWork
from matsmith.agents.conversation.spec_changes import changed_by_words
from matsmith.agents.conversation.structures import structure_table
from matsmith.agents.conversation.turn import Ended, OnEvent, TurnResult
from matsmith.agents.runs import list_runs
from matsmith.core.errors import BudgetExceeded, ImpossibleObjective, MatsmithError, ToolError, UsageError
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


class _RulesTurn(RulesWork):
    def do(self, intent: Intent) -> None:
        """Do one thing."""
        doing = _DOING.get(intent.kind)
        if doing is None:
            self._not_understood(intent)
            return
        doing(self, intent)

    # what is wanted, one by one

    def help(self, intent: Intent) -> None:
        del intent
        rows = tuple(COMMANDS.items())
        examples = "; ".join(EXAMPLES[:-1])
        self.show(
            "help",
            [
                says(f"Say it in plain words, such as {examples}."),
                TablePiece(columns=("Command", ""), rows=rows),
            ],
        )

    def greet(self, intent: Intent) -> None:
        thanks = intent.kind is Kind.THANKS
        self.say(
            "You are welcome."
            if thanks
            else f"Hello. Say for example {EXAMPLES[0]}, {EXAMPLES[1]} or {EXAMPLES[2]}; /help shows more."
        )

    def tools(self, intent: Intent) -> None:
        del intent
        self.show("tools", [tools_table(self.desk)])

    def files(self, intent: Intent) -> None:
        del intent
        table = files_table(self.desk)
        if table is None:
            self.say("There are no files and no structures yet: write the path of a file, or name a formula.")
        else:
            self.show("files", [table])

    def records(self, intent: Intent) -> None:
        del intent
        table = records_table(self.desk)
        if table is None:
            self.say("Nothing was computed in this thread yet.")
        else:
            self.show("records", [table])

    def record(self, intent: Intent) -> None:
        record = self.desk.shelf.record(intent.what)
        if record is None:
            raise UsageError(f"This thread has no record {intent.what[:40]!r}.", hint="/records lists them.")
        self.show("record", [RecordPiece(record=record)])
        self.result.records.append(record.id)

    def attach(self, intent: Intent) -> None:
        import shlex

        done = attach([Path(word) for word in shlex.split(intent.what)], desk=self.desk)
        self.show("add", done.pieces)
        if not done.labels:
            self.result.ended, self.result.error = Ended.FAILED, "; ".join(done.problems)

    def table(self, intent: Intent) -> None:
        path = next(Path(one["path"]) for one in attached(self.desk) if one["label"] == intent.what)
        header, _, total = read_table(path, count=1)
        self.show("table", [table_piece(path, title=intent.what)])
        self.say(f"{intent.what} has {total} rows and {len(header)} columns.")

    def look(self, intent: Intent) -> None:
        for name in intent.about:
            shelved = structure_named(name, desk=self.desk)
            self.desk.shelf.touch(shelved)
            self.show(
                "look",
                [
                    structure_table(
                        self.desk.shelf.crystal(shelved), title=shelved.label, source=shelved.source
                    )
                ],
            )

    def export(self, intent: Intent) -> None:
        shelved = structure_named(intent.about[0], desk=self.desk)
        plain = "".join(letter if letter.isalnum() else "_" for letter in shelved.label).strip("_")
        path = Path(intent.what or f"{plain}.cif").expanduser()
        if path.suffix.lower() not in (".cif", ""):
            raise UsageError(
                f"Structures are written as CIF, not as {path.suffix}.", hint="Name a file that ends in .cif."
            )
        path = path.with_suffix(".cif")
        if path.exists() and not self.agreed("cif", f"Write over {path}.", {"file": str(path)}):
            return
        try:
            path.write_text(self.desk.shelf.crystal(shelved).to_cif(), encoding="utf-8")
        except OSError as error:
            raise UsageError(
                f"{path} cannot be written: {error.strerror}.", hint="Choose another file."
            ) from error
        self.say(f"{shelved.label} is written to {path}.")

    def run_tool(self, intent: Intent) -> None:
        if intent.what not in tool_names():
            near = difflib.get_close_matches(intent.what, tool_names(), n=1)
            raise ToolError(
                f"There is no tool {intent.what[:60]!r}.",
                hint=f"Did you mean {near[0]}?" if near else "/tools lists them.",
            )
        tool = get_tool(intent.what)
        arguments = dict(intent.arguments)
        for name, kind in tool.args.reference_fields().items():
            given = arguments.get(name)
            if kind == "structure" and isinstance(given, str) and self.desk.shelf.record(given) is None:
                arguments[name] = structure_named(given, desk=self.desk).label
        reply = self.call(intent.what, arguments, lambda: run_batch(tool, [arguments], desk=self.desk)[0])
        if reply.failed:
            self.end(Ended.FAILED, reply.failed, hint=reply.hint)

    def calculate(self, intent: Intent) -> None:
        outcome = calculate(
            intent,
            desk=self.desk,
            call=self.call,
            note=lambda text: self.show("note", [says(text, "quiet")]),
        )
        for raw, text in outcome.sentences:
            self.say(text, raw=raw)
        if outcome.failure:
            self.end(Ended.FAILED, outcome.failure, hint=outcome.hint)
        for raw, text in outcome.beside:
            self.say(text, raw=raw)

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
            self.say("Say start to begin it, or what should be different.")
            return
        self.result.ended = Ended.REFUSED
        against = [*_texts(reply.data.get("contradictions")), *_texts(reply.data.get("cannot_be_measured"))]
        self.result.error = " ".join(against)
        self.say("This cannot be started as it is: say what should be different.")

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
        if self.agreed("start_design", sentence, {}):
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
        self.say("The thread is kept; runs go on.")

    def _not_understood(self, intent: Intent) -> None:
        del intent
        self.result.ended = Ended.NOT_UNDERSTOOD
        self.say(f"I did not understand that. Try {', '.join(EXAMPLES[:-1])}, or {EXAMPLES[-1]}.")


def _texts(value: object) -> list[str]:
    return [str(each) for each in value] if isinstance(value, list | tuple) else []  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]


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
