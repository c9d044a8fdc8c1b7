"""Phonon bands along the path between points of symmetry, and the density of states; imaginary modes stand below zero."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field

from matsmith.agents.figures.model import Axis, Figure, Guide, Series
from matsmith.agents.figures.reading import Facts, Number, Numbers

if TYPE_CHECKING:
    from matsmith.core.record import Record

_MOST_BRANCHES = 400


class _States(Facts):
    frequency_thz: Numbers = Field(min_length=2)
    states_per_thz_and_cell: Numbers = Field(min_length=2)


class _Tick(Facts):
    place: Number
    label: str = Field(max_length=20)


class _Bands(Facts):
    distance: Numbers = Field(min_length=2)
    breaks: list[int] = Field(default_factory=list[int], description="places at which a new piece begins")
    ticks: list[_Tick]
    frequency_thz: list[Numbers] = Field(min_length=1, max_length=_MOST_BRANCHES)


class _Phonons(Facts):
    density_of_states: _States
    bands: _Bands | None = None
    imaginary_share: Number = 0.0
    lowest_frequency_thz: Number = 0.0
    frequency_correction: Number = 1.0


def figures(record: Record) -> list[Figure]:
    """Bands where the record keeps them, and the density of states."""
    facts = _Phonons.model_validate(record.outcome.facts)
    drawn = [] if facts.bands is None else [_bands(facts, facts.bands)]
    return [*drawn, _states(facts)]


def _bands(facts: _Phonons, bands: _Bands) -> Figure:
    breaks = set(bands.breaks)
    series: list[Series] = []
    names = _place_names(bands)
    for number, branch in enumerate(bands.frequency_thz, start=1):
        if len(branch) != len(bands.distance):
            raise ValueError("a branch has not a frequency for each wave vector")
        x: list[float | None] = []
        y: list[float | None] = []
        labels: list[str] = []
        imaginary: list[float | None] = []
        for place, (distance, frequency) in enumerate(zip(bands.distance, branch, strict=True)):
            if place in breaks:
                x.append(None)
                y.append(None)
                imaginary.append(None)
                labels.append("")
            x.append(distance)
            y.append(frequency)
            imaginary.append(frequency if frequency < 0 else None)
            kind = "imaginary " if frequency < 0 else ""
            labels.append(f"branch {number}{names[place]}: {kind}{abs(frequency):.2f} THz")
        series.append(Series(name="bands", style="line", x=tuple(x), y=tuple(y), labels=tuple(labels)))
        if any(value is not None and value < -1e-3 for value in imaginary):
            series.append(
                Series(
                    name="imaginary",
                    style="line",
                    x=tuple(x),
                    y=tuple(imaginary),
                    tone="missed",
                    large=True,
                    quiet=True,
                )
            )
    return Figure(
        id="phonon-bands",
        title="Phonon bands",
        note=f"Frequencies as corrected (times {facts.frequency_correction:g}); no splitting of longitudinal from transverse optical modes. "
        + _stability(facts),
        x=Axis(name="wave vector", ticks=tuple((tick.place, tick.label) for tick in bands.ticks)),
        y=Axis(name="frequency", unit="THz"),
        series=tuple(series),
        guides=(Guide(axis="y", at=0.0),),
    )


def _place_names(bands: _Bands) -> list[str]:
    """Where each wave vector stands: at a point of symmetry, or on the way between two."""
    found: list[str] = []
    for distance in bands.distance:
        at = next((tick.label for tick in bands.ticks if abs(tick.place - distance) < 1e-6), None)
        if at is not None:
            found.append(f" at {at}")
            continue
        before = [tick for tick in bands.ticks if tick.place < distance]
        after = [tick for tick in bands.ticks if tick.place > distance]
        found.append(
            f" from {before[-1].label.split('|')[-1]} to {after[0].label.split('|')[0]}"
            if before and after
            else ""
        )
    return found


def _stability(facts: _Phonons) -> str:
    if facts.imaginary_share:
        return f"{100 * facts.imaginary_share:.1f} % of the modes are imaginary (down to {facts.lowest_frequency_thz:.2f} THz), drawn below zero."
    return "No mode is imaginary."


def _states(facts: _Phonons) -> Figure:
    states = facts.density_of_states
    x, y = tuple(states.frequency_thz), tuple(states.states_per_thz_and_cell)
    labels = tuple(
        f"{'imaginary, ' if f < 0 else ''}{abs(f):.2f} THz: {n:.3g} states per THz and cell"
        for f, n in zip(x, y, strict=True)
    )
    series = [Series(name="states", style="area", x=x, y=y, labels=labels)]
    below = [(f, n) for f, n in zip(x, y, strict=True) if f <= 0]
    if facts.imaginary_share and any(n > 0 for _, n in below):
        series.append(
            Series(
                name="imaginary",
                style="area",
                x=tuple(f for f, _ in below),
                y=tuple(n for _, n in below),
                tone="missed",
                quiet=True,
            )
        )
    return Figure(
        id="phonon-states",
        title="Phonon density of states",
        note=f"Frequencies as corrected (times {facts.frequency_correction:g}). " + _stability(facts),
        x=Axis(name="frequency", unit="THz"),
        y=Axis(name="states per THz and cell", low=0.0),
        series=tuple(series),
        guides=(Guide(axis="x", at=0.0),) if x[0] < 0 else (),
    )
