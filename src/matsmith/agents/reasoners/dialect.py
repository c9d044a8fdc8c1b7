"""What a server takes: learned once from what it refuses, and kept for the rest of the run."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from enum import StrEnum
from functools import lru_cache
from typing import Any, Self

from pydantic import BaseModel, ConfigDict

from matsmith.agents.reasoners.chat_model import ToolSchema
from matsmith.agents.reasoners.faults import Fault, FaultKind
from matsmith.agents.reasoners.schema import FIELDS_SET_BY_CODE, plain_schema, strict_schema
from matsmith.agents.reasoners.tool_schemas import told

Body = dict[str, Any]


class OutputFormat(StrEnum):
    """How an answer is held to its form, best first."""

    JSON_SCHEMA = "JSON schema"
    JSON_OBJECT = "JSON mode"
    TEXT = "plain text"


_ORDER = tuple(OutputFormat)
# What a complaint is about -> the field of the request, and what to change so that it is left out.
_COMPLAINTS: tuple[tuple[str, str, dict[str, Any]], ...] = (
    (r"max_completion_tokens", "max_completion_tokens", {"length_field": "max_tokens"}),
    (r"max_tokens", "max_tokens", {"length_field": None}),
    (r"\bseed\b", "seed", {"takes_seed": False}),
    (r"temperature", "temperature", {"takes_temperature": False}),
    (r"reasoning.{0,3}effort|\bthinking\b", "reasoning_effort", {"takes_effort": False}),
    (r"stream_options|include_usage", "stream_options", {"takes_stream_counts": False}),
    (r"\bstream(ing)?\b", "stream", {"takes_stream": False}),
)


class Dialect(BaseModel):
    """The fields of a request that a server understands.

    `states_schema`: the server takes a JSON schema but does not hold the answer to it, so the schema is told in words too.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    output: OutputFormat = OutputFormat.JSON_SCHEMA
    length_field: str | None = "max_completion_tokens"
    takes_seed: bool = True
    takes_temperature: bool = True
    takes_system: bool = True
    takes_effort: bool = True
    takes_stream: bool = True
    takes_stream_counts: bool = True
    states_schema: bool = False

    def simpler(self, fault: Fault, *, sent: Mapping[str, Any]) -> Self | None:
        """The dialect to try after a refusal of the request `sent`, or None when nothing is left to leave out."""
        if fault.kind is FaultKind.CONTEXT:
            # some servers count the longest answer that is allowed into the context
            return self._with(length_field=None) if self.length_field else None
        if fault.kind is not FaultKind.REQUEST:
            return None
        for pattern, name, change in _COMPLAINTS:
            present = name in sent and sent[name] is not False
            if present and re.search(pattern, fault.about, re.IGNORECASE):
                return self._with(**change)
        about_roles = r"system (role|message|prompt)|role.{0,12}system"
        if self.takes_system and re.search(about_roles, fault.about, re.IGNORECASE):
            return self._with(takes_system=False)
        if "response_format" in sent:
            return self._with(output=_ORDER[_ORDER.index(self.output) + 1])
        return self._with(takes_stream_counts=False) if "stream_options" in sent else None

    def strictly_told(self) -> Self:
        """The same, with the schema told in words too."""
        return self._with(states_schema=True)

    def _with(self, **changes: Any) -> Self:
        return self.model_copy(update=changes)

    def body(
        self,
        messages: Sequence[Mapping[str, Any]],
        *,
        model: str,
        longest: int,
        answer: type[BaseModel] | None = None,
        tools: Sequence[ToolSchema] = (),
        stream: bool = False,
        seed: int | None = None,
        temperature: float | None = None,
        effort: str | None = None,
    ) -> Body:
        """The request in this dialect. `longest` is the answer's limit in tokens; `answer` the model that it is held to."""
        offered = told(tools)
        body: Body = {
            "model": model,
            "messages": self._messages(messages, answer=answer, legend=offered.legend),
            "stream": stream and self.takes_stream,
        }
        if body["stream"] and self.takes_stream_counts:
            body["stream_options"] = {"include_usage": True}
        if self.length_field:
            body[self.length_field] = longest
        if seed is not None and self.takes_seed:
            body["seed"] = seed
        if temperature is not None and self.takes_temperature:
            body["temperature"] = temperature
        if effort is not None and self.takes_effort:
            body["reasoning_effort"] = effort
        if tools:
            body["tools"] = offered.tools
        if answer is not None and self.output is not OutputFormat.TEXT:
            body["response_format"] = self._response_format(answer)
        return body

    def _response_format(self, answer: type[BaseModel]) -> Body:
        if self.output is OutputFormat.JSON_OBJECT:
            return {"type": "json_object"}
        return {
            "type": "json_schema",
            "json_schema": {
                "name": answer.__name__,
                "strict": True,
                "schema": _schema_held(answer),
            },
        }

    def _messages(
        self, messages: Sequence[Mapping[str, Any]], *, answer: type[BaseModel] | None, legend: str = ""
    ) -> list[dict[str, Any]]:
        copies = [dict(message) for message in messages]
        if legend and copies and copies[0].get("role") != "system":
            copies = [{"role": "system", "content": ""}, *copies]
        if not copies or copies[0].get("role") != "system":
            return copies
        instructions = str(copies[0]["content"])
        if answer is not None and (self.output is not OutputFormat.JSON_SCHEMA or self.states_schema):
            told = _schema_told(answer)
            instructions += f"\n\n# Schema\n\nThe JSON object follows this JSON schema:\n\n{told}"
        if legend:
            instructions = f"{instructions}\n\n# Arguments\n\n{legend}".lstrip()
        if self.takes_system:
            return [{"role": "system", "content": instructions}, *copies[1:]]
        first: dict[str, Any] = copies[1] if len(copies) > 1 else {"role": "user", "content": ""}
        joined = f"{instructions}\n\n# Input\n\n{first.get('content', '')}"
        return [{"role": "user", "content": joined}, *copies[2:]]


@lru_cache(maxsize=64)
def _schema_held(answer: type[BaseModel]) -> Body:
    """The schema that a server is to hold an answer to; made once, since that takes longer than all else before a call. Never changed."""
    return strict_schema(answer, omit=FIELDS_SET_BY_CODE)


@lru_cache(maxsize=64)
def _schema_told(answer: type[BaseModel]) -> str:
    """The schema in words."""
    return json.dumps(plain_schema(answer, omit=FIELDS_SET_BY_CODE), ensure_ascii=False)
