"""Measured mean voltages of electrodes against the metal of their ion, each with its citation."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib import resources
from typing import Any, cast

from matsmith.core.errors import DataError
from matsmith.knowledge.crystals import Citation
from matsmith.knowledge.formulas import reduced_key


@dataclass(frozen=True, kw_only=True)
class MeasuredVoltage:
    """One electrode: discharged host, its ion and the share of it that stays, V against the metal, and how to recognise the host."""

    formula: str
    ion: str
    left: float
    voltage_v: float
    sigma_v: float
    space_groups: tuple[int, ...]
    atoms: int
    citation: Citation


@lru_cache(maxsize=1)
def measured_voltages() -> tuple[MeasuredVoltage, ...]:
    """Every electrode of the table. Raises `DataError` when the file is missing or damaged.

    >>> [one.voltage_v for one in measured_voltages() if one.formula == "LiFePO4"]
    [3.45]
    """
    try:
        text = resources.files("matsmith.knowledge").joinpath("measured_voltages.json").read_text("utf-8")
        data = cast("dict[str, Any]", json.loads(text))
        citations = {key: Citation(**value) for key, value in data["citations"].items()}
        return tuple(
            MeasuredVoltage(
                formula=row["formula"],
                ion=row["ion"],
                left=float(row["left"]),
                voltage_v=float(row["volt"]),
                sigma_v=float(row["sigma"]),
                space_groups=tuple(row["space_groups"]),
                atoms=row["atoms"],
                citation=citations[row["citation"]],
            )
            for row in data["electrodes"]
        )
    except (OSError, KeyError, TypeError, ValueError) as error:
        raise DataError(
            f"The table of measured voltages is damaged: {error!r}.", hint="Reinstall matsmith."
        ) from error


def voltages_of(amounts: Mapping[str, float]) -> list[MeasuredVoltage]:
    """The electrodes of a formula, in any structure; empty when none was measured."""
    key = reduced_key(amounts)
    return [one for one in measured_voltages() if reduced_key(one.formula) == key]
