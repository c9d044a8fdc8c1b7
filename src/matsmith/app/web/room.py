"""How many design runs may be at work at once: for one person, and for everybody on this machine together."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from pathlib import Path

from matsmith.core.errors import MatsmithError

MOST_RUNNING = 2


class TooManyRunsError(MatsmithError):
    """As many runs are at work as this machine should bear."""


class Room:
    """Counts the runs at work from what stands on the disk, so that those from before a restart count too.

    `each` is the most for one folder of runs, `together` for all that `folders` names; hold `lock` from the question to the start.
    """

    def __init__(
        self,
        *,
        each: int = MOST_RUNNING,
        together: int | None = None,
        folders: Callable[[], Iterable[Path]] = tuple,
    ) -> None:
        self.each = each
        self.together = together
        self.lock = threading.RLock()
        self._folders = folders

    def check(self, own: Path) -> None:
        """Raises `TooManyRunsError` where one more run would be too many."""
        mine = at_work(own)
        if mine >= self.each:
            raise TooManyRunsError(
                f"{mine} {'run is' if mine == 1 else 'runs are'} at work already.",
                hint="Wait for one to end, or stop one.",
                retryable=True,
            )
        if self.together is None:
            return
        total = sum(at_work(folder) for folder in {path.resolve() for path in self._folders()})
        if total >= self.together:
            raise TooManyRunsError(
                f"The machine bears {self.together} runs at once, and others have taken its room.",
                hint="Try again when one of theirs has ended.",
                retryable=True,
            )


def at_work(runs: Path) -> int:
    """How many runs of a folder have a process at work."""
    from matsmith.agents.conversation.process_numbers import PROCESS
    from matsmith.agents.conversation.run_process import attach

    if not runs.is_dir():
        return 0
    return sum((folder / PROCESS).is_file() and attach(folder).alive for folder in runs.iterdir())
