# The server stands in the folder of the reasoners' tests, where the type checker does not look for it.
# pyright: reportMissingImports=false, reportUnknownVariableType=false, reportUnknownParameterType=false, reportUnknownArgumentType=false
"""A conversation with a model behind a real server: streamed words, tools, faults, and a key that must stay secret."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from chat_server import Act, ChatServer, breaks_off, calls_tools, fails, serving, streams
from pydantic import SecretStr

from matsmith.agents.conversation.conversation import Conversation
from matsmith.agents.conversation.tool_loop import Ended, TurnBudget, TurnEvent
from matsmith.agents.reasoners.chat_model import ChatModel, make_chat_model
from matsmith.core.executor import Executor
from matsmith.core.settings import Settings

KEY = "sk-planted-7f3a9c21"


@pytest.fixture
def home(house: Settings, tmp_path: Path) -> Settings:
    return house.model_copy(update={"library_dir": tmp_path / "library", "embedding_model": "none"})


def model_of(server: ChatServer, home: Settings) -> ChatModel:
    return make_chat_model(
        home.model_copy(
            update={
                "openai_base_url": server.base_url,
                "openai_api_key": SecretStr(KEY),
                "model": server.models[0],
                "model_timeout_s": 5.0,
                "reasoner": "openai",
            }
        ),
        seed=0,
    )


def test_a_turn_with_tools_and_a_secret_that_stays_one(
    home: Settings, worker: Executor, tmp_path: Path
) -> None:
    folder = tmp_path / "thread"
    script: list[Act] = [
        calls_tools(("find_structure", {"formula": "NaCl"})),
        calls_tools(("symmetry", {"structure": "NaCl"}), ("known_crystal", {"structure": "NaCl"})),
        streams("Rock ", "salt is ", "cubic, ", "space group ", "225, and not 227."),
        streams("Rock salt is cubic, space group 225."),
        fails(401, f"the key {KEY} is wrong"),
    ]
    with (
        serving(*script) as server,
        Conversation(folder=folder, settings=home, model=model_of(server, home), executor=worker) as chat,
    ):
        result = chat.say("what is the space group of rock salt?")
        assert result.ended is Ended.ANSWERED, result.error
        assert [call.name for call in result.calls] == ["find_structure", "symmetry", "known_crystal"]
        assert result.text == "Rock salt is cubic, space group 225."
        assert server.headers[0]["authorization"] == f"Bearer {KEY}"
        sent = server.requests[1]["messages"]
        assert sent[-1]["role"] == "tool"
        assert {tool["function"]["name"] for tool in server.requests[0]["tools"]} >= {
            "relax",
            "start_design",
            "ask_literature",
        }
        failed = chat.say("and of diamond?")
        assert failed.ended is Ended.FAILED
        assert KEY not in f"{failed.error} {failed.hint} {failed.messages}"
        assert len(chat.turns()) == 2
    for path in folder.rglob("*"):
        assert not path.is_file() or KEY.encode() not in path.read_bytes(), path


def test_the_first_word_is_told_soon_after_it_arrives(
    home: Settings, worker: Executor, tmp_path: Path
) -> None:
    told: list[float] = []

    def note(event: TurnEvent) -> None:
        if event.kind == "text":
            told.append(time.monotonic())

    with (
        serving(streams("Hello ", "there, ", "friend.", pause_s=0.4)) as server,
        Conversation(
            folder=tmp_path / "thread", settings=home, model=model_of(server, home), executor=worker
        ) as chat,
    ):
        result = chat.say("hi model", on_event=note)
    assert result.text == "Hello there, friend."
    # The words are shown while the rest is still to come: three pieces 0.4 s apart.
    assert told[1] - told[0] > 0.2


@pytest.mark.parametrize(
    ("script", "ended"),
    [
        ([fails(500, "broken")], Ended.FAILED),
        ([streams("It is ", finish=None, done=False)], Ended.FAILED),
        ([breaks_off], Ended.FAILED),
        ([streams("")], Ended.EMPTY),
        ([calls_tools(("no_such_tool", {"x": 1}))], Ended.TOOL_CALLS),
        ([fails(400, "tools is not supported by this model", param="tools")], Ended.FAILED),
    ],
    ids=["500", "cut", "broken off", "empty", "unknown tool for ever", "no tools"],
)  # fmt: skip
def test_a_server_that_misbehaves_ends_the_turn_and_keeps_the_thread(
    script: list[Act], ended: Ended, home: Settings, worker: Executor, tmp_path: Path
) -> None:
    with (
        serving(*script) as server,
        Conversation(
            folder=tmp_path / "thread",
            settings=home,
            model=model_of(server, home),
            executor=worker,
            budget=TurnBudget(seconds=6),
        ) as chat,
    ):
        begun = time.monotonic()
        result = chat.say("what do you say?")
        assert time.monotonic() - begun < 60
        assert result.ended in (ended, Ended.TIME), result.error
        assert result.error or ended is Ended.TOOL_CALLS
        assert chat.say("/help").ended is Ended.ANSWERED
        assert [turn.said for turn in chat.turns()] == ["what do you say?", "/help"]
