"""Events of a design run for everybody who watches it: one reader a run, however many browsers look on.

A run tells its events into a file. The reader keeps them in order, each with its number, so that a browser that comes back asks for those
after the last one it has seen. A run that was started elsewhere has no such file: its ledger is watched, and `changed` is told
when something was written.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from pathlib import Path

PAUSE_S = 0.05
KEEP_ALIVE_S = 15.0
_QUIET_PAUSE_S = 1.0


@dataclass(frozen=True)
class Told:
    """One event: its number from 1, and itself as one line of JSON."""

    number: int
    line: str


@dataclass
class RunFeed:
    """What a run has told so far, and how to wait for more. `alive` says whether its process still runs."""

    path: Path | None
    ledger: Path
    alive: Callable[[], bool]
    told: list[Told] = field(default_factory=list[Told])
    ended: bool = False
    _fresh: asyncio.Condition = field(default_factory=asyncio.Condition)
    _viewers: int = 0
    _reader: asyncio.Task[None] | None = None

    async def follow(self, after: int = 0) -> AsyncIterator[Told | None]:
        """Events after a number, as they come; None now and then to keep the connection alive. Ends with the run."""
        self._viewers += 1
        reader = self._reader
        if reader is None or reader.done():
            self.ended = False
            reader = self._reader = asyncio.create_task(self._read())
        place = max(0, after)
        try:
            while True:
                while place < len(self.told):
                    place += 1
                    yield self.told[place - 1]
                if self.ended:
                    return
                if not await self._more_than(place):
                    yield None
        finally:
            self._viewers -= 1
            if self._viewers == 0:
                reader.cancel()
                self._reader = None

    async def _more_than(self, place: int) -> bool:
        """Wait until there is more, or the run has ended; False when neither came for a while."""
        try:
            async with asyncio.timeout(KEEP_ALIVE_S), self._fresh:
                await self._fresh.wait_for(lambda: place < len(self.told) or self.ended)
        except TimeoutError:
            return False
        return True

    async def _read(self) -> None:
        if self.path is None:
            await self._watch_ledger()
            return
        place, rest = sum(len(told.line.encode()) + 1 for told in self.told), b""
        while True:
            alive = await asyncio.to_thread(self.alive)
            fresh = await asyncio.to_thread(_tail, self.path, place)
            place += len(fresh)
            *lines, rest = (rest + fresh).split(b"\n")
            if lines:
                async with self._fresh:
                    for line in lines:
                        self.told.append(Told(len(self.told) + 1, line.decode("utf-8", errors="replace")))
                    self._fresh.notify_all()
            if not alive and not fresh:
                await self._end()
                return
            await asyncio.sleep(PAUSE_S)

    async def _watch_ledger(self) -> None:
        seen = 0
        while True:
            alive = await asyncio.to_thread(self.alive)
            changed = await asyncio.to_thread(_changed, self.ledger)
            if changed != seen:
                seen = changed
                async with self._fresh:
                    self.told.append(Told(len(self.told) + 1, json.dumps({"kind": "changed", "data": {}})))
                    self._fresh.notify_all()
            if not alive:
                await self._end()
                return
            await asyncio.sleep(_QUIET_PAUSE_S)

    async def _end(self) -> None:
        async with self._fresh:
            self.ended = True
            self._fresh.notify_all()


def _tail(path: Path, place: int) -> bytes:
    try:
        with path.open("rb") as file:
            file.seek(place)
            return file.read(1_000_000)
    except OSError:
        return b""


def _changed(ledger: Path) -> int:
    stamps: list[int] = []
    for path in (ledger, ledger.with_name(f"{ledger.name}-wal")):
        try:
            stamps.append(path.stat().st_mtime_ns)
        except OSError:
            continue
    return max(stamps, default=0)


async def as_server_sent(events: AsyncIterator[Told | None]) -> AsyncIterator[bytes]:
    """The events in the form that a browser's EventSource reads; `end` closes the stream for good."""
    yield b"retry: 1000\n\n"
    async for told in events:
        if told is None:
            yield b": still here\n\n"
        else:
            yield f"id: {told.number}\ndata: {told.line}\n\n".encode()
    yield b"event: end\ndata: {}\n\n"
