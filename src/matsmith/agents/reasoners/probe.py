"""Find out by three short requests what a model's server takes: a schema, tools, streaming."""

from __future__ import annotations

import time
from typing import Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from matsmith.agents.reasoners.budget import ModelBudget
from matsmith.agents.reasoners.chat_model import ToolSchema
from matsmith.agents.reasoners.completion import Reply
from matsmith.agents.reasoners.dialect import Dialect, OutputFormat
from matsmith.agents.reasoners.endpoint import Asked, Endpoint, ToolsRefusedError
from matsmith.agents.reasoners.fishing import NoJson, json_object_in
from matsmith.agents.reasoners.interface import Usage
from matsmith.agents.reasoners.kept import KnownServers
from matsmith.agents.reasoners.providers import endpoint_for
from matsmith.core.settings import Settings
from matsmith.prompts import Message

_CALLS = 20
_LONGEST = 2_000  # tokens; models that think need some before the first word
_ADD = ToolSchema(
    name="add_numbers",
    description="Add two numbers.",
    parameters={
        "type": "object",
        "properties": {"first": {"type": "number"}, "second": {"type": "number"}},
        "required": ["first", "second"],
        "additionalProperties": False,
    },
)


class Findings(BaseModel):
    """What a server was found to take. `tools` is None when it takes them and its model called none when told to."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    server: str
    model: str
    dialect: Dialect
    schema_held: bool
    tools: bool | None
    streams: bool
    first_words_s: float
    counts: bool
    usage: Usage


class _Sample(BaseModel):
    """The form of the trial's answer; the question does not name its fields, so only a server that holds to it can fill them."""

    model_config = ConfigDict(extra="forbid")

    shade: Literal["crimson", "teal", "ochre"]
    how_many: int


def probe_role(settings: Settings, *, role: str = "chat") -> Findings:
    """Ask the model of a role, and keep what was found in the cache folder.

    Raises `ReasonerError` when the server fails, `SettingsError` when none is set.
    """
    budget = ModelBudget(calls=_CALLS)
    fresh = settings.model_copy(update={"reuse_answers": False})
    endpoint = endpoint_for(fresh, role=role, budget=budget, seed=0)
    endpoint.forget()
    deadline = time.monotonic() + endpoint.total_s
    held = _holds_schema(endpoint, deadline=deadline)
    tools = _calls_tools(endpoint, deadline=deadline)
    streams, first_words_s = _streams(endpoint, deadline=deadline)
    findings = Findings(
        server=endpoint.client.address,
        model=endpoint.model_name(deadline),
        dialect=endpoint.dialect,
        schema_held=held,
        tools=tools,
        streams=streams,
        first_words_s=first_words_s,
        counts=not endpoint.usage.estimated,
        usage=endpoint.usage,
    )
    KnownServers(settings.cache_dir).remember(
        findings.dialect, server=findings.server, model=findings.model, tools=tools
    )
    return findings


def _messages(words: str) -> list[Message]:
    return [{"role": "system", "content": "You answer briefly."}, {"role": "user", "content": words}]


def _holds_schema(endpoint: Endpoint, *, deadline: float) -> bool:
    asked = Asked(
        messages=_messages("Choose a colour, and a number below ten. Answer as JSON."),
        role="probe",
        longest=_LONGEST,
        answer=_Sample,
    )
    reply = endpoint.ask(asked, deadline=deadline)
    if endpoint.dialect.output is not OutputFormat.JSON_SCHEMA:
        return False
    try:
        _Sample.model_validate(json_object_in(reply.text))
    except (NoJson, ValidationError):
        endpoint.tell_schema()
        return False
    return True


def _calls_tools(endpoint: Endpoint, *, deadline: float) -> bool | None:
    asked = Asked(
        messages=_messages("Call the tool add_numbers with 2 and 3."),
        role="probe",
        longest=_LONGEST,
        tools=[_ADD],
    )
    try:
        reply = endpoint.ask(asked, deadline=deadline)
    except ToolsRefusedError:
        return False
    return True if any(call.name == _ADD.name for call in reply.tool_calls) else None


def _streams(endpoint: Endpoint, *, deadline: float) -> tuple[bool, float]:
    """Whether words come one after the other, and seconds until the first."""
    asked = Asked(
        messages=_messages("Write the numbers from one to ten in words."),
        role="probe",
        longest=_LONGEST,
        stream=True,
    )
    began = time.monotonic()
    first, pieces = 0.0, 0
    for item in endpoint.stream(asked, deadline=deadline):
        if not isinstance(item, Reply):
            first = first or time.monotonic() - began
            pieces += 1
    return endpoint.dialect.takes_stream and pieces > 1, first
