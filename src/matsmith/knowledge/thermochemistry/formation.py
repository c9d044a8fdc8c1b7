"""Gibbs energy of a solid at temperature, from the best source at hand: the tables, or enthalpy plus descriptor."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from matsmith.core.errors import DataError
from matsmith.knowledge.formulas import reduced_key
from matsmith.knowledge.thermochemistry.calibration import thermochemical_errors
from matsmith.knowledge.thermochemistry.descriptor import gibbs_above_enthalpy
from matsmith.knowledge.thermochemistry.species import KJ_PER_MOL_IN_EV, ROOM_K, best_solid


@dataclass(frozen=True, kw_only=True)
class SolidGibbs:
    """G(T) of a solid per formula unit of `amounts`, on the scale of the tables, for any temperature."""

    amounts: Mapping[str, float]
    source: str
    measured: bool
    enthalpy_ev_per_atom: float | None = None
    enthalpy_sigma_ev_per_atom: float = 0.0
    volume_angstrom3_per_atom: float | None = None
    excess_ev_per_atom: float = 0.0

    def gibbs_kj_per_mol(self, temperature_k: float) -> float:
        """G(T) in kJ per mol of formula units. Raises `SpecError` where the descriptor was not fitted."""
        atoms = sum(self.amounts.values())
        if self.measured:
            solid = best_solid(self.amounts, temperature_k)
            if solid is None:
                raise DataError(
                    f"{reduced_key(dict(self.amounts))} is not tabulated.", hint="Give its enthalpy."
                )
            per_atom = solid.gibbs(temperature_k) / solid.atoms
            return atoms * (per_atom + self.excess_ev_per_atom * KJ_PER_MOL_IN_EV)
        enthalpy, volume = self.enthalpy_ev_per_atom, self.volume_angstrom3_per_atom
        if enthalpy is None or volume is None:
            raise DataError("An untabulated solid needs its enthalpy and its volume.", hint="Relax it first.")
        thermal = gibbs_above_enthalpy(
            self.amounts, volume_angstrom3_per_atom=volume, temperature_k=temperature_k
        )
        bias = thermochemical_errors().descriptor_bias(temperature_k)
        return atoms * KJ_PER_MOL_IN_EV * (enthalpy + self.excess_ev_per_atom + thermal - bias)

    def sigma_ev_per_atom(self, temperature_k: float) -> float:
        """One sigma of G(T), against measurement."""
        errors = thermochemical_errors()
        if self.measured:
            return math.hypot(errors.tables_sigma_ev_per_atom, self.enthalpy_sigma_ev_per_atom)
        return math.hypot(self.enthalpy_sigma_ev_per_atom, errors.descriptor_sigma(temperature_k))


def tabulated(amounts: Mapping[str, float]) -> SolidGibbs | None:
    """G(T) of a tabulated solid, or None.

    >>> round(tabulated({"Mg": 1, "O": 1}).gibbs_kj_per_mol(298.15))
    -610
    """
    solid = best_solid(amounts, ROOM_K)
    if solid is None:
        return None
    return SolidGibbs(amounts=dict(amounts), source=f"{solid.name}: {solid.source}", measured=True)
