"""Recognises a measured crystal and returns what was measured on it."""

from __future__ import annotations

from matsmith.core.quantity import Quantity, Truth
from matsmith.core.record import Method, Outcome
from matsmith.knowledge.crystals import MeasuredCrystal, find
from matsmith.knowledge.measured_properties import MeasuredName, measured
from matsmith.tools.base import Args, Deps, StructureRef, tool

# The stable phase at ambient conditions lies on the hull; what remains is that 298 K is not 0 K (kT = 26 meV over the
# modes that differ between phases) and that slow decompositions can go unnoticed.
_OBSERVED_STABLE_SIGMA_EV_PER_ATOM = 0.01
_DEFAULT_RELATIVE_SIGMA = 0.05
# Between reports of one material: indentation goes with load and orientation, conduction of heat with the purity of the sample.
_MEASURED_BESIDE: dict[MeasuredName, float] = {
    "hardness": 0.1,
    "debye_temperature": 0.03,
    "thermal_conductivity": 0.15,
}
# Relaxed volumes lie within 8 % of measured ones, layered crystals and soft molecular ones apart.
_VOLUME_TOLERANCE = 0.15


class KnownCrystalArgs(Args):
    """Which structure; best a relaxed one."""

    structure: StructureRef


def match(formula: str, args: KnownCrystalArgs, *, deps: Deps) -> MeasuredCrystal | None:
    """The measured crystal that has this structure, or None."""
    entries = find(formula)
    if not entries:
        return None
    from pymatgen.analysis.structure_matcher import StructureMatcher

    structure = deps.crystal(args.structure).to_pymatgen()
    matcher = StructureMatcher(ltol=0.2, stol=0.3, angle_tol=5.0)
    per_atom = structure.volume / len(structure)
    for entry in entries:
        measured = entry.structure()
        # The matcher scales volumes away: a compressed form of the same type is not what was measured.
        near = abs(per_atom / (measured.volume / len(measured)) - 1.0) <= _VOLUME_TOLERANCE
        if near and matcher.fit(structure, measured):
            return entry
    return None


@tool(
    name="known_crystal",
    title="Measured crystals",
    version="2",
    measures=("bulk_modulus", "density", "energy_above_hull", *_MEASURED_BESIDE),
    cost_s=0.02,
)
def run(args: KnownCrystalArgs, *, deps: Deps) -> Outcome:
    """Measured bulk modulus, density, hardness, Debye temperature, heat conduction (300 K) and observed stability of a measured crystal.

    Typed failure `not_listed` when it is none of them, which says nothing about the material.
    """
    formula = deps.crystal(args.structure).formula
    entry = match(formula, args, deps=deps)
    if entry is None:
        return Outcome.failed(
            "not_listed", f"{formula} with this structure is none of the measured crystals that ship."
        )
    quantities: dict[str, Quantity] = {
        "density": Quantity(
            value=entry.density_g_per_cm3,
            unit="g/cm3",
            sigma=0.005 * entry.density_g_per_cm3,
            truth=Truth.EXPERIMENT_300K,
        )
    }
    if entry.bulk_modulus_gpa is not None:
        sigma = entry.bulk_modulus_sigma_gpa or _DEFAULT_RELATIVE_SIGMA * entry.bulk_modulus_gpa
        quantities["bulk_modulus"] = Quantity(
            value=entry.bulk_modulus_gpa, unit="GPa", sigma=sigma, truth=Truth.EXPERIMENT_300K
        )
    if entry.stable_at_ambient:
        quantities["energy_above_hull"] = Quantity(
            value=0.0, unit="eV/atom", sigma=_OBSERVED_STABLE_SIGMA_EV_PER_ATOM, truth=Truth.EXPERIMENT_300K
        )
    sources = [citation.text for citation in entry.citations]
    for name, relative in _MEASURED_BESIDE.items():
        found = measured(name).get((entry.formula, entry.name))
        if found is not None:
            quantities[name] = Quantity(
                value=found.value,
                unit=found.unit,
                sigma=relative * found.value,
                truth=Truth.EXPERIMENT_300K,
            )
            sources.append(found.citation.text)
    return Outcome(
        quantities=quantities,
        facts={
            "name": entry.name,
            "prototype": entry.prototype,
            "stable_at_ambient": entry.stable_at_ambient,
            "note": entry.note,
            "evidence_of_stability": "observed as the stable phase at ambient conditions"
            if entry.stable_at_ambient
            else "",
        },
        method=Method(
            name="structure matched with a measured crystal", reference="; ".join(dict.fromkeys(sources))
        ),
    )


TOOL = run
