"""What a conversation can do: a tool with its schema, how it runs, what it gives back, and what must be confirmed first."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from matsmith.agents.conversation.pieces import Piece
from matsmith.agents.reasoners.chat_model import ToolSchema
from matsmith.core.errors import MatsmithError
from matsmith.core.record import Record
from matsmith.knowledge.literature.answers import LiteratureAnswer

LONGEST_REPLY = 8_000
"""Characters of one tool's result that a model is given; what is shown to the person is never cut."""

Arguments = Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class ToolReply:
    """What a call gives: data for the model, pieces for the person, and the records that its numbers stand in.

    `outside` marks text that comes from files or papers: after it nothing costly starts without a person's word.
    """

    data: Mapping[str, Any]
    pieces: Sequence[Piece] = ()
    records: Sequence[Record] = ()
    texts: Sequence[str] = ()
    outside: bool = False
    failed: str = ""
    hint: str = ""
    runs: Sequence[Path] = ()
    literature: LiteratureAnswer | None = None

    @classmethod
    def failure(cls, code: str, message: str, *, hint: str = "", **data: Any) -> ToolReply:
        """A typed failure; the model may mend its call by it."""
        told = {"failed": code, "message": message, **({"hint": hint} if hint else {}), **data}
        return cls(data=told, failed=message, hint=hint)

    @classmethod
    def of_error(cls, error: MatsmithError) -> ToolReply:
        """The failure that an expected error is."""
        code = type(error).__name__.removesuffix("Error")
        return cls.failure(_words(code), error.message, hint=error.hint, retryable=error.retryable)

    def as_text(self) -> str:
        """The data as JSON, cut where it is too long."""
        text = json.dumps(self.data, ensure_ascii=False, default=str)
        if len(text) <= LONGEST_REPLY:
            return text
        return text[:LONGEST_REPLY] + f" … (cut: {len(text)} characters in all; ask for less at once)"


@dataclass(frozen=True, kw_only=True)
class Confirmation:
    """What a person is asked before something costly or lasting happens.

    `after_outside_text` says that the turn has read text from files or papers, which may have put the wish into the model's mouth.
    """

    tool: str
    sentence: str
    arguments: Arguments
    after_outside_text: bool = False


Confirm = Callable[[Confirmation], bool]


def free(arguments: Arguments) -> str | None:
    """Ask nothing."""
    del arguments
    return None


@dataclass(frozen=True, kw_only=True)
class ChatTool:
    """One thing that a conversation can do. Calls of one tool that stand side by side come as one batch.

    `asks` returns the sentence that a person must agree to first, or None when the call is free.
    """

    schema: ToolSchema
    run_many: Callable[[Sequence[Arguments]], list[ToolReply]]
    asks: Callable[[Arguments], str | None] = free

    @property
    def name(self) -> str:
        """Its name."""
        return self.schema.name

    def run(self, arguments: Arguments) -> ToolReply:
        """One call alone."""
        return self.run_many([arguments])[0]


def single(run: Callable[[Arguments], ToolReply]) -> Callable[[Sequence[Arguments]], list[ToolReply]]:
    """Make a batch out of single calls; an expected error of one is its failure and leaves the others alone."""

    def run_many(batch: Sequence[Arguments]) -> list[ToolReply]:
        replies: list[ToolReply] = []
        for arguments in batch:
            try:
                replies.append(run(arguments))
            except MatsmithError as error:
                replies.append(ToolReply.of_error(error))
        return replies

    return run_many


def schema_of(name: str, description: str, **properties: Mapping[str, Any]) -> ToolSchema:
    """A tool's schema from its arguments; one whose schema holds `"required": True` must be given."""
    fields = {
        key: {inner: value for inner, value in entry.items() if inner != "required"}
        for key, entry in properties.items()
    }
    parameters = {
        "type": "object",
        "properties": fields,
        "required": [key for key, entry in properties.items() if entry.get("required")],
        "additionalProperties": False,
    }
    return ToolSchema(name=name, description=description, parameters=parameters)


def text_of(arguments: Arguments, name: str, *, longest: int = 2000) -> str:
    """A text among the arguments, "" when absent. Raises `UsageError` for what is no text."""
    from matsmith.core.errors import UsageError

    value = arguments.get(name, "")
    if value is None:
        return ""
    if not isinstance(value, str | int) or isinstance(value, bool):
        raise UsageError(f"The argument {name} must be a text.", hint="Give one string.")
    text = str(value).strip()
    if len(text) > longest:
        raise UsageError(f"The argument {name} has more than {longest} characters.", hint="Shorten it.")
    return text


def _words(name: str) -> str:
    return "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in name).lstrip("_")
