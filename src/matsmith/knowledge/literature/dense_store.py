"""Vectors of the passages in chromadb, beside the library: search by meaning.

Only the embedded client is used, without telemetry and without chromadb's own embedding function, which would download a model. Vectors of
one embedding model never meet those of another: each model has its own collection.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
from collections.abc import Generator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from matsmith.core.errors import DataError
from matsmith.knowledge.literature.embedding import EmbeddingModel, Vectors
from matsmith.knowledge.literature.library import Library
from matsmith.knowledge.literature.library_file import writer_lock
from matsmith.knowledge.literature.spellings import materials_in
from matsmith.knowledge.literature.stores import Told

_BATCH = 512
_NEIGHBOURS = {"hnsw": {"space": "cosine", "ef_construction": 100, "max_neighbors": 16, "ef_search": 100}}


class DenseStore:
    """The vectors of one library under one embedding model, in `folder`."""

    def __init__(self, folder: Path, model: EmbeddingModel) -> None:
        self.folder = folder
        """Where everything of this store lies."""
        self._model = model
        self.slug = re.sub(r"[^a-z0-9]+", "-", model.name.lower()).strip("-")[:80] or "model"
        """The model's name as a part of file names."""
        self._collection_name = f"passages-{self.slug}"
        self._progress_file = folder / f"{self.slug}.json"
        self._collection: Any = None

    def missing(self, library: Library) -> int:
        """How many passages have no vector yet."""
        return library.count_after(self.done(library))

    def update(self, library: Library, *, tell: Told | None = None) -> None:
        """Embed the passages that are new, batch by batch; after an interruption it goes on where it stopped."""
        self.folder.mkdir(parents=True, exist_ok=True)
        with writer_lock(self.folder):
            done = self.done(library)
            left = library.count_after(done)
            total = library.passage_count
            if not done:
                self._empty()
            if left:
                # A store that has not been written yet must not fail for a missing model.
                collection = self._open()
                while batch := library.rows_and_texts(after=done, most=_BATCH):
                    vectors = self._model.embed([text for _, text in batch])
                    with self.translated():
                        collection.upsert(ids=[str(row) for row, _ in batch], embeddings=vectors)
                    done = batch[-1][0]
                    self._remember(library, done)
                    left -= len(batch)
                    if tell is not None:
                        tell(total - left, total)
            self._forget_removed(library)

    def search(self, library: Library, question: str, *, limit: int) -> list[tuple[int, float]]:
        """The nearest passages with their cosine likeness to the question and the other names of its materials."""
        del library
        collection = self._open()
        vector = self.question_vector(question)
        with self.translated():
            found = collection.query(query_embeddings=[vector], n_results=limit, include=["distances"])
        pairs = zip(found["ids"][0], found["distances"][0], strict=True)
        return [(int(row), 1.0 - float(distance)) for row, distance in pairs]

    def question_vector(self, question: str) -> Vectors:
        """The unit vector of a question and the other names of its materials, shape (dimensions,)."""
        return self._model.embed_question(_with_names(question))

    def vectors(self, rows: Sequence[int]) -> dict[int, Vectors]:
        """The vectors of rows as they are kept; rows without one are left out."""
        collection = self._open()
        with self.translated():
            found = collection.get(ids=[str(row) for row in rows], include=["embeddings"])
        return {
            int(row): np.asarray(vector, dtype=np.float32)
            for row, vector in zip(found["ids"], found["embeddings"], strict=True)
        }

    def _open(self) -> Any:
        if self._collection is None:
            # Read when chromadb is imported; it has another telemetry besides its own setting.
            os.environ.setdefault("ANONYMIZED_TELEMETRY", "False")
            os.environ.setdefault("HF_HUB_OFFLINE", "1")
            try:
                import chromadb
                from chromadb.config import Settings
            except ImportError as error:
                raise DataError(
                    "Search by meaning needs the package chromadb.", hint='pip install "matsmith[literature]"'
                ) from error
            library: Any = chromadb
            with self.translated():
                client: Any = library.PersistentClient(
                    path=str(self.folder / "chroma"), settings=Settings(anonymized_telemetry=False)
                )
                self._collection = client.get_or_create_collection(
                    self._collection_name, embedding_function=None, configuration=_NEIGHBOURS
                )
        return self._collection

    def _empty(self) -> None:
        """Throw away vectors of which nobody knows to which passages they belong."""
        if self._collection is None and not (self.folder / "chroma").exists():
            return
        collection = self._open()
        with self.translated():
            while ids := collection.get(limit=5000, include=[])["ids"]:
                collection.delete(ids=ids)

    def _forget_removed(self, library: Library) -> None:
        """Delete the vectors of passages that are no longer in the library."""
        if not (self.folder / "chroma").exists():
            return
        collection = self._open()
        with self.translated():
            if collection.count() <= library.passage_count:
                return
            rows = [int(row) for row in collection.get(include=[])["ids"]]
        for begin in range(0, len(rows), 5000):
            part = rows[begin : begin + 5000]
            gone = set(part) - library.rows_present(part)
            if gone:
                with self.translated():
                    collection.delete(ids=[str(row) for row in sorted(gone)])

    def done(self, library: Library) -> int:
        """The last row that is embedded; 0 when nothing is, or what is there belongs to another library."""
        try:
            state = json.loads(self._progress_file.read_text(encoding="utf-8"))
            if state["library"] == library.identity and (self.folder / "chroma").is_dir():
                return int(state["row"])
        except (OSError, ValueError, KeyError, TypeError):
            return 0
        return 0

    def _remember(self, library: Library, row: int) -> None:
        made = self._progress_file.with_suffix(f".{os.getpid()}.tmp")
        with self.translated():
            made.write_text(json.dumps({"library": library.identity, "row": row}), encoding="utf-8")
            made.replace(self._progress_file)

    @contextlib.contextmanager
    def translated(self) -> Generator[None]:
        """Turn the failures of chromadb and of the disk inside into DataError."""
        from chromadb.errors import ChromaError

        try:
            yield
        except (ChromaError, ValueError, RuntimeError, OSError) as error:
            self._collection = None
            free = shutil.disk_usage(self.folder).free if self.folder.exists() else 0
            hint = (
                "The disk is nearly full: free some space and run the same command again."
                if free < 50_000_000
                else f"If it stays so, remove {self.folder}; `matsmith ingest` makes it again from the library."
            )
            raise DataError(
                f"The vectors in {self.folder} cannot be used: {error}.", hint=hint, retryable=True
            ) from error


def _with_names(question: str) -> str:
    """The question with a second spelling behind each material, which helps a model that has not learnt formulas.

    >>> _with_names("Is BaTiO3 ferroelectric?")
    'Is BaTiO3 (barium titanate) ferroelectric?'
    """
    for mention in reversed(materials_in(question)):
        if len(mention.spellings) > 1:
            question = f"{question[: mention.end]} ({mention.spellings[1]}){question[mention.end :]}"
    return question
