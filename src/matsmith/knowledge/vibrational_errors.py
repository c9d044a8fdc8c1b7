"""How far the potential's vibrations are from measurement: a factor on all frequencies, its error, and what is left of heat.

Produced by `benchmarks/vibrational_errors.py`, which prints the table behind it. Universal potentials are too soft (Deng et al.
2025, npj Comput. Mater. 11, 9), metals more than oxides: the factor is a law in the mean frequency and the electronegativities,
fitted to entropies measured at 298 K, with features held within the range of the fit. The error of its logarithm is that on
crystals left out of the fit; entropies, free energies and heat capacities are recomputed with the frequencies moved by it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import lru_cache
from importlib.resources import files

from pydantic import BaseModel, ConfigDict

from matsmith.core.errors import DataError
from matsmith.knowledge.calibration import Law, features_of

_ROOM_K = 298.15
_DULONG_PETIT_J_PER_MOL_K = 24.943


class VibrationalErrors(BaseModel):
    """Law of the frequencies with the sigma of its logarithm, and the median factor; measured C_p over computed C_v at 298 K."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    frequency_law: Law
    frequency_factor: float
    frequency_sigma: float
    frequency_crystals: int
    heat_factor: float
    heat_sigma: float
    heat_crystals: int
    unstable_of_stable: tuple[int, int]
    source: str
    version: str

    def factor(self, amounts: Mapping[str, float], *, mean_frequency_thz: float) -> float:
        """What to multiply the frequencies of a crystal with, by its elements and its mean frequency as computed."""
        features = features_of(amounts, computed=mean_frequency_thz)
        return self.frequency_factor if features is None else self.frequency_law.factor(features)

    def pressure_factor(self, *, heat_j_per_mol_atoms_k: float, temperature_k: float) -> float:
        """Heat capacity at constant pressure over that at constant volume, which grows with the temperature.

        Nernst and Lindemann: C_p - C_v = A·C²·T, with A from the mean of the measured crystals at 298 K.

        >>> law = Law(intercept=0.0, coefficients={}, ranges={})
        >>> errors = VibrationalErrors(frequency_law=law, frequency_factor=1.0, frequency_sigma=0.1, frequency_crystals=1, heat_factor=1.03,
        ...     heat_sigma=0.02, heat_crystals=1, unstable_of_stable=(0, 1), source="made", version="1")
        >>> errors.pressure_factor(heat_j_per_mol_atoms_k=24.943, temperature_k=596.3)
        1.06
        """
        gain = (self.heat_factor - 1) * heat_j_per_mol_atoms_k / _DULONG_PETIT_J_PER_MOL_K
        return round(1 + gain * temperature_k / _ROOM_K, 12)


@lru_cache(maxsize=1)
def vibrational_errors() -> VibrationalErrors:
    """The errors that ship. Raises `DataError` when the file is missing or damaged."""
    try:
        text = files("matsmith.knowledge").joinpath("vibrational_errors.json").read_text(encoding="utf-8")
        return VibrationalErrors.model_validate(json.loads(text))
    except (OSError, ValueError) as error:
        raise DataError(
            "The errors of the vibrations are missing or damaged.", hint="Reinstall matsmith."
        ) from error
