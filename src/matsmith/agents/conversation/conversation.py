"""A conversation in one thread: what is said, what is done about it, and what is kept.

    with Conversation(folder=Path("thread"), settings=load_settings()) as conversation:
        result = conversation.say("bulk modulus of MgO")

With a `ChatModel` the model chooses among the tools; without one the built-in rules do. Both use the same tools, and every record of the thread
stands in `ledger.sqlite` in its folder.
"""

from __future__ import annotations

import re
import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Self

from matsmith.agents.conversation.chat_tools import ChatTool, Confirm, ToolReply
from matsmith.agents.conversation.desk import Desk
from matsmith.agents.conversation.file_numbers import learn_files
from matsmith.agents.conversation.files import attach, table_tool
from matsmith.agents.conversation.literature_tools import literature_tool
from matsmith.agents.conversation.model_view import CHARACTERS, kept_messages, messages_for
from matsmith.agents.conversation.record_tools import record_tools
from matsmith.agents.conversation.rules_turn import rules_turn
from matsmith.agents.conversation.run_news import RunNews, RunState
from matsmith.agents.conversation.run_tools import run_tools
from matsmith.agents.conversation.structure_tools import structure_tools
from matsmith.agents.conversation.thread_store import TURNS, Turn, TurnStore
from matsmith.agents.conversation.tool_loop import run_turn
from matsmith.agents.conversation.turn import Ended, OnEvent, TurnBudget, TurnEvent, TurnResult
from matsmith.agents.reasoners.chat_model import ChatModel
from matsmith.agents.reasoners.interface import Reasoner
from matsmith.agents.runs import locked
from matsmith.core.errors import UsageError
from matsmith.core.executor import Executor
from matsmith.core.settings import Settings
from matsmith.tools.structure_files import is_structure_file

RULES = "rules"
_PATH = re.compile(r"""(?P<quoted>"[^"\n]+"|'[^'\n]+')|(?P<plain>(?:\\ |[^\s"'])+)""")
_TOO_LONG = ("too long", "context")


class Conversation:
    """One thread, held by one process at a time."""

    def __init__(
        self,
        *,
        folder: Path,
        settings: Settings,
        model: ChatModel | None = None,
        confirm: Confirm | None = None,
        budget: TurnBudget | None = None,
        reasoner: Reasoner | None = None,
        executor: Executor | None = None,
        seed: int = 0,
    ) -> None:
        """Open the thread in a folder, or begin it there.

        Args:
            folder: where everything of the thread is kept.
            settings: of the program.
            model: who chooses the tools; None is the built-in rules.
            confirm: asked before what is costly or lasting; None refuses all of it.
            budget: the limits of each turn.
            reasoner: who plans and reads papers; None is the built-in rules.
            executor: runs tools that need the cores; None starts a worker process when one is needed.
            seed: of tools that draw at random, and of the marks around data.

        Raises `UsageError` while another process speaks in the thread.
        """
        if reasoner is None:
            from matsmith.agents.reasoners.rules import RulesReasoner

            reasoner = RulesReasoner()
        self.folder = folder
        self.settings = settings
        self.model = model
        self.confirm = confirm
        self.budget = budget or TurnBudget()
        self._began_with = 0
        self._tools: dict[bool, list[ChatTool]] = {}
        self._open = ExitStack()
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise UsageError(
                f"The folder {folder} cannot be made: {error.strerror}.", hint="Choose another."
            ) from error
        try:
            self._open.enter_context(locked(folder))
        except UsageError as error:
            raise UsageError(
                f"Another process speaks in the thread {folder.name}.",
                hint="Close it there, or begin another with --thread NAME.",
            ) from error
        try:
            kind = RULES if reasoner.name == RULES else "openai"
            self.desk = Desk(
                folder=folder,
                settings=settings,
                reasoner=reasoner,
                executor=executor,
                seed=seed,
                design_reasoner=kind,
            )
            self._open.callback(self.desk.close)
            self._store = TurnStore(folder / TURNS)
            self._open.callback(self._store.close)
            for turn in self._store.turns(pieces=False):
                self.desk.known.add_text(turn.said)
        except BaseException:
            self._open.close()
            raise
        self._told: set[str] = {run.name for run in self.desk.runs.all() if self._settled(run.news())}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the thread; runs that it started go on."""
        self._open.close()

    @property
    def name(self) -> str:
        """Who answers."""
        return RULES if self.model is None else self.model.name

    def tools(self, *, design_runs: bool = True) -> list[ChatTool]:
        """Everything that a model can call here; without `design_runs` only what works on single questions."""
        if design_runs not in self._tools:
            tools = [
                *record_tools(self.desk),
                *structure_tools(self.desk),
                table_tool(self.desk),
                literature_tool(self.desk),
            ]
            self._tools[design_runs] = [*tools, *run_tools(self.desk)] if design_runs else tools
        return self._tools[design_runs]

    def turns(self, *, last: int | None = None) -> list[Turn]:
        """What was said so far."""
        return self._store.turns(last=last)

    def say(self, text: str, *, files: Sequence[Path] = (), on_event: OnEvent | None = None) -> TurnResult:
        """Answer one thing that the person says. `files`, and those whose paths stand in the text, are taken in first."""
        started = time.monotonic()
        self.desk.deadline = started + self.budget.seconds
        self.desk.tell = (
            None if on_event is None else lambda at: on_event(TurnEvent(kind="progress", text=at))
        )
        text, taken = self._with_files(text, files, on_event=on_event)
        if not text.strip():
            result = taken
        elif self.model is None or _is_command(text):
            result = rules_turn(text, desk=self.desk, confirm=self.confirm, on_event=on_event)
            self.desk.known.add_text(text)
        else:
            result = self._by_model(self.model, text, on_event=on_event)
        if taken.pieces and result is not taken:
            result.pieces = [*taken.pieces, *result.pieces]
        result.seconds = time.monotonic() - started
        # What the turn has said of a run that has ended is no news after it.
        spoken = {path.name for path in result.runs}
        self._told |= {
            run.name for run in self.desk.runs.all() if run.name in spoken and self._settled(run.news())
        }
        said = text.strip() or " ".join(path.name for path in files) or taken.text
        own = self.model is not None and not _is_command(text) and bool(text.strip())
        self._store.append(
            said,
            result,
            model=self.name if own else RULES,
            messages=kept_messages(result.messages, before=self._began_with, text=text) if own else [],
        )
        return result

    def news(self) -> list[RunNews]:
        """Runs of this thread that have ended or begun to wait since this was asked last."""
        found: list[RunNews] = []
        for run in self.desk.runs.all():
            news = run.news()
            if not self._settled(news):
                self._told.discard(run.name)
            elif run.name not in self._told:
                self._told.add(run.name)
                found.append(news)
        return found

    def _by_model(self, model: ChatModel, text: str, *, on_event: OnEvent | None) -> TurnResult:
        result = self._ask_model(model, text, on_event=on_event, characters=CHARACTERS)
        overflow = (
            result.ended is Ended.FAILED
            and not result.calls
            and any(word in result.error for word in _TOO_LONG)
        )
        if overflow and self._store.count():
            # The thread is too long for this model: once more, with the earlier turns in short.
            if on_event is not None:
                on_event(
                    TurnEvent(
                        kind="note",
                        text="The thread is long for this model; earlier turns are given in short.",
                    )
                )
            result = self._ask_model(model, text, on_event=on_event, characters=0)
        return result

    def _ask_model(
        self, model: ChatModel, text: str, *, on_event: OnEvent | None, characters: int
    ) -> TurnResult:
        learn_files(self.desk)
        messages = messages_for(
            text, turns=self._store.turns(pieces=False), desk=self.desk, characters=characters
        )
        self._began_with = len(messages)
        self.desk.known.add_text(text)
        return run_turn(
            model,
            messages,
            self.tools(),
            budget=self.budget,
            confirm=self.confirm,
            on_event=on_event,
            known=self.desk.known,
        )

    def _with_files(
        self, text: str, files: Sequence[Path], *, on_event: OnEvent | None
    ) -> tuple[str, TurnResult]:
        """Take in the files, and leave their labels in the text where their paths stood."""
        result = TurnResult()
        paths = list(files)
        if not _is_command(text):
            text, named = _paths_in(text)
            paths += named
        if not paths:
            return text, result
        if on_event is not None:
            on_event(
                TurnEvent(
                    kind="call", name="reading", arguments={"files": ", ".join(path.name for path in paths)}
                )
            )
        plain = text.strip()
        alone = set(plain.replace(",", " ").split()) <= {word for path in paths for word in path.name.split()}
        done = attach(paths, desk=self.desk, quiet=not alone)
        result.pieces = done.pieces
        result.text = result.raw_text = ", ".join(done.labels)
        if not done.labels:
            result.ended, result.error = Ended.FAILED, " ".join(done.problems)
        if on_event is not None:
            on_event(TurnEvent(kind="reply", name="reading", reply=ToolReply(data={}, pieces=done.pieces)))
        return ("" if alone and done.labels else text), result

    @staticmethod
    def _settled(news: RunNews) -> bool:
        return news.state is not RunState.RUNNING


def _paths_in(text: str) -> tuple[str, list[Path]]:
    """Paths of files that exist, as a terminal writes them when they are dropped in; each gives way to the file's name."""
    found: list[Path] = []

    def taken(match: re.Match[str]) -> str:
        raw = match[0]
        plain = (raw[1:-1] if match["quoted"] else raw.replace("\\ ", " ")).removeprefix("file://")
        trimmed = plain.rstrip(".,;:?!)")
        path = Path(trimmed).expanduser()
        # A bare word is a file only when it looks like one: "a" or "tests" may well be folders here.
        looks = "/" in trimmed or is_structure_file(path) or bool(re.search(r"\.[A-Za-z]{2,8}$", trimmed))
        try:
            there = (
                looks
                and not raw.startswith("/add")
                and (path.is_file() or (path.is_dir() and "/" in trimmed))
            )
        except OSError:
            there = False
        if not there:
            return raw
        found.append(path)
        return path.name + plain[len(trimmed) :]

    return _PATH.sub(taken, text), found


def _is_command(text: str) -> bool:
    return bool(re.match(r"\s*/[a-z]+(?:\s|$)", text))
