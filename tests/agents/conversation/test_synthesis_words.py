"""Questions on making a material lead to the synthesis tool, or to the temperature that is asked for."""

from __future__ import annotations

import pytest

from matsmith.agents.conversation.wanted import wanted_in


@pytest.mark.parametrize(
    ("text", "wish"),
    [
        ("How is it made?", ("tool", "synthesis")),
        ("How can it be synthesised?", ("tool", "synthesis")),
        ("How do I make it?", ("tool", "synthesis")),
        ("Which precursors would you take?", ("tool", "synthesis")),
        ("Suggest a synthesis route", ("tool", "synthesis")),
        ("Is it synthesizable?", ("tool", "synthesis")),
        ("At what temperature is it calcined?", ("property", "calcination_temperature")),
        ("give its sintering temperature", ("property", "sintering_temperature")),
        ("How hot is it sintered?", ("property", "sintering_temperature")),
    ],
)
def test_words(text: str, wish: tuple[str, str]) -> None:
    assert wanted_in(text) == [wish]


@pytest.mark.parametrize(
    "text", ["How can I make it stiffer?", "What is its bulk modulus?", "What is it made of?"]
)
def test_other_questions_do_not(text: str) -> None:
    assert ("tool", "synthesis") not in wanted_in(text)
