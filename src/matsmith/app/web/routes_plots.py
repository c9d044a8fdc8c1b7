"""Calls of the page that turn records into figures. What stands in the record is all that is drawn; nothing is computed anew or kept."""

from __future__ import annotations

from typing import Annotated

import anyio.to_thread
from fastapi import APIRouter, Body
from pydantic import BaseModel

from matsmith.agents.figures.model import Drawing
from matsmith.core.record import Record

router = APIRouter(tags=["plots"])


class Plotted(BaseModel):
    """What is drawn: records of these tools, and of any tool those that keep one of these facts."""

    tools: list[str]
    facts: list[str]


@router.get("/plots")
async def plotted() -> Plotted:
    """Which records have figures."""
    from matsmith.agents.figures.build import plotted_facts, plotted_tools

    return Plotted(tools=plotted_tools(), facts=plotted_facts())


@router.post("/plots")
async def plots(record: Annotated[Record, Body()]) -> Drawing:
    """Figures of a record as plain data, or a sentence that says why there are none."""
    from matsmith.agents.figures.build import drawing_of

    return await anyio.to_thread.run_sync(lambda: drawing_of(record))
