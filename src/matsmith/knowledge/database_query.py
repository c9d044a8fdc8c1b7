"""A typed question to a crystal database: what is asked, in words and in each service's own language."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from matsmith.core.elements import check_elements, parse_formula
from matsmith.core.properties import PROPERTIES
from matsmith.core.quantity import Interval

LARGEST_LIMIT = 500


class DatabaseQuery(BaseModel):
    """What is wanted of a database. Bounds are in the registry's units; `only` says that no other elements may occur."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    formula: str = Field(default="", description="a formula; its multiples count too")
    elements: tuple[str, ...] = Field(default=(), description="elements that must occur")
    only: bool = Field(default=False, description="whether no other elements may occur")
    excluded: tuple[str, ...] = Field(default=(), description="elements that must not occur")
    any_of: tuple[tuple[str, ...], ...] = Field(
        default=(), description="of each group at least one must occur"
    )
    elements_min: int = Field(default=1, ge=1, le=20)
    elements_max: int = Field(default=20, ge=1, le=20)
    stable: bool = Field(default=False, description="on the database's own convex hull")
    bounds: dict[str, Interval] = Field(default_factory=dict[str, Interval])
    space_groups: tuple[int, ...] = Field(default=(), description="numbers of space groups that are allowed")
    properties: tuple[str, ...] = Field(default=(), description="properties to return")
    limit: int = Field(default=20, ge=1, le=LARGEST_LIMIT)

    @field_validator("elements", "excluded")
    @classmethod
    def _known(cls, symbols: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(check_elements(symbols))

    @field_validator("formula")
    @classmethod
    def _parses(cls, formula: str) -> str:
        if formula:
            parse_formula(formula)
        return formula

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        unknown = [name for name in [*self.bounds, *self.properties] if name not in PROPERTIES]
        if unknown:
            raise ValueError(f"there is no property {unknown[0]}")
        if set(self.elements) & set(self.excluded):
            raise ValueError(f"{min(set(self.elements) & set(self.excluded))} is both wanted and excluded")
        if self.elements_min > self.elements_max:
            raise ValueError("the least number of elements lies above the largest")
        return self

    def sentence(self) -> str:
        """What is asked, in one line that a person can check.

        >>> DatabaseQuery(elements=("Si", "O"), only=True, stable=True, properties=("bulk_modulus",)).sentence()
        'compounds of O, Si and no other element; on the convex hull; at most 20, with bulk modulus'
        """
        parts: list[str] = []
        if self.formula:
            parts.append(f"formula {self.formula}")
        if self.elements:
            tail = " and no other element" if self.only else ", perhaps with others"
            parts.append(f"compounds of {', '.join(self.elements)}{tail}")
        parts.extend(f"one of {', '.join(group)} at least" for group in self.any_of)
        if self.excluded:
            parts.append(f"without {', '.join(self.excluded)}")
        if (self.elements_min, self.elements_max) != (1, 20):
            parts.append(_count(self.elements_min, self.elements_max))
        if self.stable:
            parts.append("on the convex hull")
        parts.extend(bound_in_words(name, bound) for name, bound in self.bounds.items())
        if self.space_groups:
            parts.append(f"space group {_ranges(self.space_groups)}")
        wanted = ", ".join(PROPERTIES[name].title for name in self.properties)
        parts.append(f"at most {self.limit}" + (f", with {wanted}" if wanted else ""))
        return "; ".join(parts)

    def admits(self, row: DatabaseRow) -> bool:
        """Whether a row fulfils what the database could not filter itself. A value that is missing fulfils nothing."""
        found = set(row.elements)
        if not set(self.elements) <= found or found & set(self.excluded):
            return False
        if self.only and found != set(self.elements):
            return False
        if any(not found & set(group) for group in self.any_of):
            return False
        if not self.elements_min <= len(found) <= self.elements_max:
            return False
        if self.space_groups and row.space_group not in self.space_groups:
            return False
        if self.stable and not _on_hull(row):
            return False
        return all(
            name in row.values and bound.low <= row.values[name] <= bound.high
            for name, bound in self.bounds.items()
        )


@dataclass(frozen=True, kw_only=True)
class DatabaseRow:
    """An entry of a database; values in the registry's units, with what each rests on in `labels`."""

    database: str
    id: str
    formula: str
    elements: tuple[str, ...]
    values: Mapping[str, float]
    labels: Mapping[str, str] = field(default_factory=dict[str, str])
    space_group: int | None = None
    space_group_symbol: str = ""


@dataclass(frozen=True, kw_only=True)
class DatabaseAnswer:
    """What a database answered: rows that fulfil the query, and what to know about them."""

    database: str
    rows: tuple[DatabaseRow, ...]
    available: int | None
    date: str
    licence: str
    citation: str
    request: str
    notes: tuple[str, ...] = ()
    stale: bool = False


def _on_hull(row: DatabaseRow) -> bool:
    distance = row.values.get("energy_above_hull")
    return distance is not None and distance <= 1e-6


def bound_in_words(name: str, bound: Interval) -> str:
    """A bound as a person reads it: bulk modulus at least 150 GPa."""
    entry = PROPERTIES[name]
    unit = f" {entry.unit}" if entry.unit else ""
    if math.isinf(bound.high):
        return f"{entry.title} at least {bound.low:g}{unit}"
    if math.isinf(bound.low):
        return f"{entry.title} at most {bound.high:g}{unit}"
    return f"{entry.title} from {bound.low:g} to {bound.high:g}{unit}"


def _count(low: int, high: int) -> str:
    if low == high:
        return f"{low} element{'s' if low > 1 else ''}"
    if high >= 20:
        return f"at least {low} elements"
    return f"{low} to {high} elements"


def _ranges(numbers: tuple[int, ...]) -> str:
    """Whole numbers in short: 225, 227-230."""
    runs: list[list[int]] = []
    for number in sorted(set(numbers)):
        if runs and number == runs[-1][-1] + 1:
            runs[-1].append(number)
        else:
            runs.append([number])
    return ", ".join(str(run[0]) if len(run) == 1 else f"{run[0]}-{run[-1]}" for run in runs)
