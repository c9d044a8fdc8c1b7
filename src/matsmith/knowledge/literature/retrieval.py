"""Passages for a question: by words (BM25), by meaning (vectors), or by both, joined by reciprocal rank fusion.

Reciprocal rank fusion (Cormack, Clarke & Büttcher 2009, doi:10.1145/1571941.1572114): a passage's score is the sum over the rankings of
1 / (60 + rank), so that no score of one kind has to be compared with one of another.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Literal

from matsmith.core.errors import DataError, UsageError
from matsmith.core.settings import Settings, load_settings
from matsmith.knowledge.literature.bm25_store import Bm25Store
from matsmith.knowledge.literature.dense_store import DenseStore
from matsmith.knowledge.literature.documents import Passage
from matsmith.knowledge.literature.embedding import (
    EmbeddingModel,
    embedding_lacks,
    make_embedding_model,
    store_lacks,
)
from matsmith.knowledge.literature.library import Library
from matsmith.knowledge.literature.mapped_vectors import MappedVectors
from matsmith.knowledge.literature.stores import Told

Mode = Literal["fused", "bm25", "dense"]

# Chosen on the tuned half of benchmarks/retrieval_set.yaml: with few passages the usual 60 flattens the ranks, and meaning
# finds paraphrases that words miss.
RANK_OFFSET = 10
WEIGHT_OF_WORDS, WEIGHT_OF_MEANING = 1.0, 3.0
CANDIDATES = 50
"""How many passages of each ranking are fused."""
_EMBED_AT_ONCE = 1500
"""So few passages are embedded when they are first asked for; more are work for `matsmith ingest`."""


class Retriever:
    """The stores of one library. `dense_note` says after a search why meaning was left out, "" when it was not."""

    def __init__(
        self, library: Library, *, settings: Settings | None = None, model: EmbeddingModel | None = None
    ) -> None:
        self._library = library
        self._settings = settings or load_settings()
        self._model = model
        self._words = Bm25Store()
        self._meaning: MappedVectors | None = None
        self.dense_note = ""

    def search(
        self, question: str, *, limit: int = 8, mode: Mode = "fused", tell: Told | None = None
    ) -> list[Passage]:
        """The best passages, best first, with their scores; it may be short or empty.

        Fused falls back to BM25 when vectors cannot be had, and `dense_note` says why; dense alone then raises DataError.
        UsageError when the limit is below 1 or the mode unknown.
        """
        if limit < 1:
            raise UsageError(f"The limit is {limit}.", hint="Ask for at least one passage.")
        if mode not in ("fused", "bm25", "dense"):
            raise UsageError(f"There is no mode {mode!r}.", hint="Choose fused, bm25 or dense.")
        if not question.strip():
            return []
        depth = max(limit, CANDIDATES)
        rankings: list[list[tuple[int, float]]] = []
        if mode in ("fused", "bm25"):
            rankings.append(self._words.search(self._library, question, limit=depth))
        if mode in ("fused", "dense"):
            dense = self._dense(question, depth, tell)
            if dense is None and mode == "dense":
                raise DataError(self.dense_note)
            if dense is not None:
                rankings.append(dense)
        ranked = (
            rankings[0]
            if len(rankings) == 1
            else fuse(
                [[row for row, _ in each] for each in rankings], weights=(WEIGHT_OF_WORDS, WEIGHT_OF_MEANING)
            )
        )
        found = self._library.passages([row for row, _ in ranked])
        return [replace(found[row], score=score) for row, score in ranked if row in found][:limit]

    def dense_lacks(self) -> str:
        """Why search by meaning is not available now; "" when it is."""
        lacking = embedding_lacks(self._settings, kept=True)
        if lacking:
            return lacking
        lacking = embedding_lacks(self._settings)
        if lacking:
            return "" if self._dense_store().ready(self._library) else lacking
        missing = self._dense_store().missing(self._library)
        if missing > _EMBED_AT_ONCE:
            return f"{missing:,} passages have no vectors yet: run `matsmith ingest` to make them."
        return ""

    def dense_limit(self) -> str:
        """What search by meaning cannot do although it is available now: take in new papers without chromadb; "" when it can."""
        return "" if self.dense_lacks() else store_lacks() or ""

    def update(self, *, tell_words: Told | None = None, tell_meaning: Told | None = None) -> None:
        """Bring both stores up to the library; vectors only when they can be had."""
        self._words.update(self._library, tell=tell_words)
        lacking = embedding_lacks(self._settings) or ""
        self.dense_note = self.dense_lacks() if lacking else ""
        if not lacking:
            self._dense_store().update(self._library, tell=tell_meaning)

    def _dense(self, question: str, depth: int, tell: Told | None) -> list[tuple[int, float]] | None:
        self.dense_note = self.dense_lacks()
        if self.dense_note:
            return None
        try:
            store = self._dense_store()
            if store.missing(self._library):
                store.update(self._library, tell=tell)
            return store.search(self._library, question, limit=depth)
        except DataError as error:
            self.dense_note = str(error)
            return None

    def _dense_store(self) -> MappedVectors:
        if self._meaning is None:
            self._model = self._model or make_embedding_model(self._settings)
            self._meaning = MappedVectors(DenseStore(self._dense_folder(), self._model))
        return self._meaning

    def _dense_folder(self) -> Path:
        if self._library.folder is not None:
            return self._library.folder / "vectors"
        return self._settings.cache_dir / "literature" / f"vectors-{self._library.identity[:12]}"


def fuse(rankings: Sequence[Sequence[int]], *, weights: Sequence[float]) -> list[tuple[int, float]]:
    """Join rankings by weighted reciprocal rank fusion; equal scores go by the better rank, then by row.

    Cormack, Clarke & Büttcher 2009, doi:10.1145/1571941.1572114.

    >>> [row for row, _ in fuse([[1, 2, 3], [3, 1, 4]], weights=(1.0, 1.0))]
    [1, 3, 2, 4]
    >>> [row for row, _ in fuse([[1, 2, 3], [3, 1, 4]], weights=(1.0, 3.0))]
    [3, 1, 4, 2]
    """
    scores: dict[int, float] = {}
    best: dict[int, int] = {}
    for ranking, weight in zip(rankings, weights, strict=True):
        for rank, row in enumerate(ranking, start=1):
            scores[row] = scores.get(row, 0.0) + weight / (RANK_OFFSET + rank)
            best[row] = min(rank, best.get(row, rank))
    return sorted(scores.items(), key=lambda item: (-item[1], best[item[0]], item[0]))


def retrieve(library: Library, question: str, *, limit: int = 8, mode: Mode = "fused") -> list[Passage]:
    """The best passages of a library for a question, best first, each with its score; see `Retriever.search`."""
    return retriever_of(library).search(question, limit=limit, mode=mode)


def dense_available(library: Library) -> str | None:
    """None when search by meaning works, else the sentence that says why not and what to do."""
    return retriever_of(library).dense_lacks() or None


def retriever_of(library: Library) -> Retriever:
    """The one retriever of an open library, so that its stores are opened once; it goes when the library goes."""
    found = library.companion
    if not isinstance(found, Retriever):
        found = library.companion = Retriever(library)
    return found
