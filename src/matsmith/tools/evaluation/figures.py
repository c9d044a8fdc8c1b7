"""A figure of an evaluation: its value, its 95 % interval, what it counts and how it was found."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from matsmith.tools.evaluation.measures import FloatArray

_Z95 = 1.959963984540054
_DRAWS = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One row of the table. `unit` is `%` for a share of `count`; value and ends of a share are in [0, 1]. None where nothing could be counted."""

    name: str
    title: str
    value: float | None
    low: float | None = None
    high: float | None = None
    unit: str = ""
    count: int = 0
    method: str = ""

    def plain(self) -> dict[str, Any]:
        """As JSON."""
        return asdict(self)

    @property
    def text(self) -> str:
        """Value with its interval, as people read it."""
        if self.value is None:
            return "-"
        factor, digits = (100.0, ".1f") if self.unit == "%" else (1.0, ".3g")
        ends = ""
        if self.low is not None and self.high is not None:
            ends = f" ({factor * self.low:{digits}} to {factor * self.high:{digits}})"
        return f"{factor * self.value:{digits}}{ends}"


def share(name: str, title: str, hits: int, count: int, *, method: str = "") -> Figure:
    """A share with Wilson's 95 % score interval (1927, J. Am. Stat. Assoc. 22, 209)."""
    if count == 0:
        return Figure(name=name, title=title, value=None, unit="%", count=0, method=method)
    from scipy import stats

    library: Any = stats
    ends: Any = library.binomtest(hits, count).proportion_ci(method="wilson")
    return Figure(
        name=name,
        title=title,
        value=hits / count,
        low=float(ends.low),
        high=float(ends.high),
        unit="%",
        count=count,
        method=method,
    )


def mean(name: str, title: str, values: Sequence[float], *, unit: str, method: str = "") -> Figure:
    """A mean with 1.96 standard errors on either side."""
    found = np.asarray(values, dtype=np.float64)
    if not len(found):
        return Figure(name=name, title=title, value=None, unit=unit, method=method)
    centre = float(found.mean())
    half = _Z95 * float(found.std(ddof=1)) / math.sqrt(len(found)) if len(found) > 1 else None
    return Figure(
        name=name,
        title=title,
        value=centre,
        low=None if half is None else centre - half,
        high=None if half is None else centre + half,
        unit=unit,
        count=len(found),
        method=method,
    )


def drawn(
    name: str,
    title: str,
    values: FloatArray,
    *,
    of: Callable[[FloatArray], float],
    unit: str,
    method: str = "",
) -> Figure:
    """A statistic of the rows of an array with its 95 % interval from 200 sets of rows drawn with replacement."""
    if not len(values):
        return Figure(name=name, title=title, value=None, unit=unit, method=method)
    random = np.random.default_rng(0)
    rows = [of(values[random.integers(0, len(values), len(values))]) for _ in range(_DRAWS)]
    low, high = (float(end) for end in np.percentile(rows, (2.5, 97.5)))
    value = of(values)
    return Figure(
        name=name,
        title=title,
        value=value,
        low=low,
        high=high,
        unit=unit,
        count=len(values),
        method=method,
    )
