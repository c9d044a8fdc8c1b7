from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest
import typer

from matsmith.app.guard import guarded, stoppable
from matsmith.core.errors import (
    BudgetExceeded,
    ImpossibleObjective,
    Interrupted,
    LedgerError,
    MatsmithError,
    SpecError,
)


def status_of(command: Callable[[], int | None]) -> int:
    with pytest.raises(typer.Exit) as caught:
        guarded(command)()
    return caught.value.exit_code


def raising(error: BaseException) -> Callable[[], int]:
    def command() -> int:
        raise error

    return command


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (LedgerError("The chain is broken.", hint="Look."), 1),
        (SpecError("No such element.", hint="Look."), 2),
        (BudgetExceeded("Used up.", hint="Look."), 3),
        (ImpossibleObjective("It contradicts itself.", hint="Look."), 4),
        (Interrupted("Stopped.", hint="Look."), 5),
    ],
)
def test_each_error_is_one_sentence_with_its_hint_and_its_status(
    error: MatsmithError, status: int, capsys: pytest.CaptureFixture[str]
) -> None:
    assert status_of(raising(error)) == status
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err == f"matsmith: {error.message} Look.\n"


def test_a_status_passes_through() -> None:
    assert status_of(lambda: 3) == 3
    assert status_of(lambda: None) == 0


def test_a_defect_is_told_apart_kept_in_a_file_and_fails(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert status_of(raising(ZeroDivisionError("division by zero"))) == 1
    shown = capsys.readouterr().err
    assert "ZeroDivisionError" in shown
    assert "Traceback" not in shown
    (log,) = (home / "state" / "logs").iterdir()
    assert str(log) in shown
    assert "Traceback" in log.read_text()


def test_debugging_shows_the_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MATSMITH_DEBUG", "1")
    with pytest.raises(LedgerError):
        guarded(raising(LedgerError("broken")))()


def test_a_system_error_names_the_path(capsys: pytest.CaptureFixture[str]) -> None:
    assert status_of(lambda: len(Path("/nonexistent/spec.json").read_text())) == 1
    assert "/nonexistent/spec.json" in capsys.readouterr().err


def test_help_keeps_its_marks() -> None:
    def command() -> None:
        r"""Do it.

        \b
        Example:
          do it
        """

    assert "\b\n" in (guarded(command).__doc__ or "")
    assert "\\b" not in (guarded(command).__doc__ or "")


def test_a_termination_signal_unwinds_like_ctrl_c_and_the_handler_goes_back() -> None:
    before = signal.getsignal(signal.SIGTERM)
    closed: list[bool] = []

    def work() -> None:
        with stoppable():
            try:
                os.kill(os.getpid(), signal.SIGTERM)
                signal.pause()
            finally:
                closed.append(True)

    with pytest.raises(KeyboardInterrupt):
        work()
    assert closed
    assert signal.getsignal(signal.SIGTERM) == before
