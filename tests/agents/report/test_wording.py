"""Words for targets, facts and names of quantities."""

from __future__ import annotations

import pytest
from pydantic import JsonValue

from matsmith.agents.report.wording import fact_text, plain_title, target_text, title_of
from matsmith.core.quantity import Relation
from matsmith.core.spec import Target


@pytest.mark.parametrize(
    ("target", "words"),
    [
        (
            Target(property="calcination_temperature", relation=Relation.BELOW, value=1273.15, unit="K"),
            "< 1273.15 K (1000 °C)",
        ),
        (
            Target(property="sintering_temperature", relation=Relation.BETWEEN, value=1273.15, upper=1473.15, unit="K"),
            "1273.15 to 1473.15 K (1000 to 1200 °C)",
        ),
        (Target(property="calcination_temperature", relation=Relation.MINIMISE, unit="K"), "as low as possible"),
        (Target(property="debye_temperature", relation=Relation.ABOVE, value=500.0, unit="K"), "> 500 K"),
        (Target(property="bulk_modulus", relation=Relation.ABOVE, value=150.0, unit="GPa"), "> 150 GPa"),
    ],
)  # fmt: skip
def test_a_furnace_is_set_in_celsius(target: Target, words: str) -> None:
    assert target_text(target) == words


def test_facts_within_facts_are_told_without_brackets_of_data() -> None:
    sets: JsonValue = [
        {"precursors": ["BaCO3", "TiO2"], "share": 0.5},
        {"precursors": ["BaO", "TiO2"], "share": 0.2},
    ]
    words = fact_text(sets)
    assert words == "precursors (BaCO3, TiO2), share 0.5; precursors (BaO, TiO2), share 0.2"
    assert fact_text({"steps": [], "doi": "10.1/x"}) == "steps (none), doi 10.1/x"


def test_what_an_exchange_predicts_has_a_name_in_words() -> None:
    assert title_of("bulk_modulus_with_ti_for_zr") == "bulk modulus with Ti for Zr"
    assert title_of("views_with_a_for_b") == "views with a for b"
    assert plain_title("computed_band_gap").endswith("band gap")
