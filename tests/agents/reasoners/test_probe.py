"""What a server takes is found out by asking it, and kept."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from chat_server import Act, Handler, completion, fails, says, sends, serving, streams

from matsmith.agents.reasoners.dialect import OutputFormat
from matsmith.agents.reasoners.kept import KnownServers
from matsmith.agents.reasoners.probe import Findings, probe_role
from matsmith.core.errors import ReasonerError
from matsmith.core.settings import Settings

SAMPLE = {"shade": "teal", "how_many": 3}
USE = {
    "function": {"name": "add_numbers", "arguments": '{"first": 2, "second": 3}'},
    "id": "a",
    "type": "function",
}


def capable(*, schema: bool = True, json_mode: bool = True, tools: bool = True, stream: bool = True) -> Act:
    """A server that can do these things, and says so of the others."""

    def act(handler: Handler) -> None:
        body = handler.request_body
        form = body.get("response_format", {}).get("type")
        if (form == "json_schema" and not schema) or (form == "json_object" and not json_mode):
            fails(400, f"response_format {form} is not supported")(handler)
        elif "tools" in body:
            reply = completion(None, tool_calls=[USE], finish_reason="tool_calls")
            (sends(reply) if tools else fails(400, "this model does not support tools"))(handler)
        elif body["stream"]:
            (streams("one ", "two ") if stream else fails(400, "stream must be false"))(handler)
        elif "shade" in json.dumps(body):
            says(SAMPLE)(handler)
        else:
            says("one two three")(handler)

    return act


def probed(tmp_path: Path, act: Act) -> Findings:
    with serving(act) as server:
        return probe_role(settings_for(tmp_path, server.base_url))


def settings_for(tmp_path: Path, url: str) -> Settings:
    return Settings(cache_dir=tmp_path, openai_api_key=None, openai_base_url=url, model="m")


def test_a_server_that_can_do_everything(tmp_path: Path) -> None:
    found = probed(tmp_path, capable())
    assert (found.dialect.output, found.schema_held) == (OutputFormat.JSON_SCHEMA, True)
    assert (found.tools, found.streams) == (True, True)
    assert found.usage.calls == 3
    kept = KnownServers(tmp_path).dialect(server=found.server, model="m")
    assert kept == found.dialect


def test_a_server_that_can_do_little(tmp_path: Path) -> None:
    found = probed(tmp_path, capable(schema=False, json_mode=False, tools=False, stream=False))
    assert (found.dialect.output, found.schema_held) == (OutputFormat.TEXT, False)
    assert (found.tools, found.streams) == (False, False)
    assert not found.dialect.takes_stream


def test_a_server_that_takes_a_schema_and_does_not_hold_to_it(tmp_path: Path) -> None:
    found = probed(tmp_path, says({"colour": "teal", "number": 3}))
    assert (found.dialect.output, found.schema_held) == (OutputFormat.JSON_SCHEMA, False)
    assert found.dialect.states_schema
    assert found.tools is None


def test_what_was_found_before_is_found_out_anew(tmp_path: Path) -> None:
    with serving(capable(schema=False)) as server:
        settings = settings_for(tmp_path, server.base_url)
        assert probe_role(settings).dialect.output is OutputFormat.JSON_OBJECT
        server.script[:] = [capable()]
        assert probe_role(settings).dialect.output is OutputFormat.JSON_SCHEMA


def test_old_and_damaged_findings_count_for_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = probed(tmp_path, capable(schema=False))
    known = KnownServers(tmp_path)
    assert known.dialect(server=found.server, model="m") == found.dialect
    assert known.dialect(server=found.server, model="other") is None
    (path,) = (tmp_path / "language-models").glob("*.json")
    monkeypatch.setattr("matsmith.agents.reasoners.kept.time.time", lambda: path.stat().st_mtime + 8 * 86400)
    assert known.dialect(server=found.server, model="m") is None
    monkeypatch.undo()
    path.write_text("{")
    assert known.dialect(server=found.server, model="m") is None


def test_a_server_that_fails_is_named(tmp_path: Path) -> None:
    with pytest.raises(ReasonerError, match="key refused"):
        probed(tmp_path, fails(401))


def test_a_model_that_calls_another_tool_did_not_do_as_told(tmp_path: Path) -> None:
    other = {**USE, "function": {"name": "multiply", "arguments": "{}"}}

    def act(handler: Handler) -> None:
        tools = "tools" in handler.request_body
        (sends(completion(None, tool_calls=[other])) if tools else says(SAMPLE))(handler)

    assert probed(tmp_path, act).tools is None
