"""How far the tools for defects, surfaces and ions are from their references: a correction and an error, both measured.

Produced by `benchmarks/defects_and_ions.py`, which prints the table behind it. A correction is one of two:

    value = computed · exp(intercept + slope · ln(computed)),      for energies that are softened in proportion
    value = factor · computed + shift,                             for differences such as voltages

ln(computed) is held within the range of the fit, so that nothing is extrapolated. The error is that on references that were
left out of the fit, chosen by quantile, since its tails are heavier than a normal law's.
"""

from __future__ import annotations

import json
import math
from functools import lru_cache
from importlib.resources import files
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from matsmith.core.errors import DataError

Measured = Literal[
    "vacancy_formation_energy", "surface_energy", "voltage", "migration_barrier", "window_limit"
]
_FILE = "method_errors.json"


class MethodError(BaseModel):
    """What to do to a computed value, and the one-sigma error that is left, relative and absolute parts added in squares.

    `references` is how many references it rests on; 0 means that the error is assumed.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    intercept: float = 0.0
    slope: float = 0.0
    ln_range: tuple[float, float] = (0.0, 0.0)
    factor: float = 1.0
    shift: float = 0.0
    relative_sigma: float = 0.0
    absolute_sigma: float = 0.0
    references: int = 0
    source: str
    version: str

    def corrected(self, computed: float) -> float:
        """The computed value with its correction; a value that is not positive gets none of the law.

        >>> error = MethodError(shift=0.1, absolute_sigma=0.2, source="made", version="1")
        >>> round(error.corrected(3.0), 6), error.sigma(3.1)
        (3.1, 0.2)
        """
        if (self.intercept == 0.0 and self.slope == 0.0) or not computed > 0:
            return self.factor * computed + self.shift
        low, high = self.ln_range
        return computed * math.exp(self.intercept + self.slope * min(max(math.log(computed), low), high))

    def sigma(self, value: float) -> float:
        """One-sigma error of a corrected value, in its unit."""
        return math.hypot(self.relative_sigma * value, self.absolute_sigma)


# Of a potential that was not held against these references here: assumed, and wide.
_UNTESTED: dict[str, tuple[float, float]] = {
    "vacancy_formation_energy": (0.4, 0.3),
    "surface_energy": (0.4, 0.05),
    "voltage": (0.0, 0.5),
    "migration_barrier": (0.5, 0.15),
    "window_limit": (0.0, 0.5),
}


@lru_cache(maxsize=1)
def _all() -> dict[str, Any]:
    try:
        return json.loads(files("matsmith.knowledge").joinpath(_FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise DataError(f"The file {_FILE} is missing or damaged.", hint="Reinstall matsmith.") from error


@lru_cache(maxsize=64)
def method_error(name: Measured, *, kind: str = "", foreign: str | None = None) -> MethodError:
    """The error of a quantity, for a kind of material where kinds differ; `foreign` names a potential that was not tested.

    Raises `DataError` when the file lacks it.
    """
    if foreign is not None:
        relative, absolute = _UNTESTED[name]
        return MethodError(
            relative_sigma=relative,
            absolute_sigma=absolute,
            source=f"{foreign} was not held against references here: no correction, and an error that is assumed",
            version="none",
        )
    entry = _all().get(f"{name}:{kind}" if kind else name)
    if entry is None:
        raise DataError(
            f"There is no measured error of {name} {kind}".strip() + ".",
            hint="Run `python benchmarks/defects_and_ions.py --write`.",
        )
    return MethodError.model_validate(entry)
