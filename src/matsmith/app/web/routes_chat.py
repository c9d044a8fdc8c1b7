"""Calls of the page that concern conversations."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import AsyncIterator, Mapping
from typing import Annotated, Any

import anyio.to_thread
from fastapi import APIRouter, Body, File, Path, Request, UploadFile
from pydantic import BaseModel, ConfigDict, Field
from pydantic_core import to_json

from matsmith.app.web.event_stream import EventStream
from matsmith.app.web.homes import home_of
from matsmith.app.web.problems import TooLargeError, problems
from matsmith.app.web.threads import Threads
from matsmith.core.errors import MatsmithError

router = APIRouter(tags=["chat"])
ThreadName = Annotated[str, Path(pattern=r"^[a-z0-9][a-z0-9-]{0,60}$")]
LARGEST_FILE = 10_000_000


class Said(BaseModel):
    """Something that a person says, with the files of this thread that go with it."""

    model_config = ConfigDict(extra="forbid")

    text: str = Field(default="", max_length=20_000)
    files: list[str] = Field(default_factory=list, max_length=20)


class Decision(BaseModel):
    """Yes or no to what a turn asked."""

    model_config = ConfigDict(extra="forbid")

    yes: bool


class Kept(BaseModel):
    """The name by which a file is known."""

    name: str


class Done(BaseModel):
    """It was done."""

    done: bool = True


def _threads(request: Request) -> Threads:
    return home_of(request).threads


@router.get("/threads")
async def threads(request: Request) -> list[dict[str, Any]]:
    """All conversations, the last spoken in first."""
    return await anyio.to_thread.run_sync(_threads(request).list)


@router.get("/threads/{thread}")
async def history(request: Request, thread: ThreadName) -> list[dict[str, Any]]:
    """What was said in a conversation so far."""
    return await anyio.to_thread.run_sync(lambda: _threads(request).history(thread))


@router.post("/threads/{thread}/files", status_code=201, responses=problems(413))
async def send_file(request: Request, thread: ThreadName, file: Annotated[UploadFile, File()]) -> Kept:
    """Send a file into a conversation."""
    content = await file.read(LARGEST_FILE + 1)
    if len(content) > LARGEST_FILE:
        raise TooLargeError(
            f"The file has more than {LARGEST_FILE // 1_000_000} MB.", hint="Send a smaller one."
        )
    name = await anyio.to_thread.run_sync(
        lambda: _threads(request).take_file(thread, file.filename or "file", content)
    )
    return Kept(name=name)


@router.post("/threads/{thread}/turns", response_class=EventStream)
async def say(request: Request, thread: ThreadName, body: Annotated[Said, Body()]) -> EventStream:
    """Say something; what happens comes as server-sent events, the last one of the kind `end` or `failed`."""
    threads = _threads(request)
    loop = asyncio.get_running_loop()
    told: asyncio.Queue[dict[str, Any] | None] = asyncio.Queue()

    def tell(data: Mapping[str, Any] | None) -> None:
        # The turn goes on in its own thread when the browser, or the whole server, has gone.
        with contextlib.suppress(RuntimeError):
            loop.call_soon_threadsafe(told.put_nowait, None if data is None else dict(data))

    def work() -> None:
        try:
            threads.say(thread, body.text, files=body.files, tell=tell)
        except MatsmithError as error:
            tell({"kind": "failed", "text": error.message, "hint": error.hint})
        except Exception as error:
            tell(
                {
                    "kind": "failed",
                    "text": f"matsmith met an error of its own ({type(error).__name__}).",
                    "hint": "",
                }
            )
            raise
        finally:
            tell(None)

    threading.Thread(target=work, name="turn", daemon=True).start()
    return EventStream(_lines(told), headers={"cache-control": "no-store"})


async def _lines(told: asyncio.Queue[dict[str, Any] | None]) -> AsyncIterator[bytes]:
    while (data := await told.get()) is not None:
        yield b"data: " + to_json(data, inf_nan_mode="null", fallback=str) + b"\n\n"


@router.post("/threads/{thread}/confirm")
async def confirm(request: Request, thread: ThreadName, body: Annotated[Decision, Body()]) -> Done:
    """Answer what the turn asked before it goes on."""
    await anyio.to_thread.run_sync(lambda: _threads(request).confirm(thread, yes=body.yes))
    return Done()


@router.post("/threads/{thread}/stop")
async def stop(request: Request, thread: ThreadName) -> Done:
    """End the turn that runs."""
    await anyio.to_thread.run_sync(lambda: _threads(request).stop(thread))
    return Done()
