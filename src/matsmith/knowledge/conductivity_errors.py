"""How far Slack's estimate from the potential's moduli is from measured lattice conductivities: a law and what it leaves.

Produced by `benchmarks/conductivity_errors.py`, which prints the table behind it. The law is

    ln(measured / computed) = intercept + sum of coefficient · feature,

with the logarithms of Debye temperature, mass and volume of an atom, and the spread of the electronegativities: the estimate is
far too low for covalent and too high for ionic crystals. Features are held within the range of the fit. The error is relative, on
formulas left out of the fit, and large.
"""

from __future__ import annotations

import json
import math
from functools import lru_cache
from importlib.resources import files

from pydantic import BaseModel, ConfigDict

from matsmith.core.errors import DataError
from matsmith.knowledge.calibration import Law

FEATURES = ("ln_debye", "ln_mass", "ln_volume", "electronegativity_spread")


class ConductivityErrors(BaseModel):
    """The law and the relative one-sigma error after it; cells of how many atoms were tested."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    law: Law
    relative_sigma: float
    uncorrected_factor: float
    crystals: int
    largest_cell: int
    source: str
    version: str


def features(
    *, debye_k: float, mass_g_per_mol: float, volume_angstrom3: float, electronegativity_spread: float
) -> dict[str, float]:
    """The features of the law, from Debye temperature, mass and volume of an atom.

    >>> features(debye_k=1.0, mass_g_per_mol=1.0, volume_angstrom3=1.0, electronegativity_spread=0.5)["ln_mass"]
    0.0
    """
    values = (
        math.log(debye_k),
        math.log(mass_g_per_mol),
        math.log(volume_angstrom3),
        electronegativity_spread,
    )
    return dict(zip(FEATURES, values, strict=True))


@lru_cache(maxsize=1)
def conductivity_errors() -> ConductivityErrors:
    """The errors that ship. Raises `DataError` when the file is missing or damaged."""
    try:
        text = files("matsmith.knowledge").joinpath("conductivity_errors.json").read_text(encoding="utf-8")
        return ConductivityErrors.model_validate(json.loads(text))
    except (OSError, ValueError) as error:
        raise DataError(
            "The errors of the lattice conductivity are missing or damaged.", hint="Reinstall matsmith."
        ) from error
