"""The rows of a library's file as the things they stand for, and back."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from matsmith.knowledge.literature.document_json import (
    pages_from_json,
    sections_from_json,
    spans_to_json,
    strings_from_json,
    tables_from_json,
)
from matsmith.knowledge.literature.documents import DocumentKind, Passage, SourceDocument
from matsmith.knowledge.literature.same_paper import title_key
from matsmith.knowledge.literature.terms import index_terms

ENTRY_COLUMNS = "id, title, authors, year, doi, kind, path, retracted"
DOCUMENT_COLUMNS = f"{ENTRY_COLUMNS}, text, pages, tables, sections, warnings"
SELECT_PASSAGES = (
    "SELECT p.row, p.document_id, p.start, p.stop, p.page, p.section, p.kind, p.citations, p.dois, p.text, "
    "d.title, d.kind, d.path, d.retracted FROM passages p JOIN documents d ON d.id = p.document_id"
)
INSERT_DOCUMENT = "INSERT INTO documents VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
INSERT_PASSAGE = (
    "INSERT INTO passages (document_id, start, stop, page, section, kind, citations, dois, terms, text) "
    "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
)


@dataclass(frozen=True, kw_only=True)
class DocumentEntry:
    """A document as a list shows it: everything but its text."""

    id: str
    title: str
    authors: tuple[str, ...]
    year: int | None
    doi: str
    kind: DocumentKind
    path: str
    retracted: bool | None
    passages: int


@dataclass(frozen=True, kw_only=True)
class SourceState:
    """A file as it was when it was ingested, and the documents that came of it."""

    bytes: int
    modified_ns: int
    digest: str
    document_ids: tuple[str, ...]


def entry_of(row: tuple[Any, ...]) -> DocumentEntry:
    """From `ENTRY_COLUMNS` and the number of passages."""
    return DocumentEntry(
        id=row[0],
        title=row[1],
        authors=strings_from_json(row[2]),
        year=row[3],
        doi=row[4],
        kind=row[5],
        path=row[6],
        retracted=_flag(row[7]),
        passages=row[8],
    )


def document_of(row: tuple[Any, ...]) -> SourceDocument:
    """From `DOCUMENT_COLUMNS`."""
    return SourceDocument(
        id=row[0],
        title=row[1],
        authors=strings_from_json(row[2]),
        year=row[3],
        doi=row[4],
        kind=row[5],
        path=row[6],
        retracted=_flag(row[7]),
        text=row[8],
        pages=pages_from_json(row[9]),
        tables=tables_from_json(row[10]),
        sections=sections_from_json(row[11]),
        warnings=strings_from_json(row[12]),
    )


def document_values(document: SourceDocument) -> tuple[object, ...]:
    """For `INSERT_DOCUMENT`."""
    return (
        document.id,
        document.title,
        json.dumps(document.authors, ensure_ascii=False),
        document.year,
        document.doi,
        document.kind,
        document.path,
        None if document.retracted is None else int(document.retracted),
        title_key(document.title) if document.kind != "note" else "",
        document.text,
        spans_to_json(document.pages),
        spans_to_json(document.tables),
        spans_to_json(document.sections),
        json.dumps(document.warnings, ensure_ascii=False),
        datetime.now(UTC).isoformat(timespec="seconds"),
    )


def passage_of(row: tuple[Any, ...]) -> Passage:
    """From `SELECT_PASSAGES`."""
    path = str(row[12]).replace("\\", "/").rsplit("/", 1)[-1]
    return Passage(
        document_id=row[1],
        start=row[2],
        end=row[3],
        page=row[4],
        section=row[5],
        kind=row[6],
        citations=strings_from_json(row[7]),
        dois=strings_from_json(row[8]),
        text=row[9],
        title=row[10],
        name=path.removesuffix(".md") if row[11] == "note" else path,
        retracted=bool(row[13]),
    )


def passage_values(passage: Passage) -> tuple[object, ...]:
    """For `INSERT_PASSAGE`, with the terms under which it is found."""
    return (
        passage.document_id,
        passage.start,
        passage.end,
        passage.page,
        passage.section,
        passage.kind,
        json.dumps(passage.citations, ensure_ascii=False),
        json.dumps(passage.dois, ensure_ascii=False),
        " ".join(index_terms(f"{passage.title} {passage.section} {passage.text}")),
        passage.text,
    )


def _flag(value: int | None) -> bool | None:
    return None if value is None else bool(value)
