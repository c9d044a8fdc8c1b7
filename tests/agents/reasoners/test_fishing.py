from __future__ import annotations

import json
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from matsmith.agents.reasoners.fishing import NoJson, json_object_in

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**6), 10**6)
    | st.text(st.characters(exclude_characters="`<"), max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=10,
)
OBJECT = st.dictionaries(
    st.text(st.characters(exclude_characters="`<"), min_size=1, max_size=6), JSON, min_size=1, max_size=4
)


@given(data=OBJECT, indent=st.sampled_from([None, 2]))
def test_finds_an_object_however_it_is_wrapped(data: dict[str, object], indent: int | None) -> None:
    text = json.dumps(data, indent=indent)
    assert json_object_in(text) == data
    assert json_object_in(f"```json\n{text}\n```") == data
    assert json_object_in(f"Here you are:\n{text}\nGood luck!") == data
    assert json_object_in(f"<think>{{}}</think>\n{text}") == data


def test_takes_the_longest_of_several() -> None:
    assert json_object_in('First {"a": 1}, better {"a": 1, "b": [2]}.') == {"a": 1, "b": [2]}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "empty"),
        ("   \n", "empty"),
        ("no", "prose"),
        ("[1, 2]", "prose"),
        ('{"a": ', "breaks off"),
        ('{"a": Infinity}', "breaks off"),
        ("x" * 500_000, "500,000 characters"),
    ],
)
def test_says_what_is_wrong(text: str, words: str) -> None:
    with pytest.raises(NoJson, match=words):
        json_object_in(text)


@pytest.mark.parametrize(
    "text", ["{" * 300_000, '{"a":' * 60_000, "[" * 300_000, "<think>" * 40_000, "```json\n" * 40_000]
)
def test_hostile_text_takes_no_long_time(text: str) -> None:
    started = time.monotonic()
    with pytest.raises(NoJson):
        json_object_in(text)
    assert time.monotonic() - started < 60  # by the square of the length it would be many minutes
