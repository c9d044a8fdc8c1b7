"""Bulk modulus from energies at fixed volumes, each with atoms and shape relaxed.

The fit is the third-order Birch-Murnaghan equation (Birch 1947, Phys. Rev. 71, 809) in its linear form: the energy is a
cubic in V^(-2/3). The potential's surface is rough at small strain, so the volumes span ± 9 % and the fit is repeated over
narrower windows: the scatter of its results is part of the error. The potential is also too soft or too stiff on average;
the law that mends this was fitted on measured crystals and stands with its error in the calibration. Where dK/dP
is no solid's, or the crystal is held together by dispersion, the error is the wide one measured on such cases, and a warning says so.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from pymatgen.core import Structure

from matsmith.core.properties import physical_problem
from matsmith.core.quantity import Quantity, Truth
from matsmith.core.record import Outcome
from matsmith.core.settings import Settings
from matsmith.knowledge.bonding_network import bonded_directions
from matsmith.knowledge.calibration import PRESSURE_DERIVATIVES
from matsmith.models.relaxation import EV_PER_ANGSTROM3_IN_GPA, RelaxationFailure, RelaxationSettings, relax
from matsmith.tools.base import Args, Deps, StructureRef, next_better, tool
from matsmith.tools.potential import identity as potential_identity
from matsmith.tools.potential import is_default, name_of, potential
from matsmith.tools.results import calibration_for, hint_for, method_of

FloatArray = NDArray[np.float64]
VOLUME_FACTORS = (0.91, 0.94, 0.97, 1.0, 1.03, 1.06, 1.09)
_WINDOWS = ((0, 7), (0, 6), (1, 7), (1, 6))
_LARGEST_FORCE_EV_PER_ANGSTROM = 0.2
_LARGEST_RESIDUAL_EV_PER_ATOM = 0.02


class EquationOfStateArgs(Args):
    """Which structure; it should be relaxed."""

    structure: StructureRef


@dataclass(frozen=True, kw_only=True)
class Fit:
    """Birch-Murnaghan parameters per atom and the largest residual of the fit."""

    volume_angstrom3: float
    energy_ev: float
    bulk_modulus_gpa: float
    pressure_derivative: float
    residual_ev: float


def fit_birch_murnaghan(volumes_angstrom3: FloatArray, energies_ev: FloatArray) -> Fit | None:
    """Fit E(V), both per atom; None when no minimum lies within the volumes.

    With x = V^(-2/3) the third-order equation is a cubic polynomial p(x). At its minimum x0 the bulk modulus is
    V d2E/dV2 = (4/9) x0^(7/2) p''(x0), and its pressure derivative follows from p'''.
    """
    x = volumes_angstrom3 ** (-2.0 / 3.0)
    centre, scale = float(x.mean()), float(np.ptp(x)) or 1.0
    coefficients = np.polyfit((x - centre) / scale, energies_ev, 3)
    cubic = np.poly1d(coefficients)
    slope, curvature, third = cubic.deriv(1), cubic.deriv(2), cubic.deriv(3)
    stationary = [float(r.real) for r in np.atleast_1d(slope.roots) if abs(r.imag) < 1e-12]
    inside = [r for r in stationary if curvature(r) > 0 and x.min() <= r * scale + centre <= x.max()]
    if len(inside) != 1:
        return None
    x0 = inside[0] * scale + centre
    second, third_value = float(curvature(inside[0])) / scale**2, float(third(inside[0])) / scale**3
    return Fit(
        volume_angstrom3=x0**-1.5,
        energy_ev=float(cubic(inside[0])),
        bulk_modulus_gpa=(4.0 / 9.0) * x0**3.5 * second * EV_PER_ANGSTROM3_IN_GPA,
        pressure_derivative=4.0 + (2.0 / 3.0) * x0 * third_value / second,
        residual_ev=float(np.abs(cubic((x - centre) / scale) - energies_ev).max()),
    )


@dataclass(kw_only=True)
class _Curve:
    atoms: int
    energies: dict[float, float] = field(default_factory=dict[float, float])
    volumes: dict[float, float] = field(default_factory=dict[float, float])
    failures: list[RelaxationFailure] = field(default_factory=list[RelaxationFailure])
    done: int = 0


def _scaled(structure: Structure, factor: float) -> Structure:
    copy = structure.copy()
    copy.scale_lattice(structure.volume * factor)
    return copy


def run_many(batch: Sequence[EquationOfStateArgs], *, deps: Deps) -> Iterator[tuple[int, Outcome]]:
    """Relax every structure at every volume, all in shared batches."""
    model = potential(deps.settings)
    structures = [deps.crystal(args.structure).to_pymatgen() for args in batch]
    curves = [_Curve(atoms=len(structure)) for structure in structures]
    jobs = [(index, factor) for index in range(len(batch)) for factor in VOLUME_FACTORS]
    settings = RelaxationSettings(cell="shape", force_tolerance_ev_per_angstrom=0.05, max_steps=150)
    last = time.perf_counter()
    for place, result in relax(
        (_scaled(structures[index], factor) for index, factor in jobs), potential=model, settings=settings
    ):
        index, factor = jobs[place]
        curve = curves[index]
        curve.done += 1
        point = result
        if isinstance(result, RelaxationFailure) and result.code == "unconverged" and result.last is not None:
            # Nearly there is good enough for an energy; farther away it is another point of the surface.
            near = result.last.max_force_ev_per_angstrom <= _LARGEST_FORCE_EV_PER_ANGSTROM
            point = result.last if near else result
        if isinstance(point, RelaxationFailure):
            curve.failures.append(point)
        else:
            curve.energies[factor] = point.energy_ev_per_atom
            curve.volumes[factor] = point.structure.volume / curve.atoms
        if curve.done == len(VOLUME_FACTORS):
            now = time.perf_counter()
            outcome = _outcome(curve, structure=structures[index], deps=deps)
            yield index, outcome.model_copy(update={"wall_s": now - last})
            last = now


def _outcome(curve: _Curve, *, structure: Structure, deps: Deps) -> Outcome:
    if len(curve.energies) < len(VOLUME_FACTORS):
        failure = curve.failures[0]
        return Outcome.failed(failure.code, f"At one volume: {failure.message}", hint=hint_for(failure.code))
    volumes = np.array([curve.volumes[factor] for factor in VOLUME_FACTORS])
    energies = np.array([curve.energies[factor] for factor in VOLUME_FACTORS])
    whole = fit_birch_murnaghan(volumes, energies)
    if whole is None:
        return Outcome.failed(
            "no_minimum",
            "The energy has no minimum within 9 % of the volume given.",
            hint="Relax the structure first.",
        )
    if whole.residual_ev > _LARGEST_RESIDUAL_EV_PER_ATOM:
        return Outcome.failed(
            "rough",
            f"The energies leave the fitted curve by up to {1000 * whole.residual_ev:.0f} meV/atom: the structure changes "
            "its form on compression, or the potential is too rough here.",
            hint=next_better("bulk_modulus", after="equation_of_state"),
        )
    spread = window_spread_gpa(whole, volumes=volumes, energies=energies)
    return _measured(whole, spread=spread, structure=structure, points=(volumes, energies), deps=deps)


def window_spread_gpa(whole: Fit, *, volumes: FloatArray, energies: FloatArray) -> float:
    """Scatter (GPa) of the bulk modulus over narrower windows of the volumes; a fifth of it where hardly one can be fitted."""
    windows = [fit_birch_murnaghan(volumes[low:high], energies[low:high]) for low, high in _WINDOWS]
    found = [window.bulk_modulus_gpa for window in windows if window is not None]
    return float(np.std(found)) if len(found) > 1 else 0.2 * whole.bulk_modulus_gpa


def _doubt(whole: Fit, structure: Structure) -> str | None:
    """Why the bulk modulus lies outside what was held against measurement, or None."""
    low, high = PRESSURE_DERIVATIVES
    if not low <= whole.pressure_derivative <= high:
        return (
            f"dK/dP comes out as {whole.pressure_derivative:.1f}, which no solid has ({low:g} to {high:g}): the energies of "
            "the potential are too rough here, and the error given is wide"
        )
    directions = bonded_directions(structure)
    if directions < 3:
        kind = ("molecules", "chains", "layers")[directions]
        return f"the crystal is made of {kind}, which dispersion holds together: the potential has none, and the error given is wide"
    return None


def _measured(
    whole: Fit, *, spread: float, structure: Structure, points: tuple[FloatArray, FloatArray], deps: Deps
) -> Outcome:
    volumes, energies = points
    known = calibration_for("bulk_modulus", foreign=_foreign(deps.settings))
    amounts = {str(symbol): float(n) for symbol, n in structure.composition.as_dict().items()}
    factor = known.correction(amounts, computed=whole.bulk_modulus_gpa)
    value = factor * whole.bulk_modulus_gpa
    problem = physical_problem("bulk_modulus", value)
    if problem is not None or not whole.bulk_modulus_gpa > 0:
        return Outcome.failed(
            "unphysical",
            problem or "The fitted bulk modulus is not positive.",
            hint=next_better("bulk_modulus", after="equation_of_state"),
        )
    doubt = _doubt(whole, structure)
    sigma = math.hypot(known.sigma(inside=doubt is None) * value, spread)
    warnings = ("the scatter over strain windows exceeds 10 %",) if spread > 0.1 * value else ()
    if doubt is not None:
        warnings += (f"{doubt}. {next_better('bulk_modulus', after='equation_of_state')}",)
    return Outcome(
        quantities={
            "bulk_modulus": Quantity(value=value, unit="GPa", sigma=sigma, truth=Truth.EXPERIMENT_300K),
        },
        facts={
            "uncorrected_bulk_modulus_gpa": round(whole.bulk_modulus_gpa, 2),
            "correction_factor": round(factor, 4),
            "inside_tested_domain": doubt is None,
            "spread_over_windows_gpa": round(spread, 2),
            "pressure_derivative": round(whole.pressure_derivative, 2),
            "equilibrium_volume_angstrom3_per_atom": round(whole.volume_angstrom3, 4),
            "largest_residual_mev_per_atom": round(1000 * whole.residual_ev, 2),
            "volumes_angstrom3_per_atom": [round(float(volume), 4) for volume in volumes],
            "energies_ev_per_atom": [round(float(energy), 5) for energy in energies],
        },
        method=method_of(deps.settings, name="Birch-Murnaghan fit, volumes ± 9 %", reference=known.source),
        warnings=warnings,
    )


def _foreign(settings: Settings) -> str | None:
    return None if is_default(settings) else name_of(settings)


@tool(
    name="equation_of_state",
    title="Bulk modulus from an equation of state",
    measures=("bulk_modulus",),
    cost_s=4.0,
    needs_worker=True,
    identity=lambda settings: (
        f"{potential_identity(settings)}:{calibration_for('bulk_modulus', foreign=_foreign(settings)).version}"
    ),
    run_many=run_many,
)
def run(args: EquationOfStateArgs, *, deps: Deps) -> Outcome:
    """Bulk modulus (GPa, against experiment at 300 K) of a relaxed structure from seven volumes.

    Typed failures: no_minimum, rough, unphysical, and those of the relaxation.
    """
    return next(iter(run_many([args], deps=deps)))[1]


TOOL = run
