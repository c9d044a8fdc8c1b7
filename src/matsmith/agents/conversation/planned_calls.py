"""What stands against a call before it runs: no such tool, wrong arguments, a repeat, a spent budget, a person who says no."""

from __future__ import annotations

import difflib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, cast

from matsmith.agents.conversation.chat_tools import ChatTool, Confirm, Confirmation, ToolReply
from matsmith.agents.reasoners.chat_model import ToolCall
from matsmith.core.errors import MatsmithError

_REPEATS = 3
_LONGEST_ARGUMENTS = 20_000


@dataclass(frozen=True)
class Planned:
    """A call as it may run, or the `problem` that is its answer instead."""

    call: ToolCall
    tool: ChatTool | None
    arguments: dict[str, Any]
    problem: ToolReply | None = None
    refused: bool = False

    def goes_with(self, first: Planned) -> bool:
        """Whether it can run in one batch with another."""
        return self.problem is None and self.tool is first.tool and self.tool is not None


@dataclass(kw_only=True)
class CallPlanner:
    """Reads the calls of one turn. `confirm` None refuses what is costly or lasting."""

    tools: Mapping[str, ChatTool]
    most_calls: int
    confirm: Confirm | None
    _made: dict[str, int] = field(default_factory=dict[str, int])
    _answers: dict[str, ToolReply] = field(default_factory=dict[str, ToolReply])

    @property
    def goes_round(self) -> bool:
        """Whether one call has been made again and again."""
        return any(count > _REPEATS for count in self._made.values())

    def _giving(self, name: str) -> list[str]:
        """Tools that speak of what a call that names no tool was named after, such as `bulk_modulus`."""
        words = name.strip().replace("_", " ").lower()
        return [
            tool for tool, told in self.tools.items() if words and words in told.schema.description.lower()
        ]

    def answered(self, call: ToolCall, reply: ToolReply) -> None:
        """Remember what a call has given, so that it is not run again."""
        self._answers.setdefault(_key(call), reply)

    def plan(self, call: ToolCall, *, calls: int, outside: bool) -> Planned:
        """Read a call and say what stands against it. `calls` were made so far; `outside` tells that text from files or papers was read."""
        arguments = _arguments(call)
        tool = self.tools.get(call.name)
        count = self._made[_key(call)] = self._made.get(_key(call), 0) + 1
        if isinstance(arguments, ToolReply):
            return Planned(call, tool, {}, problem=arguments)
        if tool is None:
            near = difflib.get_close_matches(call.name, self.tools, n=3) or self._giving(call.name)
            hint = (
                f"Did you mean {', '.join(near)}?" if near else f"There are: {', '.join(sorted(self.tools))}."
            )
            missing = ToolReply.failure("no_tool", f"There is no tool {call.name[:60]!r}.", hint=hint)
            return Planned(call, None, arguments, problem=missing)
        before = self._answers.get(_key(call))
        if count > 1 and before is not None and not before.data.get("retryable"):
            again = ToolReply.failure(
                "repeated",
                "This very call was made in this turn; its result stands above.",
                hint="Use it, or answer.",
            )
            return Planned(call, tool, arguments, problem=again)
        if calls >= self.most_calls:
            spent = ToolReply.failure(
                "no_calls_left", f"The {self.most_calls} tool calls of this turn are used up.", hint="Answer."
            )
            return Planned(call, tool, arguments, problem=spent)
        try:
            sentence = tool.asks(arguments)
        except MatsmithError as error:
            return Planned(call, tool, arguments, problem=ToolReply.of_error(error))
        if sentence is None:
            return Planned(call, tool, arguments)
        wish = Confirmation(
            tool=call.name, sentence=sentence, arguments=arguments, after_outside_text=outside
        )
        if self.confirm is not None and self.confirm(wish):
            return Planned(call, tool, arguments)
        told = ToolReply.failure(
            "refused",
            f"The person did not agree: {sentence}",
            hint="Do not ask again in this turn; say what you would have done.",
        )
        refused = ToolReply(data=told.data, failed=f"Not agreed: {sentence}")
        return Planned(call, tool, arguments, problem=refused, refused=True)


def _key(call: ToolCall) -> str:
    return f"{call.name} {' '.join(call.arguments.split())}"


def _arguments(call: ToolCall) -> dict[str, Any] | ToolReply:
    if len(call.arguments) > _LONGEST_ARGUMENTS:
        return ToolReply.failure(
            "bad_arguments", f"The arguments have more than {_LONGEST_ARGUMENTS} characters."
        )
    try:
        found = json.loads(call.arguments or "{}", parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        return ToolReply.failure(
            "bad_arguments", f"The arguments are no JSON: {error}.", hint="Write one JSON object."
        )
    if not isinstance(found, dict):
        return ToolReply.failure("bad_arguments", "The arguments must be one JSON object.")
    return cast("dict[str, Any]", found)


def _no_constant(name: str) -> float:
    raise ValueError(f"{name} is no number of JSON")
