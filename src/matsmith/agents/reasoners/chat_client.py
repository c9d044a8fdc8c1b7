"""One request to a chat-completions server: bounded in time and size, every fault named, no key in anything it says.

Loaded only when a language model is used: `openai` and `httpx2` are heavy.
"""

from __future__ import annotations

import queue
import re
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, cast
from urllib.parse import urlsplit

import httpx2
import openai
from pydantic import BaseModel, SecretStr, ValidationError

from matsmith.agents.reasoners.faults import Fault, FaultKind, fault_of_status, retry_after_seconds
from matsmith.core.errors import SettingsError

_LARGEST_REPLY = 4_000_000  # bytes
_LARGEST_COMPRESSED = 64_000  # bytes; unpacking can make a thousand times as many
_CONNECT_TIMEOUT_S = 10.0
_NO_KEY = "no-key"  # what servers that need no key are sent


@dataclass(frozen=True, kw_only=True)
class Reply:
    """What a model answered. Token counts are None when the server gives none."""

    text: str
    refusal: str = ""
    finish_reason: str = ""
    input_tokens: int | None = None
    output_tokens: int | None = None


class _Lenient(BaseModel):
    """Servers differ in everything beside these fields."""


class _Part(_Lenient):
    text: str = ""


class _Message(_Lenient):
    content: str | list[_Part] | None = None
    refusal: str | None = None


class _Choice(_Lenient):
    message: _Message
    finish_reason: str | None = None


class _Counts(_Lenient):
    prompt_tokens: int | None = None
    completion_tokens: int | None = None


class _Completion(_Lenient):
    choices: list[_Choice]
    usage: _Counts | None = None


class _ModelName(_Lenient):
    id: str


class _Models(_Lenient):
    data: list[_ModelName]


class _CappedStream(httpx2.SyncByteStream):
    """A body that ends in an error when it is too long, or when nobody waits for it any more."""

    def __init__(self, stream: httpx2.SyncByteStream, *, largest: int, call: _Call) -> None:
        self._stream = stream
        self._largest = largest
        self._call = call

    def __iter__(self) -> Iterator[bytes]:
        size = 0
        for chunk in self._stream:
            size += len(chunk)
            if size > self._largest:
                self._call.too_large = True
            if self._call.too_large or self._call.given_up.is_set():
                raise httpx2.ReadError("The reply was cut off.")
            yield chunk

    def close(self) -> None:
        self._stream.close()


class _Call(threading.local):
    """What the request now running in this thread has come to."""

    def __init__(self) -> None:
        self.given_up = threading.Event()
        self.too_large = False


class ChatClient:
    """Speaks to one server. Raises nothing for a fault of the server: `complete` returns a `Fault` in place of the `Reply`."""

    def __init__(self, *, base_url: str | None, api_key: SecretStr | None) -> None:
        """Check the address and the key. Raises `SettingsError`."""
        self._secret = _usable_key(api_key)
        self.address = _usable_address(base_url)
        self._current = _Call()
        self._client = openai.OpenAI(
            api_key=self._secret or _NO_KEY,
            base_url=base_url,
            max_retries=0,
            default_headers={"Accept-Encoding": "identity"},
            http_client=openai.DefaultHttpxClient(
                follow_redirects=False, event_hooks={"response": [self._cap]}
            ),
        )

    def __repr__(self) -> str:
        return f"ChatClient({self.address!r})"

    def complete(self, body: Mapping[str, Any], *, timeout_s: float) -> Reply | Fault:
        """Send one chat completion and wait at most `timeout_s` for all of its answer."""
        answer = self._bounded("POST", "/chat/completions", body=dict(body), timeout_s=timeout_s)
        return answer if isinstance(answer, Fault) else self._reply(answer)

    def models(self, *, timeout_s: float) -> list[str] | Fault:
        """Names of the models that the server lists."""
        answer = self._bounded("GET", "/models", body=None, timeout_s=timeout_s)
        if isinstance(answer, Fault):
            return answer
        try:
            return [entry.id for entry in _Models.model_validate_json(answer).data]
        except ValidationError:
            return Fault(kind=FaultKind.MALFORMED, message="its list of models cannot be read")

    def scrub(self, text: str, *, longest: int = 300) -> str:
        """Cut what a server said to one short line without the key."""
        if self._secret:
            text = text.replace(self._secret, "***")
        text = re.sub(r"\b(?:sk|key)-[\w*-]{6,}", "***", text)
        line = " ".join("".join(letter if letter.isprintable() else " " for letter in text[:10_000]).split())
        return line if len(line) <= longest else line[: longest - 1] + "…"

    def _bounded(
        self, method: str, path: str, *, body: Mapping[str, Any] | None, timeout_s: float
    ) -> bytes | Fault:
        """Run a request in a thread of its own: looking up a name, or a server that drips its headers, obeys no time-out."""
        given_up = threading.Event()
        outbox: queue.SimpleQueue[bytes | Fault | BaseException] = queue.SimpleQueue()

        def work() -> None:
            self._current.given_up = given_up
            self._current.too_large = False
            try:
                outbox.put(self._request(method, path, body=body, timeout_s=timeout_s))
            except BaseException as bug:  # noqa: BLE001 - handed to the caller, which raises it
                outbox.put(bug)

        threading.Thread(target=work, name="chat-request", daemon=True).start()
        try:
            result = outbox.get(timeout=timeout_s)
        except queue.Empty:
            return Fault(kind=FaultKind.TIMEOUT, message=f"no complete answer came within {timeout_s:.3g} s")
        finally:
            given_up.set()
        if isinstance(result, BaseException):
            raise result
        return result

    def _request(
        self, method: str, path: str, *, body: Mapping[str, Any] | None, timeout_s: float
    ) -> bytes | Fault:
        timeout = httpx2.Timeout(timeout_s, connect=min(_CONNECT_TIMEOUT_S, timeout_s))
        try:
            if method == "GET":
                response = self._client.get(path, cast_to=httpx2.Response, options={"timeout": timeout})
            else:
                response = self._client.post(
                    path, cast_to=httpx2.Response, body=body, options={"timeout": timeout}
                )
            return response.read()
        except openai.APIStatusError as problem:
            return self._fault_of(problem)
        except openai.APITimeoutError:
            return Fault(kind=FaultKind.TIMEOUT, message=f"no answer came within {timeout_s:.3g} s")
        except (openai.APIConnectionError, httpx2.HTTPError) as problem:
            if self._current.too_large:
                return Fault(
                    kind=FaultKind.TOO_LARGE,
                    message=f"the reply is larger than {_LARGEST_REPLY // 1_000_000} MB",
                )
            cause = problem.__cause__ or problem
            return Fault(kind=FaultKind.CONNECTION, message=self.scrub(str(cause)) or "the connection broke")

    def _fault_of(self, problem: openai.APIStatusError) -> Fault:
        said = _error_fields(problem.body)
        message = self.scrub(said.get("message") or problem.response.reason_phrase)
        if problem.response.is_redirect:
            target = self.scrub(problem.response.headers.get("location", "elsewhere"))
            return Fault(
                kind=FaultKind.ADDRESS, message=f"it redirects to {target}", status=problem.status_code
            )
        return fault_of_status(
            problem.status_code,
            message=message,
            code=self.scrub(said.get("code", "")),
            parameter=self.scrub(said.get("param", "")),
            retry_after_s=retry_after_seconds(problem.response.headers),
            is_json=isinstance(problem.body, dict),
        )

    def _reply(self, raw: bytes) -> Reply | Fault:
        try:
            completion = _Completion.model_validate_json(raw)
        except ValidationError:
            return self._not_a_completion(raw)
        if not completion.choices:
            return Fault(kind=FaultKind.MALFORMED, message="the reply holds no choice")
        choice = completion.choices[0]
        content = choice.message.content
        text = "".join(part.text for part in content) if isinstance(content, list) else content or ""
        counts = completion.usage or _Counts()
        return Reply(
            text=text,
            refusal=self.scrub(choice.message.refusal or ""),
            finish_reason=choice.finish_reason or "",
            input_tokens=_count(counts.prompt_tokens),
            output_tokens=_count(counts.completion_tokens),
        )

    def _not_a_completion(self, raw: bytes) -> Fault:
        """Name what came with status 200 and is no completion: an error that a gateway wrapped, or a page."""
        try:
            body: object = httpx2.Response(200, content=raw).json()
        except (ValueError, RecursionError):
            return Fault(kind=FaultKind.MALFORMED, message="the reply is no JSON, or half of it")
        said = _error_fields(body)
        if said.get("message"):
            code = said.get("code", "")
            status = int(code) if re.fullmatch(r"[45]\d\d", code) else 500
            return fault_of_status(status, message=self.scrub(said["message"]), code=self.scrub(code))
        return Fault(kind=FaultKind.MALFORMED, message="the reply is JSON, but no chat completion")

    def _cap(self, response: httpx2.Response) -> None:
        packed = response.headers.get("content-encoding", "identity") != "identity"
        stream = cast("httpx2.SyncByteStream", response.stream)
        largest = _LARGEST_COMPRESSED if packed else _LARGEST_REPLY
        response.stream = _CappedStream(stream, largest=largest, call=self._current)


def _error_fields(body: object) -> dict[str, str]:
    """Message, code and parameter of an error body; servers nest it in different ways."""
    if not isinstance(body, dict):
        return {"message": body} if isinstance(body, str) and not body.lstrip().startswith("<") else {}
    fields = cast("dict[str, object]", body)
    inner = fields.get("error", fields)
    if isinstance(inner, str):
        return {"message": inner}
    if not isinstance(inner, dict):
        return {}
    fields = cast("dict[str, object]", inner)
    if "message" not in fields and "detail" in fields:
        fields = {**fields, "message": fields["detail"]}
    return {name: str(fields[name]) for name in ("message", "code", "param") if fields.get(name) is not None}


def _count(tokens: int | None) -> int | None:
    return tokens if tokens is not None and 0 <= tokens <= 100_000_000 else None


def _usable_key(api_key: SecretStr | None) -> str:
    key = api_key.get_secret_value().strip() if api_key else ""
    if not all("!" <= letter <= "~" for letter in key):
        raise SettingsError(
            "The key of the language model holds a blank or a character that no key has.",
            hint="Set OPENAI_API_KEY again, without quotes or line breaks.",
        )
    return key


def _usable_address(base_url: str | None) -> str:
    """The address without user name, password and query, for messages."""
    if base_url is None:
        return "https://api.openai.com/v1"
    try:
        parts = urlsplit(base_url.strip())
        port = f":{parts.port}" if parts.port else ""
    except ValueError:
        parts, port = urlsplit(""), ""
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise SettingsError(
            "The address of the language model's server is no http or https address.",
            hint="Set OPENAI_BASE_URL to something like http://localhost:11434/v1.",
        )
    return f"{parts.scheme}://{parts.hostname}{port}{parts.path}"
