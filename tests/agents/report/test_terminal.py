from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from io import StringIO

import pytest
from rich.console import Console, RenderableType

from matsmith.agents.report.collect import collect
from matsmith.agents.report.terminal import find_candidate, show_candidate, show_run
from matsmith.core.errors import UsageError
from matsmith.core.ledger import Ledger

MakeRun = Callable[..., Ledger]


def printed(renderable: RenderableType, *, width: int = 140) -> str:
    stream = StringIO()
    Console(file=stream, width=width, force_terminal=False).print(renderable)
    return stream.getvalue()


def test_the_run_on_one_screen(make_run: MakeRun) -> None:
    report = collect(make_run())
    text = printed(show_run(report))
    for words in (
        "bulk modulus above 150 GPa",
        "Met",
        "MgO",
        "238 ± 11 GPa",
        "met, p > 99.9 %",
        "3 atoms too close",
        "preferably blue",
    ):
        assert words in text
    assert report.ledger_head[:16] in text


def test_a_candidate_by_rank_and_by_id_is_the_same(make_run: MakeRun) -> None:
    report = collect(make_run())
    third = report.candidates[2]
    assert find_candidate(report, "3") is third
    assert find_candidate(report, third.id[:8].upper()) is third
    text = printed(show_candidate(report, "3"))
    for quantity in third.quantities:
        assert quantity.text in text
        assert quantity.record[:8] in text
    for words in (
        "substitution, round",
        "CHGNet 9b1c9b1c",
        "false stable rate",
        "0.063",
        "checked against",
        "! The potential",
    ):
        assert words in text


def test_a_rejected_candidate_says_why(make_run: MakeRun) -> None:
    report = collect(make_run())
    one = next(one for one in report.rejected if "close" in one.reason)
    text = printed(show_candidate(report, one.id))
    assert "rejected" in text
    assert "atoms_too_close: Sr and O" in text
    assert "0.42 Å apart" in text
    assert one.records[0][:8] in text


@pytest.mark.parametrize("key", ["99", "zzzz", "", " "])
def test_nobody_answers(make_run: MakeRun, key: str) -> None:
    with pytest.raises(UsageError, match="no candidate"):
        show_candidate(collect(make_run()), key)


def test_several_answer(make_run: MakeRun) -> None:
    report = collect(make_run(count=40))
    counted = Counter(one.id[0] for one in report.candidates if not one.id[0].isdecimal())
    letter = counted.most_common(1)[0][0]
    with pytest.raises(UsageError, match="candidates begin with"):
        find_candidate(report, letter)


def test_hostile_words_neither_colour_nor_move_the_terminal(make_run: MakeRun) -> None:
    words = "[/bold][red]x[/red] \x1b[2J\x1b]8;;file:///etc\x07 [link=x] \u202e \r"
    report = collect(make_run(words=words))
    run = printed(show_run(report))
    text = run + "".join(printed(show_candidate(report, key)) for key in ("1", report.rejected[0].id))
    assert "\x1b" not in text
    assert "\r" not in text
    assert "\u202e" not in text
    assert "[/bold][red]x[/red]" in run


@pytest.mark.parametrize(
    "wishes", [{"count": 0, "rejected": 0, "stop": False}, {"count": 0, "rejected": 3}, {"count": 60}]
)
def test_other_runs_and_a_narrow_terminal(make_run: MakeRun, wishes: dict[str, object]) -> None:
    report = collect(make_run(**wishes))
    assert "run-7" in printed(show_run(report), width=60)
    if wishes["count"]:
        assert "40 more" in printed(show_run(report))
