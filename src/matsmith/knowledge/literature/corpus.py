"""What is searched for an answer: a library on disk with the notes in it, or the notes alone."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from matsmith.core.errors import UsageError
from matsmith.knowledge.literature.documents import Passage, SourceDocument
from matsmith.knowledge.literature.library import Library
from matsmith.knowledge.literature.library_file import FILE_NAME

NOTES = "the built-in notes"


class LibraryCorpus:
    """A library as the answering code sees it."""

    def __init__(self, library: Library, *, name: str = NOTES) -> None:
        self._library = library
        self._name = name
        self._documents: dict[str, SourceDocument | None] = {}

    @property
    def name(self) -> str:
        """What it is called in an answer."""
        return self._name

    @property
    def mode(self) -> str:
        """`fused` when meaning can be compared, else `bm25`."""
        return "bm25" if self.lacking else "fused"

    @property
    def lacking(self) -> str:
        """Why only words are compared, as a sentence; "" when meaning is too."""
        from matsmith.knowledge.literature.retrieval import dense_available

        return dense_available(self._library) or ""

    @property
    def limit_of_meaning(self) -> str:
        """What search by meaning cannot do although meaning is compared, as a sentence; "" when there is nothing to say."""
        from matsmith.knowledge.literature.retrieval import retriever_of

        return retriever_of(self._library).dense_limit()

    @property
    def document_count(self) -> int:
        """Documents in it."""
        return self._library.document_count

    @property
    def passage_count(self) -> int:
        """Passages in it."""
        return self._library.passage_count

    def search(self, query: str, *, limit: int) -> list[Passage]:
        """The best passages for a query, best first."""
        from matsmith.knowledge.literature.retrieval import retrieve

        return retrieve(self._library, query, limit=limit)

    def document(self, document_id: str) -> SourceDocument | None:
        """The document with this id; each is read from disk once."""
        if document_id not in self._documents:
            self._documents[document_id] = self._library.document(document_id)
        return self._documents[document_id]

    def similarity(self, query: str) -> float | None:
        """Cosine of the query and the passage nearest to it in meaning; None where meaning cannot be compared."""
        from matsmith.knowledge.literature.retrieval import retrieve

        if self.lacking:
            return None
        nearest = retrieve(self._library, query, limit=1, mode="dense")
        return nearest[0].score if nearest else 0.0


@contextmanager
def open_corpus(folder: Path | None, *, required: bool = False) -> Generator[LibraryCorpus]:
    """Open the library in a folder, or the notes alone when there is none. UsageError when it is `required` and not there."""
    if folder is not None and (folder / FILE_NAME).is_file():
        with Library.open(folder) as library:
            yield LibraryCorpus(library, name=f"the library {folder}")
        return
    if required:
        raise UsageError(
            f"There is no library in {folder}.", hint="Make one with: matsmith ingest PATH... --library DIR"
        )
    yield LibraryCorpus(Library.built_in())
