from __future__ import annotations

from typing import Any

import pytest

from matsmith.agents.decisions import (
    CandidateSummary,
    Critique,
    CritiqueQuestion,
    GenerationPlan,
    GenerationQuestion,
    LiteratureQueries,
    LiteratureQuestion,
    Plan,
    PlanQuestion,
    Question,
    RoundSummary,
    SimulationPlan,
    SimulationQuestion,
)
from matsmith.agents.reasoners.checks import pin_spec, review
from matsmith.agents.reasoners.interface import checked
from matsmith.agents.reasoners.rules import RulesReasoner
from matsmith.core.directive import Directive
from matsmith.core.errors import ReasonerError
from matsmith.core.quantity import Relation
from matsmith.core.spec import Budget, DesignSpec, Target
from matsmith.prompts import load_prompt

ROUND = RoundSummary(
    round=1,
    best=[
        CandidateSummary(
            id="a41c", formula="Al2O3", strategy="known", values={"bulk_modulus": "{r:9f3c.bulk_modulus}"}
        )
    ],
    by_strategy={"known": (3, 1), "decoration": (5, 0)},
)
GENERATION = GenerationQuestion(
    spec=DesignSpec(), round=2, strategies=["known", "decoration"], capacity=10, history=[ROUND]
)
CRITIQUE = CritiqueQuestion(spec=DesignSpec(), rounds=[ROUND])
SIMULATION = SimulationQuestion(
    spec=DesignSpec(),
    round=1,
    candidates=5,
    seconds_left=60,
    seconds_per_relaxation=1,
    seconds_per_measurement=1,
)


def test_a_sound_answer_passes_unchanged() -> None:
    directive = Directive(
        strategies={"known": 0.5},
        elements={"Al": 2, "Na": 0},
        prototypes={"spinel": 1.5},
        elements_per_formula={"3": 2},
        parents=["a41c"],
        reason="Al2O3 with {r:9f3c.bulk_modulus} leads.",
    )
    for question, answer in (
        (
            GENERATION,
            GenerationPlan(
                strategies={"known": 3, "decoration": 20}, directive=directive, reason="More of it."
            ),
        ),
        (CRITIQUE, Critique(text="Al2O3 reaches {r:9f3c.bulk_modulus} in round 1.", directive=directive)),
        (SIMULATION, SimulationPlan(relax=5, measure=2, reason="All of them.")),
    ):
        assert review(question, answer) == ([], answer)  # pyright: ignore[reportArgumentType, reportCallIssue]


def test_words_of_a_target_must_stand_in_the_objective() -> None:
    def target(words: str) -> Target:
        return Target(property="bulk_modulus", relation=Relation.ABOVE, value=150, words=words)

    question = PlanQuestion(objective="An  oxide,\nvery STIFF, that sings")
    sound = Plan(spec=DesignSpec(targets=[target("very stiff"), target("")]), not_understood=["that sings"])
    assert review(question, sound)[0] == []
    complaints, mended = review(
        question,
        Plan(spec=DesignSpec(targets=[target("150 GPa")]), not_understood=["that dances", "that sings"]),
    )
    assert len(complaints) == 2
    assert mended.spec.targets[0].words == ""
    assert mended.spec.targets[0].value == 150
    assert mended.not_understood == ["that sings"]


@pytest.mark.parametrize(
    ("directive", "words"),
    [
        (Directive(elements={"Xx": 2}), "no element 'Xx'"),
        (Directive(elements={"Al": -1}), "weight of 'Al'"),
        (Directive(elements={"Al": 1e6}), "weight of 'Al'"),
        (Directive(strategies={"magic": 2}), "no strategy 'magic'"),
        (Directive(elements_per_formula={"many": 2}), "number of elements 'many'"),
        (Directive(parents=["ffff"]), "not among those shown"),
        (Directive(reason="Raise it to 200 GPa."), "'200'"),
        (Directive(reason="See {r:dead.bulk_modulus}."), "not in the question"),
    ],
)
def test_what_a_directive_cannot_mean_is_dropped(directive: Directive, words: str) -> None:
    for complaints, mended in (
        review(GENERATION, GenerationPlan(strategies={"known": 1}, directive=directive)),
        review(CRITIQUE, Critique(text="", directive=directive)),
    ):
        assert words in complaints[0]
        (warning,) = mended.warnings
        assert warning.startswith(f"Dropped: {complaints[0][:16]}")
        assert "200" not in warning  # nothing that was made up is repeated where a report shows it
        assert "{r:" not in warning
        assert mended.directive == Directive()


def test_strategies_must_exist_and_ask_for_something() -> None:
    complaints, mended = review(
        GENERATION, GenerationPlan(strategies={"magic": 5, "known": -2, "decoration": 7})
    )
    assert len(complaints) == 2
    assert mended.strategies == {"decoration": 7}
    assert review(GENERATION, GenerationPlan(strategies={"known": 0}))[0] == [
        "No candidate at all is asked for."
    ]


def test_no_more_is_simulated_than_there_is() -> None:
    complaints, mended = review(SIMULATION, SimulationPlan(relax=50, measure=60))
    assert len(complaints) == 2
    assert (mended.relax, mended.measure) == (5, 5)


@pytest.mark.parametrize("text", ["It has 250 GPa.", "See {r:dead.bulk_modulus}.", "a" * 5000])
def test_text_with_unbacked_numbers_is_dropped(text: str) -> None:
    complaints, mended = review(CRITIQUE, Critique(text=text))
    assert complaints
    assert mended.text == ""


def test_queries_are_trimmed() -> None:
    question = LiteratureQuestion(spec=DesignSpec())
    complaints, mended = review(question, LiteratureQueries(queries=["  ", "garnet ", "x" * 400]))
    assert len(complaints) == 2
    assert mended.queries == ["garnet"]


def test_code_sets_the_limits_of_a_specification() -> None:
    written = Plan(spec=DesignSpec(objective="other", budget=Budget(wall_time_s=1e9), probability_met=0.51))
    pinned = pin_spec(written, objective="mine").spec
    assert (pinned.objective, pinned.budget, pinned.probability_met) == ("mine", Budget(), 0.84)
    mine = pin_spec(written, objective="mine", budget=Budget(rounds=2), probability_met=0.9).spec
    assert (mine.budget.rounds, mine.probability_met) == (2, 0.9)
    assert written.spec.objective == "other"


def test_the_answer_to_another_question_is_refused() -> None:
    with pytest.raises(ReasonerError, match="A Plan was asked for"):
        checked(PlanQuestion(objective="x"), Critique(text=""))


@pytest.mark.parametrize("role", ["planner", "literature", "generator", "simulator", "critic"])
def test_the_built_in_rules_keep_the_same_rules(role: str) -> None:
    questions: dict[str, type[Question[Any]]] = {
        "planner": PlanQuestion,
        "literature": LiteratureQuestion,
        "generator": GenerationQuestion,
        "simulator": SimulationQuestion,
        "critic": CritiqueQuestion,
    }
    question = questions[role].model_validate_json(load_prompt(role).example[0])
    assert review(question, RulesReasoner().decide(question))[0] == []
