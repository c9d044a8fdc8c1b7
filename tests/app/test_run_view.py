from __future__ import annotations

from typing import Any

from matsmith.app.run_view import Found, RunView
from matsmith.core.run import Event, EventKind


def candidate(identifier: str, *, meets: bool, novelty: str = "new", **answers: str) -> Event:
    values = dict.fromkeys(answers, "1 ± 1 GPa")
    data: dict[str, Any] = {"id": identifier, "formula": identifier, "novelty": novelty, "meets": meets}
    return Event(kind=EventKind.CANDIDATE, round=1, data={**data, "values": values, "answers": answers})


def test_events_add_up() -> None:
    view = RunView()
    view.update(Event(kind=EventKind.STARTED, data={"run": "r", "folder": "/f"}))
    view.update(Event(kind=EventKind.PLANNED, data={"spec": {"candidates": 3}}))
    view.update(Event(kind=EventKind.EVIDENCE, data={"quotes": [{}, {}]}))
    view.update(Event(kind=EventKind.PROGRESS, round=2, data={"stage": "relax", "done": 3, "total": 9}))
    assert (view.run, view.folder, view.wanted, view.quotes) == ("r", "/f", 3, 2)
    assert (view.round, view.stage, view.done, view.total) == (2, "relax", 3, 9)


def test_known_answers_are_counted_apart() -> None:
    view = RunView()
    view.update(candidate("MgO", meets=True, novelty="known", bulk_modulus="met"))
    view.update(candidate("NiO", meets=True, bulk_modulus="met"))
    view.update(candidate("BaO", meets=False, bulk_modulus="not met"))
    assert (view.found, view.found_known, view.judged) == (1, 1, 3)


def test_the_best_is_the_one_nearest_to_meeting_everything() -> None:
    view = RunView()
    view.update(candidate("A", meets=False, bulk_modulus="not met", density="not met"))
    view.update(candidate("B", meets=False, bulk_modulus="met", density="unknown"))
    view.update(candidate("C", meets=False, bulk_modulus="met", density="not met"))
    assert view.best is not None
    assert view.best.id == "B"
    view.update(candidate("D", meets=True, bulk_modulus="met", density="met"))
    assert view.best.id == "D"


def test_a_candidate_judged_again_replaces_itself() -> None:
    view = RunView()
    view.update(candidate("A", meets=True, bulk_modulus="met"))
    view.update(candidate("B", meets=False, bulk_modulus="unknown"))
    view.update(candidate("A", meets=False, bulk_modulus="not met"))
    assert view.found == 0
    assert view.judged == 2
    assert view.best is not None
    assert view.best.id == "B"


def test_the_clock_goes_on_between_events() -> None:
    view = RunView()
    view.update(Event(kind=EventKind.ROUND, round=1, elapsed_s=10, seconds_left=50))
    heard = view._heard_at  # pyright: ignore[reportPrivateUsage]
    assert view.elapsed_s(heard + 5) == 15
    assert view.seconds_left(heard + 5) == 45
    assert view.seconds_left(heard + 500) == 0


def test_an_unmeasured_property_still_shows_its_verdict() -> None:
    found = Found.of({"id": "x", "formula": "MgO", "values": {}, "answers": {"bulk_modulus": "unknown"}})
    assert found.values == (("bulk modulus", "", "unknown"),)
