"""The chat model over the wire: words as they come, tools as they were written, and every way in which a server fails."""

from __future__ import annotations

import json
import re
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from chat_server import (
    MODEL,
    Act,
    ChatServer,
    Handler,
    breaks_off,
    calls_tools,
    completion,
    drips,
    drips_body,
    fails,
    floods,
    hangs,
    resets,
    says,
    sends,
    serving,
    streams,
)
from pydantic import SecretStr, ValidationError

from matsmith.agents.reasoners.budget import ModelBudget
from matsmith.agents.reasoners.chat_model import (
    TextDelta,
    ToolCall,
    ToolSchema,
    TurnEnd,
    assistant_message,
    make_chat_model,
    tool_message,
)
from matsmith.agents.reasoners.endpoint import Endpoint, EndpointOptions, ToolsRefusedError
from matsmith.agents.reasoners.faults import Backoff
from matsmith.agents.reasoners.server_chat import ServerChatModel
from matsmith.core.errors import BudgetExceeded, MatsmithError, ReasonerError
from matsmith.core.settings import Settings

KEY = "sk-test-0123456789abcdef"
ASKED = [{"role": "user", "content": "What is LLZO?"}]
RELAX = ToolSchema(
    name="relax",
    description="Relax a crystal.",
    parameters={"type": "object", "properties": {"structure": {"type": "string"}}},
)


def model_at(server: ChatServer, *, budget: ModelBudget | None = None, **changes: Any) -> ServerChatModel:
    options: dict[str, Any] = {
        "timeout_s": 5.0,
        "seed": 0,
        "retries": 2,
        "backoff": Backoff(first_s=0.01, longest_s=0.05),
    }
    endpoint = Endpoint(
        base_url=server.base_url,
        api_key=SecretStr(KEY),
        model=MODEL,
        options=EndpointOptions(**(options | changes)),
        budget=budget,
    )
    return ServerChatModel(endpoint)


def turn(
    *script: Act, tools: tuple[ToolSchema, ...] = (), **changes: Any
) -> tuple[list[str], TurnEnd, ChatServer]:
    """Words in the order of their arrival, the end, and the server."""
    with serving(*script) as server:
        *deltas, end = model_at(server, **changes).stream(ASKED, tools=tools)
    assert isinstance(end, TurnEnd)
    words = [delta.text for delta in deltas if isinstance(delta, TextDelta)]
    assert len(words) == len(deltas)
    return words, end, server


def failure(*script: Act, tools: tuple[ToolSchema, ...] = (), **changes: Any) -> MatsmithError:
    with serving(*script) as server, pytest.raises(MatsmithError) as caught:
        list(model_at(server, **changes).stream(ASKED, tools=tools))
    assert KEY not in f"{caught.value!r} {caught.value}"
    assert caught.value.hint
    return caught.value


# --- answers --------------------------------------------------------------------------------------------------------


def test_words_come_one_after_the_other() -> None:
    words, end, server = turn(
        streams("Lithium ", "lanthanum ", "zirconate", usage={"prompt_tokens": 9, "completion_tokens": 5})
    )
    assert words == ["Lithium ", "lanthanum ", "zirconate"]
    assert end.text == "Lithium lanthanum zirconate"
    assert (end.usage.calls, end.usage.input_tokens, end.usage.output_tokens) == (1, 9, 5)
    assert not end.usage.estimated
    assert end.finish_reason == "stop"
    assert server.requests[0]["stream"] is True
    assert server.requests[0]["stream_options"] == {"include_usage": True}
    assert server.headers[0]["authorization"] == f"Bearer {KEY}"
    assert "tools" not in server.requests[0]


def test_the_first_words_are_there_before_the_last_are_sent() -> None:
    heard = threading.Event()
    with serving(streams("one ", "two ", "three", after_first=heard)) as server:
        events = model_at(server).stream(ASKED)
        assert next(events) == TextDelta(text="one ")
        heard.set()  # until now the server has sent nothing else
        assert len(list(events)) == 3


def test_tools_are_asked_for_as_they_were_written() -> None:
    pieces = [
        {"tool_calls": [{"index": 0, "id": "a", "function": {"name": "relax", "arguments": ""}}]},
        {"tool_calls": [{"index": 0, "function": {"arguments": '{"struc'}}]},
        {
            "tool_calls": [
                {"index": 1, "id": "b", "function": {"name": "no_such_tool", "arguments": "nonsense"}}
            ]
        },
        {"tool_calls": [{"index": 0, "function": {"arguments": 'ture": "x"}'}}]},
    ]
    words, end, server = turn(streams("One moment.", *pieces, finish="tool_calls"), tools=(RELAX,))
    assert words == ["One moment."]
    assert end.tool_calls == [
        ToolCall(id="a", name="relax", arguments='{"structure": "x"}'),
        ToolCall(id="b", name="no_such_tool", arguments="nonsense"),
    ]
    assert end.finish_reason == "tool_calls"
    (sent,) = server.requests[0]["tools"]
    assert sent == {"type": "function", "function": RELAX.model_dump()}


@pytest.mark.parametrize(
    "pieces",
    [
        # without numbers, told apart by their ids
        [
            {"tool_calls": [{"id": "a", "function": {"name": "relax", "arguments": "{}"}}]},
            {"tool_calls": [{"id": "b", "function": {"name": "relax", "arguments": '{"x": 1}'}}]},
        ],
        # all under one number
        [
            {"tool_calls": [{"index": 0, "id": "a", "function": {"name": "relax", "arguments": "{}"}}]},
            {"tool_calls": [{"index": 0, "id": "b", "function": {"name": "relax", "arguments": '{"x": 1}'}}]},
        ],
        # arguments as data, both at once
        [
            {
                "tool_calls": [
                    {"index": 0, "id": "a", "function": {"name": "relax"}},
                    {"index": 1, "id": "b", "function": {"name": "relax", "arguments": {"x": 1}}},
                ]
            }
        ],
    ],
)
def test_servers_that_number_their_calls_in_other_ways(pieces: list[dict[str, Any]]) -> None:
    _, end, _ = turn(streams(*pieces, finish="tool_calls"), tools=(RELAX,))
    assert [(call.id, call.arguments) for call in end.tool_calls] == [("a", "{}"), ("b", '{"x": 1}')]


def test_a_call_without_an_id_gets_one() -> None:
    _, end, _ = turn(
        streams({"tool_calls": [{"index": 0, "function": {"name": "relax", "arguments": "{}"}}]})
    )
    assert end.tool_calls[0].id


def test_hundreds_of_calls_are_cut() -> None:
    _, end, _ = turn(calls_tools(*[("relax", {"n": n}) for n in range(500)]), tools=(RELAX,))
    assert len(end.tool_calls) == 64


def test_a_conversation_goes_on_with_results() -> None:
    with serving(calls_tools(("relax", {"structure": "x"})), streams("Done.")) as server:
        model = model_at(server)
        *_, end = model.stream(ASKED, tools=(RELAX,))
        assert isinstance(end, TurnEnd)
        messages = [*ASKED, assistant_message(end), tool_message(end.tool_calls[0], "it is relaxed")]
        *_, last = model.stream(messages, tools=(RELAX,))
    assert isinstance(last, TurnEnd)
    assert last.text == "Done."
    assert last.usage.calls == 1
    assert model.usage.calls == 2
    _, assistant, result = server.requests[1]["messages"]
    assert assistant["tool_calls"][0]["function"] == {"name": "relax", "arguments": '{"structure": "x"}'}
    assert result == {"role": "tool", "tool_call_id": "call_0", "content": "it is relaxed"}


def test_a_server_that_answers_at_once_although_it_was_to_stream() -> None:
    words, end, _ = turn(says("All of it."))
    assert words == ["All of it."]
    assert end.text == "All of it."
    assert end.usage.input_tokens == 100


def test_whole_answers_hold_tools_too() -> None:
    call = {"id": "a", "type": "function", "function": {"name": "relax", "arguments": {"structure": "x"}}}
    _, end, _ = turn(sends(completion(None, tool_calls=[call], finish_reason="tool_calls")), tools=(RELAX,))
    assert end.tool_calls == [ToolCall(id="a", name="relax", arguments='{"structure": "x"}')]


def test_line_breaks_of_other_kinds_stand_in_words() -> None:
    raw = 'data: {"choices": [{"delta": {"content": "a\u2028b\u0085c"}}]}'.encode()
    _, end, _ = turn(streams(b": a comment", b"event: message", raw, b"data:" + raw[6:]))
    assert end.text == "a\u2028b\u0085c" * 2


def test_cached_tokens_are_read_from_the_count() -> None:
    counts = {"prompt_tokens": 90, "completion_tokens": 5, "prompt_tokens_details": {"cached_tokens": 64}}
    _, end, _ = turn(streams("x", usage=counts))
    assert end.usage.cached_tokens == 64


def test_an_empty_answer_is_an_answer() -> None:
    words, end, _ = turn(streams())
    assert (words, end.text, end.tool_calls) == ([], "", [])
    assert assistant_message(end)["content"] == ""


def test_an_answer_that_was_cut_for_its_length_says_so() -> None:
    _, end, _ = turn(streams("Once upon", finish="length"))
    assert end.finish_reason == "length"


def test_a_tool_has_a_name_that_servers_take() -> None:
    with pytest.raises(ValidationError):
        ToolSchema(name="relax it", description="", parameters={})


# --- what servers do not take -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("message", "field"),
    [
        ("Unknown parameter: stream_options", "stream_options"),
        ("streaming is not supported", "stream"),
        ("Unrecognized request argument supplied: seed", "seed"),
    ],
)
def test_leaves_out_what_the_server_does_not_take(message: str, field: str) -> None:
    def act(handler: Handler) -> None:
        refused = handler.request_body.get(field, False) is not False
        (fails(400, message) if refused else says("Fine."))(handler)

    with serving(act) as server:
        model = model_at(server)
        for _ in range(2):
            *_, end = model.stream(ASKED)
            assert isinstance(end, TurnEnd)
            assert end.text == "Fine."
    assert len(server.requests) == 3


def test_a_server_without_a_system_role_is_told_by_the_user() -> None:
    def act(handler: Handler) -> None:
        first = handler.request_body["messages"][0]["role"]
        (fails(400, "System role not supported") if first == "system" else streams("Fine."))(handler)

    with serving(act) as server:
        list(model_at(server).stream([{"role": "system", "content": "Be brief."}, *ASKED]))
    (message,) = server.requests[-1]["messages"]
    assert message["role"] == "user"
    assert "Be brief." in message["content"]
    assert "LLZO" in message["content"]


@pytest.mark.parametrize(
    "fault",
    [
        fails(400, "registry/library/tiny does not support tools"),
        fails(400, '"auto" tool choice requires --enable-auto-tool-choice'),
        fails(500, "tools param requires --jinja flag"),
        fails(404, "No endpoints found that support tool use for this model"),
    ],
)
def test_a_server_without_tools_is_said_at_once(fault: Act) -> None:
    error = failure(fault, tools=(RELAX,))
    assert isinstance(error, ToolsRefusedError)
    assert "takes no tools" in error.message
    assert "--reasoner rules" in error.hint
    assert not error.retryable


# --- servers that fail -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "fault",
    [
        fails(429),
        fails(429, headers={"retry-after": "0"}),
        fails(500),
        fails(503),
        resets,
        breaks_off,
        sends(b"<html>busy</html>"),
        sends(b'{"choices": ['),
        streams(finish=None, done=False),
        streams(b'data: {"error": {"message": "overloaded", "code": 503}}', finish=None, done=False),
        streams(b"data: {half", finish=None, done=False),
    ],
    ids=["429", "429 now", "500", "503", "reset", "cut", "page", "half", "nothing", "error", "no JSON"],
)
def test_gets_over_what_passes_before_the_first_word(fault: Act) -> None:
    words, end, server = turn(fault, fault, streams("Fine."))
    assert words == ["Fine."]
    assert len(server.requests) == 3
    assert end.usage.calls == 3


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        (streams("It is ", finish=None, done=False), "broke off"),
        (streams("It is ", b"data: {half", finish=None, done=False), "no JSON"),
        (streams("It ", b'data: {"error": {"message": "out of memory"}}', finish=None), "out of memory"),
    ],
)
def test_words_that_break_off_are_not_said_twice(fault: Act, said: str) -> None:
    with serving(fault, streams("never reached")) as server:
        events = model_at(server).stream(ASKED)
        assert isinstance(next(events), TextDelta)
        with pytest.raises(ReasonerError, match=said) as caught:
            list(events)
    assert caught.value.retryable
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    ("fault", "words", "retryable"),
    [
        (fails(401, f"Incorrect API key provided: {KEY}"), "key refused .401.*OPENAI_API_KEY", False),
        (fails(404, "The model `x` does not exist"), "no such model .404.*name of the model", False),
        (sends({"detail": "Not Found"}, status=404), "wrong address .404.*OPENAI_BASE_URL", False),
        (fails(429, "quota", code="insufficient_quota"), "no credit left", False),
        (
            fails(400, "maximum context length is 4096 tokens"),
            r"too long for the model.*longer context",
            False,
        ),
        (fails(400, "no"), "request refused", False),
        (floods, "reply too large", False),
        (fails(500), "error of the server", True),
        (resets, "no connection", True),
    ],
)
def test_says_what_does_not_pass(fault: Act, words: str, retryable: bool) -> None:
    error = failure(fault)
    assert isinstance(error, ReasonerError)
    assert re.search(words, str(error)), str(error)
    assert error.retryable is retryable


def test_a_flood_of_words_is_cut() -> None:
    with serving(streams(*["x" * 100_000] * 60)) as server:
        seen: list[Any] = []
        with pytest.raises(ReasonerError, match="larger than 4 MB"):
            seen.extend(model_at(server).stream(ASKED))
    assert sum(len(event.text) for event in seen) < 4_200_000


@pytest.mark.parametrize("act", [hangs, drips, drips_body, streams(*[b": alive"] * 1_000, pause_s=0.05)])
def test_a_server_that_hangs_costs_no_more_than_the_time_allowed(act: Act) -> None:
    began = time.monotonic()
    error = failure(act, timeout_s=0.3, total_s=0.8, retries=50)
    assert 0.3 <= time.monotonic() - began < 25.0  # the server is silent for 30 s
    assert "no answer in time" in str(error)
    assert error.retryable


def test_a_drip_of_words_ends_with_the_time() -> None:
    began = time.monotonic()
    with serving(streams(*["word "] * 1_000, pause_s=0.05)) as server:
        events = model_at(server).stream(ASKED, deadline=began + 3.0)
        seen = [next(events)]
        with pytest.raises(BudgetExceeded, match="time is used up"):
            seen.extend(events)
    assert time.monotonic() - began < 40.0  # all of the words would take 50 s
    assert len(seen) >= 3


@pytest.mark.parametrize("act", [hangs, fails(429, headers={"retry-after": "5"}), fails(500)])
def test_a_turn_ends_with_the_time_that_it_was_given(act: Act) -> None:
    began = time.monotonic()
    with serving(act) as server, pytest.raises(BudgetExceeded, match="time is used up"):
        list(model_at(server, timeout_s=30.0, retries=50).stream(ASKED, deadline=began + 0.5))
    assert time.monotonic() - began < 25.0  # the server is silent for 30 s


@pytest.mark.parametrize(
    "act",
    [
        streams({"refusal": "I cannot "}, {"refusal": "help."}),
        streams(finish="content_filter"),
        says(None, refusal="I cannot help."),
    ],
)
def test_a_refusal_is_said(act: Act) -> None:
    error = failure(act)
    assert "declined to answer" in error.message
    assert not error.retryable


def test_a_turn_that_is_closed_ends_the_request() -> None:
    with serving(streams(*["word "] * 2_000, pause_s=0.02)) as server:
        events = model_at(server).stream(ASKED)
        next(events)
        events.close()  # pyright: ignore[reportAttributeAccessIssue, reportUnknownMemberType]
        began = time.monotonic()
        with serving(streams("Fine.")) as other:
            *_, end = model_at(other).stream(ASKED)
    assert isinstance(end, TurnEnd)
    assert time.monotonic() - began < 30.0  # the words would go on for 40 s


# --- budget and keys ---------------------------------------------------------------------------------------------------


def test_the_budget_of_calls_holds_even_among_retries() -> None:
    with serving(fails(500)) as server, pytest.raises(BudgetExceeded, match="All 2 calls"):
        list(model_at(server, budget=ModelBudget(calls=2), retries=9).stream(ASKED))
    assert len(server.requests) == 2


def test_tools_count_among_the_tokens() -> None:
    long = RELAX.model_copy(update={"description": "word " * 3000})
    with serving(streams("x")) as server, pytest.raises(BudgetExceeded, match="tokens"):
        list(model_at(server, budget=ModelBudget(tokens=4000)).stream(ASKED, tools=[long]))
    assert server.requests == []


@pytest.mark.parametrize("cut", range(1, len(KEY), 3))
def test_a_key_that_a_server_says_in_two_pieces_never_shows(cut: int) -> None:
    words, end, _ = turn(streams("Your key is ", KEY[:cut], KEY[cut:], ", keep it safe: sk", "-te", "a."))
    shown = "".join(words)
    assert shown == end.text == "Your key is ***, keep it safe: sk-tea."


def test_a_key_in_the_arguments_of_a_tool_never_shows() -> None:
    _, end, _ = turn(calls_tools(("relax", {"structure": KEY})), tools=(RELAX,))
    assert end.tool_calls[0].arguments == json.dumps({"structure": "***"})


def test_the_settings_make_a_chat_model(tmp_path: Path) -> None:
    with serving(streams("Fine.")) as server:
        settings = Settings(
            openai_base_url=server.base_url,
            openai_api_key=None,
            model="general",
            model_chat="talker",
            cache_dir=tmp_path,
        )
        model = make_chat_model(settings)
        *_, end = model.stream(ASKED)
    assert isinstance(end, TurnEnd)
    assert model.name == "openai:talker"
    assert server.requests[0]["model"] == "talker"
