"""Shapley values of a sum of trees, exactly: what each descriptor adds to one prediction, against the trees' own average.

The game is that of TreeSHAP (Lundberg et al. 2020, Nat. Mach. Intell. 2, 56): where a descriptor is not known, a tree goes both ways at once, in
the shares in which training formulas went. For one leaf of value v with the descriptors 1..m on its path, where o is 1 when the formula
satisfies all of a descriptor's splits and else 0, and z is the product of the shares,

    phi_j = v (o_j - z_j) * integral over u from 0 to 1 of the product over k != j of (z_k + (o_k - z_k) u)

since the weight of a coalition of size s, s! (m - s - 1)! / m!, is the integral of u^s (1 - u)^(m - s - 1). The integrand is a polynomial of
degree m - 1, which Gauss-Legendre quadrature with m / 2 points integrates exactly.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from matsmith.models.predictors.compositions import FloatArray
from matsmith.models.predictors.trees import Codes, Trees

_LEAF = 255
_STEPS_OF_SHARES = 256
_ROWS = 500


@dataclass(frozen=True)
class LeafPaths:
    """All ways from roots to `L` leaves, each of at most `D` descriptors, all (L, D) but `value` (L,).

    `feature` is -1 where a path has fewer; codes from `low` to `high` follow the path; `share` is the part of the training formulas that
    splits on this descriptor let through. `value` is divided by the number of models, so that sums are of their mean; `base` is what the trees
    say on average.
    """

    feature: NDArray[np.int16]
    low: NDArray[np.uint8]
    high: NDArray[np.uint8]
    share: FloatArray
    value: FloatArray
    base: float

    @classmethod
    def of(cls, trees: Trees, left_share: NDArray[np.uint8]) -> LeafPaths:
        """Paths of all trees. `left_share` (nodes,) is the share that goes left, in steps of 1/256."""
        nodes, depth = len(trees.feature), max(1, trees.depth)
        root, parent, from_left = _parents(trees)
        leaf = np.flatnonzero(trees.threshold == _LEAF)
        shape = (len(leaf), depth)
        feature, share = np.full(shape, -1, dtype=np.int16), np.ones(shape)
        low, high = np.zeros(shape, dtype=np.uint8), np.full(shape, _LEAF, dtype=np.uint8)
        to_left = (left_share.astype(np.float64) + 0.5) / _STEPS_OF_SHARES
        node = leaf.copy()
        for step in range(depth):
            rows = np.flatnonzero(node != root[node])
            child = node[rows]
            above = parent[child]
            left = from_left[child]
            feature[rows, step] = trees.feature[above]
            high[rows, step] = np.where(left, trees.threshold[above], _LEAF)
            low[rows, step] = np.where(left, 0, trees.threshold[above] + 1)
            share[rows, step] = np.where(left, to_left[above], 1.0 - to_left[above])
            node[rows] = above
        if nodes and (node != root[node]).any():
            raise ValueError("a tree is deeper than it says")
        for one in range(depth):
            for other in range(one):
                rows = np.flatnonzero((feature[:, one] >= 0) & (feature[:, one] == feature[:, other]))
                low[rows, other] = np.maximum(low[rows, other], low[rows, one])
                high[rows, other] = np.minimum(high[rows, other], high[rows, one])
                share[rows, other] *= share[rows, one]
                feature[rows, one], low[rows, one] = -1, 0
                high[rows, one], share[rows, one] = _LEAF, 1.0
        value = trees.value[leaf].astype(np.float64) / len(trees.base)
        base = float(trees.base.mean() + (value * share.prod(axis=1)).sum())
        return cls(feature=feature, low=low, high=high, share=share, value=value, base=base)

    def contributions(self, codes: Codes) -> FloatArray:
        """What each descriptor adds to the mean of the models, shape as `codes` (n, columns); rows sum to prediction less `base`."""
        points, weights = np.polynomial.legendre.leggauss((self.feature.shape[1] + 1) // 2)
        points, weights = 0.5 * (points + 1.0), 0.5 * weights
        place = np.maximum(self.feature, 0)
        slots = (self.feature + 1).ravel()
        found = np.empty(codes.shape)
        for row, own in enumerate(codes):
            there = own[place]
            follows = (there >= self.low) & (there <= self.high)
            step = follows - self.share
            inner = np.zeros(self.share.shape)
            for point, weight in zip(points, weights, strict=True):
                factor = self.share + step * point
                inner += weight * factor.prod(axis=1, keepdims=True) / factor
            added = self.value[:, None] * step * inner
            found[row] = np.bincount(slots, weights=added.ravel(), minlength=codes.shape[1] + 1)[1:]
        return found


def left_shares(trees: Trees, codes: Codes) -> NDArray[np.uint8]:
    """Of the formulas (n, columns) that come to each node, the share that goes left, in steps of 1/256; a half where none comes."""
    came = np.zeros(len(trees.feature))
    went_left = np.zeros(len(trees.feature))
    children = np.stack([trees.left, trees.right], axis=1).astype(np.int64)
    roots = trees.roots.astype(np.int64)
    for begin in range(0, len(codes), _ROWS):
        part = codes[begin : begin + _ROWS]
        rows = np.arange(len(part))[:, None]
        node = np.broadcast_to(roots, (len(part), len(roots)))
        for _ in range(trees.depth):
            beyond = part[rows, trees.feature[node]] > trees.threshold[node]
            came += np.bincount(node.ravel(), minlength=len(came))
            went_left += np.bincount(node[~beyond].ravel(), minlength=len(came))
            node = roots + children[node, beyond.astype(np.int64)]
    share = (went_left + 0.5) / (came + 1.0)
    return np.clip(share * _STEPS_OF_SHARES, 0, _STEPS_OF_SHARES - 1).astype(np.uint8)


def _parents(trees: Trees) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.bool_]]:
    """Of each node: its tree's root, its parent, and whether it is its parent's left child; all (nodes,)."""
    nodes = len(trees.feature)
    sizes = np.append(trees.roots[1:], nodes) - trees.roots
    root = np.repeat(trees.roots.astype(np.int64), sizes)
    parent, from_left = np.arange(nodes), np.zeros(nodes, dtype=bool)
    inner = np.flatnonzero(trees.threshold != _LEAF)
    left, right = root[inner] + trees.left[inner], root[inner] + trees.right[inner]
    parent[left], parent[right] = inner, inner
    from_left[left] = True
    return root, parent, from_left
