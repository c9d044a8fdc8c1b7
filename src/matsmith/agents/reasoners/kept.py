"""What is kept on this machine between runs: what a server was found to take, and answers to be used again."""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
import time
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError

from matsmith.agents.reasoners.completion import Reply
from matsmith.agents.reasoners.dialect import Dialect
from matsmith.core.errors import DataError

_FRESH_FOR_S = 7 * 24 * 3600.0  # a server may have been upgraded since
_REPLY = TypeAdapter(Reply)
# Fields that change with what is left of a budget, or only how an answer travels.
_BESIDE_THE_POINT = frozenset({"max_tokens", "max_completion_tokens", "stream", "stream_options"})


class _Known(BaseModel):
    """One file on what a server takes."""

    model_config = ConfigDict(extra="forbid")

    server: str
    model: str
    dialect: Dialect
    tools: bool | None = None
    written_at: float


class KnownServers:
    """What each server and model was found to take; a file each in the cache folder. Lost files are found out again."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder / "language-models"

    def dialect(self, *, server: str, model: str) -> Dialect | None:
        """The dialect that was found within the last week."""
        try:
            known = _Known.model_validate_json(self._path(server, model).read_bytes())
        except (OSError, ValidationError):
            return None
        fresh = 0 <= time.time() - known.written_at < _FRESH_FOR_S
        return known.dialect if fresh and (known.server, known.model) == (server, model) else None

    def remember(self, dialect: Dialect, *, server: str, model: str, tools: bool | None = None) -> None:
        """Keep a dialect. A cache folder that cannot be written costs a few calls next time, and nothing else."""
        known = _Known(server=server, model=model, dialect=dialect, tools=tools, written_at=time.time())
        try:
            _write(self._path(server, model), known.model_dump_json().encode())
        except OSError:
            return

    def _path(self, server: str, model: str) -> Path:
        digest = hashlib.sha256(f"{server}\n{model}".encode()).hexdigest()[:24]
        return self._folder / f"{digest}.json"


class KeptAnswers:
    """Replies by the content of their requests, so that a rerun gets the same answers at no cost."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder / "answers"

    def find(self, body: Mapping[str, Any], *, server: str) -> Reply | None:
        """The reply to the same request: server, model, messages, schema, tools, seed, effort and temperature."""
        try:
            return _REPLY.validate_json(self._path(body, server).read_bytes())
        except (OSError, ValidationError):
            return None

    def keep(self, body: Mapping[str, Any], reply: Reply, *, server: str) -> None:
        """Keep a reply. Raises `DataError` when it cannot be written, since a rerun counts on it."""
        path = self._path(body, server)
        try:
            _write(path, json.dumps(asdict(reply), ensure_ascii=False, default=_plain).encode())
        except OSError as error:
            raise DataError(
                f"The answer cannot be kept in {path.parent}: {error.strerror}.",
                hint="Free some space or choose another MATSMITH_CACHE_DIR, or leave out --reuse-answers.",
            ) from error

    def _path(self, body: Mapping[str, Any], server: str) -> Path:
        asked = {name: value for name, value in body.items() if name not in _BESIDE_THE_POINT}
        text = json.dumps([server, asked], sort_keys=True, ensure_ascii=True)
        digest = hashlib.sha256(text.encode()).hexdigest()
        return self._folder / digest[:2] / f"{digest}.json"


def _plain(value: object) -> object:
    if isinstance(value, BaseModel):
        return value.model_dump()
    raise TypeError(f"{type(value).__name__} is no plain data")


def _write(path: Path, raw: bytes) -> None:
    """Write a file at once, so that nobody reads half of it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=".", suffix=".part")
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(raw)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
