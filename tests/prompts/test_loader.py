from __future__ import annotations

import json
import unicodedata
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from matsmith.agents.decisions import (
    CritiqueQuestion,
    GenerationQuestion,
    LiteratureQuestion,
    PlanQuestion,
    Question,
    SimulationQuestion,
)
from matsmith.agents.doubts import CritiqueSecondLook, PlanSecondLook
from matsmith.agents.reasoners.checks import review
from matsmith.core.errors import PromptError
from matsmith.core.properties import PROPERTIES
from matsmith.core.quantity import Relation
from matsmith.prompts.loader import clean, fence, load_prompt, parse_prompt
from matsmith.prompts.property_list import property_list

QUESTIONS: dict[str, type[Question]] = {
    "planner": PlanQuestion,
    "literature": LiteratureQuestion,
    "generator": GenerationQuestion,
    "simulator": SimulationQuestion,
    "critic": CritiqueQuestion,
    "planner_doubt": PlanSecondLook,
    "critic_doubt": CritiqueSecondLook,
}
PROMPT = """---
role: tester
version: 1
variables: [facts, question]
answer: Critique
untrusted: [question]
---
# Role

r

# Task

{{facts}}

# Rules

r

# Output

o

# Example

```json
{}
```

```json
{}
```

# Input

{{question}}
"""


@pytest.mark.parametrize("role", QUESTIONS)
def test_the_example_of_each_role_is_a_sound_answer(role: str) -> None:
    prompt = load_prompt(role)
    asked, answered = prompt.example
    data: dict[str, Any] = json.loads(asked)
    for quote in data.get("evidence", []):
        # A model is shown quotes in short: where they stand in their source is for code alone.
        quote.update(citation="", start=0, end=len(quote["quote"]))
    question = QUESTIONS[role].model_validate(data)
    if "evidence" in data:
        shown = [{**quote, "retracted": True} for quote in question.shown()["evidence"]]
        assert shown == [{**quote, "retracted": True} for quote in json.loads(asked)["evidence"]]
    assert question.role == role == prompt.role
    assert prompt.answer == question.answer_type().__name__
    answer = question.answer_type().model_validate_json(answered)
    assert review(question, answer)[0] == []
    assert question.review(answer) == ([], answer)


@pytest.mark.parametrize("role", QUESTIONS)
def test_each_role_keeps_the_question_out_of_its_instructions(role: str) -> None:
    prompt = load_prompt(role)
    assert prompt.untrusted == {"question"}
    extra: dict[str, Any] = {"properties": property_list()} if role.startswith("planner") else {}
    system, user = prompt.render(question="MARKER {{properties}}", **extra)
    assert (system["role"], user["role"]) == ("system", "user")
    assert "MARKER" not in system["content"]
    assert "MARKER {{properties}}" in user["content"]
    assert len(prompt.sha256) == 64


def test_the_planner_knows_every_property_relation_and_threshold() -> None:
    system = load_prompt("planner").render(properties=property_list(), question="x")[0]["content"]
    for entry in PROPERTIES.values():
        assert f"- {entry.name} [{entry.unit or 'no unit'}]" in system
    for relation in Relation:
        assert f"`{relation}`" in system
    for words in (
        '"stable" 0.05',
        '"metastable" 0.07',
        '"thermodynamically stable"',
        "0.025",
        "energy_above_hull_at_conditions",
    ):
        assert words in system
    assert "not_understood" in system


def test_variables_are_checked_exactly() -> None:
    prompt = parse_prompt(PROMPT, name="tester.md")
    with pytest.raises(PromptError, match="lacks facts"):
        prompt.render(question="x")
    with pytest.raises(PromptError, match="no variable more"):
        prompt.render(question="x", facts="y", more="z")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (("---\nrole", "role"), "front matter"),
        (("version: 1\n", ""), "fields"),
        (("version: 1\n", "version: 1\nversion: 2\n"), "single"),
        (("# Rules", "# Ruling"), "sections"),
        (("{{facts}}", "{{question}}"), "variables"),
        (("{{facts}}", "{{facts}} {{question}}"), "outside its section"),
        (("```json\n{}\n```\n\n", ""), "worked example"),
        (("[facts, question]", "[facts, question, more]"), "variables"),
    ],
)
def test_a_damaged_file_is_named(change: tuple[str, str], words: str) -> None:
    with pytest.raises(PromptError, match=words):
        parse_prompt(PROMPT.replace(*change, 1), name="tester.md")


@pytest.mark.parametrize("role", ["nobody", "../planner", "", "Planner"])
def test_a_role_without_a_prompt_is_refused(role: str) -> None:
    with pytest.raises(PromptError):
        load_prompt(role)


@given(text=st.text(max_size=300), seed=st.none() | st.integers())
def test_a_fence_closes_once_whatever_stands_in_it(text: str, seed: int | None) -> None:
    fenced = fence(text, name="question", seed=seed)
    mark = fenced.split()[1]
    assert fenced.count(mark) == 2
    assert fenced == f"<<<DATA {mark} question>>>\n{clean(text)}\n<<<END {mark}>>>"


def test_marks_repeat_with_a_seed_only() -> None:
    assert fence("a", name="q", seed=1) == fence("a", name="q", seed=1)
    assert fence("a", name="q", seed=1) != fence("a", name="q", seed=2)
    assert fence("a", name="q", seed=1).split()[1] != fence("b", name="q", seed=1).split()[1]
    assert fence("a", name="q") != fence("a", name="q")


@given(st.text(st.characters(), max_size=200))
def test_cleaned_text_holds_nothing_invisible(text: str) -> None:
    cleaned = clean(text)
    assert clean(cleaned) == cleaned
    assert cleaned.encode().decode() == cleaned
    for letter in cleaned:
        assert letter in "\n\t" or unicodedata.category(letter) not in {"Cc", "Cf", "Cs", "Co"}


@pytest.mark.parametrize(
    ("text", "cleaned"),
    [
        ("a\u200bb\u202ec\ufeff", "abc"),
        ("a\U000e0041\U000e0042b", "ab"),
        ("x\ufe0f\U000e0101y", "xy"),
        ("a\r\nb\u2028c", "a\nb\nc"),
        ("\x1b[31mred\x00", "[31mred"),
        ("\ud800x", "x"),
        ("Å³ Al₂O₃ é 日本", "Å³ Al₂O₃ é 日本"),
    ],
)
def test_cleaning_keeps_what_is_seen(text: str, cleaned: str) -> None:
    assert clean(text) == cleaned


def test_examples_are_plain_json() -> None:
    for role in QUESTIONS:
        for block in load_prompt(role).example:
            json.loads(block)
