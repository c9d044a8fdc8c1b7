"""The roles with a language model behind them: a scripted one that answers like a model, through the same seams."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any, cast

import pytest

from matsmith.agents.asked import Asked
from matsmith.agents.context import RunContext
from matsmith.agents.critic import summarise
from matsmith.agents.decisions import (
    AnswerT,
    Course,
    Critique,
    CritiqueQuestion,
    GenerationPlan,
    GenerationQuestion,
    Plan,
    PlanQuestion,
    Question,
    SimulationQuestion,
)
from matsmith.agents.doubts import PlanSecondLook
from matsmith.agents.generator import propose
from matsmith.agents.planner import clarified, make_plan
from matsmith.agents.reasoners.interface import Usage
from matsmith.agents.reasoners.rules import RulesReasoner
from matsmith.agents.round_summary import summary_of
from matsmith.agents.second_look import doubted_plan
from matsmith.core.candidate import Candidate
from matsmith.core.errors import BudgetExceeded, ReasonerError
from matsmith.core.run import Event, EventKind, Judgement
from matsmith.core.spec import Budget, DesignSpec
from matsmith.prompts import load_prompt

MakeContext = Callable[..., RunContext]
MakeSpec = Callable[..., DesignSpec]
MakeCandidate = Callable[..., Candidate]
Script = Mapping[str, "dict[str, Any] | Exception"]


class Scripted:
    """Answers each role by what the script holds for it, as a model's JSON would be read; else by the rules."""

    def __init__(self, script: Script, *, tokens: int = 500) -> None:
        self.script, self.tokens = script, tokens
        self.asked: list[Question] = []

    @property
    def name(self) -> str:
        return "openai:scripted"

    @property
    def usage(self) -> Usage:
        return Usage(calls=len(self.asked), input_tokens=self.tokens * len(self.asked), seconds=0.0)

    @property
    def roles(self) -> list[str]:
        return [question.role for question in self.asked]

    def decide(self, question: Question[AnswerT], *, deadline: float | None = None) -> AnswerT:
        self.asked.append(question)
        answer = self.script.get(question.role)
        if isinstance(answer, Exception):
            raise answer
        if answer is None:
            return RulesReasoner().decide(question)
        return question.answer_type().model_validate_json(json.dumps(answer))


def asked(context: RunContext) -> list[Asked]:
    return [Asked.model_validate_json(entry.body) for entry in context.ledger.entries("asked")]


def a_plan(value: float, relation: str) -> dict[str, Any]:
    target = {"property": "bulk_modulus", "relation": relation, "value": value, "words": "at most 1.2 Mbar"}
    return {"spec": {"targets": [target], "chemistry": {"required": ["O"]}}}


OBJECTIVE = "an oxide with a bulk modulus of at most 1.2 Mbar"


def test_a_second_look_amends_a_plan_that_is_wrong() -> None:
    second = a_plan(120, "below") | {"doubts": ["'at most' is an upper limit."]}
    model = Scripted({"planner": a_plan(120, "above"), "planner_doubt": second})
    plan = make_plan(OBJECTIVE, reasoner=model, second_look=True)
    assert plan.spec.targets[0].relation == "below"
    assert type(plan) is Plan
    doubt = model.asked[1]
    assert isinstance(doubt, PlanSecondLook)
    assert doubt.first.spec.targets[0].relation == "above"
    # It is a plan question to every check that a plan goes through.
    assert isinstance(doubt, PlanQuestion)


UNDOUBTED: list[dict[str, Any]] = [
    a_plan(120, "below"),
    a_plan(120, "below") | {"doubts": []},
    {"spec": {"targets": []}, "doubts": ["There is no target."]},
]


@pytest.mark.parametrize("second", UNDOUBTED)
def test_a_plan_without_a_doubt_stands(second: dict[str, Any]) -> None:
    model = Scripted({"planner": a_plan(120, "above"), "planner_doubt": second})
    assert make_plan(OBJECTIVE, reasoner=model, second_look=True).spec.targets[0].relation == "above"


@pytest.mark.parametrize("problem", [ReasonerError("It broke."), BudgetExceeded("No calls are left.")])
def test_a_second_look_that_fails_leaves_the_first_and_says_so(problem: Exception) -> None:
    model = Scripted({"planner": a_plan(120, "above"), "planner_doubt": problem})
    plan = make_plan(OBJECTIVE, reasoner=model, second_look=True)
    assert plan.spec.targets[0].relation == "above"
    assert any("second look" in warning for warning in plan.warnings)


def test_rules_and_the_setting_off_are_not_doubted() -> None:
    model = Scripted({"planner": a_plan(120, "above")})
    make_plan(OBJECTIVE, reasoner=model, second_look=False)
    assert model.roles == ["planner"]
    rules = RulesReasoner()
    question = PlanQuestion(objective=OBJECTIVE)
    plan = rules.decide(question)
    assert doubted_plan(plan, question=question, reasoner=rules) is plan
    assert rules.usage.calls == 1


def test_questions_are_asked_once_and_a_reply_becomes_part_of_the_objective() -> None:
    script: dict[str, Any] = {
        "planner": a_plan(120, "below") | {"questions": ["Is it this or that? Taken as this."]}
    }
    model, put = Scripted(script), list[str]()

    def ask(question: str) -> str:
        put.append(question)
        return "  it is that.  "

    make_plan(OBJECTIVE, reasoner=model, ask=ask)
    assert put == ["Is it this or that? Taken as this."]
    assert [q.objective for q in model.asked if isinstance(q, PlanQuestion)] == [
        OBJECTIVE,
        f"{OBJECTIVE}, it is that",
    ]
    model, put = Scripted(script), []
    make_plan(OBJECTIVE, reasoner=model, ask=lambda question: "")
    assert len(model.asked) == 1
    assert clarified("a stiff oxide.", ["no cobalt.", "cubic"]) == "a stiff oxide, no cobalt, cubic"


def test_every_answer_names_the_prompt_it_came_from(make_context: MakeContext) -> None:
    context = make_context(reasoner=Scripted({}))
    propose(context, round_number=0)
    (note,) = asked(context)
    prompt = load_prompt("generator")
    assert (note.role, note.reasoner) == ("generator", "openai:scripted")
    assert (note.prompt_version, note.prompt_sha256) == (prompt.version, prompt.sha256)
    answers = [entry.key for entry in context.ledger.entries("answer")]
    assert [entry.key for entry in context.ledger.entries("asked")] == answers
    by_rules = make_context()
    propose(by_rules, round_number=0)
    assert [(note.reasoner, note.prompt_sha256) for note in asked(by_rules)] == [("rules", "")]


PROPOSALS: dict[str, Any] = {
    "strategies": {"decoration": 3},
    "formulas": [
        {"formula": "ScO"},
        {"formula": "SrO", "prototype": "rocksalt"},
        {"formula": "CoO"},
        {"formula": "LiO5"},
        {"formula": "BaS"},
        {"formula": "SrO", "prototype": "rock candy"},
    ],
    "substitutions": [{"parent": "0000000000000000", "replace": {"Mg": "Ca"}}],
    "reason": "try these",
}


def test_compositions_asked_for_by_name_are_made_and_the_others_said(
    make_context: MakeContext, make_spec: MakeSpec
) -> None:
    spec = make_spec(
        chemistry={"required": ["O"], "excluded": ["Co"], "elements_min": 2, "elements_max": 2},
        structure={"atoms_max": 4},
        budget=Budget(wall_time_s=3600.0),
    )
    events: list[Event] = []
    context = make_context(spec, reasoner=Scripted({"generator": PROPOSALS}))
    context.listener = events.append
    ids = propose(context, round_number=1)
    made = [context.candidate(name) for name in ids]
    proposed = [candidate for candidate in made if candidate.lineage.strategy == "proposed"]
    assert {candidate.formula for candidate in proposed} >= {"SrO"}
    assert {candidate.formula for candidate in proposed} <= {"SrO", "ScO"}
    # What was asked for stands before what was drawn.
    assert [candidate.lineage.strategy for candidate in made[: len(proposed)]] == ["proposed"] * len(proposed)
    warnings = " ".join(str(event.data["text"]) for event in events if event.kind is EventKind.WARNING)
    for words in (
        "CoO: It contains Co",
        "LiO5: No common",
        "BaS: It lacks O",
        "rock candy",
        "no candidate that was shown",
    ):
        assert words in warnings
    (told,) = [event for event in events if event.kind is EventKind.ROUND]
    assert next(iter(told.data["strategies"])) == "proposed"
    # The ledger keeps what was left out and why, and the next question tells the model.
    kept = context.generation_plan(1)
    assert kept is not None
    assert any("formulas: CoO: It contains Co" in warning for warning in kept.warnings)
    summary = summary_of(context, round_number=1)
    assert any(line.startswith("formulas: CoO: It contains Co") for line in summary.dropped)
    context.ledger.append("round", "1", summary)
    propose(context, round_number=2)
    question = cast("Scripted", context.reasoner).asked[-1]
    shown = question.shown()["history"][-1]["dropped"]
    assert any("LiO5" in line for line in shown)
    assert not any(line.startswith("Dropped") for line in shown)


def test_the_next_round_is_told_what_became_of_them(
    make_context: MakeContext, make_spec: MakeSpec, made_candidate: MakeCandidate
) -> None:
    context = make_context(make_spec(structure={"atoms_max": 4}))
    parent = made_candidate("Mg")
    made = made_candidate("Sr", strategy="proposed", edge=5.16)
    plan = GenerationPlan.model_validate(
        {"strategies": {}, "formulas": [{"formula": "SrO"}, {"formula": "TiO2"}]}
    )
    context.ledger.append_many(
        [
            ("candidate", parent.id, parent),
            ("candidate", made.id, made),
            ("generation", "0", plan),
            ("proposed", "0", json.dumps([parent.id, made.id])),
            ("judgement", made.id, Judgement(candidate=made.id, round=0, rejected="atoms_too_close: no")),
        ]
    )
    summary = summary_of(context, round_number=0)
    assert summary.generated == 2
    assert summary.proposed["SrO"] == "left early"
    assert "not made" in summary.proposed["TiO2"]


def test_a_substitution_starts_from_a_candidate_that_was_shown(
    make_context: MakeContext, make_spec: MakeSpec, made_candidate: MakeCandidate
) -> None:
    from matsmith.agents.summaries import CandidateSummary, RoundSummary

    context = make_context(make_spec(structure={"atoms_max": 4}))
    parent = made_candidate("Mg")
    context.ledger.append("candidate", parent.id, parent)
    best = CandidateSummary(id=parent.id, formula=parent.formula, probabilities={"bulk_modulus": 0.4})
    context.ledger.append("round", "0", RoundSummary(round=0, generated=1, best=[best]))
    plan: dict[str, Any] = {
        "strategies": {},
        "substitutions": [{"parent": parent.id, "replace": {"Mg": "Ca"}}],
    }
    context.reasoner = Scripted({"generator": plan})
    (name,) = propose(context, round_number=1)
    child = context.candidate(name)
    assert (child.formula, child.lineage.parents) == ("CaO", (parent.id,))


def test_a_resumed_round_keeps_its_answer_though_the_clock_went_on(make_context: MakeContext) -> None:
    model = Scripted({"generator": {"strategies": {"known": 2}}})
    context = make_context(reasoner=model)
    propose(context, round_number=0)
    later = SimulationQuestion(
        spec=context.spec,
        round=0,
        candidates=5,
        seconds_left=500,
        seconds_per_relaxation=1.3,
        seconds_per_measurement=4,
    )
    first = context.decide(later, key="0")
    again = context.decide(later.model_copy(update={"seconds_left": 400.0, "candidates": 4}), key="0")
    assert again == first
    assert model.roles == ["generator", "simulator"]


def judged_round(context: RunContext, candidate: Candidate) -> None:
    context.ledger.append_many(
        [
            ("candidate", candidate.id, candidate),
            ("proposed", "0", json.dumps([candidate.id])),
            ("judgement", candidate.id, Judgement(candidate=candidate.id, round=0, rejected="duplicate: x")),
        ]
    )


CRITIQUE: dict[str, Any] = {"text": "All were duplicates.", "course": "widen", "reasons": ["Nothing new."]}
DOUBTED: dict[str, Any] = {
    "text": "The one candidate was a duplicate.",
    "course": "shift",
    "reasons": ["One candidate shows little."],
    "directive": {"elements": {"Mg": 0.5}},
    "doubts": ["'All' was one."],
}


def test_a_second_look_amends_a_critique(make_context: MakeContext, made_candidate: MakeCandidate) -> None:
    events: list[Event] = []
    context = make_context(reasoner=Scripted({"critic": CRITIQUE, "critic_doubt": DOUBTED}))
    context.listener = events.append
    judged_round(context, made_candidate("Mg"))
    summary = summarise(context, round_number=0)
    assert summary.directive.elements == {"Mg": 0.5}
    critique = Critique.model_validate_json(context.ledger.latest("critique", "0") or "")
    assert (critique.course, critique.text) == (Course.SHIFT, "The one candidate was a duplicate.")
    assert [note.role for note in asked(context)] == ["critic", "critic_doubt"]
    (told,) = [event for event in events if event.kind is EventKind.ROUND_FINISHED]
    assert (told.data["course"], told.data["reasons"]) == ("shift", ["One candidate shows little."])


@pytest.mark.parametrize(
    ("budget", "second_look"),
    [
        (Budget(model_calls=12), True),
        (Budget(model_tokens=6_000), True),
        (Budget(), False),
    ],
)
def test_a_second_look_is_taken_only_where_it_can_be_afforded(
    make_context: MakeContext,
    make_spec: MakeSpec,
    made_candidate: MakeCandidate,
    budget: Budget,
    second_look: bool,
) -> None:
    model = Scripted({"critic": CRITIQUE, "critic_doubt": DOUBTED})
    context = make_context(make_spec(budget=budget), reasoner=model)
    context.settings = context.settings.model_copy(update={"second_look": second_look})
    judged_round(context, made_candidate("Mg"))
    summarise(context, round_number=0)
    assert model.roles == ["critic"]


def test_roles_are_shown_what_they_need_and_no_more(
    make_context: MakeContext, made_candidate: MakeCandidate
) -> None:
    model = Scripted({"critic": CRITIQUE})
    context = make_context(reasoner=model)
    propose(context, round_number=0)
    judged_round(context, made_candidate("Mg"))
    summarise(context, round_number=0)
    shown = {question.role: question.shown() for question in model.asked}
    assert set(shown["generator"]) == {"spec", "strategies", "earlier", "round", "capacity", "left"}
    assert set(shown["critic"]) == {"spec", "earlier", "rounds", "left"}
    assert shown["generator"]["strategies"] == ["known", "decoration", "substitution", "random"]
    left = shown["critic"]["left"]
    assert left["rounds"] == 40  # of fifty one is done; read to one digit
    assert left["model_calls"] == 100
    text = json.dumps(shown)
    assert "null" not in text
    # What is pruned comes back as it was.
    for question in model.asked:
        again = type(question).model_validate(question.shown())
        assert again.digest() == question.digest()


def test_questions_of_the_wrong_kind_are_reviewed_as_they_are() -> None:
    question = GenerationQuestion(spec=DesignSpec(), strategies=[], round=0, capacity=8)
    critique = Critique(text="x")
    assert question.review(critique) == ([], critique)
    plan = GenerationPlan(strategies={})
    assert CritiqueQuestion(spec=DesignSpec(), rounds=[]).review(plan) == ([], plan)


@pytest.mark.parametrize("problem", [ReasonerError("It broke."), KeyboardInterrupt()])
def test_what_was_spent_in_vain_is_spent(make_context: MakeContext, problem: BaseException) -> None:
    class Failing(Scripted):
        def decide(self, question: Question[AnswerT], *, deadline: float | None = None) -> AnswerT:
            self.asked.append(question)
            raise problem

    context = make_context(reasoner=Failing({}))
    with pytest.raises(type(problem)):
        propose(context, round_number=0)
    (used,) = [Usage.model_validate_json(entry.body) for entry in context.ledger.entries("usage")]
    assert (used.calls, used.tokens) == (1, 500)


def test_a_warning_repeats_no_number_that_was_made_up(
    make_context: MakeContext, made_candidate: MakeCandidate
) -> None:
    critique = CRITIQUE | {"reasons": ["It reached 987 GPa.", "See {r:dead.bulk_modulus}."]}
    context = make_context(reasoner=Scripted({"critic": critique}))
    judged_round(context, made_candidate("Mg"))
    summarise(context, round_number=0)
    kept = Critique.model_validate_json(context.ledger.latest("critique", "0") or "")
    assert kept.reasons == []
    assert len(kept.warnings) == 2
    assert "987" not in json.dumps(kept.warnings)
    assert "dead" not in json.dumps(kept.warnings)
