"""The `ChatModel` behind a chat-completions server."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from matsmith.agents.reasoners.chat_model import TextDelta, ToolSchema, TurnEnd
from matsmith.agents.reasoners.endpoint import Asked, Endpoint, OutOfTimeError
from matsmith.agents.reasoners.interface import Usage
from matsmith.core.errors import BudgetExceeded


class ServerChatModel:
    """Holds a conversation through an endpoint."""

    def __init__(self, endpoint: Endpoint, *, role: str = "chat") -> None:
        """Ask through the endpoint; `role` labels the transcript."""
        self._endpoint = endpoint
        self._role = role

    def __repr__(self) -> str:
        return f"ServerChatModel(name={self.name!r}, server={self._endpoint.client.address!r})"

    @property
    def name(self) -> str:
        """`openai:` and the model's name."""
        return self._endpoint.name

    @property
    def usage(self) -> Usage:
        """Calls, tokens, cost and seconds spent by this model."""
        return self._endpoint.usage

    def stream(
        self,
        messages: Sequence[Mapping[str, Any]],
        *,
        tools: Sequence[ToolSchema] = (),
        deadline: float | None = None,
    ) -> Iterator[TextDelta | TurnEnd]:
        """Answer the messages; see `ChatModel.stream`."""
        started = time.monotonic()
        before = self._endpoint.usage
        own_deadline = started + self._endpoint.total_s
        asked = Asked(
            messages=messages,
            role=self._role,
            longest=self._endpoint.options.longest_answer,
            tools=tools,
            stream=True,
        )
        try:
            for item in self._endpoint.stream(asked, deadline=min(own_deadline, deadline or own_deadline)):
                if isinstance(item, str):
                    yield TextDelta(text=item)
                    continue
                spent = self._endpoint.usage
                self._endpoint.usage += Usage(seconds=time.monotonic() - started)
                yield TurnEnd(
                    text=item.text,
                    tool_calls=list(item.tool_calls),
                    finish_reason=item.finish_reason or ("tool_calls" if item.tool_calls else "stop"),
                    usage=_since(before, spent, seconds=time.monotonic() - started),
                )
        except OutOfTimeError as error:
            if deadline is not None and deadline < own_deadline:
                raise BudgetExceeded(f"The time is used up. {error.message}", hint=error.hint) from error
            raise


def _since(before: Usage, after: Usage, *, seconds: float) -> Usage:
    """What was spent between two sums."""
    cost = None if after.cost_usd is None else after.cost_usd - (before.cost_usd or 0.0)
    return Usage(
        calls=after.calls - before.calls,
        input_tokens=after.input_tokens - before.input_tokens,
        output_tokens=after.output_tokens - before.output_tokens,
        cached_tokens=after.cached_tokens - before.cached_tokens,
        unpriced_tokens=after.unpriced_tokens - before.unpriced_tokens,
        reused=after.reused - before.reused,
        cost_usd=None if cost is None else max(0.0, cost),
        seconds=seconds,
        estimated=after.estimated and not before.estimated,
    )
