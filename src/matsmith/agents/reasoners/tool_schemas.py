"""Tools as a model is told of them, in as few characters as they can be told in: all of them go out with every request of a turn.

What is left out is what a model does not need to make a call: the names of typed failures (a failure says itself what to do), examples for the
command line, null as a choice of what may be left out anyway, empty defaults, and limits of what has a default. An argument that means the same in several
tools is explained once, in a legend that goes to the instructions. The tools themselves check every call by their full schemas.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any, NamedTuple, cast

from matsmith.agents.reasoners.chat_model import ToolSchema

Json = dict[str, Any]

LEGEND = "Arguments that mean the same in every tool that takes them:"
_DROPPED = frozenset(
    {
        "title",
        "minLength",
        "maxLength",
        "pattern",
        "additionalProperties",
        "minItems",
        "maxItems",
        "prefixItems",
        "exclusiveMinimum",
    }
)
_SHARED = 3  # tools from which on an argument stands in the legend
_LONGEST = 180  # characters of one tool's description
_EXAMPLE = re.compile(r"\bExamples?: .*?(?=\s(?:Gives:|About [\d.e-]+ s a call)|$)")
_NEEDLESS = re.compile(r"^Typed failures?\b")
_COST = re.compile(r"\bAbout ([\d.e-]+ s) a call\.")
_KEPT = re.compile(r"^(?:Gives:|≈ )")
_FILLED_IN = "filled in"  # opens the description of an argument that code gives
_SENTENCE_END = re.compile(r"(?<=[.!?])\s+(?=[A-Z`(≈])")


class Told(NamedTuple):
    """The tools of a request, and the legend of their common arguments ("" when there are none)."""

    tools: list[Json]
    legend: str


def told(tools: Sequence[ToolSchema]) -> Told:
    """The tools in the form of chat completions; the same tools are worked out once."""
    return _told(tuple(tool.model_dump_json() for tool in tools))


@lru_cache(maxsize=8)
def _told(texts: tuple[str, ...]) -> Told:
    tools = [ToolSchema.model_validate_json(text) for text in texts]
    compact = [compacted(tool.parameters) for tool in tools]
    common = _common(compact)
    found: list[Json] = []
    for tool, parameters in zip(tools, compact, strict=True):
        for name, entry in _arguments(parameters).items():
            if entry.get("description") == common.get(name, ""):
                entry.pop("description", None)
        function = {"name": tool.name, "description": shortened(tool.description), "parameters": parameters}
        found.append({"type": "function", "function": function})
    by_meaning: dict[str, list[str]] = {}
    for name, about in common.items():
        by_meaning.setdefault(about, []).append(f"`{name}`")
    lines = [f"- {', '.join(names)}: {about}" for about, names in by_meaning.items()]
    return Told(found, "\n".join([LEGEND, *lines]) if lines else "")


def compacted(parameters: Mapping[str, Any]) -> Json:
    """The schema of a tool's arguments without what a call does not need; maps keep the type of their values.

    >>> compacted({"type": "object", "description": "x", "properties": {"n": {"anyOf": [{"type": "integer"}, {"type": "null"}], "default": None}}})
    {'type': 'object', 'properties': {'n': {'type': 'integer'}}}
    """
    kept = {key: value for key, value in parameters.items() if key not in ("description", "$defs")}
    definitions = cast("Json", parameters.get("$defs", {}))
    found = cast("Json", _compacted(kept, definitions))
    if not found.get("required"):
        found.pop("required", None)
    return found


def _compacted(schema: object, definitions: Json) -> object:
    if not isinstance(schema, Mapping):
        return schema
    entries = dict(cast("Mapping[str, Any]", schema))
    reference = str(entries.pop("$ref", "")).removeprefix("#/$defs/")
    if reference:
        entries = {**definitions.get(reference, {}), **entries}
    for key in ("anyOf", "oneOf", "allOf"):
        choices = [choice for choice in entries.get(key, ()) if choice.get("type") != "null"]
        if len(choices) == 1:
            entries.pop(key)
            inner = cast("Json", _compacted(choices[0], definitions))
            entries = {**inner, **entries}
        elif choices:
            entries[key] = [_compacted(choice, definitions) for choice in choices]
    result: Json = {}
    for key, value in entries.items():
        if key == "properties":
            result[key] = {
                name: _compacted(part, definitions)
                for name, part in value.items()
                if not str(part.get("description", "")).startswith(_FILLED_IN)
            }
        elif key == "items":
            result[key] = _compacted(value, definitions)
        elif key == "additionalProperties" and isinstance(value, Mapping):
            result[key] = _compacted(cast("object", value), definitions)
        elif key == "default" and (value is None or value is False or value in ("", [], {})):
            continue
        elif key not in _DROPPED:
            result[key] = int(value) if isinstance(value, float) and value.is_integer() else value
    if "default" in result:
        # Seldom changed; the tool names its limits to whoever breaks them.
        for limit in ("minimum", "maximum"):
            result.pop(limit, None)
    if result.get("type") == "array" and "items" not in result:
        parts = cast("list[Json]", entries.get("prefixItems")) or [Json()]
        result["items"] = _compacted(parts[0], definitions)
    return result


def shortened(description: str, *, longest: int = _LONGEST) -> str:
    """A tool's description without failures and examples, whole sentences up to a length; what it gives and costs stays.

    >>> shortened("Space group. Find it. Typed failures: none. Gives: nothing. About 0.005 s a call.")
    'Space group. Find it. Gives: nothing. ≈ 0.005 s.'
    """
    text = _EXAMPLE.sub("", " ".join(description.split()))
    sentences = _SENTENCE_END.split(_COST.sub(r"≈ \1.", text))
    tail = [sentence for sentence in sentences if _KEPT.match(sentence)]
    room = longest - sum(len(sentence) + 1 for sentence in tail)
    head: list[str] = []
    for sentence in sentences:
        if _NEEDLESS.match(sentence) or sentence in tail:
            continue
        if head and sum(len(one) + 1 for one in head) + len(sentence) > room:
            break
        head.append(sentence)
    return " ".join([*head, *tail])


def _common(parameters: Sequence[Json]) -> dict[str, str]:
    """Arguments by name with the description that most tools give them, where so many arguments share that description."""
    pairs: Counter[tuple[str, str]] = Counter()
    shared: Counter[str] = Counter()
    for schema in parameters:
        for name, entry in _arguments(schema).items():
            if about := str(entry.get("description", "")):
                pairs[name, about] += 1
                shared[about] += 1
    found: dict[str, str] = {}
    for (name, about), _ in pairs.most_common():
        if shared[about] >= _SHARED and name not in found:
            found[name] = about
    return found


def _arguments(parameters: Json) -> dict[str, Json]:
    return cast("dict[str, Json]", parameters.get("properties", {}))
