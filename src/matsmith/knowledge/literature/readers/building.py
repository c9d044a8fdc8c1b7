"""Puts a document together piece by piece, so that every page, section and table knows its place in the text."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from matsmith.core.errors import DataError
from matsmith.knowledge.literature.documents import (
    DocumentKind,
    PageSpan,
    SectionSpan,
    SourceDocument,
    Table,
    document_id,
    normalise_text,
)

MOST_CHARACTERS = 20_000_000
"""More text than this (some 7,000 pages) in one file is no paper, and is refused rather than read for an hour."""

_SPACES = re.compile(r"[ \t]+")


class DocumentBuilder:
    """Collects text in order; `build` returns the document. Pieces are normalised as they come."""

    def __init__(self) -> None:
        self._parts: list[str] = []
        self._length = 0
        self._pages: list[PageSpan] = []
        self._tables: list[Table] = []
        self._headings: list[tuple[str, int]] = []
        self.warnings: list[str] = []

    def paragraph(self, text: str, *, separator: str = "\n\n") -> None:
        """Add a paragraph, if there is anything in it. DataError when the file holds more text than any paper."""
        clean = normalise_text(text).strip("\n ")
        if clean:
            self._add(clean + separator)

    def heading(self, title: str) -> None:
        """Begin a section."""
        clean = _SPACES.sub(" ", normalise_text(title).replace("\n", " ")).strip()
        if clean:
            self._headings.append((clean, self._length))
            self._add(clean + "\n\n")

    def begin_page(self, number: int) -> None:
        """Begin a page, which ends where the next one begins."""
        if self._pages:
            self._pages[-1] = replace(self._pages[-1], end=self._length)
        self._pages.append(PageSpan(number=number, start=self._length, end=self._length))

    def table(self, caption: str, rows: Sequence[Sequence[str]]) -> None:
        """Add a table: its caption on a line, then one line a row; rows are filled up to one width."""
        cells = [tuple(_cell(cell) for cell in row) for row in rows]
        cells = [row for row in cells if any(row)]
        if not cells:
            return self.paragraph(caption)
        width = max(len(row) for row in cells)
        full = tuple(row + ("",) * (width - len(row)) for row in cells)
        title = _cell(caption)
        start = self._length
        lines = ([title] if title else []) + [" | ".join(row) for row in full]
        self._add("\n".join(lines))
        page = self._pages[-1].number if self._pages else None
        self._tables.append(Table(caption=title, rows=full, start=start, end=self._length, page=page))
        return self._add("\n\n")

    @property
    def length(self) -> int:
        """How many characters there are so far."""
        return self._length

    def build(
        self,
        *,
        kind: DocumentKind,
        path: str,
        title: str,
        authors: Sequence[str] = (),
        year: int | None = None,
        doi: str = "",
    ) -> SourceDocument:
        """The document; DataError when there is no text in it."""
        text = "".join(self._parts)
        if not text.strip():
            raise DataError(f"There is no text in {path}.", hint="Give a file with text in it.")
        if self._pages:
            self._pages[-1] = replace(self._pages[-1], end=len(text))
        ends = [start for _, start in self._headings[1:]] + [len(text)]
        return SourceDocument(
            id=document_id(text),
            title=_SPACES.sub(" ", normalise_text(title).replace("\n", " ")).strip() or _fallback_title(path),
            authors=tuple(clean for author in authors if (clean := " ".join(normalise_text(author).split()))),
            year=year,
            doi=doi,
            kind=kind,
            path=path,
            retracted=None,
            text=text,
            pages=tuple(self._pages),
            tables=tuple(self._tables),
            sections=tuple(
                SectionSpan(title=title, start=start, end=end)
                for (title, start), end in zip(self._headings, ends, strict=False)
            ),
            warnings=tuple(self.warnings),
        )

    def _add(self, text: str) -> None:
        self._parts.append(text)
        self._length += len(text)
        if self._length > MOST_CHARACTERS:
            raise DataError(
                f"There is more text than {MOST_CHARACTERS:,} characters.",
                hint="Split the file into papers or chapters.",
            )


def _cell(text: str) -> str:
    return " ".join(normalise_text(text).replace("|", "/").split())


def _fallback_title(path: str) -> str:
    """A title from the file's name, when the file itself tells none."""
    stem = path.replace("\\", "/").rsplit("/", 1)[-1].rsplit(".", 1)[0]
    return re.sub(r"[_\s]+", " ", stem).strip() or path
