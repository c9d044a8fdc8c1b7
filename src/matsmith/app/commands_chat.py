"""`matsmith chat`: one thread over all tools, with a language model or without."""

from __future__ import annotations

import contextlib
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from matsmith.app.commands_design import ReasonerName
from matsmith.app.guard import FAILURE, complain, guarded, stoppable
from matsmith.core.errors import UsageError

if TYPE_CHECKING:
    from rich.console import Console

    from matsmith.agents.conversation.chat_tools import Confirmation
    from matsmith.agents.conversation.conversation import Conversation
    from matsmith.agents.conversation.turn import TurnResult
    from matsmith.app.chat_view import ChatView
    from matsmith.core.settings import Settings

_NOT_DONE, _INTERRUPTED = 3, 5
_SHOWN_TURNS = 2


@guarded
def chat(
    message: Annotated[
        str | None,
        typer.Argument(help="say this one thing and end; else a conversation begins", show_default=False),
    ] = None,
    thread: Annotated[
        str, typer.Option("--thread", metavar="NAME", help="which thread to go on with, or to begin")
    ] = "main",
    files: Annotated[
        list[Path] | None,
        typer.Option(
            "--files",
            metavar="PATH",
            help="CIF, POSCAR, CSV, PDF or a folder; may be repeated",
            show_default=False,
        ),
    ] = None,
    reasoner: Annotated[
        ReasonerName | None, typer.Option(help="built-in rules, or a language model", show_default=False)
    ] = None,
    yes: Annotated[
        bool, typer.Option("--yes", "-y", help="agree to design runs and long calculations")
    ] = False,
    max_cost: Annotated[
        float | None,
        typer.Option(
            "--max-cost",
            metavar="USD",
            min=0,
            help="of the language model in this sitting; needs its prices in the settings",
            show_default=False,
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="machine-readable: one turn a line")] = False,
    wants_list: Annotated[bool, typer.Option("--list", help="list the threads and exit")] = False,
    delete: Annotated[
        str | None,
        typer.Option(
            "--delete", metavar="NAME", help="delete a thread and exit; runs stay", show_default=False
        ),
    ] = None,
) -> int:
    r"""Talk to the tools: calculate, ask the literature, design, and question what came out.

    A thread is kept and goes on where it stood. Drop a file in by its path. Without a language model the same things are understood
    in plain sentences and commands; /help lists them. Ctrl-C stops what is being done, Ctrl-D leaves; design runs go on.

    \b
    Examples:
      matsmith chat
      matsmith chat "bulk modulus of MgO"
      matsmith chat --files LiFePO4.cif "relax it and give its space group"
      matsmith chat --thread garnets --files papers/ "what limits their conductivity?"

    \b
    Exit status with one message, or with messages on standard input (the last one counts): 0 done,
    1 failed, 2 not understood, 3 refused, cannot be answered or out of budget, 5 stopped.
    """
    from matsmith.agents.conversation.thread_store import delete_thread
    from matsmith.app.console import make_console
    from matsmith.core.settings import load_settings

    settings = load_settings()
    if wants_list:
        return _list(settings, as_json=as_json)
    console = make_console(stderr=as_json)
    if delete is not None:
        delete_thread(delete, settings=settings)
        console.print(f"The thread {delete} is deleted.")
        return 0
    name = reasoner.value if reasoner is not None else settings.reasoner
    talk = _Talk(console, yes=yes, as_json=as_json)
    with _opened(thread, name, settings=settings, talk=talk, max_cost=max_cost) as conversation:
        talk.conversation = conversation
        if message is not None:
            return talk.say(message, files or [])
        if not talk.interactive:
            return talk.read(sys.stdin, files or [])
        return talk.converse(files or [], thread=thread)


def _opened(
    thread: str, reasoner: str, *, settings: Settings, talk: _Talk, max_cost: float | None
) -> Conversation:
    from matsmith.agents.conversation.conversation import Conversation
    from matsmith.agents.conversation.thread_store import thread_folder

    folder = thread_folder(thread, settings=settings)
    if reasoner == "rules":
        return Conversation(folder=folder, settings=settings, confirm=talk.confirm)
    from matsmith.agents.reasoners.budget import ModelBudget
    from matsmith.agents.reasoners.chat_model import make_chat_model
    from matsmith.agents.reasoners.providers import RoleReasoner, make_watch

    # One purse and one transcript for the model that talks and for those that plan and read.
    budget = ModelBudget(cost_usd=max_cost)
    folder.mkdir(parents=True, exist_ok=True)
    watch = make_watch(settings, folder=folder)
    return Conversation(
        folder=folder,
        settings=settings,
        model=make_chat_model(settings, budget=budget, seed=0, watch=watch),
        reasoner=RoleReasoner(settings, budget=budget, seed=0, watch=watch),
        confirm=talk.confirm,
    )


def _list(settings: Settings, *, as_json: bool) -> int:
    from rich.text import Text

    from matsmith.agents.conversation.thread_store import list_threads
    from matsmith.agents.report.markup import visible
    from matsmith.app.console import make_console, plain_table, write_json

    found = list_threads(settings)
    if as_json:
        rows = [
            {
                "name": one.name,
                "turns": one.turns,
                "last_at": one.last_at,
                "last_said": one.last_said,
                "folder": str(one.folder),
            }
            for one in found
        ]
        write_json(rows)
        return 0
    console = make_console()
    if not found:
        console.print("There are no threads yet: matsmith chat begins one.")
        return 0
    table = plain_table("Thread", "Turns", "Last", "", right=frozenset({"Turns"}))
    for one in found:
        at = one.last_at.astimezone().strftime("%Y-%m-%d %H:%M") if one.last_at else ""
        table.add_row(
            Text(visible(one.name), style="label"),
            str(one.turns),
            Text(at, style="quiet"),
            Text(visible(one.last_said, limit=60)),
        )
    console.print(table)
    return 0


class _Talk:
    """One sitting at a thread."""

    def __init__(self, console: Console, *, yes: bool, as_json: bool) -> None:
        from matsmith.app.chat_view import ChatView
        from matsmith.app.console import is_interactive

        self._console = console
        self._yes = yes
        self._as_json = as_json
        self.interactive = is_interactive(console) and not as_json
        self._view: ChatView = ChatView(console)
        self.conversation: Conversation | None = None

    def confirm(self, wish: Confirmation) -> bool:
        """Ask the person; --yes has answered already, except where text from outside may have put the wish forward."""
        from rich.text import Text

        self._view.pause()
        if self._yes and not wish.after_outside_text:
            return True
        if not self.interactive:
            why = (
                "text from files or papers was read in this turn, so --yes does not count"
                if self._yes
                else "there is no terminal to ask on"
            )
            self._console.print(Text(f" Not done ({why}): {wish.sentence}", style="unknown"))
            return False
        if wish.after_outside_text:
            self._console.print(
                Text(
                    " Text from files or papers was read in this turn: did you want this yourself?",
                    style="unknown",
                )
            )
        try:
            answer = self._console.input(Text(f" {wish.sentence} Agree? [y/N] ", style="label"))
        except EOFError:
            answer = "n"
        return answer.strip().lower() in ("y", "yes")

    def say(self, text: str, files: list[Path]) -> int:
        """One turn. Returns its exit status."""
        from matsmith.app.chat_view import end_line, turn_json

        conversation = self._thread()
        try:
            if self._as_json:
                with stoppable(), contextlib.redirect_stdout(sys.stderr):
                    result = conversation.say(text, files=files)
                sys.stdout.write(json.dumps(turn_json(text, result), ensure_ascii=False, default=str) + "\n")
                sys.stdout.flush()
                return _status(result)
            with stoppable(), self._view:
                result = conversation.say(text, files=files, on_event=self._view)
        except KeyboardInterrupt:
            self._view.pause()
            complain("Stopped; the thread is kept.")
            return _INTERRUPTED
        line = end_line(result)
        if line:
            from rich.text import Text

            self._console.print(Text(f" {line}", style="quiet"))
        return _status(result)

    def read(self, lines: Iterator[str], files: list[Path]) -> int:
        """Turns from standard input, a line each."""
        status = 0
        for line in lines:
            if line.strip() in ("/quit", "/exit"):
                break
            if line.strip() or files:
                status = self.say(line.strip(), files)
                files = []
                if status == _INTERRUPTED:
                    break
        return status

    def converse(self, files: list[Path], *, thread: str) -> int:
        """Turns from a person at a terminal."""
        from rich.text import Text

        _better_input(self._thread().folder)
        self._greet(thread)
        if files:
            self.say("", files)
        while True:
            self._tell_news()
            try:
                line = self._console.input(Text("\n› ", style="known"))
            except EOFError:
                self._console.print()
                break
            except KeyboardInterrupt:
                self._console.print(Text("\n Ctrl-D or /quit leaves; the thread is kept.", style="quiet"))
                continue
            if not line.strip():
                continue
            if line.strip().lower() in ("/quit", "/exit", "quit", "exit", "bye"):
                break
            if line.split()[0] == "/threads":
                _list(self._thread().settings, as_json=False)
                continue
            self.say(line, [])
            if line.split()[0] == "/watch":
                self._follow(line.partition(" ")[2].strip())
        self._leave(thread)
        return 0

    def _greet(self, thread: str) -> None:
        from rich.text import Text

        from matsmith.agents.report.markup import visible

        conversation = self._thread()
        turns = conversation.turns(last=_SHOWN_TURNS)
        self._console.print(
            Text.assemble(
                (" matsmith", "label"), (f"  thread {thread}, answered by {conversation.name}", "quiet")
            )
        )
        if not turns:
            self._console.print(
                Text(
                    ' Say for example "bulk modulus of MgO", drop in a file by its path, or /help. Ctrl-D leaves.',
                    style="quiet",
                )
            )
        for turn in turns:
            self._console.print(Text.assemble(("\n › ", "quiet"), (visible(turn.said, limit=200), "quiet")))
            if turn.answered:
                self._console.print(Text(f"   {visible(turn.answered, limit=400)}", style="quiet"))

    def _tell_news(self) -> None:
        from rich.text import Text

        for news in self._thread().news():
            self._console.print(Text(f"\n {news.in_words()}", style="met" if news.met else "unknown"))

    def _follow(self, name: str) -> None:
        """Watch a run that is at work until it ends; Ctrl-C goes back to the conversation and leaves the run alone."""
        from matsmith.agents.conversation.run_tools import started_run
        from matsmith.app.progress import LiveProgress

        desk = self._thread().desk
        run = started_run(desk, name)
        if run is None or not run.alive:
            return
        with contextlib.suppress(KeyboardInterrupt), LiveProgress(self._console) as progress:
            for event in run.events():
                progress(event)

    def _leave(self, thread: str) -> None:
        from rich.text import Text

        from matsmith.agents.conversation.run_news import RunState

        desk = self._thread().desk
        at_work = [run.name for run in desk.runs.all() if run.news().state is RunState.RUNNING]
        runs = f" {', '.join(at_work)} goes on." if at_work else ""
        again = "matsmith chat" if thread == "main" else f"matsmith chat --thread {thread!r}"
        self._console.print(Text(f" The thread is kept: {again}.{runs}", style="quiet"))

    def _thread(self) -> Conversation:
        if self.conversation is None:
            raise UsageError("No thread is open.", hint="Start again.")
        return self.conversation


def _status(result: TurnResult) -> int:
    from matsmith.agents.conversation.turn import Ended

    return {
        Ended.ANSWERED: 0,
        Ended.FAILED: FAILURE,
        Ended.EMPTY: FAILURE,
        Ended.NOT_UNDERSTOOD: 2,
        Ended.INTERRUPTED: _INTERRUPTED,
    }.get(result.ended, _NOT_DONE)


def _better_input(folder: Path) -> None:
    """Arrow keys, a history that is kept with the thread, and Tab for commands, where the system has readline."""
    try:
        import readline
    except ImportError:
        return
    import atexit

    from matsmith.agents.conversation.commands import COMMANDS

    path = folder / "history.txt"
    with contextlib.suppress(OSError):
        readline.read_history_file(path)
    readline.set_history_length(1000)

    def keep() -> None:
        with contextlib.suppress(OSError):
            readline.write_history_file(path)

    atexit.register(keep)
    words = [command.split()[0] for command in COMMANDS]

    def complete(text: str, state: int) -> str | None:
        found = [word for word in words if word.startswith(text)] if text.startswith("/") else []
        return found[state] if state < len(found) else None

    readline.set_completer(complete)
    readline.set_completer_delims(" \t\n")
    readline.parse_and_bind("tab: complete")


__all__ = ["chat"]
