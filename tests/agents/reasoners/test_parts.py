"""A generator's plan with slips in it: what can be used is taken at once, what cannot is named; only a plan without anything goes back."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from chat_server import says, serving

from matsmith.agents.decisions import (
    CandidateSummary,
    Critique,
    GenerationPlan,
    GenerationQuestion,
    RoundSummary,
)
from matsmith.agents.reasoners.openai_server import OpenAIReasoner
from matsmith.agents.reasoners.parts import without_faulty_parts
from matsmith.core.errors import ReasonerError
from matsmith.core.spec import Chemistry, DesignSpec

Make = Callable[..., OpenAIReasoner]

QUESTION = GenerationQuestion(
    spec=DesignSpec(chemistry=Chemistry(required=["O"], excluded=["Co"])),
    strategies=["known", "decoration"],
    history=[RoundSummary(round=0, best=[CandidateSummary(id="a41c07d2", formula="MgO")])],
    round=1,
    capacity=40,
)
MIXED: dict[str, Any] = {
    "strategies": [{"key": "decoration", "value": 20}, {"key": "alchemy", "value": 5}],
    "formulas": [
        {"formula": "MgAl2O4", "prototype": "spinel"},
        {"formula": "SrO", "prototype": "rock candy"},
        {"formula": "Mg2Qx7", "prototype": ""},
        {"formula": "Mg2(", "prototype": ""},
        {"formula": "CoO", "prototype": ""},
        {"formula": "LiO5", "prototype": ""},
        {"formula": "x" * 90, "prototype": ""},
        {"formula": "CaO", "prototype": None},
    ],
    "substitutions": [
        {"parent": "a41c07d2", "replace": [{"key": "Mg", "value": "Ca"}]},
        {"parent": "a41c07d2", "replace": []},
        {"parent": "ffff", "replace": [{"key": "Mg", "value": "Ca"}]},
    ],
    "directive": {
        "strategies": None,
        "elements": [
            {"key": "Al", "value": 2.0},
            {"key": "Xx", "value": 2.0},
            {"key": "Mg", "value": "much"},
        ],
        "prototypes": [],
        "elements_per_formula": [],
        "parents": ["a41c07d2", "0000"],
        "reason": "Near the best.",
    },
    "reason": "Try these.",
    "evidence": [],
}


def test_one_slip_costs_only_itself_and_no_second_call(reasoner_for: Make) -> None:
    with serving(says(MIXED)) as server:
        plan = reasoner_for(server).decide(QUESTION)
    assert len(server.requests) == 1
    assert plan.strategies == {"decoration": 20}
    assert [(one.formula, one.prototype) for one in plan.formulas] == [("MgAl2O4", "spinel")]
    assert [(one.parent, one.replace) for one in plan.substitutions] == [("a41c07d2", {"Mg": "Ca"})]
    assert plan.directive.elements == {"Al": 2.0}
    assert plan.directive.parents == ["a41c07d2"]
    said = " ".join(plan.warnings)
    for words in (
        "rock candy",
        "formulas: Mg2Qx7: ",
        "formulas: CoO: It contains Co",
        "formulas: LiO5: No common oxidation states",
        "formulas: Mg2(: it is not a chemical formula",
        "formulas: 2 items could not be read",
        "substitutions: 1 item could not be read",
        "substitutions: ffff: no candidate that was shown",
        "no strategy 'alchemy'",
        "no element 'Xx'",
        "directive.elements: 1 item could not be read; 'Mg'",
        "directive.strategies",
        "parents names a candidate",
    ):
        assert words in said


NOTHING: list[dict[str, Any]] = [
    {"strategies": [], "formulas": [{"formula": "CoO", "prototype": ""}]},
    {"strategies": [{"key": "alchemy", "value": 5}]},
    {"strategies": [{"key": "decoration", "value": 0}], "formulas": [{"formula": "x" * 90}]},
]


@pytest.mark.parametrize("empty", NOTHING)
def test_a_plan_of_which_nothing_is_left_goes_back_with_the_reasons(
    reasoner_for: Make, empty: dict[str, Any]
) -> None:
    sound = {"strategies": [{"key": "decoration", "value": 8}]}
    with serving(says(empty), says(sound)) as server:
        plan = reasoner_for(server).decide(QUESTION)
    assert plan.strategies == {"decoration": 8}
    assert plan.warnings == []
    told = server.requests[1]["messages"][-1]["content"]
    assert "cannot be used" in told
    assert any(words in told for words in ("It contains Co", "no strategy 'alchemy'", "could not be read"))


def test_a_plan_that_never_holds_anything_readable_is_no_answer(reasoner_for: Make) -> None:
    unreadable = {"strategies": [{"key": "decoration", "value": "many"}]}
    with serving(says(unreadable)) as server, pytest.raises(ReasonerError, match="no usable GenerationPlan"):
        reasoner_for(server).decide(QUESTION)
    assert len(server.requests) == 3


def test_other_faults_stay_and_the_data_is_not_changed() -> None:
    data: dict[str, Any] = {"strategies": {"known": 3}, "formulas": [{"formula": 5}], "colour": "blue"}
    complaints, kept = without_faulty_parts(data, model=GenerationPlan)
    assert kept == {"strategies": {"known": 3}, "formulas": [], "colour": "blue"}
    assert len(complaints) == 1
    assert data["formulas"] == [{"formula": 5}]
    assert without_faulty_parts({"text": 5}, model=Critique) == ([], {"text": 5})
    assert without_faulty_parts([1], model=GenerationPlan) == ([], [1])


def test_a_list_that_is_too_long_is_cut() -> None:
    data: dict[str, Any] = {"strategies": {}, "formulas": [{"formula": "MgO"}] * 70}
    complaints, kept = without_faulty_parts(data, model=GenerationPlan)
    assert complaints == ["formulas: only the first 60 can be taken."]
    assert len(GenerationPlan.model_validate(kept).formulas) == 60
