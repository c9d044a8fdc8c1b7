"""Calls that may take long: in threads of their own number, so that any crowd of them leaves the quick calls alone.

A call whose browser leaves is ended: the server itself would let it run on and answer nobody.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

import anyio
import anyio.to_thread

from matsmith.app.web.problems import TooManyCallsError

if TYPE_CHECKING:
    from fastapi import Request

MOST_AT_ONCE = 24
MOST_WAITING = 100
_LOOK_EVERY_S = 0.25
_T = TypeVar("_T")


def make_limiter() -> anyio.CapacityLimiter:
    """What holds slow calls together; one a server."""
    return anyio.CapacityLimiter(MOST_AT_ONCE)


async def slowly(
    request: Request, work: Callable[[], _T], *, on_leaving: Callable[[], None] | None = None
) -> _T:
    """Do work in a thread. `on_leaving` is told when the browser leaves, and makes the work end.

    Raises `TooManyCallsError` when too many wait, and what the work raises.
    """
    limiter: anyio.CapacityLimiter = request.app.state.slow
    if limiter.statistics().tasks_waiting >= MOST_WAITING:
        raise TooManyCallsError(
            f"{MOST_WAITING} calls wait already.", hint="Try again in a minute.", retryable=True
        )
    if on_leaving is None:
        return await anyio.to_thread.run_sync(work, limiter=limiter)
    watched = on_leaving
    found: list[_T] = []
    failure: list[Exception] = []

    async def do() -> None:
        try:
            found.append(await anyio.to_thread.run_sync(work, abandon_on_cancel=True, limiter=limiter))
        except Exception as error:  # noqa: BLE001 - raised again below, outside of the group
            failure.append(error)
        group.cancel_scope.cancel()

    async def watch() -> None:
        while not await request.is_disconnected():
            await anyio.sleep(_LOOK_EVERY_S)
        watched()

    try:
        async with anyio.create_task_group() as group:
            group.start_soon(do)
            group.start_soon(watch)
    finally:
        if not found:
            watched()
    if failure:
        raise failure[0]
    return found[0]
