"""A conversation as a terminal shows it: words as they come, calls as they run, results in place."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Self

from matsmith.app.console import plain_table

if TYPE_CHECKING:
    from types import TracebackType

    from rich.console import Console, RenderableType
    from rich.status import Status

    from matsmith.agents.conversation.pieces import Piece
    from matsmith.agents.conversation.turn import TurnEvent, TurnResult

_STYLES = {
    "plain": "",
    "heading": "label",
    "quiet": "quiet",
    "good": "met",
    "bad": "not_met",
    "unsure": "unknown",
}
_WORTH_SAYING_S = 0.05
_LONGEST_ARGUMENT = 48


class ChatView:
    """Shows the events of turns. Between entering and leaving, a spinner says what is waited for, on a terminal."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._status: Status | None = None
        self._column = 0
        self._word = ""
        self._since = 0.0

    def __enter__(self) -> Self:
        self._wait("thinking")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._rest()
        self.flush()

    def __call__(self, event: TurnEvent) -> None:
        """Show an event."""
        from rich.text import Text

        match event.kind:
            case "text":
                self._rest()
                self._write(event.text)
            case "call":
                self.flush()
                self._wait(f"{event.name} {arguments_text(event.arguments)}".strip())
            case "progress":
                self._wait(event.text)
            case "reply":
                self._rest()
                self.flush()
                if event.reply is not None:
                    self._reply(event)
                self._wait("thinking")
            case "again":
                self._rest()
                self.flush()
                self._console.print(
                    Text(
                        f" No record backs {event.text[:120]}: the answer is written again.", style="unknown"
                    )
                )
                self._wait("thinking")
            case "note":
                self._rest()
                self.flush()
                self._console.print(Text(f" {event.text}", style="quiet"))

    def flush(self) -> None:
        """End the line that is being written."""
        self._put_word()
        if self._column:
            self._console.file.write("\n")
            self._console.file.flush()
            self._column = 0

    def pause(self) -> None:
        """Take the spinner away, because the person is asked something."""
        self._rest()
        self.flush()

    def _reply(self, event: TurnEvent) -> None:
        from rich.text import Text

        reply = event.reply
        if reply is None:
            return
        if event.seconds >= _WORTH_SAYING_S or reply.failed:
            # A look-up that knows nothing is told quietly, and is no fault.
            tones = {getattr(one, "tone", "") for one in reply.pieces}
            failed = reply.failed and tones != {"quiet"}
            mark, style = ("✗", "not_met") if failed else ("·", "quiet")
            words = f"{event.name} {arguments_text(event.arguments)}".strip()
            line = Text.assemble(
                (f" {mark} ", style), (words, "quiet"), (f"  {event.seconds:.1f} s", "quiet")
            )
            self._console.print(line)
        for piece in reply.pieces:
            self._console.print(piece_view(piece))
        if reply.failed and not reply.pieces:
            self._console.print(Text(f"   {reply.failed} {reply.hint}".rstrip(), style="not_met"))

    def _write(self, text: str) -> None:
        """Write words as they come, wrapped at the edge."""
        from matsmith.agents.report.markup import visible

        width = max(20, self._console.width - 2)
        for letter in visible(text, limit=100_000):
            if letter == "\n":
                self._put_word()
                self._console.file.write("\n")
                self._column = 0
            elif letter in " \t":
                self._put_word()
                if self._column and self._column < width:
                    self._console.file.write(" ")
                    self._column += 1
            else:
                self._word += letter
                if len(self._word) >= width:
                    self._put_word()
        # A word that has only begun is shown too, where it fits: what has arrived is to be seen.
        if self._word and self._column + len(self._word) + 12 < width:
            self._put_word()
        self._console.file.flush()

    def _put_word(self) -> None:
        if not self._word:
            return
        width = max(20, self._console.width - 2)
        if self._column and self._column + len(self._word) > width:
            self._console.file.write("\n")
            self._column = 0
        if not self._column:
            self._console.file.write(" ")
            self._column = 1
        self._console.file.write(self._word)
        self._column += len(self._word)
        self._word = ""

    def _wait(self, text: str) -> None:
        if not self._console.is_terminal:
            return
        from rich.text import Text

        from matsmith.agents.report.markup import visible

        self._rest()
        self._since = time.monotonic()
        self._status = self._console.status(Text(visible(text, limit=120), style="quiet"), spinner="dots")
        self._status.start()

    def _rest(self) -> None:
        if self._status is not None:
            self._status.stop()
            self._status = None


def arguments_text(arguments: Mapping[str, Any]) -> str:
    """Arguments in short.

    >>> arguments_text({"structure": "MgO.cif", "max_steps": 100})
    'structure=MgO.cif max_steps=100'
    """
    parts: list[str] = []
    for name, value in arguments.items():
        text = " ".join(str(value).split())
        parts.append(f"{name}={text if len(text) <= _LONGEST_ARGUMENT else text[:_LONGEST_ARGUMENT] + '…'}")
    return " ".join(parts)


def piece_view(piece: Piece) -> RenderableType:
    """One piece of a result."""
    from rich.console import Group
    from rich.padding import Padding
    from rich.text import Text

    from matsmith.agents.conversation.pieces import RecordPiece, TablePiece
    from matsmith.agents.report.markup import visible

    if isinstance(piece, RecordPiece):
        from matsmith.app.tool_view import record_view

        title = [Text(f" {visible(piece.title)}", style="label")] if piece.title else []
        return Padding(Group(*title, record_view(piece.record)), (0, 0, 1, 1), expand=False)
    if isinstance(piece, TablePiece):
        headed = any(column for column in piece.columns)
        table = plain_table(*(visible(column) for column in piece.columns), show_header=headed)
        for row in piece.rows:
            table.add_row(
                *(
                    Text(visible(cell), style="quiet" if not place and not headed else "")
                    for place, cell in enumerate(row)
                )
            )
        title = [Text(visible(piece.title), style="label")] if piece.title else []
        note = [Text(visible(piece.note), style="quiet")] if piece.note else []
        return Padding(Group(*title, table, *note), (0, 0, 1, 1), expand=False)
    return Padding(Text(visible(piece.text), style=_STYLES[piece.tone]), (0, 0, 0, 1), expand=False)


def end_line(result: TurnResult) -> str:
    """What is to be said after a turn: why it ended early, and what the model has cost."""
    from matsmith.agents.conversation.turn import Ended

    parts: list[str] = []
    early = {
        Ended.TOOL_ROUNDS: "The rounds of tool calls of this turn are used up.",
        Ended.TOOL_CALLS: "The tool calls of this turn are used up.",
        Ended.EMPTY: "The model answered nothing; ask again, in other words.",
        Ended.INTERRUPTED: "Stopped; the thread is kept.",
    }
    if result.ended in early:
        parts.append(early[result.ended])
    elif result.error and result.messages:
        parts.append(f"{result.error} {result.hint}".strip())
    if result.unbacked:
        parts.append("Numbers without a record were left out.")
    if result.sources:
        parts.append(
            f"Numbers without a record stand in your files and structures: {', '.join(result.sources)}."
        )
    if result.usage.calls:
        parts.append(f"({result.usage.in_words})")
    return " ".join(parts)


def turn_json(said: str, result: TurnResult) -> dict[str, Any]:
    """A turn as plain data."""
    return {
        "said": said,
        "answered": result.text,
        "ended": str(result.ended),
        "error": result.error,
        "hint": result.hint,
        "calls": [
            {
                "name": call.name, "arguments": call.arguments, "ok": call.ok, "records": list(call.record_ids), "error": call.error,
                "refused": call.refused, "seconds": round(call.seconds, 3),
            }
            for call in result.calls
        ],
        "pieces": [piece.model_dump(mode="json") for piece in result.pieces],
        "records": result.records,
        "runs": [str(run) for run in result.runs],
        "without_record": result.unbacked,
        "from_files": result.sources,
        "usage": result.usage.model_dump(mode="json"),
        "seconds": round(result.seconds, 3),
    }  # fmt: skip
