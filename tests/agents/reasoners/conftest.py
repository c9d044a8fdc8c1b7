from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from matsmith.agents.reasoners.faults import Backoff
from matsmith.agents.reasoners.openai_server import OpenAIReasoner

if "chat_server" not in sys.modules:
    spec = importlib.util.spec_from_file_location("chat_server", Path(__file__).with_name("chat_server.py"))
    if spec is None or spec.loader is None:
        raise ImportError("chat_server.py is missing")
    module = importlib.util.module_from_spec(spec)
    sys.modules["chat_server"] = module
    spec.loader.exec_module(module)
if "made_corpus" not in sys.modules:
    spec = importlib.util.spec_from_file_location("made_corpus", Path(__file__).with_name("made_corpus.py"))
    if spec is None or spec.loader is None:
        raise ImportError("made_corpus.py is missing")
    module = importlib.util.module_from_spec(spec)
    sys.modules["made_corpus"] = module
    spec.loader.exec_module(module)

from chat_server import MODEL, ChatServer

KEY = "sk-test-0123456789abcdef"


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "OPENAI_API_KEY", "OPENAI_BASE_URL"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)


@pytest.fixture
def reasoner_for() -> Callable[..., OpenAIReasoner]:
    """Make a reasoner for a server, with short times and no real pauses unless a test asks for them."""

    def make(server: ChatServer, **changes: Any) -> OpenAIReasoner:
        settings: dict[str, Any] = {
            "base_url": server.base_url,
            "api_key": SecretStr(KEY),
            "model": MODEL,
            "timeout_s": 5.0,
            "seed": 0,
            "backoff": Backoff(first_s=0.01, longest_s=0.05),
        }
        return OpenAIReasoner(**(settings | changes))

    return make
