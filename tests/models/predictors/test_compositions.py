"""Formulas as arrays: one composition however it is written, and a clear refusal for what is none."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from matsmith.core.elements import SYMBOLS
from matsmith.core.errors import SpecError
from matsmith.models.predictors.compositions import (
    FOLDS,
    composition_key,
    fold_of,
    gather,
    read_formula,
)

AMOUNTS = st.dictionaries(st.sampled_from(SYMBOLS[:90]), st.integers(1, 20), min_size=1, max_size=6)


@given(AMOUNTS, st.integers(1, 4), st.randoms(use_true_random=False))
def test_neither_order_nor_formula_unit_changes_a_composition(
    amounts: dict[str, int], factor: int, random: object
) -> None:
    plain = "".join(f"{symbol}{amount}" for symbol, amount in amounts.items())
    turned = "".join(f"{symbol}{amount * factor}" for symbol, amount in reversed(amounts.items()))
    one, other = read_formula(plain), read_formula(turned)
    assert composition_key(one) == composition_key(other)
    assert sum(one.values()) == pytest.approx(1.0)
    first, second = gather([one]), gather([other])
    assert (first.elements == second.elements).all()
    assert np.allclose(first.fractions, second.fractions)


@pytest.mark.parametrize(
    ("formula", "words"),
    [
        ("LixCoO2", "variable amount (x)"),
        ("YBa2Cu3O7-δ", "variable amount (δ)"),
        ("Ba1-ySryTiO3", "variable"),
        ("", "empty"),
        ("diamond", "not a chemical formula"),
        ("hello", "not a chemical formula"),
        ("Fe3+", "not a chemical formula"),
        ("Qq2O3", "no element 'Qq'"),
        ("C600H1400", ""),
        ("C601H1400", "2001 atoms"),
        ("Al2(SO4", "not a chemical formula"),
        ("Fe0O1", "not a chemical formula"),
        ("Fe" * 300, "too long"),
        ("".join(SYMBOLS[:25]), "25 elements"),
    ],
)
def test_what_is_no_single_composition_is_refused_with_what_to_do(formula: str, words: str) -> None:
    if not words:
        assert read_formula(formula) == {"C": pytest.approx(0.3), "H": pytest.approx(0.7)}
        return
    with pytest.raises(SpecError) as caught:
        read_formula(formula)
    assert words in caught.value.message
    assert caught.value.hint


def test_a_supercell_is_its_compound() -> None:
    assert read_formula("Al2000O3000") == pytest.approx(read_formula("Al2O3"))


def test_folds_are_even_and_always_the_same() -> None:
    keys = [composition_key({one: 0.5, other: 0.5}) for one in SYMBOLS[:60] for other in SYMBOLS[60:90]]
    counts = np.bincount([fold_of(key) for key in keys], minlength=FOLDS)
    assert len(counts) == FOLDS
    assert counts.min() > 0.8 * len(keys) / FOLDS
    assert fold_of("O0.5000 Mg0.5000") == fold_of("O0.5000 Mg0.5000")


def test_an_unknown_symbol_is_refused() -> None:
    with pytest.raises(SpecError, match="no element"):
        gather([{"Xx": 1.0}])
