"""How many ions may leave, by the oxidation states that cathodes reach."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from matsmith.knowledge.redox import balanced, mean_charges, removable


@pytest.mark.parametrize(
    ("amounts", "ion", "leaves"),
    [
        ({"Li": 1, "Co": 1, "O": 2}, "Li", 1),
        ({"Li": 1, "Mn": 2, "O": 4}, "Li", 1),
        ({"Li": 2, "Fe": 1, "Si": 1, "O": 4}, "Li", 1),
        ({"Na": 3, "V": 2, "P": 3, "O": 12}, "Na", 3),
        ({"Li": 1, "Ti": 1, "S": 2}, "Li", 1),
        ({"Mg": 1, "Mn": 2, "O": 4}, "Mg", 1),
        ({"Li": 2, "Mn": 1, "O": 3}, "Li", 0),
        ({"Li": 3, "P": 1, "S": 4}, "Li", 0),
        ({"Li": 4, "Ti": 5, "O": 12}, "Li", 0),
        ({"Li": 1, "F": 1}, "Li", 0),
    ],
)
def test_known_hosts(amounts: dict[str, float], ion: str, leaves: float) -> None:
    assert removable(amounts, ion=ion) == pytest.approx(leaves)


@pytest.mark.parametrize("amounts", [{"Li": 1, "C": 6}, {"Li": 15, "Si": 4}, {"Li": 1, "Xe": 1}])
def test_what_oxidation_states_cannot_tell(amounts: dict[str, float]) -> None:
    assert removable(amounts, ion="Li") is None


def test_the_charges_of_a_nickel_manganese_oxide_are_two_and_four() -> None:
    found = mean_charges({"Li": 1, "Ni": 0.5, "Mn": 0.5, "O": 2})
    assert found == {"Li": 1.0, "Ni": 2.0, "Mn": 4.0, "O": -2.0}


@given(
    st.dictionaries(
        st.sampled_from(["Li", "Mg", "Al", "Ti", "Mn", "Fe", "Ni", "P", "O", "S", "F"]),
        st.integers(1, 12),
        min_size=2,
    )
)
def test_charges_add_up_to_zero_and_removal_keeps_the_balance(amounts: dict[str, int]) -> None:
    whole = {symbol: float(n) for symbol, n in amounts.items()}
    found = mean_charges(whole)
    assert (found is not None) == (balanced(whole) is True)
    if found is not None:
        assert sum(found[symbol] * n for symbol, n in whole.items()) == pytest.approx(0.0, abs=1e-3)
    if "Li" in whole:
        leaves = removable(whole, ion="Li")
        assert leaves is None or 0 <= leaves <= whole["Li"]
        if leaves is not None:
            assert balanced({**whole, "Li": whole["Li"] - leaves}, tolerance=1e-2)
