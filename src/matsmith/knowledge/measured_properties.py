"""Measured heat capacities, entropies, Debye temperatures, lattice thermal conductivities and hardnesses, each with its citation.

They belong to crystals of `crystals.json`; what the tools of vibrations and hardness are held against.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import lru_cache
from importlib import resources
from typing import Any, Literal, cast

from matsmith.core.errors import DataError
from matsmith.knowledge.crystals import Citation

MeasuredName = Literal[
    "heat_capacity",
    "entropy",
    "debye_temperature",
    "thermal_conductivity",
    "hardness",
    "linear_thermal_expansion",
]


@dataclass(frozen=True, kw_only=True)
class MeasuredValue:
    """One measured value of one crystal, in `unit`, at a temperature."""

    formula: str
    name: str
    property: MeasuredName
    value: float
    unit: str
    temperature_k: float
    citation: Citation


@lru_cache(maxsize=1)
def measured_properties() -> tuple[MeasuredValue, ...]:
    """Every value of the table. Raises `DataError` when the file is missing or damaged.

    >>> {value.property for value in measured_properties()} >= {"hardness", "thermal_conductivity"}
    True
    """
    try:
        text = resources.files("matsmith.knowledge").joinpath("measured_properties.json").read_text("utf-8")
        data = cast("dict[str, Any]", json.loads(text))
        citations = {key: Citation(**value) for key, value in data["citations"].items()}
        return tuple(
            _value(key, value, name=name, entry=entry, citation=citations[group["citation"]])
            for name, entry in data["properties"].items()
            for group in entry["groups"]
            for key, value in group["values"].items()
        )
    except (OSError, KeyError, TypeError, ValueError) as error:
        raise DataError(
            f"The table of measured properties is damaged: {error!r}.", hint="Reinstall matsmith."
        ) from error


def measured(property_name: MeasuredName) -> dict[tuple[str, str], MeasuredValue]:
    """The values of one property by (formula, name of the crystal).

    >>> measured("hardness")["Si", "silicon"].value
    12.0
    """
    return {
        (value.formula, value.name): value
        for value in measured_properties()
        if value.property == property_name
    }


def _value(key: str, value: Any, *, name: Any, entry: dict[str, Any], citation: Citation) -> MeasuredValue:
    formula, _, crystal = key.partition(" ")
    return MeasuredValue(
        formula=formula,
        name=crystal,
        property=name,
        value=float(value),
        unit=str(entry["unit"]),
        temperature_k=float(entry["temperature_k"]),
        citation=citation,
    )
