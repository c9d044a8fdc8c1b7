"""Every operation of the OpenAPI document, called with sound and unsound inputs: no 5xx, no hang, nothing that is not documented."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

import httpx
import pytest

from matsmith.core.settings import Settings

pytest.importorskip("schemathesis")
BENCHMARKS = Path(__file__).resolve().parents[3] / "benchmarks"


@pytest.mark.timeout(240)
@pytest.mark.filterwarnings("ignore")
def test_every_operation_answers_as_it_is_documented(
    settings: Settings, serve: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    fuzzing: Any = importlib.import_module("api_fuzz")
    # Without the model of meanings, whose loading would be most of this test.
    with serve(settings.model_copy(update={"embedding_model": "none"})) as address:
        document = httpx.get(f"{address}/api/openapi.json", timeout=60).json()
        httpx.post(
            f"{address}/api/threads/known/turns",
            json={"text": "/help"},
            headers={"X-Matsmith": "1"},
            timeout=120,
        )
        tally = fuzzing.fuzz(address, document, known={"thread": "known"}, examples=3)
        assert httpx.get(f"{address}/api/about", timeout=10).status_code == 200
    operations = {f"{method.upper()} {path}" for path, each in document["paths"].items() for method in each}
    assert {path.split(" ", 1)[1].removeprefix("/api") for path in operations} >= {
        "/plan",
        "/runs",
        "/tools/{name}",
    }
    assert set(tally.statuses) == operations
    assert tally.findings == {}


def test_what_can_go_wrong_is_documented(address: str) -> None:
    document = httpx.get(f"{address}/api/openapi.json", timeout=60).json()
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            told = set(operation["responses"])
            assert {"401", "403", "413", "422"} <= told, (method, path)
            assert "404" in told or "{name}" not in path, (method, path)
            for status, response in operation["responses"].items():
                if int(status) >= 400:
                    assert list(response["content"]) == ["application/json"], (method, path, status)
    assert "429" in document["paths"]["/api/runs"]["post"]["responses"]
    problem = document["components"]["schemas"]["Problem"]
    assert set(problem["properties"]) == {"message", "hint"}


def test_a_defect_is_told_as_a_problem_and_an_unknown_address_too(settings: Settings, serve: Any) -> None:
    with serve(settings) as address:
        lost = httpx.get(f"{address}/api/nothing", timeout=30)
        assert lost.status_code == 404
        assert set(lost.json()) == {"message", "hint"}
        wrong = httpx.delete(f"{address}/api/runs", headers={"X-Matsmith": "1"}, timeout=30)
        assert wrong.status_code == 405
        assert wrong.headers["allow"]
        # A folder in the place of a run's ledger is nothing that anybody foresaw.
        (settings.runs_dir / "odd" / "ledger.sqlite").mkdir(parents=True)
        assert httpx.get(f"{address}/api/runs", timeout=30).status_code == 200
        assert httpx.get(f"{address}/api/runs/odd", timeout=30).status_code in (400, 404)
