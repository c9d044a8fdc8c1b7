"""OpenTelemetry spans of model calls, with the attribute names of OpenInference.

Needs the extra `tracing`. `file` writes one JSON span a line into the run's folder; `otlp` sends them where the
environment's `OTEL_EXPORTER_OTLP_ENDPOINT` says.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from matsmith import __version__
from matsmith.agents.reasoners.chat_model import ToolCall
from matsmith.core.errors import SettingsError

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import ReadableSpan
    from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult

_LONGEST_VALUE = 32_000  # characters of one attribute
SPANS = "spans.jsonl"


class Tracer:
    """Writes one span a model call."""

    def __init__(self, exporter: SpanExporter, *, session: str, batched: bool) -> None:
        """Send spans to an exporter. `session` groups those of one run or thread."""
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor, SimpleSpanProcessor

        self._session = session
        self._provider = TracerProvider(
            resource=Resource.create({"service.name": "matsmith", "service.version": __version__})
        )
        self._provider.add_span_processor(
            BatchSpanProcessor(exporter) if batched else SimpleSpanProcessor(exporter)
        )
        self._tracer = self._provider.get_tracer("matsmith", __version__)

    def write(
        self,
        attributes: Mapping[str, str | int | float | bool],
        *,
        name: str,
        began_ns: int,
        ended_ns: int,
        problem: str = "",
    ) -> None:
        """Write one finished span; times are those of `time.time_ns`."""
        from opentelemetry.trace import SpanKind
        from opentelemetry.trace.status import Status, StatusCode

        span = self._tracer.start_span(name, start_time=began_ns, kind=SpanKind.CLIENT)
        span.set_attributes({**attributes, "session.id": self._session})
        span.set_status(Status(StatusCode.ERROR, problem) if problem else Status(StatusCode.OK))
        span.end(end_time=ended_ns)

    def close(self) -> None:
        """Send what still waits."""
        self._provider.shutdown()


def make_tracer(how: str, *, folder: Path | None, session: str) -> Tracer | None:
    """The tracer that the setting asks for: None when it is off.

    Raises `SettingsError` when a package is missing, or when spans should go into a folder that there is none of.
    """
    if how == "off":
        return None
    try:
        import opentelemetry.sdk.trace  # pyright: ignore[reportUnusedImport]  # noqa: F401
    except ImportError as error:
        raise SettingsError(
            "Tracing needs the package opentelemetry-sdk.",
            hint="pip install 'matsmith[tracing]', or unset MATSMITH_TRACING.",
        ) from error
    if how == "file":
        return (
            None if folder is None else Tracer(_file_exporter(folder / SPANS), session=session, batched=False)
        )
    return Tracer(_otlp_exporter(), session=session, batched=True)


def _otlp_exporter() -> SpanExporter:
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import (  # pyright: ignore[reportMissingImports]
            OTLPSpanExporter,  # pyright: ignore[reportUnknownVariableType]
        )
    except ImportError:
        try:
            from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
        except ImportError as error:
            raise SettingsError(
                "Sending spans needs the package opentelemetry-exporter-otlp-proto-http.",
                hint="pip install 'matsmith[tracing]', or set MATSMITH_TRACING=file.",
            ) from error
    return OTLPSpanExporter()  # pyright: ignore[reportUnknownVariableType]


def _file_exporter(path: Path) -> SpanExporter:
    from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult

    class FileExporter(SpanExporter):
        """One span a line."""

        def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
            with path.open("a", encoding="utf-8") as file:
                for span in spans:
                    file.write((span.to_json(indent=None) or "").replace("\n", " ") + "\n")
            return SpanExportResult.SUCCESS

    return FileExporter()


def request_attributes(
    body: Mapping[str, Any], *, role: str, server: str
) -> dict[str, str | int | float | bool]:
    """Attributes of a request."""
    messages: Sequence[Mapping[str, Any]] = body["messages"]
    parameters = {key: value for key, value in body.items() if key not in ("messages", "tools", "model")}
    found: dict[str, str | int | float | bool] = {
        "openinference.span.kind": "LLM",
        "llm.system": "openai",
        "llm.model_name": str(body["model"]),
        "llm.invocation_parameters": _short(json.dumps(parameters, ensure_ascii=False)),
        "input.value": _short(json.dumps(messages, ensure_ascii=False)),
        "input.mime_type": "application/json",
        "server.address": server,
        "agent.name": role,
    }
    for number, message in enumerate(messages):
        start = f"llm.input_messages.{number}.message"
        found[f"{start}.role"] = str(message.get("role", ""))
        found[f"{start}.content"] = _short(str(message.get("content") or ""))
    for number, tool in enumerate(body.get("tools", ())):
        found[f"llm.tools.{number}.tool.json_schema"] = _short(json.dumps(tool["function"]["parameters"]))
    return found


def reply_attributes(
    *, text: str, tool_calls: Sequence[ToolCall], counts: Mapping[str, int], cost_usd: float | None
) -> dict[str, str | int | float | bool]:
    """Attributes of a reply. `counts`: prompt, completion and cached tokens."""
    message = "llm.output_messages.0.message"
    found: dict[str, str | int | float | bool] = {
        "output.value": _short(text),
        "output.mime_type": "text/plain",
        f"{message}.role": "assistant",
        f"{message}.content": _short(text),
        "llm.token_count.prompt": counts["prompt"],
        "llm.token_count.completion": counts["completion"],
        "llm.token_count.total": counts["prompt"] + counts["completion"],
        "llm.token_count.prompt_details.cache_read": counts["cached"],
    }
    if cost_usd is not None:
        found["llm.cost.total"] = cost_usd
    for number, call in enumerate(tool_calls):
        start = f"{message}.tool_calls.{number}.tool_call"
        found[f"{start}.id"] = call.id
        found[f"{start}.function.name"] = call.name
        found[f"{start}.function.arguments"] = _short(call.arguments)
    return found


def _short(text: str) -> str:
    return text if len(text) <= _LONGEST_VALUE else text[: _LONGEST_VALUE - 1] + "…"
