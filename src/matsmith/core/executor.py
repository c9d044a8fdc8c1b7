"""Runs work in a process of its own, which streams results back and can be ended at any moment.

A `concurrent.futures` executor returns a whole chunk at once and cannot stop what runs. Here results arrive as they are
finished, so that one process can batch many structures and a deadline or a crash loses only what was in flight.
Messages are JSON lines; nothing is unpickled.
"""

from __future__ import annotations

import contextlib
import json
import os
import queue
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Protocol

from matsmith.core.errors import BudgetExceeded, WorkerError

Message = dict[str, Any]


class Executor(Protocol):
    """Where requests are worked on."""

    def stream(self, request: Message, *, deadline: float | None = None) -> Iterator[Message]:
        """Yield the replies to a request as they come; the last one has been yielded when the iterator ends.

        `deadline` is a time of `time.monotonic`; past it the work is ended and `BudgetExceeded` raised. Raises
        `WorkerError` when the worker dies.
        """
        ...

    def warm_up(self) -> None:
        """Begin to start, without waiting for it."""
        ...

    def close(self) -> None:
        """End whatever runs."""
        ...


class ProcessExecutor:
    """One child process that owns the cores; it starts on first use, and again after it died or was ended."""

    def __init__(
        self, command: Sequence[str], *, environment: dict[str, str] | None = None, log: Path | None = None
    ) -> None:
        self._command = list(command)
        # What the work does not need must not be there: keys stay with the parent.
        inherited = {
            name: value for name, value in os.environ.items() if not name.upper().endswith("API_KEY")
        }
        self._environment = {**inherited, **(environment or {})}
        self._log = log
        self._process: subprocess.Popen[str] | None = None
        self._replies: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        self._number = 0

    @classmethod
    def python_module(
        cls, module: str, *, environment: dict[str, str] | None = None, log: Path | None = None
    ) -> ProcessExecutor:
        """Run `python -m module` as the worker."""
        return cls([sys.executable, "-m", module], environment=environment, log=log)

    def warm_up(self) -> None:
        """Start the process if it does not run."""
        if self._process is not None and self._process.poll() is None:
            return
        self._replies = queue.SimpleQueue()
        with contextlib.ExitStack() as stack:
            errors: Any = subprocess.DEVNULL
            if self._log is not None:
                errors = stack.enter_context(self._log.open("ab"))
            try:
                self._process = subprocess.Popen(
                    self._command,
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=errors,
                    env=self._environment,
                    text=True,
                    start_new_session=True,
                )
            except OSError as error:
                raise WorkerError(
                    f"The worker process could not be started: {error}.", retryable=True
                ) from error
        threading.Thread(target=_pump, args=(self._process, self._replies), daemon=True).start()

    def stream(self, request: Message, *, deadline: float | None = None) -> Iterator[Message]:
        """Send one request and yield its replies; see `Executor.stream`."""
        self.warm_up()
        process = self._process
        if process is None or process.stdin is None:
            raise WorkerError("The worker process did not start.", retryable=True)
        self._number += 1
        number = self._number
        finished = False
        try:
            try:
                process.stdin.write(json.dumps({**request, "number": number}) + "\n")
                process.stdin.flush()
            except (BrokenPipeError, OSError) as error:
                raise self._death() from error
            while True:
                line = self._next_line(deadline)
                reply: Message = json.loads(line)
                if reply.get("number") != number:
                    continue
                if reply.get("done"):
                    finished = True
                    return
                if "crash" in reply:
                    finished = True
                    raise WorkerError(
                        f"A tool stopped with an error of its own: {reply['crash']}",
                        hint="This is a defect: please report it with the run's worker.log.",
                    )
                yield reply
        finally:
            if not finished:
                # The consumer left, the deadline passed or the process died: what is still in flight is worthless.
                self.close()

    def _next_line(self, deadline: float | None) -> str:
        timeout = None if deadline is None else max(0.0, deadline - time.monotonic())
        try:
            line = self._replies.get(timeout=timeout)
        except queue.Empty:
            raise BudgetExceeded("The time is used up.") from None
        if line is None:
            raise self._death()
        return line

    def _death(self) -> WorkerError:
        code = None if self._process is None else self._process.wait()
        cause = f"signal {-code}" if code is not None and code < 0 else f"exit status {code}"
        where = f" See {self._log}." if self._log else ""
        return WorkerError(
            f"The worker process died ({cause}).",
            hint=f"Signal 9 usually means that memory ran out.{where}",
            retryable=True,
        )

    def close(self) -> None:
        """Kill the process."""
        process, self._process = self._process, None
        if process is None:
            return
        process.kill()
        process.wait()
        for stream in (process.stdin, process.stdout):
            if stream is not None:
                with contextlib.suppress(OSError):
                    stream.close()


class EndableExecutor:
    """An executor whose death is no accident once its end was asked for: `check` raises then, and nothing is tried again."""

    def __init__(self, inner: Executor, *, check: Callable[[], None]) -> None:
        self._inner = inner
        self._check = check

    def stream(self, request: Message, *, deadline: float | None = None) -> Iterator[Message]:
        """Yield the replies of the executor within; raises what `check` raises once the end was asked for."""
        self._check()
        try:
            yield from self._inner.stream(request, deadline=deadline)
        except (WorkerError, OSError, ValueError):
            self._check()  # the pipe broke because somebody asked: that is what is told
            raise

    def warm_up(self) -> None:
        """Begin to start, unless the end was asked for."""
        self._check()
        self._inner.warm_up()

    def close(self) -> None:
        """End whatever runs."""
        self._inner.close()


def _pump(process: subprocess.Popen[str], replies: queue.SimpleQueue[str | None]) -> None:
    """Move lines from the process to the queue; None marks the end."""
    if process.stdout is not None:
        with contextlib.suppress(ValueError, OSError):
            for line in process.stdout:
                replies.put(line)
    replies.put(None)
