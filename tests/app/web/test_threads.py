"""A stop ends the turn of its thread and no other, whatever moment it comes at."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from typing import Any

from pymatgen.core import Lattice, Structure

from matsmith.app.web.shared_worker import SharedWorker
from matsmith.app.web.threads import Threads
from matsmith.core.errors import WorkerError
from matsmith.core.executor import Message
from matsmith.core.settings import Settings

CELL = Structure.from_spacegroup("Fm-3m", Lattice.cubic(4.21), ["Mg", "O"], [[0, 0, 0], [0.5, 0.5, 0.5]]).to(
    fmt="cif"
)


class SlowToBegin:
    """A worker that a stop finds not begun: an end asked for before `begin` finds nothing to end."""

    def __init__(self) -> None:
        self.asked, self.begin = threading.Event(), threading.Event()
        self.ended = threading.Event()
        self.requests = 0

    def stream(self, request: Message, *, deadline: float | None = None) -> Iterator[Message]:
        self.requests += 1
        self.asked.set()
        assert self.begin.wait(20)
        self.ended.clear()  # what was ended before it began does not count
        if self.ended.wait(20):
            raise WorkerError("The worker was ended.")
        yield {}

    def warm_up(self) -> None:
        """Nothing to start."""

    def close(self) -> None:
        self.ended.set()


def test_a_stop_that_comes_before_the_calculation_begins_still_ends_it(settings: Settings) -> None:
    worker = SlowToBegin()
    threads = Threads(settings=settings, worker=SharedWorker(worker))
    threads.take_file("shared", "cell.cif", CELL.encode())
    told: list[dict[str, Any]] = []

    def hear(event: Mapping[str, Any]) -> None:
        told.append(dict(event))

    turn = threading.Thread(
        target=threads.say,
        args=("shared", "relax cell.cif"),
        kwargs={"files": ["cell.cif"], "tell": hear},
    )
    turn.start()
    assert worker.asked.wait(20), told
    stop = threading.Thread(target=threads.stop, args=("shared",))
    stop.start()
    stop.join(0.3)
    worker.begin.set()
    turn.join(20)
    assert not turn.is_alive()
    stop.join(20)
    assert worker.requests == 1, "a worker that a stop has ended is not tried again"
    assert told[-1]["kind"] in ("end", "failed")
    threads.close()
