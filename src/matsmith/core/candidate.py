"""`Candidate`: a structure that may answer the objective, with its lineage and how new it is."""

from __future__ import annotations

from enum import StrEnum
from typing import Self

from pydantic import BaseModel, ConfigDict, Field

from matsmith.core.crystal import Crystal


class Novelty(StrEnum):
    """How a candidate relates to named, dated lists of known materials."""

    KNOWN = "known"
    NEW_ORDERING = "new ordering"
    NEW = "new"
    UNCHECKED = "unchecked"


class Lineage(BaseModel):
    """Where a candidate came from."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    strategy: str
    prototype: str = ""
    parents: tuple[str, ...] = ()
    seed: int = 0
    round: int = 0
    note: str = ""


class NoveltyLabel(BaseModel):
    """The label and the lists it was checked against, each with its date."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    label: Novelty = Novelty.UNCHECKED
    lists: tuple[str, ...] = ()
    match: str = Field(default="", description="what it equals in the list, when it is known")
    structure_matched: bool = Field(
        default=False,
        description="whether the structure itself, not only the formula, is that of a known crystal",
    )


class Candidate(BaseModel):
    """A structure and its lineage. The id is a hash of the canonical structure alone, so two ways to one crystal meet."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str
    crystal: Crystal
    lineage: Lineage
    novelty: NoveltyLabel = NoveltyLabel()
    score: float = Field(
        default=0.0, description="the strategy's own preference, higher first; no physical meaning"
    )

    @classmethod
    def of(
        cls, crystal: Crystal, *, lineage: Lineage, novelty: NoveltyLabel | None = None, score: float = 0.0
    ) -> Self:
        """Make the candidate of a crystal."""
        return cls(
            id=crystal.canonical_hash,
            crystal=crystal,
            lineage=lineage,
            novelty=novelty or NoveltyLabel(),
            score=score,
        )

    @property
    def formula(self) -> str:
        """Reduced formula."""
        return self.crystal.formula
