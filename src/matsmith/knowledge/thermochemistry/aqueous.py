"""What a solid turns into in water at 25 °C: the Pourbaix diagram at one pH and potential, for any number of elements.

Water, protons and electrons are free at chemical potentials of -237.1 kJ/mol, -0.0592 pH eV and -V eV (V against the standard
hydrogen electrode; Persson et al. 2012, Phys. Rev. B 85, 235438); ions stand at one concentration. The state of lowest Gibbs
energy at the solid's composition is a linear programme over the tabulated solids and ions.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib import resources
from typing import Any

import numpy as np

from matsmith.core.errors import DataError, UsageError
from matsmith.knowledge.formulas import reduced_key
from matsmith.knowledge.thermochemistry.equilibrium import minimum
from matsmith.knowledge.thermochemistry.species import (
    GAS_CONSTANT,
    KJ_PER_MOL_IN_EV,
    ROOM_K,
    best_solid,
    gas,
    species_of,
    within,
)

PER_PH_EV = math.log(10) * GAS_CONSTANT * ROOM_K / KJ_PER_MOL_IN_EV
PH_RANGE, POTENTIAL_RANGE_V = (-2.0, 16.0), (-4.0, 4.0)
_GASEOUS = {"H": "H2", "O": "O2", "N": "N2", "F": "F2", "Cl": "Cl2"}
_LIQUID = frozenset({"Br", "Hg"})
_TRACE_MOL = 1e-7


@dataclass(frozen=True, kw_only=True)
class Ion:
    """A dissolved species: atoms, charge, and Gibbs energy of formation at 1 mol/kg in eV; H+ has zero."""

    name: str
    amounts: Mapping[str, float]
    charge: int
    gibbs_ev: float


@dataclass(frozen=True, kw_only=True)
class AqueousState:
    """The most stable products in water and how far the solid lies above them, eV per atom of the solid.

    `products` are moles of solids and ions per formula, without water, protons and electrons.
    """

    excess_ev_per_atom: float
    products: tuple[tuple[str, float], ...]
    ions: int


@lru_cache(maxsize=1)
def ions() -> tuple[Ion, ...]:
    """Every tabulated dissolved species. Raises `DataError` when the table is missing or damaged."""
    try:
        folder = resources.files("matsmith.knowledge.thermochemistry")
        table: Any = json.loads(folder.joinpath("ions.json").read_text(encoding="utf-8"))
        return tuple(
            Ion(name=name, amounts=row[0], charge=int(row[1]), gibbs_ev=float(row[2]) / KJ_PER_MOL_IN_EV)
            for name, row in table["species"].items()
        )
    except (OSError, ValueError, KeyError, TypeError, IndexError) as error:
        raise DataError("The table of ions is missing or damaged.", hint="Reinstall matsmith.") from error


@lru_cache(maxsize=128)
def element_gibbs_ev(symbol: str) -> float:
    """Gibbs energy per atom of an element in its reference state at 25 °C on the scale of the tables, in eV."""
    if symbol in _GASEOUS:
        return gas(_GASEOUS[symbol]).gibbs(ROOM_K) / 2 / KJ_PER_MOL_IN_EV
    found = species_of(symbol, phases=("liquid",))[:1] if symbol in _LIQUID else ()
    one = found[0] if found else best_solid(symbol, ROOM_K)
    if one is None:
        raise DataError(f"The element {symbol} is not tabulated.", hint="Leave it out.")
    return one.gibbs(ROOM_K) / one.atoms / KJ_PER_MOL_IN_EV


def formation_gibbs_ev(amounts: Mapping[str, float], gibbs_kj_per_mol: float) -> float:
    """Gibbs energy of formation from the elements at 25 °C in eV, from a Gibbs energy on the scale of the tables."""
    elements = sum(amount * element_gibbs_ev(symbol) for symbol, amount in amounts.items())
    return gibbs_kj_per_mol / KJ_PER_MOL_IN_EV - elements


def state_in_water(
    amounts: Mapping[str, float],
    *,
    gibbs_kj_per_mol: float,
    ph: float,
    potential_v: float,
    concentration_mol_per_kg: float = 1e-6,
) -> AqueousState:
    """What a solid of this composition and Gibbs energy at 25 °C turns into in water; its own solid does not take part.

    Raises `UsageError` for conditions outside the range and where no ion or other phase of an element is tabulated.
    """
    if not (PH_RANGE[0] <= ph <= PH_RANGE[1] and POTENTIAL_RANGE_V[0] <= potential_v <= POTENTIAL_RANGE_V[1]):
        raise UsageError(
            f"pH {ph:g} and {potential_v:g} V are outside what is tabulated.",
            hint=f"pH runs from {PH_RANGE[0]:g} to {PH_RANGE[1]:g}, potentials from {POTENTIAL_RANGE_V[0]:g} to "
            f"{POTENTIAL_RANGE_V[1]:g} V.",
        )
    elements = sorted({*amounts, "H", "O"})
    own = reduced_key(dict(amounts))
    columns: list[tuple[str, Mapping[str, float], int, float]] = []
    for solid in within(elements, phases=("solid", "liquid")):
        if solid.covers(ROOM_K) and solid.formula != own and set(solid.amounts) - {"H", "O"}:
            columns.append(
                (solid.name, solid.amounts, 0, formation_gibbs_ev(solid.amounts, solid.gibbs(ROOM_K)))
            )
    dissolved = math.log(concentration_mol_per_kg) * GAS_CONSTANT * ROOM_K / KJ_PER_MOL_IN_EV
    counted = 0
    for ion in ions():
        if set(ion.amounts) <= set(elements) and set(ion.amounts) - {"H", "O"}:
            columns.append((ion.name, ion.amounts, ion.charge, ion.gibbs_ev + dissolved))
            counted += 1
    free = [
        ("H2O", {"H": 2.0, "O": 1.0}, 0, _water_ev()),
        ("H+", {"H": 1.0}, 1, -PER_PH_EV * ph),
        ("e-", dict[str, float](), -1, -potential_v),
    ]
    everything = [*columns, *free]
    matrix = np.array(
        [[float(one[1].get(symbol, 0.0)) for one in everything] for symbol in elements]
        + [[float(one[2]) for one in everything]]
    )
    total = np.array([*(float(amounts.get(symbol, 0.0)) for symbol in elements), 0.0])
    bounds: list[tuple[float | None, float | None]] = [(0.0, None) for _ in columns]
    bounds += [(None, None) for _ in free]
    status, least, solution = minimum([one[3] for one in everything], matrix, total, bounds)
    if status != 0:
        raise UsageError(
            f"The tables hold no ions or other phases that {own} could turn into in water.",
            hint="Its elements are not covered: look up their aqueous chemistry.",
        )
    count = sum(amounts.values())
    excess = formation_gibbs_ev(amounts, gibbs_kj_per_mol) - least
    products = [(one[0], x) for one, x in zip(columns, solution, strict=False) if x > _TRACE_MOL]
    return AqueousState(excess_ev_per_atom=excess / count, products=tuple(products), ions=counted)


@lru_cache(maxsize=1)
def _water_ev() -> float:
    (liquid,) = species_of("H2O", phases=("liquid",))[:1]
    return formation_gibbs_ev({"H": 2.0, "O": 1.0}, liquid.gibbs(ROOM_K))
