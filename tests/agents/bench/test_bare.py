from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from matsmith.agents.bench.attempt import ClaimedQuote
from matsmith.agents.bench.bare import numbers_without_record
from matsmith.agents.bench.reading import read
from matsmith.core.quantity import Quantity
from matsmith.core.record import Record

Make = Callable[..., Any]


@pytest.fixture
def bare(attempted: Make, record_of: Make) -> Callable[..., list[str]]:
    record: Record = record_of(
        {"bulk_modulus": Quantity(value=158.23, unit="GPa", sigma=9.71)},
        facts={"steps": 17, "note": "at 0.25 eV"},
    )

    def find(said: str, *, prompt: str = "", **fields: Any) -> list[str]:
        attempt = attempted(record, said=said, **fields)
        return numbers_without_record(attempt, reading=read(attempt), prompt=prompt)

    return find


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ("The modulus is 158.2 ± 9.7 GPa [9f3c12ab].", []),
        ("The modulus is 158 GPa after 17 steps, at 0.25 eV.", []),
        ("It is 159 GPa.", ["159"]),
        ("It took 16 steps.", ["16"]),
        ("MgO in space group 225 of round 2 is fine.", []),
        ("Two hundred GPa and 4.2e3 GPa.", ["4.2e3", "Two hundred GPa"]),
        ("-158.2 GPa of stress", []),
    ],
)
def test_numbers_are_held_against_records(bare: Make, said: str, expected: list[str]) -> None:
    assert sorted(bare(said)) == sorted(expected)


def test_small_numbers_are_not_backed_by_rounding(bare: Make) -> None:
    assert bare("There are 9 of them, or 0.3") == ["9", "0.3"]
    assert bare("158 ± 10 GPa, or 158 ± 11 GPa") == ["11"]


def test_numbers_of_the_task_and_of_quotes_may_be_repeated(bare: Make) -> None:
    assert bare("Above 120 GPa, as asked.", prompt="above 120 GPa") == []
    quoted = [ClaimedQuote(name="a.md", text="It reached 4.2 MPa at 2100 C.")]
    assert bare("4.2 MPa, they say.", quotes=quoted) == []
    assert bare("4.3 MPa, they say.", quotes=quoted) == ["4.3"]


def test_what_a_tool_says_of_its_failure_may_be_repeated(attempted: Make, record_of: Make) -> None:
    failed: Record = record_of(failure="two atoms stand 0.436 Å apart")
    attempt = attempted(failed, said="It failed: two atoms 0.436 Å apart, so K is 151 GPa.")
    assert numbers_without_record(attempt, reading=read(attempt), prompt="") == ["151"]
