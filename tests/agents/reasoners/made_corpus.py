"""Small corpora for tests: honest documents, what stands beside them, and a search by words alone."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from matsmith.knowledge.literature.corpus import LibraryCorpus
from matsmith.knowledge.literature.documents import Passage, SourceDocument
from matsmith.knowledge.literature.library import Library
from matsmith.knowledge.literature.readers.markdown import read_markdown
from matsmith.knowledge.literature.retrieval import retrieve

HONEST = {
    "elastic": "# Elastic constants of simple oxides\n\nThe bulk modulus of MgO is 160 GPa at room temperature. "
    "It is cubic and has the rocksalt structure.\n\nThe shear modulus of MgO is 131 GPa.\n",
    "sulfides": "# Fast conductors\n\nLi10GeP2S12 conducts lithium at 12 mS/cm at 27 °C. Its window of stability is narrow.\n",
    "perovskites": "# Tilted perovskites\n\nCaTiO3 is orthorhombic at room temperature because calcium is small.\n",
}


class WordsOnly(LibraryCorpus):
    """A corpus that is searched by words, as it is without the packages for meaning."""

    @property
    def lacking(self) -> str:
        return "left out in this test"

    def search(self, query: str, *, limit: int) -> list[Passage]:
        return retrieve(self._library, query, limit=limit, mode="bm25")


def document(name: str, text: str) -> SourceDocument:
    """A document as it is read from a Markdown file."""
    return read_markdown(text.encode("utf-8", "surrogatepass"), path=f"{name}.md")


def corpus_of(texts: Iterable[tuple[str, str]]) -> WordsOnly:
    """A corpus of Markdown texts by name."""
    return WordsOnly(Library.in_memory([document(name, text) for name, text in texts]), name="made documents")


def write_library(folder: Path, texts: Iterable[tuple[str, str]]) -> Path:
    """A library on disk with the built-in notes and these texts."""
    from matsmith.knowledge.literature.notes import built_in_documents

    with Library.open(folder, create=True) as library:
        for one in (*built_in_documents(), *(document(name, text) for name, text in texts)):
            library.add(one)
    return folder
