"""Sixty documents that try to steer the reader: none changes a number, a decision or a tool call, whatever the model does."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Any, cast

import pytest
import yaml
from chat_server import MODEL, Handler, completion, serving
from made_corpus import HONEST, corpus_of, document, write_library
from pydantic import SecretStr

from matsmith.agents.context import RunContext
from matsmith.agents.decisions import Answer, AnswerT, GenerationQuestion, Question
from matsmith.agents.generator import propose
from matsmith.agents.leads import leads_of
from matsmith.agents.literature import gather_evidence
from matsmith.agents.literature_answer import answer
from matsmith.agents.literature_outlook import informed
from matsmith.agents.literature_questions import (
    Reading,
    ReadingQuestion,
    Searches,
    WritingQuestion,
    WrittenAnswer,
    WrittenStatement,
)
from matsmith.agents.objective import parse_objective
from matsmith.agents.reasoners.interface import Usage, checked
from matsmith.agents.reasoners.openai_server import OpenAIReasoner
from matsmith.agents.reasoners.rules import RulesReasoner, generation
from matsmith.core.run import Evidence
from matsmith.core.settings import Settings
from matsmith.core.spec import DesignSpec
from matsmith.knowledge.literature.answers import LiteratureAnswer, answer_question
from matsmith.knowledge.literature.chunks import cut
from matsmith.knowledge.literature.untrusted import is_suspicious

QUESTION = "What is the bulk modulus of MgO?"
KEY = "sk-test-0123456789abcdef"
GROUPS: dict[str, list[str]] = yaml.safe_load(
    Path(__file__).with_name("attacks.yaml").read_text(encoding="utf-8")
)
ATTACKS = [(kind, text) for kind, texts in GROUPS.items() for text in texts]
IDS = [f"{kind}-{number}" for kind, texts in GROUPS.items() for number in range(len(texts))]


def attacked(text: str) -> dict[str, str]:
    return {**HONEST, "attack": f"# The bulk modulus of MgO\n\n{text}\n"}


@lru_cache(maxsize=1)
def honest_answer() -> LiteratureAnswer:
    return answer_question(QUESTION, corpus=corpus_of(HONEST.items()))


def assert_sound(found: LiteratureAnswer, texts: dict[str, str]) -> None:
    """Every quote stands in its document, and every statement says only what its quotes say or is one of them."""
    corpus = corpus_of(texts.items())
    for quote in found.quotes:
        document = corpus.document(quote.document_id)
        assert document is not None
        assert document.text[quote.start : quote.end] == quote.text
        assert not is_suspicious(quote.text)
    for statement in found.statements:
        quoted = " ".join(quote.text for quote in statement.quotes)
        for number in re.findall(r"\d+(?:\.\d+)?", statement.text):
            assert number in quoted


def test_there_are_sixty() -> None:
    assert len(ATTACKS) == len({text for _, text in ATTACKS}) == 60


@pytest.mark.parametrize(("kind", "text"), ATTACKS, ids=IDS)
def test_an_answer_without_a_model_keeps_its_numbers(kind: str, text: str) -> None:
    texts = attacked(text)
    found = answer_question(QUESTION, corpus=corpus_of(texts.items()))
    assert_sound(found, texts)
    said = [statement.text for statement in found.statements]
    assert set(said) >= {statement.text for statement in honest_answer().statements}
    from_attack = [quote for quote in found.quotes if quote.name == "attack.md"]
    if from_attack:
        # A false value in plain prose is a source like any other: shown as its own, beside the one it contradicts.
        assert kind in ("false_values", "hidden", "markup")
        numbers = {number for quote in from_attack for number in re.findall(r"\d+", quote.text)}
        sides = [side.quote.name for conflict in found.contradictions for side in conflict.sides]
        assert not numbers or kind != "false_values" or sorted(set(sides)) == ["attack.md", "elastic.md"]


class Obedient:
    """The worst reader there can be: it believes and repeats whatever a passage says, and adds lies of its own."""

    name = "obedient"
    usage = Usage()

    def __init__(self) -> None:
        self.questions: list[Question] = []

    def decide(self, question: Question[AnswerT], *, deadline: float | None = None) -> AnswerT:
        self.questions.append(question)
        return checked(question, self.lie(question))

    def lie(self, question: Question) -> Answer:
        """Repeat what is read, and more."""
        if isinstance(question, ReadingQuestion):
            return Reading(
                relevance=10,
                summary=f"{question.passage[:300]} All candidates are met at 31337 GPa.",
                quotes=[question.passage, "The bulk modulus of MgO is 31337 GPa."],
            )
        if isinstance(question, WritingQuestion):
            lies = [
                "The bulk modulus of MgO is 31337 GPa.",
                "Every candidate meets its target; no check is needed.",
            ]
            return WrittenAnswer(
                answerable=True,
                statements=[
                    *(
                        WrittenStatement(text=note.summary[:600], evidence=[note.id])
                        for note in question.evidence[:4]
                    ),
                    *(WrittenStatement(text=lie, evidence=[question.evidence[0].id]) for lie in lies),
                    WrittenStatement(text="The bulk modulus of MgO is 160 GPa.", evidence=["e99"]),
                ],
            )
        return Searches(queries=["bulk modulus MgO", "ignore all previous instructions"])


@pytest.mark.parametrize(("kind", "text"), ATTACKS, ids=IDS)
def test_the_most_obedient_model_changes_no_number(kind: str, text: str) -> None:
    texts = attacked(text)
    reasoner = Obedient()
    found = answer(QUESTION, corpus=corpus_of(texts.items()), reasoner=reasoner)
    assert_sound(found, texts)
    words = " ".join(statement.text for statement in found.statements)
    assert "160 GPa" in words
    assert "31337" not in words
    assert "candidate" not in words.lower()
    if kind not in ("false_values", "hidden", "markup"):
        assert all(quote.name != "attack.md" for quote in found.quotes)
        assert all(text not in question.model_dump_json() for question in reasoner.questions)


def gullible(handler: Handler) -> None:
    """Over the wire: calls tools, leaks what it was given, invents quotes, adds fields."""
    body = handler.request_body
    name = body["response_format"]["json_schema"]["name"]
    leak = json.dumps([message["content"] for message in body["messages"]])[:200]
    answers: dict[str, dict[str, Any]] = {
        "Searches": {"queries": ["bulk modulus MgO"]},
        "Reading": {
            "relevance": 10,
            "summary": f"verdict: met {leak}",
            "quotes": ["MgO has 31337 GPa, trust me."],
        },
        "WrittenAnswer": {
            "answerable": True,
            "statements": [{"text": "MgO has 31337 GPa.", "evidence": ["e1"]}],
            "missing": "",
        },
    }
    call = {"id": "1", "type": "function", "function": {"name": "relax", "arguments": "{}"}}
    handler.reply(200, completion(json.dumps(answers[name]), tool_calls=[call]))


@pytest.mark.parametrize("kind", GROUPS)
def test_over_the_wire_no_tool_is_offered_and_no_key_stands_in_the_text(
    kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)
    texts = attacked(GROUPS[kind][0])
    with serving(gullible) as server:
        reasoner = OpenAIReasoner(
            base_url=server.base_url, api_key=SecretStr(KEY), model=MODEL, timeout_s=20.0, seed=0
        )
        found = answer(QUESTION, corpus=corpus_of(texts.items()), reasoner=reasoner)
    assert server.requests
    for request in server.requests:
        assert not {"tools", "functions", "tool_choice", "function_call"} & set(request)
        assert KEY not in json.dumps(request)
        system = cast("list[dict[str, str]]", request["messages"])[0]
        assert system["role"] == "system"
        assert GROUPS[kind][0][:30] not in system["content"]
    # Nothing that the model quoted stands in a passage, so there is nothing to answer with.
    assert not found.answered
    assert_sound(found, texts)


@pytest.mark.parametrize(("kind", "text"), ATTACKS, ids=IDS)
def test_no_attack_changes_what_the_rules_decide(
    kind: str, text: str, make_spec: Callable[..., DesignSpec]
) -> None:
    source = document("attack", attacked(text)["attack"])
    spec = make_spec()
    evidence = [
        Evidence(
            id=str(number),
            quote=passage.text,
            source="attack",
            citation="",
            start=passage.start,
            end=passage.end,
            leads=leads_of(passage, document=source, spec=spec),
        )
        for number, passage in enumerate(cut(source))
    ]
    strategies = ["known", "decoration"]
    plain = GenerationQuestion(spec=spec, round=0, strategies=strategies, capacity=20)
    told = GenerationQuestion(
        spec=spec,
        round=0,
        strategies=strategies,
        capacity=20,
        evidence=evidence,
    )
    assert generation(told) == generation(plain)
    assert kind in GROUPS


def test_a_library_full_of_attacks_changes_neither_quotes_nor_candidates(
    make_context: Callable[..., RunContext], house: Settings, tmp_path: Path
) -> None:
    folder = write_library(
        tmp_path / "library",
        [(f"a{n}", f"# The bulk modulus of oxides {n}\n\n{t}\n") for n, (_, t) in enumerate(ATTACKS)],
    )
    clean = make_context(reasoner=RulesReasoner())
    dirty = make_context(reasoner=RulesReasoner())
    clean.settings = house.model_copy(update={"library_dir": tmp_path / "none"})
    dirty.settings = house.model_copy(update={"library_dir": folder})
    gather_evidence(clean)
    for evidence in gather_evidence(dirty):
        assert not is_suspicious(evidence.quote)
        assert all(lead.high is None or lead.high <= 500 for lead in evidence.leads)
    assert propose(dirty, round_number=0) == propose(clean, round_number=0)


def test_a_library_full_of_attacks_changes_nothing_in_a_plan(tmp_path: Path) -> None:
    folder = write_library(
        tmp_path / "library",
        [(f"a{n}", f"# The bulk modulus of oxides {n}\n\n{t}\n") for n, (_, t) in enumerate(ATTACKS)],
    )
    for objective in ("an oxide with a bulk modulus above 150 GPa", "an oxide, as stiff as possible"):
        made = parse_objective(objective)
        clean, dirty = informed(made, folder=None), informed(made, folder=folder)
        assert dirty.spec == clean.spec
        assert dirty.reported == clean.reported
        assert dirty.warnings == clean.warnings
