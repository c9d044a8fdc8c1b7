"""The events of a run as something to iterate over, in a plain loop or an asynchronous one, that can be left at any time.

The run works in a thread of its own. Leaving the loop, an exception in it, an interrupt, or the end of the interpreter asks it to stop; then
the run stands in its folder as after any interruption, and `resume` goes on with it.
"""

from __future__ import annotations

import asyncio
import queue
import threading
import weakref
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Self, cast

from matsmith.agents.stopping import StopSignal
from matsmith.core.errors import Interrupted, UsageError
from matsmith.core.run import Event, EventKind

if TYPE_CHECKING:
    from types import TracebackType

    from matsmith.agents.session import RunResult

Work = Callable[[Callable[[Event], None], StopSignal], "RunResult"]
_PATIENCE_S = 20.0
"""So long is waited for a run that was asked to stop. Computing ends at once; the answer of a language model's server may take longer."""


class RunEvents(Iterator[Event], AsyncIterator[Event]):
    """Events of one run as they come. Afterwards `result` says where it ended, and `folder` where it lies.

    What the run raises is raised by the loop. `close` stops it early; `with` and `async with` close it in any case.
    """

    def __init__(self, work: Work) -> None:
        self._told: queue.SimpleQueue[Event | None] = queue.SimpleQueue()
        self._signal = StopSignal()
        self._ended = _Ended()
        self._over = False
        self._folder: Path | None = None
        self._next: asyncio.Future[Event | None] | None = None
        self._thread = threading.Thread(
            target=_run, args=(work, self._signal, self._told, self._ended), name="matsmith-run", daemon=True
        )
        # Without a reference to this object, so that leaving a loop that nobody else holds ends the run.
        self._stop = weakref.finalize(self, _stop, self._signal, self._thread)
        self._thread.start()

    @property
    def folder(self) -> Path | None:
        """The folder of the run; None before it has begun."""
        return self._folder

    @property
    def result(self) -> RunResult:
        """Where the run ended. Raises `Interrupted` for one that was left early, `UsageError` before the last event."""
        if self._ended.result is not None:
            return self._ended.result
        if self._ended.error is not None:
            raise self._ended.error
        if self._signal.asked:
            raise Interrupted("The run was left before its end.", hint="`resume` goes on with it.")
        raise UsageError("The run goes on: it has no result yet.", hint="Take its events to the end first.")

    def close(self) -> None:
        """Stop the run, unless it has ended. Returns when it has let go of its folder, so that it can be resumed at once."""
        self._over = True
        self._stop()
        self._told.put(None)  # whoever waits for an event need wait no longer

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> Event:
        """The next event; waits for it."""
        if self._over:
            raise StopIteration
        try:
            event = self._told.get()
        except BaseException:
            self.close()
            raise
        return self._taken(event, StopIteration)

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Event:
        """The next event; a wait that is cancelled loses none."""
        if self._over:
            raise StopAsyncIteration
        if self._next is None:
            self._next = asyncio.get_running_loop().run_in_executor(None, self._told.get)
        event = await asyncio.shield(self._next)
        self._next = None
        return self._taken(event, StopAsyncIteration)

    def _taken(self, event: Event | None, end: type[Exception]) -> Event:
        if event is None:
            self._over = True
            if self._ended.error is not None and not self._signal.asked:
                raise self._ended.error
            raise end
        if event.kind is EventKind.STARTED:
            self._folder = Path(str(event.data["folder"]))
        return event

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await asyncio.to_thread(self.close)


class _Ended:
    """How the work ended."""

    def __init__(self) -> None:
        self.result: RunResult | None = None
        self.error: BaseException | None = None


def _run(work: Work, signal: StopSignal, told: queue.SimpleQueue[Event | None], ended: _Ended) -> None:
    try:
        ended.result = work(told.put, signal)
    except BaseException as error:  # noqa: BLE001 - it is raised where the events are taken
        ended.error = error
    finally:
        told.put(None)


def _stop(signal: StopSignal, thread: threading.Thread) -> None:
    if thread.is_alive():
        signal.ask()
        if thread is not threading.current_thread():
            thread.join(_PATIENCE_S)


def event_line(event: Event) -> str:
    """An event in one line, for a log or a notebook.

    >>> event_line(Event(kind=EventKind.PROGRESS, elapsed_s=3.2, data={"stage": "relax", "done": 4, "total": 9}))
    '    3 s  relax: 4 of 9'
    """
    return f"{event.elapsed_s:5.0f} s  {_words(event)}".rstrip()


def _words(event: Event) -> str:
    data = event.data
    match event.kind:
        case EventKind.PROGRESS:
            return f"{data.get('stage', '')}: {data.get('done', 0)} of {data.get('total', 0)}"
        case EventKind.CANDIDATE:
            values = cast("dict[str, str]", data.get("values") or {})
            answers = cast("dict[str, str]", data.get("answers") or {})
            shown = ", ".join(
                f"{name} {text} ({answers.get(name, 'unknown')})" for name, text in values.items()
            )
            mark = "meets all" if data.get("meets") else "judged"
            return f"{mark}: {data.get('formula', '')}, {data.get('novelty', '')}; {shown}".rstrip("; ")
        case EventKind.ROUND:
            return f"round {event.round + 1}: {data.get('reason') or 'generating'}"
        case EventKind.ROUND_FINISHED:
            return f"round {event.round + 1}: {data.get('simulated', 0)} simulated, {data.get('met', 0)} met"
        case EventKind.EVIDENCE:
            return f"literature: {len(data.get('quotes') or data.get('evidence') or [])} quotes"
        case EventKind.STARTED:
            return f"started: {data.get('run', '')}"
        case EventKind.FINISHED:
            return str(data.get("sentence", ""))
        case EventKind.WARNING:
            return f"! {data.get('text', '')}"
        case EventKind.PLANNED:
            return "planned"
        case EventKind.WAITING:
            return f"waits for a person: {data.get('point', '')}"
