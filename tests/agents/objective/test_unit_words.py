from __future__ import annotations

import pytest

from matsmith.agents.objective.unit_words import EVERYDAY, UNITS, unit_at
from matsmith.core.properties import PROPERTIES
from matsmith.core.units import convert


@pytest.mark.parametrize(("pair", "rule"), [item for item in EVERYDAY.items() if "USD" not in item[0][0]])
def test_everyday_conversions_agree_with_the_unit_library(
    pair: tuple[str, str], rule: tuple[float, float]
) -> None:
    factor, offset = rule
    assert 7.5 * factor + offset == pytest.approx(convert(7.5, *pair), rel=1e-8)


def test_every_unit_of_the_registry_can_be_read() -> None:
    assert {entry.unit for entry in PROPERTIES.values() if entry.unit} <= set(UNITS)


@pytest.mark.parametrize(
    ("text", "unit"),
    [
        ("GPa", "GPa"), ("gigapascals", "GPa"), (" Mbar", "Mbar"), (" mbar", "mbar"), (" eV", "eV"), ("eV/atom", "eV/atom"),
        (" meV per atom", "meV/atom"), (" g/cm^3", "g/cm3"), (" g cm-3", "g/cm3"), (" °C", "degC"), ("K", "K"),
        (" $/kg", "USD/kg"), (" W/mK", "W/(m*K)"), (" W m-1 K-1", "W/(m*K)"), (" S/cm", "S/cm"), (" mS/cm", "mS/cm"),
        (" mAh/g", "mA*h/g"), (" K-1", "1/K"), (" MPa m^0.5", "MPa*m**0.5"), ("-eV", "eV"),
        (" cm-1", "1/cm"), (" cm^2/s", "cm**2/s"), (" m2/s", "m**2/s"),
    ],
)  # fmt: skip
def test_spellings(text: str, unit: str) -> None:
    found = unit_at(text, 0)
    assert found is not None
    assert found == (UNITS[unit], len(text))


@pytest.mark.parametrize(
    "text", ["oxide", " Kelvinator", "-free", " K-containing", "V2O5", " candidates", "eVs"]
)
def test_other_words_are_no_units(text: str) -> None:
    assert unit_at(text, 0) is None
