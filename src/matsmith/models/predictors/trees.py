"""Gradient-boosted trees as plain arrays: descriptors are cut into codes of one byte, and all trees walk at once.

A node holds descriptor, threshold and two children; a leaf points at itself, so that every tree takes the same number of
steps. `members` models (one a fold) lie one after the other. Friedman 2001, Ann. Stat. 29, 1189.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from matsmith.models.predictors.compositions import FloatArray

Codes = NDArray[np.uint8]
CUTS = 127
"""Most thresholds of a descriptor."""
# Rows times trees walked at once: what is walked stays in the processor's cache.
_CELLS = 50_000
_SELF = 255


def cuts_of(columns: NDArray[np.float32]) -> list[NDArray[np.float32]]:
    """Thresholds of each descriptor: quantiles of its values, or the middles between them where they are few."""
    found: list[NDArray[np.float32]] = []
    for values in columns.T:
        distinct = np.unique(values)
        if len(distinct) <= CUTS + 1:
            cuts = 0.5 * (distinct[1:] + distinct[:-1])
        else:
            cuts = np.unique(np.quantile(values, np.linspace(0, 1, CUTS + 2)[1:-1], method="midpoint"))
        found.append(cuts.astype(np.float32))
    return found


def encode(columns: NDArray[np.float32], cuts: Sequence[NDArray[np.float32]]) -> Codes:
    """Codes of descriptors, shape as `columns`: how many thresholds each value lies above."""
    codes = np.empty(columns.shape, dtype=np.uint8)
    for column, own in enumerate(cuts):
        codes[:, column] = np.searchsorted(own, columns[:, column], side="left")
    return codes


@dataclass(frozen=True)
class Trees:
    """`feature`, `threshold`, `left`, `right` (nodes,) with children counted from the tree's root, `value` (nodes,) of leaves.

    `roots` (trees,) are the places of the roots, `member` (trees,) the model that a tree belongs to, `base` (members,) what
    each model starts from, `depth` the most steps from root to leaf.
    """

    feature: NDArray[np.uint8]
    threshold: NDArray[np.uint8]
    left: NDArray[np.uint8]
    right: NDArray[np.uint8]
    value: NDArray[np.float16]
    roots: NDArray[np.int32]
    member: NDArray[np.uint8]
    base: FloatArray
    depth: int

    def predict(self, codes: Codes, *, members: Sequence[int] | None = None) -> FloatArray:
        """Sum of the trees of each model, shape (n, members asked for), before any link function."""
        wanted = range(len(self.base)) if members is None else members
        found = np.empty((len(codes), len(wanted)))
        for column, member in enumerate(wanted):
            found[:, column] = self._sum(codes, self.roots[self.member == member]) + self.base[member]
        return found

    def _sum(self, codes: Codes, roots: NDArray[np.int32]) -> FloatArray:
        count = max(1, len(roots))
        rows = max(1, _CELLS // count)
        sums = np.zeros(len(codes))
        children = np.stack([self.left, self.right], axis=1).astype(np.int32).ravel()
        value = self.value.astype(np.float32)
        width = codes.shape[1]
        for begin in range(0, len(codes), rows):
            part = np.ascontiguousarray(codes[begin : begin + rows]).ravel()
            offset = (np.arange(min(rows, len(codes) - begin), dtype=np.int32) * width)[:, None]
            root = np.broadcast_to(roots, (len(offset), len(roots)))
            node: NDArray[np.int32] = root.copy()
            for _ in range(self.depth):
                column: NDArray[np.int32] = offset + self.feature.take(node)
                beyond: NDArray[np.bool_] = part.take(column) > self.threshold.take(node)
                node = root + children.take(2 * node + beyond)
            sums[begin : begin + rows] = value.take(node).sum(axis=1, dtype=np.float64)
        return sums

    def arrays(self) -> dict[str, NDArray[Any]]:
        """What is stored, by name. A left child is the next node, or the leaf itself: it need not be."""
        return {
            "feature": self.feature, "threshold": self.threshold, "right": self.right,
            "value": self.value, "roots": self.roots, "member": self.member, "base": self.base,
            "depth": np.array([self.depth], dtype=np.int32),
        }  # fmt: skip

    @classmethod
    def of_arrays(cls, arrays: dict[str, NDArray[Any]]) -> Trees:
        """Trees from what was stored. Raises KeyError for a missing array, ValueError for one that points outside."""
        roots, nodes = arrays["roots"], len(arrays["feature"])
        ends = np.append(roots[1:], nodes) - roots
        tree_of = np.repeat(np.arange(len(roots)), ends)
        if len(tree_of) != nodes:
            raise ValueError("a root points outside the nodes")
        next_one = np.arange(nodes) - roots[tree_of] + (arrays["threshold"] != _SELF)
        stored = {"left": next_one.astype(np.uint8), **arrays}
        trees = cls(
            **{name: stored[name] for name in stored if name != "depth"}, depth=int(arrays["depth"][0])
        )
        if (np.maximum(trees.left, trees.right) >= ends[tree_of]).any():
            raise ValueError("a node points outside its tree")
        return trees


def merged(members: Sequence[Trees]) -> Trees:
    """Several models of one member each, one after the other."""
    starts = np.cumsum([0, *(len(one.feature) for one in members[:-1])])
    return Trees(
        feature=np.concatenate([one.feature for one in members]),
        threshold=np.concatenate([one.threshold for one in members]),
        left=np.concatenate([one.left for one in members]),
        right=np.concatenate([one.right for one in members]),
        value=np.concatenate([one.value for one in members]),
        roots=np.concatenate([one.roots + start for one, start in zip(members, starts, strict=True)]).astype(
            np.int32
        ),
        member=np.repeat(np.arange(len(members)), [len(one.roots) for one in members]).astype(np.uint8),
        base=np.concatenate([one.base for one in members]),
        depth=max(one.depth for one in members),
    )


def of_boosting(model: Any) -> Trees:
    """Arrays of one fitted scikit-learn histogram gradient boosting model, which was fitted on codes.

    A leaf compares with 255, which no code exceeds, and is its own left child. Raises ValueError for a tree beyond one byte.
    """
    parts: dict[str, list[NDArray[Any]]] = {
        name: [] for name in ("feature", "threshold", "left", "right", "value")
    }
    roots: list[int] = []
    place, depth = 0, 0
    for (tree,) in model._predictors:
        nodes = tree.nodes
        if len(nodes) > _SELF:
            raise ValueError(f"a tree of {len(nodes)} nodes does not fit one byte")
        leaf = nodes["is_leaf"].astype(bool)
        own = np.arange(len(nodes))
        if (nodes["left"][~leaf] != own[~leaf] + 1).any():
            raise ValueError("a left child is not the next node")
        parts["feature"].append(np.where(leaf, 0, nodes["feature_idx"]).astype(np.uint8))
        # Fitted on whole codes: a threshold between k and k + 1 sends codes up to k to the left.
        cut = np.floor(np.where(leaf, _SELF, nodes["num_threshold"]))
        parts["threshold"].append(cut.astype(np.uint8))
        parts["left"].append(np.where(leaf, own, nodes["left"]).astype(np.uint8))
        parts["right"].append(np.where(leaf, own, nodes["right"]).astype(np.uint8))
        parts["value"].append(np.where(leaf, nodes["value"], 0.0).astype(np.float16))
        roots.append(place)
        place += len(nodes)
        depth = max(depth, int(nodes["depth"].max()))
    return Trees(
        **{name: np.concatenate(arrays) for name, arrays in parts.items()},
        roots=np.array(roots, dtype=np.int32),
        member=np.zeros(len(roots), dtype=np.uint8),
        base=np.array([float(np.ravel(model._baseline_prediction)[0])]),
        depth=depth,
    )
