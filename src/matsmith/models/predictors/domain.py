"""Is a composition like those a model was trained on? The distance to the nearest of them, and how often its elements came up.

Distances are taken in standardised descriptors turned onto their principal axes. The border is the distance that few left-out formulas
of the same table exceed; an element with fewer formulas than `RARE` is outside too.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from matsmith.models.predictors.compositions import Compositions, FloatArray

RARE = 5
BORDER_QUANTILE = 0.98
AXES = 16
_ROWS = 2_000


@dataclass(frozen=True)
class Domain:
    """`centre`, `spread` (columns,), `axes` (columns, AXES), `known` (formulas, AXES) trained on, `counts` by atomic number."""

    centre: NDArray[np.float32]
    spread: NDArray[np.float32]
    axes: NDArray[np.float32]
    known: NDArray[np.float16]
    counts: NDArray[np.int32]
    border: float

    @classmethod
    def fit(
        cls, columns: NDArray[np.float32], compositions: Compositions, *, kept: int, seed: int, border: float
    ) -> Domain:
        """The domain of training formulas; at most `kept` of them are held for distances."""
        centre, spread = columns.mean(axis=0), np.maximum(columns.std(axis=0), 1e-6)
        scaled = (columns - centre) / spread
        _, _, turned = np.linalg.svd(scaled[:: max(1, len(scaled) // 5000)], full_matrices=False)
        axes = turned[:AXES].T.astype(np.float32)
        chosen = held_rows(len(scaled), kept=kept, seed=seed)
        counts = np.bincount(compositions.elements[compositions.elements > 0], minlength=120)
        return cls(
            centre=centre.astype(np.float32),
            spread=spread.astype(np.float32),
            axes=axes,
            known=(scaled[chosen] @ axes).astype(np.float16),
            counts=counts.astype(np.int32),
            border=border,
        )

    def distance(self, columns: NDArray[np.float32]) -> FloatArray:
        """Distance to the nearest formula trained on, shape (n,), in standard deviations of a descriptor."""
        known = self.known.astype(np.float32)
        found = np.empty(len(columns))
        for begin in range(0, len(columns), _ROWS):
            squares = self._squares(columns[begin : begin + _ROWS], known)
            found[begin : begin + _ROWS] = np.sqrt(np.maximum(squares.min(axis=1), 0.0))
        return found

    def nearest(self, columns: NDArray[np.float32], *, count: int) -> tuple[NDArray[np.int64], FloatArray]:
        """Of each row the nearest formulas that are held, nearest first, as places in `known` and distances as above; both (n, count)."""
        squares = self._squares(columns, self.known.astype(np.float32))
        place = np.argsort(squares, axis=1, kind="stable")[:, :count]
        return place, np.sqrt(np.maximum(np.take_along_axis(squares, place, axis=1), 0.0))

    def _squares(self, columns: NDArray[np.float32], known: NDArray[np.float32]) -> FloatArray:
        part = ((columns - self.centre) / self.spread) @ self.axes
        return (part**2).sum(axis=1)[:, None] + (known**2).sum(axis=1) - 2.0 * part @ known.T

    def rarest(self, compositions: Compositions) -> NDArray[np.int64]:
        """Of each composition's elements, the least number of training formulas that had one, shape (n,)."""
        counts = np.where(
            compositions.elements > 0, self.counts[compositions.elements], np.iinfo(np.int32).max
        )
        return counts.min(axis=1).astype(np.int64)

    def arrays(self) -> dict[str, NDArray[Any]]:
        """What is stored, by name."""
        return {
            "centre": self.centre, "spread": self.spread, "axes": self.axes, "known": self.known,
            "counts": self.counts, "border": np.array([self.border]),
        }  # fmt: skip

    @classmethod
    def of_arrays(cls, arrays: dict[str, NDArray[Any]]) -> Domain:
        """The domain from what was stored. Raises KeyError for a missing array."""
        return cls(
            **{name: arrays[name] for name in arrays if name != "border"}, border=float(arrays["border"][0])
        )


def held_rows(formulas: int, *, kept: int, seed: int) -> NDArray[np.int64]:
    """Which of the training formulas are held for distances, ascending."""
    return np.sort(np.random.default_rng(seed).permutation(formulas)[:kept])
