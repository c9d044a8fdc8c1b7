"""A value stays with the candidate it belongs to, whatever a model writes."""

from __future__ import annotations

import pytest

from matsmith.agents.borrowing import borrowed
from matsmith.agents.decisions import CandidateSummary, Critique, CritiqueQuestion, RoundSummary
from matsmith.core.directive import Directive
from matsmith.core.spec import DesignSpec

MG, AL = "{r:aaaa1111.bulk_modulus}", "{r:bbbb2222.bulk_modulus}"
OWNERS: dict[str, set[str]] = {"MgO": {MG}, "Al2O3": {AL}, "NiO": set()}


@pytest.mark.parametrize(
    "text",
    [
        f"MgO reaches {MG}.",
        f"Al2O3 reaches {AL}, MgO only {MG}.",
        f"Al2O3 with {AL} is stiffer than MgO with {MG}; NiO has no value.",
        f"{AL} of Al2O3 exceeds {MG} of MgO.",
        f"The best so far has {AL}.",
        f"MgO was tried, and it reached {MG}. NiO failed.",
        "NiO failed.",
        "",
    ],
)
def test_values_beside_their_own_names_pass(text: str) -> None:
    assert borrowed(text, owners=OWNERS) == ""


@pytest.mark.parametrize(
    ("text", "owner"),
    [
        # The computation of NiO failed, and a neighbour's value is put in its place.
        (f"NiO reaches {MG}.", "MgO"),
        (f"For NiO the modulus is {AL} (estimated).", "Al2O3"),
        (f"MgO reaches {MG}, NiO about {AL}.", "Al2O3"),
        (f"NiO failed, so it was taken as {MG}.", "MgO"),
        (f"O3Al2 has {MG}.", "MgO"),
        (f"MgO gives {AL} while Al2O3 fails.", "Al2O3"),
    ],
)
def test_a_borrowed_value_is_named(text: str, owner: str) -> None:
    assert f"is a value of {owner}" in borrowed(text, owners=OWNERS)


def question() -> CritiqueQuestion:
    best = [
        CandidateSummary(id="m", formula="MgO", values={"bulk_modulus": MG}),
        CandidateSummary(id="n", formula="NiO", gaps={"bulk_modulus": "equation_of_state failed"}),
    ]
    return CritiqueQuestion(spec=DesignSpec(), rounds=[RoundSummary(round=1, best=best)])


def test_texts_with_borrowed_values_are_left_out_and_the_rest_stays() -> None:
    critique = Critique(
        text=f"NiO reaches {MG}.",
        reasons=[
            f"MgO reaches {MG}.",
            f"NiO reaches {MG}.",
            "It reached 180 GPa.",
            "See {r:dead.bulk_modulus}.",
        ],
        directive=Directive(elements={"Ni": 2.0}, reason=f"NiO has {MG}."),
    )
    complaints, kept = question().review(critique)
    assert isinstance(kept, Critique)
    assert (kept.text, kept.reasons, kept.directive.reason) == ("", [f"MgO reaches {MG}."], "")
    assert kept.directive.elements == {"Ni": 2.0}
    assert len(complaints) == 5
    assert any("bare number '180'" in complaint for complaint in complaints)
    assert question().review(kept) == ([], kept)
