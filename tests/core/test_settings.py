"""Settings of language models: from the environment, named when they cannot be used, and silent about keys."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from matsmith.core.errors import SettingsError
from matsmith.core.settings import Settings, load_settings

KEY = "sk-planted-0123456789abcdef"


@pytest.fixture(autouse=True)
def read_anew(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setitem(Settings.model_config, "env_file", None)
    load_settings.cache_clear()
    yield
    load_settings.cache_clear()


def test_models_and_prices_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MATSMITH_MODEL_CRITIC", "thinker")
    models = {"chat": "talker", "planner": {"model": "m", "api_key": KEY}}
    monkeypatch.setenv("MATSMITH_MODELS", json.dumps(models))
    monkeypatch.setenv("MATSMITH_MODEL_PRICES", '{"talker": {"input": 1, "output": 4}}')
    monkeypatch.setenv("MATSMITH_REASONING_EFFORT", "low")
    settings = load_settings()
    assert settings.model_critic == "thinker"
    assert settings.models["chat"].model == "talker"
    assert settings.model_prices["talker"].cost_usd(input_tokens=1_000_000, output_tokens=250_000) == 2.0
    assert settings.secrets() == [KEY]
    assert KEY not in f"{settings!r} {settings} {settings.model_dump_json()}"


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("MATSMITH_MODELS", "{", "models.*takes JSON"),
        ("MATSMITH_MODELS", '{"poet": "m"}', "no role 'poet'"),
        ("MATSMITH_MODELS", '{"chat": {"modell": "m"}}', "models.chat.modell"),
        ("MATSMITH_MODEL_PRICES", '{"m": {"input": -1, "output": 1}}', "model_prices.m.input"),
        ("MATSMITH_REASONING_EFFORT", "very", "reasoning_effort"),
        ("MATSMITH_TRACING", "yes", "tracing"),
    ],
)
def test_what_cannot_be_used_is_named(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, words: str
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(SettingsError, match=words):
        load_settings()


def test_a_key_never_shows_in_what_is_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MATSMITH_MODELS", json.dumps({"chat": {"api_key": KEY, "modell": KEY}}))
    with pytest.raises(SettingsError) as caught:
        load_settings()
    chain: BaseException | None = caught.value
    while chain is not None:
        assert KEY not in f"{chain!r} {chain}"
        chain = chain.__cause__
