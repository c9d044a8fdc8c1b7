"""A library: documents and their passages in one SQLite file, from which every search store is made.

The file is the truth. The stores beside it (BM25, vectors) are derived and can be made again at any time; `stamp` tells them whether
they are up to date. Writing a document is one transaction, so a crash or a full disk loses at most the one being written.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal, Self

from matsmith.knowledge.literature.chunks import cut
from matsmith.knowledge.literature.document_json import strings_from_json
from matsmith.knowledge.literature.documents import Passage, SourceDocument, document_id
from matsmith.knowledge.literature.library_file import FILE_NAME, open_library_file, transaction, translated
from matsmith.knowledge.literature.library_rows import (
    DOCUMENT_COLUMNS,
    ENTRY_COLUMNS,
    INSERT_DOCUMENT,
    INSERT_PASSAGE,
    SELECT_PASSAGES,
    DocumentEntry,
    SourceState,
    document_of,
    document_values,
    entry_of,
    passage_of,
    passage_values,
)
from matsmith.knowledge.literature.notes import built_in_documents
from matsmith.knowledge.literature.same_paper import is_same_paper, merge, title_key

Added = Literal["new", "same", "better"]


class Library:
    """Open with `Library.open(folder)` or `Library.built_in()`; close it, or use it as a context."""

    def __init__(self, connection: sqlite3.Connection, folder: Path | None) -> None:
        self.folder = folder
        """The folder with the file and the stores; None for a library in memory."""
        self.companion: object | None = None
        """What searches it, kept here for as long as the library is open."""
        self._connection = connection
        self._path = folder / FILE_NAME if folder else None

    @classmethod
    def open(cls, folder: Path, *, create: bool = False) -> Library:
        """Open the library in a folder; DataError when there is none, or it cannot be used. `create` makes one."""
        return cls(open_library_file(folder / FILE_NAME, create=create), folder)

    @classmethod
    def in_memory(cls, documents: Sequence[SourceDocument] = ()) -> Library:
        """A library that lives as long as the process."""
        library = cls(open_library_file(None, create=True), None)
        for document in documents:
            library.add(document)
        # The same documents are the same library in every process, so that vectors of them can be kept.
        content = "\n".join(f"{document.id} {document.title}" for document in documents)
        library.rename(document_id(content))
        return library

    @classmethod
    def built_in(cls) -> Library:
        """The notes that ship with matsmith, in memory."""
        return cls.in_memory(built_in_documents())

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the file."""
        self._connection.close()

    @property
    def identity(self) -> str:
        """A name that no other library has; one in memory is named after its documents."""
        with translated(self._path):
            return str(
                self._connection.execute("SELECT value FROM state WHERE key = 'identity'").fetchone()[0]
            )

    def rename(self, identity: str) -> None:
        """Give the library another identity, so that the stores made from it are made again."""
        with translated(self._path), transaction(self._connection):
            self._connection.execute("UPDATE state SET value = ? WHERE key = 'identity'", (identity,))

    @property
    def stamp(self) -> str:
        """Which library this is and how often its passages changed: a store with the same stamp is up to date."""
        with translated(self._path):
            state = dict(self._connection.execute("SELECT key, value FROM state").fetchall())
        return f"{state['identity'][:12]}-{state['generation']}"

    @property
    def passage_count(self) -> int:
        """How many passages there are."""
        return self._number("SELECT count(*) FROM passages")

    @property
    def document_count(self) -> int:
        """How many documents there are, built-in notes included."""
        return self._number("SELECT count(*) FROM documents")

    def documents(self) -> list[DocumentEntry]:
        """Every document without its text, by title."""
        counts = "(SELECT count(*) FROM passages WHERE document_id = documents.id)"
        with translated(self._path):
            statement = f"SELECT {ENTRY_COLUMNS}, {counts} FROM documents ORDER BY title, id"  # noqa: S608 - constants
            return [entry_of(row) for row in self._connection.execute(statement)]

    def document(self, document_id: str) -> SourceDocument | None:
        """A document with its whole text; None when it is not here."""
        found = self._documents("id = ?", (document_id,))
        return found[0] if found else None

    def add(
        self,
        document: SourceDocument,
        passages: Sequence[Passage] | None = None,
        *,
        instead_of: Collection[str] = (),
    ) -> Added:
        """Add a document with its passages (cut here when None) and say what became of it.

        "new"; "same" when its paper is here already, which then gains what this copy adds to the metadata; "better" when it
        replaces a copy with less text. `instead_of` are the ids of earlier states of the document: they go in the same transaction, and what
        was known of the same paper stays. DataError when the disk or the file refuses.
        """
        passages = cut(document) if passages is None else passages
        rows = [passage_values(passage) for passage in passages]
        with translated(self._path), transaction(self._connection):
            earlier = [
                old for each in sorted(set(instead_of) - {document.id}) if (old := self.document(each))
            ]
            for old in earlier:
                if is_same_paper(old, document):
                    document = merge(document, old)
                self._connection.execute("DELETE FROM documents WHERE id = ?", (old.id,))
            if earlier:
                self._changed()
            copies = [copy for copy in self._copies(document) if is_same_paper(copy, document)]
            for copy in copies:
                if copy.id == document.id or len(copy.text) >= len(document.text):
                    self._write_metadata(merge(copy, document))
                    return "same"
            for copy in copies:
                document = merge(document, copy)
                self._connection.execute("DELETE FROM documents WHERE id = ?", (copy.id,))
            self._connection.execute(INSERT_DOCUMENT, document_values(document))
            self._connection.executemany(INSERT_PASSAGE, rows)
            self._changed()
        return "better" if copies else "new"

    def kept_id(self, document: SourceDocument) -> str:
        """The id of the copy of a document's paper that is here; the document's own when there is none."""
        with translated(self._path):
            copies = [copy for copy in self._copies(document) if is_same_paper(copy, document)]
        same = any(copy.id == document.id for copy in copies)
        return document.id if same or not copies else copies[0].id

    def remove(self, document_id: str) -> None:
        """Take a document out; nothing happens when it is not here."""
        with translated(self._path), transaction(self._connection):
            if self._connection.execute("DELETE FROM documents WHERE id = ?", (document_id,)).rowcount:
                self._changed()

    def set_metadata(
        self,
        document_id: str,
        *,
        title: str | None = None,
        authors: Sequence[str] | None = None,
        year: int | None = None,
        doi: str | None = None,
        retracted: bool | None = None,
    ) -> None:
        """Write what a service or a person knows about a document; None leaves a field as it is."""
        values: dict[str, Any] = {
            "title": title,
            "title_key": None if title is None else title_key(title),
            "authors": None if authors is None else json.dumps(list(authors), ensure_ascii=False),
            "year": year,
            "doi": None if doi is None else doi.lower(),
            "retracted": None if retracted is None else int(retracted),
        }
        known = {name: value for name, value in values.items() if value is not None}
        if not known:
            return
        assignments = ", ".join(f"{name} = ?" for name in known)
        with translated(self._path), transaction(self._connection):
            before = self._documents("id = ?", (document_id,))
            statement = f"UPDATE documents SET {assignments} WHERE id = ?"  # noqa: S608 - names from above
            self._connection.execute(statement, (*known.values(), document_id))
            if before and title is not None and before[0].title != title:
                self._number_passages_anew(document_id)

    def _number_passages_anew(self, document_id: str) -> None:
        """Write a document's passages as new rows: its title is searched with each of them, in words and in meaning."""
        passages = self.passages_of(document_id)
        self._connection.execute("DELETE FROM passages WHERE document_id = ?", (document_id,))
        self._connection.executemany(INSERT_PASSAGE, [passage_values(passage) for passage in passages])
        self._changed()

    def look_ups(self) -> dict[str, datetime]:
        """When the public services were last asked about each document that they were asked about."""
        with translated(self._path):
            rows = self._connection.execute("SELECT document_id, asked_at FROM look_ups").fetchall()
        return {row[0]: datetime.fromisoformat(row[1]) for row in rows}

    def note_look_up(self, document_id: str) -> None:
        """Remember that the public services were asked about a document just now; nothing happens when it is not here."""
        with translated(self._path), transaction(self._connection):
            self._connection.execute(
                "INSERT OR REPLACE INTO look_ups SELECT id, ? FROM documents WHERE id = ?",
                (datetime.now(UTC).isoformat(timespec="seconds"), document_id),
            )

    def synchronise_notes(self) -> None:
        """Bring the built-in notes in the library to those of this version of matsmith."""
        current = {document.id: document for document in built_in_documents()}
        present = {entry.id for entry in self.documents() if entry.kind == "note"}
        for old in present - current.keys():
            self.remove(old)
        for added in sorted(current.keys() - present):
            self.add(current[added])

    def passages_of(self, document_id: str) -> list[Passage]:
        """The passages of a document in order."""
        with translated(self._path):
            rows = self._connection.execute(
                f"{SELECT_PASSAGES} WHERE p.document_id = ? ORDER BY p.start",
                (document_id,),
            ).fetchall()
        return [passage_of(row) for row in rows]

    def passages(self, rows: Sequence[int]) -> dict[int, Passage]:
        """Passages by the row numbers that the stores use; rows that are gone are left out."""
        marks = ", ".join("?" * len(rows))
        with translated(self._path):
            found = self._connection.execute(
                f"{SELECT_PASSAGES} WHERE p.row IN ({marks})", tuple(rows)
            ).fetchall()
        return {row[0]: passage_of(row) for row in found}

    def rows_and_terms(self) -> Iterator[tuple[int, list[str]]]:
        """Every passage's row number and search terms, in the order of the rows."""
        with translated(self._path):
            for row, words in self._connection.execute("SELECT row, terms FROM passages ORDER BY row"):
                yield row, words.split(" ") if words else []

    def rows_and_texts(self, *, after: int = 0, most: int = 256) -> list[tuple[int, str]]:
        """Row numbers above `after` with the text to embed (title, section, passage), in order, at most `most`."""
        with translated(self._path):
            rows = self._connection.execute(
                "SELECT p.row, d.title, p.section, p.text FROM passages p JOIN documents d ON d.id = p.document_id "
                "WHERE p.row > ? ORDER BY p.row LIMIT ?",
                (after, most),
            ).fetchall()
        return [
            (row, ". ".join(part for part in (title, section) if part) + "\n" + text)
            for row, title, section, text in rows
        ]

    def rows_after(self, row: int, *, most: int) -> list[int]:
        """The row numbers above one, in order, at most `most`."""
        with translated(self._path):
            found = self._connection.execute(
                "SELECT row FROM passages WHERE row > ? ORDER BY row LIMIT ?", (row, most)
            )
            return [int(number) for (number,) in found]

    def rows_present(self, rows: Sequence[int]) -> set[int]:
        """Those of the row numbers that still belong to a passage."""
        marks = ", ".join("?" * len(rows))
        with translated(self._path):
            statement = f"SELECT row FROM passages WHERE row IN ({marks})"  # noqa: S608 - question marks
            found = self._connection.execute(statement, tuple(rows))
            return {int(row) for (row,) in found}

    def count_after(self, row: int) -> int:
        """How many passages have a row number above this one."""
        return self._number("SELECT count(*) FROM passages WHERE row > ?", row)

    def verify(self, passage: Passage) -> bool:
        """Whether the passage's text stands at its offsets in its document, character for character."""
        document = self.document(passage.document_id)
        return document is not None and document.holds(passage)

    def source(self, path: str) -> SourceState | None:
        """A file as it was when it was ingested; None when it never was, or its documents are no longer here."""
        with translated(self._path):
            row = self._connection.execute(
                "SELECT bytes, modified_ns, digest, document_ids FROM sources WHERE path = ?", (path,)
            ).fetchone()
        if row is None:
            return None
        return SourceState(
            bytes=row[0], modified_ns=row[1], digest=row[2], document_ids=strings_from_json(row[3])
        )

    def note_source(self, path: str, state: SourceState) -> None:
        """Remember a file that was ingested."""
        with translated(self._path), transaction(self._connection):
            self._connection.execute(
                "INSERT OR REPLACE INTO sources VALUES (?, ?, ?, ?, ?)",
                (path, state.bytes, state.modified_ns, state.digest, json.dumps(state.document_ids)),
            )

    def sources(self) -> Mapping[str, tuple[str, ...]]:
        """Every ingested file and the documents that came of it."""
        with translated(self._path):
            rows = self._connection.execute("SELECT path, document_ids FROM sources ORDER BY path").fetchall()
        return {row[0]: strings_from_json(row[1]) for row in rows}

    def _number(self, statement: str, *values: object) -> int:
        with translated(self._path):
            return int(self._connection.execute(statement, values).fetchone()[0])

    def _changed(self) -> None:
        self._connection.execute(
            "UPDATE state SET value = CAST(value AS INTEGER) + 1 WHERE key = 'generation'"
        )

    def _copies(self, document: SourceDocument) -> list[SourceDocument]:
        return self._documents(
            "id = ? OR (doi <> '' AND doi = ?) OR (title_key <> '' AND title_key = ?)",
            (document.id, document.doi, title_key(document.title)),
        )

    def _documents(self, condition: str, values: tuple[object, ...]) -> list[SourceDocument]:
        with translated(self._path):
            statement = f"SELECT {DOCUMENT_COLUMNS} FROM documents WHERE {condition}"  # noqa: S608 - constants
            return [document_of(row) for row in self._connection.execute(statement, values)]

    def _write_metadata(self, document: SourceDocument) -> None:
        self._connection.execute(
            "UPDATE documents SET authors = ?, year = ?, doi = ?, retracted = ? WHERE id = ?",
            (
                json.dumps(document.authors, ensure_ascii=False),
                document.year,
                document.doi,
                None if document.retracted is None else int(document.retracted),
                document.id,
            ),
        )
