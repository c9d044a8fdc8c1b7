from __future__ import annotations

import pytest

from matsmith.core.errors import UnitError
from matsmith.core.units import convert, same_dimension


@pytest.mark.parametrize(
    ("value", "unit", "target", "expected"),
    [
        (1.0, "Mbar", "GPa", 100.0),
        (150_000.0, "MPa", "GPa", 150.0),
        (1.0, "TPa", "GPa", 1000.0),
        (96.4853321, "kJ/mol", "eV/atom", 1.0),  # CODATA 2018: e N_A = 96485.33212 C/mol
        (25.0, "meV/atom", "eV/atom", 0.025),
        (25.0, "meV", "eV/atom", 0.025),
        (4000.0, "kg/m3", "g/cm3", 4.0),
        (500.0, "°C", "K", 773.15),
        (10.0, "kbar", "GPa", 1.0),
        (1.0, "g/cm^3", "g/cm3", 1.0),
        (0.5, "mV", "V", 0.0005),
    ],
)
def test_conversions(value: float, unit: str, target: str, expected: float) -> None:
    assert convert(value, unit, target) == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize(
    ("unit", "target"),
    [
        ("eV", "GPa"),
        ("GPa", "eV/atom"),
        ("furlongs!", "GPa"),
        ("bananas", "GPa"),
        ("K", "USD/kg"),
        ("", "GPa"),
    ],
)
def test_wrong_dimensions_and_unknown_units_say_what_is_wanted(unit: str, target: str) -> None:
    with pytest.raises(UnitError) as caught:
        convert(1.0, unit, target)
    assert target in str(caught.value)
    assert not same_dimension(unit, target)
