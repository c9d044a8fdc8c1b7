"""Design runs as processes: a real one that is stopped and seen again, and small programs that end in other ways."""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path

import pytest

from matsmith.agents.conversation.run_news import RunNews, RunState
from matsmith.agents.conversation.run_process import StartedRuns, attach, go_on, start
from matsmith.core.errors import UsageError
from matsmith.core.ledger import Ledger
from matsmith.core.run import EventKind
from matsmith.core.settings import Settings
from matsmith.core.spec import DesignSpec, Target

SPEC = DesignSpec(
    objective="a stiff oxide",
    targets=[Target.model_validate({"property": "bulk_modulus", "relation": "above", "value": 150.0})],
)


def program(tmp_path: Path, body: str) -> list[str]:
    """A program in matsmith's place; `folder` is the run's."""
    path = tmp_path / "program.py"
    head = (
        "import sys, time, pathlib, signal\n"
        "words = sys.argv[1:]\n"
        "folder = pathlib.Path(words[words.index('--out') + 1] if '--out' in words else words[1])\n"
        "def tell(kind, **data):\n"
        "    import json\n"
        "    print(json.dumps({'kind': kind, 'round': 1, 'elapsed_s': 1.0, 'seconds_left': 9.0, 'data': data}), flush=True)\n"
    )
    path.write_text(head + body, encoding="utf-8")
    return [sys.executable, str(path)]


def test_a_real_run_is_followed_stopped_and_found_again(house: Settings) -> None:
    run = start("a binary oxide with a bulk modulus above 150 GPa", settings=house, budget_s=120)
    kinds: list[EventKind] = []
    for event in run.events():
        kinds.append(event.kind)
        if event.kind is EventKind.PLANNED:
            break
    assert kinds[0] is EventKind.STARTED
    assert run.alive
    again = attach(run.folder)
    assert again.alive
    with pytest.raises(UsageError, match="at work"):
        go_on(run.folder, settings=house)
    begun = time.monotonic()
    run.stop()
    assert time.monotonic() - begun < 60  # the run has two minutes
    assert not again.alive
    with Ledger(run.folder / "ledger.sqlite", create=False) as ledger:
        assert ledger.verify().intact
        assert any(ledger.entries("plan"))


def test_what_a_run_is_told(house: Settings, tmp_path: Path) -> None:
    command = program(tmp_path, "tell('started'); print(words, file=open(folder / 'words.txt', 'w'))")
    run = start(
        SPEC,
        settings=house,
        budget_s=90,
        candidates=4,
        seed=7,
        new_only=True,
        reasoner="rules",
        approve=["plan"],
        command=command,
    )
    assert run.wait(timeout_s=120) == 0
    words = (run.folder / "words.txt").read_text(encoding="utf-8")
    for word in ("--spec", "--yes", "--json", "'90s'", "'4'", "'7'", "--new-only", "'rules'", "'plan'"):
        assert word in words
    assert DesignSpec.model_validate_json((run.folder / "wanted.json").read_text(encoding="utf-8")) == SPEC


def test_one_that_does_not_end_is_killed(house: Settings, tmp_path: Path) -> None:
    command = program(
        tmp_path, "signal.signal(signal.SIGTERM, signal.SIG_IGN); tell('started'); time.sleep(600)"
    )
    run = start(SPEC, settings=house, command=command)
    next(run.events())
    begun = time.monotonic()
    assert run.stop(patience_s=0.3)
    assert time.monotonic() - begun < 60  # it would sleep for ten minutes
    assert not run.alive


def test_half_lines_and_noise_are_no_events(house: Settings, tmp_path: Path) -> None:
    body = "print('a library speaks'); tell('round'); sys.stdout.write('{\"kind\": \"warn'); sys.stdout.flush(); time.sleep(0.4); print('ing\"}'); tell('finished', sentence='Met.')"
    run = start(SPEC, settings=house, command=program(tmp_path, body))
    assert [event.kind for event in run.events()] == [EventKind.ROUND, EventKind.WARNING, EventKind.FINISHED]


def test_a_process_of_the_same_number_is_not_taken_for_the_run(house: Settings, tmp_path: Path) -> None:
    folder = tmp_path / "runs" / "old"
    folder.mkdir(parents=True)
    (folder / "process.json").write_text(json.dumps({"pid": os.getpid()}), encoding="utf-8")
    assert not attach(folder).alive
    assert not attach(folder).stop()


@pytest.mark.parametrize(
    ("body", "state", "words"),
    [
        ("tell('started'); tell('finished', sentence='Objective met.')", RunState.FINISHED, "Objective met."),
        ("tell('started'); tell('waiting', point='plan')", RunState.WAITING, "approve"),
        ("print('matsmith: The disk is full.', file=sys.stderr); sys.exit(1)", RunState.FAILED, "The disk is full."),
        ("(folder / 'ledger.sqlite').touch(); tell('started'); print('matsmith: Interrupted; nothing', file=sys.stderr)", RunState.STOPPED, "resume"),
        ("tell('started'); tell('progress', stage='relax', done=2, total=9); time.sleep(90)", RunState.RUNNING, "relax 2 of 9"),
    ],
)  # fmt: skip
def test_how_a_run_stands(body: str, state: RunState, words: str, house: Settings, tmp_path: Path) -> None:
    with Ledger(tmp_path / "ledger.sqlite") as ledger:
        runs = StartedRuns(ledger=ledger, settings=house, command=program(tmp_path, body))
        run = runs.start(SPEC, reasoner="rules")
        until = time.monotonic() + 60
        while time.monotonic() < until and (words not in run.news().in_words()):
            time.sleep(0.05)
        news = run.news()
        assert (news.state, words in news.in_words()) == (state, True)
        assert runs.find(run.name[:12]) == run
        # Another conversation finds the same by the ledger alone.
        later = StartedRuns(ledger=ledger, settings=house)
        assert later.all()[0].news().state is state
        assert later.all()[0].objective == SPEC.objective
        run.stop()


def test_one_that_was_stopped_before_it_began_has_not_failed(house: Settings, tmp_path: Path) -> None:
    with Ledger(tmp_path / "ledger.sqlite") as ledger:
        runs = StartedRuns(ledger=ledger, settings=house, command=program(tmp_path, "time.sleep(600)"))
        run = runs.start(SPEC, reasoner="rules")
        run.stop()
        assert run.news().state is RunState.STOPPED
        assert "before it had begun" in run.news().in_words()
        assert StartedRuns(ledger=ledger, settings=house).all()[0].news().state is RunState.STOPPED


@pytest.mark.parametrize(
    ("judged", "met", "words"),
    [
        (0, 0, "none judged yet"),
        (1, 1, "1 candidate judged, 1 of them meets every target"),
        (3, 2, "3 candidates judged, 2 of them meet every target"),
        (3, 0, "3 candidates judged, none of them meets every target"),
    ],
)
def test_news_are_sentences(judged: int, met: int, words: str) -> None:
    news = RunNews(name="a", round=1, stage="relax", done=2, total=9, judged=judged, met=met)
    assert words in news.in_words()
    assert "relax 2 of 9" in news.in_words()
    assert "generate;" in RunNews(name="a", round=1, stage="generate").in_words()


def test_a_resumed_run_begins_its_news_anew(house: Settings, tmp_path: Path) -> None:
    with Ledger(tmp_path / "ledger.sqlite") as ledger:
        runs = StartedRuns(
            ledger=ledger,
            settings=house,
            command=program(
                tmp_path,
                "(folder / 'ledger.sqlite').touch(); tell('started'); tell('waiting', point='plan') if words[0] == 'design' else tell('finished', sentence=' '.join(words[2:]))",
            ),
        )
        run = runs.start(SPEC, reasoner="rules")
        run.wait(timeout_s=120)
        assert run.news().state is RunState.WAITING
        again = runs.resume(run.folder, decision="approve")
        again.wait(timeout_s=120)
        assert again.news().state is RunState.FINISHED
        assert "--approve" in again.news().sentence


def test_a_folder_with_a_run_is_not_written_over(house: Settings, tmp_path: Path) -> None:
    (tmp_path / "ledger.sqlite").touch()
    with pytest.raises(UsageError, match="holds a run"):
        start(SPEC, settings=house, folder=tmp_path)
    with pytest.raises(UsageError, match="no run"):
        go_on(tmp_path / "none", settings=house)
