"""The reasoner that asks a language model through any server that speaks OpenAI's chat completions."""

from __future__ import annotations

import json
import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, Protocol, cast

from pydantic import SecretStr, ValidationError

from matsmith.agents.decisions import Answer, AnswerT, Plan, PlanQuestion, Question
from matsmith.agents.reasoners.budget import ModelBudget, estimate_tokens
from matsmith.agents.reasoners.checks import FIELDS_SET_BY_CODE, pin_spec, review
from matsmith.agents.reasoners.dialect import Dialect
from matsmith.agents.reasoners.faults import HINTS, PASSING, Backoff, Fault, FaultKind
from matsmith.agents.reasoners.fishing import NoJson, json_object_in
from matsmith.agents.reasoners.interface import Usage, checked
from matsmith.agents.reasoners.schema import maps_from_pairs
from matsmith.core.errors import BudgetExceeded, ReasonerError, SettingsError, SpecError
from matsmith.prompts import Message, load_prompt
from matsmith.prompts.loader import clean
from matsmith.prompts.property_list import property_list

REPAIR_ROUNDS = 2
_SHORTEST_ANSWER = 256  # tokens; no call is made that cannot pay for them
_ECHO = 4_000  # characters of a wrong answer that are sent back
_RULES = "Try a larger model, or --reasoner rules."


class ModelSettings(Protocol):
    """The settings that name a model and its server."""

    @property
    def openai_api_key(self) -> SecretStr | None: ...  # noqa: D102
    @property
    def openai_base_url(self) -> str | None: ...  # noqa: D102
    @property
    def model(self) -> str | None: ...  # noqa: D102
    @property
    def model_timeout_s(self) -> float: ...  # noqa: D102


@dataclass(frozen=True)
class _Read(Generic[AnswerT]):
    """An answer as far as it can be used, and what is wrong with it."""

    answer: AnswerT | None
    complaints: list[str]


class _OutOfTimeError(ReasonerError):
    """The time for a question ended before a fault could pass."""


class OpenAIReasoner:
    """Asks a language model, holds it to the answer's schema, and pays from a budget.

    A wrong answer goes back with what is wrong, at most twice. Busy and broken servers are asked again after a pause. Each question ends
    within `total_s`.
    """

    def __init__(
        self,
        *,
        base_url: str | None,
        api_key: SecretStr | None,
        model: str | None,
        timeout_s: float = 120.0,
        total_s: float | None = None,
        budget: ModelBudget | None = None,
        seed: int | None = None,
        temperature: float | None = None,
        longest_answer: int = 8_000,
        retries: int = 4,
        backoff: Backoff | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """Set up without any request.

        Args:
            base_url: the server's address up to `/v1`; None is OpenAI's own.
            api_key: may be None for a server that needs no key.
            model: its name on the server; None takes the only one that the server lists.
            timeout_s: longest wait for one reply.
            total_s: longest time for one question, retries and repairs included; None is three times `timeout_s`.
            budget: what may be spent, here and by others that share it.
            seed: sent with each request when the server takes it, and used for pauses and marks.
            temperature: sent only when it is given, since some models refuse it.
            longest_answer: tokens.
            retries: of one request, after faults that may pass.
            backoff: how long to pause before a retry.
            sleep: how to pause.
        """
        from matsmith.agents.reasoners.chat_client import (
            ChatClient,  # loads the client library, so only on use
        )

        if timeout_s <= 0 or (total_s is not None and total_s <= 0):
            raise SettingsError("The model's time-out must be above 0 s.", hint="Correct model_timeout_s.")
        self._client = ChatClient(base_url=base_url, api_key=api_key)
        self._model = model
        self._timeout_s = timeout_s
        self._total_s = total_s if total_s is not None else 3 * timeout_s
        self._budget = budget or ModelBudget()
        self._seed = seed
        self._temperature = temperature
        self._longest_answer = longest_answer
        self._retries = retries
        self._backoff = backoff or Backoff()
        self._sleep = sleep
        self._rng = random.Random(seed)  # noqa: S311 - spreads pauses, guards nothing
        self._dialect = Dialect()
        self._usage = Usage()

    def __repr__(self) -> str:
        return f"OpenAIReasoner(name={self.name!r}, server={self._client.address!r})"

    @property
    def name(self) -> str:
        """`openai:` and the model's name."""
        return f"openai:{self._model or 'only model'}"

    @property
    def usage(self) -> Usage:
        """Calls, tokens and seconds spent by this reasoner."""
        return self._usage

    @property
    def dialect(self) -> Dialect:
        """What the server was found to take."""
        return self._dialect

    def decide(self, question: Question[AnswerT], *, deadline: float | None = None) -> AnswerT:
        """Answer a question.

        Raises `ReasonerError` when the server fails or no usable answer comes, `BudgetExceeded` before a call that does not fit, and when the
        deadline passes without an answer. What could not be mended but may be left out is left out, and stands in the answer's `warnings`.
        """
        started = time.monotonic()
        own_deadline = started + self._total_s
        try:
            answer = self._decide(question, deadline=min(own_deadline, deadline or own_deadline))
        except _OutOfTimeError as error:
            if deadline is not None and deadline < own_deadline:
                raise BudgetExceeded(f"The time is used up. {error.message}", hint=error.hint) from error
            raise
        finally:
            self._usage += Usage(seconds=time.monotonic() - started)
        if isinstance(question, PlanQuestion) and isinstance(answer, Plan):
            return checked(
                cast("Question[AnswerT]", question), pin_spec(answer, objective=question.objective)
            )
        return answer

    def _decide(self, question: Question[AnswerT], *, deadline: float) -> AnswerT:
        messages = self._messages(question)
        expected = question.answer_type()
        longest = self._longest_answer
        usable: AnswerT | None = None
        complaints: list[str] = []
        for _ in range(1 + REPAIR_ROUNDS):
            try:
                text, finish_reason = self._ask(
                    messages, expected=expected, longest=longest, deadline=deadline
                )
            except (ReasonerError, BudgetExceeded):
                if usable is None:
                    raise
                return usable  # it was only to be mended
            read = self._read(question, text)
            if read.answer is not None and not read.complaints:
                return read.answer
            usable = read.answer or usable
            complaints = read.complaints
            if finish_reason == "length":
                longest *= 2
                complaints = [*complaints, "It was cut off for its length; be brief."]
            messages = [*messages, *self._repair(text, complaints)]
        if usable is not None:
            return usable
        raise ReasonerError(
            f"The model {self.name} gave no usable {expected.__name__} in {1 + REPAIR_ROUNDS} attempts: "
            f"{self._client.scrub(complaints[0])}",
            hint=_RULES,
            retryable=True,
        )

    def _messages(self, question: Question) -> list[Message]:
        prompt = load_prompt(question.role)
        variables = {"question": json.dumps(_cleaned(question.model_dump(mode="json")), ensure_ascii=False)}
        if "properties" in prompt.variables:
            variables["properties"] = property_list()
        return prompt.render(seed=self._seed, **variables)

    @staticmethod
    def _repair(text: str, complaints: list[str]) -> list[Message]:
        listed = "\n".join(f"- {complaint}" for complaint in complaints[:10])
        return [
            {"role": "assistant", "content": clean(text[:_ECHO]) or "(nothing)"},
            {
                "role": "user",
                "content": f"That answer cannot be used:\n{listed}\nAnswer again: the whole corrected JSON object and nothing else.",
            },
        ]

    def _read(self, question: Question[AnswerT], text: str) -> _Read[AnswerT]:
        expected = question.answer_type()
        try:
            data = maps_from_pairs(json_object_in(text), model=expected)
            answer = expected.model_validate(_without_fields_set_by_code(data))
        except NoJson as problem:
            return _Read(None, [str(problem)])
        except ValidationError as problem:
            return _Read(None, [_in_words(error) for error in problem.errors(include_url=False)[:10]])
        except SpecError as problem:
            return _Read(None, [str(problem)])
        complaints, mended = review(question, answer)
        return _Read(mended, complaints)

    def _ask(
        self, messages: list[Message], *, expected: type[Answer], longest: int, deadline: float
    ) -> tuple[str, str]:
        """Send the messages until a reply comes. Returns its text and why it ended."""
        model = self._model_name(deadline)
        before = self._dialect
        attempt = 0
        while True:
            body = self._dialect.body(
                messages,
                model=model,
                answer=expected,
                longest=longest,
                seed=self._seed,
                temperature=self._temperature,
            )
            read = estimate_tokens(
                json.dumps([body["messages"], body.get("response_format")], ensure_ascii=False)
            )
            self._budget.take_call(tokens=read + _SHORTEST_ANSWER)
            self._usage += Usage(calls=1)
            field = self._dialect.length_field
            if field:
                body[field] = min(longest, max(_SHORTEST_ANSWER, self._budget.tokens_left - read))
            reply = self._client.complete(body, timeout_s=self._time_left(deadline))
            if not isinstance(reply, Fault):
                self._pay(
                    reply.input_tokens, reply.output_tokens, estimates=(read, estimate_tokens(reply.text))
                )
                if reply.refusal or reply.finish_reason == "content_filter":
                    why = f": {reply.refusal.rstrip('.')}" if reply.refusal else " (content filter)"
                    raise ReasonerError(f"The model {self.name} declined to answer{why}.", hint=_RULES)
                return reply.text, reply.finish_reason
            if reply.kind in (FaultKind.TIMEOUT, FaultKind.TOO_LARGE):
                self._pay(None, None, estimates=(read, 0))  # the server has read the question
            simpler = self._dialect.simpler(reply)
            if simpler:
                self._dialect = simpler
                continue
            if reply.kind in (FaultKind.REQUEST, FaultKind.CONTEXT):
                self._dialect = before  # leaving things out did not help, so nothing was learned
            self._pause(reply, attempt=attempt, deadline=deadline)
            attempt += 1

    def _pause(self, fault: Fault, *, attempt: int, deadline: float) -> None:
        """Wait before the next attempt, or raise when there is to be none."""
        seconds = self._backoff.seconds(attempt, asked_s=fault.retry_after_s, rng=self._rng)
        if fault.kind not in PASSING or attempt >= self._retries:
            raise self._failure(fault)
        if time.monotonic() + seconds >= deadline:
            raise self._failure(fault, kind=_OutOfTimeError)
        self._sleep(seconds)

    def _time_left(self, deadline: float) -> float:
        left = deadline - time.monotonic()
        if left <= 0:
            fault = Fault(kind=FaultKind.TIMEOUT, message="no usable answer in the time given")
            raise self._failure(fault, kind=_OutOfTimeError)
        return min(self._timeout_s, left)

    def _failure(self, fault: Fault, *, kind: type[ReasonerError] = ReasonerError) -> ReasonerError:
        status = f" ({fault.status})" if fault.status else ""
        said = f": {fault.message.rstrip('.')}" if fault.message else ""
        return kind(
            f"The language model's server at {self._client.address} failed, {_HEADLINES[fault.kind]}{status}{said}.",
            hint=HINTS[fault.kind],
            retryable=fault.kind in PASSING,
        )

    def _pay(self, read: int | None, written: int | None, *, estimates: tuple[int, int]) -> None:
        cost = Usage(
            input_tokens=estimates[0] if read is None else read,
            output_tokens=estimates[1] if written is None else written,
            estimated=read is None or written is None,
        )
        self._usage += cost
        self._budget.spend(cost)

    def _model_name(self, deadline: float) -> str:
        if self._model is None:
            found = self._client.models(timeout_s=self._time_left(deadline))
            if isinstance(found, Fault):
                raise self._failure(found)
            if len(found) != 1:
                listed = ", ".join(self._client.scrub(name, longest=60) for name in found[:10]) or "none"
                raise SettingsError(
                    f"No model is set, and the server at {self._client.address} has {len(found)}: {listed}.",
                    hint="Set MATSMITH_MODEL to one of them.",
                )
            self._model = found[0]
        return self._model


def from_settings(
    settings: ModelSettings, *, budget: ModelBudget | None = None, seed: int | None = None
) -> OpenAIReasoner:
    """The reasoner that the settings describe. Raises `SettingsError` when they name no server or no model."""
    key = settings.openai_api_key
    if key is None and not settings.openai_base_url:
        raise SettingsError(
            "The reasoner openai needs a key or a server.",
            hint="Set OPENAI_API_KEY, or OPENAI_BASE_URL for a server of your own, or use --reasoner rules.",
        )
    if not settings.model and not settings.openai_base_url:
        raise SettingsError("The reasoner openai needs the name of a model.", hint="Set MATSMITH_MODEL.")
    return OpenAIReasoner(
        base_url=settings.openai_base_url or None,
        api_key=key,
        model=settings.model or None,
        timeout_s=settings.model_timeout_s,
        budget=budget,
        seed=seed,
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
}


def _in_words(error: Any) -> str:
    where = ".".join(str(part) for part in error["loc"]) or "the answer"
    return f"{where}: {error['msg']}"[:300]


def _without_fields_set_by_code(data: object) -> object:
    """Take out what only code may write, so that it can neither pass nor fail."""
    if not isinstance(data, dict):
        return data
    fields = {name: value for name, value in cast("dict[str, Any]", data).items() if name != "warnings"}
    spec = fields.get("spec")
    if isinstance(spec, dict):
        left_out = FIELDS_SET_BY_CODE["DesignSpec"]
        fields["spec"] = {
            name: value for name, value in cast("dict[str, Any]", spec).items() if name not in left_out
        }
    return fields


def _cleaned(data: object) -> object:
    """Clean every text in plain data before it is written as JSON, where escapes would hide control characters."""
    if isinstance(data, str):
        return clean(data)
    if isinstance(data, list):
        return [_cleaned(item) for item in cast("list[object]", data)]
    if isinstance(data, dict):
        return {
            clean(str(name)): _cleaned(value) for name, value in cast("dict[object, object]", data).items()
        }
    return data
