"""Series that any tool may keep to be drawn: `traces`, curves with their error, and `contributions`, what each part adds to a prediction.

Both are plain facts of a record, under these names, whatever the tool; `agents/figures` draws them. Long series are thinned and numbers
are rounded to what a picture shows; nothing is judged by them.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from pydantic import JsonValue

FloatArray = NDArray[np.float64]
MOST_POINTS, MOST_SERIES, MOST_PLOTS, MOST_ROWS = 600, 8, 8, 40
_DIGITS = 6


@dataclass(frozen=True, kw_only=True)
class Trace:
    """One curve: `y` over `x`, both (n,), in the units of its plot's axes. `sigma` is one sigma of `y`, (n,).

    A line's sigma is drawn as a band, that of points as whiskers. A `y` that is not finite breaks the line.
    """

    name: str
    x: ArrayLike
    y: ArrayLike
    sigma: ArrayLike | None = None
    style: Literal["line", "points"] = "line"
    dashed: bool = False


@dataclass(frozen=True, kw_only=True)
class TracePlot:
    """Curves over the same axes. `guides` are straight lines at a value of an axis: (axis, place, name)."""

    id: str
    title: str
    x: tuple[str, str]
    y: tuple[str, str]
    traces: Sequence[Trace]
    note: str = ""
    guides: Sequence[tuple[Literal["x", "y"], float, str]] = field(default=())


@dataclass(frozen=True, kw_only=True)
class Part:
    """What one part adds to a prediction, in the prediction's unit; `given` is the part's own value in words."""

    name: str
    value: float
    given: str = ""


@dataclass(frozen=True, kw_only=True)
class Contributions:
    """A prediction taken apart: `base` plus the values of all parts is `value`. `of` names what is predicted, `base_name` what the base is."""

    id: str
    of: str
    unit: str
    base: float
    value: float
    parts: Sequence[Part]
    base_name: str = "mean of the training set"
    note: str = ""


def traces_fact(*plots: TracePlot) -> dict[str, JsonValue]:
    """The fact `traces`. Raises `ValueError` for series of unequal lengths or without a finite point, and for more than are drawn."""
    if not 1 <= len(plots) <= MOST_PLOTS:
        raise ValueError(f"{len(plots)} plots; a record keeps 1 to {MOST_PLOTS}")
    return {"traces": [_plot(plot) for plot in plots]}


def contributions_fact(*groups: Contributions) -> dict[str, JsonValue]:
    """The fact `contributions`; the largest parts are kept one by one, the others as their sum. Raises `ValueError` where they do not add up."""
    if not 1 <= len(groups) <= MOST_PLOTS:
        raise ValueError(f"{len(groups)} groups; a record keeps 1 to {MOST_PLOTS}")
    return {"contributions": [_group(group) for group in groups]}


def _plot(plot: TracePlot) -> JsonValue:
    if not 1 <= len(plot.traces) <= MOST_SERIES:
        raise ValueError(f"{len(plot.traces)} series in {plot.id}; a plot holds 1 to {MOST_SERIES}")
    return {
        "id": plot.id,
        "title": plot.title,
        "note": plot.note,
        "x": {"name": plot.x[0], "unit": plot.x[1]},
        "y": {"name": plot.y[0], "unit": plot.y[1]},
        "series": [_series(trace) for trace in plot.traces],
        "guides": [{"axis": axis, "at": _short(at), "name": name} for axis, at, name in plot.guides],
    }


def _series(trace: Trace) -> JsonValue:
    x, y = np.asarray(trace.x, dtype=np.float64), np.asarray(trace.y, dtype=np.float64)
    sigma = None if trace.sigma is None else np.asarray(trace.sigma, dtype=np.float64)
    if x.ndim != 1 or y.shape != x.shape or (sigma is not None and sigma.shape != x.shape):
        raise ValueError(f"the numbers of {trace.name!r} are not as many for each axis")
    kept = np.isfinite(x)
    if not np.any(kept & np.isfinite(y)):
        raise ValueError(f"{trace.name!r} has no finite point")
    places = thinned(x[kept], y[kept])
    found: dict[str, JsonValue] = {
        "name": trace.name,
        "style": trace.style,
        "x": _listed(x[kept][places]),
        "y": _listed(y[kept][places]),
    }
    if sigma is not None:
        found["sigma"] = _listed(np.nan_to_num(np.abs(sigma[kept][places])))
    if trace.dashed:
        found["dashed"] = True
    return found


def thinned(x: FloatArray, y: FloatArray, *, most: int = MOST_POINTS) -> NDArray[np.int64]:
    """Places, in order, of at most so many points of a curve: the lowest and the highest of each stretch, so that no peak is lost.

    >>> spike = np.where(np.arange(1000) == 500, 1.0, 0.0)
    >>> places = thinned(np.arange(1000.0), spike, most=20)
    >>> places.size <= 20, 500 in places
    (True, True)
    """
    if x.size <= most:
        return np.arange(x.size, dtype=np.int64)
    kept = {0, x.size - 1}
    for stretch in np.array_split(np.arange(1, x.size - 1), max(1, (most - 2) // 2)):
        values = np.where(np.isfinite(y[stretch]), y[stretch], np.nan)
        if np.all(np.isnan(values)):
            kept.add(int(stretch[0]))
            continue
        kept.update((int(stretch[np.nanargmin(values)]), int(stretch[np.nanargmax(values)])))
    return np.array(sorted(kept), dtype=np.int64)


def _group(group: Contributions) -> JsonValue:
    parts = sorted(group.parts, key=lambda part: -abs(part.value))
    total = group.base + math.fsum(part.value for part in parts)
    if not math.isclose(total, group.value, rel_tol=1e-3, abs_tol=1e-3 * max(1.0, abs(group.base))):
        raise ValueError(f"the parts of {group.of} add up to {total:.6g}, not to {group.value:.6g}")
    kept, others = parts[:MOST_ROWS], parts[MOST_ROWS:]
    return {
        "id": group.id,
        "of": group.of,
        "unit": group.unit,
        "base": _short(group.base),
        "base_name": group.base_name,
        "value": _short(group.value),
        "parts": [
            {"name": part.name, "value": _short(part.value), **({"given": part.given} if part.given else {})}
            for part in kept
        ],
        "others": len(others),
        "rest": _short(math.fsum(part.value for part in others)),
        "note": group.note,
    }


def _listed(values: FloatArray) -> list[JsonValue]:
    return [_short(float(value)) if math.isfinite(value) else None for value in values]


def _short(value: float) -> float:
    return float(f"{value:.{_DIGITS}g}")
