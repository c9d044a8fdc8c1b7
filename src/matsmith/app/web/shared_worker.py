"""One worker process for everybody whom the server serves: requests stand in line, and whoever ends one ends only their own."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Iterator

from matsmith.core.errors import BudgetExceeded, WorkerError
from matsmith.core.executor import Executor, Message

_LOOK_EVERY_S = 0.2


class SharedWorker:
    """The worker, and the line before it: first come, first served."""

    def __init__(self, executor: Executor) -> None:
        self.executor = executor
        self._line: deque[object] = deque()
        self._moved = threading.Condition()

    def share(self) -> SharedExecutor:
        """An executor over this worker for one conversation or one caller of tools."""
        return SharedExecutor(self)

    def close(self) -> None:
        """End the worker, whatever it does."""
        self.executor.close()

    def enter(self, ticket: object, *, left: threading.Event, deadline: float | None) -> None:
        """Wait until the worker is this ticket's. Raises `WorkerError` when `left` is set meanwhile, `BudgetExceeded` past the deadline."""
        with self._moved:
            self._line.append(ticket)
            try:
                while self._line[0] is not ticket:
                    self._moved.wait(_LOOK_EVERY_S)
                    if left.is_set():
                        raise WorkerError("The work was ended while it waited for its turn.")
                    if deadline is not None and time.monotonic() >= deadline:
                        raise BudgetExceeded("The time is used up.")
            except BaseException:
                self._line.remove(ticket)
                self._moved.notify_all()
                raise

    def leave(self, ticket: object) -> None:
        """Let the next one go on."""
        with self._moved:
            self._line.remove(ticket)
            self._moved.notify_all()


class SharedExecutor:
    """The worker as one of several sees it, one request at a time."""

    def __init__(self, worker: SharedWorker) -> None:
        self._worker = worker
        self._mine = False
        self._left = threading.Event()
        # Between looking whose the worker is and ending it, it must not become another's.
        self._owning = threading.Lock()

    def stream(self, request: Message, *, deadline: float | None = None) -> Iterator[Message]:
        """Wait for the worker, then yield its replies."""
        ticket = object()
        self._left.clear()
        self._worker.enter(ticket, left=self._left, deadline=deadline)
        try:
            with self._owning:
                self._mine = True
            yield from self._worker.executor.stream(request, deadline=deadline)
        finally:
            with self._owning:
                self._mine = False
            self._worker.leave(ticket)

    def warm_up(self) -> None:
        """Begin to start."""
        self._worker.executor.warm_up()

    def close(self) -> None:
        """Leave the line, or end the worker where it works for this one."""
        self._left.set()
        with self._owning:
            if self._mine:
                self._worker.executor.close()
