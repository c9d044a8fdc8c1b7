"""What is kept of each model call: a line of the transcript, and a span of the trace. Keys stand in neither."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from matsmith.agents.reasoners.completion import Reply
from matsmith.agents.reasoners.faults import Fault
from matsmith.agents.reasoners.interface import Usage
from matsmith.agents.reasoners.secrets_out import Scrubber
from matsmith.agents.reasoners.tracing import Tracer, make_tracer, reply_attributes, request_attributes
from matsmith.core.errors import LedgerError

if TYPE_CHECKING:
    from matsmith.core.settings import Settings

TRANSCRIPT = "transcript.jsonl"
_LONGEST_TEXT = 200_000  # characters of a reply that are kept


@dataclass(frozen=True, kw_only=True)
class ModelCall:
    """One request: who asked which server for what, and when (`time.time_ns`)."""

    role: str
    server: str
    body: Mapping[str, Any]
    attempt: int
    began_ns: int


class Watch:
    """Keeps what models were asked and answered; safe to use from several threads."""

    def __init__(
        self,
        *,
        transcript: Path | None = None,
        tracer: Tracer | None = None,
        secrets: Iterable[str] = (),
    ) -> None:
        """Write to the file and the tracer that are given."""
        self._path = transcript
        self._tracer = tracer
        self._scrubber = Scrubber(secrets)
        self._lock = threading.Lock()

    def ended(
        self, call: ModelCall, outcome: Reply | Fault, *, usage: Usage, first_words_s: float | None = None
    ) -> None:
        """Note how a call has ended. Raises `LedgerError` when the file cannot be written."""
        now_ns = time.time_ns()
        if self._path is not None:
            self._append(_line(call, outcome, usage=usage, ended_ns=now_ns, first_words_s=first_words_s))
        if self._tracer is not None:
            self._trace(call, outcome, usage=usage, ended_ns=now_ns)

    def close(self) -> None:
        """Send what still waits to be sent."""
        if self._tracer is not None:
            self._tracer.close()

    def _append(self, line: Mapping[str, Any]) -> None:
        text = self._scrubber.text(json.dumps(line, ensure_ascii=False))
        raw = text.encode("utf-8", errors="replace") + b"\n"
        try:
            with self._lock, (self._path or Path()).open("ab") as file:
                file.write(raw)
        except OSError as error:
            raise LedgerError(
                f"The transcript {self._path} cannot be written: {error.strerror}.",
                hint="Free some space, or set MATSMITH_TRANSCRIPTS=false.",
                retryable=True,
            ) from error

    def _trace(self, call: ModelCall, outcome: Reply | Fault, *, usage: Usage, ended_ns: int) -> None:
        attributes = request_attributes(call.body, role=call.role, server=call.server)
        problem = ""
        if isinstance(outcome, Fault):
            problem = f"{outcome.kind.value}: {outcome.message}"
        else:
            counts = {
                "prompt": usage.input_tokens,
                "completion": usage.output_tokens,
                "cached": usage.cached_tokens,
            }
            attributes |= reply_attributes(
                text=outcome.text, tool_calls=outcome.tool_calls, counts=counts, cost_usd=usage.cost_usd
            )
        clean = {
            name: self._scrubber.text(value) if isinstance(value, str) else value
            for name, value in attributes.items()
        }
        if self._tracer is not None:
            self._tracer.write(
                clean,
                name=f"chat {call.role}",
                began_ns=call.began_ns,
                ended_ns=ended_ns,
                problem=self._scrubber.line(problem),
            )


def make_watch(settings: Settings, *, folder: Path | None = None, session: str = "") -> Watch | None:
    """What the settings ask to keep of the model calls of a run; None when that is nothing.

    `folder` is where the transcript goes; without one none is kept. Raises `SettingsError` when a package for tracing is missing.
    """
    tracer = make_tracer(
        settings.tracing, folder=folder, session=session or (folder.name if folder else "matsmith")
    )
    transcript = folder / TRANSCRIPT if folder is not None and settings.transcripts else None
    if tracer is None and transcript is None:
        return None
    return Watch(transcript=transcript, tracer=tracer, secrets=settings.secrets())


def _line(
    call: ModelCall, outcome: Reply | Fault, *, usage: Usage, ended_ns: int, first_words_s: float | None
) -> dict[str, Any]:
    line: dict[str, Any] = {
        "at": datetime.fromtimestamp(call.began_ns / 1e9, UTC).isoformat(timespec="milliseconds"),
        "role": call.role,
        "server": call.server,
        "attempt": call.attempt,
        "seconds": round((ended_ns - call.began_ns) / 1e9, 4),
        "request": call.body,
    }
    if first_words_s is not None:
        line["first_words_s"] = round(first_words_s, 4)
    if isinstance(outcome, Fault):
        line["fault"] = {"kind": outcome.kind.value, "status": outcome.status, "message": outcome.message}
        return line
    line["reply"] = {
        "text": outcome.text[:_LONGEST_TEXT],
        "refusal": outcome.refusal,
        "finish_reason": outcome.finish_reason,
        "tool_calls": [tool_call.model_dump() for tool_call in outcome.tool_calls],
    }
    line["usage"] = usage.model_dump(exclude_defaults=True)
    return line
