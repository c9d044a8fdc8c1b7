"""Measured elastic constants, vacancy and surface energies and thermal expansion, each with its citation.

They belong to crystals of `crystals.json`, which holds lattices and bulk moduli; what a potential or a tool is held against.
For the elements, volume and bulk modulus are also at hand twice over: measured (with zero-point vibration taken off, 0 K) and
from all-electron PBE calculations, as the Delta project published them (Lejaeghere et al. 2016, Science 351, aad3000); they
come with the ASE package and are read from there.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib import resources
from typing import Any, Literal, cast

from matsmith.core.errors import DataError
from matsmith.knowledge.crystals import Citation

ReferenceProperty = Literal[
    "elastic_constant", "vacancy_formation_energy", "surface_energy", "linear_thermal_expansion"
]


@dataclass(frozen=True, kw_only=True)
class ReferenceValue:
    """One value of one crystal: a component (C11, C44, ...) for elastic constants, "value" for what has one number.

    `unit`: GPa, eV, J/m**2 or 1e-6/K. `sigma` is the spread of published measurements in that unit, None where it was not
    assessed. Surface energies are means over a polycrystal at 0 K; the expansion of crystals that are not cubic is the mean
    over directions.
    """

    formula: str
    name: str
    property: ReferenceProperty
    component: str
    value: float
    unit: str
    sigma: float | None
    kind: Literal["measured", "dft"]
    temperature_k: float
    citation: Citation


@dataclass(frozen=True, kw_only=True)
class ElementReference:
    """Volume (Å³ per atom), bulk modulus (GPa) and its pressure derivative of an element at 0 K; None where not measured."""

    symbol: str
    measured_volume_angstrom3: float | None
    measured_bulk_modulus_gpa: float | None
    all_electron_volume_angstrom3: float
    all_electron_bulk_modulus_gpa: float
    all_electron_pressure_derivative: float


@lru_cache(maxsize=1)
def reference_values() -> tuple[ReferenceValue, ...]:
    """Every value of the table. Raises `DataError` when the file is missing or damaged.

    >>> len({(v.formula, v.name) for v in reference_values() if v.property == "elastic_constant"}) >= 40
    True
    """
    try:
        text = resources.files("matsmith.knowledge").joinpath("reference_values.json").read_text("utf-8")
        data = cast("dict[str, Any]", json.loads(text))
        citations = {key: Citation(**value) for key, value in data["citations"].items()}
        return tuple(
            value
            for row in data["values"]
            for value in _values(row, units=data["units"], citations=citations)
        )
    except (OSError, KeyError, TypeError, ValueError) as error:
        raise DataError(
            f"The table of reference values is damaged: {error!r}.", hint="Reinstall matsmith."
        ) from error


def values_of(formula: str, *, name: str, property_name: ReferenceProperty) -> dict[str, ReferenceValue]:
    """The components of one property of one crystal; empty when it was not measured.

    >>> values_of("Cu", name="copper", property_name="elastic_constant")["C11"].value
    168.4
    """
    return {
        value.component: value
        for value in reference_values()
        if (value.formula, value.name, value.property) == (formula, name, property_name)
    }


def hill_bulk_modulus_gpa(constants: Mapping[str, float]) -> float | None:
    """Voigt-Reuss-Hill bulk modulus of a cubic, hexagonal or tetragonal crystal; None when a constant is missing.

    R. Hill, Proc. Phys. Soc. A 65, 349 (1952). Cubic crystals need C11 and C12, where Voigt and Reuss agree.

    >>> round(hill_bulk_modulus_gpa({"C11": 168.4, "C12": 121.4, "C44": 75.4}) or 0.0, 1)
    137.1
    """
    if not {"C11", "C12"} <= constants.keys():
        return None
    c11, c12 = constants["C11"], constants["C12"]
    if "C13" not in constants and "C33" not in constants:
        return (c11 + 2 * c12) / 3
    if not {"C13", "C33"} <= constants.keys():
        return None
    c13, c33 = constants["C13"], constants["C33"]
    voigt = (2 * (c11 + c12) + 4 * c13 + c33) / 9
    reuss = ((c11 + c12) * c33 - 2 * c13**2) / (c11 + c12 + 2 * c33 - 4 * c13)
    return (voigt + reuss) / 2


@lru_cache(maxsize=1)
def element_references() -> tuple[ElementReference, ...]:
    """Measured and all-electron values of the elements of the Delta project, 0 K, from the installed ASE.

    >>> len(element_references())
    71
    """
    from ase.collections import dcdft

    table = cast("dict[str, dict[str, float]]", dcdft.data)
    return tuple(
        ElementReference(
            symbol=symbol,
            measured_volume_angstrom3=row.get("exp_volume"),
            measured_bulk_modulus_gpa=row.get("exp_B"),
            all_electron_volume_angstrom3=row["wien2k_volume"],
            all_electron_bulk_modulus_gpa=row["wien2k_B"],
            all_electron_pressure_derivative=row["wien2k_Bp"],
        )
        for symbol, row in table.items()
    )


def _values(
    row: dict[str, Any], *, units: dict[str, str], citations: dict[str, Citation]
) -> list[ReferenceValue]:
    name: ReferenceProperty = row["property"]
    if row["kind"] not in ("measured", "dft"):
        raise ValueError(f"{row['formula']}: a value is measured or dft, not {row['kind']}")
    found: list[ReferenceValue] = []
    for component, given in row["values"].items():
        value = float(given)
        sigma = row.get("sigma")
        if "relative_sigma" in row:
            sigma = float(row["relative_sigma"]) * abs(value)
        found.append(
            ReferenceValue(
                formula=row["formula"],
                name=row["name"],
                property=name,
                component=component,
                value=value,
                unit=units[name],
                sigma=sigma,
                kind=row["kind"],
                temperature_k=float(row["temperature_k"]),
                citation=citations[row["citation"]],
            )
        )
    return found
