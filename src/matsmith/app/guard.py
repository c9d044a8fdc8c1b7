"""How a command ends: every error becomes one sentence with what to do, and the exit status that belongs to it.

0 the objective is met; 1 failure; 2 usage; 3 not met (budget or stalled); 4 impossible; 5 interrupted and resumable.
`MATSMITH_DEBUG=1` shows the traceback instead.
"""

from __future__ import annotations

import contextlib
import functools
import os
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Generator
from pathlib import Path
from types import FrameType
from typing import ParamSpec

import typer

from matsmith.core.errors import MatsmithError

FAILURE, USAGE = 1, 2
_P = ParamSpec("_P")
_FATAL_SIGNALS = tuple(getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name))


def guarded(command: Callable[_P, int | None]) -> Callable[_P, None]:
    """Make a command out of a function that returns its exit status (None for 0) or raises."""

    @functools.wraps(command)
    def wrapped(*args: _P.args, **kwargs: _P.kwargs) -> None:
        raise typer.Exit(_status(lambda: command(*args, **kwargs)))

    # The mark that keeps lines of help as they are is a control character, which docstrings write as letters.
    wrapped.__doc__ = (command.__doc__ or "").replace("\\b\n", "\b\n")
    return wrapped


def _status(call: Callable[[], int | None]) -> int:
    if debugging():
        return call() or 0
    try:
        status = call() or 0
        sys.stdout.flush()
    except MatsmithError as error:
        complain(error.message, hint=error.hint)
        return error.exit_code
    except BrokenPipeError:
        return leave_quietly()
    except KeyboardInterrupt:
        complain("Stopped.")
        return FAILURE
    except MemoryError:
        complain(
            "The memory ran out.", hint="Ask for fewer candidates or smaller cells, or close other programs."
        )
        return FAILURE
    except typer.Exit as ending:
        return ending.exit_code
    except OSError as error:
        where = f" ({error.filename})" if error.filename else ""
        complain(
            f"The system refused{where}: {error.strerror or error}.",
            hint="Check the path, its permissions and the disk.",
        )
        return FAILURE
    except Exception as error:  # noqa: BLE001 - the last line of defence: said, kept in a file, and a failure
        _report_defect(error)
        return FAILURE
    return status


def debugging() -> bool:
    """Whether the user wants tracebacks."""
    return os.environ.get("MATSMITH_DEBUG", "") not in ("", "0")


def complain(message: str, *, hint: str = "") -> None:
    """Write one sentence and its hint to standard error."""
    text = " ".join(f"{message} {hint}".split())
    with contextlib.suppress(OSError, ValueError):
        print(f"matsmith: {text}", file=sys.stderr, flush=True)


def leave_quietly() -> int:
    """End after the reader of standard output went away (`| head`): nobody is left to tell anything."""
    # The real one: `sys.stdout` may be redirected to standard error, which still has a reader.
    stream = sys.__stdout__
    if stream is not None:
        with contextlib.suppress(OSError, ValueError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
    return 0


def _report_defect(error: BaseException) -> None:
    """Say that matsmith itself is at fault and where the details are. Tracebacks hold no values of variables."""
    details = "".join(traceback.format_exception(error))
    name = f"matsmith-error-{time.strftime('%Y%m%d-%H%M%S')}-{os.getpid()}.log"
    summary = f"matsmith met an error of its own ({type(error).__name__}: {str(error)[:300]})."
    for folder in _log_folders():
        try:
            folder.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text(details, encoding="utf-8")
        except OSError:
            continue
        complain(
            summary, hint=f"Please report it with {folder / name}; MATSMITH_DEBUG=1 shows the details here."
        )
        return
    complain(summary, hint="Please report it with what MATSMITH_DEBUG=1 shows.")


def _log_folders() -> Generator[Path]:
    with contextlib.suppress(Exception):  # settings may be the very thing that is broken
        from matsmith.core.settings import load_settings

        yield load_settings().state_dir / "logs"
    yield Path(tempfile.gettempdir())


@contextlib.contextmanager
def stoppable() -> Generator[None]:
    """Inside, SIGTERM and SIGHUP end the work as Ctrl-C does: by `KeyboardInterrupt`, so that everything is closed."""

    def stop(number: int, frame: FrameType | None) -> None:
        del number, frame
        raise KeyboardInterrupt

    before = {number: signal.signal(number, stop) for number in _FATAL_SIGNALS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
