"""Threads on disk: a folder each, whose turns stand in an SQLite file, one row a turn, written when the turn ends."""

from __future__ import annotations

import json
import re
import shutil
import sqlite3
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from matsmith.agents.conversation.pieces import Piece
from matsmith.agents.conversation.turn import TurnResult
from matsmith.core.errors import LedgerError, UsageError
from matsmith.core.settings import Settings

TURNS = "thread.sqlite"
_LONGEST_NAME = 80
_SCHEMA = """
CREATE TABLE IF NOT EXISTS turns (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    at TEXT NOT NULL,
    said TEXT NOT NULL,
    answered TEXT NOT NULL,
    ended TEXT NOT NULL,
    model TEXT NOT NULL,
    calls TEXT NOT NULL,
    pieces TEXT NOT NULL,
    messages TEXT NOT NULL
) STRICT;
"""
_PIECES: TypeAdapter[list[Piece]] = TypeAdapter(list[Piece])


@dataclass(frozen=True, kw_only=True)
class Turn:
    """One turn as it is kept. `messages` are those that a model is shown again, without what came before."""

    seq: int
    at: datetime
    said: str
    answered: str
    ended: str
    model: str
    calls: list[dict[str, Any]]
    pieces: list[Piece]
    messages: list[dict[str, Any]]


@dataclass(frozen=True, kw_only=True)
class ThreadInfo:
    """One thread in a list."""

    name: str
    folder: Path
    turns: int
    last_at: datetime | None
    last_said: str


class TurnStore:
    """The turns of one thread."""

    def __init__(self, path: Path) -> None:
        self._path = path
        with _translated(path):
            self._connection = sqlite3.connect(path, isolation_level=None)
            self._connection.execute("PRAGMA journal_mode=WAL")
            self._connection.execute("PRAGMA synchronous=FULL")
            self._connection.executescript(_SCHEMA)

    def append(self, said: str, result: TurnResult, *, model: str, messages: list[dict[str, Any]]) -> None:
        """Write a turn; it is on disk when this returns."""
        calls = [
            {
                "name": c.name,
                "arguments": c.arguments,
                "ok": c.ok,
                "records": list(c.record_ids),
                "error": c.error,
            }
            for c in result.calls
        ]
        row = (
            datetime.now(UTC).isoformat(timespec="milliseconds"),
            said,
            result.text,
            str(result.ended),
            model,
            json.dumps(calls, default=str),
            _PIECES.dump_json(result.pieces).decode(),
            json.dumps(messages),
        )
        with _translated(self._path):
            self._connection.execute(
                "INSERT INTO turns (at, said, answered, ended, model, calls, pieces, messages) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                row,
            )

    def turns(self, *, last: int | None = None, pieces: bool = True) -> list[Turn]:
        """The turns in their order; only the last so many when given, and without what was shown where `pieces` is False."""
        limit = -1 if last is None else last
        with _translated(self._path):
            rows = self._connection.execute(
                "SELECT seq, at, said, answered, ended, model, calls, pieces, messages FROM turns ORDER BY seq DESC LIMIT ?",
                (limit,),
            ).fetchall()
        return [_turn(row, pieces=pieces) for row in reversed(rows)]

    def count(self) -> int:
        """How many there are."""
        with _translated(self._path):
            return int(self._connection.execute("SELECT count(*) FROM turns").fetchone()[0])

    def close(self) -> None:
        """Close the file."""
        self._connection.close()


def _turn(row: tuple[Any, ...], *, pieces: bool) -> Turn:
    return Turn(
        seq=row[0],
        at=datetime.fromisoformat(row[1]),
        said=row[2],
        answered=row[3],
        ended=row[4],
        model=row[5],
        calls=json.loads(row[6]),
        pieces=_PIECES.validate_json(row[7]) if pieces else [],
        messages=json.loads(row[8]),
    )


def threads_folder(settings: Settings) -> Path:
    """Where the threads are."""
    return settings.state_dir / "threads"


def thread_folder(name: str, *, settings: Settings) -> Path:
    """The folder of the thread of this name, which need not exist. Raises `UsageError` for a name that cannot be one of a folder."""
    if not re.fullmatch(r"[\w][\w .-]*", name) or len(name) > _LONGEST_NAME or name.endswith((".", " ")):
        raise UsageError(
            f"A thread cannot be called {name[:60]!r}.",
            hint="Use letters, digits, spaces, dots, hyphens and underscores.",
        )
    return threads_folder(settings) / name


def list_threads(settings: Settings) -> list[ThreadInfo]:
    """All threads, the one that was last spoken in first; one whose file is damaged is listed with no turns."""
    folder = threads_folder(settings)
    found: list[ThreadInfo] = []
    for path in sorted(folder.glob(f"*/{TURNS}")) if folder.is_dir() else []:
        try:
            store = TurnStore(path)
            try:
                last, count = store.turns(last=1), store.count()
            finally:
                store.close()
        except LedgerError:
            last, count = [], 0
        found.append(
            ThreadInfo(
                name=path.parent.name,
                folder=path.parent,
                turns=count,
                last_at=last[0].at if last else None,
                last_said=last[0].said if last else "",
            )
        )
    never = datetime.min.replace(tzinfo=UTC)
    return sorted(found, key=lambda one: one.last_at or never, reverse=True)


def delete_thread(name: str, *, settings: Settings) -> None:
    """Delete a thread with its structures, records and papers; design runs that it started stay. Raises `UsageError` when there is none."""
    from matsmith.agents.runs import locked

    folder = thread_folder(name, settings=settings)
    if not (folder / TURNS).is_file():
        names = ", ".join(one.name for one in list_threads(settings)[:8]) or "none"
        raise UsageError(f"There is no thread {name!r}.", hint=f"There are: {names}.")
    with locked(folder):
        pass  # raises when somebody speaks in it
    shutil.rmtree(folder)


@contextmanager
def _translated(path: Path) -> Generator[None]:
    try:
        yield
    except sqlite3.OperationalError as error:
        raise LedgerError(
            f"The thread {path} cannot be written or read: {error}.",
            hint="Check the disk and its permissions.",
        ) from error
    except sqlite3.DatabaseError as error:
        raise LedgerError(
            f"The thread {path} is damaged: {error}.", hint="Begin another with --thread NAME."
        ) from error
