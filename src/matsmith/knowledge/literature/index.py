"""An index in memory of the built-in notes: paragraphs found by BM25, returned word for word with their place.

Text is data here: nothing in a note is followed, fetched or executed. A passage can always be checked against its source,
because it carries its character offsets. Ranking is Okapi BM25 (Robertson & Zaragoza 2009, doi:10.1561/1500000019)
through bm25s.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import lru_cache
from typing import Any

from matsmith.core.errors import DataError, UsageError
from matsmith.knowledge.literature.documents import Passage, SourceDocument
from matsmith.knowledge.literature.notes import built_in_documents, note_document, note_passages, note_texts
from matsmith.knowledge.literature.tokenizer import tokenize


class LiteratureIndex:
    """Notes, cut into paragraphs and indexed in memory."""

    def __init__(self, notes: Mapping[str, str]) -> None:
        """Index notes given as id -> Markdown text with front matter; DataError when one has no title or no paragraph."""
        documents = [note_document(note_id, text) for note_id, text in sorted(notes.items())]
        self._documents = {document.id: document for document in documents}
        self._passages = tuple(p for document in documents for p in note_passages(document))
        if not self._passages:
            raise DataError("There are no notes to index.", hint="Give at least one note.")
        import bm25s

        library: Any = bm25s
        self._tokens = [tokenize(f"{p.title} {p.text}") for p in self._passages]
        self._ranker: Any = library.BM25(method="lucene")
        self._ranker.index(self._tokens, show_progress=False)

    @classmethod
    def built_in(cls) -> LiteratureIndex:
        """The index of the notes that ship with matsmith; built once per process."""
        return _built_in()

    @property
    def passages(self) -> tuple[Passage, ...]:
        """Every passage, by note id and place."""
        return self._passages

    def document(self, document_id: str) -> SourceDocument | None:
        """The document with an id; None when it is not here."""
        return self._documents.get(document_id)

    def search(self, query: str, *, limit: int = 5) -> list[Passage]:
        """The best passages for a query, best first, each with its score.

        A passage that shares no term with the query is not returned, so the list may be short or empty. UsageError when
        `limit` is below 1.
        """
        if limit < 1:
            raise UsageError(f"The limit is {limit}.", hint="Ask for at least one passage.")
        wanted = sorted(set(tokenize(query)))
        if not wanted:
            return []
        scores = [float(score) for score in self._ranker.get_scores(wanted)]
        terms = set(wanted)
        hits = [index for index, tokens in enumerate(self._tokens) if not terms.isdisjoint(tokens)]
        hits.sort(key=lambda index: (-scores[index], index))
        return [replace(self._passages[index], score=scores[index]) for index in hits[:limit]]

    def verify_quote(self, passage: Passage) -> bool:
        """Whether the passage's text stands at its offsets in this index's source, character for character."""
        source = self._documents.get(passage.document_id)
        return source is not None and source.holds(passage)


def verify_quote(passage: Passage) -> bool:
    """Whether a passage stands at its offsets in a built-in note."""
    return any(document.holds(passage) for document in built_in_documents())


@lru_cache(maxsize=1)
def _built_in() -> LiteratureIndex:
    return LiteratureIndex(note_texts())
