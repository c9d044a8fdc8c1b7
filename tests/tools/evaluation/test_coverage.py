"""Coverage: what it is of sets that are known, and that a reference too small for it gives none."""

from __future__ import annotations

import pytest

from matsmith.core.crystal import Crystal
from matsmith.tools.evaluation.coverage import compared, coverage, points_of
from matsmith.tools.evaluation.figures import Figure


def rocksalts(count: int, *, edge: float = 4.0) -> list[Crystal]:
    halves = [(edge + 0.1 * place) / 2 for place in range(count)]
    return [
        Crystal(
            lattice=((0.0, half, half), (half, 0.0, half), (half, half, 0.0)),
            species=("Mg", "O"),
            positions=((0.0, 0.0, 0.0), (0.5, 0.5, 0.5)),
        )
        for half in halves
    ]


def figures_of(samples: list[Crystal], reference: list[Crystal]) -> dict[str, Figure]:
    return {figure.name: figure for figure in compared(samples, reference)}


def test_a_set_covers_itself_and_nothing_far_away() -> None:
    found = figures_of(rocksalts(12), rocksalts(12))
    for name in ("coverage_recall", "coverage_precision"):
        assert (found[name].value, found[name].count) == (1.0, 12)
        half = found[f"{name}_of_reference_halves"]
        assert half.value is not None
        assert half.count == 6
    far = figures_of(rocksalts(12, edge=9.0), rocksalts(12))
    assert far["coverage_recall"].value == far["coverage_precision"].value == 0.0


@pytest.mark.parametrize("count", [1, 5])
def test_a_reference_without_fifth_neighbours_has_no_coverage(count: int) -> None:
    assert coverage(points_of(rocksalts(3)), points_of(rocksalts(count))) is None
    found = figures_of(rocksalts(3), rocksalts(count))
    shares = [figure for name, figure in found.items() if name.startswith("coverage")]
    assert len(shares) == 4
    assert [(one.value, one.count, one.text) for one in shares] == [(None, 0, "-")] * 4
    assert all("more than 5" in one.method for one in shares)
    assert found["wasserstein_density"].value is not None


@pytest.mark.parametrize(("count", "measured"), [(6, False), (10, False), (11, True)])
def test_halves_are_compared_where_a_half_has_fifth_neighbours(count: int, *, measured: bool) -> None:
    found = figures_of(rocksalts(count), rocksalts(count))
    assert found["coverage_recall"].value == 1.0
    assert (found["coverage_recall_of_reference_halves"].value is not None) is measured


def test_samples_without_a_fingerprint_cover_nothing() -> None:
    assert coverage(points_of([]), points_of(rocksalts(6))) == (0, 0)
