"""Elastic tensor of a crystal, and the moduli, hardness and Debye temperature that follow, against experiment at 300 K.

The tensor is the potential's own and is given as such in the facts. Its shear constants are half of measurement in the median and
no factor mends that, so the moduli are corrected by laws fitted on measured tensors (knowledge/elastic_errors.py), and carry the
large error that was measured on crystals left out of the fit. Of stable crystals the potential calls a few unstable: such a finding
is a fact and a warning, and never confirms anything.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, JsonValue, field_validator

from matsmith.core.crystal import Crystal
from matsmith.core.quantity import Quantity, Truth
from matsmith.core.record import Outcome
from matsmith.core.settings import Settings
from matsmith.knowledge.bonding_network import bonded_directions
from matsmith.knowledge.elastic_errors import Error, elastic_errors, is_firm
from matsmith.models.elastic_averages import (
    Averages,
    averages,
    chen_hardness_gpa,
    debye_temperature_k,
    directional_modulus,
    poisson_ratio,
    stiffnesses_gpa,
    tian_hardness_gpa,
    youngs_modulus_along,
    youngs_modulus_gpa,
)
from matsmith.models.elastic_response import (
    AMPLITUDES,
    SYMMETRY_TOLERANCE_ANGSTROM,
    ElasticFailure,
    ElasticResponse,
    elastic_responses,
    standard_primitive,
)
from matsmith.models.elastic_tensor import TensorFit
from matsmith.tools.base import Args, Deps, StructureRef, tool
from matsmith.tools.potential import identity as potential_identity
from matsmith.tools.potential import is_default, name_of, potential
from matsmith.tools.results import hint_for, method_of

if TYPE_CHECKING:
    from pymatgen.core import Structure

FloatArray = NDArray[np.float64]
_MOST_ATOMS = 120
_GRAM_PER_MOL_ANGSTROM3 = 1.66053906660
_LARGEST_SPREAD = 0.25
# Assumed, not measured: for potentials that were not held against the measured tensors.
_UNTESTED = {"poisson_ratio": Error(absolute=0.08, crystals=0)}
_UNTESTED_RELATIVE = Error(relative=0.4, crystals=0)
_MEASURES = (
    "shear_modulus",
    "youngs_modulus",
    "hardness",
    "poisson_ratio",
    "pugh_ratio",
    "debye_temperature",
)
_UNITS = {"hardness": "GPa", "poisson_ratio": "", "pugh_ratio": "", "debye_temperature": "K"}


class ElasticityArgs(Args):
    """Which structure, under which pressure, and a direction to give Young's modulus along."""

    structure: StructureRef
    pressure_gpa: float = Field(default=0.0, ge=-20, le=500, description="hydrostatic pressure in GPa")
    direction: tuple[float, float, float] | None = Field(
        default=None,
        description="crystal direction [u, v, w] of the conventional cell, for Young's modulus along it",
    )

    @field_validator("direction")
    @classmethod
    def _some_direction(cls, value: tuple[float, float, float] | None) -> tuple[float, float, float] | None:
        if value is not None and not any(value):
            raise ValueError("[0, 0, 0] is no direction")
        return value


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


def run_many(batch: Sequence[ElasticityArgs], *, deps: Deps) -> Iterator[tuple[int, Outcome]]:
    """All crystals under one pressure share batches."""
    groups: dict[float, list[int]] = {}
    structures = [deps.crystal(args.structure).to_pymatgen() for args in batch]
    for index, args in enumerate(batch):
        primitive = standard_primitive(structures[index], tolerance_angstrom=SYMMETRY_TOLERANCE_ANGSTROM)
        refusal = refusal_of(primitive)
        if refusal is None:
            groups.setdefault(args.pressure_gpa, []).append(index)
        else:
            yield index, refusal
    for pressure, indices in groups.items():
        model = potential(deps.settings)
        last = time.perf_counter()
        chosen = [structures[index] for index in indices]
        for place, result in elastic_responses(chosen, potential=model, pressure_gpa=pressure):
            now = time.perf_counter()
            index = indices[place]
            outcome = _outcome(result, args=batch[index], deps=deps)
            yield index, outcome.model_copy(update={"wall_s": now - last})
            last = now


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


def _outcome(result: ElasticResponse | ElasticFailure, *, args: ElasticityArgs, deps: Deps) -> Outcome:
    if isinstance(result, ElasticFailure):
        return Outcome.failed(result.code, result.message, hint=hint_for(result.code))
    tensor = result.relaxed_ion.tensor_gpa
    relaxed = averages(tensor)
    if not relaxed.bulk_hill_gpa > 0:
        return no_minimum(relaxed.bulk_hill_gpa)
    weakest = float(stiffnesses_gpa(tensor)[0])
    moduli = moduli_of(result, settings=deps.settings)
    caveat = _caveat(result, weakest=weakest, args=args)
    quantities = _quantities(result, moduli=moduli, stable=weakest > 0, args=args)
    return Outcome(
        quantities=quantities,
        facts={
            **_facts(
                result,
                relaxed=relaxed,
                moduli=moduli,
                weakest=weakest,
                default=is_default(deps.settings),
            ),
            "pressure_gpa": args.pressure_gpa,
            "inconclusive": dict.fromkeys(_MEASURES, caveat) if caveat else {},
        },
        crystal=Crystal.from_pymatgen(result.structure),
        method=method_of(
            deps.settings,
            name=f"stresses of cells strained by ± {', '.join(f'{100 * a:g}' for a in AMPLITUDES)} %, atoms relaxed and clamped",
            reference=moduli.reference,
        ),
        warnings=_warnings(moduli, caveat=caveat, settings=deps.settings),
    )


def no_minimum(bulk_gpa: float) -> Outcome:
    """The typed failure of a tensor that would expand under pressure."""
    return Outcome.failed(
        "unphysical",
        f"The bulk modulus of the tensor is {bulk_gpa:.1f} GPa, and has to be positive: the structure is far from a minimum of the "
        "potential.",
        hint="Relax it without symmetry first, or use equation_of_state.",
    )


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


def _quantities(
    result: ElasticResponse, *, moduli: Moduli, stable: bool, args: ElasticityArgs
) -> dict[str, Quantity]:
    bulk, shear = moduli.bulk_gpa, moduli.shear_gpa
    composition = result.structure.composition
    mass = float(composition.weight) / float(composition.num_atoms)
    values = {
        "bulk_modulus": bulk,
        "shear_modulus": shear,
        "youngs_modulus": youngs_modulus_gpa(bulk, shear),
        "poisson_ratio": poisson_ratio(bulk, shear),
        "pugh_ratio": bulk / shear,
        "hardness": chen_hardness_gpa(bulk, shear),
        "debye_temperature": debye_temperature_k(
            bulk_gpa=bulk,
            shear_gpa=shear,
            density_g_per_cm3=mass
            * _GRAM_PER_MOL_ANGSTROM3
            * len(result.structure)
            / result.structure.volume,
            mass_g_per_mol_atoms=mass,
        ),
    }
    if stable:
        tensor = result.relaxed_ion.tensor_gpa
        scale = values["youngs_modulus"] / _own_youngs_modulus(tensor)
        extremes = directional_modulus(tensor)
        values["smallest_youngs_modulus"] = extremes.smallest_gpa * scale
        values["largest_youngs_modulus"] = extremes.largest_gpa * scale
        if args.direction is not None:
            values["youngs_modulus_along_direction"] = scale * _along(result, args.direction)
    spread = _relative_spread(result.relaxed_ion)
    quantities: dict[str, Quantity] = {}
    for name, value in values.items():
        # Along one direction the error is that of an extreme, the larger of the two.
        error = moduli.error("smallest_youngs_modulus" if name.endswith("direction") else name)
        own = 0.0 if name == "poisson_ratio" else spread * value
        quantities[name] = Quantity(
            value=value,
            unit=_UNITS.get(name, "GPa"),
            sigma=math.hypot(error.of(value), own),
            truth=Truth.EXPERIMENT_300K,
        )
    return quantities


def _own_youngs_modulus(tensor_gpa: FloatArray) -> float:
    own = averages(tensor_gpa)
    return youngs_modulus_gpa(own.bulk_hill_gpa, own.shear_hill_gpa)


def _along(result: ElasticResponse, direction: tuple[float, float, float]) -> float:
    """Young's modulus in GPa of the potential's tensor along [u, v, w] of the conventional cell."""
    vector = np.array(direction) @ result.conventional
    return float(
        youngs_modulus_along(result.relaxed_ion.tensor_gpa, vector[None] / np.linalg.norm(vector))[0]
    )


def _relative_spread(fit: TensorFit) -> float:
    """Scatter of Voigt's shear modulus over the amplitudes, relative to its mean."""
    found = [averages(tensor).shear_voigt_gpa for tensor in fit.by_amplitude.values()]
    mean = float(np.mean(found))
    return float(np.std(found, ddof=1)) / abs(mean) if mean and len(found) > 1 else 0.0


def _caveat(result: ElasticResponse, *, weakest: float, args: ElasticityArgs) -> str:
    """Why these moduli may refute and not confirm; empty when nothing speaks against them."""
    if weakest <= 0:
        wrong, of = elastic_errors().unstable_of_stable
        return (
            f"the potential finds the crystal mechanically unstable (weakest stiffness {weakest:.1f} GPa), as it does of {wrong} of "
            f"{of} crystals that are stable"
        )
    spread = _relative_spread(result.clamped_ion)
    if spread > _LARGEST_SPREAD:
        return f"the shear modulus scatters by {100 * spread:.0f} % over the strains: the potential is too rough here"
    if args.pressure_gpa:
        return "the correction and the error were measured at ambient pressure"
    return ""


def _facts(
    result: ElasticResponse, *, relaxed: Averages, moduli: Moduli, weakest: float, default: bool
) -> dict[str, JsonValue]:
    tensor = result.relaxed_ion.tensor_gpa
    facts: dict[str, JsonValue] = {
        "space_group": result.space_group,
        "axes": "of spglib's standard cell: a along x, b in the xy plane; components xx, yy, zz, yz, xz, xy",
        "elastic_tensor_gpa": _rows(tensor),
        "elastic_tensor_clamped_ions_gpa": _rows(result.clamped_ion.tensor_gpa),
        "spread_over_strains_gpa": _rows(result.relaxed_ion.spread_gpa),
        "strains": list(result.strains),
        "uncorrected": {
            "bulk_modulus_voigt_gpa": round(relaxed.bulk_voigt_gpa, 2),
            "bulk_modulus_reuss_gpa": round(relaxed.bulk_reuss_gpa, 2),
            "bulk_modulus_hill_gpa": round(relaxed.bulk_hill_gpa, 2),
            "shear_modulus_voigt_gpa": round(relaxed.shear_voigt_gpa, 2),
            "shear_modulus_reuss_gpa": round(relaxed.shear_reuss_gpa, 2),
            "shear_modulus_hill_gpa": round(relaxed.shear_hill_gpa, 2),
        },
        "born_stable": weakest > 0,
        "held_firmly": is_firm(tensor),
        "weakest_stiffness_gpa": round(weakest, 3),
        "hardness_by_tian_gpa": round(tian_hardness_gpa(moduli.bulk_gpa, moduli.shear_gpa), 2),
    }
    if weakest > 0:
        extremes = directional_modulus(tensor)
        facts |= {
            "universal_anisotropy": round(relaxed.universal_anisotropy, 4),
            "youngs_modulus_smallest_along": list(extremes.smallest_along),
            "youngs_modulus_largest_along": list(extremes.largest_along),
        }
    if default:
        facts["computed_over_measured_constants"] = {
            name: f"{middle:.2f} in the median, 80 % between {low:.2f} and {high:.2f}"
            for name, (low, middle, high) in elastic_errors().component_ratio.items()
        }
    return facts


def _warnings(moduli: Moduli, *, caveat: str, settings: Settings) -> tuple[str, ...]:
    error = moduli.error("shear_modulus")
    if is_default(settings):
        shear = (
            f"the potential is far too soft in shear: shear modulus and what follows from it are corrected, with the error of "
            f"{100 * error.relative:.0f} % that was measured on {error.crystals} crystals"
        )
    else:
        shear = f"no error of {name_of(settings)} in shear was measured here: {100 * error.relative:.0f} % is assumed"
    return (shear, caveat) if caveat else (shear,)


def _rows(tensor: FloatArray) -> list[JsonValue]:
    return [[round(float(value), 2) + 0.0 for value in row] for row in tensor]


def elastic_identity(settings: Settings) -> str:
    """What elastic moduli depend on: the potential, and the version of the correction."""
    return f"{potential_identity(settings)}:{elastic_errors().version if is_default(settings) else 'none'}"


@tool(
    name="elasticity",
    title="Elastic tensor, moduli and hardness",
    measures=_MEASURES,
    cost_s=8.0,
    needs_worker=True,
    identity=elastic_identity,
    run_many=run_many,
)
def run(args: ElasticityArgs, *, deps: Deps) -> Outcome:
    """Elastic tensor of a crystal (relaxed and clamped ions, at a pressure), and its moduli (GPa, against experiment at 300 K).

    Quantities: bulk, shear and Young's modulus (its extremes and along `direction` too), Poisson ratio, Pugh ratio K/G, Chen's
    hardness, Debye temperature (K). Facts: the potential's tensors in standard axes, Voigt, Reuss and Hill averages, Born
    stability, universal anisotropy. Typed failures: too_large, dispersion_bound, unphysical, and those of the relaxation.

    Example: matsmith tool elasticity --args '{"structure": "MgO.cif", "direction": [1, 1, 1]}'
    """
    return next(iter(run_many([args], deps=deps)))[1]


TOOL = run
