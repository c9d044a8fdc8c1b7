"""An exact copy of the vectors as one file, mapped into memory: a question is answered from it in milliseconds, without opening chromadb.

chromadb keeps the vectors (`DenseStore`); opening it takes longer than the rest of an answer. The copy is made again whenever its stamp is
not the library's, and it compares every vector, so that nothing is missed by an approximate search.
"""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import numpy.typing as npt

from matsmith.core.errors import DataError
from matsmith.knowledge.literature.dense_store import DenseStore
from matsmith.knowledge.literature.library import Library
from matsmith.knowledge.literature.library_file import writer_lock
from matsmith.knowledge.literature.stamped_folder import find_stamped, write_stamped
from matsmith.knowledge.literature.stores import Told

_ROWS, _VECTORS = "rows.npy", "vectors.f32"
_BATCH = 2000
# Little-endian everywhere, so that a library can move to another machine.
_FLOAT = np.dtype("<f4")


class MappedVectors:
    """The passages nearest in meaning, from the copy of a `DenseStore`."""

    def __init__(self, record: DenseStore) -> None:
        self._record = record
        self._folder = record.folder / f"copy-{record.slug}"
        self._stamp = ""
        self._rows: npt.NDArray[np.int64] = np.zeros(0, dtype=np.int64)
        self._vectors: npt.NDArray[np.float32] = np.zeros((0, 0), dtype=np.float32)

    def missing(self, library: Library) -> int:
        """How many passages have no vector yet."""
        return self._record.missing(library)

    def ready(self, library: Library) -> bool:
        """Whether a question can be answered from the copy as it is, without chromadb."""
        return self._load(self._stamp_of(library)) and not self.missing(library)

    def update(self, library: Library, *, tell: Told | None = None) -> None:
        """Embed the passages that are new, then bring the copy up to them. DataError when either cannot be written."""
        self._record.update(library, tell=tell)
        self._follow(library)

    def search(self, library: Library, question: str, *, limit: int) -> list[tuple[int, float]]:
        """Row numbers with their cosine likeness to the question, best first, ties by row; a stale copy is made again first.

        DataError when the vectors are of another length than the model's.
        """
        if not self._load(self._stamp_of(library)):
            if not os.access(self._record.folder, os.W_OK):
                return self._record.search(library, question, limit=limit)
            self._follow(library)
        if not len(self._rows):
            return []
        vector = self._record.question_vector(question)
        if vector.shape != self._vectors.shape[1:]:
            raise DataError(
                f"The model gives {len(vector)} numbers a text, and the vectors in {self._folder} have {self._vectors.shape[1]}.",
                hint=f"If the model changed under its name, remove {self._record.folder} and run `matsmith ingest` again.",
            )
        scores = self._vectors @ vector
        count = min(limit, len(scores))
        least = np.partition(scores, len(scores) - count)[len(scores) - count]
        best = np.flatnonzero(scores >= least)
        order = best[np.lexsort((self._rows[best], -scores[best]))][:count]
        return [(int(self._rows[place]), float(scores[place])) for place in order]

    def _stamp_of(self, library: Library) -> str:
        """The library's state and how far its passages are embedded."""
        return f"{library.stamp}-{self._record.done(library)}"

    def _follow(self, library: Library) -> None:
        """Make the copy new when it is not the one for the present state; two processes do not do it at once."""
        if self._load(self._stamp_of(library)):
            return
        with writer_lock(self._record.folder):
            stamp = self._stamp_of(library)
            if not self._load(stamp):
                with self._record.translated():
                    write_stamped(self._folder, stamp, lambda folder: self._write(library, folder))
                if not self._load(stamp):
                    raise DataError(
                        f"The copy of the vectors in {self._folder} cannot be read back.",
                        hint=f"Remove {self._folder} and run the same command again.",
                    )

    def _write(self, library: Library, folder: Path) -> None:
        """Copy the vectors of the library's passages in the order of their rows. Written, not mapped: a full disk is then an error."""
        kept: list[int] = []
        after = 0
        with (folder / _VECTORS).open("wb") as file:
            while rows := library.rows_after(after, most=_BATCH):
                after = rows[-1]
                vectors = self._record.vectors(rows)
                for row in rows:
                    vector = vectors.get(row)
                    if vector is not None:
                        kept.append(row)
                        file.write(vector.astype(_FLOAT).tobytes())
        np.save(folder / _ROWS, np.array(kept, dtype="<i8"))

    def _load(self, stamp: str) -> bool:
        """Map the copy when it is the one for this stamp and whole."""
        if stamp == self._stamp:
            return True
        made = find_stamped(self._folder, stamp)
        if made is None:
            return False
        try:
            rows = np.load(made / _ROWS, allow_pickle=False)
            size = (made / _VECTORS).stat().st_size
            dimensions, rest = divmod(size, _FLOAT.itemsize * len(rows)) if len(rows) else (0, size)
            if rows.ndim != 1 or rest or (len(rows) and not dimensions):
                return False
            vectors = np.zeros((0, 0), dtype=np.float32)
            if len(rows):
                vectors = np.memmap(
                    made / _VECTORS, dtype=_FLOAT, mode="r", shape=(len(rows), int(dimensions))
                )
        except (OSError, ValueError, EOFError):
            # Taken away by a newer one, or damaged: it is made again from chromadb.
            return False
        self._rows, self._vectors, self._stamp = rows, vectors, stamp
        return True
