"""A chat model that says what a test has written down, and tools that count their calls."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from matsmith.agents.conversation.chat_tools import Arguments, ChatTool, ToolReply, schema_of
from matsmith.agents.reasoners.chat_model import TextDelta, ToolCall, ToolSchema, TurnEnd
from matsmith.agents.reasoners.interface import Usage
from matsmith.core.quantity import Quantity
from matsmith.core.record import Outcome, Record

Said = str | list[tuple[str, Any]] | BaseException


def bulk_record(
    value: float = 162.0, *, structure: str = "a", failure: str = "", facts: dict[str, Any] | None = None
) -> Record:
    outcome = (
        Outcome.failed("diverged", failure)
        if failure
        else Outcome(
            quantities={"bulk_modulus": Quantity(value=value, unit="GPa", sigma=4.0)},
            facts={"space_group_number": 225, **(facts or {})},
        )
    )
    return Record.of(
        outcome,
        tool="equation_of_state",
        tool_version="1",
        inputs={"structure": structure},
        identity="",
        seed=0,
    )


class ScriptedModel:
    """Says one thing a request: a text, a list of (tool, arguments), or an error that is raised."""

    name = "scripted"

    def __init__(self, *said: Said, last: Said | None = None) -> None:
        self._said = list(said)
        self._last = last
        self.requests: list[list[dict[str, Any]]] = []
        self.tools: list[list[str]] = []
        self.usage = Usage()

    def stream(
        self,
        messages: Sequence[Mapping[str, Any]],
        *,
        tools: Sequence[ToolSchema] = (),
        deadline: float | None = None,
    ) -> Iterator[TextDelta | TurnEnd]:
        del deadline
        self.requests.append([dict(message) for message in messages])
        self.tools.append([tool.name for tool in tools])
        said = self._said.pop(0) if self._said else self._last
        if said is None:
            raise AssertionError("the script has ended")
        if isinstance(said, BaseException):
            raise said
        usage = Usage(calls=1, input_tokens=10, output_tokens=5)
        self.usage += usage
        if isinstance(said, str):
            for place in range(0, len(said), 7):
                yield TextDelta(text=said[place : place + 7])
            yield TurnEnd(text=said, usage=usage)
            return
        calls = [
            ToolCall(
                id=f"c{len(self.requests)}-{place}",
                name=name,
                arguments=arguments if isinstance(arguments, str) else json.dumps(arguments),
            )
            for place, (name, arguments) in enumerate(said)
        ]
        yield TurnEnd(text="", tool_calls=calls, finish_reason="tool_calls", usage=usage)


class Counter:
    """A tool that keeps what it was called with; its reply is a record, or a failure."""

    def __init__(
        self,
        name: str = "measure",
        *,
        about: str = "measures",
        reply: ToolReply | None = None,
        asks: str | None = None,
    ) -> None:
        self.batches: list[list[dict[str, Any]]] = []
        self._reply = reply
        self.record = bulk_record()
        self.tool = ChatTool(
            schema=schema_of(name, about, structure={"type": "string"}),
            run_many=self._run,
            asks=lambda _: asks,
        )

    @property
    def calls(self) -> list[dict[str, Any]]:
        return [arguments for batch in self.batches for arguments in batch]

    def _run(self, batch: Sequence[Arguments]) -> list[ToolReply]:
        self.batches.append([dict(arguments) for arguments in batch])
        made = ToolReply(data={"write": self.record.reference("bulk_modulus")}, records=[self.record])
        return [self._reply or made for _ in batch]
