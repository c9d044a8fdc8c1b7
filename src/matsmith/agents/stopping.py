"""Ending a run from outside: whoever follows a run asks it to stop, and it ends at its next step, to be resumed at any time."""

from __future__ import annotations

import threading
from collections.abc import Callable

from matsmith.core.errors import Interrupted
from matsmith.core.executor import EndableExecutor, Executor
from matsmith.core.run import Event


class StopSignal:
    """A request to stop, from any thread. The run ends with `Interrupted`; what it has finished stands in its ledger.

    >>> signal = StopSignal()
    >>> signal.ask()
    >>> signal.check()
    Traceback (most recent call last):
    matsmith.core.errors.Interrupted: The run was asked to stop. It can be resumed.
    """

    def __init__(self) -> None:
        self._asked = threading.Event()
        self._lock = threading.Lock()
        self._executors: list[Executor] = []

    @property
    def asked(self) -> bool:
        """Whether somebody wants it to stop."""
        return self._asked.is_set()

    def ask(self) -> None:
        """Ask it to stop: whatever is being computed is ended at once."""
        self._asked.set()
        with self._lock:
            for executor in self._executors:
                executor.close()

    def check(self) -> None:
        """Raise `Interrupted` once somebody has asked."""
        if self.asked:
            raise Interrupted("The run was asked to stop.", hint="It can be resumed.")

    def heeded_by(self, listener: Callable[[Event], None] | None) -> Callable[[Event], None]:
        """A listener that ends the run at the next event once somebody has asked."""

        def heard(event: Event) -> None:
            self.check()
            if listener is not None:
                listener(event)

        return heard

    def ends(self, executor: Executor) -> Executor:
        """The executor as a run should use it: ended when somebody asks, and then never started again."""
        with self._lock:
            self._executors.append(executor)
        return EndableExecutor(executor, check=self.check)
