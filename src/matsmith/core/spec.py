"""`DesignSpec`: what is wanted, in terms that code can check. A person can read it, edit it and approve it."""

from __future__ import annotations

import builtins
import json
import math
from html import escape
from typing import Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from matsmith.core.elements import check_elements, parse_formula
from matsmith.core.errors import SpecError
from matsmith.core.properties import PROPERTIES
from matsmith.core.quantity import Interval, Quantity, Relation

ALLOY = "alloy"
"""The motif of a solid solution: elements at random on the sites of a simple lattice."""
FLAT_MOTIFS = ("kagome", "lieb", "honeycomb", "square", "triangular")
"""Motifs that are flat nets of one element."""
# Tools that know no temperature measure at 0 K or room temperature.
_ROOM_K, _ROOM_TOLERANCE_K, _COLD_K = 300.0, 30.0, 1.0
_STRICT = ConfigDict(extra="forbid", validate_assignment=True, allow_inf_nan=False)


class Target(BaseModel):
    """One property to reach. Values are in `unit`, the registry's unit of the property.

    With a `reference` the value is a multiple of what the same method gives for that material in the same run, 1 for "more than it has".
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    property: str
    relation: Relation
    value: float | None = None
    upper: float | None = Field(default=None, description="upper end, for 'between' only")
    unit: str = ""
    hard: bool = Field(
        default=True, description="a hard target must be met; a soft one only orders candidates"
    )
    weight: float = Field(default=1.0, gt=0, le=100)
    tolerance: float = Field(default=0.1, gt=0, lt=1, description="relative half-width of 'around'")
    words: str = Field(default="", description="the words of the objective that it came from")
    reference: str | None = Field(
        default=None,
        max_length=40,
        description="element or formula of a known material to compare with: value is then a multiple of that material's own",
    )

    @field_validator("reference")
    @classmethod
    def _some_material(cls, formula: str | None) -> str | None:
        if formula is not None:
            try:
                parse_formula(formula)
            except SpecError as error:
                raise ValueError(str(error)) from error
        return formula

    @model_validator(mode="before")
    @classmethod
    def _unit_of_registry(cls, data: object) -> object:
        if isinstance(data, dict) and not data.get("unit"):  # pyright: ignore[reportUnknownMemberType]
            entry = PROPERTIES.get(str(data.get("property")))  # pyright: ignore[reportUnknownMemberType,reportUnknownArgumentType]
            if entry:
                return {**data, "unit": entry.unit}  # pyright: ignore[reportUnknownVariableType]
        return data  # pyright: ignore[reportUnknownVariableType]

    @model_validator(mode="after")
    def _complete(self) -> Self:
        entry = PROPERTIES.get(self.property)
        if entry is None:
            raise ValueError(f"unknown property {self.property!r}; known are {', '.join(sorted(PROPERTIES))}")
        if self.unit != entry.unit:
            raise ValueError(
                f"{self.property} is stated in {entry.unit or 'plain numbers'}, not in {self.unit!r}"
            )
        optimise = self.relation in (Relation.MAXIMISE, Relation.MINIMISE)
        if optimise and self.value is not None:
            raise ValueError(f"{self.property}: '{self.relation}' takes no value")
        if not optimise and self.value is None:
            raise ValueError(f"{self.property}: '{self.relation}' needs a value")
        if self.reference is not None and optimise:
            raise ValueError(f"{self.property}: '{self.relation}' compares with no reference")
        if (self.relation is Relation.BETWEEN) != (self.upper is not None):
            raise ValueError(f"{self.property}: 'between', and only that, needs an upper end")
        if self.upper is not None and self.value is not None and self.upper <= self.value:
            raise ValueError(f"{self.property}: the range {self.value} to {self.upper} is empty")
        return self

    @builtins.property
    def interval(self) -> Interval:
        """The values that meet the target; everything for one that is only optimised, or held against a reference not yet measured."""
        value = self.value
        if value is None or self.reference is not None:
            return Interval()
        match self.relation:
            case Relation.ABOVE:
                return Interval(low=value)
            case Relation.BELOW:
                return Interval(high=value)
            case Relation.BETWEEN:
                return Interval(low=value, high=self.upper if self.upper is not None else math.inf)
            case Relation.AROUND:
                half = abs(value) * self.tolerance or self.tolerance
                return Interval(low=value - half, high=value + half)
            case _:
                return Interval()

    @builtins.property
    def is_constraint(self) -> bool:
        """Whether the target can be met or not; one that is only optimised orders candidates instead."""
        return self.value is not None

    def margin(self, quantity: Quantity) -> float:
        """Distance to the nearest side of the interval, in the property's unit; positive inside, negative outside."""
        sides = [quantity.value - self.interval.low, self.interval.high - quantity.value]
        finite = [side for side in sides if math.isfinite(side)]
        return min(finite) if finite else 0.0

    def against(self, reference: Quantity) -> Target:
        """The target in the property's own unit, with what was measured of the reference material in the place of its name."""
        value, upper = (None if end is None else end * reference.value for end in (self.value, self.upper))
        return self.model_copy(update={"value": value, "upper": upper, "reference": None})

    def describe(self) -> str:
        """Write the target in a few words: `bulk_modulus above 150 GPa`."""
        unit = f" {self.unit}" if self.unit else ""
        if self.reference is not None:
            ends = [end for end in (self.value, self.upper) if end is not None]
            factor = "" if ends == [1.0] else " to ".join(f"{end:g}" for end in ends) + " times "
            return f"{self.property} {self.relation} {factor}that of {self.reference}"
        match self.relation:
            case Relation.BETWEEN:
                return f"{self.property} between {self.value:g} and {self.upper:g}{unit}"
            case Relation.MAXIMISE | Relation.MINIMISE:
                return f"{self.relation} {self.property}"
            case Relation.AROUND:
                return f"{self.property} around {self.value:g}{unit} (± {self.tolerance:.0%})"
            case _:
                return f"{self.property} {self.relation} {self.value:g}{unit}"


class Chemistry(BaseModel):
    """Which elements may, must and must not occur. Symbols, sorted; an empty `allowed` means every element."""

    model_config = _STRICT

    required: list[str] = Field(default_factory=list[str])
    any_of: list[list[str]] = Field(
        default_factory=list[list[str]], description="of each group at least one element occurs"
    )
    excluded: list[str] = Field(default_factory=list[str])
    allowed: list[str] = Field(default_factory=list[str])
    formula: str | None = Field(
        default=None, description="reduced formula, when exactly one composition is wanted"
    )
    elements_min: int = Field(default=1, ge=1, le=10)
    elements_max: int = Field(default=5, ge=1, le=10)
    charge_neutral: bool = Field(default=False, description="only charge-balanced compositions")
    earth_abundant: bool = False
    non_toxic: bool = False

    @field_validator("required", "excluded", "allowed")
    @classmethod
    def _known_symbols(cls, symbols: list[str]) -> list[str]:
        return check_elements(symbols)

    @field_validator("any_of")
    @classmethod
    def _known_groups(cls, groups: list[list[str]]) -> list[list[str]]:
        return [check_elements(group) for group in groups]


class StructureWish(BaseModel):
    """What the crystal should look like."""

    model_config = _STRICT

    prototype: str | None = Field(default=None, description="a name such as perovskite, rocksalt, spinel")
    space_groups: list[int] = Field(default_factory=list[int])
    atoms_min: int = Field(default=1, ge=1)
    atoms_max: int = Field(default=20, ge=1, le=500)
    known_atoms_max: int = Field(
        default=60,
        ge=1,
        le=500,
        description="largest cell of a crystal that is known already; without it atoms_max where that is given",
    )
    motif: str | None = Field(
        default=None,
        description=f"alloy for a random solid solution, {', '.join(FLAT_MOTIFS)} for a flat net of atoms of one element, else empty",
    )

    @model_validator(mode="before")
    @classmethod
    def _one_size(cls, data: object) -> object:
        if isinstance(data, dict) and "atoms_max" in data and "known_atoms_max" not in data:
            return {**data, "known_atoms_max": data["atoms_max"]}  # pyright: ignore[reportUnknownVariableType]
        return data  # pyright: ignore[reportUnknownVariableType]

    @field_validator("motif")
    @classmethod
    def _some_motif(cls, name: str | None) -> str | None:
        if name is None or not name.strip():
            return None
        if name.strip().lower() not in (ALLOY, *FLAT_MOTIFS):
            raise ValueError(f"there is no motif {name!r}; known are {', '.join((ALLOY, *FLAT_MOTIFS))}")
        return name.strip().lower()

    @field_validator("space_groups")
    @classmethod
    def _numbers(cls, numbers: list[int]) -> list[int]:
        wrong = [number for number in numbers if not 1 <= number <= 230]
        if wrong:
            raise ValueError(f"space group {wrong[0]} does not exist; numbers run from 1 to 230")
        return sorted(set(numbers))

    @model_validator(mode="after")
    def _size(self) -> Self:
        if self.atoms_min > self.atoms_max:
            raise ValueError(f"at least {self.atoms_min} and at most {self.atoms_max} atoms leaves no size")
        return self


class Conditions(BaseModel):
    """Temperature, pressure and gases of use; None means 0 K, no pressure, no gas."""

    model_config = _STRICT

    temperature_k: float | None = Field(default=None, ge=0, le=20_000)
    pressure_gpa: float | None = Field(default=None, ge=-50, le=5_000)
    atmosphere: str | None = Field(
        default=None,
        description="air, dry air, oxygen, nitrogen, argon, vacuum, hydrogen, forming gas, steam or carbon dioxide",
    )
    oxygen_low_bar: float | None = Field(
        default=None, ge=1e-100, le=1e3, description="lowest partial pressure of oxygen; air has 0.21 bar"
    )
    oxygen_high_bar: float | None = Field(
        default=None,
        ge=1e-100,
        le=1e3,
        description="highest partial pressure of oxygen, the same as the lowest for one",
    )

    @model_validator(mode="after")
    def _ordered_oxygen(self) -> Self:
        low, high = self.oxygen_low_bar, self.oxygen_high_bar
        if low is not None and high is not None and low > high:
            raise ValueError(f"the range of oxygen {low:g} to {high:g} bar is empty")
        return self

    @property
    def away_from_room(self) -> bool:
        """Whether a temperature is named that is neither 0 K nor room temperature."""
        kelvin = self.temperature_k
        return kelvin is not None and kelvin > _COLD_K and abs(kelvin - _ROOM_K) > _ROOM_TOLERANCE_K

    @property
    def has_atmosphere(self) -> bool:
        """Whether gases are named."""
        return any(part is not None for part in (self.atmosphere, self.oxygen_low_bar, self.oxygen_high_bar))

    def describe_atmosphere(self) -> str:
        """Write the gases in a few words; empty where none are named."""
        ends = [end for end in (self.oxygen_low_bar, self.oxygen_high_bar) if end is not None]
        oxygen = " to ".join(f"{end:g}" for end in dict.fromkeys(ends))
        parts = [
            f"in {self.atmosphere}" if self.atmosphere else "",
            f"at {oxygen} bar of oxygen" if oxygen else "",
        ]
        return ", ".join(part for part in parts if part)


class Budget(BaseModel):
    """What a run may spend; each limit is enforced where it is spent."""

    model_config = _STRICT

    wall_time_s: float = Field(default=600.0, gt=0)
    evaluations: int = Field(default=20_000, ge=1, description="structures given to a potential or a lookup")
    model_calls: int = Field(default=200, ge=0)
    model_tokens: int = Field(default=1_000_000, ge=0)
    model_cost_usd: float | None = Field(
        default=None, ge=0, description="most that language models may cost, US dollars; needs their prices"
    )
    rounds: int = Field(default=50, ge=1, le=1000)


class DesignSpec(BaseModel):
    """The whole objective, checkable by code."""

    model_config = _STRICT

    objective: str = ""
    targets: list[Target] = Field(default_factory=list[Target])
    chemistry: Chemistry = Field(default_factory=Chemistry)
    structure: StructureWish = Field(default_factory=StructureWish)
    conditions: Conditions = Field(default_factory=Conditions)
    candidates: int = Field(
        default=3, ge=1, le=1000, description="how many candidates must meet every hard target"
    )
    new_only: bool = Field(default=False, description="only candidates whose formula stands in no named list")
    accept_known: bool = Field(
        default=False, description="stop as soon as enough answers are found, known ones included"
    )
    probability_met: float = Field(default=0.84, gt=0.5, lt=1)
    budget: Budget = Field(default_factory=Budget)

    @property
    def probability_not_met(self) -> float:
        """At most this probability of meeting a target means that it is not met."""
        return 1.0 - self.probability_met

    @property
    def constraints(self) -> list[Target]:
        """Targets that can be met or not."""
        return [target for target in self.targets if target.is_constraint]

    def _repr_html_(self) -> str:
        """What is wanted, as a notebook shows it: each target, then every other choice that was made."""
        chosen = self.model_dump(mode="json", exclude_defaults=True, exclude={"objective", "targets"})
        lines = [target.describe() for target in self.targets]
        lines += [f"{name}: {json.dumps(value, ensure_ascii=False)}" for name, value in chosen.items()]
        return "<br>".join([f"<b>{escape(self.objective)}</b>", *(escape(line) for line in lines)])

    @property
    def hard_targets(self) -> list[Target]:
        """Targets that every answer must meet."""
        return [target for target in self.constraints if target.hard]
