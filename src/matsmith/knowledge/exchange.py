"""Asking a public service over HTTP: politely, within a time, at most so often, and kept with its date and licence.

One layer stands under every client (papers' metadata, crystal databases). The services' own Python clients were weighed and left:
semanticscholar repeats a refused request up to ten times over minutes, pyalex keeps one configuration for the whole process and sets no
time-out, arxiv sleeps inside its iterator, habanero brings a second HTTP library, and none keeps answers. What they ask is plain GET.
"""

from __future__ import annotations

import hashlib
import json
import random
import tempfile
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from matsmith import __version__
from matsmith.core.errors import DataError

if TYPE_CHECKING:
    import httpx

FRESH_FOR = timedelta(days=30)
"""A kept answer older than this is asked for anew; where that fails it is used with its date."""
_LARGEST_BYTES = 30_000_000
_REDIRECTS = 3
_PASSING = frozenset({408, 425, 429, 500, 502, 503, 504})
_LONGEST_PAUSE_S = 60.0
_last_asked: dict[str, float] = {}
_turn = threading.Lock()


class ServiceError(DataError):
    """A public service cannot be asked, refuses, or does not answer with what it documents. `status` is its HTTP status, 0 without."""

    def __init__(self, message: str, *, hint: str = "", retryable: bool = False, status: int = 0) -> None:
        super().__init__(message, hint=hint, retryable=retryable)
        self.status = status


@dataclass(frozen=True, kw_only=True)
class ServiceAnswer:
    """What a service sent. `date` is when (ISO, UTC); `stale` says that it is older than wished and could not be renewed."""

    service: str
    url: str
    body: str
    date: str
    licence: str
    kept: bool = False
    stale: bool = False

    def json(self) -> Any:
        """The body as JSON. Raises `ServiceError` when it is none."""
        try:
            return json.loads(self.body)
        except (ValueError, RecursionError) as error:
            raise ServiceError(
                f"{self.service} sent something else than JSON.",
                hint="Try again later; if it stays so, the service has changed: report it.",
                retryable=True,
            ) from error


@dataclass(frozen=True, kw_only=True)
class Exchange:
    """How one service is asked.

    `min_interval_s` is the least time between two requests of this process, `timeout_s` the longest silence, `total_s` the longest time
    for one answer with all repeats. `secrets` are parameters that go into the request and nowhere else; `headers` may hold keys too.
    """

    service: str
    base_url: str
    licence: str
    cache_dir: Path | None
    min_interval_s: float = 0.1
    timeout_s: float = 20.0
    total_s: float = 60.0
    retries: int = 3
    fresh_for: timedelta = FRESH_FOR
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    secrets: Mapping[str, str] = field(default_factory=dict[str, str])
    contact: str = ""
    sleep: Callable[[float], None] = time.sleep
    now: Callable[[], datetime] = lambda: datetime.now(UTC)

    def get(self, path: str, params: Mapping[str, str] | None = None) -> ServiceAnswer:
        """Return the answer to a GET: kept while fresh, else asked for, else kept whatever its age. Raises `ServiceError`.

        `path` stands after the base address, or is a whole address of the same host (a link to the next page).
        """
        url = self._address(path)
        chosen = dict(sorted((params or {}).items()))
        place = self._place(url, chosen)
        held = None if place is None else self._read(place)
        if held is not None and self.now() - datetime.fromisoformat(held.date) < self.fresh_for:
            return held
        try:
            answer = self._ask(url, chosen)
        except ServiceError as error:
            if held is not None and (error.retryable or error.status == 0):
                return replace(held, stale=True)
            raise
        if place is not None:
            self._write(place, answer, chosen)
        return answer

    def _address(self, path: str) -> str:
        if not path.startswith(("http://", "https://")):
            return f"{self.base_url.rstrip('/')}/{path.lstrip('/')}" if path else self.base_url
        if not _same_host(path, self.base_url):
            raise ServiceError(f"{self.service} points to another host, which is not followed.")
        return path

    def _ask(self, url: str, params: dict[str, str]) -> ServiceAnswer:
        import httpx

        deadline = time.monotonic() + self.total_s
        agent = f"matsmith/{__version__}" + (f" (mailto:{self.contact})" if self.contact else "")
        headers = {"User-Agent": agent, "Accept-Encoding": "gzip, deflate", **self.headers}
        with httpx.Client(timeout=self.timeout_s, headers=headers, follow_redirects=False) as client:
            for attempt in range(self.retries + 1):
                self._wait_turn(deadline)
                outcome, pause = self._attempt(client, url, params, deadline=deadline)
                if isinstance(outcome, ServiceAnswer):
                    return outcome
                # Spread over a quarter, so that many callers do not return in step.
                backoff = min(_LONGEST_PAUSE_S, 0.5 * 2**attempt) * (1 + random.random() / 4)  # noqa: S311
                wait = backoff if pause is None else pause
                last = attempt == self.retries or time.monotonic() + wait >= deadline
                if last or not outcome.retryable:
                    raise outcome
                self.sleep(wait)
        raise ServiceError(f"{self.service} was not asked.", hint="Allow at least one attempt.")

    def _attempt(
        self, client: httpx.Client, url: str, params: dict[str, str], *, deadline: float
    ) -> tuple[ServiceAnswer | ServiceError, float | None]:
        """One request: its answer, or what went wrong and the pause that the service asks for."""
        import httpx

        try:
            response = self._fetch(client, url, params, deadline=deadline)
        except httpx.TimeoutException:
            silence = min(self.timeout_s, self.total_s)
            message = f"{self.service} did not answer in {silence:g} s."
            return ServiceError(message, hint="Try again later.", retryable=True), None
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            message = f"{self.service} cannot be reached: {type(error).__name__}."
            return ServiceError(message, hint="Check the network.", retryable=True), None
        failure = self._failure(response)
        if failure is not None:
            return failure, _asked_pause(response, self.now())
        date = self.now().isoformat(timespec="seconds")
        answer = ServiceAnswer(
            service=self.service, url=url, body=response.text, date=date, licence=self.licence
        )
        return answer, None

    def _fetch(
        self, client: httpx.Client, url: str, params: dict[str, str], *, deadline: float
    ) -> httpx.Response:
        """One request with its redirects on the same host; the body is read up to a limit."""
        import httpx

        target = httpx.URL(url).copy_merge_params({**params, **self.secrets})
        for _ in range(_REDIRECTS + 1):
            with client.stream("GET", target) as response:
                if response.is_redirect:
                    following = response.headers.get("location", "")
                    target = target.join(following)
                    if not _same_host(str(target), self.base_url):
                        raise ServiceError(
                            f"{self.service} redirects to another host, which is not followed."
                        )
                    continue
                body = bytearray()
                for chunk in response.iter_bytes():
                    body += chunk
                    if len(body) > _LARGEST_BYTES:
                        raise ServiceError(
                            f"{self.service} sent more than {_LARGEST_BYTES / 1e6:.0f} MB.",
                            hint="Ask for less: a narrower question or a smaller limit.",
                        )
                    if time.monotonic() > deadline:
                        raise httpx.ReadTimeout("the answer took too long")
                return httpx.Response(
                    response.status_code,
                    headers={
                        name: value
                        for name, value in response.headers.items()
                        if name.lower() not in ("content-encoding", "content-length", "transfer-encoding")
                    },
                    content=bytes(body),
                )
        raise ServiceError(f"{self.service} redirects in circles.", retryable=True)

    def _failure(self, response: httpx.Response) -> ServiceError | None:
        code = response.status_code
        if 200 <= code < 300:
            return None
        if code in (401, 403):
            return ServiceError(
                f"{self.service} refused the key or the request ({code}).", hint="Check the key.", status=code
            )
        if code == 404:
            return ServiceError(f"{self.service} does not know what was asked for (404).", status=code)
        if code == 429:
            return ServiceError(
                f"{self.service} limits how often it is asked.",
                hint="Try again in a few minutes, or set a key.",
                retryable=True,
                status=code,
            )
        return ServiceError(
            f"{self.service} answered {code}.",
            hint="Try again later."
            if code in _PASSING
            else "The request is not one that it takes: report it.",
            retryable=code in _PASSING,
            status=code,
        )

    def _wait_turn(self, deadline: float) -> None:
        """Keep the least interval between two requests to this service, whichever exchange of this process sends them."""
        with _turn:
            ready = _last_asked.get(self.service, -1e9) + self.min_interval_s
            moment = time.monotonic()
            start = max(ready, moment)
            _last_asked[self.service] = start
        if start > moment:
            self.sleep(min(start - moment, max(0.0, deadline - moment)))

    def _place(self, url: str, params: dict[str, str]) -> Path | None:
        if self.cache_dir is None:
            return None
        key = hashlib.sha256(json.dumps([url, params]).encode()).hexdigest()[:32]
        folder = "".join(c if c.isalnum() else "_" for c in self.service.lower())
        return self.cache_dir / "answers" / folder / f"{key}.json"

    def _read(self, path: Path) -> ServiceAnswer | None:
        """A kept answer; None when there is none or it is damaged, and the service is then asked."""
        try:
            held: Any = json.loads(path.read_text(encoding="utf-8"))
            if held["service"] != self.service or datetime.fromisoformat(held["date"]).tzinfo is None:
                return None
            return ServiceAnswer(
                service=self.service,
                url=str(held["url"]),
                body=str(held["body"]),
                date=str(held["date"]),
                licence=str(held["licence"]),
                kept=True,
            )
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def _write(self, path: Path, answer: ServiceAnswer, params: dict[str, str]) -> None:
        """Keep an answer; a folder that cannot be written only means that the service is asked again."""
        text = json.dumps(
            {
                "service": answer.service,
                "url": answer.url,
                "params": params,
                "date": answer.date,
                "licence": answer.licence,
                "body": answer.body,
            }
        )
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with tempfile.NamedTemporaryFile(
                "w", dir=path.parent, suffix=".part", delete=False, encoding="utf-8"
            ) as target:
                target.write(text)
            Path(target.name).replace(path)
        except OSError:
            return


def _same_host(one: str, other: str) -> bool:
    return urlsplit(one).hostname == urlsplit(other).hostname and urlsplit(one).scheme in ("http", "https")


def _asked_pause(response: httpx.Response, now: datetime) -> float | None:
    """The pause that a service asks for: seconds or a date."""
    written = response.headers.get("retry-after", "")
    if not written:
        return None
    if written.isdigit():
        return float(written)
    try:
        return max(0.0, (parsedate_to_datetime(written) - now).total_seconds())
    except (ValueError, TypeError):
        return None
