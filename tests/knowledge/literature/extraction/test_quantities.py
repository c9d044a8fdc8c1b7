from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from matsmith.knowledge.literature.extraction.numbers import find_numbers
from matsmith.knowledge.literature.extraction.quantities import find_measures
from matsmith.knowledge.literature.extraction.units import to_unit, unit_at


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("3.37", [3.37]),
        ("−0.42 and -1.5", [-0.42, -1.5]),
        ("12,000 at 1,234.5", [12000.0, 1234.5]),
        ("1.2 × 10−3, 2e-9 and 10^-4", [1.2e-3, 2e-9, 1e-4]),
        ("5 × 10⁻⁶ and 1.1 × 10⁴", [5e-6, 1.1e4]),
        ("(8.1 ± 0.2) × 10^-4", [8.1e-4]),
        ("Fig. 3, Table 2 and [12]", []),
        ("HSE06, Li7La3Zr2O12, d33, C/10", []),
        ("reported in 2014 by", []),
    ],
)
def test_numbers_as_papers_print_them(text: str, values: list[float]) -> None:
    assert [number.value for number in find_numbers(text)] == pytest.approx(values)


@pytest.mark.parametrize(
    ("written", "unit"),
    [
        ("W m−1 K−1", "W/(m*K)"),
        ("W/(m·K)", "W/(m*K)"),
        ("W/mK", "W/(m*K)"),
        ("mS cm⁻¹", "mS/cm"),
        ("g cm−3", "g/cm3"),
        ("g/cm³", "g/cm3"),
        ("MPa m1/2", "MPa*m**0.5"),
        ("MPa√m", "MPa*m**0.5"),
        ("mA h g−1", "mA*h/g"),
        ("μV/K", "uV/K"),
        ("eV per atom", "eV/atom"),
        ("°C", "degC"),
        ("° C−1", "1/K"),
    ],
)
def test_units_as_papers_print_them(written: str, unit: str) -> None:
    found = unit_at(f"3 {written} and", 1)
    assert found is not None
    assert found[0] == unit


@pytest.mark.parametrize("written", ["samples", "Kelvinator", "and", "x", "", "mol%x"])
def test_what_is_no_unit_is_none(written: str) -> None:
    assert unit_at(f"3 {written}", 1) is None


@pytest.mark.parametrize(
    ("value", "unit", "target", "expected"),
    [
        (120.0, "degC", "K", 393.15),
        (1500.0, "HV", "GPa", 14.70998),
        (12.0, "mS/cm", "S/cm", 0.012),
        (96.485, "kJ/mol", "eV", 1.0),
        (11.1, "ppm/K", "1/K", 1.11e-5),
        (1.0, "eV", "GPa", None),
        (1.0, "formula_unit", "eV", None),
    ],
)
def test_conversion_to_the_registrys_unit(
    value: float, unit: str, target: str, expected: float | None
) -> None:
    found = to_unit(value, unit, target)
    assert found == (None if expected is None else pytest.approx(expected, rel=1e-4))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("between 2.6 and 2.8 eV", (2.6, 2.8, "eV", "range")),
        ("from 2.0 to 2.2 eV", (2.0, 2.2, "eV", "range")),
        ("5–8 W/mK", (5.0, 8.0, "W/(m*K)", "range")),
        ("10^-4 to 10^-3 S/cm", (1e-4, 1e-3, "S/cm", "range")),
        ("exceeds 5.9 eV", (5.9, 5.9, "eV", "above")),
        ("does not exceed 7 GPa", (7.0, 7.0, "GPa", "below")),
        ("≥ 250 mAh/g", (250.0, 250.0, "mA*h/g", "above")),
        ("less than 0.45 eV", (0.45, 0.45, "eV", "below")),
    ],
)
def test_ranges_and_bounds(text: str, expected: tuple[float, float, str, str]) -> None:
    (measure,) = find_measures(text)
    assert (measure.low, measure.high, measure.unit, measure.relation) == expected


def test_two_values_joined_by_and_are_no_range() -> None:
    assert [m.relation for m in find_measures("1.3 eV and 1.7 eV, respectively")] == ["equal", "equal"]


def test_about_is_kept() -> None:
    (measure,) = find_measures("about 114 GPa")
    assert measure.approximate


@given(
    st.floats(min_value=-1e6, max_value=1e6, allow_nan=False), st.sampled_from(["eV", "GPa", "K", "mS/cm"])
)
def test_a_printed_number_is_read_back(value: float, unit: str) -> None:
    text = f"x is {value:.6f} {unit}."
    (measure,) = find_measures(text)
    assert math.isclose(measure.low, float(f"{value:.6f}"), rel_tol=1e-9, abs_tol=1e-12)
    assert text[measure.start : measure.end].strip().endswith(unit)


@given(st.text(max_size=200))
def test_no_text_breaks_the_grammar_and_every_place_is_inside(text: str) -> None:
    for measure in find_measures(text):
        assert 0 <= measure.start < measure.end <= len(text)
        assert measure.low <= measure.high or measure.relation == "range"


@pytest.mark.parametrize("text", ["10^999 eV", "1e999 K", "5 × 10^-900 S/cm", f"{'9' * 400} eV"])
def test_numbers_that_measure_nothing_are_left_out(text: str) -> None:
    assert list(find_numbers(text)) == []


def test_small_numbers_keep_their_size() -> None:
    assert [number.value for number in find_numbers("0.00001 S/cm and 0.00002(1) × 10^-3")] == [1e-5, 2e-8]
