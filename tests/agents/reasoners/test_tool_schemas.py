"""Tools as a model is told of them: small, all of them, and every argument still explained somewhere."""

from __future__ import annotations

import json
from typing import Any

import pytest

from matsmith.agents.conversation.conversation import Conversation
from matsmith.agents.reasoners.chat_model import ToolSchema
from matsmith.agents.reasoners.dialect import Dialect
from matsmith.agents.reasoners.tool_schemas import LEGEND, compacted, shortened, told
from matsmith.core.settings import Settings

# Bytes of all tools of a conversation in one request, the legend included.
LARGEST_EACH = 640


@pytest.fixture(scope="module")
def tools(tmp_path_factory: pytest.TempPathFactory) -> list[ToolSchema]:
    folder = tmp_path_factory.mktemp("thread")
    settings = Settings(
        data_dir=folder / "none",
        cache_dir=folder / "cache",
        state_dir=folder / "state",
        runs_dir=folder / "runs",
        mp_api_key=None,
        device="cpu",
        threads=1,
    )
    talk = Conversation(folder=folder / "t", settings=settings)
    found = [tool.schema for tool in talk.tools()]
    talk.close()
    return found


def size(data: object) -> int:
    return len(json.dumps(data, ensure_ascii=False, separators=(",", ":")).encode())


def test_all_tools_go_out_and_take_little_room(tools: list[ToolSchema]) -> None:
    offered = told(tools)
    assert [entry["function"]["name"] for entry in offered.tools] == [tool.name for tool in tools]
    assert len(tools) >= 45
    plain = size([tool.model_dump() for tool in tools])
    assert size(offered.tools) + len(offered.legend.encode()) < min(LARGEST_EACH * len(tools), 0.6 * plain)


def choices(part: dict[str, Any]) -> list[str] | None:
    """The values that an argument may have, where they are listed."""
    ways: list[dict[str, Any]] = [part, *part.get("anyOf", [])]
    return next((way["enum"] for way in ways if "enum" in way), None)


def test_arguments_keep_their_names_types_and_needs(tools: list[ToolSchema]) -> None:
    offered = told(tools)
    hidden = 0
    for tool, entry in zip(tools, offered.tools, strict=True):
        sent: dict[str, Any] = entry["function"]["parameters"]
        asked = tool.parameters.get("properties", {})
        filled = {name for name, part in asked.items() if part.get("description", "").startswith("filled in")}
        hidden += len(filled)
        assert set(sent.get("properties", {})) == set(asked) - filled
        assert sent.get("required", []) == tool.parameters.get("required", [])
        for name, part in sent.get("properties", {}).items():
            assert part.get("type") or part.get("anyOf") or part.get("enum")
            whole = asked[name].get("description", "")
            assert part.get("description", "") == whole or whole in offered.legend
            assert part.get("enum") == choices(asked[name])
    assert hidden <= 1


def test_what_a_tool_gives_is_still_said(tools: list[ToolSchema]) -> None:
    for tool, entry in zip(tools, told(tools).tools, strict=True):
        description = entry["function"]["description"]
        assert "Typed failure" not in description
        assert "matsmith tool" not in description
        gives = tool.description.partition(" Gives: ")[2].partition(". About")[0]
        assert gives in description
        if " s a call" in tool.description:
            assert description.endswith(" s.")


def test_maps_choices_and_references_are_kept() -> None:
    schema: dict[str, Any] = {
        "type": "object",
        "title": "Args",
        "$defs": {"Kind": {"enum": ["a", "b"], "type": "string", "title": "Kind"}},
        "properties": {
            "kind": {"$ref": "#/$defs/Kind", "default": "a"},
            "weights": {"type": "object", "additionalProperties": {"type": "number"}},
            "either": {"anyOf": [{"type": "integer"}, {"type": "string"}, {"type": "null"}], "default": None},
            "triple": {
                "anyOf": [{"type": "array", "prefixItems": [{"type": "number"}] * 3}, {"type": "null"}]
            },
            "off": {"type": "boolean", "default": False},
            "on": {"type": "boolean", "default": True},
            "zero": {"type": "number", "default": 0.0, "minimum": -5, "maximum": 5},
            "needed": {"type": "number", "minimum": 1.0, "maximum": 9},
        },
        "required": ["needed"],
        "additionalProperties": False,
    }
    assert compacted(schema) == {
        "type": "object",
        "properties": {
            "kind": {"enum": ["a", "b"], "type": "string", "default": "a"},
            "weights": {"type": "object", "additionalProperties": {"type": "number"}},
            "either": {"anyOf": [{"type": "integer"}, {"type": "string"}]},
            "triple": {"type": "array", "items": {"type": "number"}},
            "off": {"type": "boolean"},
            "on": {"type": "boolean", "default": True},
            "zero": {"type": "number", "default": 0},
            "needed": {"type": "number", "minimum": 1, "maximum": 9},
        },
        "required": ["needed"],
    }
    assert schema["properties"]["zero"]["minimum"] == -5


def test_the_legend_reaches_the_model_with_and_without_instructions() -> None:
    about = {"type": "string", "description": "a structure of this thread"}
    tools = [
        ToolSchema(
            name=name, description=name, parameters={"type": "object", "properties": {"structure": about}}
        )
        for name in ("one", "two", "three")
    ]
    asked = [{"role": "user", "content": "Hello"}]
    for messages in (asked, [{"role": "system", "content": "Be brief."}, *asked]):
        body = Dialect().body(messages, model="m", longest=10, tools=tools)
        assert body["messages"][0]["role"] == "system"
        assert f"{LEGEND}\n- `structure`: a structure of this thread" in body["messages"][0]["content"]
        joined = Dialect(takes_system=False).body(messages, model="m", longest=10, tools=tools)["messages"]
        assert "a structure of this thread" in joined[0]["content"]
        assert joined[0]["content"].endswith("Hello")
    few = Dialect().body(asked, model="m", longest=10, tools=tools[:2])
    assert few["messages"] == asked
    assert few["tools"][0]["function"]["parameters"]["properties"]["structure"] == about


def test_a_description_ends_with_a_whole_sentence() -> None:
    text = "Title. " + "A sentence of some length stands here. " * 20 + "Gives: a thing. About 3 s a call."
    found = shortened(text, longest=120)
    assert len(found) <= 120
    assert found.endswith("Gives: a thing. ≈ 3 s.")
    assert ". A sentence of some length stands here. Gives" in found
