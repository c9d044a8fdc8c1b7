"""Sentences that ask for new crystals, and those that do not."""

from __future__ import annotations

import pytest

from matsmith.agents.conversation.intents import Kind, Situation
from matsmith.agents.conversation.router import route


@pytest.mark.parametrize(
    ("sentence", "arguments"),
    [
        ("generate 20 candidates of BaTiO3", {"formula": "BaTiO3", "count": 20}),
        ("Please generate some new crystals for LiCoO2.", {"formula": "LiCoO2"}),
        ("generate 50 structures with Li, P and S", {"formula": "Li,P,S", "count": 50}),
        ("generate structures in Li-P-S", {"formula": "Li,P,S"}),
        ("generate 8 kagome crystals with Fe and Sn", {"formula": "Fe,Sn", "count": 8, "motif": "kagome"}),
        ("generate 9999 crystals of NaCl", {"formula": "NaCl", "count": 64}),
    ],
)
def test_crystals_are_asked_for_with_their_formula_or_elements(
    sentence: str, arguments: dict[str, object]
) -> None:
    (intent,) = route(sentence, Situation())
    assert intent.kind is Kind.RUN_TOOL
    assert intent.what == "generate_crystals"
    assert intent.arguments == arguments


@pytest.mark.parametrize(
    "sentence",
    [
        "generate a report",
        "generate candidates for a stable oxide with a bulk modulus above 150 GPa",
        "what is the bulk modulus of BaTiO3",
        "design a cobalt-free lithium oxide",
    ],
)
def test_other_sentences_are_not_taken_for_it(sentence: str) -> None:
    assert all(intent.what != "generate_crystals" for intent in route(sentence, Situation()))
