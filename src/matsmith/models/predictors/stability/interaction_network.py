"""A network over the graph of a formula's elements, every pair joined: read, run and held as plain arrays, without torch.

    h_i     = E[z_i] + W_x f(x_i)                                              element embedding and amount
    a_ij    = softmax over j of  v . silu(A n(h_i) + B n(h_j)) + log x_j        how much element i listens to element j
    h_i    += C sum_j a_ij silu(A n(h_i) + B n(h_j));   h_i += G silu(F n(h_i))
    y_t     = w_t . silu(D [sum_i x_i n(h_i); max_i n(h_i); g] + d) + b_t        one number a task

n(.) scales to unit root mean square; g = silu(S c + s), of standardised descriptors c of the whole composition, is left out where there are none. Relatives: Roost (Goodall and Lee 2020, Nat. Commun. 11, 6280), CrabNet (Wang et al. 2021, npj Comput. Mater. 7, 77).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from matsmith.models.predictors.compositions import Compositions, FloatArray

Matrix = NDArray[np.float32]
ELEMENTS = 98
"""Rows of the embedding: atomic numbers 0 (nothing there) to 97."""
AMOUNTS = 4
_ROWS = 200
"""Formulas computed at once: what is computed stays in the processor's cache."""
_TINY = 1e-6


@dataclass(frozen=True)
class InteractionNetwork:
    """`arrays` by name, as `shapes` lists them; `tasks` name the columns of `predict`."""

    arrays: dict[str, Matrix]
    tasks: tuple[str, ...]
    layers: int

    def predict(self, compositions: Compositions, columns: Matrix | None = None) -> FloatArray:
        """One number a task, shape (n, tasks): log-odds, or a value in the task's own scale.

        `columns` (n, descriptors) are standardised, for a network that was trained with them.
        """
        # Formulas with as many elements lie together: no place is computed that nothing stands in.
        count = (compositions.elements > 0).sum(axis=1)
        order = np.argsort(count, kind="stable")
        found = np.zeros((len(compositions), len(self.tasks)))
        for begin in range(0, len(order), _ROWS):
            rows = order[begin : begin + _ROWS]
            width = max(1, int(count[rows[-1]]))
            part = Compositions(compositions.elements[rows, :width], compositions.fractions[rows, :width])
            found[rows] = self._forward(part, None if columns is None else columns[rows])
        return found

    def _forward(self, compositions: Compositions, columns: Matrix | None) -> FloatArray:
        own = self.arrays
        elements, x = compositions.elements, compositions.fractions.astype(np.float32)
        there = elements > 0
        log_x = np.where(there, np.log(np.maximum(x, _TINY)), -1e9).astype(np.float32)
        h = own["embedding"][elements] + amounts(x) @ own["amount"]
        for layer in range(self.layers):
            n = unit(h)
            pair = silu(
                (n @ own[f"{layer}.from"])[:, :, None, :]
                + (n @ own[f"{layer}.to"] + own[f"{layer}.bias"])[:, None, :, :]
            )
            score = pair @ own[f"{layer}.listen"] + log_x[:, None, :]
            weight = np.exp(score - score.max(axis=2, keepdims=True))
            weight /= weight.sum(axis=2, keepdims=True)
            h = h + np.einsum("nij,nijd->nid", weight, pair) @ own[f"{layer}.mix"]
            h = h + silu(unit(h) @ own[f"{layer}.wide"] + own[f"{layer}.wide_bias"]) @ own[f"{layer}.narrow"]
        n = unit(h)
        mean = np.einsum("ni,nid->nd", x * there, n)
        top = np.where(there[:, :, None], n, -1e9).max(axis=1)
        pooled = [mean, top]
        if columns is not None:
            pooled.append(silu(columns @ own["whole"] + own["whole_bias"]))
        hidden = silu(np.concatenate(pooled, axis=1) @ own["head"] + own["head_bias"])
        return (hidden @ own["out"] + own["out_bias"]).astype(np.float64)


def shapes(*, width: int, layers: int, tasks: int, descriptors: int = 0) -> dict[str, tuple[int, ...]]:
    """Names and shapes of the arrays of a network, whose head takes so many `descriptors` of the whole composition."""
    found: dict[str, tuple[int, ...]] = {"embedding": (ELEMENTS, width), "amount": (AMOUNTS, width)}
    for layer in range(layers):
        found |= {
            f"{layer}.from": (width, width), f"{layer}.to": (width, width), f"{layer}.bias": (width,),
            f"{layer}.listen": (width,), f"{layer}.mix": (width, width),
            f"{layer}.wide": (width, 2 * width), f"{layer}.wide_bias": (2 * width,), f"{layer}.narrow": (2 * width, width),
        }  # fmt: skip
    if descriptors:
        found |= {"whole": (descriptors, 2 * width), "whole_bias": (2 * width,)}
    pooled = 4 * width if descriptors else 2 * width
    return found | {"head": (pooled, 2 * width), "head_bias": (2 * width,), "out": (2 * width, tasks), "out_bias": (tasks,)}  # fmt: skip


def amounts(x: Matrix) -> Matrix:
    """What a fraction (n, k) is told as: itself, its root, its logarithm and its square, shape (n, k, 4)."""
    safe = np.maximum(x, _TINY)
    return np.stack([x, np.sqrt(safe), np.log10(safe) / 3, x * x], axis=-1)


def unit(h: Any) -> Matrix:
    """Scaled to a root mean square of 1 along the last axis."""
    return h / np.sqrt((h * h).mean(axis=-1, keepdims=True) + 1e-5)


def silu(values: Any) -> Matrix:
    """X / (1 + exp(-x))."""
    found: Matrix = np.negative(values)
    np.exp(np.minimum(found, 60.0, out=found), out=found)
    found += 1.0
    return np.divide(values, found, out=found)
