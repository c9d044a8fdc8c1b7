"""Find the JSON object in what a model wrote: alone, fenced, or somewhere in prose."""

from __future__ import annotations

import json
import re
from typing import Any, NoReturn, cast

_FENCE = re.compile(r"```[a-zA-Z0-9_-]*[ \t]*\n(.*?)```", re.DOTALL)
_END_OF_THOUGHT = ("</think>", "</thinking>", "</reasoning>")
_LONGEST = 400_000  # characters; far beyond any answer that is asked for
_ATTEMPTS = 64  # opening braces tried, so that hostile text costs no quadratic time


class NoJson(ValueError):
    """A text holds no JSON object; the message says what is wrong with it, in words for the model."""


def json_object_in(text: str) -> dict[str, Any]:
    """Return the JSON object in a text, the longest one when there are several. Raises `NoJson`.

    >>> json_object_in('Sure! {"queries": ["garnet"]} Anything else?')
    {'queries': ['garnet']}
    """
    if len(text) > _LONGEST:
        raise NoJson(f"The answer is {len(text):,} characters long; answer with the JSON object alone.")
    for end in _END_OF_THOUGHT:
        text = text.rpartition(end)[2]
    text = text.strip().removeprefix("\ufeff")
    if not text:
        raise NoJson("The answer is empty.")
    for piece in (text, *(cast("str", match[1]) for match in _FENCE.finditer(text))):
        found = _load(piece)
        if isinstance(found, dict):
            return cast("dict[str, Any]", found)
    best = _longest_object(text)
    if best is None:
        raise NoJson(
            "The answer breaks off in the middle of its JSON object."
            if "{" in text
            else "The answer is prose; answer with one JSON object and nothing else."
        )
    return best


def _longest_object(text: str) -> dict[str, Any] | None:
    decoder = json.JSONDecoder(parse_constant=_refuse_constant)
    best: dict[str, Any] | None = None
    longest = 0
    position = text.find("{")
    for _ in range(_ATTEMPTS):
        if position < 0:
            break
        try:
            found, end = decoder.raw_decode(text, position)
        except (ValueError, RecursionError):
            position = text.find("{", position + 1)
            continue
        if isinstance(found, dict) and end - position > longest:
            best, longest = cast("dict[str, Any]", found), end - position
        position = text.find("{", end)
    return best


def _load(text: str) -> object:
    try:
        return json.loads(text, parse_constant=_refuse_constant)
    except (ValueError, RecursionError):
        return None


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON number")
