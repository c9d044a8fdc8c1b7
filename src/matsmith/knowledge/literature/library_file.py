"""The SQLite file of a library: its tables, its version, its locks, and every failure as one clear sentence."""

from __future__ import annotations

import contextlib
import os
import sqlite3
import uuid
from collections.abc import Generator
from pathlib import Path

from matsmith.core.errors import DataError

FILE_NAME = "library.sqlite"
SCHEMA_VERSION = 2
"""The format of the file. Libraries of every earlier format are brought up to it when they are opened."""
_APPLICATION_ID = 0x4D53_4C42  # "MSLB"
_PATIENCE_S = 60.0
_SCHEMA = """
CREATE TABLE state (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;
CREATE TABLE documents (
    id TEXT PRIMARY KEY,
    title TEXT NOT NULL,
    authors TEXT NOT NULL,
    year INTEGER,
    doi TEXT NOT NULL,
    kind TEXT NOT NULL,
    path TEXT NOT NULL,
    retracted INTEGER,
    title_key TEXT NOT NULL,
    text TEXT NOT NULL,
    pages TEXT NOT NULL,
    tables TEXT NOT NULL,
    sections TEXT NOT NULL,
    warnings TEXT NOT NULL,
    added_at TEXT NOT NULL
) STRICT;
CREATE INDEX documents_by_doi ON documents (doi) WHERE doi <> '';
CREATE INDEX documents_by_title ON documents (title_key) WHERE title_key <> '';
CREATE TABLE passages (
    row INTEGER PRIMARY KEY AUTOINCREMENT,
    document_id TEXT NOT NULL REFERENCES documents (id) ON DELETE CASCADE,
    start INTEGER NOT NULL,
    stop INTEGER NOT NULL,
    page INTEGER,
    section TEXT NOT NULL,
    kind TEXT NOT NULL,
    citations TEXT NOT NULL,
    dois TEXT NOT NULL,
    terms TEXT NOT NULL,
    text TEXT NOT NULL
) STRICT;
CREATE INDEX passages_by_document ON passages (document_id, start);
CREATE TABLE sources (
    path TEXT PRIMARY KEY,
    bytes INTEGER NOT NULL,
    modified_ns INTEGER NOT NULL,
    digest TEXT NOT NULL,
    document_ids TEXT NOT NULL
) STRICT;
CREATE TABLE look_ups (
    document_id TEXT PRIMARY KEY REFERENCES documents (id) ON DELETE CASCADE,
    asked_at TEXT NOT NULL
) STRICT;
"""


# What brings a library from a format to the next one. The first format was in use with and without the table that came last.
_UPGRADES = {
    1: """
CREATE TABLE IF NOT EXISTS look_ups (
    document_id TEXT PRIMARY KEY REFERENCES documents (id) ON DELETE CASCADE,
    asked_at TEXT NOT NULL
) STRICT;
"""
}


def open_library_file(path: Path | None, *, create: bool) -> sqlite3.Connection:
    """Open or make a library's file (None: in memory).

    DataError when it is not there, another program's, damaged, another version's, or cannot be written.
    """
    if path is None:
        connection = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
        _create(connection)
        return connection
    if not create and not path.is_file():
        raise DataError(
            f"There is no library in {path.parent}.", hint="Make one with `matsmith ingest PATH`."
        )
    with translated(path):
        if create:
            path.parent.mkdir(parents=True, exist_ok=True)
        # A folder that cannot be written has no writer either, so its lock files are not needed.
        frozen = path.is_file() and not os.access(path.parent, os.W_OK)
        connection = sqlite3.connect(
            f"{path.resolve().as_uri()}?immutable=1" if frozen else path,
            uri=frozen,
            isolation_level=None,
            timeout=_PATIENCE_S,
            check_same_thread=False,
        )
        try:
            _prepare(connection, path, frozen=frozen)
        except BaseException:
            connection.close()
            raise
    return connection


@contextlib.contextmanager
def transaction(connection: sqlite3.Connection) -> Generator[None]:
    """Inside, all is written or nothing; other writers wait."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        with contextlib.suppress(sqlite3.Error):
            if connection.in_transaction:
                connection.execute("ROLLBACK")
        raise


@contextlib.contextmanager
def translated(path: Path | None) -> Generator[None]:
    """Turn SQLite's and the system's failures inside into DataError."""
    where = path or "in memory"
    try:
        yield
    except sqlite3.OperationalError as error:
        message = str(error)
        if "full" in message or "disk I/O" in message:
            raise DataError(
                f"The library {where} cannot grow: {message}.",
                hint="Free some space and run the same command again: what was finished stays.",
                retryable=True,
            ) from error
        if "locked" in message or "busy" in message:
            raise DataError(
                f"The library {where} is being written by another process.",
                hint="Wait for it to end and run the same command again.",
                retryable=True,
            ) from error
        if "no such" in message:
            raise DataError(
                f"The library {where} is damaged: {message}.",
                hint="Move its folder away and ingest the files again.",
            ) from error
        raise DataError(
            f"The library {where} cannot be used: {message}.", hint="Choose a folder that you can write to."
        ) from error
    except sqlite3.DatabaseError as error:
        raise DataError(
            f"The library {where} is damaged or no library: {error}.",
            hint="Move its folder away and ingest the files again.",
        ) from error
    except OSError as error:
        raise DataError(
            f"The library {where} cannot be written: {error.strerror or error}.",
            hint="Check the space on the disk and the permissions, and run the same command again.",
            retryable=True,
        ) from error


@contextlib.contextmanager
def writer_lock(folder: Path, *, wait_s: float = 3600.0) -> Generator[None]:
    """Hold the one lock under which the search stores are written; it is freed when the process ends, however it ends.

    DataError when another process keeps it longer than `wait_s`.
    """
    path = folder / "stores.lock"
    with translated(path):
        connection = sqlite3.connect(path, isolation_level=None, timeout=wait_s)
        try:
            connection.execute("BEGIN EXCLUSIVE")
        except BaseException:
            connection.close()
            raise
    try:
        yield
    finally:
        connection.close()


def _prepare(connection: sqlite3.Connection, path: Path, *, frozen: bool) -> None:
    connection.execute("PRAGMA foreign_keys = ON")
    application, version, tables = _marks(connection)
    if application == 0 and tables == 0:
        # Two processes may both find a new file; the second one waits and then finds the tables.
        with transaction(connection):
            if _marks(connection)[2] == 0:
                _create(connection)
        application, version, _ = _marks(connection)
    if application != _APPLICATION_ID:
        raise DataError(
            f"{path} is a database of another program.", hint="Choose another folder for the library."
        )
    if not 1 <= version <= SCHEMA_VERSION:
        age = "a newer" if version > SCHEMA_VERSION else "an unknown"
        raise DataError(
            f"The library in {path.parent} was made by {age} version of matsmith (format {version}, this one reads 1 to {SCHEMA_VERSION}).",
            hint="Use that version, or ingest the files into another folder with --library.",
        )
    if frozen:
        # Nothing that reads needs what later formats have added.
        return
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = NORMAL")
    if version < SCHEMA_VERSION:
        _upgrade(connection)


def _upgrade(connection: sqlite3.Connection) -> None:
    """Bring a library of an earlier format to the present one, all or nothing; another process may have done so meanwhile."""
    with transaction(connection):
        for step in range(_marks(connection)[1], SCHEMA_VERSION):
            _execute(connection, _UPGRADES[step])
        connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")


def _execute(connection: sqlite3.Connection, statements: str) -> None:
    """Run statements one by one: `executescript` would commit the transaction around them."""
    for statement in statements.split(";"):
        if statement.strip():
            connection.execute(statement)


def _marks(connection: sqlite3.Connection) -> tuple[int, int, int]:
    application = connection.execute("PRAGMA application_id").fetchone()[0]
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    tables = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
    return int(application), int(version), int(tables)


def _create(connection: sqlite3.Connection) -> None:
    _execute(connection, _SCHEMA)
    rows = [("identity", uuid.uuid4().hex), ("generation", "0")]
    connection.executemany("INSERT INTO state VALUES (?, ?)", rows)
    connection.execute(f"PRAGMA application_id = {_APPLICATION_ID}")
    connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
