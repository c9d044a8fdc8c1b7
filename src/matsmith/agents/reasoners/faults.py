"""What can go wrong with a request to a language model's server, and how long to wait before the next one."""

from __future__ import annotations

import math
import random
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from enum import StrEnum


class FaultKind(StrEnum):
    """Kinds of fault; what to do about each is the caller's business."""

    BUSY = "busy"
    SERVER = "server"
    TIMEOUT = "timeout"
    CONNECTION = "connection"
    MALFORMED = "malformed"
    TOO_LARGE = "too large"
    KEY = "key"
    QUOTA = "quota"
    MODEL = "model"
    ADDRESS = "address"
    CONTEXT = "context"
    REQUEST = "request"
    TOOLS = "tools"


PASSING = frozenset(
    {FaultKind.BUSY, FaultKind.SERVER, FaultKind.TIMEOUT, FaultKind.CONNECTION, FaultKind.MALFORMED}
)
"""Faults that the same request may get over."""

HINTS: dict[FaultKind, str] = {
    FaultKind.BUSY: "Wait and resume the run, or use another model.",
    FaultKind.SERVER: "Look at the server's log, or resume the run later.",
    FaultKind.TIMEOUT: "The answer took longer than was left to it: give the run more time, raise the model's time-out in the settings, "
    "or use a faster model.",
    FaultKind.CONNECTION: "Check that the server runs and that OPENAI_BASE_URL names it, or use --reasoner rules.",
    FaultKind.MALFORMED: "Check that OPENAI_BASE_URL names a server that speaks chat completions; it usually ends in /v1.",
    FaultKind.TOO_LARGE: "Use another model or server; an answer here is a few kilobytes.",
    FaultKind.KEY: "Check OPENAI_API_KEY, and that the key may use this model.",
    FaultKind.QUOTA: "Check the plan and the credit of the account that the key belongs to.",
    FaultKind.MODEL: "Check the name of the model in the settings against those that the server has.",
    FaultKind.ADDRESS: "Check OPENAI_BASE_URL; it usually ends in /v1.",
    FaultKind.CONTEXT: "Use a model with a longer context, or give the server a longer one.",
    FaultKind.REQUEST: "Use a server that speaks chat completions, or --reasoner rules.",
    FaultKind.TOOLS: "Use a model that calls tools, start the server with tool calls enabled, or go on with --reasoner rules.",
}


@dataclass(frozen=True, kw_only=True)
class Fault:
    """A request that got no reply, and why, in words that hold no key."""

    kind: FaultKind
    message: str
    status: int | None = None
    retry_after_s: float | None = None
    about: str = ""


_CONTEXT = re.compile(
    r"context_length_exceeded|context (?:length|size|window)|maximum context|exceeds? the (?:available |model'?s? )?context"
    r"|prompt is too long|too many tokens|reduce the length",
    re.IGNORECASE,
)
_FORMAT = re.compile(r"response_format|json_schema|json mode|grammar|guided|structured output", re.IGNORECASE)
_QUOTA = re.compile(r"insufficient_quota|exceeded your current quota|billing|credit", re.IGNORECASE)
_TOOLS = re.compile(r"\btools?\b|tool_choice|function.call", re.IGNORECASE)
_WITHOUT = re.compile(r"support|requires?|enable", re.IGNORECASE)
_MODEL = re.compile(r"\bmodel", re.IGNORECASE)


def fault_of_status(
    status: int,
    *,
    message: str,
    code: str = "",
    parameter: str = "",
    retry_after_s: float | None = None,
    is_json: bool = True,
) -> Fault:
    """Name the fault behind an HTTP status and what the server said with it."""
    about = f"{code} {parameter} {message}"
    return Fault(
        kind=_kind_of_status(status, about=about, is_json=is_json),
        message=message,
        status=status,
        retry_after_s=retry_after_s,
        about=about,
    )


def _kind_of_status(status: int, *, about: str, is_json: bool) -> FaultKind:
    if status in (401, 403):
        return FaultKind.KEY
    if status == 402 or (status == 429 and _QUOTA.search(about)):
        return FaultKind.QUOTA
    if status == 429:
        return FaultKind.BUSY
    if status in (400, 413, 422, 500) and _CONTEXT.search(about):
        return FaultKind.CONTEXT
    if status == 404:
        return FaultKind.MODEL if is_json and _MODEL.search(about) else FaultKind.ADDRESS
    if status in (405, 410) or 300 <= status < 400:
        return FaultKind.ADDRESS
    if status >= 500 and _FORMAT.search(about):
        return FaultKind.REQUEST  # some servers fail on a schema that they cannot turn into a grammar
    if status >= 500 or status in (408, 409, 425):
        return FaultKind.SERVER
    return FaultKind.REQUEST


def about_tools(fault: Fault) -> Fault:
    """The fault of a request with tools, as one about tools when that is what the server complains of."""
    refused = fault.kind in (FaultKind.REQUEST, FaultKind.MODEL) or (
        fault.kind is FaultKind.SERVER and _WITHOUT.search(fault.about)
    )
    return replace(fault, kind=FaultKind.TOOLS) if refused and _TOOLS.search(fault.about) else fault


def retry_after_seconds(headers: Mapping[str, str]) -> float | None:
    """Seconds that a server asks to wait: `retry-after-ms`, or `retry-after` as seconds or a date (RFC 9110, 10.2.3)."""
    for name, scale in (("retry-after-ms", 1e-3), ("retry-after", 1.0)):
        try:
            seconds = float(headers.get(name, "")) * scale
        except ValueError:
            continue
        if math.isfinite(seconds):
            return max(0.0, seconds)
    try:
        date = parsedate_to_datetime(headers.get("retry-after", ""))
    except (ValueError, TypeError):
        return None
    if date.tzinfo is None:
        date = date.replace(tzinfo=UTC)
    return max(0.0, (date - datetime.now(UTC)).total_seconds())


@dataclass(frozen=True, kw_only=True)
class Backoff:
    """Waiting times that double, spread at random so that many runs do not come back at once."""

    first_s: float = 0.5
    longest_s: float = 20.0
    longest_asked_s: float = 60.0

    def seconds(self, attempt: int, *, asked_s: float | None, rng: random.Random) -> float:
        """Seconds to wait after the failed attempt (0 is the first); `asked_s` is what the server asks for, and is capped."""
        if asked_s is not None:
            return min(asked_s, self.longest_asked_s)
        ceiling = min(self.first_s * 2.0 ** min(attempt, 30), self.longest_s)
        return ceiling * (0.5 + 0.5 * rng.random())
