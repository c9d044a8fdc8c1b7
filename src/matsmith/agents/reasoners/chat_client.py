"""One request to a chat-completions server: bounded in time and size, every fault named, no key in anything it says.

Loaded only when a language model is used: `openai` and `httpx2` are heavy.
"""

from __future__ import annotations

import json
import logging
import queue
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, TypeVar, cast
from urllib.parse import urlsplit

import httpx2
import openai
from pydantic import SecretStr

from matsmith.agents.reasoners.completion import Assembly, Reply, error_fields, read_completion, read_models
from matsmith.agents.reasoners.faults import Fault, FaultKind, fault_of_status, retry_after_seconds
from matsmith.agents.reasoners.secrets_out import Scrubber
from matsmith.core.errors import SettingsError

_LARGEST_REPLY = 4_000_000  # bytes
_LARGEST_COMPRESSED = 64_000  # bytes; unpacking can make a thousand times as many
_CONNECT_TIMEOUT_S = 10.0
_NO_KEY = "no-key"  # what servers that need no key are sent
_OPENAI = "https://api.openai.com/v1"
_T = TypeVar("_T")


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
    """Speaks to one server. Raises nothing for a fault of the server: a `Fault` comes in place of the `Reply`."""

    def __init__(
        self, *, base_url: str | None, api_key: SecretStr | None, secrets: Iterable[str] = ()
    ) -> None:
        """Check the address and the key; `secrets` are further keys that must not show. Raises `SettingsError`."""
        _quieten()
        self._key = _usable_key(api_key)
        self.address = _usable_address(base_url)
        self.scrubber = Scrubber([self._key, *secrets])
        self._url = (base_url or _OPENAI).strip().rstrip("/")
        self._current = _Call()
        self._http = openai.DefaultHttpxClient(
            follow_redirects=False, event_hooks={"response": [self._cap]}, base_url=self._url
        )
        self._client = openai.OpenAI(
            api_key=self._key or _NO_KEY,
            base_url=base_url,
            max_retries=0,
            default_headers={"Accept-Encoding": "identity"},
            http_client=self._http,
        )

    def __repr__(self) -> str:
        return f"ChatClient({self.address!r})"

    def complete(self, body: Mapping[str, Any], *, timeout_s: float) -> Reply | Fault:
        """Send one chat completion and wait at most `timeout_s` for all of its answer."""
        answer = self._bounded("POST", "/chat/completions", body=dict(body), timeout_s=timeout_s)
        return answer if isinstance(answer, Fault) else read_completion(answer, scrubber=self.scrubber)

    def stream(
        self, body: Mapping[str, Any], *, timeout_s: float, total_s: float
    ) -> Iterator[str | Reply | Fault]:
        """Send one chat completion and yield its words as they come; the last item is the `Reply` or a `Fault`.

        Waits at most `timeout_s` for the next words and `total_s` for all. A server that does not stream sends all words at once.
        """
        until = time.monotonic() + total_s

        def work(put: Callable[[str | Reply | Fault], None]) -> None:
            self._stream_request(dict(body), put, timeout_s=min(timeout_s, total_s))

        outbox, given_up = _in_thread(self._current, work)
        try:
            while True:
                wait = min(timeout_s, until - time.monotonic())
                try:
                    item = outbox.get(timeout=max(0.0, wait))
                except queue.Empty:
                    yield Fault(kind=FaultKind.TIMEOUT, message=f"no further words came within {wait:.3g} s")
                    return
                if isinstance(item, BaseException):
                    raise item
                yield item
                if not isinstance(item, str):
                    return
        finally:
            given_up.set()

    def models(self, *, timeout_s: float) -> list[str] | Fault:
        """Names of the models that the server lists."""
        answer = self._bounded("GET", "/models", body=None, timeout_s=timeout_s)
        return answer if isinstance(answer, Fault) else read_models(answer)

    def _bounded(
        self, method: str, path: str, *, body: Mapping[str, Any] | None, timeout_s: float
    ) -> bytes | Fault:
        """Run a request in a thread of its own: looking up a name, or a server that drips its headers, obeys no time-out."""

        def work(put: Callable[[bytes | Fault], None]) -> None:
            put(self._request(method, path, body=body, timeout_s=timeout_s))

        outbox, given_up = _in_thread(self._current, work)
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
            return self._fault_of(problem.response, body=problem.body)
        except openai.APITimeoutError:
            return Fault(kind=FaultKind.TIMEOUT, message=f"no answer came within {timeout_s:.3g} s")
        except (openai.APIConnectionError, httpx2.HTTPError) as problem:
            return self._broken(problem)

    def _stream_request(
        self, body: dict[str, Any], put: Callable[[str | Reply | Fault], None], *, timeout_s: float
    ) -> None:
        timeout = httpx2.Timeout(timeout_s, connect=min(_CONNECT_TIMEOUT_S, timeout_s))
        headers = {"Authorization": f"Bearer {self._key or _NO_KEY}", "Accept-Encoding": "identity"}
        try:
            with self._http.stream(
                "POST", f"{self._url}/chat/completions", json=body, headers=headers, timeout=timeout
            ) as response:
                if response.is_redirect or response.is_error:
                    response.read()
                    put(self._fault_of(response, body=_as_json(response.content)))
                elif "text/event-stream" not in response.headers.get("content-type", ""):
                    reply = read_completion(response.read(), scrubber=self.scrubber)
                    if isinstance(reply, Reply) and reply.text:
                        put(reply.text)
                    put(reply)
                else:
                    self._assemble(response, put)
        except httpx2.TimeoutException:
            put(Fault(kind=FaultKind.TIMEOUT, message=f"no further words came within {timeout_s:.3g} s"))
        except httpx2.HTTPError as problem:
            put(self._broken(problem))

    def _assemble(self, response: httpx2.Response, put: Callable[[str | Reply | Fault], None]) -> None:
        assembly = Assembly(scrubber=self.scrubber)
        for line in _lines(response):
            words = assembly.add(line)
            if words:
                put(words)
            if assembly.ended:
                break
        rest, reply = assembly.finish()
        if rest:
            put(rest)
        put(reply)

    def _broken(self, problem: BaseException) -> Fault:
        if self._current.too_large:
            return Fault(
                kind=FaultKind.TOO_LARGE,
                message=f"the reply is larger than {_LARGEST_REPLY // 1_000_000} MB",
            )
        cause = problem.__cause__ or problem
        return Fault(
            kind=FaultKind.CONNECTION, message=self.scrubber.line(str(cause)) or "the connection broke"
        )

    def _fault_of(self, response: httpx2.Response, *, body: object) -> Fault:
        said = error_fields(body)
        if response.is_redirect:
            target = self.scrubber.line(response.headers.get("location", "elsewhere"))
            return Fault(
                kind=FaultKind.ADDRESS, message=f"it redirects to {target}", status=response.status_code
            )
        return fault_of_status(
            response.status_code,
            message=self.scrubber.line(said.get("message") or response.reason_phrase),
            code=self.scrubber.line(said.get("code", "")),
            parameter=self.scrubber.line(said.get("param", "")),
            retry_after_s=retry_after_seconds(response.headers),
            is_json=isinstance(body, dict),
        )

    def _cap(self, response: httpx2.Response) -> None:
        packed = response.headers.get("content-encoding", "identity") != "identity"
        stream = cast("httpx2.SyncByteStream", response.stream)
        largest = _LARGEST_COMPRESSED if packed else _LARGEST_REPLY
        response.stream = _CappedStream(stream, largest=largest, call=self._current)


def _quieten() -> None:
    """Keep addresses, which may hold a password, and headers of replies, which may repeat a key, out of the log."""
    for name, level in (("httpcore2", logging.INFO), ("openai", logging.INFO), ("httpx2", logging.WARNING)):
        logging.getLogger(name).setLevel(max(level, logging.getLogger(name).level))


def _in_thread(
    current: _Call, work: Callable[[Callable[[_T], None]], None]
) -> tuple[queue.SimpleQueue[_T | BaseException], threading.Event]:
    """Start work whose results arrive in a queue, and the event that gives it up."""
    given_up = threading.Event()
    outbox: queue.SimpleQueue[_T | BaseException] = queue.SimpleQueue()

    def run() -> None:
        current.given_up = given_up
        current.too_large = False
        try:
            work(outbox.put)
        except BaseException as bug:  # noqa: BLE001 - handed to the caller, which raises it
            outbox.put(bug)

    threading.Thread(target=run, name="chat-request", daemon=True).start()
    return outbox, given_up


def _lines(response: httpx2.Response) -> Iterator[str]:
    """Lines of a stream of events. Only line feeds end them: other breaks may stand in the words of an answer."""
    waiting = b""
    for piece in response.iter_bytes():
        *whole, waiting = (waiting + piece).split(b"\n")
        for line in whole:
            yield line.decode("utf-8", errors="replace").rstrip("\r")
    if waiting:
        yield waiting.decode("utf-8", errors="replace")


def _as_json(raw: bytes) -> object:
    try:
        return json.loads(raw)
    except (ValueError, RecursionError):
        return None


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
        return _OPENAI
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
