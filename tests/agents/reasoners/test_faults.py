from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from matsmith.agents.reasoners.faults import (
    HINTS,
    PASSING,
    Backoff,
    FaultKind,
    fault_of_status,
    retry_after_seconds,
)


@pytest.mark.parametrize(
    ("status", "message", "kind"),
    [
        (400, "bad request", FaultKind.REQUEST),
        (400, "the request exceeds the available context size", FaultKind.CONTEXT),
        (401, "", FaultKind.KEY),
        (402, "", FaultKind.QUOTA),
        (403, "model not allowed", FaultKind.KEY),
        (404, "model 'x' not found, try pulling it first", FaultKind.MODEL),
        (404, "page not found", FaultKind.ADDRESS),
        (405, "", FaultKind.ADDRESS),
        (413, "prompt is too long", FaultKind.CONTEXT),
        (422, "response_format: field required", FaultKind.REQUEST),
        (429, "slow down", FaultKind.BUSY),
        (429, "You exceeded your current quota, check your billing", FaultKind.QUOTA),
        (500, "json_schema to grammar failed", FaultKind.REQUEST),
        (500, "", FaultKind.SERVER),
        (529, "overloaded", FaultKind.SERVER),
        (418, "", FaultKind.REQUEST),
    ],
)
def test_each_status_has_its_kind(status: int, message: str, kind: FaultKind) -> None:
    assert fault_of_status(status, message=message).kind is kind


def test_each_kind_says_what_to_do() -> None:
    assert set(HINTS) == set(FaultKind)
    assert FaultKind.KEY not in PASSING


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"retry-after": "3"}, 3.0),
        ({"retry-after": "0.5"}, 0.5),
        ({"retry-after": "-2"}, 0.0),
        ({"retry-after": "nan"}, None),
        ({"retry-after": "inf"}, None),
        ({"retry-after": "soon"}, None),
        ({"retry-after-ms": "250", "retry-after": "9"}, 0.25),
        ({"retry-after": "Wed, 21 Oct 2015 07:28:00 GMT"}, 0.0),
    ],
)
def test_reads_how_long_to_wait(headers: dict[str, str], seconds: float | None) -> None:
    assert retry_after_seconds(headers) == seconds


def test_reads_a_date_to_wait_for() -> None:
    date = format_datetime(datetime.now(UTC) + timedelta(seconds=90), usegmt=True)
    assert 85 < (retry_after_seconds({"retry-after": date}) or 0) <= 90


@given(attempt=st.integers(0, 10_000), asked=st.none() | st.floats(0, 1e9), seed=st.integers())
def test_no_pause_is_longer_than_its_limit(attempt: int, asked: float | None, seed: int) -> None:
    backoff = Backoff(first_s=0.5, longest_s=20, longest_asked_s=60)
    seconds = backoff.seconds(attempt, asked_s=asked, rng=random.Random(seed))
    if asked is None:
        assert min(0.5 * 2.0 ** min(attempt, 20), 20) / 2 <= seconds <= 20
    else:
        assert seconds == min(asked, 60)
