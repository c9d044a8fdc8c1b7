"""Follow a run at the command line: show it, ask where it waits for a person, and end with its exit status."""

from __future__ import annotations

import contextlib
import shlex
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from matsmith.app.guard import FAILURE, complain, stoppable
from matsmith.core.errors import Interrupted, MatsmithError

if TYPE_CHECKING:
    from rich.console import Console

    from matsmith.agents.session import RunResult
    from matsmith.app.pauses import Reply
    from matsmith.app.progress import Progress
    from matsmith.core.run import Event
    from matsmith.core.settings import Settings

_INTERRUPTED = 5


def kept_clean(as_json: bool) -> contextlib.AbstractContextManager[Any]:
    """Send what libraries print to standard error, so that standard output holds events only."""
    return contextlib.redirect_stdout(sys.stderr) if as_json else contextlib.nullcontext()


def make_progress(console: Console, *, as_json: bool, verbose: bool) -> Progress:
    """Choose how a run shows itself: events for a program, a live panel on a terminal, else lines."""
    from matsmith.app.progress import JsonProgress, LineProgress, LiveProgress

    if as_json:
        return JsonProgress(sys.stdout)
    return (
        LiveProgress(console, verbose=verbose)
        if console.is_terminal
        else LineProgress(console, verbose=verbose)
    )


def follow(
    run: Callable[[Callable[[Event], None]], RunResult],
    *,
    console: Console,
    progress: Progress,
    settings: Settings,
    edit_file: Path | None = None,
    folder: Path | None = None,
) -> int:
    """Work, show, ask where the run waits, and end: the exit status is the run's, or 5 when it can be resumed."""
    from matsmith.agents.approvals import AwaitingApproval
    from matsmith.app.console import is_interactive
    from matsmith.app.pauses import ask_person, leave_waiting
    from matsmith.app.summary import print_summary

    while True:
        try:
            with stoppable(), progress:
                result = run(progress)
            break
        except AwaitingApproval as wait:
            reply = None
            if is_interactive(console):
                reply = ask_person(wait, console=console, settings=settings, edit_file=edit_file)
            if reply is None:
                leave_waiting(wait, edit_file=edit_file)
                return _INTERRUPTED
            run = _going_on(wait.folder, reply, settings=settings)
        except (KeyboardInterrupt, Interrupted, BrokenPipeError) as stop:
            return _interrupted(progress.view.folder or str(folder or ""), stop)
        except MatsmithError as error:
            where = progress.view.folder
            if where and error.retryable and "resume" not in error.hint:
                error.hint = f"{error.hint} Go on with: matsmith resume {shlex.quote(where)}".strip()
            raise
    print_summary(console, result.folder, report=result.report)
    if result.usage.tokens:
        console.print(f" {'Model':<8} {result.usage.in_words}", soft_wrap=True)
    return result.stop.reason.exit_code


def _going_on(
    folder: Path, reply: Reply, *, settings: Settings
) -> Callable[[Callable[[Event], None]], RunResult]:
    from matsmith.agents.session import resume as run_resume

    return lambda listener: run_resume(
        folder, settings=settings, decision=reply.decision, spec=reply.spec, on_event=listener
    )


def _interrupted(folder: str, stop: BaseException) -> int:
    if not folder:
        complain("Stopped before the run began: nothing was spent.")
        return FAILURE
    if isinstance(stop, BrokenPipeError):
        from matsmith.app.guard import leave_quietly

        leave_quietly()
    complain(
        "Interrupted; nothing that was finished is lost.",
        hint=f"Resume with: matsmith resume {shlex.quote(folder)}",
    )
    return _INTERRUPTED
