"""Whole runs against servers that misbehave: each ends in the right verdict or in a stop that can be resumed, and no invented number is reported."""

from __future__ import annotations

import importlib.util
import json
import logging
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any, cast

import pytest
from chat_server import (
    MODEL,
    Act,
    Handler,
    breaks_off,
    completion,
    drips,
    drips_body,
    fails,
    floods,
    hangs,
    resets,
    says,
    sends,
    serving,
)
from pydantic import SecretStr

from matsmith.agents.planner import PlanCheck
from matsmith.agents.reasoners.faults import Backoff
from matsmith.agents.runs import LEDGER
from matsmith.agents.session import REPORT, RunResult, design, plan_objective, resume
from matsmith.core.errors import BudgetExceeded, MatsmithError, ReasonerError
from matsmith.core.ledger import Ledger
from matsmith.core.quantity import Relation
from matsmith.core.record import Record, Status
from matsmith.core.run import StopReason
from matsmith.core.settings import Settings
from matsmith.core.spec import Budget, DesignSpec, Target

KEY = "sk-planted-0123456789abcdef"
INVENTED = "777.77"  # a number that no tool returns
GHOST = "deadbeefdeadbeef"  # the id of no record

pytestmark = pytest.mark.usefixtures("shared_worker")


@pytest.fixture(scope="module")
def rules() -> Callable[[dict[str, Any]], dict[str, Any]]:
    """Answers a request by the built-in rules."""
    path = Path(__file__).parents[3] / "benchmarks" / "local_chat_server.py"
    spec = importlib.util.spec_from_file_location("local_chat_server_here", path)
    assert spec is not None
    assert spec.loader is not None
    module: ModuleType = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return cast("Callable[[dict[str, Any]], dict[str, Any]]", module.answer)


@dataclass
class Served:
    """What a server is to do. `mood` gets the request's number, the kind of answer asked for and the right answer; None: answer rightly."""

    rules: Callable[[dict[str, Any]], dict[str, Any]]
    mood: Callable[[int, str, dict[str, Any]], Act | None]
    kinds: list[str] = field(default_factory=list[str])

    def __call__(self, handler: Handler) -> None:
        body = handler.request_body
        told = body["messages"][0]["content"].partition("follows this JSON schema:")[2]
        name = str(body.get("response_format", {}).get("json_schema", {}).get("name", ""))
        name = name or str(json.loads(told)["title"])
        self.kinds.append(name)
        right = self.rules({**body, "response_format": {"json_schema": {"name": name}}})
        content: dict[str, Any] = json.loads(right["choices"][0]["message"]["content"])
        act = self.mood(len(self.kinds), name, content)
        (act or sends(right))(handler)


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pauses of a hundredth of a second, and few known materials to look at."""

    def seconds(self: Backoff, attempt: int, *, asked_s: float | None, rng: object) -> float:
        return 0.01 if asked_s is None else min(asked_s, self.longest_asked_s)

    monkeypatch.setattr(Backoff, "seconds", seconds)
    monkeypatch.setattr("matsmith.agents.reasoners.rules.FIRST_KNOWN", 1)


def wish(settings: Settings, *, budget_s: float = 600.0) -> PlanCheck:
    """Magnesium oxide, which is known and meets the target."""
    spec = DesignSpec.model_validate(
        {
            "objective": "a known oxide of magnesium with a bulk modulus above 120 GPa",
            "targets": [Target(property="bulk_modulus", relation=Relation.ABOVE, value=120.0)],
            "chemistry": {"required": ["Mg", "O"], "elements_min": 2, "elements_max": 2},
            "candidates": 1,
            "accept_known": True,
            "budget": Budget(wall_time_s=budget_s, model_calls=60),
        }
    )
    return PlanCheck.from_spec(spec, settings=settings)


def served(settings: Settings, url: str, **changes: Any) -> Settings:
    """Settings of a user with a server and a key. Second looks are off: they may fail without harm, and so would hide a fault."""
    fields: dict[str, Any] = {
        "openai_base_url": url,
        "openai_api_key": SecretStr(KEY),
        "model": MODEL,
        "model_timeout_s": 5.0,
        "second_look": False,
    }
    return settings.model_copy(update=fields | changes)


def sound(folder: Path) -> None:
    """The chain is whole, and nothing that was finished stands twice."""
    with Ledger(folder / LEDGER, create=False) as ledger:
        assert ledger.verify().problems == ()
        records = [Record.model_validate_json(entry.body) for entry in ledger.entries("record")]
    finished = Counter(record.id for record in records if record.status is not Status.RETRYABLE)
    assert set(finished.values()) <= {1}


def silent(folder: Path, *texts: str) -> None:
    """Neither the key nor an invented number nor the id of no record stands in any file, but what a model wrote stands in the transcript."""
    for path in [path for path in folder.rglob("*") if path.is_file()]:
        raw = path.read_bytes()
        assert KEY.encode() not in raw, path
        if path.suffix in (".html", ".json", ".md", ".txt", ".cif"):
            assert INVENTED.encode() not in raw, path
            assert GHOST.encode() not in raw, path
    for text in texts:
        assert KEY not in text
        assert INVENTED not in text


@pytest.fixture(scope="module")
def right(worker: Any, tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """The candidates that meet the target when the rules answer."""
    folder = tmp_path_factory.mktemp("right")
    settings = Settings(
        data_dir=folder / "none",
        cache_dir=folder / "cache",
        state_dir=folder / "state",
        openai_api_key=None,
        openai_base_url=None,
        mp_api_key=None,
        device="cpu",
        threads=1,
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("matsmith.agents.session.local_executor", lambda **named: worker)  # pyright: ignore[reportUnknownLambdaType, reportUnknownArgumentType]
        patch.setattr("matsmith.agents.reasoners.rules.FIRST_KNOWN", 1)
        return design(wish(settings), settings=settings, out=folder / "run").stop.met


Mood = Callable[[int, str, dict[str, Any]], Act | None]


def always(act: Act) -> Mood:
    return lambda number, kind, content: act


def first(act: Act, *, times: int = 2) -> Mood:
    return lambda number, kind, content: act if number <= times else None


def to(kind: str, make: Callable[[dict[str, Any]], object]) -> Mood:
    """Misbehave in every answer of one kind, by what `make` makes of the right one: data to be said, or an act."""

    def mood(number: int, name: str, content: dict[str, Any]) -> Act | None:
        if name != kind:
            return None
        made = make(content)
        return cast("Act", made) if callable(made) else says(made)

    return mood


def slow(handler: Handler) -> None:
    time.sleep(0.2)
    fails(503)(handler)


TOOL_CALL = {"id": "a", "type": "function", "function": {"name": "teleport", "arguments": "{}"}}
CRITIQUE: dict[str, Any] = {
    "text": f"MgO reached {INVENTED} GPa, see {{r:{GHOST}.bulk_modulus}}; every target is met.",
    "directive": {},
}

ENDS_WELL: dict[str, Mood] = {
    "slow, then busy": first(slow),
    "cut": first(breaks_off),
    "reset": first(resets),
    "429 with a time": first(fails(429, headers={"retry-after": "0.05"})),
    "429 with a date": first(fails(429, headers={"retry-after": "Wed, 21 Oct 2015 07:28:00 GMT"})),
    "429 without": first(fails(429)),
    "500": first(fails(500)),
    "gateway page": first(sends(b"<html>busy</html>")),
    "half JSON": first(sends(b'{"choices": [')),
    "error with status 200": first(sends({"error": {"message": "overloaded", "code": 503}})),
    "wrong JSON, mended": first(says('{"strategies": {')),
    "wrong schema, mended": first(says({"plan": "go"})),
    "prose, mended": first(says("I think that magnesium oxide is a fine material.")),
    "empty, mended": first(says("")),
    "no choices": first(sends({"choices": []})),
    "strategy that does not exist": to(
        "GenerationPlan", lambda c: {**c, "strategies": [{"key": "teleport", "value": 9}, *c_pairs(c)]}
    ),
    "weights out of range": to(
        "GenerationPlan",
        lambda c: {**c, "strategies": c_pairs(c), "directive": {"elements": [{"key": "Mg", "value": 1e300}]}},
    ),
    "endless candidates": to("GenerationPlan", lambda c: {**c, "strategies": [{"key": "known", "value": 3}]}),
    "invented ids and numbers": to("Critique", lambda c: CRITIQUE),
    "bare numbers": to("Critique", lambda c: {**CRITIQUE, "text": f"The modulus is {INVENTED} GPa."}),
    "a record of nothing": to("Critique", lambda c: {**CRITIQUE, "text": f"See {{r:{GHOST}.bulk_modulus}}."}),
    "parents that do not exist": to("Critique", lambda c: {"text": "", "directive": {"parents": [GHOST]}}),
    "a script in its words": to(
        "Critique", lambda c: {"text": "<script>alert('x')</script> Good.", "directive": {}}
    ),
    "invisible letters": to(
        "Critique", lambda c: {"text": "Good\u202e\u200b\x00\ud800 news.", "directive": {}}
    ),
    "key said back": to("LiteratureQueries", lambda c: {"queries": [f"oxides {KEY}"]}),
    "no structured output": first(fails(400, "response_format is not supported")),
    "key in the header of a reply": first(fails(503, headers={"x-request-id": KEY, "set-cookie": KEY})),
}
ENDS_IN_A_STOP: dict[str, tuple[Mood, str]] = {
    "429 for ever": (always(fails(429)), "too many requests"),
    "500 for ever": (always(fails(500)), "error of the server"),
    "prose for ever": (always(says("It depends.")), "no usable"),
    "wrong schema for ever": (always(says({"plan": "go"})), "no usable"),
    "repeats": (always(says({"queries": ["bulk modulus"]})), "no usable GenerationPlan"),
    "endless tool calls": (
        always(sends(completion(None, tool_calls=[TOOL_CALL], finish_reason="tool_calls"))),
        "no usable",
    ),
    "ten thousand queries": (
        to("LiteratureQueries", lambda c: {"queries": ["oxide"] * 10_000}),
        "no usable LiteratureQueries",
    ),
    "empty for ever": (always(says("")), "no usable"),
    "not a number": (to("GenerationPlan", lambda c: says('{"strategies": {"known": NaN}}')), "no usable"),
    "deep nesting": (always(says("[" * 100_000)), "no usable"),
    "refusal": (always(says(None, refusal="I cannot help with materials.")), "declined"),
    "filtered": (always(says(None, finish_reason="content_filter")), "declined"),
    "10 MB": (always(floods), "too large"),
    "context overflow": (
        always(fails(400, "maximum context length is 512 tokens")),
        "too long for the model",
    ),
    "model that does not exist": (
        always(fails(404, "The model `m` does not exist", code="model_not_found")),
        "no such model",
    ),
    "wrong key": (always(fails(401, f"Incorrect API key provided: {KEY}")), "key refused"),
    "no credit": (always(fails(429, "quota", code="insufficient_quota")), "no credit"),
    "elsewhere": (
        always(sends(b"", status=307, headers={"location": f"https://x.example/?key={KEY}"})),
        "redirects",
    ),
    "hangs": (always(hangs), "no answer in time"),
    "drips": (always(drips), "no answer in time"),
    "drips its body": (always(drips_body), "no answer in time"),
    "dies in the middle": (lambda number, kind, content: None if number <= 1 else resets, "no connection"),
}
_PATIENT = {"hangs", "drips", "drips its body"}


def c_pairs(content: dict[str, Any]) -> list[dict[str, Any]]:
    """The strategies of a right plan as strict output writes maps."""
    return [{"key": name, "value": count} for name, count in content["strategies"].items()]


def test_there_are_at_least_25_ways() -> None:
    assert len(ENDS_WELL) + len(ENDS_IN_A_STOP) >= 25


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("way", ENDS_WELL)
def test_a_run_ends_in_the_right_verdict(
    house: Settings,
    tmp_path: Path,
    rules: Callable[[dict[str, Any]], dict[str, Any]],
    right: list[str],
    caplog: pytest.LogCaptureFixture,
    way: str,
) -> None:
    caplog.set_level(logging.DEBUG)
    folder = tmp_path / "run"
    with serving(Served(rules, ENDS_WELL[way])) as server:
        settings = served(house, server.base_url)
        result = design(wish(settings), settings=settings, out=folder, reasoner="openai")
    assert result.stop.reason is StopReason.MET
    assert result.stop.met == right
    sound(folder)
    silent(folder, caplog.text)
    assert b"<script>alert(" not in (folder / REPORT).read_bytes()


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("way", ENDS_IN_A_STOP)
def test_a_run_stops_and_can_be_resumed(
    house: Settings,
    tmp_path: Path,
    rules: Callable[[dict[str, Any]], dict[str, Any]],
    right: list[str],
    caplog: pytest.LogCaptureFixture,
    way: str,
) -> None:
    caplog.set_level(logging.DEBUG)
    mood, words = ENDS_IN_A_STOP[way]
    folder = tmp_path / "run"
    began = time.monotonic()
    with serving(Served(rules, mood)) as server:
        settings = served(house, server.base_url, model_timeout_s=0.2 if way in _PATIENT else 5.0)
        with pytest.raises(ReasonerError, match=words) as caught:
            design(wish(settings), settings=settings, out=folder, reasoner="openai")
    assert time.monotonic() - began < 120
    assert caught.value.hint
    assert len(server.requests) <= 60
    with Ledger(folder / LEDGER, create=False) as ledger:
        kept = [entry.hash for entry in ledger.entries()]
    with serving(Served(rules, lambda number, kind, content: None)) as mended:
        settings = served(house, mended.base_url)
        result = resume(folder, settings=settings)
    assert result.stop.reason is StopReason.MET
    assert result.stop.met == right
    with Ledger(folder / LEDGER, create=False) as ledger:
        assert [entry.hash for entry in ledger.entries()][: len(kept)] == kept
    sound(folder)
    silent(folder, caplog.text, *chain(caught.value))


def chain(error: BaseException) -> Iterator[str]:
    """Everything that an error and its causes say."""
    problem: BaseException | None = error
    while problem is not None:
        yield f"{problem!r} {problem}"
        problem = problem.__cause__ or problem.__context__


@pytest.mark.usefixtures("quick")
def test_a_server_that_hangs_costs_the_run_its_time_and_no_more(
    house: Settings, tmp_path: Path, rules: Callable[[dict[str, Any]], dict[str, Any]]
) -> None:
    folder = tmp_path / "run"

    def mood(number: int, kind: str, content: dict[str, Any]) -> Act | None:
        return None if kind == "LiteratureQueries" else hangs

    with serving(Served(rules, mood)) as server:
        settings = served(house, server.base_url, model_timeout_s=120.0)
        began = time.monotonic()
        result = design(wish(settings, budget_s=9.0), settings=settings, out=folder, reasoner="openai")
    assert time.monotonic() - began < 100.0  # the model may be waited for for 120 s
    assert result.stop.reason is StopReason.BUDGET
    assert result.stop.met == []
    sound(folder)
    silent(folder)


@pytest.mark.usefixtures("quick")
def test_the_limits_on_calls_hold_over_a_resume(
    house: Settings, tmp_path: Path, rules: Callable[[dict[str, Any]], dict[str, Any]]
) -> None:
    """A run whose calls are spent ends out of budget, with what it has; resuming does not begin to count anew."""
    folder = tmp_path / "run"
    with serving(Served(rules, always(fails(500)))) as server:
        settings = served(house, server.base_url)
        check = wish(settings)
        check.plan.spec.budget.model_calls = 7
        ends = [ended(lambda: design(check, settings=settings, out=folder, reasoner="openai"))]
        ends += [ended(lambda: resume(folder, settings=settings)) for _ in range(2)]
    assert len(server.requests) <= 7
    assert ends[-1] == "budget"
    sound(folder)


def ended(run: Callable[[], RunResult]) -> str:
    try:
        return run().stop.reason.value
    except BudgetExceeded:
        return "budget"
    except MatsmithError as error:
        return type(error).__name__


# --- planning -----------------------------------------------------------------------------------------------------------


PLANS: dict[str, tuple[Act, str]] = {
    "an impossible number": (
        says({"spec": {"targets": [{"property": "bulk_modulus", "relation": "above", "value": 1e309}]}}),
        "no usable Plan",
    ),
    "an unknown property": (
        says({"spec": {"targets": [{"property": "magic", "relation": "above", "value": 1}]}}),
        "no usable Plan",
    ),
    "prose": (says("What a nice objective!"), "no usable Plan"),
    "another spec": (says({"spec": {"chemistry": {"required": ["Unobtainium"]}}}), "no usable Plan"),
    "refusal": (says(None, refusal="no"), "declined"),
}


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("way", PLANS)
def test_a_plan_that_cannot_be_is_none(house: Settings, way: str) -> None:
    act, words = PLANS[way]
    with serving(act) as server:
        settings = served(house, server.base_url)
        with pytest.raises(ReasonerError, match=words) as caught:
            plan_objective(
                "a stable oxide with a bulk modulus above 150 GPa", settings=settings, reasoner="openai"
            )
    assert len(server.requests) <= 3
    silent(house.runs_dir, *chain(caught.value))
    assert not house.runs_dir.exists()
