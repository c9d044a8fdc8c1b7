"""A figure as plain data: axes with their units, series of points with their sigmas, and what is read out at each point."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

_STRICT = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)
Style = Literal["points", "line", "sticks", "area", "bars"]
Tone = Literal["first", "second", "third", "fourth", "fifth", "met", "missed", "quiet"]
MOST_POINTS = 6000


class Axis(BaseModel):
    """One axis. `ticks` are (place, name) where names stand in the place of numbers; `low` and `high` widen what the data cover."""

    model_config = _STRICT

    name: str
    unit: str = ""
    ticks: tuple[tuple[float, str], ...] = ()
    low: float | None = None
    high: float | None = None

    @property
    def title(self) -> str:
        """Name with its unit."""
        return f"{self.name} ({self.unit})" if self.unit else self.name


class Series(BaseModel):
    """Points that belong together, in the order in which a line joins them; None breaks the line.

    `labels` has one entry a point, or none at all: then a point is read out by its numbers. `names` stand beside the points. `y_sigma` is
    drawn as a band about a line and as whiskers of points. Bars lie: each goes from zero to `x` at the height `y`.
    """

    model_config = _STRICT

    name: str
    style: Style = "points"
    x: tuple[float | None, ...]
    y: tuple[float | None, ...]
    y_sigma: tuple[float, ...] = ()
    labels: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    tone: Tone = "first"
    hollow: bool = False
    large: bool = False
    dashed: bool = False
    quiet: bool = Field(
        default=False, description="only drawn: nothing is read out, as of a frame or a tie line"
    )

    @model_validator(mode="after")
    def _even(self) -> Self:
        for name in ("y", "y_sigma", "labels", "names"):
            found = len(getattr(self, name))
            if found != len(self.x) and (found or name == "y"):
                raise ValueError(f"{found} {name} for {len(self.x)} points of {self.name}")
        if len(self.x) > MOST_POINTS:
            raise ValueError(f"{self.name} has {len(self.x)} points; a figure holds {MOST_POINTS}")
        return self


class Guide(BaseModel):
    """A straight line across at a value of one axis."""

    model_config = _STRICT

    axis: Literal["x", "y"]
    at: float
    name: str = ""


class Words(BaseModel):
    """Words at a place, such as the corner of a triangle."""

    model_config = _STRICT

    x: float
    y: float
    text: str


class Surface(BaseModel):
    """A closed surface about a point: its distance along each direction, a row for each polar angle and a column for each azimuth (degrees)."""

    model_config = _STRICT

    polar_deg: tuple[float, ...] = Field(min_length=3, max_length=181)
    azimuth_deg: tuple[float, ...] = Field(min_length=4, max_length=361)
    distances: tuple[tuple[float, ...], ...]
    name: str
    unit: str = ""

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if len(self.distances) != len(self.polar_deg) or any(
            len(row) != len(self.azimuth_deg) for row in self.distances
        ):
            raise ValueError("the surface has not a distance for each direction")
        if any(value < 0 for row in self.distances for value in row):
            raise ValueError("a distance is negative")
        return self


class Figure(BaseModel):
    """A plot, a surface, or a table where nothing can be plotted. `framed` draws the axes; `equal` gives both the same scale."""

    model_config = _STRICT

    id: str
    title: str
    note: str = ""
    x: Axis = Axis(name="")
    y: Axis = Axis(name="")
    series: tuple[Series, ...] = ()
    guides: tuple[Guide, ...] = ()
    words: tuple[Words, ...] = ()
    framed: bool = True
    equal: bool = False
    surface: Surface | None = None
    columns: tuple[str, ...] = ()
    rows: tuple[tuple[str, ...], ...] = ()


class Drawing(BaseModel):
    """The figures of one record; `lacking` says in a sentence what could not be drawn and why."""

    model_config = _STRICT

    record: str
    figures: tuple[Figure, ...] = ()
    lacking: str = ""
