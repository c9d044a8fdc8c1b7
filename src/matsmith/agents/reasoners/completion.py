"""What a chat-completions server sends back, whole or in pieces, read leniently: servers differ in everything they need not send."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field, replace
from typing import Any, cast

from pydantic import BaseModel, ConfigDict, ValidationError

from matsmith.agents.reasoners.chat_model import ToolCall
from matsmith.agents.reasoners.faults import Fault, FaultKind, fault_of_status
from matsmith.agents.reasoners.secrets_out import Scrubber

_MOST_TOOL_CALLS = 64  # of one answer; a model that asks for more has lost its way


@dataclass(frozen=True, kw_only=True)
class Reply:
    """What a model answered. Token counts are None when the server gives none."""

    text: str
    refusal: str = ""
    finish_reason: str = ""
    input_tokens: int | None = None
    output_tokens: int | None = None
    cached_tokens: int = 0
    tool_calls: tuple[ToolCall, ...] = ()


class _Lenient(BaseModel):
    """Servers differ in everything beside these fields."""

    model_config = ConfigDict(hide_input_in_errors=True)


class _Part(_Lenient):
    text: str | None = None


class _Function(_Lenient):
    name: str | None = None
    arguments: str | dict[str, Any] | None = None


class _ToolCall(_Lenient):
    index: int | None = None
    id: str | None = None
    function: _Function | None = None


class _Message(_Lenient):
    content: str | list[_Part] | None = None
    refusal: str | None = None
    tool_calls: list[_ToolCall] | None = None


class _Choice(_Lenient):
    message: _Message
    finish_reason: str | None = None


class _Details(_Lenient):
    cached_tokens: int | None = None


class _Counts(_Lenient):
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    prompt_tokens_details: _Details | None = None
    prompt_cache_hit_tokens: int | None = None
    cache_read_input_tokens: int | None = None

    @property
    def cached(self) -> int:
        """Tokens of the prompt that were read from the server's cache; servers name them in three ways."""
        details = self.prompt_tokens_details or _Details()
        counts = (details.cached_tokens, self.prompt_cache_hit_tokens, self.cache_read_input_tokens)
        return max((count for count in counts if count is not None and count > 0), default=0)


class _Completion(_Lenient):
    choices: list[_Choice]
    usage: _Counts | None = None


class _StreamChoice(_Lenient):
    delta: _Message | None = None
    finish_reason: str | None = None


class _Chunk(_Lenient):
    choices: list[_StreamChoice] | None = None
    usage: _Counts | None = None
    error: Any = None


class _ModelName(_Lenient):
    id: str


class _Models(_Lenient):
    data: list[_ModelName]


def read_models(raw: bytes) -> list[str] | Fault:
    """Names in a server's list of models."""
    try:
        return [entry.id for entry in _Models.model_validate_json(raw).data]
    except ValidationError:
        return Fault(kind=FaultKind.MALFORMED, message="its list of models cannot be read")


def read_completion(raw: bytes, *, scrubber: Scrubber) -> Reply | Fault:
    """Read a whole completion."""
    try:
        completion = _Completion.model_validate_json(raw)
    except ValidationError:
        return _not_a_completion(raw, scrubber=scrubber)
    if not completion.choices:
        return Fault(kind=FaultKind.MALFORMED, message="the reply holds no choice")
    choice = completion.choices[0]
    calls = [_Partial(index=number) for number in range(len(choice.message.tool_calls or ()))]
    for partial, call in zip(calls, choice.message.tool_calls or (), strict=True):
        partial.add(call)
    return _with_counts(
        Reply(
            text=scrubber.text(_text(choice.message)),
            refusal=scrubber.line(choice.message.refusal or ""),
            finish_reason=choice.finish_reason or "",
            tool_calls=_finished(calls, scrubber=scrubber),
        ),
        completion.usage,
    )


def error_fields(body: object) -> dict[str, str]:
    """Message, code and parameter of an error body; servers nest it in different ways."""
    if not isinstance(body, dict):
        return {"message": body} if isinstance(body, str) and not body.lstrip().startswith("<") else {}
    fields = cast("dict[str, object]", body)
    inner = fields.get("error", fields)
    if isinstance(inner, str):
        return {"message": inner}
    if not isinstance(inner, dict):
        return {}
    fields = cast("dict[str, object]", inner)
    if "message" not in fields and "detail" in fields:
        fields = {**fields, "message": fields["detail"]}
    return {name: str(fields[name]) for name in ("message", "code", "param") if fields.get(name) is not None}


@dataclass
class _Partial:
    """A tool call that arrives in pieces."""

    index: int
    id: str = ""
    name: str = ""
    arguments: list[str] = field(default_factory=list[str])

    def add(self, piece: _ToolCall) -> None:
        self.id = piece.id or self.id
        function = piece.function or _Function()
        if function.name and function.name != self.name:  # some servers repeat the whole name
            self.name += function.name
        written = function.arguments
        if isinstance(written, dict):
            written = json.dumps(written, ensure_ascii=False)
        if written:
            self.arguments.append(written)


class Assembly:
    """Puts the pieces of a streamed answer together."""

    def __init__(self, *, scrubber: Scrubber) -> None:
        self._scrubber = scrubber
        self._text: list[str] = []
        self._waiting = ""
        self._refusal: list[str] = []
        self._calls: dict[int, _Partial] = {}
        self._finish_reason = ""
        self._counts: _Counts | None = None
        self._done = False
        self.fault: Fault | None = None

    @property
    def ended(self) -> bool:
        """Whether the server said that this is all."""
        return self._done or self.fault is not None

    def add(self, line: str) -> str:
        """Take in one line of the stream; returns the new words in it."""
        if not line.startswith("data:"):
            return ""  # blank lines, comments that keep the connection alive, names of events
        data = line[5:].strip()
        if data == "[DONE]":
            self._done = True
            return ""
        try:
            chunk = _Chunk.model_validate_json(data)
        except ValidationError:
            self.fault = Fault(kind=FaultKind.MALFORMED, message="a piece of the reply is no JSON")
            return ""
        if chunk.error is not None:
            self.fault = _fault_in_reply(error_fields({"error": chunk.error}), scrubber=self._scrubber)
            return ""
        self._counts = chunk.usage or self._counts
        if not chunk.choices:
            return ""
        choice = chunk.choices[0]
        self._finish_reason = choice.finish_reason or self._finish_reason
        delta = choice.delta or _Message()
        if delta.refusal:
            self._refusal.append(delta.refusal)
        for piece in delta.tool_calls or ():
            self._add_call(piece)
        return self._released(_text(delta))

    def finish(self) -> tuple[str, Reply | Fault]:
        """The last words, and the whole reply; or a fault when the stream ended before the answer did."""
        rest = self._scrubber.text(self._waiting)
        self._waiting = ""
        if rest:
            self._text.append(rest)
        if self.fault is not None:
            return rest, self.fault
        if not self._done and not self._finish_reason:
            return rest, Fault(kind=FaultKind.CONNECTION, message="the reply broke off")
        calls = [self._calls[index] for index in sorted(self._calls)]
        reply = Reply(
            text="".join(self._text),
            refusal=self._scrubber.line("".join(self._refusal)),
            finish_reason=self._finish_reason,
            tool_calls=_finished(calls, scrubber=self._scrubber),
        )
        return rest, _with_counts(reply, self._counts)

    def _released(self, words: str) -> str:
        """Words that may be shown: all but an end that might be the beginning of a key."""
        if not words:
            return ""
        waiting = self._scrubber.text(self._waiting + words)
        held = self._scrubber.held_back(waiting)
        released, self._waiting = waiting[: len(waiting) - held], waiting[len(waiting) - held :]
        self._text.append(released)
        return released

    def _add_call(self, piece: _ToolCall) -> None:
        index = piece.index
        if index is None:
            # without a number, a new id begins a new call
            known = [number for number, call in self._calls.items() if piece.id in (None, "", call.id)]
            index = known[-1] if known else len(self._calls)
        elif index in self._calls and piece.id and self._calls[index].id not in ("", piece.id):
            index = len(self._calls)  # every call under the same number: told apart by their ids
        if len(self._calls) >= _MOST_TOOL_CALLS and index not in self._calls:
            return
        self._calls.setdefault(index, _Partial(index=index)).add(piece)


def _finished(calls: list[_Partial], *, scrubber: Scrubber) -> tuple[ToolCall, ...]:
    return tuple(
        ToolCall(
            id=call.id or f"call_{call.index}",
            name=scrubber.line(call.name, longest=100),
            arguments=scrubber.text("".join(call.arguments)) or "{}",
        )
        for call in calls[:_MOST_TOOL_CALLS]
        if call.name or call.arguments
    )


def _text(message: _Message) -> str:
    content = message.content
    return "".join(part.text or "" for part in content) if isinstance(content, list) else content or ""


def _with_counts(reply: Reply, counts: _Counts | None) -> Reply:
    if counts is None:
        return reply
    read = _count(counts.prompt_tokens)
    return replace(
        reply,
        input_tokens=read,
        output_tokens=_count(counts.completion_tokens),
        cached_tokens=min(counts.cached, read or 0),
    )


def _not_a_completion(raw: bytes, *, scrubber: Scrubber) -> Fault:
    """Name what came with status 200 and is no completion: an error that a gateway wrapped, or a page."""
    try:
        body: object = json.loads(raw)
    except (ValueError, RecursionError):
        return Fault(kind=FaultKind.MALFORMED, message="the reply is no JSON, or half of it")
    said = error_fields(body)
    if said.get("message"):
        return _fault_in_reply(said, scrubber=scrubber)
    return Fault(kind=FaultKind.MALFORMED, message="the reply is JSON, but no chat completion")


def _fault_in_reply(said: dict[str, str], *, scrubber: Scrubber) -> Fault:
    code = said.get("code", "")
    status = int(code) if re.fullmatch(r"[45]\d\d", code) else 500
    return fault_of_status(
        status, message=scrubber.line(said.get("message", "it failed")), code=scrubber.line(code)
    )


def _count(tokens: int | None) -> int | None:
    """A number of tokens that can be one."""
    return tokens if tokens is not None and tokens >= 0 else None
