"""Guesses from known neighbours: exact where the formula is known, near its neighbours where it is not, none from nothing."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from matsmith.core.settings import Settings
from matsmith.tools.strategies.neighbours import (
    expected_value,
    expected_values,
    families,
    nearest_distances,
    role_distances,
    roles,
)
from matsmith.tools.strategies.similarity import COVERED
from matsmith.tools.strategies.sources import tables_of


def test_roles_go_by_amount_and_then_by_electronegativity() -> None:
    assert roles("CaO3Ti") == ((1, 1, 3), (19, 21, 7))
    assert roles("Al2MgO4") == ((1, 2, 4), (11, 12, 7))


def test_an_element_beyond_plutonium_has_no_role() -> None:
    assert roles("AmO2") is None


def test_a_known_formula_weighs_most_in_its_own_guess(furnished: Settings) -> None:
    found = expected_value("bulk_modulus", "O4Mg4", tables=tables_of(furnished))
    assert found is not None
    assert found[0] == pytest.approx(10**2.19, rel=0.1)


def test_what_is_left_out_is_guessed_from_its_neighbours(furnished: Settings) -> None:
    guessed = [
        expected_value("bulk_modulus", formula, tables=tables_of(furnished), leave_out_itself=True)
        for formula in ("SrO", "NiO")
    ]
    values = [guess[0] for guess in guessed if guess is not None]
    # CaO (107 GPa) and BaO (68) stand beside SrO; NiO has only MgO (155) near.
    assert len(values) == 2
    assert 68 < values[0] < 107
    assert values[1] > values[0]


def test_nothing_is_guessed_without_a_table_or_a_neighbour(bare: Settings, furnished: Settings) -> None:
    assert expected_value("bulk_modulus", "MgO", tables=tables_of(bare)) is None
    assert expected_value("bulk_modulus", "Mg7O9", tables=tables_of(furnished)) is None
    assert expected_value("hardness", "MgO", tables=tables_of(furnished)) is None
    assert expected_value("bulk_modulus", "K2O", tables=tables_of(furnished), leave_out_itself=True) is None


def test_distances_are_the_sum_over_roles(furnished: Settings) -> None:
    family = families("bulk_modulus", tables=tables_of(furnished))[(1, 1, 3)]
    table = role_distances(family.elements, family.elements, stoichiometry=family.stoichiometry)
    assert np.allclose(np.diag(table), 0.0)
    assert np.allclose(table, table.T)


@pytest.mark.parametrize("stoichiometry", [(1, 2), (1, 1, 3), (1, 1, 2, 4)])
def test_the_nearest_is_the_least_of_all_distances(stoichiometry: tuple[int, ...]) -> None:
    random = np.random.default_rng(len(stoichiometry))
    first, second = (random.integers(COVERED, size=(count, len(stoichiometry))) for count in (300, 80))
    every = role_distances(first, second, stoichiometry=stoichiometry)
    nearest = nearest_distances(first, second, stoichiometry=stoichiometry)
    np.testing.assert_allclose(nearest, every.min(axis=1), rtol=1e-6)
    assert np.isinf(nearest_distances(first, second[:0], stoichiometry=stoichiometry)).all()


def test_a_guess_far_from_everything_stays_finite(furnished: Settings) -> None:
    family = families("bulk_modulus", tables=tables_of(furnished))[(1, 1)]
    guess = expected_values(family, np.array([[54, 8]]))
    assert np.isfinite(guess.value).all()
    assert guess.distance[0] > 1


@pytest.mark.skipif(not os.environ.get("MATSMITH_DATA"), reason="needs the tables")
def test_left_out_bulk_moduli_are_ordered_well(tmp_path: Path) -> None:
    from scipy.stats import spearmanr  # pyright: ignore[reportUnknownVariableType]

    settings = Settings(data_dir=Path(os.environ["MATSMITH_DATA"]), cache_dir=tmp_path)
    family = families("bulk_modulus", tables=tables_of(settings))[(1, 1, 3)]
    guess = expected_values(family, family.elements, leave_out_itself=True)
    assert float(spearmanr(guess.value, family.values)[0]) > 0.75  # pyright: ignore[reportArgumentType,reportUnknownArgumentType]
