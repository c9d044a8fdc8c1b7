"""BM25 over the terms of the passages, kept beside the library and mapped into memory, never read whole.

Okapi BM25 (Robertson & Zaragoza 2009, doi:10.1561/1500000019) through bm25s. A material in the question counts once: by whichever of its
spellings a passage matches best.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from matsmith.core.errors import DataError
from matsmith.knowledge.literature.library import Library
from matsmith.knowledge.literature.library_file import translated, writer_lock
from matsmith.knowledge.literature.spellings import materials_in
from matsmith.knowledge.literature.stamped_folder import find_stamped, write_stamped
from matsmith.knowledge.literature.stores import Told
from matsmith.knowledge.literature.terms import index_terms

Floats = npt.NDArray[np.float32]


class Bm25Store:
    """The index of one library: in its folder when it has one, else in memory."""

    def __init__(self) -> None:
        self._stamp = ""
        self._index: Any = None
        self._rows: npt.NDArray[np.int64] = np.zeros(0, dtype=np.int64)

    def update(self, library: Library, *, tell: Told | None = None) -> None:
        """Make the index new when the library changed since; two processes do not do it at once."""
        stamp = library.stamp
        if stamp == self._stamp or self._load(library, stamp):
            return
        if library.folder is None or not os.access(library.folder, os.W_OK):
            self._build(library, stamp)
            return
        with writer_lock(library.folder):
            stamp = library.stamp
            if not self._load(library, stamp):
                self._build(library, stamp)
                self._save(library.folder / "bm25", library.folder / "library.sqlite")
        if tell is not None:
            tell(len(self._rows), len(self._rows))

    def search(self, library: Library, question: str, *, limit: int) -> list[tuple[int, float]]:
        """The passages that share a term with the question or with another spelling of its materials.

        Where the index cannot be kept, on a full disk say, the question is answered from one in memory, with the same result.
        """
        try:
            self.update(library)
        except DataError:
            if self._stamp != library.stamp:
                self._build(library, library.stamp)
        scores = self._scores(question)
        count = min(limit, int(np.count_nonzero(scores)))
        if count == 0:
            return []
        # Ties go by row, so that the same question always gives the same order.
        best = np.argpartition(-scores, count - 1)[:count]
        least = scores[best].min()
        best = np.flatnonzero(scores >= least) if least > 0 else best
        order = best[np.lexsort((self._rows[best], -scores[best]))][:count]
        return [(int(self._rows[place]), float(scores[place])) for place in order]

    def _scores(self, question: str) -> Floats:
        total = np.zeros(len(self._rows), dtype=np.float32)
        rest = list(question)
        groups: list[list[list[str]]] = []
        for mention in materials_in(question):
            rest[mention.start : mention.end] = " " * (mention.end - mention.start)
            ways = [index_terms(way) for way in mention.spellings]
            ways.append([f"={mention.key}"])
            groups.append(ways)
        terms = set(index_terms("".join(rest)))
        total += self._term_scores(terms)
        for ways in groups:
            best = np.zeros(len(self._rows), dtype=np.float32)
            for number, way in enumerate(ways):
                # Of another name every word must be there: barium titanate is no match for strontium titanate.
                np.maximum(best, self._term_scores(set(way) - terms, all_of_them=number > 0), out=best)
            total += best
        return total

    def _term_scores(self, terms: set[str], *, all_of_them: bool = False) -> Floats:
        """The sum over the terms, shape (passages,); with `all_of_them` zero where one is missing."""
        index = self._index
        known = [] if index is None else sorted(term for term in terms if term in index.vocab_dict)
        if index is None or not known or (all_of_them and len(known) < len(terms)):
            return np.zeros(len(self._rows), dtype=np.float32)
        if not all_of_them:
            return np.asarray(index.get_scores(known), dtype=np.float32)
        each = np.stack([np.asarray(index.get_scores([term]), dtype=np.float32) for term in known])
        return np.where((each > 0).all(axis=0), each.sum(axis=0), np.float32(0.0))

    def _build(self, library: Library, stamp: str) -> None:
        import bm25s

        module: Any = bm25s
        vocabulary: dict[str, int] = {}
        rows: list[int] = []
        ids: list[list[int]] = []
        for row, terms in library.rows_and_terms():
            rows.append(row)
            ids.append([vocabulary.setdefault(term, len(vocabulary)) for term in terms])
        self._rows = np.array(rows, dtype=np.int64)
        self._stamp = stamp
        self._index = None
        if vocabulary:
            index: Any = module.BM25(method="lucene")
            index.index((ids, vocabulary), show_progress=False, create_empty_token=False)
            self._index = index

    def _save(self, folder: Path, library_path: Path) -> None:
        def fill(made: Path) -> None:
            np.save(made / "rows.npy", self._rows)
            if self._index is not None:
                self._index.save(made, show_progress=False)

        with translated(library_path):
            write_stamped(folder, self._stamp, fill)

    def _load(self, library: Library, stamp: str) -> bool:
        """Map the index on disk when it is the one for this stamp."""
        if library.folder is None:
            return False
        made = find_stamped(library.folder / "bm25", stamp)
        if made is None:
            return False
        try:
            rows = np.load(made / "rows.npy", allow_pickle=False)
            index: Any = None
            if (made / "vocab.index.json").exists():
                import bm25s

                module: Any = bm25s
                index = module.BM25.load(made, mmap=True, show_progress=False)
        except (OSError, ValueError, KeyError, TypeError):
            # Missing, half written by a dying machine, or of another bm25s: it is made again from the library.
            return False
        self._rows, self._index, self._stamp = rows, index, stamp
        return True
