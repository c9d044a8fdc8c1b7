"""The folder of `matsmith serve-reasoner`: each request a file, each answer a file, whoever writes it.

For request 7 there are `0007.request.json` (as it came), `0007.request.md` (to be read), `0007.answer.json` (written by whoever
plays the model), `0007.sent.json` (what the asker was sent) and, when something is wrong, `0007.problem.txt`.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import tempfile
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

from matsmith.agents.reasoners.bridge_page import page
from matsmith.core.errors import UsageError

SETTLED_S = 1.0
"""A file that has not changed for so long is not half-written any more."""
_LARGEST_ANSWER = 4_000_000  # bytes
_REQUEST = re.compile(r"(\d{4,})\.request\.json")


class AnswerProblem(ValueError):
    """An answer file that cannot be sent; the message says what is wrong with it."""


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What the model is to have said. `fault` is a status and a message in place of an answer."""

    text: str = ""
    tool_calls: tuple[dict[str, str], ...] = ()
    refusal: str = ""
    finish_reason: str = "stop"
    fault: tuple[int, str, float | None] | None = None


@dataclass
class Pending:
    """A request that waits for its answer."""

    number: int
    digest: str
    seen: tuple[int, int] | None = None
    seen_at: float = field(default_factory=time.monotonic)
    told: tuple[int, int] | None = None


class BridgeFolder:
    """Writes requests and reads answers; safe to use from several threads and over restarts."""

    def __init__(self, folder: Path) -> None:
        """Open the folder, and make it when it is missing. Raises `UsageError` when it cannot be written."""
        self.path = folder
        try:
            folder.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=folder):
                pass
        except OSError as error:
            raise UsageError(
                f"The folder {folder} cannot be written: {error.strerror}.", hint="Choose another with --dir."
            ) from error
        self._lock = threading.Lock()
        self._active: set[int] = set()
        self._unsent = self._left_over()

    def open(self, body: Mapping[str, Any]) -> Pending:
        """Write a request, under the next free number. One that was asked before and never got its answer keeps its number."""
        raw = json.dumps(body, ensure_ascii=False, indent=1)
        digest = hashlib.sha256(json.dumps(body, sort_keys=True).encode()).hexdigest()
        with self._lock:
            number = self._unsent.get(digest)
            if number is None or number in self._active:
                number = self._write_request(raw, body)
            self._unsent[digest] = number
            self._active.add(number)
            self.file(number, "problem.txt").unlink(missing_ok=True)
        return Pending(number=number, digest=digest)

    def look(self, pending: Pending) -> Answer | None:
        """The answer when there is a whole one. What is wrong with a file that does not change any more is written beside it."""
        path = self.file(pending.number, "answer.json")
        try:
            status = path.stat()
        except OSError:
            return None
        state = (status.st_size, status.st_mtime_ns)
        if state != pending.seen:
            pending.seen, pending.seen_at = state, time.monotonic()
        if state == pending.told:
            return None
        try:
            if status.st_size > _LARGEST_ANSWER:
                raise AnswerProblem(f"It is larger than {_LARGEST_ANSWER // 1_000_000} MB.")
            answer = read_answer(path.read_bytes())
        except (OSError, AnswerProblem) as problem:
            if time.monotonic() - pending.seen_at >= SETTLED_S:
                pending.told = state
                self.say(
                    pending,
                    f"{path.name} cannot be used: {problem} Correct the file; the request still waits.",
                )
            return None
        self.file(pending.number, "problem.txt").unlink(missing_ok=True)
        return answer

    def say(self, pending: Pending, sentence: str) -> None:
        """Write what is wrong with a request or its answer."""
        _write(self.file(pending.number, "problem.txt"), sentence + "\n")

    def sent(self, pending: Pending, reply: object) -> None:
        """Note what the asker was sent; the request is done."""
        _write(self.file(pending.number, "sent.json"), json.dumps(reply, ensure_ascii=False, indent=1))
        with self._lock:
            self._active.discard(pending.number)
            if self._unsent.get(pending.digest) == pending.number:
                del self._unsent[pending.digest]

    def let_go(self, pending: Pending, sentence: str) -> None:
        """The asker is gone or has waited too long. Asked again, the same request is answered by the same file."""
        with self._lock:
            self._active.discard(pending.number)
        self.say(pending, sentence)

    def file(self, number: int, ending: str) -> Path:
        """Path of one of a request's files."""
        return self.path / f"{number:04d}.{ending}"

    def _write_request(self, raw: str, body: Mapping[str, Any]) -> int:
        numbers = [int(match[1]) for path in self.path.iterdir() if (match := _REQUEST.fullmatch(path.name))]
        number = max(numbers, default=0) + 1
        while True:
            # Exclusive, so that two servers may share a folder.
            if _write(self.file(number, "request.json"), raw, exclusive=True):
                _write(self.file(number, "request.md"), page(body, number=number))
                return number
            number += 1

    def _left_over(self) -> dict[str, int]:
        """Requests of earlier servers that never got their answers."""
        found: dict[str, int] = {}
        for path in sorted(self.path.iterdir()):
            match = _REQUEST.fullmatch(path.name)
            if match is None or self.file(int(match[1]), "sent.json").exists():
                continue
            try:
                body: object = json.loads(path.read_text(encoding="utf-8"))
            except (OSError, ValueError):
                continue
            found[hashlib.sha256(json.dumps(body, sort_keys=True).encode()).hexdigest()] = int(match[1])
        return found


def read_answer(raw: bytes) -> Answer:
    """Read an answer file. Raises `AnswerProblem` that says what is wrong with it."""
    try:
        data: object = json.loads(raw.decode("utf-8-sig"))
    except (ValueError, RecursionError) as error:
        raise AnswerProblem(f"It is no JSON ({error}).") from error
    if isinstance(data, str):
        return Answer(text=data)
    if not isinstance(data, dict):
        raise AnswerProblem("It is no JSON object.")
    fields = cast("dict[str, Any]", data)
    if not set(fields) & {"content", "tool_calls", "refusal", "error"}:
        return Answer(text=json.dumps(fields, ensure_ascii=False))  # the bare object that was asked for
    unknown = sorted(set(fields) - {"content", "tool_calls", "refusal", "error", "finish_reason"})
    if unknown:
        raise AnswerProblem(
            f"It holds {unknown[0]!r} beside content, tool_calls, refusal, error and finish_reason."
        )
    if "error" in fields:
        return Answer(fault=_fault(fields["error"]))
    calls = _tool_calls(fields.get("tool_calls") or [])
    content = fields.get("content")
    if content is None and not calls and "refusal" not in fields:
        raise AnswerProblem("Its content is empty, and it holds no tool_calls.")
    return Answer(
        text=""
        if content is None
        else content
        if isinstance(content, str)
        else json.dumps(content, ensure_ascii=False),
        tool_calls=calls,
        refusal=str(fields.get("refusal") or ""),
        finish_reason=str(fields.get("finish_reason") or ("tool_calls" if calls else "stop")),
    )


def _tool_calls(listed: object) -> tuple[dict[str, str], ...]:
    if not isinstance(listed, list):
        raise AnswerProblem("Its tool_calls are no list.")
    calls: list[dict[str, str]] = []
    for number, item in enumerate(cast("list[object]", listed)):
        call = cast("dict[str, Any]", item) if isinstance(item, dict) else {}
        function = call.get("function")
        if isinstance(function, dict):
            call = {**cast("dict[str, Any]", function), "id": call.get("id")}
        if not isinstance(call.get("name"), str) or not call["name"]:
            raise AnswerProblem(f"Call {number + 1} of its tool_calls has no name.")
        written = call.get("arguments", {})
        text = written if isinstance(written, str) else json.dumps(written, ensure_ascii=False)
        calls.append({"id": str(call.get("id") or ""), "name": call["name"], "arguments": text})
    return tuple(calls)


def _fault(said: object) -> tuple[int, str, float | None]:
    fields = cast("dict[str, Any]", said) if isinstance(said, dict) else {"message": str(said)}
    status, wait = fields.get("status", 500), fields.get("retry_after")
    if not isinstance(status, int) or not 400 <= status <= 599:
        raise AnswerProblem("The status of its error is no number from 400 to 599.")
    if wait is not None and (isinstance(wait, bool) or not isinstance(wait, int | float) or wait < 0):
        raise AnswerProblem("The retry_after of its error is no number of seconds.")
    return status, str(fields.get("message", "error")), wait


def _write(path: Path, text: str, *, exclusive: bool = False) -> bool:
    """Write a file at once. With `exclusive`, return False when there is one already."""
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=".", suffix=".part")
    temporary = Path(name)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8", errors="replace") as file:
            file.write(text)
        temporary.chmod(0o644)
        if not exclusive:
            temporary.replace(path)
            return True
        try:
            path.hardlink_to(temporary)
        except FileExistsError:
            return False
        except OSError:  # a file system without links
            return _create(path, text)
        return True
    finally:
        temporary.unlink(missing_ok=True)


def _create(path: Path, text: str) -> bool:
    """Write a new file; False when there is one already."""
    try:
        with path.open("x", encoding="utf-8", errors="replace") as file:
            file.write(text)
    except FileExistsError:
        return False
    return True
