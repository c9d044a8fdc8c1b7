"""Powder patterns: the lines of a crystal with the profile that an instrument would spread them to, and a measured scan with its fit."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import numpy as np
from pydantic import Field

from matsmith.agents.figures.build import Lacking
from matsmith.agents.figures.model import Axis, Figure, Series, Tone
from matsmith.agents.figures.reading import Facts, Number, Numbers

if TYPE_CHECKING:
    from matsmith.core.record import Record

_MOST_LINES = 1000
_NAMED_PERCENT = 8.0
_WIDTH_DEG = 0.2
_LORENTZ_SHARE = 0.5
_ANGLES = Axis(name="2θ", unit="degrees")
_TONES: tuple[Tone, ...] = ("first", "third", "fourth", "fifth", "met", "missed")


class _Line(Facts):
    two_theta_deg: Number
    d_angstrom: Number
    percent: Annotated[float, Field(ge=0, le=101)]
    hkl: str = Field(max_length=40)


class _Range(Facts):
    two_theta_min: Number | None = None
    two_theta_max: Number | None = None


class _Pattern(Facts):
    lines: list[_Line] = Field(min_length=1, max_length=_MOST_LINES)
    wavelength_angstrom: Number


class _PhaseLines(Facts):
    phase: str = Field(max_length=200)
    two_theta_deg: Numbers
    percent: Numbers
    hkl: list[str]


class _Scan(Facts):
    two_theta_deg: Numbers = Field(min_length=2)
    counts: Numbers
    fitted: Numbers
    phases: list[_PhaseLines] = Field(default_factory=list[_PhaseLines], max_length=8)


class _Identified(Facts):
    fitted_scan: _Scan | None = None


def pattern(record: Record) -> list[Figure]:
    """Sticks of the lines, named by their indices, and the sum of their profiles."""
    facts = _Pattern.model_validate(record.outcome.facts)
    asked = _Range.model_validate(record.inputs)
    lines = sorted(facts.lines, key=lambda line: line.two_theta_deg)
    angles, heights = _profile(
        np.array([line.two_theta_deg for line in lines]), np.array([line.percent for line in lines])
    )
    return [
        Figure(
            id="xray-pattern",
            title="X-ray powder pattern",
            note=f"Wavelength {facts.wavelength_angstrom:g} Å. The curve spreads each line to a width of {_WIDTH_DEG:g}° (pseudo-Voigt), as a laboratory "
            "instrument might; it is not part of the record. Angles are exact for the cell as computed.",
            x=_ANGLES.model_copy(update={"low": asked.two_theta_min, "high": asked.two_theta_max}),
            y=Axis(name="intensity", unit="% of the strongest line", low=0.0),
            series=(
                Series(
                    name=f"profile, {_WIDTH_DEG:g}° wide",
                    style="line",
                    x=angles,
                    y=heights,
                    tone="second",
                    quiet=True,
                ),
                Series(
                    name="lines",
                    style="sticks",
                    x=tuple(line.two_theta_deg for line in lines),
                    y=tuple(line.percent for line in lines),
                    labels=tuple(
                        f"({line.hkl}) at 2θ {line.two_theta_deg:.2f}°, d {line.d_angstrom:.4f} Å, {line.percent:.1f} %"
                        for line in lines
                    ),
                    names=tuple(
                        line.hkl.replace(" ", "") if line.percent >= _NAMED_PERCENT else "" for line in lines
                    ),
                ),
            ),
        )
    ]


def _profile(centres: np.ndarray, heights: np.ndarray) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Sum of pseudo-Voigt profiles on a grid that is fine where the lines are, as high as the strongest: angles and percent."""
    strong: list[int] = np.argsort(-heights)[:150].tolist()
    offsets = _WIDTH_DEG * np.array([-8, -4, -2, -1.2, -0.8, -0.5, -0.3, -0.15, 0, 0.15, 0.3, 0.5, 0.8, 1.2, 2, 4, 8])  # fmt: skip
    grid = np.unique(np.round(np.append((centres[strong][:, None] + offsets).ravel(), [centres.min() - 2, centres.max() + 2]), 3))  # fmt: skip
    away = (grid[:, None] - centres) / _WIDTH_DEG
    shape = _LORENTZ_SHARE / (1 + 4 * away**2) + (1 - _LORENTZ_SHARE) * np.exp(-4 * np.log(2) * away**2)
    total = np.asarray(shape @ heights, dtype=np.float64)
    total *= float(heights.max()) / max(float(total.max()), 1e-12)
    return tuple(grid.tolist()), tuple(round(float(value), 3) for value in total)


def fitted_scan(record: Record) -> list[Figure]:
    """The measured scan, the sum of the phases found, their difference below, and the lines of each phase."""
    scan = _Identified.model_validate(record.outcome.facts).fitted_scan
    if scan is None:
        raise Lacking("This record keeps no scan.", hint="Run identify_phases again to see the fit.")
    angles, counts, fitted = tuple(scan.two_theta_deg), np.array(scan.counts), np.array(scan.fitted)
    if not len(angles) == len(counts) == len(fitted):
        raise ValueError("angles and counts differ in number")
    top, low = float(counts.max()), float(min(counts.min(), 0.0))
    room = 0.09 * (top - low or 1.0)
    difference = counts - fitted
    base = low - room - float(difference.max() if difference.max() > 0 else 0.0)
    found = [
        Series(name="fit of all phases", style="line", x=angles, y=tuple(fitted.tolist()), tone="second", quiet=True),
        Series(name="measured", style="line", x=angles, y=tuple(counts.tolist()), tone="first",
               labels=tuple(f"2θ {a:.2f}°: measured {c:.0f}, fit {f:.0f}" for a, c, f in zip(angles, counts, fitted, strict=True))),
        Series(name="measured less fit, moved down", style="line", x=angles, y=tuple((difference + base).tolist()), tone="quiet", quiet=True),
    ]  # fmt: skip
    row = base + float(difference.min() if difference.min() < 0 else 0.0)
    for place, phase in enumerate(scan.phases):
        row -= room
        labels = tuple(
            f"{phase.phase} ({hkl}) at 2θ {a:.2f}°, {p:.0f} % of its strongest"
            for a, p, hkl in zip(phase.two_theta_deg, phase.percent, phase.hkl, strict=True)
        )
        found.append(
            Series(
                name=phase.phase,
                x=tuple(phase.two_theta_deg),
                y=(row,) * len(phase.two_theta_deg),
                labels=labels,
                tone=_TONES[(place + 1) % len(_TONES)],
            )
        )
    return [
        Figure(
            id="fitted-scan",
            title="Measured scan and the phases found",
            note="Background taken off; of long scans each point drawn is the highest of its neighbours. The marks below stand at the lines of each phase as fitted.",
            x=_ANGLES.model_copy(update={"low": angles[0], "high": angles[-1]}),
            y=Axis(name="net intensity", unit="counts"),
            series=tuple(found),
        )
    ]
