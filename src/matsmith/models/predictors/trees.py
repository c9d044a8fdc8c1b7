"""Gradient-boosted trees as plain arrays: descriptors are cut into codes of one byte, and all trees walk at once.

A node holds descriptor, threshold and two children; a leaf points at itself, so that every tree takes the same number of
steps. `members` models (one a fold) lie one after the other. Friedman 2001, Ann. Stat. 29, 1189.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from matsmith.models.predictors.compositions import FloatArray
from matsmith.models.predictors.members import of_each

Codes = NDArray[np.uint8]
CUTS = 127
"""Most thresholds of a descriptor."""
# Rows times trees walked at once: what is walked stays in the processor's cache.
_CELLS = 16_000
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

    @cached_property
    def _packed(self) -> NDArray[np.int32]:
        """One number a node, (nodes,): descriptor, threshold, how much farther the right child lies than the left, whether it has any; 8 bits each."""
        own = np.arange(len(self.feature)) - np.repeat(self.roots, _sizes(self.roots, len(self.feature)))
        step = self.left.astype(np.int32) - own
        farther = np.where(step > 0, self.right.astype(np.int32) - self.left, 0)
        upper = (farther | step << 8) << 16
        return self.feature | self.threshold.astype(np.int32) << 8 | upper

    def predict(self, codes: Codes, *, members: Sequence[int] | None = None) -> FloatArray:
        """Sum of the trees of each model, shape (n, members asked for), before any link function."""
        wanted = range(len(self.base)) if members is None else members

        def of_one(member: int) -> FloatArray:
            return self._sum(codes, self.roots[self.member == member]) + self.base[member]

        return np.stack(of_each(of_one, wanted, rows=len(codes)), axis=1)

    def _sum(self, codes: Codes, roots: NDArray[np.int32]) -> FloatArray:
        rows = max(1, _CELLS // max(1, len(roots)))
        sums = np.zeros(len(codes))
        packed, value = self._packed, self.value.astype(np.float32)
        width = codes.shape[1]
        for begin in range(0, len(codes), rows):
            part = np.ascontiguousarray(codes[begin : begin + rows]).ravel()
            offset = (np.arange(min(rows, len(codes) - begin), dtype=np.int32) * width)[:, None]
            node = np.broadcast_to(roots, (len(offset), len(roots))).copy()
            at, low = np.empty_like(node), np.empty_like(node)
            code, mark, beyond = (np.empty(node.shape, dtype=kind) for kind in (np.uint8, np.uint8, np.bool_))
            for _ in range(self.depth):
                # Everything in place: making and freeing arrays takes longer than what is computed.
                packed.take(node, mode="clip", out=at)
                np.bitwise_and(at, 255, out=low)
                low += offset
                part.take(low, mode="clip", out=code)
                at >>= 8
                mark[...] = at  # the lowest byte
                np.greater(code, mark, out=beyond)
                at >>= 8
                np.bitwise_and(at, 255, out=low)
                low *= beyond
                node += low
                at >>= 8
                node += at
            sums[begin : begin + rows] = value.take(node, mode="clip").sum(axis=1, dtype=np.float64)
        return sums

    def arrays(self) -> dict[str, NDArray[Any]]:
        """What is stored, by name: of a leaf its value alone, of every other node what it compares; the order of the nodes tells the children."""
        leaf = self.threshold == _SELF
        return {
            "leaf": np.packbits(leaf), "feature": self.feature[~leaf], "threshold": self.threshold[~leaf],
            "value": self.value[leaf], "roots": self.roots, "member": self.member, "base": self.base,
            "depth": np.array([self.depth], dtype=np.int32),
        }  # fmt: skip

    @classmethod
    def of_arrays(cls, arrays: dict[str, NDArray[Any]]) -> Trees:
        """Trees from what was stored, now or by an earlier version. Raises KeyError for a missing array, ValueError for one that points outside."""
        whole = arrays if "right" in arrays else _unfolded(arrays)
        roots, nodes = whole["roots"], len(whole["feature"])
        ends = _sizes(roots, nodes)
        tree_of = np.repeat(np.arange(len(roots)), ends)
        if len(tree_of) != nodes:
            raise ValueError("a root points outside the nodes")
        next_one = np.arange(nodes) - roots[tree_of] + (whole["threshold"] != _SELF)
        stored = {"left": next_one.astype(np.uint8), **whole}
        trees = cls(
            **{name: stored[name] for name in stored if name != "depth"}, depth=int(arrays["depth"][0])
        )
        if (np.maximum(trees.left, trees.right) >= ends[tree_of]).any():
            raise ValueError("a node points outside its tree")
        return trees


def _sizes(roots: NDArray[np.int32], nodes: int) -> NDArray[np.int64]:
    """How many nodes each tree has, (trees,)."""
    return np.diff(np.append(roots.astype(np.int64), nodes))


def _unfolded(arrays: dict[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    """The arrays of all nodes from those that are stored: a left child is the next node, and a right one comes after all that hangs on the left."""
    roots = arrays["roots"]
    nodes = len(arrays["feature"]) + len(arrays["value"])
    leaf = np.unpackbits(arrays["leaf"], count=nodes).astype(bool)
    # How many nodes are still to come: a node brings one more, a leaf is one less, and what hangs on a node ends at one less than before it.
    due = np.cumsum(np.where(leaf, -1, 1)).astype(np.int64)
    keys = np.sort((due + nodes) * nodes + np.arange(nodes))
    inner = np.flatnonzero(~leaf)
    last = (
        keys[np.minimum(np.searchsorted(keys, (due[inner] - 1 + nodes) * nodes + inner), nodes - 1)] % nodes
    )
    first = np.repeat(roots, _sizes(roots, nodes))
    if len(inner) != len(arrays["feature"]) or len(first) != nodes:
        raise ValueError("the leaves are not as many as their values")
    right = np.arange(nodes) - first
    right[inner] = last + 1 - first[inner]
    if (right > _SELF).any() or (right < 0).any():
        raise ValueError("a node points outside its tree")
    found: dict[str, NDArray[Any]] = {
        "right": right.astype(np.uint8),
        **{name: arrays[name] for name in ("roots", "member", "base")},
    }
    for name, own, none in (("feature", ~leaf, 0), ("threshold", ~leaf, _SELF), ("value", leaf, 0)):
        found[name] = np.full(nodes, none, dtype=arrays[name].dtype)
        found[name][own] = arrays[name]
    return found


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
