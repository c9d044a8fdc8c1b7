from __future__ import annotations

import io
import json
import re
import time
from typing import Any

import pytest

from matsmith.app.console import make_console
from matsmith.app.progress import JsonProgress, LineProgress, LiveProgress, run_panel
from matsmith.app.run_view import RunView
from matsmith.core.run import Event, EventKind

HOSTILE = "[red]\x1b[31mEvil\x1b[0m\n\u202e"


def event(kind: EventKind, *, round_number: int = 1, **data: Any) -> Event:
    return Event(kind=kind, round=round_number, elapsed_s=65.0, seconds_left=120.0, data=data)


def candidate(*, formula: str = "NiO", meets: bool = True, novelty: str = "new") -> Event:
    return event(
        EventKind.CANDIDATE,
        id=formula,
        formula=formula,
        novelty=novelty,
        meets=meets,
        values={"bulk_modulus": "187 ± 9 GPa"},
        answers={"bulk_modulus": "met" if meets else "not met"},
    )


EVENTS = [
    event(EventKind.STARTED, round_number=0, run="r1", folder="/tmp/r1"),
    event(EventKind.PLANNED, round_number=0, spec={"candidates": 3}),
    event(EventKind.EVIDENCE, round_number=0, quotes=[{}]),
    event(EventKind.ROUND, strategies={}),
    event(EventKind.PROGRESS, stage="relax", done=1, total=3),
    event(EventKind.PROGRESS, stage="relax", done=2, total=3),
    event(EventKind.PROGRESS, stage="relax", done=3, total=3),
    candidate(),
    candidate(formula="BaO", meets=False, novelty="known"),
    event(EventKind.WARNING, text=HOSTILE),
    event(EventKind.ROUND_FINISHED, generated=20, simulated=3, met=1, best="NiO"),
]


def lines(*, verbose: bool = False) -> str:
    stream = io.StringIO()
    with LineProgress(make_console(file=stream), verbose=verbose) as progress:
        for each in EVENTS:
            progress(each)
    return stream.getvalue()


def test_lines_tell_each_stage_once_when_it_begins_and_ends() -> None:
    text = lines()
    assert "relaxing 1 of 3" in text
    assert "relaxing 2 of 3" not in text
    assert "relaxing 3 of 3" in text
    assert "round 1: 20 generated, 3 simulated, 1 meet every target, best NiO" in text
    assert "NiO  new  bulk modulus 187 ± 9 GPa ✓" in text
    assert "BaO" not in text


def test_verbose_lines_tell_every_candidate() -> None:
    assert "BaO  known" in lines(verbose=True)


def test_lines_hold_no_control_characters_whatever_the_run_says() -> None:
    text = lines(verbose=True)
    assert not [character for character in text if ord(character) < 32 and character != "\n"]
    assert "\u202e" not in text
    assert "[red]" in text


def test_json_is_one_event_a_line_that_reads_back() -> None:
    stream = io.StringIO()
    with JsonProgress(stream) as progress:
        for each in EVENTS:
            progress(each)
    written = stream.getvalue().splitlines()
    assert len(written) == len(EVENTS)
    assert [Event.model_validate(json.loads(line)) for line in written] == EVENTS


@pytest.mark.parametrize("width", [60, 80, 120])
def test_the_panel_fits_any_terminal_and_says_what_matters(width: int) -> None:
    view = RunView()
    for each in EVENTS:
        view.update(each)
    stream = io.StringIO()
    console = make_console(file=stream)
    console.width = width
    console.print(run_panel(view, now=time.monotonic(), width=console.width))
    text = stream.getvalue()
    assert max(len(line) for line in text.splitlines()) <= width
    assert "Round 1" in text
    assert "1 of 3 new" in text
    assert "NiO" in text
    assert "1:05" in text
    assert "2:00 left" in text


def test_the_live_panel_leaves_only_what_should_stay() -> None:
    stream = io.StringIO()
    themed = make_console(file=stream)
    with LiveProgress(themed) as progress:
        for each in [*EVENTS, candidate()]:
            progress(each)
    text = stream.getvalue()
    assert text.count("✓ NiO") == 1
    assert "1 meet every target" in text


def test_a_known_answer_is_labelled_and_counted_apart() -> None:
    view = RunView()
    view.update(event(EventKind.PLANNED, spec={"candidates": 3, "accept_known": False}))
    view.update(candidate(formula="MgO", novelty="known"))
    stream = io.StringIO()
    console = make_console(file=stream)
    console.print(run_panel(view, now=time.monotonic(), width=console.width))
    assert "0 of 3 new, and 1 known; 1 judged" in stream.getvalue()
    assert re.search(r"MgO +known", stream.getvalue())
