"""Calls of the page that concern conversations."""

from __future__ import annotations

import json
import queue
import threading
from collections.abc import AsyncIterator
from typing import Annotated, Any

import anyio.to_thread
from fastapi import APIRouter, Body, File, Path, Request, UploadFile
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, ConfigDict, Field

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
    return request.app.state.threads


@router.get("/threads")
async def threads(request: Request) -> list[dict[str, Any]]:
    """All conversations, the last spoken in first."""
    return await anyio.to_thread.run_sync(_threads(request).list)


@router.get("/threads/{thread}")
async def history(request: Request, thread: ThreadName) -> list[dict[str, Any]]:
    """What was said in a conversation so far."""
    return await anyio.to_thread.run_sync(lambda: _threads(request).history(thread))


@router.post("/threads/{thread}/files", status_code=201)
async def send_file(request: Request, thread: ThreadName, file: Annotated[UploadFile, File()]) -> Kept:
    """Send a file into a conversation."""
    content = await file.read(LARGEST_FILE + 1)
    if len(content) > LARGEST_FILE:
        raise MatsmithError(
            f"The file has more than {LARGEST_FILE // 1_000_000} MB.", hint="Send a smaller one."
        )
    name = await anyio.to_thread.run_sync(
        lambda: _threads(request).take_file(thread, file.filename or "file", content)
    )
    return Kept(name=name)


@router.post("/threads/{thread}/turns", response_class=StreamingResponse)
async def say(request: Request, thread: ThreadName, body: Annotated[Said, Body()]) -> StreamingResponse:
    """Say something; what happens comes as server-sent events, the last one of the kind `end` or `failed`."""
    told: queue.SimpleQueue[dict[str, Any] | None] = queue.SimpleQueue()

    def work() -> None:
        try:
            _threads(request).say(thread, body.text, files=body.files, tell=lambda data: told.put(dict(data)))
        except MatsmithError as error:
            told.put({"kind": "failed", "text": error.message, "hint": error.hint})
        except Exception as error:
            told.put(
                {
                    "kind": "failed",
                    "text": f"matsmith met an error of its own ({type(error).__name__}).",
                    "hint": "",
                }
            )
            raise
        finally:
            told.put(None)

    threading.Thread(target=work, name="turn", daemon=True).start()
    return StreamingResponse(
        _lines(told), media_type="text/event-stream", headers={"cache-control": "no-store"}
    )


async def _lines(told: queue.SimpleQueue[dict[str, Any] | None]) -> AsyncIterator[bytes]:
    while True:
        data = await anyio.to_thread.run_sync(told.get, abandon_on_cancel=True)
        if data is None:
            return
        yield f"data: {json.dumps(data, ensure_ascii=False, default=str)}\n\n".encode()


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
