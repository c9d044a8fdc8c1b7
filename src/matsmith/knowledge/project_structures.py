"""Crystals of the Materials Project with their computed properties, page by page: what a generator is trained on by who has a key.

The summaries of the service's REST interface are asked directly, as in `project_summaries`; each page is kept for a month, so that a reading that was
stopped goes on where it was.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Any, cast

from pydantic import ValidationError

from matsmith.core.crystal import Crystal
from matsmith.core.elements import check_elements
from matsmith.core.errors import UsageError
from matsmith.knowledge.exchange import Exchange, ServiceError

PAGE = 250
_FIELDS = "material_id,structure,energy_above_hull,formation_energy_per_atom,band_gap,bulk_modulus"
_NUMBERS = {
    "energy_above_hull": "energy_above_hull_ev_per_atom",
    "formation_energy_per_atom": "formation_energy_ev_per_atom",
    "band_gap": "band_gap_ev",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ProjectCrystal:
    """One material: its id, its crystal (None where the answer holds none that is ordered and sound), its properties by their names with units."""

    id: str
    crystal: Crystal | None
    properties: dict[str, float]


def project_crystals(
    exchange: Exchange,
    *,
    elements: Collection[str] = (),
    atoms_max: int = 20,
    above_hull_ev_per_atom: float = 0.1,
    limit: int | None = None,
    page: int = PAGE,
) -> Iterator[ProjectCrystal]:
    """Yield the materials with all of these elements (any, when empty), within so much of the hull and with so few atoms.

    Raises `ServiceError` when the project refuses, fails or answers in another form, `SpecError` for an unknown element.
    """
    if atoms_max < 1 or not above_hull_ev_per_atom >= 0 or page < 1:
        raise UsageError("Atoms must be above zero, and the distance to the hull not below it.")
    params = {
        "deprecated": "false",
        "nsites_max": str(atoms_max),
        "energy_above_hull_max": f"{above_hull_ev_per_atom:g}",
        "_fields": _FIELDS,
        "_limit": str(page),
    }
    if elements:
        params["elements"] = ",".join(check_elements(elements))
    yielded, skip = 0, 0
    while True:
        answer = exchange.get("materials/summary/", {**params, "_skip": str(skip)})
        entries = _entries(answer.json())
        for entry in entries:
            if limit is not None and yielded >= limit:
                return
            yield _read(entry)
            yielded += 1
        if len(entries) < page:
            return
        skip += page


def _entries(data: Any) -> list[Any]:
    rows = cast("dict[str, Any]", data).get("data") if isinstance(data, dict) else None
    if not isinstance(rows, list):
        raise ServiceError(
            "The Materials Project answered in another form than it documents: data is missing.",
            hint="Try again later; if it stays so, report it.",
            retryable=True,
        )
    return cast("list[Any]", rows)


def _read(entry: Any) -> ProjectCrystal:
    held = cast("dict[str, Any]", entry) if isinstance(entry, dict) else {}
    properties = {own: float(held[name]) for name, own in _NUMBERS.items() if _is_number(held.get(name))}
    moduli = held.get("bulk_modulus")
    if isinstance(moduli, dict):
        average: Any = cast("dict[str, Any]", moduli).get("vrh", 0.0)
        if _is_number(average) and average > 0:
            properties["bulk_modulus_gpa"] = float(average)
    return ProjectCrystal(
        id=str(held.get("material_id") or ""),
        crystal=crystal_of(held.get("structure")),
        properties=properties,
    )


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def crystal_of(structure: Any) -> Crystal | None:
    """Read a structure in the form that pymatgen writes (`lattice.matrix`, `sites` with `species` and `abc`); None when it is disordered or unsound."""
    try:
        species: list[str] = []
        positions: list[tuple[float, float, float]] = []
        for site in structure["sites"]:
            (occupant,) = site["species"]
            if abs(float(occupant["occu"]) - 1.0) > 1e-6:
                return None
            species.append(str(occupant["element"]))
            a, b, c = (float(value) for value in site["abc"])
            positions.append((a, b, c))
        return Crystal(
            lattice=structure["lattice"]["matrix"], species=tuple(species), positions=tuple(positions)
        )
    except (KeyError, TypeError, ValueError, ValidationError):
        return None
