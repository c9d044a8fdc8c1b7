"""Cuts a document into passages: whole sentences of one section, tables apart, every passage exact at its offsets."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

from matsmith.core.errors import DataError
from matsmith.knowledge.literature.citations import find_citations, find_dois
from matsmith.knowledge.literature.documents import Passage, PassageKind, SourceDocument
from matsmith.knowledge.literature.notes import note_passages
from matsmith.knowledge.literature.sentences import sentence_spans

PASSAGE_CHARACTERS = 1000
"""About 200 word pieces, what the default embedding model reads at once with some room for titles and formulas."""
_SHORTEST = 25
# Lists of other papers' titles match every question and answer none.
_REFERENCES = re.compile(
    r"[\dIVX.\s]*(?:references(?: and notes)?|bibliography|literature cited|works cited)\W*", re.IGNORECASE
)

Span = tuple[int, int]


def cut(document: SourceDocument) -> list[Passage]:
    """The passages of a document in order. Notes are cut by paragraph, all else by sentences and sections.

    They never overlap; what lies between two is space, scraps without a word, and lists of references. DataError when a stretch
    without any sentence end has to be cut and semchunk is not installed.
    """
    if document.kind == "note":
        return note_passages(document)
    passages: list[Passage] = []
    for start, end, kind in _stretches(document):
        spans = _table_spans(document, start, end) if kind == "table" else _text_spans(document, start, end)
        passages.extend(_passage(document, span, kind) for span in spans)
    return passages


def _stretches(document: SourceDocument) -> Iterator[tuple[int, int, PassageKind]]:
    """The document from beginning to end: stretches of one section's text, and tables, in order."""
    borders = sorted({0, len(document.text), *(section.start for section in document.sections)})
    tables = sorted((table.start, table.end) for table in document.tables)
    for begin, end in pairwise(borders):
        position = begin
        for table_start, table_end in tables:
            if begin <= table_start < end and table_start >= position:
                if not _REFERENCES.fullmatch(document.section_at(begin)):
                    yield position, table_start, "text"
                yield table_start, min(table_end, len(document.text)), "table"
                position = table_end
        if position < end and not _REFERENCES.fullmatch(document.section_at(begin)):
            yield position, end, "text"


def _text_spans(document: SourceDocument, start: int, end: int) -> Iterator[Span]:
    """Sentences packed into spans of at most PASSAGE_CHARACTERS."""
    text = document.text
    begin = stop = -1
    for first, last in _pieces(text, start, end):
        if begin >= 0 and last - begin > PASSAGE_CHARACTERS:
            yield from _worth_keeping(text, begin, stop)
            begin = -1
        if begin < 0:
            begin = first
        stop = last
    if begin >= 0:
        yield from _worth_keeping(text, begin, stop)


def _worth_keeping(text: str, begin: int, stop: int) -> Iterator[Span]:
    """The span, unless it is a page number or another scrap."""
    piece = text[begin:stop]
    if len(piece) >= _SHORTEST and sum(letter.isalpha() for letter in piece) * 3 >= len(piece):
        yield begin, stop


def _pieces(text: str, start: int, end: int) -> Iterator[Span]:
    for first, last in sentence_spans(text, start, end):
        if last - first <= PASSAGE_CHARACTERS:
            yield first, last
        else:
            yield from _divided(text, first, last)


def _divided(text: str, first: int, last: int) -> Iterator[Span]:
    """A stretch that is too long for one passage, cut by semchunk at the best places inside."""
    try:
        import semchunk
    except ImportError as error:
        raise DataError(
            "Long unbroken text has to be cut, for which the package semchunk is missing.",
            hint='pip install "matsmith[literature]"',
        ) from error
    library: Any = semchunk
    _, offsets = library.chunk(text[first:last], PASSAGE_CHARACTERS, len, offsets=True, memoize=False)
    for begin, stop in offsets:
        if text[first + begin : first + stop].strip():
            yield first + begin, first + stop


def _table_spans(document: SourceDocument, start: int, end: int) -> Iterator[Span]:
    """A table whole, or in groups of rows when it is long."""
    begin = position = start
    for line in document.text[start:end].splitlines(keepends=True):
        if position > begin and position + len(line) - begin > PASSAGE_CHARACTERS:
            yield from _stripped(document.text, begin, position)
            begin = position
        position += len(line)
    yield from _stripped(document.text, begin, end)


def _stripped(text: str, begin: int, end: int) -> Iterator[Span]:
    piece = text[begin:end]
    if piece.strip():
        yield begin + len(piece) - len(piece.lstrip()), begin + len(piece.rstrip())


def _passage(document: SourceDocument, span: Span, kind: PassageKind) -> Passage:
    start, end = span
    text = document.text[start:end]
    return Passage(
        document_id=document.id,
        name=document.name,
        title=document.title,
        text=text,
        start=start,
        end=end,
        page=document.page_at(start),
        section=document.section_at(start),
        kind=kind,
        citations=tuple(find_citations(text)),
        dois=tuple(find_dois(text)),
        retracted=bool(document.retracted),
    )
