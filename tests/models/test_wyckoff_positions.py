"""Wyckoff positions against those of the International Tables, and against what the operations themselves say."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from matsmith.core.errors import StructureError
from matsmith.models.wyckoff_positions import derived_positions, operations, wyckoff_positions

# International Tables for Crystallography A: multiplicities of every position, general one included.
TABULATED = {
    2: (1, 1, 1, 1, 1, 1, 1, 1, 2),
    14: (2, 2, 2, 2, 4),
    19: (4,),
    62: (4, 4, 4, 8),
    136: (2, 2, 4, 4, 4, 4, 4, 8, 8, 8, 16),
    166: (3, 3, 6, 9, 9, 18, 18, 18, 36),
    194: (2, 2, 2, 2, 4, 4, 6, 6, 12, 12, 12, 24),
    225: (4, 4, 8, 24, 24, 32, 48, 48, 48, 96, 96, 192),
    227: (8, 8, 16, 16, 32, 48, 96, 96, 192),
    230: (16, 16, 24, 24, 32, 48, 48, 96),
}


@pytest.mark.parametrize("number", TABULATED)
def test_multiplicities_are_those_of_the_international_tables(number: int) -> None:
    assert sorted(position.multiplicity for position in wyckoff_positions(number)) == list(TABULATED[number])


def test_there_are_as_many_positions_as_are_tabulated() -> None:
    assert sum(len(wyckoff_positions(number)) for number in range(1, 231)) == 1731


@pytest.mark.parametrize("number", [5, 100, 155, 198, 221])
def test_the_table_is_what_the_operations_give(number: int) -> None:
    derived = Counter((one.multiplicity, one.freedom) for one in derived_positions(number))
    assert derived == Counter((one.multiplicity, one.freedom) for one in wyckoff_positions(number))


@pytest.mark.parametrize("number", [1, 15, 62, 88, 136, 167, 194, 205, 216, 229])
def test_an_orbit_has_as_many_points_as_the_position_says_and_is_closed(number: int) -> None:
    group = operations(number)
    random = np.random.default_rng(number)
    for position in wyckoff_positions(number):
        orbit = group.orbit(position.nearest(random.random(3)))
        assert len(orbit) == position.multiplicity
        for point in orbit[:3]:
            assert len(group.orbit(point)) == len(orbit)


def test_there_is_no_group_231() -> None:
    with pytest.raises(StructureError, match="231"):
        wyckoff_positions(231)
    with pytest.raises(StructureError, match="231"):
        operations(231)
