"""Attempts through the conversation: by rules, by a scripted model with the whole product, and by one agent with the tools alone."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from matsmith.agents.bench.attempt import Attempt, Ending
from matsmith.agents.bench.chat_door import attempt_chat, of_turn
from matsmith.agents.bench.grading import grade
from matsmith.agents.bench.one_agent import attempt_alone, messages_of
from matsmith.agents.bench.task import Task
from matsmith.agents.bench.task_files import write_files
from matsmith.agents.conversation.tool_loop import CallResult, Ended, TurnResult
from matsmith.agents.reasoners.chat_model import TextDelta, ToolCall, ToolSchema, TurnEnd
from matsmith.agents.reasoners.interface import Usage
from matsmith.agents.reasoners.rules import RulesReasoner
from matsmith.core.settings import Settings

Make = Callable[..., Any]
Messages = Sequence[Mapping[str, Any]]
MGO: dict[str, Any] = {
    "kind": "crystal",
    "space_group": 225,
    "lattice": [4.2112, 4.2112, 4.2112, 90, 90, 90],
    "sites": [["Mg", 0, 0, 0], ["O", 0.5, 0.5, 0.5]],
    "source": "Smyth & McCormick 1995",
}
DENSITY: dict[str, Any] = {
    "check": "value",
    "property": "density",
    "expected": {"recompute": {"way": "density", "file": "MgO.cif"}, "unit": "g/cm3"},
    "relative": 0.02,
}


class ScriptedModel:
    """Answers each request by the next function of its script."""

    name = "openai:scripted"

    def __init__(self, *script: Callable[[Messages], TurnEnd]) -> None:
        self._script = list(script)
        self.usage = Usage()
        self.seen: list[list[str]] = []

    def stream(
        self, messages: Messages, *, tools: Sequence[ToolSchema] = (), deadline: float | None = None
    ) -> Iterator[TextDelta | TurnEnd]:
        self.seen.append([tool.name for tool in tools])
        end = self._script.pop(0)(messages).model_copy(
            update={"usage": Usage(calls=1, input_tokens=100, output_tokens=10)}
        )
        if end.text:
            yield TextDelta(text=end.text)
        yield end


def calls(name: str, **arguments: Any) -> Callable[[Messages], TurnEnd]:
    call = ToolCall(id="c1", name=name, arguments=json.dumps(arguments))
    return lambda messages: TurnEnd(text="", tool_calls=[call], finish_reason="tool_calls")


def says(text: str) -> Callable[[Messages], TurnEnd]:
    """A text, in which RECORD stands for the id that the last tool returned."""

    def answer(messages: Messages) -> TurnEnd:
        returned = "".join(str(message["content"]) for message in messages if message["role"] == "tool")
        found = re.findall(r"\{r:([0-9a-f]{4,16})\.", returned) or ["0000"]
        return TurnEnd(text=text.replace("RECORD", found[-1]))

    return answer


@pytest.fixture
def task(make_task: Make) -> Task:
    return make_task(DENSITY, prompt="What is the density of MgO.cif?", files={"MgO.cif": MGO})


@pytest.fixture
def tried(
    task: Task, house: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., Attempt]:
    """Try the task with a scripted model, alone or in the conversation; without a script by rules."""
    files = write_files(task, tmp_path / "files")

    def run(*script: Callable[[Messages], TurnEnd], alone: bool = False) -> Attempt:
        model = ScriptedModel(*script)

        def scripted(*_: object, **__: object) -> ScriptedModel:
            return model

        def rules(*_: object, **__: object) -> RulesReasoner:
            return RulesReasoner()

        monkeypatch.setattr("matsmith.agents.bench.chat_door.make_chat_model", scripted)
        monkeypatch.setattr("matsmith.agents.reasoners.providers.from_settings", rules)
        options: dict[str, Any] = {"folder": tmp_path, "files": files, "settings": house, "seed": 0}
        if alone:
            return attempt_alone(task, **options)
        return attempt_chat(task, reasoner="openai" if script else "rules", **options)

    return run


def passes(task: Task, attempt: Attempt, *, house: Settings, tmp_path: Path) -> bool:
    return grade(task, attempt, folder=tmp_path / "files", settings=house).passed


@pytest.mark.parametrize("alone", [False, True])
def test_a_model_that_names_the_record_passes(
    tried: Make, task: Task, house: Settings, tmp_path: Path, alone: bool
) -> None:
    attempt = tried(
        calls("known_crystal", structure="MgO.cif"),
        says("The density is {r:RECORD.density}."),
        alone=alone,
    )
    assert attempt.ending is Ending.ANSWERED, attempt
    assert attempt.usage.tokens == 220
    assert [(call.name, call.ok) for call in attempt.calls] == [("known_crystal", True)]
    assert passes(task, attempt, house=house, tmp_path=tmp_path)


@pytest.mark.parametrize("alone", [False, True])
def test_a_model_that_makes_a_number_up_fails_and_nobody_reads_it(
    tried: Make, task: Task, house: Settings, tmp_path: Path, alone: bool
) -> None:
    lie = says("The density is 3.581 g/cm3, I am sure.")
    attempt = tried(lie, lie, alone=alone)
    assert attempt.unbacked == ["3.581"]
    assert "3.581" not in attempt.said
    found = grade(task, attempt, folder=tmp_path / "files", settings=house)
    assert not found.passed
    assert found.bare_numbers == []
    assert found.refuted == []


def test_rules_answer_by_the_record_that_they_show(make_task: Make, house: Settings, tmp_path: Path) -> None:
    check = {"check": "fact", "fact": ["space_group_number"], "equals": 225}
    task = make_task(check, prompt="What is the space group of MgO.cif?", files={"MgO.cif": MGO})
    files = write_files(task, tmp_path / "files")
    attempt = attempt_chat(task, reasoner="rules", folder=tmp_path, files=files, settings=house, seed=0)
    assert attempt.usage.tokens == 0
    assert attempt.calls
    assert passes(task, attempt, house=house, tmp_path=tmp_path)


def test_rules_that_have_nothing_to_say_refuse(make_task: Make, house: Settings, tmp_path: Path) -> None:
    task = make_task({"check": "refuses", "because": ["ghost"]}, prompt="Relax ghost.cif.", success="refused")
    attempt = attempt_chat(task, reasoner="rules", folder=tmp_path, files=[], settings=house, seed=0)
    assert attempt.ending in (Ending.REFUSED, Ending.NOT_UNDERSTOOD)
    assert passes(task, attempt, house=house, tmp_path=tmp_path)


def test_one_agent_has_every_tool_but_the_loop(
    tried: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[list[str]] = []
    original = ScriptedModel.stream

    def watched(self: ScriptedModel, *args: Any, **options: Any) -> Iterator[TextDelta | TurnEnd]:
        seen.append([tool.name for tool in options["tools"]])
        return original(self, *args, **options)

    monkeypatch.setattr(ScriptedModel, "stream", watched)
    tried(says("I cannot."), alone=True)
    assert {"relax", "equation_of_state", "stability", "ask_literature", "find_structure"} <= set(seen[0])
    assert not [name for name in seen[0] if "design" in name]


def test_one_agent_is_told_of_the_files_and_of_what_counts(make_task: Make) -> None:
    wish = {"check": "candidates", "wishes": [{"property": "bulk_modulus", "above": 150}]}
    task = make_task(
        wish, kind="design", door="design", prompt="a stiff oxide", accept_known=True, candidates=2
    )
    system, user = messages_of(task, labels=["b.cif"])
    assert "stands in a record" in system["content"]
    assert user["content"].splitlines() == [
        "a stiff oxide",
        "(Design task: 2 such materials; known materials count.)",
        "File: b.cif",
    ]


@pytest.mark.parametrize(("worked", "ending"), [([True, False], Ending.ANSWERED), ([False], Ending.REFUSED)])
def test_a_sweep_of_the_rules_with_a_failure_is_an_answer_with_a_gap(
    worked: list[bool], ending: Ending
) -> None:
    turn = TurnResult(text="one failed", ended=Ended.FAILED, error="two atoms stand too close")
    turn.calls = [CallResult(name="relax", arguments={}, ok=ok) for ok in worked]
    found = of_turn(turn, ledgers=[], by_rules=True)
    assert found.ending is ending
    assert "too close" in found.words
    assert of_turn(turn, ledgers=[], by_rules=False).ending is Ending.FAILED
