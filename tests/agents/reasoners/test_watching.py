"""Transcripts and spans: every call is in them, no key is."""

from __future__ import annotations

import builtins
import json
import sys
from pathlib import Path
from typing import Any

import pytest
from chat_server import MODEL, calls_tools, fails, says, serving, streams
from pydantic import SecretStr

from matsmith.agents.decisions import LiteratureQuestion
from matsmith.agents.reasoners.chat_model import ToolSchema, make_chat_model
from matsmith.agents.reasoners.providers import from_settings, reasoner_for_run
from matsmith.agents.reasoners.watching import TRANSCRIPT, make_watch
from matsmith.core.errors import LedgerError, ReasonerError, SettingsError
from matsmith.core.settings import Settings
from matsmith.core.spec import DesignSpec

KEY = "sk-planted-0123456789abcdef"
OTHER = "mp-planted-fedcba9876543210"
QUESTION = LiteratureQuestion(spec=DesignSpec(objective=f"a stable oxide ({KEY} and {OTHER})"))
QUERIES = {"queries": ["bulk modulus of oxides"]}
RELAX = ToolSchema(name="relax", description="Relax a crystal.", parameters={"type": "object"})


def made(tmp_path: Path, url: str, **fields: Any) -> Settings:
    return Settings(
        cache_dir=tmp_path / "cache",
        openai_api_key=SecretStr(KEY),
        mp_api_key=SecretStr(OTHER),
        openai_base_url=url,
        model=MODEL,
        model_prices={MODEL: {"input": 1, "output": 4}},  # pyright: ignore[reportArgumentType]
        **fields,
    )


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def test_a_transcript_holds_requests_replies_faults_and_times(tmp_path: Path) -> None:
    with serving(fails(500, f"broken, {KEY}"), says({"queries": []}), says(QUERIES)) as server:
        reasoner_for_run(made(tmp_path, server.base_url), folder=tmp_path, seed=1).decide(QUESTION)
    fault, wrong, right = lines(tmp_path / TRANSCRIPT)
    assert fault["fault"]["kind"] == "server"
    assert (fault["attempt"], wrong["attempt"]) == (0, 1)
    assert wrong["reply"]["text"] == '{"queries": []}'
    assert right["request"]["messages"][-1]["content"].startswith("That answer cannot be used")
    assert right["usage"]["input_tokens"] == 100
    assert right["usage"]["cost_usd"] == pytest.approx(180e-6)
    for line in (fault, wrong, right):
        assert line["role"] == "literature"
        assert line["seconds"] >= 0
        assert line["server"] == server.base_url
        assert line["at"].endswith("+00:00")


def test_no_key_stands_in_transcript_or_spans(tmp_path: Path) -> None:
    with serving(says({"queries": [f"{KEY}", f"{OTHER}"]}), fails(401, f"bad key {KEY}")) as server:
        settings = made(tmp_path, server.base_url, tracing="file")
        reasoner = reasoner_for_run(settings, folder=tmp_path)
        reasoner.decide(QUESTION)
        with pytest.raises(ReasonerError):
            reasoner.decide(QUESTION)
    written = "".join(path.read_text() for path in tmp_path.rglob("*") if path.is_file())
    assert "a stable oxide" in written
    assert KEY not in written
    assert OTHER not in written


def test_a_chat_s_transcript_notes_when_the_first_words_came(tmp_path: Path) -> None:
    with serving(streams("one ", "two", pause_s=0.1)) as server:
        settings = made(tmp_path, server.base_url)
        watch = make_watch(settings, folder=tmp_path, session="thread")
        list(make_chat_model(settings, watch=watch).stream([{"role": "user", "content": "count"}]))
    (line,) = lines(tmp_path / TRANSCRIPT)
    assert line["role"] == "chat"
    assert 0 <= line["first_words_s"] < line["seconds"]
    assert line["reply"]["text"] == "one two"


def test_transcripts_can_be_switched_off(tmp_path: Path) -> None:
    with serving(says(QUERIES)) as server:
        settings = made(tmp_path, server.base_url, transcripts=False)
        reasoner_for_run(settings, folder=tmp_path).decide(QUESTION)
    assert make_watch(settings, folder=tmp_path) is None
    assert not (tmp_path / TRANSCRIPT).exists()


def test_a_transcript_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / TRANSCRIPT).mkdir()
    with serving(says(QUERIES)) as server:
        reasoner = reasoner_for_run(made(tmp_path, server.base_url), folder=tmp_path)
        with pytest.raises(LedgerError, match=r"transcript.*MATSMITH_TRANSCRIPTS"):
            reasoner.decide(QUESTION)


def test_spans_carry_the_names_of_openinference(tmp_path: Path) -> None:
    pytest.importorskip("opentelemetry.sdk")
    with serving(fails(503), calls_tools(("relax", {"structure": "x"}))) as server:
        settings = made(tmp_path, server.base_url, tracing="file")
        watch = make_watch(settings, folder=tmp_path, session="run-1")
        model = make_chat_model(settings, watch=watch, seed=1)
        list(model.stream([{"role": "user", "content": "relax x"}], tools=[RELAX]))
        assert watch is not None
        watch.close()
    failed, done = lines(tmp_path / "spans.jsonl")
    assert failed["status"]["status_code"] == "ERROR"
    assert "server" in failed["status"]["description"]
    found = done["attributes"]
    assert found["openinference.span.kind"] == "LLM"
    assert found["llm.model_name"] == MODEL
    assert found["session.id"] == "run-1"
    assert found["llm.input_messages.0.message.role"] == "user"
    assert found["llm.input_messages.0.message.content"] == "relax x"
    call = "llm.output_messages.0.message.tool_calls.0.tool_call"
    assert found[f"{call}.function.name"] == "relax"
    assert json.loads(found[f"{call}.function.arguments"]) == {"structure": "x"}
    assert found["llm.token_count.total"] == (
        found["llm.token_count.prompt"] + found["llm.token_count.completion"]
    )
    assert json.loads(found["llm.invocation_parameters"])["seed"] == 1
    assert found["llm.cost.total"] > 0
    assert done["start_time"] < done["end_time"]
    assert done["resource"]["attributes"]["service.name"] == "matsmith"


def test_a_missing_package_is_named_only_when_spans_are_wished(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = builtins.__import__

    def without(name: str, *args: Any, **named: Any) -> Any:
        if name.startswith("opentelemetry"):
            raise ImportError(name)
        return real(name, *args, **named)

    for name in [name for name in sys.modules if name.startswith("opentelemetry")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setattr(builtins, "__import__", without)
    with serving(says(QUERIES)) as server:
        from_settings(made(tmp_path, server.base_url)).decide(QUESTION)
        with pytest.raises(SettingsError, match=r"opentelemetry-sdk.*matsmith\[tracing\]"):
            reasoner_for_run(made(tmp_path, server.base_url, tracing="file"), folder=tmp_path)
