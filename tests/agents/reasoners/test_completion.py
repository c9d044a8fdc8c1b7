"""Whatever a server sends is read into a reply or a fault, and never breaks the reader."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from matsmith.agents.reasoners.completion import Assembly, Reply, read_completion, read_models
from matsmith.agents.reasoners.faults import Fault, FaultKind
from matsmith.agents.reasoners.secrets_out import Scrubber

SCRUBBER = Scrubber()
WORD = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
SCALAR = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | WORD
NAMES = st.sampled_from(
    [
        "choices",
        "message",
        "delta",
        "content",
        "tool_calls",
        "function",
        "arguments",
        "usage",
        "error",
        "index",
    ]
)
JSON: st.SearchStrategy[Any] = st.recursive(
    SCALAR,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=4),
    max_leaves=12,
)


def line(data: object) -> str:
    return f"data: {json.dumps(data)}"


def piece(words: str) -> str:
    return line({"choices": [{"delta": {"content": words}}]})


@given(JSON)
def test_any_json_is_a_reply_or_a_fault(data: object) -> None:
    assert isinstance(read_completion(json.dumps(data).encode(), scrubber=SCRUBBER), Reply | Fault)
    assert isinstance(read_models(json.dumps(data).encode()), list | Fault)


@given(st.binary(max_size=60))
def test_any_bytes_are_a_fault(raw: bytes) -> None:
    assert isinstance(read_completion(raw, scrubber=SCRUBBER), Fault)


@given(st.lists(JSON.map(line) | WORD, max_size=6))
def test_any_stream_is_a_reply_or_a_fault(lines: list[str]) -> None:
    assembly = Assembly(scrubber=SCRUBBER)
    for text in lines:
        assembly.add(text)
    _, reply = assembly.finish()
    assert isinstance(reply, Reply | Fault)


@given(st.lists(WORD, max_size=10))
def test_words_come_together_as_they_were_cut(pieces: list[str]) -> None:
    assembly = Assembly(scrubber=Scrubber(["sk-0123456789abcdef"]))
    shown = "".join(assembly.add(piece(words)) for words in pieces)
    assembly.add("data: [DONE]")
    rest, reply = assembly.finish()
    assert isinstance(reply, Reply)
    assert shown + rest == reply.text == "".join(pieces)


def test_a_stream_that_does_not_say_that_it_ended_is_a_fault() -> None:
    assembly = Assembly(scrubber=SCRUBBER)
    assert assembly.add(piece("Half an ans")) == "Half an ans"
    assert not assembly.ended
    _, fault = assembly.finish()
    assert isinstance(fault, Fault)
    assert fault.kind is FaultKind.CONNECTION


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        ({"message": "slow down", "code": 429}, FaultKind.BUSY),
        ({"message": "prompt is too long", "code": "400"}, FaultKind.CONTEXT),
        ("it broke", FaultKind.SERVER),
        ({}, FaultKind.SERVER),
    ],
)
def test_an_error_in_the_stream_is_named(error: object, kind: FaultKind) -> None:
    assembly = Assembly(scrubber=SCRUBBER)
    assembly.add(line({"error": error}))
    assert assembly.ended
    _, fault = assembly.finish()
    assert isinstance(fault, Fault)
    assert fault.kind is kind


def test_counts_that_cannot_be_are_none() -> None:
    body = {
        "choices": [{"message": {"content": "x"}}],
        "usage": {"prompt_tokens": -3, "completion_tokens": 7, "prompt_tokens_details": {"cached_tokens": 5}},
    }
    reply = read_completion(json.dumps(body).encode(), scrubber=SCRUBBER)
    assert isinstance(reply, Reply)
    assert (reply.input_tokens, reply.output_tokens, reply.cached_tokens) == (None, 7, 0)
