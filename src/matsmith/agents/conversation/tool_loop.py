"""One turn of a model with tools: it asks for calls, code runs them, until it answers or a limit ends it.

    result = run_turn(model, messages, tools, budget=TurnBudget(), confirm=ask_the_person)

Limits, repeats, unknown tools and wrong arguments are met here; what is costly or lasting waits for a person's word; results go to the model as
fenced data; and no number leaves a turn that nothing backs.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any

from matsmith.agents.conversation.chat_tools import ChatTool, Confirm, ToolReply
from matsmith.agents.conversation.numbers import KnownNumbers, NumberFilter
from matsmith.agents.conversation.planned_calls import CallPlanner, Planned
from matsmith.agents.conversation.turn import CallResult, Ended, OnEvent, TurnBudget, TurnEvent, TurnResult
from matsmith.agents.reasoners.chat_model import (
    ChatModel,
    ToolCall,
    TurnEnd,
    assistant_message,
    tool_message,
)
from matsmith.core.errors import BudgetExceeded, MatsmithError, ReasonerError
from matsmith.prompts.loader import fence

_CALLS_AT_ONCE = 16
_LONGEST_TEXT = 40_000


def run_turn(
    model: ChatModel,
    messages: Sequence[Mapping[str, Any]],
    tools: Sequence[ChatTool],
    *,
    budget: TurnBudget | None = None,
    confirm: Confirm | None = None,
    on_event: OnEvent | None = None,
    known: KnownNumbers | None = None,
) -> TurnResult:
    """Let the model answer the messages with the tools. Every way to end gives a result; only a defect raises.

    `confirm` is asked before what is costly or lasting; without it such calls are refused. `known` holds the numbers of earlier turns.
    Ctrl-C ends the turn and keeps what was done.
    """
    turn = _Turn(
        model, messages, tools, budget=budget or TurnBudget(), confirm=confirm, on_event=on_event, known=known
    )
    try:
        turn.go()
    except KeyboardInterrupt:
        turn.end(Ended.INTERRUPTED, "Stopped.")
    except BudgetExceeded as error:
        late = time.monotonic() >= turn.deadline
        turn.end(Ended.TIME if late else Ended.BUDGET, error.message, hint=error.hint)
    except ReasonerError as error:
        turn.end(Ended.FAILED, error.message, hint=error.hint)
    return turn.finished()


class _Turn:
    def __init__(
        self,
        model: ChatModel,
        messages: Sequence[Mapping[str, Any]],
        tools: Sequence[ChatTool],
        *,
        budget: TurnBudget,
        confirm: Confirm | None,
        on_event: OnEvent | None,
        known: KnownNumbers | None,
    ) -> None:
        self.started = time.monotonic()
        self.deadline = self.started + budget.seconds
        self.model = model
        self.tools = {tool.name: tool for tool in tools}
        self.budget = budget
        self.planner = CallPlanner(tools=self.tools, most_calls=budget.tool_calls, confirm=confirm)
        self.on_event = on_event
        self.known = known or KnownNumbers()
        self.result = TurnResult(messages=[dict(message) for message in messages])
        self.outside = False
        self._complaint: int | None = None
        self._open: list[ToolCall] = []
        for message in messages:
            if message.get("role") == "user":
                self.known.add_text(str(message.get("content") or ""))

    def go(self) -> None:
        """Ask, run, and ask again."""
        rounds, empty, mended = 0, 0, False
        limit: Ended | None = None
        while True:
            if limit is None and rounds >= self.budget.tool_rounds:
                limit = Ended.TOOL_ROUNDS
            if limit is None and len(self.result.calls) >= self.budget.tool_calls:
                limit = Ended.TOOL_CALLS
            if limit is not None and rounds:
                self._tell_limit(limit)
            end, filtered = self._ask(with_tools=limit is None)
            if end.tool_calls and limit is None:
                rounds += 1
                self._run(end.tool_calls)
                if self.planner.goes_round:
                    limit = Ended.TOOL_CALLS
                continue
            if not end.text.strip():
                empty += 1
                if empty > 1 or limit is not None:
                    self.end(limit or Ended.EMPTY, "The model answered nothing.")
                    return
                self.result.messages.append(
                    {"role": "user", "content": "You answered nothing. Answer, or call a tool."}
                )
                continue
            checked = filtered.checked
            if checked.unbacked and not mended and limit is None:
                mended = True
                self._send_back(checked.unbacked)
                continue
            self.end(limit or Ended.ANSWERED)
            return

    def end(self, why: Ended, error: str = "", *, hint: str = "") -> None:
        """Note why it ended."""
        self.result.ended, self.result.error, self.result.hint = why, error, hint

    def finished(self) -> TurnResult:
        """The result, with an answer to every call that was left open: a conversation with open calls is refused by servers."""
        for call in self._open:
            self.result.messages.append(
                tool_message(call, '{"failed": "stopped", "message": "The turn was stopped."}')
            )
        self._forget_complaint()
        self.result.seconds = time.monotonic() - self.started
        return self.result

    def _forget_complaint(self) -> None:
        """Take the complaint about numbers out of the thread, and the answer that it was about when another one was written.

        A complaint names what was made up; left among what the person said, it would count as said by the person from the next turn on.
        """
        if self._complaint is None:
            return
        messages, place = self.result.messages, self._complaint
        rewritten = any(
            message.get("role") == "assistant" and str(message.get("content") or "").strip()
            for message in messages[place + 1 :]
        )
        del messages[place - 1 if rewritten else place : place + 1]
        self._complaint = None

    def _ask(self, *, with_tools: bool) -> tuple[TurnEnd, NumberFilter]:
        """One answer of the model, shown as it comes and as far as its numbers stand."""
        if time.monotonic() >= self.deadline:
            raise BudgetExceeded(
                f"The {self.budget.seconds:g} seconds of this turn are used up.", hint="Say `go on`."
            )
        if self.budget.tokens is not None and self.result.usage.tokens >= self.budget.tokens:
            raise BudgetExceeded(
                f"The {self.budget.tokens} tokens of this turn are used up.", hint="Say `go on`."
            )
        filtered = NumberFilter(self.known)
        schemas = [tool.schema for tool in self.tools.values()] if with_tools else []
        end: TurnEnd | None = None
        written = 0
        raw: list[str] = []
        stream = self.model.stream(self.result.messages, tools=schemas, deadline=self.deadline)
        try:
            for event in stream:
                if isinstance(event, TurnEnd):
                    end = event
                    break
                written += len(event.text)
                if written > _LONGEST_TEXT:
                    raise ReasonerError(
                        f"The model wrote more than {_LONGEST_TEXT} characters without an end.",
                        hint="Ask again, in fewer words.",
                    )
                raw.append(event.text)
                self._show(filtered.feed(event.text))
        except BaseException:
            # What was shown stays in the thread.
            self._keep_text("".join(raw), filtered)
            raise
        if end is None:
            raise ReasonerError("The model's answer broke off.", hint="Ask again.", retryable=True)
        if len(end.text) > written and not raw:
            self._show(filtered.feed(end.text[:_LONGEST_TEXT]))
        self._show(filtered.finish())
        self.result.usage += end.usage
        end = end.model_copy(update={"tool_calls": end.tool_calls[:_CALLS_AT_ONCE]})
        self.result.messages.append(assistant_message(end))
        self._open = list(end.tool_calls)
        self._take_text(end.text, filtered)
        return end, filtered

    def _keep_text(self, raw: str, filtered: NumberFilter) -> None:
        self._show(filtered.finish())
        if raw:
            self.result.messages.append({"role": "assistant", "content": raw})
        self._take_text(raw, filtered)

    def _take_text(self, raw: str, filtered: NumberFilter) -> None:
        """The last text that was written is the turn's; what came before the calls was on the way."""
        if raw.strip():
            self.result.raw_text, self.result.text = raw, filtered.checked.text.strip()
            checked = filtered.checked
            self.result.unbacked, self.result.records = checked.unbacked, checked.records
            self.result.sources = checked.sources

    def _show(self, text: str) -> None:
        if text:
            self._tell(TurnEvent(kind="text", text=text))

    def _tell(self, event: TurnEvent) -> None:
        if self.on_event is not None:
            self.on_event(event)

    def _tell_limit(self, limit: Ended) -> None:
        what = "rounds of tool calls" if limit is Ended.TOOL_ROUNDS else "tool calls"
        self.result.messages.append(
            {
                "role": "user",
                "content": f"(No more {what} in this turn. Answer with what the records say, and say what is missing.)",
            }
        )

    def _send_back(self, unbacked: Sequence[str]) -> None:
        listed = ", ".join(repr(each[:60]) for each in unbacked[:8])
        self._tell(TurnEvent(kind="again", text=listed))
        self._complaint = len(self.result.messages)
        self.result.messages.append(
            {
                "role": "user",
                "content": f"(Code found numbers that no record of this thread backs: {listed}. Write the answer again: name each number as "
                "{r:ID.property} from a tool's result, copy a fact's number with its unit, write counts in words, and leave out what no record holds.)",
            }
        )

    def _run(self, calls: Sequence[ToolCall]) -> None:
        """Run the calls of one answer; those of one tool that stand side by side go together."""
        # One after the other: each asks the person, if it must, before the next is read.
        planned = [
            self.planner.plan(call, calls=len(self.result.calls), outside=self.outside) for call in calls
        ]
        place = 0
        while place < len(planned):
            stop = place + 1
            first = planned[place]
            while stop < len(planned) and first.problem is None and planned[stop].goes_with(first):
                stop += 1
            self._run_batch(planned[place:stop])
            place = stop

    def _run_batch(self, batch: Sequence[Planned]) -> None:
        for each in batch:
            self._tell(TurnEvent(kind="call", name=each.call.name, arguments=each.arguments))
        started = time.monotonic()
        tool = batch[0].tool
        if batch[0].problem is not None or tool is None:
            replies = [
                each.problem or ToolReply.failure("no_tool", "There is no such tool.") for each in batch
            ]
        else:
            try:
                replies = tool.run_many([each.arguments for each in batch])
            except (ReasonerError, BudgetExceeded) as error:
                # Of the tool's own making (a literature question asks a model too): the turn goes on and knows.
                replies = [ToolReply.of_error(error) for _ in batch]
            except MatsmithError as error:
                replies = [ToolReply.of_error(error) for _ in batch]
        seconds = (time.monotonic() - started) / len(batch)
        for each, reply in zip(batch, replies, strict=True):
            self._take_reply(each, reply, seconds=seconds)

    def _take_reply(self, planned: Planned, reply: ToolReply, *, seconds: float) -> None:
        for record in reply.records:
            self.known.add_record(record)
        for text in reply.texts:
            self.known.add_text(text)
        self.outside = self.outside or reply.outside
        self.planner.answered(planned.call, reply)
        result = self.result
        result.pieces += reply.pieces
        result.runs += [run for run in reply.runs if run not in result.runs]
        if reply.literature is not None:
            result.literature.append(reply.literature)
        result.calls.append(
            CallResult(
                name=planned.call.name,
                arguments=planned.arguments,
                ok=not reply.failed,
                record_ids=tuple(record.id for record in reply.records),
                error=reply.failed,
                refused=planned.refused,
                seconds=seconds,
            )
        )
        result.messages.append(tool_message(planned.call, fence(reply.as_text(), name="tool_result")))
        self._open = [call for call in self._open if call.id != planned.call.id]
        self._tell(
            TurnEvent(
                kind="reply",
                name=planned.call.name,
                arguments=planned.arguments,
                reply=reply,
                seconds=seconds,
            )
        )


__all__ = [
    "CallResult",
    "Ended",
    "OnEvent",
    "TurnBudget",
    "TurnEvent",
    "TurnResult",
    "run_turn",
]
