"""`Directive`: how the next round should differ from the last one. Written by the critic, obeyed by the generator."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field
from pydantic.json_schema import SkipJsonSchema


class Directive(BaseModel):
    """Multipliers above 1 favour, below 1 disfavour, 0 forbids; what is not named keeps 1."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    strategies: dict[str, float] = Field(default_factory=dict)
    elements: dict[str, float] = Field(default_factory=dict)
    prototypes: dict[str, float] = Field(default_factory=dict)
    elements_per_formula: dict[str, float] = Field(
        default_factory=dict, description="weights by number of elements, keys '1' to '5'"
    )
    # Written by code only, from what the literature reports; it never forbids, and no model sees it.
    formulas: SkipJsonSchema[dict[str, Annotated[float, Field(gt=0, le=10)]]] = Field(
        default_factory=dict, description="by reduced formula, elements in alphabetical order"
    )
    parents: list[str] = Field(
        default_factory=list[str], description="ids of candidates to draw near, best first"
    )
    reason: str = ""
