from __future__ import annotations

import io
import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import matsmith.agents.session as design_module
from matsmith.agents.session import RunResult
from matsmith.app import commands_design
from matsmith.app.main import main
from matsmith.core.errors import LedgerError
from matsmith.core.ledger import Ledger
from matsmith.core.run import Event, EventKind, Stop, StopReason

OBJECTIVE = "an oxide with a bulk modulus above 150 GPa"
MakeRun = Callable[..., Path]


def _yes(console: object) -> bool:
    return console is not None


def finished(folder: Path) -> RunResult:
    with Ledger(folder / "ledger.sqlite", create=False) as ledger:
        stop = next(Stop.model_validate_json(entry.body) for entry in ledger.entries("stop"))
    return RunResult(folder=folder, stop=stop, report=folder / "report.html")


def pretend(
    monkeypatch: pytest.MonkeyPatch, work: Callable[[Callable[[Event], None]], RunResult]
) -> list[dict[str, Any]]:
    """Put `work` in the place of the loop, at its boundary; returns what the loop was called with."""
    calls: list[dict[str, Any]] = []

    def run(check: Any, **options: Any) -> RunResult:
        calls.append({"check": check, **options})
        listener = options["on_event"]
        listener(Event(kind=EventKind.STARTED, data={"run": "made-run", "folder": "/runs/made run"}))
        return work(listener)

    monkeypatch.setattr(design_module, "design", run)
    return calls


@pytest.mark.parametrize(
    ("reason", "status"),
    [(StopReason.MET, 0), (StopReason.BUDGET, 3), (StopReason.STALLED, 3), (StopReason.IMPOSSIBLE, 4)],
)
def test_the_exit_status_is_how_the_run_ended(
    home: Path,
    make_run: MakeRun,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    reason: StopReason,
    status: int,
) -> None:
    folder = make_run(home / "runs" / "made", reason=reason)
    pretend(monkeypatch, lambda listener: finished(folder))
    assert main(["design", OBJECTIVE, "--yes"]) == status
    shown = capsys.readouterr().out
    assert "NiO" in shown
    assert "runs/made/report.html" in shown


def test_options_reach_the_specification(
    home: Path, make_run: MakeRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = make_run(home / "runs" / "made")
    calls = pretend(monkeypatch, lambda listener: finished(folder))
    words = [
        "--budget",
        "1h30m",
        "--candidates",
        "7",
        "--seed",
        "5",
        "--new-only",
        "--out",
        str(home / "o"),
        "-y",
    ]
    assert main(["design", OBJECTIVE, *words]) == 0
    spec = calls[0]["check"].spec
    assert (spec.budget.wall_time_s, spec.candidates, spec.new_only, spec.accept_known) == (
        5400,
        7,
        True,
        False,
    )
    assert (calls[0]["seed"], calls[0]["out"]) == (5, home / "o")


def test_an_edited_plan_is_taken_and_options_stand_above_it(
    home: Path, make_run: MakeRun, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["plan", OBJECTIVE, "--json"]) == 0
    plan = json.loads(capsys.readouterr().out)
    plan["spec"]["targets"][0]["value"] = 222.0
    (home / "plan.json").write_text(json.dumps(plan))
    folder = make_run(home / "runs" / "made")
    calls = pretend(monkeypatch, lambda listener: finished(folder))
    assert main(["design", "--spec", "plan.json", "--yes", "--candidates", "4", "--accept-known"]) == 0
    spec = calls[0]["check"].spec
    assert (spec.targets[0].value, spec.candidates, spec.accept_known) == (222.0, 4, True)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("{", "is no JSON"),
        ('{"targets": [{"property": "luck", "relation": "above", "value": 3}]}', "unknown property 'luck'"),
        ('{"candidates": -1}', "candidates"),
        ('{"colour": "blue"}', "colour"),
        ("[1, 2]", "plan.json"),
        ("[" * 100_000, "is no JSON"),
    ],
)
def test_a_plan_that_cannot_be_used_is_a_usage_error_that_names_the_fault(
    home: Path, capsys: pytest.CaptureFixture[str], content: str, says: str
) -> None:
    (home / "plan.json").write_text(content)
    assert main(["design", "--spec", "plan.json", "--yes"]) == 2
    shown = capsys.readouterr().err
    assert says in shown
    assert shown.startswith("matsmith: ")
    assert "Traceback" not in shown


@pytest.mark.parametrize(
    "words",
    [
        ["design"],
        ["design", OBJECTIVE, "--spec", "x.json"],
        ["design", "--spec", "missing.json", "--yes"],
        ["design", "   ", "--yes"],
        ["design", OBJECTIVE, "--budget", "soon", "--yes"],
        ["design", OBJECTIVE, "--candidates", "0", "--yes"],
        ["design", OBJECTIVE, "--reasoner", "oracle", "--yes"],
        ["design", OBJECTIVE, "--frob"],
        ["resume", "nothing-here"],
        ["resume"],
        ["frob"],
    ],
)
def test_wrong_use_exits_with_2_and_says_so(
    home: Path, capsys: pytest.CaptureFixture[str], words: list[str]
) -> None:
    assert home.is_dir()
    assert main(words) == 2
    shown = capsys.readouterr()
    assert shown.err.strip()
    assert "Traceback" not in shown.err
    assert shown.out == ""


def test_without_a_terminal_and_without_yes_nothing_starts(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["design", OBJECTIVE]) == 2
    assert "--yes" in capsys.readouterr().err
    assert not (home / "runs").exists()


@pytest.mark.parametrize(
    ("answer", "starts"), [("", True), ("y\n", True), ("YES\n", True), ("n\n", False), ("what\n", False)]
)
def test_with_a_terminal_it_shows_the_plan_and_asks(
    home: Path,
    make_run: MakeRun,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    answer: str,
    starts: bool,
) -> None:
    folder = make_run(home / "runs" / "made")
    calls = pretend(monkeypatch, lambda listener: finished(folder))
    monkeypatch.setattr("matsmith.app.console.is_interactive", _yes)
    monkeypatch.setattr(sys, "stdin", io.StringIO(answer or "\n"))
    assert main(["design", OBJECTIVE]) == (0 if starts else 1)
    assert bool(calls) == starts
    shown = capsys.readouterr().out
    assert "bulk modulus > 150 GPa" in shown
    assert ("Nothing was started." in shown) != starts


def test_the_end_of_input_is_a_no(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert home.is_dir()
    monkeypatch.setattr("matsmith.app.console.is_interactive", _yes)
    monkeypatch.setattr(sys, "stdin", io.StringIO(""))
    assert main(["design", OBJECTIVE]) == 1


@pytest.mark.parametrize(
    "objective",
    ["an oxide without oxygen", "bulk modulus above 2000 GPa", "a superconductor with Tc above 300 K"],
)
def test_the_impossible_and_the_unmeasurable_are_refused_before_spending(
    home: Path, capsys: pytest.CaptureFixture[str], objective: str
) -> None:
    assert main(["design", objective, "--yes"]) == 4
    assert main(["plan", objective]) == 4
    assert "Change the objective" in capsys.readouterr().err
    assert not (home / "runs").exists()


def test_ctrl_c_says_how_to_go_on(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert home.is_dir()

    def stopped(listener: Callable[[Event], None]) -> RunResult:
        os.kill(os.getpid(), signal.SIGTERM)
        signal.pause()
        raise AssertionError("the signal was lost")

    pretend(monkeypatch, stopped)
    assert main(["design", OBJECTIVE, "--yes"]) == 5
    assert capsys.readouterr().err.strip().endswith("Resume with: matsmith resume '/runs/made run'")


def test_a_retryable_failure_says_how_to_go_on(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert home.is_dir()

    def full(listener: Callable[[Event], None]) -> RunResult:
        raise LedgerError("The disk is full.", hint="Free some space.", retryable=True)

    pretend(monkeypatch, full)
    assert main(["design", OBJECTIVE, "--yes"]) == 1
    assert "Go on with: matsmith resume '/runs/made run'" in capsys.readouterr().err


def test_json_is_events_and_nothing_else_on_standard_output(
    home: Path, make_run: MakeRun, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = make_run(home / "runs" / "made")

    def noisy(listener: Callable[[Event], None]) -> RunResult:
        print("a library says hello")
        listener(Event(kind=EventKind.FINISHED, data={"exit_code": 0}))
        return finished(folder)

    pretend(monkeypatch, noisy)
    assert main(["design", OBJECTIVE, "--yes", "--json"]) == 0
    shown = capsys.readouterr()
    kinds = [Event.model_validate_json(line).kind for line in shown.out.splitlines()]
    assert kinds == [EventKind.STARTED, EventKind.FINISHED]
    assert "a library says hello" in shown.err
    assert "NiO" in shown.err


@pytest.mark.timeout(60)
def test_a_reader_that_goes_away_stops_the_run_resumably(home: Path) -> None:
    """`matsmith design ... --json | head -1`, with the loop's first events and no physics."""
    program = (
        "import sys, time, matsmith.agents.session as d\n"
        "from matsmith.core.run import Event, EventKind\n"
        "def run(check, *, on_event, **rest):\n"
        "    on_event(Event(kind=EventKind.STARTED, data={'run': 'r', 'folder': '/runs/r'}))\n"
        "    for _ in range(1000):\n"
        "        on_event(Event(kind=EventKind.WARNING, data={'text': 'x' * 1000}))\n"
        "        time.sleep(0.01)\n"
        "d.design = run\n"
        "from matsmith.app.main import main\n"
        f"sys.exit(main(['design', {OBJECTIVE!r}, '--yes', '--json']))\n"
    )
    child = subprocess.Popen(
        [sys.executable, "-c", program], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=home
    )
    assert child.stdout is not None
    assert child.stderr is not None
    assert '"started"' in child.stdout.readline()
    child.stdout.close()
    errors = child.stderr.read()
    assert child.wait(timeout=60) == 5
    assert "Resume with: matsmith resume /runs/r" in errors
    assert "Traceback" not in errors
    assert "BrokenPipe" not in errors


def test_a_run_that_is_over_resumes_to_its_end(
    home: Path, make_run: MakeRun, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = make_run(home / "runs" / "made", reason=StopReason.STALLED)
    seen: list[Path] = []

    def again(run: Path, **options: Any) -> RunResult:
        seen.append(run)
        return finished(run)

    monkeypatch.setattr(design_module, "resume", again)
    assert main(["resume", "made"]) == 3
    assert seen == [folder.resolve()]
    assert "NiO" in capsys.readouterr().out


def test_the_specification_of_a_run_is_known_before_it_goes_on(run_folder: Path) -> None:
    wanted = commands_design._wanted(run_folder)  # pyright: ignore[reportPrivateUsage]
    assert wanted["candidates"] == 2


def _hears_interrupts() -> None:
    """A suite started in the background would hand down a deaf ear."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


@pytest.mark.timeout(120)
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_real_run_that_is_stopped_can_be_resumed_and_verified(
    home: Path, capsys: pytest.CaptureFixture[str], number: signal.Signals
) -> None:
    """The program itself, with its physics, stopped by a signal after its first events."""
    command = [sys.executable, "-m", "matsmith", "design", OBJECTIVE, "--yes", "--json", "--budget", "60s"]
    child = subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=home,
        preexec_fn=_hears_interrupts,
    )
    assert child.stdout is not None
    assert child.stderr is not None
    kinds = [Event.model_validate_json(child.stdout.readline()).kind for _ in range(2)]
    assert kinds[0] is EventKind.STARTED
    child.send_signal(number)
    _, errors = child.communicate(timeout=60)
    assert child.returncode == 5
    (folder,) = (home / "runs").iterdir()
    assert f"matsmith resume {folder.resolve()}" in errors
    assert "Traceback" not in errors
    assert main(["runs"]) == 0
    assert "interrupted" in capsys.readouterr().out
    assert main(["verify", folder.name]) == 0


UNCLEAR = "a stable compound of oxygen and unobtainium with a bulk modulus above 150 GPa"


@pytest.mark.parametrize("words", [["--yes"], []])
def test_a_requirement_that_was_not_understood_starts_nothing_where_nobody_can_be_asked(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], words: list[str]
) -> None:
    calls = pretend(monkeypatch, lambda listener: pytest.fail("nothing may start"))
    assert main(["design", UNCLEAR, *words]) == 2
    said = capsys.readouterr().err
    assert "unobtainium" in said
    assert "--leave-out" in said
    assert "--spec" in said
    assert calls == []


def test_it_starts_without_it_when_the_person_says_so(
    home: Path, make_run: MakeRun, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    calls = pretend(monkeypatch, lambda listener: finished(make_run(home / "runs" / "made")))
    assert main(["design", UNCLEAR, "--yes", "--leave-out"]) == 0
    assert calls[0]["check"].plan.not_understood == ["unobtainium"]
    capsys.readouterr()
    # A plan that was looked at is taken as it is.
    assert main(["plan", UNCLEAR, "--json"]) == 0
    plan = json.loads(capsys.readouterr().out)
    assert plan["unclear"] == ["unobtainium"]
    (home / "plan.json").write_text(json.dumps(plan))
    shutil.rmtree(home / "runs")
    assert main(["design", "--spec", "plan.json", "--yes"]) == 0


def test_a_plan_shows_what_is_not_clear(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["plan", UNCLEAR]) == 0
    shown = " ".join(capsys.readouterr().out.split())
    assert "Not clear: “unobtainium”" in shown
    assert main(["plan", "a stable layered oxide"]) == 0
    assert "Not clear" not in capsys.readouterr().out


@pytest.mark.parametrize("wanted", [True, False])
def test_a_resumed_run_reuses_answers_when_it_is_told_to(
    home: Path, make_run: MakeRun, monkeypatch: pytest.MonkeyPatch, *, wanted: bool
) -> None:
    folder = make_run(home / "runs" / "made", reason=None)
    told: list[bool] = []

    def go_on(run: Path, **options: Any) -> RunResult:
        told.append(options["settings"].reuse_answers)
        raise LedgerError("far enough")

    monkeypatch.setattr(design_module, "resume", go_on)
    assert main(["resume", str(folder), *(["--reuse-answers"] if wanted else [])]) == 1
    assert told == [wanted]
