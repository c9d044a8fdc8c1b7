"""A protocol over many compositions of an alloy: each in a process of its own, and what is in the ledger is not computed again."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from matsmith.core.errors import SpecError
from matsmith.tools.lammps.alloys import Alloy, alloy_of

if TYPE_CHECKING:
    from matsmith.core.executor import ProcessExecutor
    from matsmith.core.record import Record
    from matsmith.core.settings import Settings

_MOST_POINTS = 101
Hear = Callable[[int, str], None]


@dataclass(frozen=True, kw_only=True)
class Point:
    """One composition of a sweep with its record: of the protocol, or of the cell that could not be made."""

    index: int
    alloy: Alloy
    record: Record


def compositions(base: Alloy, *, element: str, low: float, high: float, points: int) -> list[Alloy]:
    """Alloys with so much of an element in at.%, evenly spaced, the others in their own proportion. Raises `SpecError`.

    >>> from matsmith.tools.lammps.alloys import read_alloy
    >>> [one.describe() for one in compositions(read_alloy("AlCu"), element="Cu", low=0, high=20, points=2)]
    ['Al 100 at.%', 'Al 80 Cu 20 at.%']
    """
    others = {one: share for one, share in base.fractions.items() if one != element}
    if element not in base.fractions or not others:
        raise SpecError(
            f"There is no {element} beside other elements in {base.describe()}.",
            hint="Sweep an element of the alloy.",
        )
    if not 0 <= low < high <= 100 or not 2 <= points <= _MOST_POINTS:
        raise SpecError(
            f"{points} points from {low:g} to {high:g} at.% are no sweep.",
            hint=f"Give 0 to 100 at.% and 2 to {_MOST_POINTS} points, as in Cu=0:20:5.",
        )
    total = sum(others.values())
    found: list[Alloy] = []
    for place in range(points):
        share = (low + (high - low) * place / (points - 1)) / 100
        amounts = {**{one: part / total * (1 - share) for one, part in others.items()}, element: share}
        found.append(alloy_of({one: part for one, part in amounts.items() if part > 1e-9}))
    return found


class Sweep:
    """Runs a protocol on alloys. Close it to end whatever runs; called again with the same ledger it goes on."""

    def __init__(self, *, settings: Settings, ledger: Path, seed: int, processes: int) -> None:
        self._settings = settings
        self._ledger = ledger
        self._seed = seed
        self._processes = max(1, processes)
        self._executors: list[ProcessExecutor] = []
        self._lock = threading.Lock()
        self._own = threading.local()
        self._closed = False

    def run(
        self,
        alloys: Sequence[Alloy],
        *,
        tool: str,
        arguments: Mapping[str, Any],
        cell: Mapping[str, Any],
        hear: Hear | None = None,
    ) -> Iterator[Point]:
        """Yield the points as they are finished; `cell` are further arguments of `alloy_cell`, `hear` is told the index and what a run says.

        An element alone is taken as its own crystal.
        """

        def one(index: int) -> Point:
            return Point(
                index=index,
                alloy=alloys[index],
                record=self._one(index, alloys[index], tool=tool, arguments=arguments, cell=cell, hear=hear),
            )

        with ThreadPoolExecutor(max_workers=self._processes, thread_name_prefix="sweep") as pool:
            waiting = [pool.submit(one, index) for index in range(len(alloys))]
            try:
                for done in as_completed(waiting):
                    yield done.result()
            except BaseException:
                for future in waiting:
                    future.cancel()
                self.close()
                raise

    def close(self) -> None:
        """End whatever runs."""
        with self._lock:
            self._closed = True
            for executor in self._executors:
                with suppress(OSError, ValueError):
                    executor.close()

    def _one(
        self,
        index: int,
        alloy: Alloy,
        *,
        tool: str,
        arguments: Mapping[str, Any],
        cell: Mapping[str, Any],
        hear: Hear | None,
    ) -> Record:
        from matsmith.core.ledger import Ledger
        from matsmith.tools.runner import ToolRunner

        with Ledger(self._ledger) as ledger:
            runner = ToolRunner(ledger, settings=self._settings, executor=self._executor(), seed=self._seed)
            if hear is not None:
                runner.on_note(lambda text: hear(index, text))
            return run_on_alloy(runner, alloy, tool=tool, arguments=arguments, cell=cell)

    def _executor(self) -> ProcessExecutor:
        from matsmith.core.errors import Interrupted
        from matsmith.tools.runner import local_executor

        with self._lock:
            if self._closed:
                raise Interrupted("The sweep was ended.")
            if getattr(self._own, "executor", None) is None:
                log = self._ledger.parent / "worker.log"
                self._own.executor = local_executor(log=log, settings=self._settings)
                self._executors.append(self._own.executor)
        return self._own.executor


def run_on_alloy(
    runner: Any, alloy: Alloy, *, tool: str, arguments: Mapping[str, Any], cell: Mapping[str, Any]
) -> Record:
    """Make a cell of an alloy and run a protocol on it; the record of the cell where that could not be made."""
    if len(alloy.fractions) == 1:
        return runner.run(tool, {**arguments, "element": alloy.elements[0]})
    formula = "".join(f"{symbol}{share:.6f}" for symbol, share in alloy.fractions.items())
    made = runner.run("alloy_cell", {"formula": formula, **cell})
    if made.outcome.crystal is None:
        return made
    return runner.run(tool, {**arguments, "structure": made.id})
