"""Elastic tensor of a crystal, and the moduli, hardness and Debye temperature that follow, against experiment at 300 K.

The tensor is the potential's own and is given as such in the facts. Its shear constants are half of measurement in the median and
no factor mends that, so the moduli are corrected by laws fitted on measured tensors (knowledge/elastic_errors.py), and carry the
large error that was measured on crystals left out of the fit. Where a model of the composition differs beyond both errors, the
errors are widened to reach it and nothing is confirmed (tools/second_opinion.py). Of stable crystals the potential calls a few unstable: such a finding
is a fact and a warning, and never confirms anything.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, JsonValue, field_validator

from matsmith.core.crystal import Crystal
from matsmith.core.quantity import Quantity, Truth
from matsmith.core.record import Outcome
from matsmith.core.settings import Settings
from matsmith.knowledge.elastic_errors import elastic_errors, is_firm
from matsmith.models.elastic_averages import (
    Averages,
    averages,
    chen_hardness_gpa,
    directional_modulus,
    poisson_ratio,
    stiffnesses_gpa,
    tian_hardness_gpa,
    youngs_modulus_along,
    youngs_modulus_gpa,
)
from matsmith.models.elastic_response import AMPLITUDES, ElasticResponse
from matsmith.models.elastic_tensor import TensorFit
from matsmith.tools.base import Args, Deps, StructureRef, tool
from matsmith.tools.elastic_moduli import (
    Moduli,
    debye_temperature_of,
    elastic_identity,
    moduli_of,
    sound_responses,
)
from matsmith.tools.potential import is_default, name_of
from matsmith.tools.results import method_of
from matsmith.tools.second_opinion import Opinion, opinion_on_shear, opinions_identity

if TYPE_CHECKING:
    from pymatgen.core import Structure

FloatArray = NDArray[np.float64]
_LARGEST_SPREAD = 0.25
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


def run_many(batch: Sequence[ElasticityArgs], *, deps: Deps) -> Iterator[tuple[int, Outcome]]:
    """All crystals under one pressure share batches."""
    groups: dict[float, dict[int, Structure]] = {}
    for index, args in enumerate(batch):
        alike = groups.setdefault(args.pressure_gpa, {})
        alike[index] = deps.crystal(args.structure).to_pymatgen()
    for pressure, asked in groups.items():
        for index, found, seconds in sound_responses(asked, settings=deps.settings, pressure_gpa=pressure):
            outcome = found if isinstance(found, Outcome) else _outcome(found, args=batch[index], deps=deps)
            yield index, outcome.model_copy(update={"wall_s": seconds})


def _outcome(result: ElasticResponse, *, args: ElasticityArgs, deps: Deps) -> Outcome:
    tensor = result.relaxed_ion.tensor_gpa
    relaxed = averages(tensor)
    weakest = float(stiffnesses_gpa(tensor)[0])
    moduli = moduli_of(result, settings=deps.settings)
    opinion = opinion_on_shear(
        result.structure,
        shear_gpa=moduli.shear_gpa,
        sigma_gpa=moduli.error("shear_modulus").of(moduli.shear_gpa),
        pressure_gpa=args.pressure_gpa,
    )
    caveat = _caveat(result, weakest=weakest, args=args) or opinion.words
    quantities = _quantities(result, moduli=moduli, stable=weakest > 0, doubted=opinion.doubted, args=args)
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
            "second_opinion_on_shear": opinion.fact,
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


def _values(result: ElasticResponse, *, bulk_gpa: float, shear_gpa: float) -> dict[str, float]:
    """What follows from bulk and shear modulus, each in its own unit."""
    return {
        "bulk_modulus": bulk_gpa,
        "shear_modulus": shear_gpa,
        "youngs_modulus": youngs_modulus_gpa(bulk_gpa, shear_gpa),
        "poisson_ratio": poisson_ratio(bulk_gpa, shear_gpa),
        "pugh_ratio": bulk_gpa / shear_gpa,
        "hardness": chen_hardness_gpa(bulk_gpa, shear_gpa),
        "debye_temperature": debye_temperature_of(result.structure, bulk_gpa=bulk_gpa, shear_gpa=shear_gpa),
    }


def _quantities(
    result: ElasticResponse,
    *,
    moduli: Moduli,
    stable: bool,
    doubted: Opinion | None,
    args: ElasticityArgs,
) -> dict[str, Quantity]:
    values = _values(result, bulk_gpa=moduli.bulk_gpa, shear_gpa=moduli.shear_gpa)
    # Where the second opinion differs beyond the errors, both are possible, and so is what lies between.
    other = {} if doubted is None else _values(result, bulk_gpa=moduli.bulk_gpa, shear_gpa=doubted.value_gpa)
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
            sigma=math.hypot(error.of(value), own, other.get(name, value) - value),
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


def _identity(settings: Settings) -> str:
    return f"{elastic_identity(settings)}:{opinions_identity()}"


@tool(
    name="elasticity",
    title="Elastic tensor, moduli and hardness",
    measures=_MEASURES,
    cost_s=8.0,
    needs_worker=True,
    identity=_identity,
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
