"""The reduced key: one composition, one key."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from matsmith.core.errors import SpecError
from matsmith.knowledge.formulas import element_bits, key_amounts, key_elements, reduced_key

AMOUNTS = st.dictionaries(
    st.sampled_from(["H", "Li", "C", "Cl", "Co", "O", "U", "Og"]), st.integers(1, 40), min_size=1
)


@pytest.mark.parametrize(
    ("written", "key"),
    [
        ("K4Mn4O8", "KMnO2"),
        ("KMnO2", "KMnO2"),
        ("MnKO2", "KMnO2"),
        ("C1Pt1", "CPt"),
        ("CO", "CO"),
        ("Co", "Co"),
        ("O2", "O"),
        ("Fe1Fe1O1", "Fe2O"),
        ("Al2(SO4)3", "Al2O12S3"),
        ("Ag(W3Br7)2", "AgBr14W6"),
        ("Ag0.5Ge1Pb1.75S4", "Ag2Ge4Pb7S16"),
        ("Ti0.3333O0.6667", "O2Ti"),
    ],
)
def test_known_formulas(written: str, key: str) -> None:
    assert reduced_key(written) == key


@given(AMOUNTS, st.integers(1, 9))
def test_multiples_orders_and_ways_of_writing_share_a_key(amounts: dict[str, int], factor: int) -> None:
    key = reduced_key({symbol: float(count) for symbol, count in amounts.items()})
    assert (
        reduced_key("".join(f"{symbol}{count * factor}" for symbol, count in reversed(amounts.items())))
        == key
    )
    total = sum(amounts.values())
    if total < 1000:
        assert reduced_key({symbol: count / total for symbol, count in amounts.items()}) == key
    assert reduced_key(key) == key
    assert math.gcd(*key_amounts(key).values()) == 1
    assert set(key_elements(key)) == set(amounts)


@pytest.mark.parametrize(
    "wrong",
    [
        "",
        "Xx2",
        "fe2o3",
        "Fe2O3)",
        "Fe 2",
        "H0",
        "Fe-2",
        {"Fe": -1.0},
        {"Fe": math.nan},
        {"Fe": 0.0},
        {"Xx": 1.0},
    ],
)
def test_what_is_no_composition_is_refused(wrong: str | dict[str, float]) -> None:
    with pytest.raises(SpecError):
        reduced_key(wrong)


def test_element_sets_are_two_words() -> None:
    assert element_bits(["H"]) == (1, 0)
    assert element_bits(["Gd"]) == (1 << 63, 0)
    assert element_bits(["Tb", "H"]) == (1, 1)
