"""Enthalpy of a crystal above everything it could turn into under a pressure, and its Gibbs energy at a temperature beside it.

Candidate and competitors are relaxed under the pressure by one potential: the forms that ship (lowest without pressure), the
structure types of the library that are likeliest there by static enthalpies, and measured crystals. Elements stand in their own
lowest form under the pressure. Compounds are put on the basis of the fitted references (knowledge/offsets.py), whose constants a
pressure does not change.

Of three elements or more the compounds that compete are not searched, and volumes are off by two hundredths, which the
pressure turns into an energy: the answer can refute, and confirms nothing. At a temperature the harmonic free energies of the
crystal and of what it would fall apart into, both under the pressure, are added; thermal expansion and phases that only
the temperature brings are left out.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pydantic import Field, JsonValue

from matsmith.core.crystal import Crystal
from matsmith.core.quantity import Quantity, Truth
from matsmith.core.record import Outcome
from matsmith.core.settings import Settings
from matsmith.knowledge.bonding_network import bonded_directions
from matsmith.knowledge.calibration import calibration
from matsmith.knowledge.formulas import key_amounts, reduced_key
from matsmith.knowledge.hull import ConvexHull
from matsmith.knowledge.offsets import formation_energy
from matsmith.knowledge.references import MOST_ELEMENTS, SHIPPED_ELEMENTS
from matsmith.models.compression import Compressed, compressed
from matsmith.models.relaxation import EV_PER_ANGSTROM3_IN_GPA
from matsmith.tools.base import Args, Deps, StructureRef, tool
from matsmith.tools.phonons import missing as missing_phonons
from matsmith.tools.potential import identity as potential_identity
from matsmith.tools.potential import is_default, name_of, potential
from matsmith.tools.relaxed_input import failed_relaxation
from matsmith.tools.results import foreign_energy, method_of
from matsmith.tools.stability import POLYMORPH_SIGMA_EV_PER_ATOM

if TYPE_CHECKING:
    from pymatgen.core import Structure

NAME = "energy_above_hull_at_conditions"
_GIVEN = "as given"
# Static energies are taken at volumes without pressure; a solid of 100 GPa gives way by so much of p V.
_SOFTNESS_PER_GPA, _LEAST_SHARE = 0.004, 0.6
_MOST_SCREENED, _MOST_RELAXED = 400, 120
_STABLE_EV_PER_ATOM = 1e-4


class PressureStabilityArgs(Args):
    """Which crystal, under which pressure, and how widely its competitors are searched."""

    structure: StructureRef
    pressure_gpa: float = Field(ge=0, le=300, description="pressure in GPa")
    temperature_k: float | None = Field(
        default=None, ge=0, le=3000, description="temperature in K; without it enthalpies at 0 K"
    )
    forms: int = Field(
        default=4,
        ge=1,
        le=20,
        description="structure types of each formula that are compressed, the likeliest first",
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """A crystal that competes: its formula, what it is called, and what it is under the pressure."""

    formula: str
    label: str
    state: Compressed

    @property
    def amounts(self) -> dict[str, float]:
        """Atoms of each element in a formula unit."""
        return {symbol: float(n) for symbol, n in key_amounts(self.formula).items()}


@dataclass(frozen=True, slots=True, kw_only=True)
class Hull:
    """The candidate above its competitors: eV/atom, and the forms that it would fall apart into with their shares of the atoms."""

    above_ev_per_atom: float
    products: tuple[tuple[Form, float], ...]


def _identity(settings: Settings) -> str:
    from matsmith.knowledge.prototypes import library_version
    from matsmith.tools.reference_identity import shipped_identity

    version = calibration("volume").version
    return f"{potential_identity(settings)}:{library_version()}:{shipped_identity()}:{version}"


@tool(
    name="pressure_stability",
    title="Stability under pressure",
    measures=(NAME,),
    cost_s=60.0,
    needs_worker=True,
    identity=_identity,
)
def run(args: PressureStabilityArgs, *, deps: Deps) -> Outcome:
    """Enthalpy (eV/atom) of a crystal above what it could turn into under a pressure; Gibbs energy with a temperature.

    The quantity `energy_above_hull_at_conditions` is negative where it is the lowest. Facts: what it would turn into, with the
    structure types and their volumes, and how many forms were compressed. The answer can refute, and confirms nothing. The
    structure returned is the crystal under the pressure. Typed failures: foreign_energy, no_references, dynamically_unstable,
    too_large, and those of the relaxation.

    Example: matsmith tool pressure_stability --args '{"structure": "quartz.cif", "pressure_gpa": 8}'
    """
    given = deps.crystal(args.structure)
    if not is_default(deps.settings):
        return foreign_energy(name_of(deps.settings))
    uncovered = [symbol for symbol in given.elements if symbol not in SHIPPED_ELEMENTS]
    if uncovered or len(given.elements) > MOST_ELEMENTS:
        reason = (
            f"the phases of {uncovered[0]} that ship are too few" if uncovered else "it has too many elements"
        )
        return Outcome.failed(
            "no_references",
            f"Competitors of {given.formula} cannot be compressed: {reason}.",
            hint="Compare two forms of it by hand: matsmith tool relax with pressure_gpa, for each.",
        )
    if args.temperature_k is not None:
        reason = missing_phonons(deps.settings)
        if reason is not None:
            return Outcome.failed("missing", f"At a temperature {reason}", hint="Leave out temperature_k.")
    own = reduced_key(given.amounts)
    starts = [(own, _GIVEN, given.to_pymatgen()), *_competitors(given, args=args, deps=deps)]
    forms: list[Form] = []
    candidate: Form | None = None
    for place, result in compressed(
        (structure for _, _, structure in starts),
        potential=potential(deps.settings),
        pressure_gpa=args.pressure_gpa,
    ):
        formula, label, _ = starts[place]
        if isinstance(result, Compressed):
            made = Form(formula=formula, label=label, state=result)
            if place == 0:
                candidate = made
            else:
                forms.append(made)
        elif place == 0:
            return failed_relaxation(f"Under {args.pressure_gpa:g} GPa", result)
        deps.note(
            f"{given.formula}: {len(forms)} of {len(starts)} forms compressed to {args.pressure_gpa:g} GPa"
        )
    if candidate is None:  # the relaxer answers for every crystal, so this one cannot be missing
        return Outcome.failed("unconverged", "The crystal was not relaxed.")
    hull = hull_of(candidate, forms, elements=given.elements)
    if hull is None:
        return Outcome.failed(
            "no_references",
            f"No form of an element of {given.formula} could be relaxed under {args.pressure_gpa:g} GPa.",
            hint="Take a lower pressure.",
        )
    return _outcome(candidate, hull, tried=len(starts), compressed_forms=len(forms), args=args, deps=deps)


def _competitors(
    given: Crystal, *, args: PressureStabilityArgs, deps: Deps
) -> list[tuple[str, str, Structure]]:
    """(formula, label, start) of every form to compress: shipped, measured, and the likeliest types of the library."""
    from matsmith.knowledge.crystals import find
    from matsmith.knowledge.phases import shipped_phases

    own = reduced_key(given.amounts)
    found: list[tuple[str, str, Structure]] = []
    formulas = {own, *given.elements}
    for phase in shipped_phases(given.elements):
        key = reduced_key(phase.formula)
        formulas.add(key)
        found.append((key, f"{phase.prototype}, shipped", phase.crystal().to_pymatgen()))
    for key in sorted(formulas):
        found += [
            (key, f"{entry.name}, measured", entry.structure().get_primitive_structure())
            for entry in find(key)
        ]
    found += _from_library(sorted(formulas), args=args, deps=deps)
    # The candidate's own formula and the elements first, so that a cut for the time takes neither.
    found.sort(key=lambda entry: (entry[0] != own, len(key_amounts(entry[0])) > 1))
    return found[:_MOST_RELAXED]


def _from_library(
    formulas: Sequence[str], *, args: PressureStabilityArgs, deps: Deps
) -> Iterator[tuple[str, str, Structure]]:
    """The structure types of each formula that are lowest under the pressure by their static energies."""
    from matsmith.tools.competing_screening import Screened, decorations_of, formula_key, screen
    from matsmith.tools.reference_evaluation import crystal_of

    share = max(_LEAST_SHARE, 1 - _SOFTNESS_PER_GPA * args.pressure_gpa)
    work = args.pressure_gpa / EV_PER_ANGSTROM3_IN_GPA * share

    def enthalpy(one: Screened) -> float:
        atoms = one.decoration.prototype.atoms
        volume = crystal_of(one.decoration).volume * math.exp(one.log_volume_change) / atoms
        return one.energy_ev_per_atom + work * volume

    by_elements: dict[tuple[str, ...], list[str]] = {}
    for formula in formulas:
        by_elements.setdefault(tuple(sorted(key_amounts(formula))), []).append(formula)
    for elements, wanted in by_elements.items():
        fitting = [d for d in decorations_of(elements) if formula_key(d) in wanted][:_MOST_SCREENED]
        ranked = sorted(
            screen(fitting, potential=potential(deps.settings)),
            key=lambda one: (enthalpy(one), one.decoration.prototype.name),
        )
        for formula in wanted:
            of_formula = [one for one in ranked if formula_key(one.decoration) == formula]
            for one in of_formula[: args.forms]:
                structure = crystal_of(one.decoration)
                structure.scale_lattice(structure.volume * math.exp(one.log_volume_change) * share)
                yield formula, one.decoration.prototype.label, structure


def hull_of(candidate: Form, forms: Sequence[Form], *, elements: Sequence[str]) -> Hull | None:
    """The candidate above the hull of enthalpies; None when an element has no form."""
    lowest: dict[str, Form] = {}
    for form in forms:
        held = lowest.get(form.formula)
        if held is None or form.state.enthalpy_ev_per_atom < held.state.enthalpy_ev_per_atom:
            lowest[form.formula] = form
    if any(symbol not in lowest for symbol in elements):
        return None
    ground = {symbol: _on_basis(lowest[symbol]) for symbol in elements}

    def formation(form: Form) -> float:
        """Enthalpy of formation from the elements in their lowest forms under the pressure, eV/atom."""
        amounts = form.amounts
        total = sum(amounts.values())
        return _on_basis(form) - sum(ground[symbol] * n / total for symbol, n in amounts.items())

    if len(elements) == 1:
        product = lowest[elements[0]]
        return Hull(above_ev_per_atom=formation(candidate), products=((product, 1.0),))
    compounds = [form for form in lowest.values() if len(form.amounts) > 1]
    hull = ConvexHull.build(
        elements,
        [_fractions(form.amounts, elements) for form in compounds],
        [formation(form) for form in compounds],
    )
    fractions = _fractions(candidate.amounts, elements)
    above = float(hull.energy_above_hull([fractions], [formation(candidate)])[0])
    products = tuple(
        (compounds[index] if index < len(compounds) else lowest[elements[index - len(compounds)]], share)
        for index, share in hull.decomposition(fractions)
    )
    return Hull(above_ev_per_atom=above, products=products)


def _on_basis(form: Form) -> float:
    """Enthalpy against the fitted references of the elements, eV/atom: zero of an element is its lowest form without pressure."""
    return formation_energy(form.amounts, form.state.enthalpy_ev_per_atom)[0]


def _fractions(amounts: Mapping[str, float], elements: Sequence[str]) -> list[float]:
    total = sum(amounts.values())
    return [amounts.get(symbol, 0.0) / total for symbol in elements]


def _outcome(
    candidate: Form,
    hull: Hull,
    *,
    tried: int,
    compressed_forms: int,
    args: PressureStabilityArgs,
    deps: Deps,
) -> Outcome:
    vibrations = (0.0, 0.0)
    if args.temperature_k is not None:
        found = _vibrations(candidate, hull, args=args, deps=deps)
        if isinstance(found, Outcome):
            return found
        vibrations = found
    value = hull.above_ev_per_atom + vibrations[0]
    sigma = math.hypot(sigma_of(candidate, hull), vibrations[1])
    where = f"{args.pressure_gpa:g} GPa" + (
        "" if args.temperature_k is None else f" and {args.temperature_k:g} K"
    )
    caveat = f"not refuted at {where}: compounds of three and more elements, and types outside the library, were not compressed"
    molecular = [form.label for form, _ in hull.products if bonded_directions(form.state.structure) == 0]
    warnings = (
        [f"molecules ({', '.join(molecular)}) are held by dispersion, which the potential lacks"]
        if molecular
        else []
    )
    return Outcome(
        quantities={
            NAME: Quantity(
                value=value,
                unit="eV/atom",
                sigma=sigma,
                truth=Truth.DFT_0K if args.temperature_k is None else Truth.EXPERIMENT_AT_CONDITIONS,
            )
        },
        facts={
            "pressure_gpa": args.pressure_gpa,
            "temperature_k": args.temperature_k,
            "enthalpy_above_hull_ev_per_atom": round(hull.above_ev_per_atom, 4),
            "vibrational_part_ev_per_atom": round(vibrations[0], 4),
            "turns_into": _listed(hull.products),
            "volume_angstrom3_per_atom": round(candidate.state.volume_angstrom3_per_atom, 4),
            "forms_tried": tried,
            "forms_compressed": compressed_forms,
            "word": "unstable" if value > _STABLE_EV_PER_ATOM else "not refuted",
            "inconclusive": {NAME: caveat},
        },
        crystal=Crystal.from_pymatgen(candidate.state.structure),
        method=method_of(
            deps.settings,
            name="hull of enthalpies E + pV, candidate and competitors relaxed under the pressure"
            + ("" if args.temperature_k is None else "; harmonic free energies at that volume"),
            reference="phases that ship, measured crystals and the library of structure types; fitted elemental references",
        ),
        warnings=tuple(warnings),
    )


def _listed(products: Sequence[tuple[Form, float]]) -> list[JsonValue]:
    return [
        {
            "formula": str(form.state.structure.composition.reduced_formula),
            "form": form.label,
            "share_of_atoms": round(share, 4),
            "volume_angstrom3_per_atom": round(form.state.volume_angstrom3_per_atom, 4),
        }
        for form, share in products
    ]


def sigma_of(candidate: Form, hull: Hull) -> float:
    """Error of the enthalpy above the hull: of the energies, and of the volumes times the pressure, in eV/atom.

    Half of the volumes' variance is taken to be common to both sides, and goes with the difference of their volumes; the other
    half goes with each. Where dispersion holds a side its volume has the far larger error of such crystals.
    """
    known = calibration("volume")
    one_formula = all(form.formula == candidate.formula for form, _ in hull.products)
    energy = POLYMORPH_SIGMA_EV_PER_ATOM if one_formula else formation_energy(candidate.amounts, 0.0)[1]
    parts = [(candidate, 1.0), *((form, -share) for form, share in hull.products)]
    common = sum(share * form.state.work_ev_per_atom for form, share in parts)
    loose = [
        share * form.state.work_ev_per_atom * known.sigma(inside=False)
        for form, share in parts
        if bonded_directions(form.state.structure) < 3
    ]
    each = [
        share * form.state.work_ev_per_atom * known.relative_sigma / math.sqrt(2.0) for form, share in parts
    ]
    return math.hypot(energy, known.relative_sigma * common, *each, *loose)


def _vibrations(
    candidate: Form, hull: Hull, *, args: PressureStabilityArgs, deps: Deps
) -> tuple[float, float] | Outcome:
    """Harmonic free energy of the candidate less that of its products at the temperature, and its error, eV/atom."""
    from matsmith.tools.phonons import PhononArgs
    from matsmith.tools.phonons import run_many as measure

    parts = [(candidate, 1.0), *((form, -share) for form, share in hull.products)]
    inputs = {str(n): Crystal.from_pymatgen(form.state.structure) for n, (form, _) in enumerate(parts)}
    calls = [
        PhononArgs(structure=key, temperature_k=args.temperature_k or 0.0, pressure_gpa=args.pressure_gpa)
        for key in inputs
    ]
    value, errors = 0.0, list[float]()
    for place, outcome in measure(calls, deps=Deps(settings=deps.settings, inputs=inputs, seed=deps.seed)):
        form, share = parts[place]
        deps.note(f"{form.formula} ({form.label}): vibrations at {args.temperature_k:g} K")
        if outcome.failure is not None:
            which = "The crystal" if place == 0 else f"{form.formula} ({form.label})"
            return Outcome.failed(
                outcome.failure.code,
                f"{which} under {args.pressure_gpa:g} GPa: {outcome.failure.message}",
                hint="Leave out temperature_k for the enthalpies at 0 K.",
            )
        found = outcome.quantities["vibrational_free_energy"]
        value += share * found.value
        errors.append(share * found.sigma)
    return value, math.hypot(*errors)


TOOL = run
