"""A request to a language model as a page that a person can read and answer."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, cast


def page(body: Mapping[str, Any], *, number: int) -> str:
    """The messages, the form of the answer, the tools, and how to answer, as Markdown."""
    parts = [f"# Request {number:04d}", _asked(body)]
    for position, message in enumerate(_objects(body.get("messages"))):
        parts.append(f"## Message {position + 1}: {message.get('role', 'nobody')}\n\n{_content(message)}")
    schema = _schema(body)
    if schema is not None:
        shown = json.dumps(schema, ensure_ascii=False, indent=1)
        parts.append(f"## Form of the answer\n\nOne JSON object of this schema:\n\n```json\n{shown}\n```")
    tools = _objects(body.get("tools"))
    if tools:
        parts.append("## Tools\n\n" + "\n\n".join(_tool(tool) for tool in tools))
    parts.append(_how_to_answer(number, schema=schema, tools=tools))
    return "\n\n".join(parts) + "\n"


def _asked(body: Mapping[str, Any]) -> str:
    settings = {
        name: value
        for name, value in body.items()
        if name not in ("messages", "tools", "response_format") and not isinstance(value, dict | list)
    }
    return ", ".join(f"{name} {value}" for name, value in settings.items())


def _content(message: Mapping[str, Any]) -> str:
    content = message.get("content")
    if isinstance(content, list):
        content = "\n".join(str(part.get("text", "")) for part in _objects(cast("object", content)))
    lines = [str(content)] if content else []
    for call in _objects(message.get("tool_calls")):
        function = cast("Mapping[str, Any]", call.get("function") or {})
        lines.append(f"calls `{function.get('name')}` ({call.get('id')}) with `{function.get('arguments')}`")
    if message.get("tool_call_id"):
        lines.insert(0, f"(result of the call {message['tool_call_id']})")
    return "\n\n".join(lines) or "(nothing)"


def _schema(body: Mapping[str, Any]) -> Mapping[str, Any] | None:
    wanted = body.get("response_format")
    if not isinstance(wanted, dict):
        return None
    inner = cast("dict[str, Any]", wanted).get("json_schema")
    return cast("dict[str, Any]", inner).get("schema", {}) if isinstance(inner, dict) else {}


def _tool(tool: Mapping[str, Any]) -> str:
    function = cast("Mapping[str, Any]", tool.get("function") or {})
    parameters = json.dumps(function.get("parameters", {}), ensure_ascii=False)
    return f"### {function.get('name')}\n\n{function.get('description', '')}\n\n```json\n{parameters}\n```"


def _how_to_answer(
    number: int, *, schema: Mapping[str, Any] | None, tools: Sequence[Mapping[str, Any]]
) -> str:
    content = "{ ... the object ... }" if schema is not None else '"words"'
    lines = [
        "## How to answer",
        f"Write `{number:04d}.answer.json` into this folder:",
        f'```json\n{{"content": {content}}}\n```',
    ]
    if tools:
        name = cast("Mapping[str, Any]", tools[0].get("function") or {}).get("name")
        calls = json.dumps({"tool_calls": [{"name": name, "arguments": {}}]})
        lines += ["or, to call tools (several may stand in the list):", f"```json\n{calls}\n```"]
    fault = json.dumps({"error": {"status": 429, "message": "busy", "retry_after": 2}})
    lines += [
        'To decline: `{"refusal": "why"}`. To fail as a server does:',
        f"```json\n{fault}\n```",
        f"What is wrong with an answer stands in `{number:04d}.problem.txt`; correct the file and it is read again.",
    ]
    return "\n\n".join(lines)


def _objects(items: object) -> list[Mapping[str, Any]]:
    if not isinstance(items, list):
        return []
    return [cast("dict[str, Any]", item) for item in cast("list[object]", items) if isinstance(item, dict)]
