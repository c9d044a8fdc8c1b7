"""What can be demanded of an answer. Each check is data here; `grading` decides whether it holds."""

from __future__ import annotations

import builtins
import re
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from matsmith.core.properties import PROPERTIES

_STRICT = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


def _compiled(patterns: list[str]) -> list[str]:
    for pattern in patterns:
        try:
            re.compile(pattern, flags=re.IGNORECASE)
        except re.error as error:
            raise ValueError(f"the pattern {pattern!r} is malformed: {error}") from error
    return patterns


class Recomputed(BaseModel):
    """A value that is computed by other means than the package's tools.

    density, volume_per_atom: from the cell in `file` and standard atomic weights. bragg: two theta in degrees of the line
    `hkl` of the cubic crystal in `file`. enthalpy: a measured molar enthalpy in eV/atom.
    """

    model_config = _STRICT

    way: Literal["density", "volume_per_atom", "bragg", "enthalpy"]
    file: str | None = None
    hkl: tuple[int, int, int] | None = None
    wavelength_angstrom: float = 1.5406
    kj_per_mol: float | None = None
    atoms: int | None = None

    @model_validator(mode="after")
    def _complete(self) -> Self:
        needed = {"bragg": ("file", "hkl"), "enthalpy": ("kj_per_mol", "atoms")}.get(self.way, ("file",))
        missing = [name for name in needed if getattr(self, name) is None]
        if missing:
            raise ValueError(f"the recomputation {self.way!r} needs {' and '.join(missing)}")
        return self


class Expected(BaseModel):
    """The value that is right: cited, or recomputed. A cited one names its source."""

    model_config = _STRICT

    value: float | None = None
    recompute: Recomputed | None = None
    unit: str = ""
    source: str = ""

    @model_validator(mode="after")
    def _one_of_both(self) -> Self:
        if (self.value is None) == (self.recompute is None):
            raise ValueError("give a cited value or a recomputation, and not both")
        if self.value is not None and not self.source:
            raise ValueError("a cited value needs its source")
        if self.recompute is not None and self.recompute.way == "enthalpy" and not self.source:
            raise ValueError("a measured enthalpy needs its source")
        return self


class _Check(BaseModel):
    model_config = _STRICT

    @property
    def file_wanted(self) -> str | None:
        """A file of the task that the check reads."""
        return None


class ValueCheck(_Check):
    """Every value that the answer names for a property (of a formula) is right, and one is named at least.

    Right is what lies within the tolerance of an expected value, or within bounds where no single value is known.
    """

    check: Literal["value"]
    property: list[str] = Field(min_length=1, description="names that tools use for it")
    formula: str | None = None
    expected: Expected | None = None
    relative: float | None = Field(default=None, gt=0)
    absolute: float | None = Field(default=None, gt=0)
    at_least: float | None = None
    at_most: float | None = None
    unit: str = Field(default="", description="of the bounds")
    source: str = Field(default="", description="where the bounds come from")

    @field_validator("property", mode="before")
    @classmethod
    def _listed(cls, names: object) -> object:
        return [names] if isinstance(names, str) else names

    @model_validator(mode="after")
    def _complete(self) -> Self:
        bounded = self.at_least is not None or self.at_most is not None
        if bounded == (self.expected is not None):
            raise ValueError("give an expected value or bounds, and not both")
        if bounded and not self.source:
            raise ValueError("bounds need their source")
        tolerances = (self.relative is not None) + (self.absolute is not None)
        if tolerances != (0 if bounded else 1):
            raise ValueError("an expected value takes a relative or an absolute tolerance, bounds take none")
        return self

    @builtins.property
    def file_wanted(self) -> str | None:
        """The file that is recomputed from."""
        return (
            None if self.expected is None or self.expected.recompute is None else self.expected.recompute.file
        )


class FactCheck(_Check):
    """A record of the answer states a fact, under one of these names, that equals a value or, written as JSON, holds each of the patterns.

    A list equals the value when it holds it.
    """

    check: Literal["fact"]
    fact: list[str] = Field(min_length=1)
    equals: str | float | bool | None = None
    holds: list[str] = Field(default_factory=list[str])
    formula: str | None = None
    source: str = ""

    _patterns = field_validator("holds")(_compiled)

    @model_validator(mode="after")
    def _something(self) -> Self:
        if (self.equals is None) == (not self.holds):
            raise ValueError("give a value that the fact equals, or patterns that it holds, and not both")
        return self


class RecordCheck(_Check):
    """The answer names at least one successful record of one of these tools."""

    check: Literal["record"]
    tools: list[str] = Field(default_factory=list[str], description="empty: any tool")


class RefusalCheck(_Check):
    """Nothing is claimed: the attempt ends as a refusal, an honest `not met` or a question, and names no value of the properties."""

    check: Literal["refuses"]
    properties: list[str] = Field(default_factory=list[str])
    formula: str | None = None
    because: list[str] = Field(
        default_factory=list[str], description="patterns of which one must stand in what is said"
    )
    unspent: bool = Field(default=False, description="whether no physics may have been computed")

    _patterns = field_validator("because")(_compiled)


class WordsCheck(_Check):
    """What is said holds one of the patterns of each group; the answer itself holds none that is forbidden."""

    check: Literal["words"]
    any_of: list[list[str]] = Field(default_factory=list[list[str]])
    none_of: list[str] = Field(default_factory=list[str])

    _forbidden = field_validator("none_of")(_compiled)

    @field_validator("any_of")
    @classmethod
    def _groups(cls, groups: list[list[str]]) -> list[list[str]]:
        for group in groups:
            _compiled(group)
        return groups


class QuotesCheck(_Check):
    """The answer stands on quotes that are in their sources, of which some hold the patterns."""

    check: Literal["quotes"]
    at_least: int = Field(default=1, ge=1)
    holding: list[str] = Field(
        default_factory=list[str], description="patterns of which each must stand in a quote"
    )
    documents: list[str] = Field(
        default_factory=list[str], description="of these one at least is quoted; names without ending"
    )

    _patterns = field_validator("holding")(_compiled)


class Wish(BaseModel):
    """One demand on a property of a candidate, in the registry's unit."""

    model_config = _STRICT

    property: str
    above: float | None = None
    below: float | None = None

    @model_validator(mode="after")
    def _known(self) -> Self:
        if self.property not in PROPERTIES:
            raise ValueError(f"unknown property {self.property!r}")
        if self.above is None and self.below is None:
            raise ValueError(f"{self.property}: say above, below or both")
        return self


class CandidatesCheck(_Check):
    """So many candidates are claimed, and each keeps every wish, by its records and by what is known independently."""

    check: Literal["candidates"]
    at_least: int = Field(default=1, ge=1)
    all_of: list[str] = Field(default_factory=list[str], description="elements that each holds")
    any_of: list[str] = Field(default_factory=list[str], description="elements of which each holds one")
    none_of: list[str] = Field(default_factory=list[str], description="elements that none holds")
    only: list[str] = Field(default_factory=list[str], description="elements of which each is made")
    elements: tuple[int, int] = (1, 10)
    space_groups: tuple[int, int] = (1, 230)
    wishes: list[Wish] = Field(default_factory=list[Wish])


class GapCheck(_Check):
    """What failed stays a gap: no value of the property is named for the formula, and what is said names it as failed."""

    check: Literal["gap"]
    property: str
    formula: str | None = Field(
        default=None, description="formula of what failed, where there is a structure at all"
    )
    mentioned: list[str] = Field(min_length=1, description="patterns of which one must stand in what is said")

    _patterns = field_validator("mentioned")(_compiled)


class CallsCheck(_Check):
    """Tools that must not have been called, and tools of which each must have been."""

    check: Literal["calls"]
    none_of: list[str] = Field(default_factory=list[str])
    all_of: list[str] = Field(default_factory=list[str])


Check = Annotated[
    ValueCheck
    | FactCheck
    | RecordCheck
    | RefusalCheck
    | WordsCheck
    | QuotesCheck
    | CandidatesCheck
    | GapCheck
    | CallsCheck,
    Field(discriminator="check"),
]
