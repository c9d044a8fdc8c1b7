"""What a prompt asks for is what the schema takes: the same fields, in the same order, and an answer made from the schema is accepted."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any, cast

import pytest
from chat_server import says, serving

from matsmith.agents.decisions import (
    Critique,
    CritiqueQuestion,
    GenerationQuestion,
    LiteratureQuestion,
    Plan,
    PlanQuestion,
    Question,
    SimulationQuestion,
)
from matsmith.agents.doubts import CritiqueSecondLook, PlanSecondLook
from matsmith.agents.reasoners.openai_server import OpenAIReasoner
from matsmith.agents.reasoners.rules import RulesReasoner
from matsmith.agents.reasoners.schema import FIELDS_SET_BY_CODE, strict_schema
from matsmith.core.directive import Directive
from matsmith.prompts import load_prompt

OBJECTIVE = "a stable cobalt-free oxide with a bulk modulus above 150 GPa, cheap"
QUESTIONS: dict[str, type[Question[Any]]] = {
    "planner": PlanQuestion,
    "literature": LiteratureQuestion,
    "generator": GenerationQuestion,
    "simulator": SimulationQuestion,
    "critic": CritiqueQuestion,
    "planner_doubt": PlanSecondLook,
    "critic_doubt": CritiqueSecondLook,
}
_INNER = re.compile(r"`([a-z_]+)`(?: \(([^)]*)\))?")


def schema_of(role: str) -> dict[str, Any]:
    question = QUESTIONS[role].model_construct()
    return strict_schema(question.answer_type(), omit=FIELDS_SET_BY_CODE)


def resolved(schema: dict[str, Any], root: dict[str, Any]) -> dict[str, Any]:
    name = str(schema.get("$ref", "")).removeprefix("#/$defs/")
    return cast("dict[str, Any]", root["$defs"][name]) if name else schema


@pytest.mark.parametrize("role", QUESTIONS)
def test_a_prompt_asks_for_exactly_the_fields_of_its_schema_in_their_order(role: str) -> None:
    schema = schema_of(role)
    output = load_prompt(role).system.split("# Output")[1].split("# Example")[0]
    sentence = output.split("Where the schema")[0]
    named = [(name, inner) for name, inner in _INNER.findall(sentence) if name not in ("key", "value")]
    assert [name for name, _ in named] == list(schema["properties"])
    for name, inner in named:
        fields = [word.strip() for word in inner.split(",") if re.fullmatch(r"\s*[a-z_]+\s*", word)]
        part = resolved(schema["properties"][name], schema)
        if name in ("spec", "directive"):
            assert fields == list(part["properties"])


@pytest.mark.parametrize("role", QUESTIONS)
def test_the_example_holds_no_field_that_the_schema_forbids(role: str) -> None:
    schema = schema_of(role)

    def check(data: object, part: dict[str, Any]) -> None:
        part = resolved(part, schema)
        if "anyOf" in part:
            part = next((one for one in part["anyOf"] if one.get("type") != "null"), part)
        if isinstance(data, dict) and "properties" in part:
            for name, value in cast("dict[str, Any]", data).items():
                assert name in part["properties"]
                check(value, part["properties"][name])
        elif isinstance(data, list):
            for item in cast("list[object]", data):
                check(item, part.get("items", {}))

    check(json.loads(load_prompt(role).example[1]), schema)


def made_from(schema: dict[str, Any], root: dict[str, Any]) -> Any:
    """The plainest data that a strict schema takes: every field, lists with one item, the first value of a choice."""
    schema = resolved(schema, root)
    if "enum" in schema or "const" in schema:
        return schema.get("enum", [schema.get("const")])[0]
    if "anyOf" in schema:
        parts = cast("list[dict[str, Any]]", schema["anyOf"])
        return None if {"type": "null"} in parts else made_from(parts[0], root)
    match schema.get("type"):
        case "object":
            return {name: made_from(part, root) for name, part in schema["properties"].items()}
        case "array":
            return []
        case "boolean":
            return False
        case "integer":
            return 1
        case "number":
            return 0.5
        case _:
            return ""


@pytest.mark.parametrize("role", ["planner_doubt", "critic_doubt"])
def test_an_answer_made_strictly_from_the_schema_is_accepted(
    reasoner_for: Callable[..., OpenAIReasoner], role: str
) -> None:
    question = a_second_look(role)
    said: list[dict[str, Any]] = []

    def strictly(handler: Any) -> None:
        held = handler.request_body["response_format"]["json_schema"]["schema"]
        answer = made_from(held, held)
        first = question.shown()["first"]
        # What is repeated from `first` is repeated letter for letter, by the prompt's own rule.
        answer = _repeated(answer, first)
        answer["doubts"] = ["The first one lacks a word."]
        said.append(answer)
        says(answer)(handler)

    with serving(strictly) as server:
        answer = reasoner_for(server).decide(question)
    assert len(server.requests) == 1
    assert answer.warnings == []
    assert answer.doubts == ["The first one lacks a word."]
    assert next(iter(said[0])) == "doubts"


def _repeated(answer: dict[str, Any], first: dict[str, Any]) -> dict[str, Any]:
    """The first answer in the form that the schema asks for; every field of it must have a place there."""
    for name, value in first.items():
        assert name in answer
        if isinstance(value, dict) and isinstance(answer[name], dict):
            answer[name] = _repeated(answer[name], cast("dict[str, Any]", value))
        elif isinstance(value, dict):
            pairs = cast("dict[str, Any]", value)
            answer[name] = [{"key": key, "value": each} for key, each in pairs.items()]
        elif name != "targets":
            answer[name] = value
        else:
            answer[name] = [{"value": None, "upper": None, **target} for target in value]
    return answer


def a_second_look(role: str) -> Question[Any]:
    if role == "planner_doubt":
        plan = RulesReasoner().decide(PlanQuestion(objective=OBJECTIVE))
        plan = plan.model_copy(update={"warnings": ["Dropped: something."]})
        return PlanSecondLook(objective=OBJECTIVE, first=plan)
    question = CritiqueQuestion.model_validate_json(load_prompt("critic").example[0])
    directive = Directive(elements={"Al": 2.0}, formulas={"Al2O3": 2.0}, reason="Stay near.")
    first = Critique(text="Nothing yet.", directive=directive, warnings=["Dropped: something."])
    return CritiqueSecondLook(
        **{name: getattr(question, name) for name in CritiqueQuestion.model_fields}, first=first
    )


@pytest.mark.parametrize("role", ["planner_doubt", "critic_doubt"])
def test_a_first_answer_is_shown_without_what_no_model_may_write(role: str) -> None:
    question = a_second_look(role)
    first = question.shown()["first"]
    assert "warnings" not in first
    assert not {"objective", "budget", "probability_met"} & set(first.get("spec", {}))
    assert "formulas" not in first.get("directive", {})
    assert question.digest() == type(question).model_validate(question.model_dump()).digest()


def test_what_only_code_writes_is_ignored_when_a_model_writes_it(
    reasoner_for: Callable[..., OpenAIReasoner],
) -> None:
    spec: dict[str, Any] = {"targets": [], "chemistry": {"required": ["O"]}, "probability_met": 0.5}
    said: dict[str, Any] = {"spec": spec, "warnings": ["all is well"], "reported": [{"made": "up"}]}
    with serving(says(said)) as server:
        plan = reasoner_for(server).decide(PlanQuestion(objective="an oxide"))
    assert isinstance(plan, Plan)
    assert (plan.warnings, plan.reported, plan.spec.probability_met) == ([], [], 0.84)
