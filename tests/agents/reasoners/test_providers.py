"""Which model answers which role, what it costs, and that a key goes to its own server alone."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from chat_server import MODEL, Act, fails, says, sends, serving
from pydantic import SecretStr

from matsmith.agents.decisions import LiteratureQuestion, PlanQuestion
from matsmith.agents.reasoners.budget import ModelBudget
from matsmith.agents.reasoners.interface import Usage
from matsmith.agents.reasoners.providers import choice_for, from_settings, reasoner_for_run
from matsmith.core.errors import BudgetExceeded, ReasonerError, SettingsError
from matsmith.core.settings import Settings
from matsmith.core.spec import Budget, DesignSpec

KEY = "sk-general-0123456789abcdef"
OTHER = "sk-other-fedcba9876543210"
QUESTION = LiteratureQuestion(spec=DesignSpec(objective="a stable oxide"))
QUERIES = {"queries": ["bulk modulus of oxides"]}


def made(tmp_path: Path, **fields: Any) -> Settings:
    base: dict[str, Any] = {
        "cache_dir": tmp_path / "cache",
        "openai_api_key": None,
        "openai_base_url": None,
        "model": MODEL,
    }
    return Settings(**(base | fields))


def counted(prompt: int, written: int, **details: Any) -> Act:
    """An answer with the server's own count of tokens."""
    usage = {"prompt_tokens": prompt, "completion_tokens": written, **details}
    message = {"role": "assistant", "content": json.dumps(QUERIES)}
    return sends({"choices": [{"message": message, "finish_reason": "stop"}], "usage": usage})


def test_each_role_asks_its_own_model(tmp_path: Path) -> None:
    with serving(says({"spec": {}, **QUERIES})) as server:
        server.script[:] = [says({"spec": {}}), says(QUERIES)]
        settings = made(
            tmp_path,
            openai_base_url=server.base_url,
            model_planner="thinker",
            models={"literature": {"model": "reader", "reasoning_effort": "low"}},
            reasoning_effort="high",
        )
        reasoner = from_settings(settings)
        reasoner.decide(PlanQuestion(objective="an oxide"))
        reasoner.decide(QUESTION)
    assert [request["model"] for request in server.requests] == ["thinker", "reader"]
    assert [request["reasoning_effort"] for request in server.requests] == ["high", "low"]
    assert reasoner.usage.calls == 2
    assert reasoner.name == f"openai:thinker+reader+{MODEL}"


@pytest.mark.parametrize(
    ("role", "model"),
    [
        ("planner", "p"),
        ("planner_doubt", "p"),
        ("literature", "l"),
        ("literature_reader", "l"),
        ("extraction_rows", "l"),
        ("critic_doubt", "c"),
        ("generator", "general"),
        ("chat", "general"),
    ],
)
def test_roles_belong_to_agents(tmp_path: Path, role: str, model: str) -> None:
    settings = made(
        tmp_path,
        openai_base_url="http://h/v1",
        model="general",
        model_planner="p",
        models={"literature": "l", "critic": "c"},
    )
    assert choice_for(settings, role=role).model == model


def test_a_key_goes_to_its_own_server_alone(tmp_path: Path) -> None:
    with serving(says(QUERIES)) as general, serving(says(QUERIES)) as own, serving(says(QUERIES)) as keyless:
        settings = made(
            tmp_path,
            openai_base_url=general.base_url,
            openai_api_key=SecretStr(KEY),
            models={
                "literature": {"base_url": own.base_url, "api_key": OTHER},
                "critic": {"base_url": keyless.base_url},
            },
        )
        reasoner = from_settings(settings)
        reasoner.decide(QUESTION)
        assert choice_for(settings, role="critic").api_key is None
        assert choice_for(settings, role="planner").api_key == SecretStr(KEY)
    assert own.headers[0]["authorization"] == f"Bearer {OTHER}"
    assert general.requests == []


def test_a_server_that_takes_no_effort_is_not_told(tmp_path: Path) -> None:
    refusal = fails(400, "Unrecognized request argument supplied: reasoning_effort")
    with serving(refusal, says(QUERIES)) as server:
        settings = made(tmp_path, openai_base_url=server.base_url, reasoning_effort="low")
        from_settings(settings).decide(QUESTION)
        from_settings(settings).decide(QUESTION)  # learnt and kept on disk
    assert ["reasoning_effort" in request for request in server.requests] == [True, False, False]


def test_a_server_that_does_not_hold_to_the_schema_is_told_it_in_words(tmp_path: Path) -> None:
    with serving(says("I would look for oxides."), says(QUERIES)) as server:
        settings = made(tmp_path, openai_base_url=server.base_url)
        from_settings(settings).decide(QUESTION)
        from_settings(settings).decide(QUESTION)
    told = ["follows this JSON schema" in request["messages"][0]["content"] for request in server.requests]
    assert told == [False, True, True]
    assert all(request["response_format"]["type"] == "json_schema" for request in server.requests)


# --- cost -------------------------------------------------------------------------------------------------------------

PRICES = {MODEL: {"input": 2.0, "output": 8.0, "cached": 0.5}}


@pytest.mark.parametrize(
    ("details", "cached"),
    [
        ({}, 0),
        ({"prompt_tokens_details": {"cached_tokens": 800}}, 800),
        ({"prompt_cache_hit_tokens": 800}, 800),
        ({"cache_read_input_tokens": 800}, 800),
        ({"prompt_tokens_details": None}, 0),
    ],
)
def test_cost_is_counted_with_cached_tokens(tmp_path: Path, details: Mapping[str, Any], cached: int) -> None:
    with serving(counted(1000, 500, **details)) as server:
        reasoner = from_settings(made(tmp_path, openai_base_url=server.base_url, model_prices=PRICES))
        reasoner.decide(QUESTION)
    expected = (2.0 * (1000 - cached) + 0.5 * cached + 8.0 * 500) / 1e6
    assert reasoner.usage.cost_usd == pytest.approx(expected)
    assert reasoner.usage.cached_tokens == cached
    assert reasoner.usage.unpriced_tokens == 0


def test_without_a_price_no_cost_is_named(tmp_path: Path) -> None:
    with serving(counted(1000, 500)) as server:
        reasoner = from_settings(made(tmp_path, openai_base_url=server.base_url))
        reasoner.decide(QUESTION)
    assert reasoner.usage.cost_usd is None
    assert reasoner.usage.unpriced_tokens == 1500


def test_a_limit_on_cost_holds_before_the_call(tmp_path: Path) -> None:
    with serving(counted(1000, 500)) as server:
        settings = made(tmp_path, openai_base_url=server.base_url, model_prices={"*": PRICES[MODEL]})
        reasoner = reasoner_for_run(settings, limits=Budget(model_cost_usd=0.013))
        reasoner.decide(QUESTION)
        reasoner.decide(QUESTION)
        with pytest.raises(BudgetExceeded, match=r"USD.*--max-cost"):
            reasoner.decide(QUESTION)
    assert len(server.requests) == 2
    assert reasoner.usage.cost_usd == pytest.approx(0.012)
    # the answer is held to what can still be paid
    assert server.requests[0]["max_completion_tokens"] < 1_600
    assert server.requests[1]["max_completion_tokens"] < 900


def test_what_earlier_sessions_have_cost_counts(tmp_path: Path) -> None:
    with serving(counted(1000, 500)) as server:
        settings = made(tmp_path, openai_base_url=server.base_url, model_prices=PRICES)
        reasoner = reasoner_for_run(
            settings, limits=Budget(model_cost_usd=0.02), spent=Usage(calls=3, cost_usd=0.02)
        )
        with pytest.raises(BudgetExceeded, match="USD"):
            reasoner.decide(QUESTION)
    assert server.requests == []


def test_a_limit_on_cost_needs_a_price(tmp_path: Path) -> None:
    with serving(counted(1000, 500)) as server:
        settings = made(tmp_path, openai_base_url=server.base_url)
        with pytest.raises(SettingsError, match="MATSMITH_MODEL_PRICES"):
            reasoner_for_run(settings, limits=Budget(model_cost_usd=1.0)).decide(QUESTION)
    assert server.requests == []


def test_one_budget_is_shared_by_all_roles(tmp_path: Path) -> None:
    with serving(says(QUERIES)) as server:
        settings = made(tmp_path, openai_base_url=server.base_url, model_literature="reader")
        reasoner = from_settings(settings, budget=ModelBudget(calls=1))
        reasoner.decide(QUESTION)
        with pytest.raises(BudgetExceeded):
            reasoner.decide(PlanQuestion(objective="an oxide"))


# --- answers used again ------------------------------------------------------------------------------------------------


def test_the_same_request_is_answered_from_the_cache_when_that_is_wished(tmp_path: Path) -> None:
    with serving(says(QUERIES)) as server:
        settings = made(tmp_path, openai_base_url=server.base_url, reuse_answers=True, model_prices=PRICES)
        first = from_settings(settings, seed=3)
        again = from_settings(settings, seed=3)
        other = from_settings(settings, seed=4)
        assert first.decide(QUESTION) == again.decide(QUESTION) == other.decide(QUESTION)
    assert len(server.requests) == 2
    assert (again.usage.calls, again.usage.reused, again.usage.cost_usd) == (0, 1, None)
    assert "1 answers reused" in again.usage.in_words


def test_without_the_wish_no_answer_is_kept(tmp_path: Path) -> None:
    with serving(says(QUERIES)) as server:
        settings = made(tmp_path, openai_base_url=server.base_url)
        for _ in range(2):
            from_settings(settings, seed=3).decide(QUESTION)
    assert len(server.requests) == 2
    assert not (tmp_path / "cache" / "answers").exists()


def test_a_rerun_repeats_the_repairs_too_and_outlives_its_server(tmp_path: Path) -> None:
    with serving(says({"queries": []}), says(QUERIES)) as server:
        settings = made(tmp_path, openai_base_url=server.base_url, reuse_answers=True)
        first = from_settings(settings).decide(QUESTION)
    assert len(server.requests) == 2
    reasoner = from_settings(settings)
    assert reasoner.decide(QUESTION) == first
    assert reasoner.usage.reused == 2


def test_a_damaged_kept_answer_is_asked_again(tmp_path: Path) -> None:
    with serving(says(QUERIES)) as server:
        settings = made(tmp_path, openai_base_url=server.base_url, reuse_answers=True)
        from_settings(settings).decide(QUESTION)
        (kept,) = (tmp_path / "cache" / "answers").glob("*/*.json")
        kept.write_text('{"text": ')
        from_settings(settings).decide(QUESTION)
    assert len(server.requests) == 2


def test_faults_and_refusals_are_not_kept(tmp_path: Path) -> None:
    with serving(says(None, refusal="no")) as server:
        settings = made(tmp_path, openai_base_url=server.base_url, reuse_answers=True)
        for _ in range(2):
            with pytest.raises(ReasonerError, match="declined"):
                from_settings(settings).decide(QUESTION)
    assert len(server.requests) == 2


def test_a_key_in_an_answer_is_not_kept(tmp_path: Path) -> None:
    with serving(says({"queries": [f"use {KEY}"]})) as server:
        settings = made(
            tmp_path, openai_base_url=server.base_url, openai_api_key=SecretStr(KEY), reuse_answers=True
        )
        assert from_settings(settings).decide(QUESTION).queries == ["use ***"]
    assert KEY not in "".join(path.read_text() for path in tmp_path.rglob("*.json"))
