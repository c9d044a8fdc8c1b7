"""The reasoner that asks a language model through any server that speaks OpenAI's chat completions."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, Self, cast

from pydantic import SecretStr, ValidationError

from matsmith.agents.decisions import AnswerT, Plan, PlanQuestion, Question
from matsmith.agents.reasoners.budget import ModelBudget
from matsmith.agents.reasoners.checks import pin_spec, review
from matsmith.agents.reasoners.dialect import Dialect, OutputFormat
from matsmith.agents.reasoners.endpoint import Asked, Endpoint, EndpointOptions, OutOfTimeError
from matsmith.agents.reasoners.faults import Backoff
from matsmith.agents.reasoners.fishing import NoJson, json_object_in
from matsmith.agents.reasoners.interface import Usage, checked
from matsmith.agents.reasoners.parts import without_faulty_parts
from matsmith.agents.reasoners.schema import FIELDS_SET_BY_CODE, maps_from_pairs, without_hidden
from matsmith.core.errors import BudgetExceeded, ReasonerError, SpecError
from matsmith.prompts import Message, load_prompt
from matsmith.prompts.loader import clean
from matsmith.prompts.property_list import property_list

if TYPE_CHECKING:
    from matsmith.agents.reasoners.providers import RoleReasoner
    from matsmith.core.settings import Settings

REPAIR_ROUNDS = 2
_ECHO = 4_000  # characters of a wrong answer that are sent back
_RULES = "Try a larger model, or --reasoner rules."
_FORM = frozenset(
    {"missing", "extra_forbidden"}
)  # faults that no server makes that holds an answer to its schema


@dataclass(frozen=True)
class _Read(Generic[AnswerT]):
    """An answer as far as it can be used, and what is wrong with it. `shapeless`: it does not even have the form that was asked for."""

    answer: AnswerT | None
    complaints: list[str]
    shapeless: bool = False


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
        effort: str | None = None,
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
            effort: how hard a reasoning model thinks; sent only when it is given.
            longest_answer: tokens.
            retries: of one request, after faults that may pass.
            backoff: how long to pause before a retry.
            sleep: how to pause.
        """
        options = EndpointOptions(
            timeout_s=timeout_s,
            total_s=total_s,
            seed=seed,
            temperature=temperature,
            effort=effort,
            longest_answer=longest_answer,
            retries=retries,
            backoff=backoff or Backoff(),
            sleep=sleep,
        )
        self._endpoint = Endpoint(
            base_url=base_url, api_key=api_key, model=model, options=options, budget=budget
        )

    @classmethod
    def at(cls, endpoint: Endpoint) -> Self:
        """Return the reasoner that asks through an endpoint."""
        reasoner = cls.__new__(cls)
        reasoner._endpoint = endpoint
        return reasoner

    def __repr__(self) -> str:
        return f"OpenAIReasoner(name={self.name!r}, server={self._endpoint.client.address!r})"

    @property
    def name(self) -> str:
        """`openai:` and the model's name."""
        return self._endpoint.name

    @property
    def usage(self) -> Usage:
        """Calls, tokens, cost and seconds spent by this reasoner."""
        return self._endpoint.usage

    @property
    def dialect(self) -> Dialect:
        """What the server was found to take."""
        return self._endpoint.dialect

    def decide(self, question: Question[AnswerT], *, deadline: float | None = None) -> AnswerT:
        """Answer a question.

        Raises `ReasonerError` when the server fails or no usable answer comes, `BudgetExceeded` before a call that does not fit, and when the
        deadline passes without an answer. What could not be mended but may be left out is left out, and stands in the answer's `warnings`.
        """
        started = time.monotonic()
        own_deadline = started + self._endpoint.total_s
        try:
            answer = self._decide(question, deadline=min(own_deadline, deadline or own_deadline))
        except OutOfTimeError as error:
            if deadline is not None and deadline < own_deadline:
                raise BudgetExceeded(f"The time is used up. {error.message}", hint=error.hint) from error
            raise
        finally:
            self._endpoint.usage += Usage(seconds=time.monotonic() - started)
        if isinstance(question, PlanQuestion) and isinstance(answer, Plan):
            return checked(
                cast("Question[AnswerT]", question), pin_spec(answer, objective=question.objective)
            )
        return answer

    def _decide(self, question: Question[AnswerT], *, deadline: float) -> AnswerT:
        messages = self._messages(question)
        expected = question.answer_type()
        longest = self._endpoint.options.longest_answer
        usable: AnswerT | None = None
        complaints: list[str] = []
        for _ in range(1 + REPAIR_ROUNDS):
            asked = Asked(messages=messages, role=question.role, longest=longest, answer=expected)
            try:
                reply = self._endpoint.ask(asked, deadline=deadline)
            except (ReasonerError, BudgetExceeded):
                if usable is None:
                    raise
                return usable  # it was only to be mended
            read = self._read(question, reply.text)
            if read.answer is not None and (not read.complaints or question.stands(read.answer)):
                return read.answer
            usable = read.answer or usable
            complaints = read.complaints
            if reply.finish_reason == "length":
                longest *= 2
                complaints = [*complaints, "It was cut off for its length; be brief."]
            elif read.shapeless and self.dialect.output is OutputFormat.JSON_SCHEMA:
                self._endpoint.tell_schema()
            messages = [*messages, *self._repair(reply.text, complaints)]
        if usable is not None:
            return usable
        raise ReasonerError(
            f"The model {self.name} gave no usable {expected.__name__} in {1 + REPAIR_ROUNDS} attempts: "
            f"{self._endpoint.client.scrubber.line(complaints[0])}",
            hint=_RULES,
            retryable=True,
        )

    def _messages(self, question: Question) -> list[Message]:
        prompt = load_prompt(question.role)
        variables = {"question": json.dumps(_cleaned(question.shown()), ensure_ascii=False)}
        if "properties" in prompt.variables:
            variables["properties"] = property_list()
        return prompt.render(seed=self._endpoint.options.seed, **variables)

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
        faulty: list[str] = []
        try:
            data = maps_from_pairs(_cleaned(json_object_in(text)), model=expected)
            data = without_hidden(data, model=expected, omit=FIELDS_SET_BY_CODE)
            faulty, data = without_faulty_parts(data, model=expected)
            answer = expected.model_validate(data)
        except NoJson as problem:
            return _Read(None, [str(problem)], shapeless="prose" in str(problem))
        except ValidationError as problem:
            errors = problem.errors(include_url=False)
            shapeless = any(error["type"] in _FORM for error in errors)
            return _Read(None, [*(_in_words(error) for error in errors[:10]), *faulty], shapeless=shapeless)
        except SpecError as problem:
            return _Read(None, [str(problem)])
        complaints, mended = review(question, answer, faulty=faulty)
        if faulty and not question.stands(mended):
            return _Read(None, complaints)
        return _Read(mended, complaints)


def from_settings(
    settings: Settings, *, budget: ModelBudget | None = None, seed: int | None = None
) -> RoleReasoner:
    """The reasoner that the settings describe; see `providers.from_settings`."""
    from matsmith.agents.reasoners import providers

    return providers.from_settings(settings, budget=budget, seed=seed)


def _in_words(error: Any) -> str:
    where = ".".join(str(part) for part in error["loc"]) or "the answer"
    return f"{where}: {error['msg']}"[:300]


def _cleaned(data: object) -> object:
    """Clean every text in plain data: as JSON escapes would hide control characters, and some letters can be written nowhere."""
    if isinstance(data, str):
        return clean(data)
    if isinstance(data, list):
        return [_cleaned(item) for item in cast("list[object]", data)]
    if isinstance(data, dict):
        return {
            clean(str(name)): _cleaned(value) for name, value in cast("dict[object, object]", data).items()
        }
    return data
