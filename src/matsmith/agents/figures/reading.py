"""Facts of a record, read strictly: a figure is drawn from numbers of the right shape or not at all."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

Number = Annotated[float, Field(ge=-1e9, le=1e9, allow_inf_nan=False)]
Numbers = Annotated[list[Number], Field(max_length=6000)]


class Facts(BaseModel):
    """The part of a record's facts that a figure shows; what else stands there is passed over."""

    model_config = ConfigDict(extra="ignore", frozen=True)
