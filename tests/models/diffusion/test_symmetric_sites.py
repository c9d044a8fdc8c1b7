"""Space groups in primitive cells: all 230 groups, exact answers to what fits, and displacements that keep a crystal's symmetry."""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from matsmith.core.errors import SpecError
from matsmith.core.space_group import spglib_or_none
from matsmith.models.diffusion.symmetric_sites import (
    AXES,
    arrange,
    check_arrangement,
    fits,
    metric_projector,
    primitive_group,
    reduced_axes,
)


def test_every_group_has_a_primitive_cell_with_whole_operations() -> None:
    for number in range(1, 231):
        group = primitive_group(number)
        assert np.abs(np.abs(np.linalg.det(group.rotations)) - 1).max() < 1e-9
        general = max(each.multiplicity for each in group.positions)
        assert general == len(group.rotations), number
        # The group is closed: any two operations make a third.
        known = {tuple(r.astype(int).ravel().tolist()) for r in group.rotations}
        made = np.rint(group.rotations[:, None] @ group.rotations[None]).astype(int).reshape(-1, 9)
        assert {tuple(row) for row in made.tolist()} == known


@pytest.mark.parametrize(
    ("number", "amounts", "able"),
    [
        (225, (1, 1), True),
        (225, (1, 1, 1), False),
        (225, (1, 1, 1, 1), False),
        (225, (1, 2), True),
        (225, (3,), True),
        (225, (1, 3), True),
        (225, (1, 4), False),
        (221, (1, 1, 3), True),
        (221, (1, 1, 1), False),
        (227, (2, 2), True),
        (227, (1,), False),
        (1, (1, 1, 1), True),
        (4, (1,), False),
        (4, (2,), True),
    ],
)
def test_what_fits_a_group_is_decided_as_the_international_tables_have_it(
    number: int, amounts: tuple[int, ...], able: bool
) -> None:
    assert fits(number, amounts) is able


def test_what_fits_is_what_trying_every_way_finds() -> None:
    for number in (2, 47, 99, 123, 216):
        sizes = [(w.multiplicity, w.freedom) for w in primitive_group(number).positions]
        fixed = [size for size, freedom in sizes if freedom == 0]
        loose = {size for size, freedom in sizes if freedom}
        reach = [any(size == 0 for size in (0,))] + [False] * 6
        for total in range(1, 7):
            reach[total] = any(size <= total and reach[total - size] for size in loose)
        found: set[tuple[int, int]] = set()
        for who in product((0, 1, 2), repeat=len(fixed)):
            one = sum(size for size, owner in zip(fixed, who, strict=True) if owner == 1)
            two = sum(size for size, owner in zip(fixed, who, strict=True) if owner == 2)
            found |= {
                (a, b) for a in range(one, 7) for b in range(two, 7) if reach[a - one] and reach[b - two]
            }
        for a, b in product(range(1, 7), repeat=2):
            assert fits(number, (a, b)) is ((a, b) in found), (number, a, b)


def test_averaged_displacements_keep_the_symmetry() -> None:
    random = np.random.default_rng(0)
    for number in (12, 62, 139, 166, 194, 225):
        cell = arrange(number, {0: 12}, random=random)
        free = random.random((12, 3))
        group = primitive_group(number)
        moves = np.einsum("ijac,jc->ia", cell.averaging(), 0.01 * random.normal(size=(12, 3)))
        moved = cell.places(free) + moves
        for rotation, translation in zip(group.rotations, group.translations, strict=True):
            gap: NDArray[np.float64] = (moved @ rotation.T + translation)[:, None, :] - moved[None]
            gap -= np.round(gap)
            assert np.abs(gap).max(-1).min(1).max() < 1e-6
        twice = np.einsum("ijac,jkcd->ikad", cell.averaging(), cell.averaging())
        np.testing.assert_allclose(twice, cell.averaging(), atol=1e-12)


@pytest.mark.parametrize("number", [4, 14, 62, 76, 78, 136, 166, 194, 198, 225])
def test_vectors_in_another_order_leave_the_space_group(number: int) -> None:
    random = np.random.default_rng(number)
    cell = arrange(number, {0: 12}, random=random)
    free = random.random((12, 3))
    six = np.array([20.0, 25.0, 30.0, 1.0, 2.0, 3.0])
    for axes in AXES:
        mean = metric_projector(number, axes) @ six
        off = mean[3:] / np.sqrt(2)
        metric = np.diag(mean[:3])
        metric[[1, 0, 0], [2, 2, 1]] = metric[[2, 2, 1], [1, 0, 0]] = off
        shape: Any = (np.linalg.cholesky(metric), cell.turned(axes).places(free), 1000 + cell.leader)
        found = spglib_or_none("get_symmetry_dataset", shape, tolerance_angstrom=1e-4)
        assert found is not None
        # Groups 76 and 78 are each other's mirror image: an odd order alone would take one for the other.
        assert found.number == number, axes


def test_equal_vectors_stand_together_in_a_reduced_cell() -> None:
    assert set(reduced_axes(136)) == {axes for axes in AXES if axes[1] != 2}
    assert set(reduced_axes(62)) == set(reduced_axes(225)) == set(AXES)


def test_a_metric_is_averaged_onto_the_crystal_system() -> None:
    for number in (2, 14, 62, 139, 166, 194, 227):
        matrix = metric_projector(number)
        np.testing.assert_allclose(matrix @ matrix, matrix, atol=1e-12)
    assert [round(float(np.trace(metric_projector(n)))) for n in (1, 3, 16, 75, 143, 146, 195)] == [
        6,
        4,
        3,
        2,
        2,
        2,
        1,
    ]


def test_what_fits_only_with_a_higher_symmetry_is_told_from_what_has_the_group() -> None:
    check_arrangement(225, (1, 1))
    check_arrangement(221, (5,))
    # Two of each in a primitive cell of Fm-3m: a smaller cell describes it.
    with pytest.raises(SpecError, match="higher symmetry"):
        check_arrangement(225, (2, 2))
    with pytest.raises(SpecError, match="cannot take"):
        check_arrangement(225, (1, 4))


def test_the_same_draw_gives_the_same_arrangement_and_what_does_not_fit_is_told() -> None:
    one, two = (arrange(62, {20: 4, 8: 8}, random=np.random.default_rng(7)) for _ in range(2))
    np.testing.assert_array_equal(one.projectors, two.projectors)
    with pytest.raises(SpecError, match="cannot take the Wyckoff positions") as caught:
        arrange(225, {11: 1, 17: 4}, random=np.random.default_rng(0))
    assert caught.value.hint
    with pytest.raises(SpecError, match="higher symmetry"):
        arrange(1, {11: 2}, random=np.random.default_rng(0))
