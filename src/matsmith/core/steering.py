"""`Steering`: what the literature adds to one round's directive, and which evidence says so. It orders proposals and decides nothing."""

from __future__ import annotations

from enum import StrEnum

from pydantic import BaseModel, ConfigDict, Field

_STRICT = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Effect(StrEnum):
    """What a lead did to the search."""

    PROPOSED = "proposed"
    FAVOURED = "favoured"
    DISFAVOURED = "disfavoured"
    CITED = "cited"


class Steer(BaseModel):
    """One lead at work: `name` is a reduced formula, a structure type, or the id of the evidence that a reasoner cites.

    `candidates` are those of the round that have this formula.
    """

    model_config = _STRICT

    evidence: str = Field(description="id of the evidence that holds the lead")
    name: str
    effect: Effect
    property: str = ""
    candidates: list[str] = Field(default_factory=list[str])


class Steering(BaseModel):
    """Multipliers as in a `Directive`, none of them 0, and the leads that they come from."""

    model_config = _STRICT

    elements: dict[str, float] = Field(default_factory=dict[str, float])
    prototypes: dict[str, float] = Field(default_factory=dict[str, float])
    formulas: dict[str, float] = Field(default_factory=dict[str, float], description="by reduced formula")
    steers: list[Steer] = Field(default_factory=list[Steer])

    @property
    def says_nothing(self) -> bool:
        """Whether it changes nothing."""
        return not (self.elements or self.prototypes or self.formulas)
