"""Documents and what they consist of as plain data, for the library's file and between processes."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from pydantic import TypeAdapter, ValidationError

from matsmith.core.errors import DataError
from matsmith.knowledge.literature.documents import PageSpan, SectionSpan, SourceDocument, Table

_DOCUMENT = TypeAdapter(SourceDocument)
_PAGES = TypeAdapter(tuple[PageSpan, ...])
_TABLES = TypeAdapter(tuple[Table, ...])
_SECTIONS = TypeAdapter(tuple[SectionSpan, ...])
_STRINGS = TypeAdapter(tuple[str, ...])


def to_plain(document: SourceDocument) -> dict[str, Any]:
    """A document as dictionaries, lists, numbers and strings."""
    return asdict(document)


def from_plain(plain: object) -> SourceDocument:
    """The document that `to_plain` wrote; DataError when it is none."""
    try:
        return _DOCUMENT.validate_python(plain)
    except ValidationError as error:
        raise DataError(f"This is no document: {error.errors()[0]['msg']}.") from error


def spans_to_json(items: Sequence[PageSpan | Table | SectionSpan]) -> str:
    """Pages, tables or sections as JSON."""
    return json.dumps([asdict(item) for item in items], ensure_ascii=False)


def pages_from_json(text: str) -> tuple[PageSpan, ...]:
    """The pages that `spans_to_json` wrote."""
    return _PAGES.validate_json(text)


def tables_from_json(text: str) -> tuple[Table, ...]:
    """The tables that `spans_to_json` wrote."""
    return _TABLES.validate_json(text)


def sections_from_json(text: str) -> tuple[SectionSpan, ...]:
    """The sections that `spans_to_json` wrote."""
    return _SECTIONS.validate_json(text)


def strings_from_json(text: str) -> tuple[str, ...]:
    """A list of strings."""
    return _STRINGS.validate_json(text)
