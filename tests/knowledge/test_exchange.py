from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from local_service import Reply, Service, local_service

from matsmith.knowledge.exchange import Exchange, ServiceError

NOW = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture
def service() -> Iterator[Service]:
    with local_service() as running:
        yield running


def exchange(running: Service, pauses: list[float] | None = None, **changed: Any) -> Exchange:
    options: dict[str, Any] = {
        "service": "Test service",
        "base_url": running.url,
        "licence": "CC0",
        "cache_dir": None,
        "min_interval_s": 0.0,
        "timeout_s": 5.0,
        "sleep": (pauses if pauses is not None else []).append,
        "now": lambda: NOW,
    }
    return Exchange(**{**options, **changed})


def test_an_answer_carries_its_date_and_licence_and_says_who_asks(service: Service) -> None:
    service.say(Reply(body={"a": 1}))
    answer = exchange(service, contact="me@example.org").get("things", {"q": "x y"})
    assert answer.json() == {"a": 1}
    assert (answer.date, answer.licence, answer.kept) == ("2026-01-01T00:00:00+00:00", "CC0", False)
    assert service.asked[0].path == "/things"
    assert service.asked[0].params == {"q": "x y"}
    assert "mailto:me@example.org" in service.asked[0].headers["User-Agent"]


def test_a_kept_answer_is_not_asked_for_again_until_it_is_old(service: Service, tmp_path: Path) -> None:
    service.say(Reply(body=1), Reply(body=2))
    first = exchange(service, cache_dir=tmp_path)
    assert first.get("x").json() == 1
    again = first.get("x")
    assert (again.json(), again.kept, len(service.asked)) == (1, True, 1)
    later = exchange(service, cache_dir=tmp_path, now=lambda: NOW + timedelta(days=31))
    assert later.get("x").json() == 2


def test_other_parameters_are_another_question(service: Service, tmp_path: Path) -> None:
    service.say(Reply(body=1), Reply(body=2))
    asked = exchange(service, cache_dir=tmp_path)
    assert [asked.get("x", {"page": "1"}).json(), asked.get("x", {"page": "2"}).json()] == [1, 2]


def test_an_old_answer_is_better_than_none_and_says_so(service: Service, tmp_path: Path) -> None:
    service.say(Reply(body=1), Reply(status=503, body=""))
    exchange(service, cache_dir=tmp_path).get("x")
    later = exchange(service, cache_dir=tmp_path, now=lambda: NOW + timedelta(days=400), retries=0)
    answer = later.get("x")
    assert (answer.json(), answer.stale, answer.date[:4]) == (1, True, "2026")


@pytest.mark.parametrize("damage", ["", "no json", "[]", '{"service": "Test service"}'])
def test_a_damaged_kept_answer_is_asked_for_again(service: Service, tmp_path: Path, damage: str) -> None:
    service.say(Reply(body=1))
    asked = exchange(service, cache_dir=tmp_path)
    asked.get("x")
    (kept,) = tmp_path.rglob("*.json")
    kept.write_text(damage, encoding="utf-8")
    assert asked.get("x").json() == 1
    assert len(service.asked) == 2


def test_secrets_reach_the_service_and_nothing_else(service: Service, tmp_path: Path) -> None:
    service.say(Reply(body=1))
    answer = exchange(service, cache_dir=tmp_path, secrets={"key": "hidden"}).get("x", {"q": "1"})
    assert service.asked[0].params == {"q": "1", "key": "hidden"}
    assert "hidden" not in json.dumps(answer.__dict__)
    assert all("hidden" not in path.read_text(encoding="utf-8") for path in tmp_path.rglob("*.json"))


def test_a_busy_service_is_given_the_pause_that_it_asks_for(service: Service) -> None:
    service.say(Reply(status=429, headers={"Retry-After": "7"}, body=""), Reply(body="done"))
    pauses: list[float] = []
    assert exchange(service, pauses).get("x").json() == "done"
    assert pauses == [7.0]


def test_a_pause_may_be_a_date(service: Service) -> None:
    service.say(
        Reply(status=503, headers={"Retry-After": "Thu, 01 Jan 2026 00:00:09 GMT"}, body=""),
        Reply(body="done"),
    )
    pauses: list[float] = []
    exchange(service, pauses).get("x")
    assert pauses == [9.0]


def test_a_pause_beyond_the_time_allowed_ends_it_at_once(service: Service) -> None:
    service.say(Reply(status=429, headers={"Retry-After": "3600"}, body=""))
    pauses: list[float] = []
    with pytest.raises(ServiceError, match="limits how often") as caught:
        exchange(service, pauses).get("x")
    assert (caught.value.retryable, caught.value.status, pauses) == (True, 429, [])


def test_repeats_are_few(service: Service) -> None:
    service.say(Reply(status=500, body=""))
    with pytest.raises(ServiceError, match="answered 500") as caught:
        exchange(service, retries=2).get("x")
    assert caught.value.retryable
    assert len(service.asked) == 3


@pytest.mark.parametrize(
    ("status", "said"),
    [(401, "refused the key"), (403, "refused the key"), (404, "does not know"), (400, "answered 400")],
)
def test_what_would_fail_again_is_not_repeated(service: Service, status: int, said: str) -> None:
    service.say(Reply(status=status, body=""))
    with pytest.raises(ServiceError, match=said) as caught:
        exchange(service).get("x")
    assert not caught.value.retryable
    assert len(service.asked) == 1


def test_silence_has_a_limit(service: Service) -> None:
    service.say(Reply(body=1, delay_s=1.0))
    with pytest.raises(ServiceError, match=r"did not answer in 0\.2 s") as caught:
        exchange(service, timeout_s=0.2, retries=0).get("x")
    assert caught.value.retryable


def test_a_service_that_is_not_there_is_said() -> None:
    with local_service() as gone:
        pass
    with pytest.raises(ServiceError, match="cannot be reached") as caught:
        exchange(gone, retries=0).get("x")
    assert "network" in caught.value.hint


def test_a_flood_is_cut_off(service: Service) -> None:
    service.say(Reply(body=b" " * 31_000_000))
    with pytest.raises(ServiceError, match="more than 30 MB"):
        exchange(service).get("x")


def test_a_redirect_to_the_same_host_is_followed_and_to_another_not(service: Service) -> None:
    service.say(Reply(status=301, headers={"Location": "/new"}, body=""), Reply(body="here"))
    assert exchange(service).get("old").json() == "here"
    service.say(Reply(status=302, headers={"Location": "http://elsewhere.invalid/"}, body=""))
    with pytest.raises(ServiceError, match="another host"):
        exchange(service).get("old")


def test_circles_end(service: Service) -> None:
    service.say(Reply(status=302, headers={"Location": "/x"}, body=""))
    with pytest.raises(ServiceError, match="circles"):
        exchange(service, retries=0).get("x")


def test_a_page_of_another_host_is_not_asked_for(service: Service) -> None:
    with pytest.raises(ServiceError, match="another host"):
        exchange(service).get("https://elsewhere.invalid/next")
    assert service.asked == []


@pytest.mark.parametrize("body", [b"<html>Down for maintenance</html>", b"", b"[" * 200_000])
def test_something_else_than_json_is_said(service: Service, body: bytes) -> None:
    service.say(Reply(body=body))
    with pytest.raises(ServiceError, match="something else than JSON"):
        exchange(service).get("x").json()


def test_requests_keep_their_distance(service: Service) -> None:
    service.say(Reply(body=1))
    pauses: list[float] = []
    asked = exchange(service, pauses, service="Slow service", min_interval_s=30.0)
    asked.get("x")
    asked.get("y")
    assert len(pauses) == 1
    assert 29.0 < pauses[0] <= 30.0
