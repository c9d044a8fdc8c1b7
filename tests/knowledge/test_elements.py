"""Element facts against known values, the rules, and what happens with elements that do not exist."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from matsmith.core.errors import SpecError
from matsmith.knowledge import elements


def _split(symbols: str) -> list[str]:
    return symbols.split()


@pytest.mark.parametrize(
    ("symbol", "mg_per_kg"),
    [
        ("O", 461000),
        ("Si", 282000),
        ("Al", 82300),
        ("Fe", 56300),
        ("Ca", 41500),
        ("Cu", 60),
        ("Li", 20),
        ("Au", 0.004),
        ("S", 350),
        ("Nb", 20),
        ("Lu", 0.8),
        ("Ru", 0.001),
    ],
)
def test_crustal_abundance_is_the_handbooks(symbol: str, mg_per_kg: float) -> None:
    assert elements.facts(symbol).crustal_abundance_mg_per_kg == pytest.approx(mg_per_kg)  # pyright: ignore[reportUnknownMemberType]


def test_abundances_add_up_to_one_kilogram() -> None:
    total = sum(elements.facts(s).crustal_abundance_mg_per_kg or 0.0 for s in elements.symbols())
    assert 0.99e6 < total < 1.01e6  # each entry is an estimate of its own


def test_heavy_elements_of_odd_number_are_rarer_than_their_neighbours() -> None:
    """Oddo-Harkins rule in the lanthanides; it catches slips of a digit such as 80 for 0.8 mg/kg of lutetium."""
    abundance = [
        elements.facts(s).crustal_abundance_mg_per_kg
        for s in _split("Ce Pr Nd Sm Eu Gd Tb Dy Ho Er Tm Yb Lu")
    ]
    values = [value for value in abundance if value is not None]
    assert len(values) == 13
    ce, pr, nd, *rest = values
    assert ce > pr < nd
    assert all(rest[i] > rest[i + 1] for i in range(0, len(rest), 2))
    assert all(rest[i + 1] < rest[i + 2] for i in range(0, len(rest) - 2, 2))


def test_the_customary_sets_hold() -> None:
    for symbol in _split("O Si Al Fe Ca Na K Mg Ti H P Mn C N S F Cl Cu Zn"):
        assert elements.is_earth_abundant(symbol), symbol
    for symbol in _split("Li Co In Te Ga Ge Re Ir Pt Au Sn Nd Ru Tc"):
        assert not elements.is_earth_abundant(symbol), symbol
    for symbol in _split("Pb Cd Hg As Tl Be Ni Co Se U Th Tc Po"):
        assert elements.is_toxic(symbol), symbol
    for symbol in _split("O Si Al Fe Ca Na K Mg Ti Zn Zr C N Cu Mn"):
        assert not elements.is_toxic(symbol, include_form_dependent=True), symbol
    assert not elements.is_toxic("Cr")
    assert elements.is_toxic("Cr", include_form_dependent=True)


def test_cheap_has_three_answers() -> None:
    assert elements.is_cheap("Fe") is True
    assert elements.is_cheap("Ir") is False
    assert elements.is_cheap("Po") is None


def test_radioactive_elements_agree_with_an_independent_table() -> None:
    from pymatgen.core import Element

    for symbol in elements.symbols():
        assert elements.facts(symbol).radioactive == Element(symbol).is_radioactive, symbol


def test_supply_of_rare_earths_is_concentrated_and_of_copper_is_not() -> None:
    assert elements.facts("Nd").hhi_production == 9500
    assert elements.supply_risk("Nd") == "high"
    assert elements.supply_risk("Fe") == "moderate"
    assert elements.supply_risk("Ti") == "low"
    assert elements.supply_risk("Th") is None


def test_price_of_a_compound_is_weighed_by_mass() -> None:
    lithium, oxygen = elements.facts("Li"), elements.facts("O")
    assert lithium.price is not None
    assert oxygen.price is not None
    mass = 2 * lithium.atomic_mass_g_per_mol + oxygen.atomic_mass_g_per_mol
    share = 2 * lithium.atomic_mass_g_per_mol / mass
    expected = share * lithium.price.usd_per_kg + (1 - share) * oxygen.price.usd_per_kg
    assert elements.price_usd_per_kg({"Li": 2, "O": 1}).usd_per_kg == pytest.approx(expected)  # pyright: ignore[reportUnknownMemberType]


@given(st.dictionaries(st.sampled_from(["Mg", "O", "Fe", "Ir", "Li"]), st.floats(0.01, 100.0), min_size=1))
def test_price_lies_between_its_elements_and_inside_its_range(composition: dict[str, float]) -> None:
    estimate = elements.price_usd_per_kg(composition)
    prices = [price.usd_per_kg for s in composition if (price := elements.facts(s).price) is not None]
    assert estimate.usd_per_kg is not None
    assert estimate.low_usd_per_kg is not None
    assert estimate.high_usd_per_kg is not None
    assert min(prices) * (1 - 1e-9) <= estimate.usd_per_kg <= max(prices) * (1 + 1e-9)
    assert estimate.low_usd_per_kg < estimate.usd_per_kg < estimate.high_usd_per_kg


def test_an_unpriced_element_leaves_a_gap_and_is_named() -> None:
    estimate = elements.price_usd_per_kg({"Po": 1, "O": 2})
    assert estimate.usd_per_kg is None
    assert estimate.unpriced == ("Po",)


def test_every_number_names_its_source() -> None:
    for symbol in elements.symbols():
        known = elements.facts(symbol)
        assert (elements.source(symbol, "price") is None) == (known.price is None)
        assert (elements.source(symbol, "abundance") is None) == (known.crustal_abundance_mg_per_kg is None)
        assert (elements.source(symbol, "hhi_production") is None) == (known.hhi_production is None)
        assert elements.source(symbol, "toxicity")
        if known.price is not None:
            assert 0 < known.price.low_usd_per_kg <= known.price.high_usd_per_kg
            assert 1990 < known.price.year < 2030


@pytest.mark.parametrize("symbol", ["", "Xx", "fe", "D", "Unobtainium"])
def test_an_element_that_does_not_exist_is_refused(symbol: str) -> None:
    with pytest.raises(SpecError) as caught:
        elements.facts(symbol)
    assert caught.value.hint


@pytest.mark.parametrize(
    "composition", [{}, {"Fe": 0.0}, {"Fe": -1.0}, {"Fe": float("nan")}, {"Fe": float("inf")}]
)
def test_amounts_that_mean_nothing_are_refused(composition: dict[str, float]) -> None:
    with pytest.raises(SpecError):
        elements.price_usd_per_kg(composition)
