"""Whether a reported value can be that of the material it is said to be of, by the measured crystals that ship with matsmith."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import lru_cache

from matsmith.core.run import Lead
from matsmith.knowledge.crystals import MeasuredCrystal, measured_crystals
from matsmith.knowledge.formulas import reduced_key
from matsmith.knowledge.literature.extraction.materials import formula_key

# A report this far from every measured form is another phase, another unit or wrong; a hint must not rest on it.
_DISAGREES = 0.3
_MEASURED: dict[str, Callable[[MeasuredCrystal], float | None]] = {
    "bulk_modulus": lambda crystal: crystal.bulk_modulus_gpa,
    "density": lambda crystal: crystal.density_g_per_cm3,
}


def contradicted(lead: Lead) -> bool:
    """Whether the measured crystals have another value, in every form of the formula; False where none is measured."""
    read = _MEASURED.get(lead.property)
    key = formula_key(lead.name) if read is not None else ""
    if read is None or not key:
        return False
    measured = [value for crystal in _by_key().get(key, ()) if (value := read(crystal)) is not None]
    low = -math.inf if lead.low is None else lead.low
    high = math.inf if lead.high is None else lead.high
    return bool(measured) and all(
        low > (1.0 + _DISAGREES) * value or high < (1.0 - _DISAGREES) * value for value in measured
    )


@lru_cache(maxsize=1)
def _by_key() -> dict[str, tuple[MeasuredCrystal, ...]]:
    found: dict[str, tuple[MeasuredCrystal, ...]] = {}
    for crystal in measured_crystals():
        key = reduced_key(crystal.formula)
        found[key] = (*found.get(key, ()), crystal)
    return found
