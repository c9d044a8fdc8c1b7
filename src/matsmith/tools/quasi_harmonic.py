"""Gibbs energy, volume and thermal expansion of a crystal at temperature and pressure in the quasi-harmonic approximation.

Relaxed under the pressure, then energies and phonons at seven volumes (models/quasi_harmonic.py). Frequencies are corrected as those of
`phonons`; the expansion by a factor fitted to measured ones, whose error on crystals left out of the fit is two thirds of it:
`thermal_expansion` errs less, and the one given here is a second opinion that confirms nothing. Outside the volumes that were
computed, and where the atoms would swing as far as in a melt, the tool refuses.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from pydantic import Field, JsonValue

from matsmith.core.crystal import Crystal
from matsmith.core.quantity import Quantity, Truth
from matsmith.core.record import Outcome
from matsmith.core.settings import Settings
from matsmith.knowledge.calibration import calibration
from matsmith.knowledge.expansion_errors import expansion_errors
from matsmith.models.phonons import PhononFailure
from matsmith.models.quasi_harmonic import QuasiHarmonicCrystal, State
from matsmith.models.quasi_harmonic_runs import VOLUME_FACTORS, QuasiHarmonicRun, quasi_harmonic_runs
from matsmith.models.vibrational import Spectrum
from matsmith.tools.base import Args, Deps, StructureRef, tool
from matsmith.tools.drawn_facts import heating_fact
from matsmith.tools.melting import near_melting, refused_as_molten
from matsmith.tools.phonons import (
    Correction,
    correction_of,
    failed,
    identity,
    missing,
    swing,
)
from matsmith.tools.potential import is_default, name_of, potential
from matsmith.tools.relax import ENERGY_SIGMA_EV_PER_ATOM
from matsmith.tools.results import method_of

_LARGEST_RESIDUAL_EV_PER_ATOM = 0.01
_UNTESTED_RELATIVE_SIGMA, _UNTESTED_ENERGY_SIGMA_EV_PER_ATOM = 0.6, 0.05
_TESTED_K, _TESTED_GPA = (200.0, 500.0), 0.5


class QuasiHarmonicArgs(Args):
    """Which structure, at which temperature and pressure."""

    structure: StructureRef
    temperature_k: float = Field(default=298.15, ge=0, le=3000, description="temperature in K")
    pressure_gpa: float = Field(default=0.0, ge=-5, le=200, description="pressure in GPa")


@dataclass(frozen=True, kw_only=True)
class _Expansion:
    """Linear expansion in 1/K as given out, its error, and both estimates behind it."""

    value_per_k: float
    sigma_per_k: float
    minimised_per_k: float
    with_modulus_per_k: float
    reference: str
    crystals: int


def run_many(batch: Sequence[QuasiHarmonicArgs], *, deps: Deps) -> Iterator[tuple[int, Outcome]]:
    """Crystals under one pressure are relaxed in shared batches; one crystal at many temperatures is computed once."""
    model = potential(deps.settings)
    groups: dict[float, dict[str, list[int]]] = {}
    for index, args in enumerate(batch):
        groups.setdefault(args.pressure_gpa, {}).setdefault(args.structure, []).append(index)
    for pressure, askers in groups.items():
        structures = [deps.crystal(reference).to_pymatgen() for reference in askers]
        asked = list(askers.values())
        last = time.perf_counter()
        for place, result in quasi_harmonic_runs(structures, potential=model, pressure_gpa=pressure):
            for index in asked[place]:
                if isinstance(result, PhononFailure):
                    outcome = failed(result)
                else:
                    outcome = _outcome(result, args=batch[index], deps=deps)
                now = time.perf_counter()
                yield index, outcome.model_copy(update={"wall_s": now - last})
                last = now


def _outcome(result: QuasiHarmonicRun, *, args: QuasiHarmonicArgs, deps: Deps) -> Outcome:
    relaxed_volume = result.structure.volume / len(result.structure)
    reference = _nearest_spectrum(result.crystal, relaxed_volume)
    correction = correction_of(deps.settings, spectrum=reference, structure=result.structure)
    made = _with_frequencies(result.crystal, correction.factor)
    if made.residual_ev > _LARGEST_RESIDUAL_EV_PER_ATOM:
        return Outcome.failed(
            "rough",
            f"The energies leave the fitted curve by up to {1000 * made.residual_ev:.0f} meV/atom: the structure changes its form on "
            "compression, or the potential is too rough here.",
            hint="phonons gives heat capacity and free energy at the volume of the minimum.",
        )
    state = made.state(temperature_k=args.temperature_k, pressure_gpa=args.pressure_gpa)
    if not state.inside:
        low, high = (100 * (factor - 1) for factor in (VOLUME_FACTORS[0], VOLUME_FACTORS[-1]))
        return Outcome.failed(
            "out_of_range",
            f"At {args.temperature_k:g} K and {args.pressure_gpa:g} GPa no volume between {low:+.0f} and {high:+.0f} % of the relaxed "
            "one is stable: the crystal has melted there, or the potential is too soft for the quasi-harmonic approximation.",
            hint="Ask for a lower temperature; phonons gives the free energy at the volume of the minimum.",
        )
    ratio = swing(
        _nearest_spectrum(made, state.volume_angstrom3),
        structure=result.structure,
        temperature_k=args.temperature_k,
    )
    refusal = refused_as_molten(result.structure, temperature_k=args.temperature_k, ratio=ratio)
    if refusal is not None:
        return refusal
    modulus = made.bulk_modulus_gpa(temperature_k=args.temperature_k, pressure_gpa=args.pressure_gpa)
    expansion = _expansion(result, made, state=state, modulus_gpa=modulus, deps=deps)
    doubts = _doubts(result, args=args, ratio=ratio)
    return Outcome(
        quantities=_quantities(
            made, state=state, expansion=expansion, correction=correction, args=args, deps=deps
        ),
        facts={
            **_facts(result, made, state=state, modulus_gpa=modulus, expansion=expansion),
            "swing_over_neighbour_distance": round(ratio, 4),
            "inconclusive": {"thermal_expansion": "; ".join(doubts)} if doubts else {},
            **heating_fact(made, temperature_k=args.temperature_k, pressure_gpa=args.pressure_gpa),
        },
        crystal=Crystal.from_pymatgen(result.structure),
        method=method_of(
            deps.settings,
            name=f"quasi-harmonic approximation, {len(made.volumes)} volumes, supercells of {result.supercell_atoms} atoms (phonopy)",
            reference="; ".join(
                part for part in (correction.reference, expansion.reference if expansion else "") if part
            ),
        ),
        warnings=tuple(doubts),
    )


def _with_frequencies(crystal: QuasiHarmonicCrystal, factor: float) -> QuasiHarmonicCrystal:
    return QuasiHarmonicCrystal(
        volumes_angstrom3=crystal.volumes,
        energies_ev=crystal.energies,
        spectra=[spectrum.scaled(factor) for spectrum in crystal.spectra],
    )


def _nearest_spectrum(made: QuasiHarmonicCrystal, volume_angstrom3: float) -> Spectrum:
    gaps = [abs(volume - volume_angstrom3) for volume in made.volumes]
    return made.spectra[gaps.index(min(gaps))]


def _expansion(
    result: QuasiHarmonicRun,
    made: QuasiHarmonicCrystal,
    *,
    state: State,
    modulus_gpa: float | None,
    deps: Deps,
) -> _Expansion | None:
    """The linear expansion with its error; None where the neighbourhood of the state has no minimum."""
    minimised = made.linear_expansion_per_k(
        temperature_k=state.temperature_k, pressure_gpa=state.pressure_gpa
    )
    if minimised is None or modulus_gpa is None or not modulus_gpa > 0:
        return None
    corrected = modulus_gpa
    if is_default(deps.settings):
        amounts = {str(s): float(n) for s, n in result.structure.composition.as_dict().items()}
        corrected *= calibration("bulk_modulus").correction(amounts, computed=modulus_gpa)
    with_modulus = made.expansion_with_modulus_per_k(
        temperature_k=state.temperature_k, volume_angstrom3=state.volume_angstrom3, bulk_modulus_gpa=corrected
    )
    if not is_default(deps.settings):
        return _Expansion(
            value_per_k=minimised,
            sigma_per_k=_UNTESTED_RELATIVE_SIGMA * abs(minimised) + 2e-6,
            minimised_per_k=minimised,
            with_modulus_per_k=with_modulus,
            reference=f"{name_of(deps.settings)} was not held against measurement here: an assumed error",
            crystals=0,
        )
    held = expansion_errors()
    known = held.quasi_harmonic
    value = known.factor * (minimised if known.of == "minimised" else with_modulus)
    return _Expansion(
        value_per_k=value,
        sigma_per_k=known.sigma_per_k(value),
        minimised_per_k=minimised,
        with_modulus_per_k=with_modulus,
        reference=f"{held.source}, version {held.version}",
        crystals=known.crystals,
    )


def _quantities(
    made: QuasiHarmonicCrystal,
    *,
    state: State,
    expansion: _Expansion | None,
    correction: Correction,
    args: QuasiHarmonicArgs,
    deps: Deps,
) -> dict[str, Quantity]:
    at = {"temperature_k": args.temperature_k, "pressure_gpa": args.pressure_gpa}
    stiff, soft = (_with_frequencies(made, math.exp(sign * correction.sigma)).state(**at) for sign in (1, -1))
    static = ENERGY_SIGMA_EV_PER_ATOM if is_default(deps.settings) else _UNTESTED_ENERGY_SIGMA_EV_PER_ATOM
    quantities = {
        "gibbs_energy": Quantity(
            value=state.gibbs_ev,
            unit="eV/atom",
            sigma=math.hypot(static, (stiff.gibbs_ev - soft.gibbs_ev) / 2),
            truth=Truth.DFT_0K,
        ),
        "vibrational_gibbs_energy": Quantity(
            value=state.gibbs_ev - made.static_enthalpy_ev(pressure_gpa=args.pressure_gpa),
            unit="eV/atom",
            sigma=abs(stiff.gibbs_ev - soft.gibbs_ev) / 2,
            truth=Truth.EXPERIMENT_AT_CONDITIONS,
        ),
    }
    if expansion is not None:
        quantities["thermal_expansion"] = Quantity(
            value=expansion.value_per_k, unit="1/K", sigma=expansion.sigma_per_k, truth=Truth.EXPERIMENT_300K
        )
    return quantities


def _doubts(result: QuasiHarmonicRun, *, args: QuasiHarmonicArgs, ratio: float) -> list[str]:
    known = expansion_errors().quasi_harmonic
    doubts = [
        f"the potential's quasi-harmonics gave an expansion for {known.crystals} of {known.tried} measured crystals, with an error of "
        f"{100 * known.relative:.0f} %: thermal_expansion errs less"
    ]
    if result.volumes_left_out:
        doubts.append(
            f"{result.volumes_left_out} of {len(VOLUME_FACTORS)} volumes have imaginary modes and are left out"
        )
    if near_melting(ratio):
        doubts.append(near_melting(ratio))
    low, high = _TESTED_K
    if not low <= args.temperature_k <= high or abs(args.pressure_gpa) > _TESTED_GPA:
        doubts.append("the expansion was held against measurement near 298 K and at ambient pressure alone")
    return doubts


def _facts(
    result: QuasiHarmonicRun,
    made: QuasiHarmonicCrystal,
    *,
    state: State,
    modulus_gpa: float | None,
    expansion: _Expansion | None,
) -> dict[str, JsonValue]:
    facts: dict[str, JsonValue] = {
        "temperature_k": state.temperature_k,
        "pressure_gpa": state.pressure_gpa,
        "volume_angstrom3_per_atom": round(state.volume_angstrom3, 4),
        "relaxed_volume_angstrom3_per_atom": round(result.structure.volume / len(result.structure), 4),
        "isothermal_bulk_modulus_gpa": None if modulus_gpa is None else round(modulus_gpa, 2),
        "largest_residual_mev_per_atom": round(1000 * made.residual_ev, 2),
        "volumes_angstrom3_per_atom": [round(float(volume), 4) for volume in made.volumes],
        "energies_ev_per_atom": [round(float(energy), 5) for energy in made.energies],
    }
    if state.temperature_k > 0:
        facts["grueneisen_parameter"] = round(
            made.grueneisen_parameter(
                temperature_k=state.temperature_k, volume_angstrom3=state.volume_angstrom3
            ),
            3,
        )
    if expansion is not None:
        facts["uncorrected_expansion_per_k"] = {
            "of_the_volume_that_minimises": float(f"{expansion.minimised_per_k:.4g}"),
            "with_the_corrected_bulk_modulus": float(f"{expansion.with_modulus_per_k:.4g}"),
        }
    return facts


def _identity(settings: Settings) -> str:
    if not is_default(settings):
        return identity(settings)
    return f"{identity(settings)}:{expansion_errors().version}:{calibration('bulk_modulus').version}"


@tool(
    name="quasi_harmonic",
    title="Gibbs energy and thermal expansion",
    version="2",
    cost_s=60.0,
    needs_worker=True,
    identity=_identity,
    missing=missing,
    run_many=run_many,
)
def run(args: QuasiHarmonicArgs, *, deps: Deps) -> Outcome:
    """Linear thermal expansion (1/K, against experiment) and Gibbs energy (eV/atom) of a crystal at a temperature and pressure.

    The Gibbs energy is in the potential's own reference (of the default: the Materials Project scale); what vibrations and expansion
    add to the enthalpy of the resting atoms is given beside it. Facts: volume, bulk modulus
    and Grueneisen parameter there. Typed failures: out_of_range, molten, rough, dynamically_unstable, too_large, and those of
    the relaxation.

    Example: matsmith tool quasi_harmonic --args '{"structure": "MgO.cif", "temperature_k": 800, "pressure_gpa": 5}'
    """
    return next(iter(run_many([args], deps=deps)))[1]


TOOL = run
