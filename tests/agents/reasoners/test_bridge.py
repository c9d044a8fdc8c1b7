"""A model played through files: over the real protocol, with half-written answers, restarts, several askers, and askers that go away."""

from __future__ import annotations

import http.client
import json
import socket
import threading
import time
from collections.abc import Callable, Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from matsmith.agents.decisions import LiteratureQuestion
from matsmith.agents.reasoners.bridge import Bridge
from matsmith.agents.reasoners.bridge_folder import AnswerProblem, BridgeFolder, read_answer
from matsmith.agents.reasoners.chat_model import TextDelta, ToolCall, ToolSchema, TurnEnd
from matsmith.agents.reasoners.endpoint import Endpoint, EndpointOptions
from matsmith.agents.reasoners.faults import Backoff
from matsmith.agents.reasoners.openai_server import OpenAIReasoner
from matsmith.agents.reasoners.server_chat import ServerChatModel
from matsmith.core.errors import ReasonerError, UsageError
from matsmith.core.spec import DesignSpec

KEY = "sk-planted-0123456789abcdef"
QUESTION = LiteratureQuestion(spec=DesignSpec(objective="a stable oxide"))
QUERIES = {"queries": ["bulk modulus of oxides"]}
ASKED = [{"role": "user", "content": "What is LLZO?"}]
RELAX = ToolSchema(name="relax", description="Relax a crystal.", parameters={"type": "object"})


@contextmanager
def bridge_in(folder: Path, **named: Any) -> Generator[Bridge]:
    bridge = Bridge(folder, **named)
    threading.Thread(target=bridge.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    try:
        yield bridge
    finally:
        bridge.stop()


def reasoner_at(bridge: Bridge, **changes: Any) -> OpenAIReasoner:
    named: dict[str, Any] = {"timeout_s": 10.0, "seed": 0, "backoff": Backoff(first_s=0.05)}
    return OpenAIReasoner(
        base_url=bridge.base_url, api_key=SecretStr(KEY), model="bridge", **(named | changes)
    )


def chat_at(bridge: Bridge, **changes: Any) -> ServerChatModel:
    options = EndpointOptions(timeout_s=10.0, backoff=Backoff(first_s=0.05), **changes)
    return ServerChatModel(Endpoint(base_url=bridge.base_url, api_key=None, model="bridge", options=options))


def until(what: Callable[[], bool], *, seconds: float = 8.0) -> None:
    ends = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < ends, "it did not happen in time"
        time.sleep(0.01)


def asked(folder: Path, number: int) -> dict[str, Any]:
    path = folder / f"{number:04d}.request.md"
    until(path.is_file)
    return json.loads((folder / f"{number:04d}.request.json").read_text())


def answer(folder: Path, number: int, said: object) -> None:
    asked(folder, number)
    (folder / f"{number:04d}.answer.json").write_text(said if isinstance(said, str) else json.dumps(said))


def in_background(work: Callable[[], Any]) -> Any:
    pool = ThreadPoolExecutor(1)
    future = pool.submit(work)
    pool.shutdown(wait=False)
    return future


def test_a_decision_is_answered_by_a_file(tmp_path: Path) -> None:
    with bridge_in(tmp_path) as bridge:
        waiting = in_background(lambda: reasoner_at(bridge).decide(QUESTION))
        request = asked(tmp_path, 1)
        page = (tmp_path / "0001.request.md").read_text()
        answer(tmp_path, 1, {"content": QUERIES})
        assert waiting.result(5).queries == QUERIES["queries"]
    assert request["response_format"]["json_schema"]["name"] == "LiteratureQueries"
    for part in ("# Request 0001", "Message 1: system", "a stable oxide", '"queries"', "0001.answer.json"):
        assert part in page
    until((tmp_path / "0001.sent.json").is_file)
    assert KEY not in "".join(path.read_text() for path in tmp_path.iterdir())


@pytest.mark.parametrize("said", [QUERIES, {"content": json.dumps(QUERIES)}, json.dumps(json.dumps(QUERIES))])
def test_an_answer_may_be_the_bare_object_or_text(tmp_path: Path, said: object) -> None:
    with bridge_in(tmp_path) as bridge:
        waiting = in_background(lambda: reasoner_at(bridge).decide(QUESTION))
        answer(tmp_path, 1, said)
        assert waiting.result(5).queries == QUERIES["queries"]


def test_what_is_wrong_with_the_answer_s_content_comes_back_as_a_new_request(tmp_path: Path) -> None:
    with bridge_in(tmp_path) as bridge:
        waiting = in_background(lambda: reasoner_at(bridge).decide(QUESTION))
        answer(tmp_path, 1, {"content": {"queries": []}})
        told = asked(tmp_path, 2)["messages"][-1]["content"]
        answer(tmp_path, 2, {"content": QUERIES})
        assert waiting.result(5).queries
    assert "queries" in told
    assert "Answer again" in told


def test_words_are_streamed_and_tools_called(tmp_path: Path) -> None:
    with bridge_in(tmp_path) as bridge:
        model = chat_at(bridge)
        waiting = in_background(lambda: list(model.stream(ASKED, tools=[RELAX])))
        page = asked(tmp_path, 1)
        calls = [{"name": "relax", "arguments": {"n": 1}}, {"name": "relax", "arguments": "not JSON"}]
        answer(tmp_path, 1, {"content": "One moment, please.", "tool_calls": calls})
        *deltas, end = waiting.result(5)
        assert page["tools"][0]["function"]["name"] == "relax"
        assert [delta.text for delta in deltas] == ["One ", "moment, ", "please."]
        assert end.tool_calls == [
            ToolCall(id="call_1_0", name="relax", arguments='{"n": 1}'),
            ToolCall(id="call_1_1", name="relax", arguments="not JSON"),
        ]
        assert end.finish_reason == "tool_calls"
        assert end.usage.tokens > 0
        assert not end.usage.estimated


def test_a_half_written_answer_is_waited_for(tmp_path: Path) -> None:
    whole = json.dumps({"content": QUERIES})
    with bridge_in(tmp_path) as bridge:
        waiting = in_background(lambda: reasoner_at(bridge).decide(QUESTION))
        asked(tmp_path, 1)
        with (tmp_path / "0001.answer.json").open("w") as file:
            for letter in whole:
                file.write(letter)
                file.flush()
                time.sleep(0.01)
        assert waiting.result(5).queries == QUERIES["queries"]
    assert not (tmp_path / "0001.problem.txt").exists()


WRONG: list[tuple[object, str]] = [
    ("{", "no JSON"),
    ("", "no JSON"),
    ("[1]", "no JSON object"),
    ({"content": None}, "empty"),
    ({"content": "x", "tols": []}, "'tols'"),
    ({"tool_calls": [{"arguments": {}}]}, "no name"),
    ({"tool_calls": "relax"}, "no list"),
    ({"error": {"status": 200}}, "400 to 599"),
]


@pytest.mark.parametrize(("wrong", "words"), WRONG)
def test_a_wrong_answer_is_named_and_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, wrong: object, words: str
) -> None:
    monkeypatch.setattr("matsmith.agents.reasoners.bridge_folder.SETTLED_S", 0.15)
    with bridge_in(tmp_path) as bridge:
        waiting = in_background(lambda: reasoner_at(bridge).decide(QUESTION))
        answer(tmp_path, 1, wrong)
        problem = tmp_path / "0001.problem.txt"
        until(problem.is_file)
        assert words in problem.read_text()
        assert not waiting.done()
        answer(tmp_path, 1, {"content": QUERIES})
        assert waiting.result(5).queries
        assert not problem.exists()


def test_faults_can_be_played_too(tmp_path: Path) -> None:
    with bridge_in(tmp_path) as bridge:
        waiting = in_background(lambda: reasoner_at(bridge).decide(QUESTION))
        answer(tmp_path, 1, {"error": {"status": 429, "message": "busy", "retry_after": 0.1}})
        answer(tmp_path, 2, {"refusal": "I will not."})
        with pytest.raises(ReasonerError, match="I will not"):
            waiting.result(5)


def test_numbers_go_on_after_a_restart_and_an_unanswered_request_keeps_its_own(tmp_path: Path) -> None:
    with bridge_in(tmp_path) as bridge:
        port = bridge.server_address[1]
        waiting = in_background(lambda: reasoner_at(bridge, retries=20).decide(QUESTION))
        asked(tmp_path, 1)
    with bridge_in(tmp_path, port=port):
        answer(tmp_path, 1, {"content": QUERIES})  # the asker's retry finds the same file
        assert waiting.result(8).queries
    with bridge_in(tmp_path) as bridge:
        waiting = in_background(lambda: reasoner_at(bridge).decide(QUESTION))
        answer(tmp_path, 2, {"content": QUERIES})
        assert waiting.result(5).queries
    assert sorted(path.name for path in tmp_path.glob("*.request.json")) == [
        "0001.request.json",
        "0002.request.json",
    ]


def test_an_asker_that_ran_out_of_patience_finds_the_answer_when_it_asks_again(tmp_path: Path) -> None:
    with bridge_in(tmp_path) as bridge:
        with pytest.raises(ReasonerError, match="no answer in time"):
            reasoner_at(bridge, timeout_s=0.3, total_s=0.4).decide(QUESTION)
        problem = tmp_path / "0001.problem.txt"
        until(problem.is_file)
        assert "gone" in problem.read_text()
        answer(tmp_path, 1, {"content": QUERIES})
        assert reasoner_at(bridge).decide(QUESTION).queries
    assert not (tmp_path / "0002.request.json").exists()
    assert not problem.exists()


def test_several_ask_at_once_even_the_same(tmp_path: Path) -> None:
    with bridge_in(tmp_path) as bridge, ThreadPoolExecutor(6) as pool:
        waiting = [pool.submit(lambda: list(chat_at(bridge).stream(ASKED))) for _ in range(6)]
        for number in range(6, 0, -1):
            answer(tmp_path, number, {"content": f"answer {number}"})
        ends = [future.result(8)[-1] for future in waiting]
    texts: list[str] = [end.text for end in ends if isinstance(end, TurnEnd)]
    assert sorted(texts) == [f"answer {number}" for number in range(1, 7)]


def test_two_servers_share_a_folder(tmp_path: Path) -> None:
    def said(bridge: Bridge, number: int) -> list[TextDelta | TurnEnd]:
        return list(chat_at(bridge).stream([{"role": "user", "content": str(number)}]))

    with bridge_in(tmp_path) as one, bridge_in(tmp_path) as two, ThreadPoolExecutor(8) as pool:
        waiting = [pool.submit(said, bridge, n) for n in range(4) for bridge in (one, two)]
        for number in range(1, 9):
            request = asked(tmp_path, number)
            answer(tmp_path, number, {"content": f"you said {request['messages'][0]['content']}"})
        texts = [future.result(8)[-1].text for future in waiting]
    assert texts == [f"you said {n}" for n in (0, 0, 1, 1, 2, 2, 3, 3)]


def test_nobody_answers(tmp_path: Path) -> None:
    words = r"nobody answered within 0\.2 s"
    with bridge_in(tmp_path, timeout_s=0.2) as bridge:
        with pytest.raises(ReasonerError, match=words):
            reasoner_at(bridge, retries=0).decide(QUESTION)
        model = chat_at(bridge, retries=0)
        with pytest.raises(ReasonerError, match=words):
            list(model.stream(ASKED))
        assert "No answer came" in (tmp_path / "0001.problem.txt").read_text()


def raw_request(bridge: Bridge, body: bytes, **headers: str) -> tuple[int, str]:
    connection = http.client.HTTPConnection("127.0.0.1", bridge.server_address[1], timeout=5)
    connection.request("POST", "/v1/chat/completions", body, headers)
    response = connection.getresponse()
    said = response.status, response.read().decode()
    connection.close()
    return said


def test_what_is_no_request_is_refused(tmp_path: Path) -> None:
    with bridge_in(tmp_path) as bridge:
        assert raw_request(bridge, b"{")[0] == 400
        assert raw_request(bridge, b'{"messages": []}')[0] == 400
        assert raw_request(bridge, b"{}", Origin="https://elsewhere.example")[0] == 403
        assert raw_request(bridge, b"{}", Host="rebound.example")[0] == 403
        assert list(tmp_path.glob("*.request.json")) == []
        connection = socket.create_connection(("127.0.0.1", int(bridge.server_address[1])))
        connection.sendall(b"POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert b"411" in connection.recv(100)
        connection.close()


def test_it_listens_on_this_machine_alone_and_names_what_it_cannot_do(tmp_path: Path) -> None:
    with bridge_in(tmp_path) as bridge:
        assert bridge.server_address[0] == "127.0.0.1"
        with pytest.raises(UsageError, match=r"Port .* cannot be used.*--port"):
            Bridge(tmp_path, port=int(bridge.server_address[1]))
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match="cannot be written"):
        Bridge(tmp_path / "file")


def test_the_only_model_is_listed(tmp_path: Path) -> None:
    with bridge_in(tmp_path) as bridge:
        endpoint = Endpoint(base_url=bridge.base_url, api_key=None, model=None)
        assert endpoint.model_name(time.monotonic() + 5) == "bridge"


def test_answers_that_cannot_be_read_are_named() -> None:
    with pytest.raises(AnswerProblem, match="no JSON"):
        read_answer(b"\xff\xfe")
    with pytest.raises(AnswerProblem, match="no JSON"):
        read_answer(b"[" * 100_000)
    assert read_answer(b'\xef\xbb\xbf{"content": "x"}').text == "x"
    function = {"id": "a", "type": "function", "function": {"name": "relax", "arguments": "{}"}}
    assert read_answer(json.dumps({"tool_calls": [function]}).encode()).tool_calls == (
        {"id": "a", "name": "relax", "arguments": "{}"},
    )


def test_a_file_system_without_links_will_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(self: Path, target: Path) -> None:
        if self.exists():
            raise FileExistsError
        raise PermissionError

    monkeypatch.setattr(Path, "hardlink_to", refuse)
    folder = BridgeFolder(tmp_path)
    numbers = [folder.open({"messages": ASKED, "seed": seed}).number for seed in range(3)]
    assert numbers == [1, 2, 3]
    assert json.loads(folder.file(2, "request.json").read_text())["seed"] == 1


def test_an_answer_too_large_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("matsmith.agents.reasoners.bridge_folder.SETTLED_S", 0.0)
    folder = BridgeFolder(tmp_path)
    pending = folder.open({"messages": ASKED})
    assert folder.look(pending) is None
    folder.file(1, "answer.json").write_text('{"content": "' + "x" * 4_100_000 + '"}')
    assert folder.look(pending) is None
    assert "larger than 4 MB" in folder.file(1, "problem.txt").read_text()
