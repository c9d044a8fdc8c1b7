"""Proposals: exact compositions and exchanges of elements that somebody wants to see tried."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

_FROZEN = ConfigDict(frozen=True, extra="forbid")


class ProposedFormula(BaseModel):
    """A composition to try, in a structure type when one is named."""

    model_config = _FROZEN

    formula: str = Field(max_length=60, description="such as Li7La3Zr2O12")
    prototype: str = Field(
        default="",
        max_length=60,
        description="structure type by a common name, a Strukturbericht symbol or an AFLOW tag; empty lets code choose",
    )


class Substitution(BaseModel):
    """A candidate of this run with other elements on its sites."""

    model_config = _FROZEN

    parent: str = Field(max_length=64, description="id of a candidate that was shown")
    replace: dict[str, str] = Field(
        min_length=1, max_length=6, description="element of the parent -> element that takes its sites"
    )
