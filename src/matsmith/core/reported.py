"""What a search of the literature found on the property of a target, as a part of the plan: reported values, never measurements."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

_STRICT = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class ReportedValue(BaseModel):
    """One value as a quote has it; `low` or `high` is None where the quote leaves that side open."""

    model_config = _STRICT

    material: str
    formula: str = Field(description="reduced formula, elements in alphabetical order")
    low: float | None
    high: float | None
    evidence: str = Field(description="id of the passage")
    source: str
    words: str = Field(description="the sentence or row, verbatim")


class ReportedRange(BaseModel):
    """The values reported for one target's property by materials that the chemistry wanted allows.

    `meeting` are the formulas reported to meet the target; the values are in `unit`, at about the conditions wanted.
    """

    model_config = _STRICT

    property: str
    unit: str
    values: int = Field(ge=1)
    sources: int = Field(ge=1)
    lowest: ReportedValue
    highest: ReportedValue
    meeting: list[str] = Field(default_factory=list[str])
    reached: bool | None = Field(
        description="whether any material is reported to meet the target; None for one that is only optimised"
    )
    sentence: str
