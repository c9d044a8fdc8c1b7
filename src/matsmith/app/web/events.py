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
_CHANGED = json.dumps({"kind": "changed", "data": {}})
Stamp = tuple[tuple[int, int], ...]


@dataclass(frozen=True)
class Told:
    """One event: its number from 1, and itself as it goes to every browser."""

    number: int
    block: bytes

    @classmethod
    def of(cls, number: int, line: str) -> Told:
        """An event from one line of JSON."""
        return cls(number, f"id: {number}\ndata: {line}\n\n".encode())


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

    @property
    def begun(self) -> bool:
        """Whether anybody has looked on yet."""
        return self._reader is not None

    @property
    def watched(self) -> bool:
        """Whether somebody looks on while it can still tell something; another feed is as good as one that is not."""
        return self._reader is not None and not self._reader.done()

    async def follow(self, after: int = 0) -> AsyncIterator[Told | None]:
        """Events after a number, as they come; None now and then to keep the connection alive. Ends with the run."""
        self._viewers += 1
        if not self.watched:
            self.ended = False
            self.told.clear()
            self._reader = asyncio.create_task(self._read())
        # Changes of a ledger are counted from when somebody first looked: an older number says nothing.
        place = max(0, after) if self.path is not None else min(max(0, after), len(self.told))
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
            if self._viewers == 0 and self._reader is not None:
                self._reader.cancel()

    async def _more_than(self, place: int) -> bool:
        """Wait until there is more, or the run has ended; False when neither came for a while."""
        try:
            async with asyncio.timeout(KEEP_ALIVE_S), self._fresh:
                await self._fresh.wait_for(lambda: place < len(self.told) or self.ended)
        except TimeoutError:
            return False
        return True

    async def _read(self) -> None:
        try:
            await (self._watch_ledger() if self.path is None else self._tail_file(self.path))
        finally:
            # Whatever ended the reading: nobody may wait for ever.
            self.ended = True
            async with self._fresh:
                self._fresh.notify_all()

    async def _tail_file(self, path: Path) -> None:
        place, rest = 0, b""
        while True:
            alive, fresh = await asyncio.to_thread(self._look, path, place)
            place += len(fresh)
            *lines, rest = (rest + fresh).split(b"\n")
            if lines:
                await self._tell([line.decode("utf-8", errors="replace") for line in lines])
            if fresh:
                continue
            if not alive:
                return
            await asyncio.sleep(PAUSE_S)

    def _look(self, path: Path, place: int) -> tuple[bool, bytes]:
        """Whether the run is at work, asked first, and what it has told since: what it told last is not missed then."""
        alive = self.alive()
        return alive, _tail(path, place)

    async def _watch_ledger(self) -> None:
        seen: Stamp = ()
        while True:
            alive = await asyncio.to_thread(self.alive)
            changed = await asyncio.to_thread(stamp_of, self.ledger)
            if changed != seen:
                seen = changed
                await self._tell([_CHANGED])
            if not alive:
                return
            await asyncio.sleep(_QUIET_PAUSE_S)

    async def _tell(self, lines: list[str]) -> None:
        async with self._fresh:
            self.told += [Told.of(len(self.told) + 1 + place, line) for place, line in enumerate(lines)]
            self._fresh.notify_all()


def _tail(path: Path, place: int) -> bytes:
    try:
        with path.open("rb") as file:
            file.seek(place)
            return file.read(1_000_000)
    except OSError:
        return b""


def stamp_of(ledger: Path) -> Stamp:
    """When and how far a ledger was last written, for telling that it has changed."""
    stamps: list[tuple[int, int]] = []
    for path in (ledger, ledger.with_name(f"{ledger.name}-wal")):
        try:
            found = path.stat()
        except OSError:
            continue
        stamps.append((found.st_mtime_ns, found.st_size))
    return tuple(stamps)


async def as_server_sent(events: AsyncIterator[Told | None]) -> AsyncIterator[bytes]:
    """The events in the form that a browser's EventSource reads; `end` closes the stream for good."""
    yield b"retry: 1000\n\n"
    async for told in events:
        if told is None:
            yield b": still here\n\n"
        else:
            yield told.block
    yield b"event: end\ndata: {}\n\n"
