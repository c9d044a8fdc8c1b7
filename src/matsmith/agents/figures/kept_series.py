"""Figures of what any tool may keep to be drawn: curves with their error, and what each part adds to a prediction."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from matsmith.agents.figures.model import Axis, Figure, Guide, Series, Tone
from matsmith.agents.figures.reading import Facts, Number, Numbers

if TYPE_CHECKING:
    from matsmith.core.record import Record

_TONES: tuple[Tone, ...] = ("first", "second", "third", "fourth", "fifth", "met", "missed", "quiet")
_Name = Annotated[str, Field(max_length=80)]
_Id = Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{0,40}$")]
_Note = Annotated[str, Field(max_length=600)]


class _AxisName(Facts):
    name: _Name
    unit: _Name = ""


class _Line(Facts):
    name: _Name
    style: Literal["line", "points"] = "line"
    x: Numbers = Field(min_length=1)
    y: list[Number | None] = Field(min_length=1, max_length=6000)
    sigma: Numbers = Field(default_factory=list[Number])
    dashed: bool = False


class _Straight(Facts):
    axis: Literal["x", "y"]
    at: Number
    name: _Name = ""


class _Plot(Facts):
    id: _Id
    title: _Name
    note: _Note = ""
    x: _AxisName
    y: _AxisName
    series: list[_Line] = Field(min_length=1, max_length=8)
    guides: list[_Straight] = Field(default_factory=list[_Straight], max_length=12)


class _Traces(Facts):
    traces: list[_Plot] = Field(min_length=1, max_length=8)


class _Part(Facts):
    name: _Name
    value: Number
    given: _Name = ""


class _Prediction(Facts):
    id: _Id
    of: _Name
    unit: _Name = ""
    base: Number
    base_name: _Name
    value: Number
    parts: list[_Part] = Field(min_length=1, max_length=60)
    others: int = Field(default=0, ge=0)
    rest: Number = 0.0
    note: _Note = ""


class _Contributions(Facts):
    contributions: list[_Prediction] = Field(min_length=1, max_length=8)


def traces(record: Record) -> list[Figure]:
    """One figure for each plot of the fact `traces`."""
    return [_traced(plot) for plot in _Traces.model_validate(record.outcome.facts).traces]


def contributions(record: Record) -> list[Figure]:
    """One figure of bars for each prediction of the fact `contributions`; they must add up."""
    return [_bars(each) for each in _Contributions.model_validate(record.outcome.facts).contributions]


def _traced(plot: _Plot) -> Figure:
    return Figure(
        id=plot.id,
        title=plot.title,
        note=plot.note,
        x=Axis(name=plot.x.name, unit=plot.x.unit),
        y=Axis(name=plot.y.name, unit=plot.y.unit),
        series=tuple(_line(plot, each, tone=_TONES[place]) for place, each in enumerate(plot.series)),
        guides=tuple(Guide(axis=each.axis, at=each.at, name=each.name) for each in plot.guides),
    )


def _line(plot: _Plot, line: _Line, *, tone: Tone) -> Series:
    sigmas = line.sigma or [0.0] * len(line.x)

    def told(x: float, y: float | None, sigma: float) -> str:
        if y is None:
            return ""
        error = f" ± {sigma:.2g}" if sigma else ""
        return f"{line.name}, {x:.5g} {plot.x.unit}".rstrip() + f": {y:.5g}{error} {plot.y.unit}".rstrip()

    return Series(
        name=line.name,
        style=line.style,
        x=tuple(line.x),
        y=tuple(line.y),
        y_sigma=tuple(line.sigma),
        labels=tuple(told(*point) for point in zip(line.x, line.y, sigmas, strict=True)),
        tone=tone,
        dashed=line.dashed,
    )


def _bars(found: _Prediction) -> Figure:
    total = found.base + math.fsum(part.value for part in found.parts) + found.rest
    if not math.isclose(total, found.value, rel_tol=2e-3, abs_tol=2e-3 * max(1.0, abs(found.base))):
        raise ValueError("the contributions do not add up to the prediction")
    rows = [(f"{part.name} = {part.given}" if part.given else part.name, part.value) for part in found.parts]
    if found.others:
        rows.append((f"{found.others} others together", found.rest))
    # The first stands at the top.
    placed = [(float(len(rows) - place), name, value) for place, (name, value) in enumerate(rows)]

    def side(name: str, tone: Tone, *, raises: bool) -> Series:
        own = [row for row in placed if (row[2] >= 0) is raises]
        return Series(
            name=name,
            style="bars",
            x=tuple(value for _, _, value in own),
            y=tuple(place for place, _, _ in own),
            labels=tuple(f"{text}: {value:+.3g} {found.unit}".rstrip() for _, text, value in own),
            tone=tone,
        )

    unit = f" {found.unit}" if found.unit else ""
    by = found.id.partition("-by-")[2].replace("-", " ")
    sides = (side("raises it", "first", raises=True), side("lowers it", "second", raises=False))
    return Figure(
        id=found.id,
        title=f"What the {found.of} is made of" + (f", by {by}" if by else ""),
        note=f"From {found.base:.4g}{unit} ({found.base_name}) to the prediction of {found.value:.4g}{unit}, part by part. {found.note}".strip(),
        x=Axis(name=f"adds to the {found.of}", unit=found.unit),
        y=Axis(
            name="", ticks=tuple((place, name) for place, name, _ in placed), low=0.4, high=len(rows) + 0.6
        ),
        series=tuple(each for each in sides if each.x),
        guides=(Guide(axis="x", at=0.0),),
    )
