"""How far each method is from measurement: a factor and a relative one-sigma error, fitted on measured crystals.

Produced by `benchmarks/reference_errors.py`, which prints the table behind it; a factor is used only where it was fitted.
"""

from __future__ import annotations

import json
from functools import lru_cache
from importlib.resources import files
from typing import Any

from pydantic import BaseModel, ConfigDict

from matsmith.core.errors import DataError


class Calibration(BaseModel):
    """Measured = factor times computed, with a relative one-sigma error after that."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    factor: float
    relative_sigma: float
    crystals: int
    source: str
    version: str


@lru_cache(maxsize=1)
def _all() -> dict[str, Any]:
    try:
        return json.loads(
            files("matsmith.knowledge").joinpath("calibration.json").read_text(encoding="utf-8")
        )
    except (OSError, ValueError) as error:
        raise DataError(
            "The calibration of the methods is missing or damaged.", hint="Reinstall matsmith."
        ) from error


@lru_cache(maxsize=16)
def calibration(name: str) -> Calibration:
    """The calibration of a method's quantity. Raises `DataError` when there is none."""
    entry = _all().get(name)
    if entry is None:
        raise DataError(
            f"There is no calibration of {name}.", hint="Run `python benchmarks/reference_errors.py`."
        )
    return Calibration.model_validate(entry)
