"""Enthalpy of a crystal above everything it could turn into under a pressure, and its Gibbs energy at a temperature beside it.

Candidate and competitors are relaxed under the pressure by one potential: the forms that ship (lowest without pressure), the
structure types of the library that are likeliest there by static enthalpies, and measured crystals. Elements stand in their own
lowest form under the pressure. Compounds are put on the basis of the fitted references (knowledge/offsets.py), whose constants a
pressure does not change.

Of three elements or more the compounds that compete are not searched, and volumes are off by two hundredths, which the
pressure turns into an energy: the answer can refute, and confirms nothing. At a temperature the quasi-harmonic Gibbs energies of
the crystal and of what it would fall apart into, both under the pressure, take the place of the enthalpies; phases that only the
temperature brings are left out. Where the potential has no vibrations for one side there is no answer.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from pydantic import Field, JsonValue

from matsmith.core.crystal import Crystal
from matsmith.core.quantity import Quantity, Truth
from matsmith.core.record import Outcome
from matsmith.core.settings import Settings
from matsmith.knowledge.bonding_network import bonded_directions
from matsmith.knowledge.calibration import calibration
from matsmith.knowledge.formulas import reduced_key
from matsmith.knowledge.hull import ConvexHull
from matsmith.knowledge.offsets import formation_energy
from matsmith.knowledge.references import MOST_ELEMENTS, SHIPPED_ELEMENTS
from matsmith.models.compression import Compressed, compressed
from matsmith.tools.base import Args, Deps, StructureRef, tool
from matsmith.tools.phonons import missing as missing_phonons
from matsmith.tools.potential import identity as potential_identity
from matsmith.tools.potential import is_default, name_of, potential
from matsmith.tools.pressure_competitors import Competitors, Form, competitors_of
from matsmith.tools.relaxed_input import failed_relaxation
from matsmith.tools.results import foreign_energy, method_of
from matsmith.tools.stability import POLYMORPH_SIGMA_EV_PER_ATOM

NAME = "energy_above_hull_at_conditions"
_GIVEN = "as given"
_STABLE_EV_PER_ATOM = 1e-4
# At 17 measured boundaries between forms the potential's enthalpies differ by so much in 68 of 100, beside what volumes and pressures
# leave open (benchmarks/pressure_transitions.py --boundaries): forms that pressure brings have other neighbours.
_OTHER_COORDINATION_SIGMA_EV_PER_ATOM = 0.05
_ALIKE = 0.005
# The tool that has the vibrations, and its quantity.
_VIBRATIONS_BY = {
    "quasi-harmonic": ("quasi_harmonic", "vibrational_gibbs_energy"),
    "harmonic": ("phonons", "vibrational_free_energy"),
}


class PressureStabilityArgs(Args):
    """Which crystal, under which pressure, and how widely its competitors are searched."""

    structure: StructureRef
    pressure_gpa: float = Field(ge=0, le=300, description="pressure in GPa")
    temperature_k: float | None = Field(
        default=None, ge=0, le=3000, description="temperature in K; without it enthalpies at 0 K"
    )
    vibrations: Literal["quasi-harmonic", "harmonic"] = Field(
        default="quasi-harmonic",
        description="at a temperature: with thermal expansion, or at the volume of 0 K, which takes a seventh of the time",
    )
    forms: int = Field(
        default=4,
        ge=1,
        le=20,
        description="structure types of each formula that are compressed, the likeliest first",
    )


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


def _refusal(given: Crystal, args: PressureStabilityArgs, *, settings: Settings) -> Outcome | None:
    """The typed failure of a crystal whose competitors cannot be compressed, or None."""
    if not is_default(settings):
        return foreign_energy(name_of(settings))
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
        reason = missing_phonons(settings)
        if reason is not None:
            return Outcome.failed("missing", f"At a temperature {reason}", hint="Leave out temperature_k.")
    return None


def run_many(batch: Sequence[PressureStabilityArgs], *, deps: Deps) -> Iterator[tuple[int, Outcome]]:
    """Crystals under one pressure are relaxed in shared batches; competitors of a formula once for all of its crystals."""
    last = time.perf_counter()

    def timed(outcome: Outcome) -> Outcome:
        nonlocal last
        now = time.perf_counter()
        before, last = last, now
        return outcome.model_copy(update={"wall_s": now - before})

    groups: dict[float, list[int]] = {}
    for index, args in enumerate(batch):
        refusal = _refusal(deps.crystal(args.structure), args, settings=deps.settings)
        if refusal is None:
            groups.setdefault(args.pressure_gpa, []).append(index)
        else:
            yield index, timed(refusal)
    for pressure, indices in groups.items():
        structures = [deps.crystal(batch[index].structure).to_pymatgen() for index in indices]
        results = compressed(structures, potential=potential(deps.settings), pressure_gpa=pressure)
        for place, result in results:
            index = indices[place]
            if isinstance(result, Compressed):
                yield index, timed(_judged(result, args=batch[index], deps=deps))
            else:
                yield index, timed(failed_relaxation(f"Under {pressure:g} GPa", result))


def _judged(state: Compressed, *, args: PressureStabilityArgs, deps: Deps) -> Outcome:
    """A compressed crystal held against its competitors."""
    given = deps.crystal(args.structure)
    candidate = Form(formula=reduced_key(given.amounts), label=_GIVEN, state=state)
    against = competitors_of(
        given.elements,
        own=candidate.formula,
        pressure_gpa=args.pressure_gpa,
        most_types=args.forms,
        settings=deps.settings,
        note=deps.note,
    )
    hull = hull_of(candidate, against.forms, elements=given.elements)
    if hull is None:
        return Outcome.failed(
            "no_references",
            f"No form of an element of {given.formula} could be relaxed under {args.pressure_gpa:g} GPa.",
            hint="Take a lower pressure.",
        )
    return _outcome(candidate, hull, against=against, args=args, deps=deps)


@tool(
    name="pressure_stability",
    title="Stability under pressure",
    version="2",
    measures=(NAME,),
    cost_s=60.0,
    needs_worker=True,
    identity=_identity,
    run_many=run_many,
)
def run(args: PressureStabilityArgs, *, deps: Deps) -> Outcome:
    """Enthalpy (eV/atom) of a crystal above what it could turn into under a pressure; Gibbs energy with a temperature.

    The quantity `energy_above_hull_at_conditions` is negative where it is the lowest. Facts: what it would turn into, with the
    structure types and their volumes, and how many forms were compressed. The answer can refute, and confirms nothing. The
    structure returned is the crystal under the pressure. Typed failures: foreign_energy, no_references, and those of the relaxation;
    with a temperature also those of quasi_harmonic or of phonons (dynamically_unstable, rough, out_of_range, molten, too_large).

    Example: matsmith tool pressure_stability --args '{"structure": "quartz.cif", "pressure_gpa": 8}'
    """
    return next(iter(run_many([args], deps=deps)))[1]


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
    against: Competitors,
    args: PressureStabilityArgs,
    deps: Deps,
) -> Outcome:
    vibrations = (0.0, 0.0)
    if args.temperature_k is not None:
        found = _vibrations(candidate, hull, against=against, args=args, deps=deps)
        if isinstance(found, Outcome):
            return found
        vibrations = found
    value = hull.above_ev_per_atom + vibrations[0]
    sigma = math.hypot(sigma_of(candidate, hull), vibrations[1])
    where = f"{args.pressure_gpa:g} GPa" + (
        "" if args.temperature_k is None else f" and {args.temperature_k:g} K"
    )
    caveat = (
        f"at {where} this can refute and confirms nothing: compounds of three and more elements, and types outside the library, were not "
        "compressed"
    )
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
            "forms_tried": against.tried + 1,
            "forms_compressed": len(against.forms) + 1,
            "word": "unstable" if value > _STABLE_EV_PER_ATOM else "not refuted",
            "inconclusive": {NAME: caveat},
        },
        crystal=Crystal.from_pymatgen(candidate.state.structure),
        method=method_of(
            deps.settings,
            name="hull of enthalpies E + pV, candidate and competitors relaxed under the pressure"
            + ("" if args.temperature_k is None else f"; {args.vibrations} Gibbs energies of both sides"),
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


def _alike(one: Form, other: Form) -> bool:
    """Whether two forms of a formula have one volume: pressure does not turn the one into the other."""
    volumes = one.state.volume_angstrom3_per_atom, other.state.volume_angstrom3_per_atom
    return abs(math.log(volumes[0] / volumes[1])) < _ALIKE


def sigma_of(candidate: Form, hull: Hull) -> float:
    """Error of the enthalpy above the hull: of the energies, and of the volumes times the pressure, in eV/atom.

    Half of the volumes' variance is taken to be common to both sides, and goes with the difference of their volumes; the other
    half goes with each. Where dispersion holds a side its volume has the far larger error of such crystals.
    """
    known = calibration("volume")
    one_formula = all(form.formula == candidate.formula for form, _ in hull.products)
    if not one_formula:
        energy = formation_energy(candidate.amounts, 0.0)[1]
    elif all(_alike(form, candidate) for form, _ in hull.products):
        energy = POLYMORPH_SIGMA_EV_PER_ATOM
    else:
        energy = _OTHER_COORDINATION_SIGMA_EV_PER_ATOM
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
    candidate: Form, hull: Hull, *, against: Competitors, args: PressureStabilityArgs, deps: Deps
) -> tuple[float, float] | Outcome:
    """What vibrations and expansion add to the candidate less what they add to its products, and its error, eV/atom."""
    temperature = args.temperature_k or 0.0
    value, errors = 0.0, list[float]()
    for form, share in [(candidate, 1.0), *((form, -share) for form, share in hull.products)]:
        own = form is candidate
        key = (form.formula, form.label, temperature, args.vibrations)
        found = None if own else against.vibrations.get(key)
        if found is None:
            deps.note(f"{form.formula} ({form.label}): vibrations at {temperature:g} K")
            found = _vibrations_of(form, args=args, deps=deps)
            if not own:
                against.vibrations[key] = found
        if isinstance(found, Outcome):
            failure = found.failure
            which = "The crystal" if own else f"{form.formula} ({form.label})"
            return Outcome.failed(
                failure.code if failure else "failed",
                f"{which} under {args.pressure_gpa:g} GPa: {failure.message if failure else ''}",
                hint="Leave out temperature_k for the enthalpies at 0 K"
                + ("." if args.vibrations == "harmonic" else ', or take vibrations="harmonic".'),
            )
        value += share * found[0]
        errors.append(share * found[1])
    return value, math.hypot(*errors)


def _vibrations_of(form: Form, *, args: PressureStabilityArgs, deps: Deps) -> tuple[float, float] | Outcome:
    """What vibrations add to one form's enthalpy at the temperature, with its error, eV/atom; or why there is nothing."""
    from matsmith.tools.registry import get_tool

    tool_name, quantity = _VIBRATIONS_BY[args.vibrations]
    measure = get_tool(tool_name)
    call = measure.args.model_validate(
        {"structure": "form", "temperature_k": args.temperature_k, "pressure_gpa": args.pressure_gpa}
    )
    inputs = {"form": Crystal.from_pymatgen(form.state.structure)}
    outcome = measure.run(call, deps=Deps(settings=deps.settings, inputs=inputs, seed=deps.seed))
    if outcome.failure is not None:
        return outcome
    if outcome.facts.get("dynamically_stable") is False:
        return Outcome.failed("dynamically_unstable", "; ".join(outcome.warnings))
    found = outcome.quantities[quantity]
    return found.value, found.sigma


TOOL = run
