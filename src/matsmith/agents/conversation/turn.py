"""A turn as it is limited, told and ended, whoever answers: a model or the rules."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any, Literal

from matsmith.agents.conversation.chat_tools import Arguments, ToolReply
from matsmith.agents.conversation.pieces import Piece
from matsmith.agents.reasoners.interface import Usage
from matsmith.knowledge.literature.answers import LiteratureAnswer


class Ended(StrEnum):
    """Why a turn ended."""

    ANSWERED = "answered"
    TOOL_ROUNDS = "tool_rounds"
    TOOL_CALLS = "tool_calls"
    BUDGET = "budget"
    TIME = "time"
    EMPTY = "empty"
    INTERRUPTED = "interrupted"
    FAILED = "failed"
    NOT_UNDERSTOOD = "not_understood"
    REFUSED = "refused"


@dataclass(frozen=True, kw_only=True)
class TurnBudget:
    """What one turn may cost. `tokens` None leaves it to the model's own budget."""

    tool_rounds: int = 8
    tool_calls: int = 32
    seconds: float = 600.0
    tokens: int | None = None


@dataclass(frozen=True, kw_only=True)
class CallResult:
    """One call as it went. `refused` says that the person, or the lack of one, said no."""

    name: str
    arguments: dict[str, Any]
    ok: bool
    record_ids: tuple[str, ...] = ()
    error: str = ""
    refused: bool = False
    seconds: float = 0.0


@dataclass(frozen=True, kw_only=True)
class TurnEvent:
    """What happens in a turn, as it happens.

    text: `text` may be shown now. call: `name` begins with `arguments`. progress: `text` is what it is at. reply: it ended with `reply`. again: the text so far is
    withdrawn, because a better one follows. note: `text` is for the person's eyes, not the model's words.
    """

    kind: Literal["text", "call", "progress", "reply", "again", "note"]
    text: str = ""
    name: str = ""
    arguments: Arguments = field(default_factory=dict[str, Any])
    reply: ToolReply | None = None
    seconds: float = 0.0


OnEvent = Callable[[TurnEvent], None]


@dataclass(kw_only=True)
class TurnResult:
    """How a turn went. `text` has its numbers filled in and gaps where none backs them; `raw_text` is what the model wrote.

    `unbacked` lists the numbers that were left out, `sources` the person's files that others were taken from.
    `messages` is what the conversation goes on with: the given messages and all that was said since.
    """

    text: str = ""
    raw_text: str = ""
    ended: Ended = Ended.ANSWERED
    error: str = ""
    hint: str = ""
    calls: list[CallResult] = field(default_factory=list[CallResult])
    usage: Usage = field(default_factory=Usage)
    unbacked: list[str] = field(default_factory=list[str])
    sources: list[str] = field(default_factory=list[str])
    records: list[str] = field(default_factory=list[str])
    pieces: list[Piece] = field(default_factory=list[Piece])
    runs: list[Path] = field(default_factory=list[Path])
    literature: list[LiteratureAnswer] = field(default_factory=list[LiteratureAnswer])
    messages: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    seconds: float = 0.0
