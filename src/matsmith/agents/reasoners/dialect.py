"""What a server takes: learned once from what it refuses, and kept for the rest of the run."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any, Self

from pydantic import BaseModel

from matsmith.agents.reasoners.checks import FIELDS_SET_BY_CODE
from matsmith.agents.reasoners.faults import Fault, FaultKind
from matsmith.agents.reasoners.schema import plain_schema, strict_schema
from matsmith.prompts import Message


class OutputFormat(StrEnum):
    """How an answer is held to its form, best first."""

    JSON_SCHEMA = "JSON schema"
    JSON_OBJECT = "JSON mode"
    TEXT = "plain text"


_ORDER = tuple(OutputFormat)


@dataclass(frozen=True, kw_only=True)
class Dialect:
    """The fields of a request that a server understands."""

    output: OutputFormat = OutputFormat.JSON_SCHEMA
    length_field: str | None = "max_completion_tokens"
    takes_seed: bool = True
    takes_temperature: bool = True
    takes_system: bool = True

    def simpler(self, fault: Fault) -> Self | None:
        """The dialect to try after a refusal, or None when nothing is left to leave out."""
        if fault.kind is FaultKind.CONTEXT:
            # some servers count the longest answer that is allowed into the context
            return replace(self, length_field=None) if self.length_field else None
        if fault.kind is not FaultKind.REQUEST:
            return None
        for pattern, taken, without in (
            (r"max_completion_tokens", self.length_field == "max_completion_tokens", {"length_field": "max_tokens"}),
            (r"max_tokens", self.length_field == "max_tokens", {"length_field": None}),
            (r"\bseed\b", self.takes_seed, {"takes_seed": False}),
            (r"temperature", self.takes_temperature, {"takes_temperature": False}),
            (r"system (role|message|prompt)|role.{0,12}system", self.takes_system, {"takes_system": False}),
        ):  # fmt: skip
            if taken and re.search(pattern, fault.about, re.IGNORECASE):
                return replace(self, **without)
        step = _ORDER.index(self.output) + 1
        return replace(self, output=_ORDER[step]) if step < len(_ORDER) else None

    def body(
        self,
        messages: Sequence[Message],
        *,
        model: str,
        answer: type[BaseModel],
        longest: int,
        seed: int | None,
        temperature: float | None,
    ) -> dict[str, Any]:
        """The request in this dialect. `longest` is the answer's limit in tokens."""
        body: dict[str, Any] = {
            "model": model,
            "messages": self._messages(messages, answer=answer),
            "stream": False,
        }
        if self.length_field:
            body[self.length_field] = longest
        if seed is not None and self.takes_seed:
            body["seed"] = seed
        if temperature is not None and self.takes_temperature:
            body["temperature"] = temperature
        if self.output is OutputFormat.JSON_SCHEMA:
            body["response_format"] = {
                "type": "json_schema",
                "json_schema": {
                    "name": answer.__name__,
                    "strict": True,
                    "schema": strict_schema(answer, omit=FIELDS_SET_BY_CODE),
                },
            }
        elif self.output is OutputFormat.JSON_OBJECT:
            body["response_format"] = {"type": "json_object"}
        return body

    def _messages(self, messages: Sequence[Message], *, answer: type[BaseModel]) -> list[Message]:
        system, *others = messages
        instructions = system["content"]
        if self.output is not OutputFormat.JSON_SCHEMA:
            schema = json.dumps(plain_schema(answer, omit=FIELDS_SET_BY_CODE), ensure_ascii=False)
            instructions += f"\n\n# Schema\n\nThe JSON object follows this JSON schema:\n\n{schema}"
        if self.takes_system:
            return [{"role": "system", "content": instructions}, *others]
        first, *rest = others
        return [{"role": "user", "content": f"{instructions}\n\n# Input\n\n{first['content']}"}, *rest]
