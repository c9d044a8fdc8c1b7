from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from matsmith.app.durations import clock, parse_duration
from matsmith.core.errors import UsageError


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("10m", 600),
        ("90s", 90),
        ("1h", 3600),
        ("1h30m", 5400),
        ("600", 600),
        ("0.5h", 1800),
        ("1H 30M", 5400),
        ("2d", 172_800),
        ("10min", 600),
        ("1h90", 3690),
    ],
)
def test_durations_as_people_type_them(text: str, seconds: float) -> None:
    assert parse_duration(text) == seconds


@pytest.mark.parametrize(
    "text", ["", " ", "ten", "10x", "m10", "-5m", "0", "0s", "1e3", "inf", "nan", "400d", "5m1h", "10 m s"]
)
def test_what_is_no_duration_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_duration(text)
    assert caught.value.exit_code == 2
    assert "1h30m" in caught.value.hint


@given(
    st.integers(min_value=0, max_value=23),
    st.integers(min_value=0, max_value=59),
    st.integers(min_value=1, max_value=59),
)
def test_parts_add_up(hours: int, minutes: int, seconds: int) -> None:
    assert parse_duration(f"{hours}h{minutes}m{seconds}s") == 3600 * hours + 60 * minutes + seconds


@given(st.text(max_size=12))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        seconds = parse_duration(text)
    except UsageError:
        return
    assert 0 < seconds <= 366 * 86_400


@given(st.floats(min_value=0, max_value=1e6))
def test_a_clock_reads_back(seconds: float) -> None:
    parts = [int(part) for part in clock(seconds).split(":")]
    total = 0
    for part in parts:
        total = 60 * total + part
    assert total == round(seconds)
