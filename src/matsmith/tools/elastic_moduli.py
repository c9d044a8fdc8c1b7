"""Bulk and shear modulus of a crystal as they are given out, and what tools that rest on an elastic tensor refuse."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from matsmith.core.record import Outcome
from matsmith.core.settings import Settings
from matsmith.knowledge.bonding_network import bonded_directions
from matsmith.knowledge.elastic_errors import Error, elastic_errors, is_firm
from matsmith.models.elastic_averages import averages, debye_temperature_k
from matsmith.models.elastic_response import (
    SYMMETRY_TOLERANCE_ANGSTROM,
    ElasticFailure,
    ElasticResponse,
    elastic_responses,
    standard_primitive,
)
from matsmith.tools.potential import identity as potential_identity
from matsmith.tools.potential import is_default, name_of, potential
from matsmith.tools.results import hint_for

if TYPE_CHECKING:
    from pymatgen.core import Structure

_MOST_ATOMS = 120
_GRAM_PER_MOL_ANGSTROM3 = 1.66053906660
# Assumed, not measured: for potentials that were not held against the measured tensors.
_UNTESTED = {"poisson_ratio": Error(absolute=0.08, crystals=0)}
_UNTESTED_RELATIVE = Error(relative=0.4, crystals=0)


@dataclass(frozen=True, kw_only=True)
class Moduli:
    """Bulk and shear modulus in GPa as they are given out, and where they came from."""

    bulk_gpa: float
    shear_gpa: float
    reference: str
    errors: dict[str, Error]

    def error(self, name: str) -> Error:
        """The error of one property."""
        return self.errors.get(name, _UNTESTED_RELATIVE)


def moduli_of(result: ElasticResponse, *, settings: Settings) -> Moduli:
    """Bulk and shear modulus as they are given out, with their errors; the tensor's bulk modulus has to be positive."""
    relaxed, clamped = averages(result.relaxed_ion.tensor_gpa), averages(result.clamped_ion.tensor_gpa)
    if not is_default(settings):
        return Moduli(
            bulk_gpa=relaxed.bulk_hill_gpa,
            shear_gpa=max(relaxed.shear_hill_gpa, 0.0) or 1e-3,
            reference=f"{name_of(settings)} was not held against measurement here: no correction, and a wide error",
            errors=dict(_UNTESTED),
        )
    known = elastic_errors()
    composition = result.structure.composition.as_dict()
    amounts = {str(symbol): float(amount) for symbol, amount in composition.items()}
    return Moduli(
        bulk_gpa=known.bulk_modulus_gpa(relaxed.bulk_hill_gpa, amounts),
        shear_gpa=known.shear_modulus_gpa(clamped.shear_voigt_gpa, bulk_gpa=relaxed.bulk_hill_gpa),
        reference=f"{known.source}, version {known.version}",
        errors=known.firm if is_firm(result.relaxed_ion.tensor_gpa) else known.soft,
    )


def refusal_of(structure: Structure) -> Outcome | None:
    """The typed failure of a primitive cell that is too large or held together by dispersion, or None."""
    if len(structure) > _MOST_ATOMS:
        return Outcome.failed(
            "too_large",
            f"The primitive cell has {len(structure)} atoms; elastic tensors are made up to {_MOST_ATOMS}.",
            hint="equation_of_state gives the bulk modulus of a cell of this size.",
        )
    directions = bonded_directions(structure)
    if directions < 3:
        kind = ("molecules", "chains", "layers")[directions]
        return Outcome.failed(
            "dispersion_bound",
            f"The crystal is made of {kind} that dispersion holds together, and the potential has none: its elastic tensor would "
            "be wrong by factors.",
            hint="Compute it with density-functional theory and a dispersion correction; equation_of_state gives a bulk modulus "
            "with its (wide) measured error.",
        )
    return None


def no_minimum(bulk_gpa: float) -> Outcome:
    """The typed failure of a tensor that would expand under pressure."""
    return Outcome.failed(
        "unphysical",
        f"The bulk modulus of the tensor is {bulk_gpa:.1f} GPa, and has to be positive: the structure is far from a minimum of the "
        "potential.",
        hint="Relax it without symmetry first, or use equation_of_state.",
    )


def elastic_identity(settings: Settings) -> str:
    """What elastic moduli depend on: the potential, and the version of the correction."""
    return f"{potential_identity(settings)}:{elastic_errors().version if is_default(settings) else 'none'}"


def sound_responses(
    structures: Mapping[int, Structure], *, settings: Settings, pressure_gpa: float = 0.0
) -> Iterator[tuple[int, ElasticResponse | Outcome, float]]:
    """Elastic responses of crystals in shared batches: (key, the response or why there is none, seconds it took).

    What is refused comes first, and no potential is loaded for refusals alone. A response has a positive bulk modulus.
    """
    kept: list[int] = []
    for key, structure in structures.items():
        primitive = standard_primitive(structure, tolerance_angstrom=SYMMETRY_TOLERANCE_ANGSTROM)
        refusal = refusal_of(primitive)
        if refusal is None:
            kept.append(key)
        else:
            yield key, refusal, 0.0
    if not kept:
        return
    model = potential(settings)
    last = time.perf_counter()
    chosen = [structures[key] for key in kept]
    for place, result in elastic_responses(chosen, potential=model, pressure_gpa=pressure_gpa):
        found: ElasticResponse | Outcome
        if isinstance(result, ElasticFailure):
            found = Outcome.failed(result.code, result.message, hint=hint_for(result.code))
        else:
            bulk = averages(result.relaxed_ion.tensor_gpa).bulk_hill_gpa
            found = result if bulk > 0 else no_minimum(bulk)
        now = time.perf_counter()
        yield kept[place], found, now - last
        last = now


def debye_temperature_of(structure: Structure, *, bulk_gpa: float, shear_gpa: float) -> float:
    """Debye temperature in K of a crystal with these moduli."""
    mass = float(structure.composition.weight) / len(structure)
    return debye_temperature_k(
        bulk_gpa=bulk_gpa,
        shear_gpa=shear_gpa,
        density_g_per_cm3=mass * _GRAM_PER_MOL_ANGSTROM3 * len(structure) / structure.volume,
        mass_g_per_mol_atoms=mass,
    )
