"""Elastic tensors of measured crystals, built from their independent constants: cubic, hexagonal and tetragonal ones."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from matsmith.core.errors import DataError
from matsmith.knowledge.crystals import measured_crystals
from matsmith.knowledge.reference_values import reference_values

FloatArray = NDArray[np.float64]
_FIRST_TRIGONAL, _FIRST_HEXAGONAL, _FIRST_CUBIC = 143, 168, 195


def tensor_of(constants_gpa: Mapping[str, float], *, space_group: int) -> FloatArray:
    """Elastic tensor (6, 6; Voigt, GPa) in the crystal's standard axes. Raises `DataError` when a constant is missing.

    >>> tensor_of({"C11": 297.0, "C12": 95.0, "C44": 154.0}, space_group=225)[0, 2]
    np.float64(95.0)
    """
    held = dict(constants_gpa)
    if space_group >= _FIRST_CUBIC:
        held |= {
            "C13": held.get("C12", np.nan),
            "C33": held.get("C11", np.nan),
            "C66": held.get("C44", np.nan),
        }
    elif space_group >= _FIRST_HEXAGONAL:
        held["C66"] = (held.get("C11", np.nan) - held.get("C12", np.nan)) / 2
    elif space_group >= _FIRST_TRIGONAL:
        raise DataError("A trigonal crystal has a C14, which is not read here.", hint="Leave it out.")
    tensor = np.zeros((6, 6))
    for name, places in (
        ("C11", ((0, 0), (1, 1))),
        ("C33", ((2, 2),)),
        ("C12", ((0, 1), (1, 0))),
        ("C13", ((0, 2), (2, 0), (1, 2), (2, 1))),
        ("C44", ((3, 3), (4, 4))),
        ("C66", ((5, 5),)),
    ):
        value = held.get(name, np.nan)
        if not np.isfinite(value):
            raise DataError(f"The elastic constant {name} is missing.", hint="Give all independent ones.")
        for place in places:
            tensor[place] = value
    return tensor


def measured_tensors() -> dict[tuple[str, str], FloatArray]:
    """Measured elastic tensors (6, 6; Voigt, GPa) by (formula, name of the crystal)."""
    constants: dict[tuple[str, str], dict[str, float]] = {}
    for value in reference_values():
        if value.property == "elastic_constant":
            constants.setdefault((value.formula, value.name), {})[value.component] = value.value
    groups = {(crystal.formula, crystal.name): crystal.space_group for crystal in measured_crystals()}
    return {key: tensor_of(held, space_group=groups[key]) for key, held in constants.items()}
