"""Whether two documents are one paper, and what to keep when they are."""

from __future__ import annotations

import re
from dataclasses import replace

from matsmith.knowledge.literature.documents import SourceDocument

_SHORTEST_TITLE = 25
_FEWEST_WORDS = 4
# Titles that many papers share.
_SHARED = re.compile(
    r"(?:supporting information|supplementary|supplemental|electronic supplementary|erratum|correction|corrigendum|"
    r"editorial|preface|table of contents|abstracts? of)",
    re.IGNORECASE,
)


def title_key(title: str) -> str:
    """The letters and digits of a title, by which copies of one paper are found; "" for titles that tell too little.

    >>> title_key("Fast Lithium Ion Conduction in Garnet-Type Li7La3Zr2O12")
    'fastlithiumionconductioningarnettypeli7la3zr2o12'
    >>> title_key("Supporting Information for a rather long title")
    ''
    """
    if _SHARED.search(title) or len(title.split()) < _FEWEST_WORDS or len(title) < _SHORTEST_TITLE:
        return ""
    return re.sub(r"[\W_]+", "", title.casefold())


def is_same_paper(one: SourceDocument, other: SourceDocument) -> bool:
    """Whether two documents are one paper: the same text or DOI, or the same long title and nothing that speaks against it."""
    if one.id == other.id:
        return True
    if "note" in (one.kind, other.kind):
        return False
    if one.doi and other.doi:
        return one.doi == other.doi
    key = title_key(one.title)
    if not key or key != title_key(other.title):
        return False
    if one.year and other.year and abs(one.year - other.year) > 1:
        return False
    return not one.authors or not other.authors or _names(one) & _names(other) != set()


def merge(kept: SourceDocument, other: SourceDocument) -> SourceDocument:
    """The document that is kept, with what only the other copy knows about it."""
    return replace(
        kept,
        title=kept.title or other.title,
        authors=kept.authors or other.authors,
        year=kept.year or other.year,
        doi=kept.doi or other.doi,
        retracted=kept.retracted if kept.retracted is not None else other.retracted,
    )


def _names(document: SourceDocument) -> set[str]:
    """Words of the authors' names, initials aside."""
    return {word for author in document.authors for word in re.findall(r"[^\W\d_]{3,}", author.casefold())}
