"""Shapley values of trees against their definition, summed over all coalitions by hand; they add up on the weights that ship."""

from __future__ import annotations

from itertools import combinations
from math import factorial

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from matsmith.models.predictors.shapley import LeafPaths, left_shares
from matsmith.models.predictors.trees import Trees, merged

COLUMNS = 4


def grown(seed: int, *, depth: int, stop: float = 0.2) -> Trees:
    """A tree of random splits that uses descriptors again on the way down."""
    random = np.random.default_rng(seed)
    rows: list[list[float]] = []

    def grow(level: int) -> int:
        place = len(rows)
        rows.append([0, 255, place, place, float(random.normal())])
        if level < depth and random.random() > (stop if level else 0.0):
            feature, threshold = int(random.integers(COLUMNS)), int(random.integers(1, 9))
            left = grow(level + 1)
            right = grow(level + 1)
            rows[place] = [feature, threshold, left, right, 0.0]
        return place

    grow(0)
    table = np.array(rows)
    return Trees(
        feature=table[:, 0].astype(np.uint8),
        threshold=table[:, 1].astype(np.uint8),
        left=table[:, 2].astype(np.uint8),
        right=table[:, 3].astype(np.uint8),
        value=table[:, 4].astype(np.float16),
        roots=np.array([0], dtype=np.int32),
        member=np.array([0], dtype=np.uint8),
        base=np.array([float(random.normal())]),
        depth=depth,
    )


def expected(trees: Trees, share: NDArray[np.uint8], codes: NDArray[np.uint8], known: set[int]) -> float:
    """What one tree says where only some descriptors are known: both ways, in their shares, where it asks for another."""

    def walk(node: int) -> float:
        if trees.threshold[node] == 255:
            return float(trees.value[node])
        feature = int(trees.feature[node])
        left, right = walk(int(trees.left[node])), walk(int(trees.right[node]))
        if feature in known:
            return right if codes[feature] > trees.threshold[node] else left
        part = (float(share[node]) + 0.5) / 256
        return part * left + (1 - part) * right

    return walk(0) + float(trees.base[0])


def by_definition(trees: Trees, share: NDArray[np.uint8], codes: NDArray[np.uint8]) -> list[float]:
    found: list[float] = []
    for own in range(COLUMNS):
        others = [column for column in range(COLUMNS) if column != own]
        total = 0.0
        for size in range(COLUMNS):
            weight = factorial(size) * factorial(COLUMNS - size - 1) / factorial(COLUMNS)
            for chosen in combinations(others, size):
                known = set(chosen)
                with_own = expected(trees, share, codes, known | {own})
                total += weight * (with_own - expected(trees, share, codes, known))
        found.append(total)
    return found


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10_000), depth=st.integers(1, 6))
def test_they_are_the_definition(seed: int, depth: int) -> None:
    trees = grown(seed, depth=depth)
    random = np.random.default_rng(seed + 1)
    share = random.integers(0, 256, size=len(trees.feature)).astype(np.uint8)
    codes = random.integers(0, 10, size=(3, COLUMNS)).astype(np.uint8)
    paths = LeafPaths.of(trees, share)
    found = paths.contributions(codes)
    for row in range(3):
        assert found[row] == pytest.approx(by_definition(trees, share, codes[row]), abs=1e-9)
    assert paths.base == pytest.approx(expected(trees, share, codes[0], set()))
    assert paths.base + found.sum(axis=1) == pytest.approx(trees.predict(codes)[:, 0], abs=1e-5)


def test_of_several_models_it_is_the_mean() -> None:
    one, other = grown(3, depth=4), grown(4, depth=5)
    both = merged([one, other])
    share = np.full(len(both.feature), 100, dtype=np.uint8)
    codes = np.array([[1, 5, 9, 3]], dtype=np.uint8)
    alone = [
        LeafPaths.of(tree, np.full(len(tree.feature), 100, dtype=np.uint8)).contributions(codes)
        for tree in (one, other)
    ]
    assert LeafPaths.of(both, share).contributions(codes) == pytest.approx((alone[0] + alone[1]) / 2)


def test_a_descriptor_that_no_tree_asks_for_adds_nothing() -> None:
    trees = grown(5, depth=3)
    unused = set(range(COLUMNS)) - {
        int(one) for one, cut in zip(trees.feature, trees.threshold, strict=True) if cut != 255
    }
    codes = np.array([[2, 2, 2, 2]], dtype=np.uint8)
    found = LeafPaths.of(trees, np.full(len(trees.feature), 128, dtype=np.uint8)).contributions(codes)[0]
    assert all(found[column] == 0.0 for column in unused)
    assert np.abs(found).max() > 0


def test_shares_are_counted() -> None:
    trees = Trees(
        feature=np.array([0, 1, 0, 0, 0], dtype=np.uint8),
        threshold=np.array([4, 2, 255, 255, 255], dtype=np.uint8),
        left=np.array([1, 2, 2, 3, 4], dtype=np.uint8),
        right=np.array([4, 3, 2, 3, 4], dtype=np.uint8),
        value=np.array([0, 0, 1, 2, 3], dtype=np.float16),
        roots=np.array([0], dtype=np.int32),
        member=np.array([0], dtype=np.uint8),
        base=np.array([0.0]),
        depth=2,
    )
    codes = np.array([[0, 0]] * 60 + [[0, 9]] * 20 + [[9, 0]] * 20, dtype=np.uint8)
    share = left_shares(trees, codes).astype(float) / 256
    assert share[0] == pytest.approx(0.8, abs=0.01)
    assert share[1] == pytest.approx(0.75, abs=0.02)
