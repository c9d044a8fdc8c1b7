"""One model behind one server, asked until it replies: budget before each request, retries, what the server takes, what is kept."""

from __future__ import annotations

import json
import math
import random
import time
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from pydantic import BaseModel, SecretStr

from matsmith.agents.reasoners.budget import ModelBudget, estimate_tokens
from matsmith.agents.reasoners.chat_model import ToolSchema
from matsmith.agents.reasoners.completion import Reply
from matsmith.agents.reasoners.dialect import Dialect
from matsmith.agents.reasoners.faults import HINTS, PASSING, Backoff, Fault, FaultKind, about_tools
from matsmith.agents.reasoners.interface import Usage
from matsmith.agents.reasoners.kept import KeptAnswers, KnownServers
from matsmith.agents.reasoners.watching import ModelCall, Watch
from matsmith.core.errors import ReasonerError, SettingsError
from matsmith.core.model_choice import ModelPrice

SHORTEST_ANSWER = 256  # tokens; no call is made that cannot pay for them


class OutOfTimeError(ReasonerError):
    """The time for a question ended before a fault could pass."""


class ToolsRefusedError(ReasonerError):
    """The model or its server takes no tools."""


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What a model is asked. `answer` is the model that a decision is held to; a conversation has none."""

    messages: Sequence[Mapping[str, Any]]
    role: str
    longest: int
    answer: type[BaseModel] | None = None
    tools: Sequence[ToolSchema] = ()
    stream: bool = False


@dataclass(frozen=True, kw_only=True)
class EndpointOptions:
    """How an endpoint asks. Seconds; tokens."""

    timeout_s: float = 120.0
    total_s: float | None = None
    seed: int | None = None
    temperature: float | None = None
    effort: str | None = None
    longest_answer: int = 8_000
    retries: int = 4
    backoff: Backoff = field(default_factory=Backoff)
    sleep: Callable[[float], None] = time.sleep
    prices: Mapping[str, ModelPrice] = field(default_factory=dict[str, ModelPrice])


class Endpoint:
    """Asks one model. Safe to use from one thread at a time; several endpoints may share a budget."""

    def __init__(
        self,
        *,
        base_url: str | None,
        api_key: SecretStr | None,
        model: str | None,
        options: EndpointOptions | None = None,
        budget: ModelBudget | None = None,
        secrets: Sequence[str] = (),
        known: KnownServers | None = None,
        kept: KeptAnswers | None = None,
        watch: Watch | None = None,
    ) -> None:
        """Set up without any request. Raises `SettingsError` for an address or a key that cannot be one."""
        from matsmith.agents.reasoners.chat_client import ChatClient  # loads the client library

        options = options or EndpointOptions()
        if options.timeout_s <= 0 or (options.total_s is not None and options.total_s <= 0):
            raise SettingsError("The model's time-out must be above 0 s.", hint="Correct model_timeout_s.")
        self.client = ChatClient(base_url=base_url, api_key=api_key, secrets=secrets)
        self.options = options
        self.budget = budget or ModelBudget()
        self._model = model
        self._known = known
        self._kept = kept
        self._watch = watch
        self._rng = random.Random(options.seed)  # noqa: S311 - spreads pauses, guards nothing
        self._dialect: Dialect | None = None
        self.usage = Usage()

    @property
    def name(self) -> str:
        """`openai:` and the model's name."""
        return f"openai:{self._model or 'only model'}"

    @property
    def total_s(self) -> float:
        """Longest time for one question, retries and repairs included."""
        return 3 * self.options.timeout_s if self.options.total_s is None else self.options.total_s

    @property
    def dialect(self) -> Dialect:
        """What the server was found to take."""
        if self._dialect is None:
            found = self._known and self._known.dialect(server=self.client.address, model=self._model or "")
            self._dialect = found or Dialect()
        return self._dialect

    def forget(self) -> None:
        """Take nothing for granted of what the server takes."""
        self._dialect = Dialect()

    def tell_schema(self) -> None:
        """From now on state the schema in words too: the server was found not to hold answers to it."""
        if not self.dialect.states_schema:
            self._learnt(self.dialect.strictly_told())

    def ask(self, asked: Asked, *, deadline: float) -> Reply:
        """Ask until a reply comes. Raises as `stream` does."""
        *_, reply = self.stream(replace(asked, stream=False), deadline=deadline)
        if not isinstance(reply, Reply):
            raise ReasonerError(f"The model {self.name} ended without a reply.", retryable=True)
        return reply

    def stream(self, asked: Asked, *, deadline: float) -> Iterator[str | Reply]:
        """Ask until a reply comes; yields its words as they arrive and the `Reply` at the end.

        Raises `OutOfTimeError` when the deadline passes, `BudgetExceeded` before a call that does not fit, and `ReasonerError` for a fault
        that does not pass, a refusal, or words that break off once some were yielded.
        """
        model = self.model_name(deadline)
        before = self.dialect
        attempt = 0
        while True:
            body, read = self._body(asked, model=model)
            kept = self._kept and self._kept.find(body, server=self.client.address)
            call = ModelCall(
                role=asked.role,
                server=self.client.address,
                body=body,
                attempt=attempt,
                began_ns=time.time_ns(),
            )
            if kept:
                self._note(call, kept, usage=Usage(reused=1))
                yield from self._given(kept, words=asked.stream)
                return
            left_s = self._time_left(deadline)
            self._pay_call(body, model=model, read=read, longest=asked.longest)
            outcome, first_words_s = yield from self._attempt(call, left_s=left_s, deadline=deadline)
            shown = first_words_s is not None
            if isinstance(outcome, Reply):
                self._pay_reply(call, outcome, read=read, first_words_s=first_words_s)
                if self._kept and not outcome.refusal:
                    self._kept.keep(body, outcome, server=self.client.address)
                if self.dialect is not before:
                    self._learnt(self.dialect)
                yield from self._given(outcome, words=asked.stream and not shown)
                return
            fault = about_tools(outcome) if asked.tools else outcome
            self._pay_fault(call, fault, read=read, shown=shown)
            if shown:
                late = fault.kind is FaultKind.TIMEOUT and time.monotonic() >= deadline
                raise self._failure(fault, kind=OutOfTimeError if late else ReasonerError)
            simpler = self.dialect.simpler(fault, sent=body)
            if simpler:
                self._dialect = simpler
                continue
            if fault.kind in (FaultKind.REQUEST, FaultKind.CONTEXT, FaultKind.TOOLS):
                self._dialect = before  # leaving things out did not help, so nothing was learned
            self._pause(fault, attempt=attempt, deadline=deadline)
            attempt += 1

    def model_name(self, deadline: float) -> str:
        """The model's name; the only one of the server when none was given. Raises `SettingsError` when there are several."""
        if self._model is None:
            found = self.client.models(timeout_s=self._time_left(deadline))
            if isinstance(found, Fault):
                raise self._failure(found)
            if len(found) != 1:
                scrub = self.client.scrubber.line
                listed = ", ".join(scrub(name, longest=60) for name in found[:10]) or "none"
                raise SettingsError(
                    f"No model is set, and the server at {self.client.address} has {len(found)}: {listed}.",
                    hint="Set MATSMITH_MODEL to one of them.",
                )
            self._model = found[0]
        return self._model

    def _body(self, asked: Asked, *, model: str) -> tuple[dict[str, Any], int]:
        """The request, and an estimate of the tokens to be read."""
        body = self.dialect.body(
            asked.messages,
            model=model,
            longest=asked.longest,
            answer=asked.answer,
            tools=asked.tools,
            stream=asked.stream,
            seed=self.options.seed,
            temperature=self.options.temperature,
            effort=self.options.effort,
        )
        told = [body["messages"], body.get("response_format"), body.get("tools")]
        return body, estimate_tokens(json.dumps(told, ensure_ascii=False))

    def _pay_call(self, body: dict[str, Any], *, model: str, read: int, longest: int) -> None:
        """Take the call from the budget, and hold the answer to what can still be paid. Raises `BudgetExceeded`."""
        price = self._price(model)
        if price is None and self.budget.cost_usd is not None:
            raise SettingsError(
                f"A limit on cost needs the price of the model {model}.",
                hint=f'Set MATSMITH_MODEL_PRICES=\'{{"{model}": {{"input": 1.0, "output": 4.0}}}}\' (US dollars a million tokens).',
            )
        least = price.cost_usd(input_tokens=read, output_tokens=SHORTEST_ANSWER) if price else 0.0
        self.budget.take_call(tokens=read + SHORTEST_ANSWER, cost_usd=least)
        self.usage += Usage(calls=1)
        payable = float(self.budget.tokens_left - read)
        if price and price.output > 0:
            for_words = self.budget.cost_left_usd - price.cost_usd(input_tokens=read, output_tokens=0)
            payable = min(payable, for_words / price.output * 1e6)
        field_name = self.dialect.length_field
        if field_name:
            body[field_name] = min(longest, max(SHORTEST_ANSWER, math.floor(payable)))

    def _attempt(
        self, call: ModelCall, *, left_s: float, deadline: float
    ) -> Generator[str, None, tuple[Reply | Fault, float | None]]:
        """Send one request. Yields its words; returns how it ended, and after how many seconds the first words came."""
        if not call.body["stream"]:
            return self.client.complete(call.body, timeout_s=left_s), None
        first: float | None = None
        began = time.monotonic()
        items = self.client.stream(call.body, timeout_s=left_s, total_s=deadline - began)
        for item in items:
            if not isinstance(item, str):
                return item, first
            first = time.monotonic() - began if first is None else first
            yield item
        return Fault(kind=FaultKind.CONNECTION, message="the reply broke off"), first

    def _given(self, reply: Reply, *, words: bool) -> Iterator[str | Reply]:
        """Hand a reply over, with its words first when they were not shown yet. Raises `ReasonerError` for a refusal."""
        if reply.refusal or reply.finish_reason == "content_filter":
            why = f": {reply.refusal.rstrip('.')}" if reply.refusal else " (content filter)"
            raise ReasonerError(
                f"The model {self.name} declined to answer{why}.",
                hint="Ask in other words, or use --reasoner rules.",
            )
        if words and reply.text:
            yield reply.text
        yield reply

    def _pay_reply(self, call: ModelCall, reply: Reply, *, read: int, first_words_s: float | None) -> Usage:
        written = reply.text + "".join(tool.name + tool.arguments for tool in reply.tool_calls)
        usage = self._priced(
            Usage(
                input_tokens=read if reply.input_tokens is None else reply.input_tokens,
                output_tokens=estimate_tokens(written)
                if reply.output_tokens is None
                else reply.output_tokens,
                cached_tokens=reply.cached_tokens,
                estimated=reply.input_tokens is None or reply.output_tokens is None,
            ),
            model=str(call.body["model"]),
        )
        self._note(call, reply, usage=usage, first_words_s=first_words_s)
        return usage

    def _pay_fault(self, call: ModelCall, fault: Fault, *, read: int, shown: bool) -> None:
        usage = Usage()
        if shown or fault.kind in (FaultKind.TIMEOUT, FaultKind.TOO_LARGE):
            # the server has read the question
            usage = self._priced(Usage(input_tokens=read, estimated=True), model=str(call.body["model"]))
        self._note(call, fault, usage=usage)

    def _priced(self, usage: Usage, *, model: str) -> Usage:
        price = self._price(model)
        if price is None:
            return usage.model_copy(update={"unpriced_tokens": usage.tokens})
        cost = price.cost_usd(
            input_tokens=usage.input_tokens,
            output_tokens=usage.output_tokens,
            cached_tokens=usage.cached_tokens,
        )
        return usage.model_copy(update={"cost_usd": cost})

    def _price(self, model: str) -> ModelPrice | None:
        return self.options.prices.get(model) or self.options.prices.get("*")

    def _note(
        self,
        call: ModelCall,
        outcome: Reply | Fault,
        *,
        usage: Usage,
        first_words_s: float | None = None,
    ) -> None:
        self.usage += usage
        self.budget.spend(usage)
        if self._watch is not None:
            self._watch.ended(call, outcome, usage=usage, first_words_s=first_words_s)

    def _learnt(self, dialect: Dialect) -> None:
        self._dialect = dialect
        if self._known is not None and self._model is not None:
            self._known.remember(dialect, server=self.client.address, model=self._model)

    def _pause(self, fault: Fault, *, attempt: int, deadline: float) -> None:
        """Wait before the next attempt, or raise when there is to be none."""
        seconds = self.options.backoff.seconds(attempt, asked_s=fault.retry_after_s, rng=self._rng)
        if fault.kind not in PASSING or attempt >= self.options.retries:
            raise self._failure(fault)
        if time.monotonic() + seconds >= deadline:
            raise self._failure(fault, kind=OutOfTimeError)
        self.options.sleep(seconds)

    def _time_left(self, deadline: float) -> float:
        left = deadline - time.monotonic()
        if left <= 0:
            fault = Fault(kind=FaultKind.TIMEOUT, message="no usable answer in the time given")
            raise self._failure(fault, kind=OutOfTimeError)
        return min(self.options.timeout_s, left)

    def _failure(self, fault: Fault, *, kind: type[ReasonerError] = ReasonerError) -> ReasonerError:
        kind = ToolsRefusedError if fault.kind is FaultKind.TOOLS else kind
        status = f" ({fault.status})" if fault.status else ""
        said = f": {fault.message.rstrip('.')}" if fault.message else ""
        # A slow answer is no failure of the server: often the run's own time was nearly over.
        how = "gave" if fault.kind is FaultKind.TIMEOUT else "failed,"
        return kind(
            f"The language model's server at {self.client.address} {how} {_HEADLINES[fault.kind]}{status}{said}.",
            hint=HINTS[fault.kind],
            retryable=fault.kind in PASSING,
        )


_HEADLINES: dict[FaultKind, str] = {
    FaultKind.BUSY: "too many requests",
    FaultKind.SERVER: "error of the server",
    FaultKind.TIMEOUT: "no answer in time",
    FaultKind.CONNECTION: "no connection",
    FaultKind.MALFORMED: "unreadable reply",
    FaultKind.TOO_LARGE: "reply too large",
    FaultKind.KEY: "key refused",
    FaultKind.QUOTA: "no credit left",
    FaultKind.MODEL: "no such model",
    FaultKind.ADDRESS: "wrong address",
    FaultKind.CONTEXT: "question too long for the model",
    FaultKind.REQUEST: "request refused",
    FaultKind.TOOLS: "it takes no tools",
}
