"""Calls of the page that turn records into figures. What stands in the record is all that is drawn; nothing is computed anew or kept."""

from __future__ import annotations

from typing import Annotated

import anyio.to_thread
from fastapi import APIRouter, Body

from matsmith.agents.figures.model import Drawing
from matsmith.core.record import Record

router = APIRouter(tags=["plots"])


@router.get("/plots")
async def plotted() -> list[str]:
    """Names of the tools whose records have figures."""
    from matsmith.agents.figures.build import plotted_tools

    return plotted_tools()


@router.post("/plots")
async def plots(record: Annotated[Record, Body()]) -> Drawing:
    """Figures of a record as plain data, or a sentence that says why there are none."""
    from matsmith.agents.figures.build import drawing_of

    return await anyio.to_thread.run_sync(lambda: drawing_of(record))
