"""How a turn by rules is told and noted: words, pieces, calls of tools, and what a person is asked first."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from matsmith.agents.conversation.chat_tools import Confirm, Confirmation, ToolReply
from matsmith.agents.conversation.desk import Desk
from matsmith.agents.conversation.pieces import Piece
from matsmith.agents.conversation.turn import CallResult, Ended, OnEvent, TurnEvent, TurnResult


class RulesWork:
    """One turn as it goes on; `result` is what it comes to."""

    def __init__(self, desk: Desk, *, confirm: Confirm | None, on_event: OnEvent | None) -> None:
        self.desk = desk
        self.confirm = confirm
        self.on_event = on_event
        self.result = TurnResult()

    def end(self, why: Ended, error: str, *, hint: str = "") -> None:
        """Note that it went wrong, and say it once."""
        self.result.ended, self.result.error, self.result.hint = why, error, hint
        self.say(f"{error} {hint}".strip())

    def say(self, text: str, *, raw: str = "") -> None:
        """Say something; `raw` is the same with references in the place of numbers."""
        self.result.text = f"{self.result.text}\n{text}".strip()
        self.result.raw_text = f"{self.result.raw_text}\n{raw or text}".strip()
        if self.on_event is not None:
            self.on_event(TurnEvent(kind="text", text=f"{text}\n"))

    def show(self, name: str, pieces: Sequence[Piece]) -> None:
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

    def agreed(self, tool: str, sentence: str, arguments: Mapping[str, Any]) -> bool:
        """Whether the person agrees; when not, the turn ends with that."""
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
