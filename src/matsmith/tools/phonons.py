"""Phonons of a crystal: whether it is dynamically stable, its density of states, heat capacity, entropy and free energy.

The potential's frequencies are too low; they are corrected by a law fitted to measured entropies, and the error of that is
what the errors of the sums over the modes come from (knowledge/vibrational_errors.py). Of crystals that are stable the potential
calls some unstable, so that an imaginary frequency is a fact and a warning and refutes nothing. The harmonic crystal does not know
that it melts: it is refused above the melting point (tools/melting.py).
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from typing import TYPE_CHECKING

from pydantic import Field, JsonValue

from matsmith.core.crystal import Crystal
from matsmith.core.quantity import Quantity, Truth
from matsmith.core.record import Outcome
from matsmith.core.settings import Settings
from matsmith.knowledge.vibrational_errors import VibrationalErrors, vibrational_errors
from matsmith.models.phonons import PhononFailure, PhononSettings
from matsmith.models.relaxed_phonons import IMAGINARY_THZ, ConvergedPhonons, relaxed_phonons
from matsmith.models.vibrational import Spectrum
from matsmith.tools.base import Args, Deps, StructureRef, tool
from matsmith.tools.drawn_facts import bands_fact
from matsmith.tools.melting import near_melting, refused_as_molten, swing_ratio
from matsmith.tools.potential import identity as potential_identity
from matsmith.tools.potential import is_default, name_of, potential
from matsmith.tools.results import hint_for, method_of

if TYPE_CHECKING:
    from pymatgen.core import Structure

# Beyond this share of imaginary modes the sums over the others say nothing.
_MOST_IMAGINARY = 0.1
_UNTESTED_FREQUENCY_SIGMA, _UNTESTED_HEAT_SIGMA = 0.15, 0.05
_STATES_KEPT = 48


class PhononArgs(Args):
    """Which structure, at which temperature and pressure, and how far images of an atom stand apart."""

    structure: StructureRef
    temperature_k: float = Field(default=298.15, ge=0, le=4000, description="temperature in K")
    pressure_gpa: float = Field(default=0.0, ge=-20, le=500)
    image_distance_angstrom: float = Field(
        default=9.0, ge=5, le=30, description="least distance of an atom from its image in the supercell"
    )
    imaginary_tolerance_thz: float = Field(default=IMAGINARY_THZ, gt=0, le=5)


@dataclass(frozen=True, kw_only=True)
class Correction:
    """What is done to the spectrum, and the errors that are left."""

    factor: float
    sigma: float
    heat_sigma: float
    errors: VibrationalErrors | None
    reference: str


def correction_of(settings: Settings, *, spectrum: Spectrum, structure: Structure) -> Correction:
    """The fitted correction of a crystal's spectrum for the default potential; none and assumed errors for another."""
    if not is_default(settings):
        return Correction(
            factor=1.0,
            sigma=_UNTESTED_FREQUENCY_SIGMA,
            heat_sigma=_UNTESTED_HEAT_SIGMA,
            errors=None,
            reference=f"{name_of(settings)} was not held against measurement here: no correction, and an assumed error",
        )
    known = vibrational_errors()
    amounts = {str(symbol): float(amount) for symbol, amount in structure.composition.as_dict().items()}
    return Correction(
        factor=known.factor(amounts, mean_frequency_thz=spectrum.mean_frequency_thz(1.0)),
        sigma=known.frequency_sigma,
        heat_sigma=known.heat_sigma,
        errors=known,
        reference=f"{known.source}, version {known.version}",
    )


def run_many(batch: Sequence[PhononArgs], *, deps: Deps) -> Iterator[tuple[int, Outcome]]:
    """Crystals with equal settings are relaxed in shared batches; one crystal at many temperatures is computed once."""
    model = potential(deps.settings)
    groups: dict[tuple[float, float], dict[str, list[int]]] = {}
    for index, args in enumerate(batch):
        alike = groups.setdefault((args.pressure_gpa, args.image_distance_angstrom), {})
        alike.setdefault(args.structure, []).append(index)
    for (pressure, distance), askers in groups.items():
        structures = [deps.crystal(reference).to_pymatgen() for reference in askers]
        asked = list(askers.values())
        last = time.perf_counter()
        results = relaxed_phonons(
            structures,
            potential=model,
            pressure_gpa=pressure,
            settings=PhononSettings(image_distance_angstrom=distance, bands=True),
        )
        for place, result in results:
            for index in asked[place]:
                outcome = _outcome(result, args=batch[index], deps=deps)
                now = time.perf_counter()
                yield index, outcome.model_copy(update={"wall_s": now - last})
                last = now


def failed(failure: PhononFailure) -> Outcome:
    """The typed failure of a crystal without a spectrum."""
    hint = (
        "Take a smaller image_distance_angstrom." if failure.code == "too_large" else hint_for(failure.code)
    )
    return Outcome.failed(failure.code, failure.message, hint=hint)


def swing(spectrum: Spectrum, *, structure: Structure, temperature_k: float) -> float:
    """Root mean square displacement of an atom of the mean mass over the distance of nearest neighbours."""
    mass = float(structure.composition.weight) / len(structure)
    square = spectrum.mean_square_displacement_angstrom2(temperature_k, mass_g_per_mol=mass)
    return swing_ratio(structure, mean_square_angstrom2=square)


def missing(settings: Settings) -> str | None:
    """What has to be installed for phonons, or None."""
    del settings
    return (
        None
        if find_spec("phonopy") is not None
        else "the package phonopy is not installed: `pip install phonopy`."
    )


def _outcome(result: ConvergedPhonons | PhononFailure, *, args: PhononArgs, deps: Deps) -> Outcome:
    if isinstance(result, PhononFailure):
        return failed(result)
    fine = result.fine
    share = fine.spectrum.imaginary_share(args.imaginary_tolerance_thz)
    if share > _MOST_IMAGINARY:
        return Outcome.failed(
            "dynamically_unstable",
            f"{100 * share:.0f} % of the modes are imaginary (down to {fine.spectrum.lowest_thz:.1f} THz): the potential does not hold "
            "this structure, and has no thermodynamics for it.",
            hint="Follow the instability: relax a supercell with displaced atoms, or take another structure.",
        )
    correction = correction_of(deps.settings, spectrum=fine.spectrum, structure=fine.structure)
    spectrum = fine.spectrum.scaled(correction.factor)
    ratio = swing(spectrum, structure=fine.structure, temperature_k=args.temperature_k)
    refusal = refused_as_molten(fine.structure, temperature_k=args.temperature_k, ratio=ratio)
    if refusal is not None:
        return refusal
    doubts = _doubts(result, share=share, ratio=ratio)
    return Outcome(
        quantities=_quantities(result, spectrum=spectrum, correction=correction, args=args),
        facts={
            **_facts(result, spectrum=spectrum, correction=correction, args=args, share=share),
            "swing_over_neighbour_distance": round(ratio, 4),
            "inconclusive": {"heat_capacity": "; ".join(doubts)} if doubts else {},
        },
        crystal=Crystal.from_pymatgen(fine.structure),
        method=method_of(
            deps.settings,
            name=f"finite displacements of {PhononSettings().displacement_angstrom:g} Å in a supercell of {fine.supercell_atoms} atoms "
            "(phonopy), frequencies corrected",
            reference=correction.reference,
        ),
        warnings=tuple(doubts),
    )


def _doubts(result: ConvergedPhonons, *, share: float, ratio: float) -> list[str]:
    doubts: list[str] = []
    if share > 0:
        wrong, of = vibrational_errors().unstable_of_stable
        doubts.append(
            f"{100 * share:.1f} % of the modes are imaginary (down to {result.fine.spectrum.lowest_thz:.1f} THz): the structure is "
            f"dynamically unstable by the potential, as it finds of {wrong} of {of} crystals that are stable"
        )
    if near_melting(ratio):
        doubts.append(near_melting(ratio))
    return doubts


def _quantities(
    result: ConvergedPhonons, *, spectrum: Spectrum, correction: Correction, args: PhononArgs
) -> dict[str, Quantity]:
    structure = result.fine.structure
    mass_kg = float(structure.composition.weight) / len(structure) / 1000
    temperature = args.temperature_k
    coarse = spectrum if result.coarse is None else result.coarse.spectrum.scaled(correction.factor)
    stiff, soft = (spectrum.scaled(math.exp(sign * correction.sigma)) for sign in (1, -1))

    def error(of_spectrum: str) -> float:
        """Half of what the error of the frequencies moves a quantity by, with what the smaller supercell moves it by."""
        values = [float(getattr(one, of_spectrum)(temperature)) for one in (spectrum, coarse, stiff, soft)]
        return math.hypot(values[0] - values[1], (values[2] - values[3]) / 2)

    heat = spectrum.heat_capacity_j_per_mol_atoms_k(temperature)
    factor = 1.0
    if correction.errors is not None:
        factor = correction.errors.pressure_factor(heat_j_per_mol_atoms_k=heat, temperature_k=temperature)
    heat_sigma = math.hypot(
        error("heat_capacity_j_per_mol_atoms_k"),
        correction.heat_sigma * heat * max(1.0, temperature / 298.15),
    )
    return {
        "heat_capacity": Quantity(
            value=factor * heat / mass_kg,
            unit="J/(kg*K)",
            sigma=heat_sigma / mass_kg,
            truth=Truth.EXPERIMENT_300K,
        ),
        "vibrational_entropy": Quantity(
            value=spectrum.entropy_j_per_mol_atoms_k(temperature),
            unit="J/(mol*K)",
            sigma=error("entropy_j_per_mol_atoms_k"),
            truth=Truth.EXPERIMENT_300K,
        ),
        "vibrational_free_energy": Quantity(
            value=spectrum.free_energy_ev_per_atom(temperature),
            unit="eV/atom",
            sigma=error("free_energy_ev_per_atom"),
            truth=Truth.EXPERIMENT_300K,
        ),
    }


def _facts(
    result: ConvergedPhonons, *, spectrum: Spectrum, correction: Correction, args: PhononArgs, share: float
) -> dict[str, JsonValue]:
    fine, coarse = result.fine, result.coarse
    grid, states = spectrum.density_of_states(points=_STATES_KEPT)
    heat = spectrum.heat_capacity_j_per_mol_atoms_k(args.temperature_k)
    return {
        "temperature_k": args.temperature_k,
        "pressure_gpa": args.pressure_gpa,
        "dynamically_stable": share == 0,
        "imaginary_share": round(share, 5),
        "lowest_frequency_thz": round(fine.spectrum.lowest_thz, 3),
        "highest_frequency_thz": round(spectrum.highest_thz, 3),
        "mean_frequency_thz": round(spectrum.mean_frequency_thz(1.0), 3),
        "frequency_correction": round(correction.factor, 4),
        "heat_capacity_at_constant_volume_j_per_mol_atoms_k": round(heat, 4),
        "zero_point_energy_ev_per_atom": round(spectrum.free_energy_ev_per_atom(0.0), 5),
        "supercell_atoms": fine.supercell_atoms,
        "displacements": fine.displacements,
        "image_distance_angstrom": round(fine.image_distance_angstrom, 3),
        "smaller_supercell": None
        if coarse is None
        else {
            "atoms": coarse.supercell_atoms,
            "lowest_frequency_thz": round(coarse.spectrum.lowest_thz, 3),
            "highest_frequency_thz": round(coarse.spectrum.highest_thz * correction.factor, 3),
            "entropy_j_per_mol_atoms_k": round(
                coarse.spectrum.scaled(correction.factor).entropy_j_per_mol_atoms_k(args.temperature_k), 3
            ),
        },
        "density_of_states": {
            "frequency_thz": [round(float(value), 2) for value in grid],
            "states_per_thz_and_cell": [round(float(value), 3) for value in states],
        },
        **bands_fact(fine.bands, factor=correction.factor),
    }


def identity(settings: Settings) -> str:
    """What a result of the vibrations depends on: the potential, and the version of the correction."""
    return (
        f"{potential_identity(settings)}:{vibrational_errors().version if is_default(settings) else 'none'}"
    )


@tool(
    name="phonons",
    title="Phonons and heat capacity",
    measures=("heat_capacity",),
    cost_s=20.0,
    needs_worker=True,
    identity=identity,
    missing=missing,
    run_many=run_many,
)
def run(args: PhononArgs, *, deps: Deps) -> Outcome:
    """Phonons of a crystal from finite displacements, and its heat capacity (J/(kg K), at constant pressure) at a temperature.

    Quantities besides: vibrational entropy (per mole of atoms) and free energy with the zero point (eV/atom). Facts: dynamical
    stability with its tolerance, density of states, convergence in the supercell. Typed failures: dynamically_unstable, molten,
    too_large, and those of the relaxation.

    Example: matsmith tool phonons --args '{"structure": "MgO.cif", "temperature_k": 800}'
    """
    return next(iter(run_many([args], deps=deps)))[1]


TOOL = run
