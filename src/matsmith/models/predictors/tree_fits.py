"""One fit of boosted trees by scikit-learn, with its settings, and how a finished fit is kept."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from matsmith.models.predictors.compositions import FloatArray
from matsmith.models.predictors.trees import Trees, of_boosting


@dataclass(frozen=True)
class Boosting:
    """Settings of one fold's fit."""

    iterations: int
    learning_rate: float
    leaves: int
    smallest_leaf: int
    share_of_columns: float = 0.3
    shrinkage: float = 1.0
    loss: str = "squared_error"

    @classmethod
    def for_size(cls, formulas: int, *, absolute_loss: bool) -> Boosting:
        """Settings by the size of the table."""
        loss = "absolute_error" if absolute_loss else "squared_error"
        if formulas < 1_000:
            return cls(300, 0.04, 12, 8, loss=loss)
        if formulas < 2_000:
            return cls(600, 0.04, 31, 2, share_of_columns=0.1, loss=loss)
        if formulas < 20_000:
            return cls(600, 0.05, 63, 4, share_of_columns=0.1, loss=loss)
        return cls(300, 0.12, 95, 15, loss=loss)

    def halved(self) -> Boosting:
        """Half as many trees with steps of twice the size."""
        return replace(self, iterations=self.iterations // 2, learning_rate=2.0 * self.learning_rate)


def keep_trees(trees: Trees, path: Path) -> None:
    """Keep a finished fit."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_suffix(".part.npz")
    np.savez(draft, allow_pickle=False, **trees.arrays())
    draft.replace(path)


def kept_trees(path: Path) -> Trees | None:
    """A finished fit, or None where there is no sound one."""
    if not path.is_file():
        return None
    try:
        with np.load(path, allow_pickle=False) as held:
            return Trees.of_arrays({name: held[name] for name in held.files})
    except (OSError, ValueError, KeyError, EOFError):
        return None  # half written or of another version: it is fitted again


def fit_trees(
    codes: NDArray[np.uint8], targets: FloatArray, *, settings: Boosting, classes: bool, seed: int
) -> Trees:
    """One fit of boosted trees to codes (n, columns), as arrays; `targets` (n,) are above 0.5 for yes where they are classes."""
    from sklearn.ensemble import (  # pyright: ignore[reportMissingImports]
        HistGradientBoostingClassifier,
        HistGradientBoostingRegressor,
    )

    common: dict[str, Any] = {
        "learning_rate": settings.learning_rate, "max_iter": settings.iterations, "max_leaf_nodes": settings.leaves,
        "min_samples_leaf": settings.smallest_leaf, "l2_regularization": settings.shrinkage,
        "max_features": settings.share_of_columns, "max_bins": 255, "max_depth": 9, "early_stopping": False,
        "random_state": seed,
    }  # fmt: skip
    model: Any
    if classes:
        model = HistGradientBoostingClassifier(**common)
        model.fit(codes.astype(np.float32), (targets > 0.5).astype(np.int64))
    else:
        model = HistGradientBoostingRegressor(loss=settings.loss, **common)
        model.fit(codes.astype(np.float32), targets)
    return of_boosting(model)
