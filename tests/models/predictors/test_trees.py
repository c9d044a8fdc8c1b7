"""Trees as arrays: a hand-made one, the same sums as the library that fitted them, damage refused."""

from __future__ import annotations

import random
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from matsmith.models.predictors.trees import CUTS, Trees, cuts_of, encode, merged, of_boosting


def stump(*, feature: int, threshold: int, low: float, high: float, base: float = 0.0) -> Trees:
    return Trees(
        feature=np.array([feature, 0, 0], dtype=np.uint8),
        threshold=np.array([threshold, 255, 255], dtype=np.uint8),
        left=np.array([1, 1, 2], dtype=np.uint8),
        right=np.array([2, 1, 2], dtype=np.uint8),
        value=np.array([0, low, high], dtype=np.float16),
        roots=np.array([0], dtype=np.int32),
        member=np.array([0], dtype=np.uint8),
        base=np.array([base]),
        depth=1,
    )


def test_a_stump_by_hand() -> None:
    codes = np.array([[3, 0], [4, 0], [5, 0]], dtype=np.uint8)
    assert stump(feature=0, threshold=4, low=-1, high=2, base=10).predict(codes).ravel() == pytest.approx(
        [9, 9, 12]
    )


def test_members_lie_beside_each_other() -> None:
    both = merged(
        [stump(feature=0, threshold=0, low=1, high=2), stump(feature=1, threshold=0, low=3, high=4)]
    )
    codes = np.array([[0, 1], [1, 0]], dtype=np.uint8)
    assert both.predict(codes) == pytest.approx(np.array([[1, 4], [2, 3]]))
    assert both.predict(codes, members=[1]) == pytest.approx(np.array([[4], [3]]))
    again = Trees.of_arrays(both.arrays())
    assert again.predict(codes) == pytest.approx(both.predict(codes))


def test_a_child_outside_its_tree_is_refused() -> None:
    with pytest.raises(ValueError, match="outside"):
        Trees.of_arrays(
            as_stored_before(stump(feature=0, threshold=4, low=-1, high=2))
            | {"right": np.array([7, 1, 2], dtype=np.uint8)}
        )


def as_stored_before(trees: Trees) -> dict[str, NDArray[Any]]:
    """What an earlier version stored: every node whole, and no left children."""
    names = ("feature", "threshold", "right", "value", "roots", "member", "base")
    return {name: getattr(trees, name) for name in names} | {"depth": np.array([trees.depth], dtype=np.int32)}


def grown(shape: random.Random, *, depth: int) -> Trees:
    """A tree whose branches end where chance has it, nodes in the order in which they are visited, left before right."""
    rows: list[list[float]] = []

    def grow(level: int) -> int:
        place = len(rows)
        rows.append([0, 255, place, place, shape.uniform(-9, 9)])
        if level < depth and (level == 0 or shape.random() < 0.7):
            feature, threshold = shape.randrange(4), shape.randrange(100)
            left, right = grow(level + 1), grow(level + 1)
            rows[place] = [feature, threshold, left, right, 0.0]
        return place

    grow(0)
    table = np.array(rows)
    feature, threshold, left, right = table[:, :4].astype(np.uint8).T
    return replace(
        stump(feature=0, threshold=0, low=0, high=0),
        feature=feature, threshold=threshold, left=left, right=right, value=table[:, 4].astype(np.float16), depth=depth,
    )  # fmt: skip


@settings(deadline=None)
@given(st.randoms(use_true_random=False), st.integers(1, 4), st.integers(1, 6))
def test_what_is_stored_comes_back_whole_and_smaller(chance: random.Random, count: int, depth: int) -> None:
    trees = merged([grown(chance, depth=depth) for _ in range(count)])
    again = Trees.of_arrays(trees.arrays())
    before = Trees.of_arrays(as_stored_before(trees))
    for name in ("feature", "threshold", "left", "right", "value", "roots", "member"):
        assert (getattr(again, name) == getattr(trees, name)).all(), name
        assert (getattr(before, name) == getattr(trees, name)).all(), name
    codes = np.array([[chance.randrange(128) for _ in range(4)] for _ in range(20)], dtype=np.uint8)
    assert again.predict(codes) == pytest.approx(
        np.array([[walked(trees, root, row) for root in trees.roots] for row in codes])
    )


def walked(trees: Trees, root: int, row: NDArray[np.uint8]) -> float:
    """The leaf's value that one row comes to, a step at a time."""
    node = root
    while trees.threshold[node] != 255:
        beyond = row[trees.feature[node]] > trees.threshold[node]
        node = root + int(trees.right[node] if beyond else trees.left[node])
    return float(trees.value[node])


@pytest.mark.parametrize("part", ["leaf", "value", "feature", "roots"])
def test_stored_arrays_that_do_not_belong_together_are_refused(part: str) -> None:
    arrays = stump(feature=0, threshold=4, low=-1, high=2).arrays()
    wrong = {
        "leaf": np.packbits([True, True, False]), "value": arrays["value"][:1], "feature": np.zeros(0, dtype=np.uint8),
        "roots": np.array([1], dtype=np.int32),
    }  # fmt: skip
    with pytest.raises(ValueError, match=r"outside|leaves"):
        Trees.of_arrays(arrays | {part: wrong[part]})


def test_codes_count_the_thresholds_below() -> None:
    values = np.linspace(0, 1, 5000, dtype=np.float32)[:, None]
    cuts = cuts_of(values)
    codes = encode(values, cuts)
    assert len(cuts[0]) == CUTS
    assert codes.min() == 0
    assert codes.max() == CUTS
    assert (np.diff(codes[:, 0].astype(int)) >= 0).all()
    few = np.array([[0.0], [1.0], [1.0]], dtype=np.float32)
    assert encode(few, cuts_of(few)).ravel().tolist() == [0, 1, 1]
    constant = np.ones((3, 1), dtype=np.float32)
    assert encode(constant, cuts_of(constant)).ravel().tolist() == [0, 0, 0]


@pytest.mark.parametrize("classes", [False, True])
def test_the_sums_are_those_of_the_library_that_fitted_them(classes: bool) -> None:
    ensemble = pytest.importorskip("sklearn.ensemble")
    random = np.random.default_rng(1)
    codes = random.integers(0, CUTS + 1, size=(400, 6)).astype(np.uint8)
    target = np.sin(codes[:, 0] / 20.0) + codes[:, 1] / 60.0
    if classes:
        model = ensemble.HistGradientBoostingClassifier(max_iter=25, early_stopping=False)
        model.fit(codes.astype(np.float32), target > 1)
        expected = model.decision_function(codes.astype(np.float32))
    else:
        model = ensemble.HistGradientBoostingRegressor(max_iter=25, early_stopping=False)
        model.fit(codes.astype(np.float32), target)
        expected = model.predict(codes.astype(np.float32))
    own = of_boosting(model).predict(codes)[:, 0]
    assert own == pytest.approx(expected, abs=5e-3)
    assert np.abs(expected).max() > 0.5
