from __future__ import annotations

import numpy as np
import pytest

from matsmith.models.diffusion.matching import distances, score, to_structure

PEROVSKITE = np.array([[0, 0, 0], [0.5, 0.5, 0.5], [0.5, 0.5, 0], [0.5, 0, 0.5], [0, 0.5, 0.5]], np.float32)
CELL = (4 * np.eye(3)).astype(np.float32)


def _crystal(numbers: tuple[int, ...], *, shift: float = 0.0):
    moved = PEROVSKITE.copy()
    moved[1, 0] += shift
    return to_structure(np.array(numbers), moved, CELL)


def test_the_same_crystal_matches_a_swapped_one_does_not_and_the_pool_of_a_formula_counts() -> None:
    known = [_crystal((56, 22, 8, 8, 8)), _crystal((22, 56, 8, 8, 8)), _crystal((38, 40, 16, 16, 16))]
    formulas = ["BaO3Ti", "BaO3Ti", "S3SrZr"]
    samples = [[known[1], known[0]], [known[0], known[0]], [_crystal((38, 40, 16, 16, 16), shift=0.1)] * 2]
    found = distances(known, formulas, samples, quiet=True)
    own = [2, 2, 2]
    first, both = score(found, own=own, k=1), score(found, own=own, k=2)
    assert first.match == pytest.approx(1 / 3)
    assert both.match == pytest.approx(2 / 3)
    # Each of the two forms of BaTiO3 was drawn for the other.
    assert first.metre == 1
    assert both.metre == 1
    assert 0 < first.rmse < 0.1
    assert first.crmse == pytest.approx((0.5 + 0.5 + first.rmse) / 3)
    assert both.crmse == pytest.approx((0 + 0.5 + first.rmse) / 3)


def test_without_any_match_the_corrected_rmse_is_the_miss_itself() -> None:
    known = [_crystal((56, 22, 8, 8, 8))]
    result = score(distances(known, ["BaO3Ti"], [[_crystal((22, 56, 8, 8, 8))]], quiet=True), own=[1], k=1)
    assert (result.match, result.crmse, result.metre) == (0, 0.5, 0)
    assert np.isnan(result.rmse)
