"""Prices go by mass, and an element without a quote has none."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from matsmith.core.crystal import Crystal
from matsmith.core.record import Outcome
from matsmith.core.settings import Settings
from matsmith.knowledge.elements import price_usd_per_kg
from matsmith.tools.base import Deps
from matsmith.tools.element_price import ElementPriceArgs
from matsmith.tools.registry import get_tool


def _asked(crystal: Crystal, settings: Settings) -> Outcome:
    deps = Deps(settings=settings, inputs={"c": crystal})
    return get_tool("element_price").run(ElementPriceArgs(structure="c"), deps=deps)


def test_the_price_is_the_mean_by_mass(plain: Settings, rocksalt: Callable[..., Crystal]) -> None:
    price = _asked(rocksalt("Ti", anion="Al"), plain).quantities["price"]
    titanium, aluminium = (price_usd_per_kg({symbol: 1.0}).usd_per_kg for symbol in ("Ti", "Al"))
    assert titanium is not None
    assert aluminium is not None
    share = 47.867 / (47.867 + 26.982)
    assert price.value == pytest.approx(share * titanium + (1 - share) * aluminium, rel=1e-4)
    assert price.unit == "USD/kg"
    assert price.sigma >= 0


def test_gold_is_dearer_than_iron(plain: Settings, rocksalt: Callable[..., Crystal]) -> None:
    gold, iron = (_asked(rocksalt(metal, anion="Cu"), plain) for metal in ("Au", "Fe"))
    assert gold.quantities["price"].value > 100 * iron.quantities["price"].value


def test_an_element_without_a_quote_is_named(plain: Settings, rocksalt: Callable[..., Crystal]) -> None:
    failure = _asked(rocksalt("Ac"), plain).failure
    assert failure is not None
    assert failure.code == "unpriced"
    assert "Ac" in failure.message
