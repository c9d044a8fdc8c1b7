"""`ChatModel`: the seam to a language model that converses, streams its words and asks for tools.

    model = make_chat_model(load_settings())
    for event in model.stream([{"role": "user", "content": "What is LLZO?"}]):
        match event:
            case TextDelta(): print(event.text, end="", flush=True)
            case TurnEnd(): calls = event.tool_calls

The messages are those of the chat-completions protocol; `assistant_message` and `tool_message` write the two that a loop over tools adds.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

from pydantic import BaseModel, ConfigDict, Field

from matsmith.agents.reasoners.interface import Usage

if TYPE_CHECKING:
    from matsmith.agents.reasoners.budget import ModelBudget
    from matsmith.agents.reasoners.watching import Watch
    from matsmith.core.settings import Settings

_FROZEN = ConfigDict(frozen=True, extra="forbid")


class ToolSchema(BaseModel):
    """A tool as a model is told of it. `parameters` is the JSON schema of an object."""

    model_config = _FROZEN

    name: str = Field(pattern=r"^[a-zA-Z0-9_-]{1,64}$")
    description: str
    parameters: dict[str, Any]


class ToolCall(BaseModel):
    """A call that a model asks for. `arguments` is the text that it wrote: perhaps no JSON, perhaps for a tool that does not exist."""

    model_config = _FROZEN

    id: str
    name: str
    arguments: str


class TextDelta(BaseModel):
    """Some more of the words of an answer, in the moment of their arrival."""

    model_config = _FROZEN

    text: str


class TurnEnd(BaseModel):
    """The end of an answer: all of its text, the tools it asks for, why it ended, and what it has cost.

    `finish_reason` is the server's: `stop`, `tool_calls`, `length` (cut off), or another word of its own. `usage` is of this answer alone.
    """

    model_config = _FROZEN

    text: str
    tool_calls: list[ToolCall] = Field(default_factory=list[ToolCall])
    finish_reason: str = "stop"
    usage: Usage = Usage()


class ChatModel(Protocol):
    """Anything that holds a conversation."""

    @property
    def name(self) -> str:
        """How its answers are labelled: `openai:` and the model's name."""
        ...

    @property
    def usage(self) -> Usage:
        """What was spent since it was made."""
        ...

    def stream(
        self,
        messages: Sequence[Mapping[str, Any]],
        *,
        tools: Sequence[ToolSchema] = (),
        deadline: float | None = None,
    ) -> Iterator[TextDelta | TurnEnd]:
        """Answer the messages until `deadline` (a `time.monotonic` time) at the latest; the last event is the one `TurnEnd`.

        Faults that may pass are asked again as long as nothing was shown; an answer that breaks off later raises `ReasonerError` with
        `retryable`. Raises `ReasonerError` when the server fails, declines, or takes no tools, and `BudgetExceeded` when no further call
        is paid for or the deadline passes. Closing the iterator gives the answer up.
        """
        ...


def assistant_message(end: TurnEnd) -> dict[str, Any]:
    """The message that keeps an answer in the conversation."""
    message: dict[str, Any] = {"role": "assistant", "content": end.text or None}
    if end.tool_calls:
        message["tool_calls"] = [
            {
                "id": call.id,
                "type": "function",
                "function": {"name": call.name, "arguments": call.arguments},
            }
            for call in end.tool_calls
        ]
    elif not end.text:
        message["content"] = ""
    return message


def tool_message(call: ToolCall, text: str) -> dict[str, Any]:
    """The message that gives a model what a tool has returned, or why it failed."""
    return {"role": "tool", "tool_call_id": call.id, "content": text}


def make_chat_model(
    settings: Settings,
    *,
    budget: ModelBudget | None = None,
    role: str = "chat",
    seed: int | None = None,
    watch: Watch | None = None,
) -> ChatModel:
    """The model that the settings name for a role. `watch` keeps the transcript and the trace.

    Raises `SettingsError` when the settings name no server or no model.
    """
    from matsmith.agents.reasoners.providers import endpoint_for
    from matsmith.agents.reasoners.server_chat import ServerChatModel

    endpoint = endpoint_for(settings, role=role, budget=budget, seed=seed, watch=watch)
    return ServerChatModel(endpoint, role=role)
