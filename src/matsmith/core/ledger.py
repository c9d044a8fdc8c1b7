"""The ledger: one append-only, hash-chained SQLite file a run, in which every candidate, record and verdict stands.

Each entry's hash covers the hash before it, so an entry that is changed, removed from the middle or put in is found by
`verify`; entries cut off at the end are found against a head noted elsewhere (the report keeps it).
"""

from __future__ import annotations

import hashlib
import os
import sqlite3
from collections.abc import Generator, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Self

from pydantic import BaseModel

from matsmith.core.errors import LedgerError
from matsmith.core.record import Record, Status

if TYPE_CHECKING:
    from types import TracebackType

_APPLICATION_ID = 0x4D53_4C31  # "MSL1"
_GENESIS = "0" * 64
_SCHEMA = """
CREATE TABLE entries (
    seq INTEGER PRIMARY KEY,
    kind TEXT NOT NULL,
    key TEXT NOT NULL,
    body TEXT NOT NULL,
    written_at TEXT NOT NULL,
    previous TEXT NOT NULL,
    hash TEXT NOT NULL
) STRICT;
CREATE INDEX entries_by_key ON entries (kind, key, seq);
CREATE TRIGGER entries_keep BEFORE UPDATE ON entries BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END;
CREATE TRIGGER entries_stay BEFORE DELETE ON entries BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END;
"""


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One row of the ledger; `body` is JSON."""

    seq: int
    kind: str
    key: str
    body: str
    written_at: str
    previous: str
    hash: str

    @property
    def recomputed_hash(self) -> str:
        """The hash that the content gives."""
        return _chain(
            self.previous, seq=self.seq, kind=self.kind, key=self.key, body=self.body, at=self.written_at
        )


@dataclass(frozen=True, kw_only=True)
class Verification:
    """What `Ledger.verify` found."""

    entries: int
    records: int
    head: str
    problems: tuple[str, ...]

    @property
    def intact(self) -> bool:
        """True when nothing was changed."""
        return not self.problems


def _chain(previous: str, *, seq: int, kind: str, key: str, body: str, at: str) -> str:
    digest = hashlib.sha256()
    for part in (previous, str(seq), kind, key, at, body):
        encoded = part.encode()
        digest.update(f"{len(encoded)}:".encode())
        digest.update(encoded)
    return digest.hexdigest()


class Ledger:
    """Open with `Ledger(path)`; every write is one committed transaction."""

    def __init__(self, path: Path, *, create: bool = True) -> None:
        self.path = path
        if not create and not path.is_file():
            raise LedgerError(
                f"There is no ledger at {path}.", hint="Give the folder of a run: `matsmith runs` lists them."
            )
        try:
            # A folder that cannot be written (an archive) has no writer either, so its lock files are not needed.
            frozen = path.is_file() and not os.access(path.parent, os.W_OK)
            self._connection = sqlite3.connect(
                f"{path.resolve().as_uri()}?immutable=1" if frozen else path,
                uri=frozen,
                isolation_level=None,
                timeout=30.0,
                check_same_thread=False,
            )
            with _translated(path):
                self._prepare()
        except sqlite3.OperationalError as error:
            raise LedgerError(
                f"The ledger {path} cannot be opened: {error}.", hint="Choose a folder that you can write to."
            ) from error

    def _prepare(self) -> None:
        application = self._connection.execute("PRAGMA application_id").fetchone()[0]
        tables = self._connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
        if application != _APPLICATION_ID:
            if tables or application:
                raise LedgerError(
                    f"{self.path} is a database of another program.",
                    hint="Choose another folder for the run.",
                )
            self._connection.execute(f"PRAGMA application_id = {_APPLICATION_ID}")
            self._connection.executescript(_SCHEMA)
        # WAL with NORMAL survives the death of the process at any moment; only a power cut can lose the last entries.
        if os.access(self.path.parent, os.W_OK):
            self._connection.execute("PRAGMA journal_mode = WAL")
            self._connection.execute("PRAGMA synchronous = NORMAL")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the file."""
        self._connection.close()

    @property
    def head(self) -> str:
        """Hash of the last entry."""
        row = self._connection.execute("SELECT hash FROM entries ORDER BY seq DESC LIMIT 1").fetchone()
        return row[0] if row else _GENESIS

    def append(self, kind: str, key: str, body: BaseModel | str) -> None:
        """Write one entry."""
        self.append_many([(kind, key, body)])

    def append_many(self, rows: Iterable[tuple[str, str, BaseModel | str]]) -> None:
        """Write several entries in one transaction: all of them or none."""
        with _translated(self.path), self._transaction():
            last = self._connection.execute(
                "SELECT seq, hash FROM entries ORDER BY seq DESC LIMIT 1"
            ).fetchone()
            seq, previous = last or (0, _GENESIS)
            for kind, key, body in rows:
                seq += 1
                text = body if isinstance(body, str) else body.model_dump_json()
                at = datetime.now(UTC).isoformat(timespec="milliseconds")
                digest = _chain(previous, seq=seq, kind=kind, key=key, body=text, at=at)
                self._connection.execute(
                    "INSERT INTO entries VALUES (?, ?, ?, ?, ?, ?, ?)",
                    (seq, kind, key, text, at, previous, digest),
                )
                previous = digest

    @contextmanager
    def _transaction(self) -> Generator[None]:
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
            raise
        self._connection.execute("COMMIT")

    def entries(self, kind: str | None = None, *, key: str | None = None) -> Iterator[Entry]:
        """Entries in the order they were written, of one kind and key when given."""
        statement = (
            "SELECT seq, kind, key, body, written_at, previous, hash FROM entries "
            "WHERE kind = coalesce(?1, kind) AND key = coalesce(?2, key) ORDER BY seq"
        )
        if kind is not None:
            statement = statement.replace("coalesce(?1, kind)", "?1")
        with _translated(self.path):
            for row in self._connection.execute(statement, (kind, key)):
                yield Entry(
                    seq=row[0],
                    kind=row[1],
                    key=row[2],
                    body=row[3],
                    written_at=row[4],
                    previous=row[5],
                    hash=row[6],
                )

    def latest(self, kind: str, key: str) -> str | None:
        """Body of the last entry of this kind and key."""
        with _translated(self.path):
            row = self._connection.execute(
                "SELECT body FROM entries WHERE kind = ? AND key = ? ORDER BY seq DESC LIMIT 1", (kind, key)
            ).fetchone()
        return row[0] if row else None

    def write_record(self, record: Record) -> None:
        """Add an attempt at a computation."""
        self.append("record", record.id, record)

    def record(self, record_id: str) -> Record | None:
        """The last attempt under this id, whatever its status."""
        body = self.latest("record", record_id)
        return None if body is None else Record.model_validate_json(body)

    def finished(self, record_id: str) -> Record | None:
        """The record of this id when it need not run again: a success, or a failure that would repeat itself."""
        record = self.record(record_id)
        return None if record is None or record.status is Status.RETRYABLE else record

    def consume(self, record_id: str) -> Record:
        """The successful record of this id, as input for another tool. Raises `LedgerError` for a failed or unknown one."""
        record = self.record(record_id)
        if record is None:
            raise LedgerError(f"There is no record {record_id}.", hint="Run the tool that makes it first.")
        if record.status is not Status.SUCCESS:
            raise LedgerError(f"Record {record_id} of {record.tool} failed and cannot be used as input.")
        return record

    def find_record(self, prefix: str) -> Record | None:
        """The record whose id begins so. Raises `LedgerError` when several do."""
        with _translated(self.path):
            keys = [
                row[0]
                for row in self._connection.execute(
                    "SELECT DISTINCT key FROM entries WHERE kind = 'record' AND key >= ? AND key < ? LIMIT 2",
                    (prefix, prefix + "~"),
                )
            ]
        if len(keys) > 1:
            raise LedgerError(f"Several records begin with {prefix}.", hint="Give more of the id.")
        return self.record(keys[0]) if keys else None

    def verify(self, *, head: str | None = None) -> Verification:
        """Check the chain, the ids of records and, when one is given, that `head` stands in the chain."""
        problems: list[str] = []
        previous, expected_seq, records = _GENESIS, 0, 0
        hashes = {_GENESIS}
        for entry in self.entries():
            expected_seq += 1
            where = f"entry {entry.seq} ({entry.kind} {entry.key})"
            if entry.seq != expected_seq:
                problems.append(f"{where}: entry {expected_seq} is missing before it")
                expected_seq = entry.seq
            if entry.previous != previous:
                problems.append(f"{where}: does not follow the entry before it")
            if entry.recomputed_hash != entry.hash:
                problems.append(f"{where}: its content was changed")
            elif entry.kind == "record":
                records += 1
                record = Record.model_validate_json(entry.body)
                if record.recomputed_id != record.id or record.id != entry.key:
                    problems.append(f"{where}: the id does not belong to its inputs")
            previous = entry.hash
            hashes.add(entry.hash)
        if head is not None and head not in hashes:
            problems.append("the entry that the report ends with is missing: entries were removed at the end")
        return Verification(entries=expected_seq, records=records, head=previous, problems=tuple(problems))


@contextmanager
def _translated(path: Path) -> Generator[None]:
    """Turn SQLite's errors into ones that say what to do."""
    try:
        yield
    except sqlite3.OperationalError as error:
        text = str(error)
        if "full" in text:
            raise LedgerError(
                f"The disk is full: {path} could not be written.",
                hint="Free some space, then `matsmith resume`.",
                retryable=True,
            ) from error
        if "readonly" in text or "unable to open" in text:
            raise LedgerError(
                f"{path} cannot be written.", hint="Choose a folder that you can write to."
            ) from error
        if "locked" in text:
            raise LedgerError(
                f"{path} is in use by another process.", hint="Wait for it, or stop it.", retryable=True
            ) from error
        raise LedgerError(
            f"The ledger {path} failed: {text}.", hint="Check the disk, then `matsmith verify`."
        ) from error
    except sqlite3.DatabaseError as error:
        raise LedgerError(
            f"{path} is damaged or no ledger: {error}.",
            hint="Restore it from a backup, or start a new run elsewhere.",
        ) from error
