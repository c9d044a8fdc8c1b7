"""Recognises a form whose place under pressure was measured, and says whether it is the stable one there."""

from __future__ import annotations

from pydantic import Field

from matsmith.core.errors import DataError
from matsmith.core.quantity import Quantity, Truth
from matsmith.core.record import Method, Outcome
from matsmith.knowledge.pressure_forms import pressure_system
from matsmith.tools.base import Args, Deps, StructureRef, tool
from matsmith.tools.symmetry import symmetry_of

_NAME = "energy_above_hull_at_conditions"
_TOLERANCE_ANGSTROM = 0.1


class KnownPressureFormArgs(Args):
    """Which structure, under which pressure, at which temperature."""

    structure: StructureRef
    pressure_gpa: float = Field(ge=0, le=500, description="pressure in GPa")
    temperature_k: float | None = Field(
        default=None, ge=0, le=4000, description="temperature in K; without it room temperature"
    )


@tool(name="known_pressure_form", title="Measured forms under pressure", measures=(_NAME,), cost_s=0.02)
def run(args: KnownPressureFormArgs, *, deps: Deps) -> Outcome:
    """Energy (eV/atom) above the form that was measured to be stable under a pressure; zero for that form itself.

    The structure is recognised by its formula, space group, primitive cell and volume. Away from a boundary the energy is the
    pressure beyond it times the volume that the change saves, with a third of it as error. Typed failures: not_listed, which
    says nothing about the material, and not_measured beyond the pressures and temperatures of the measurements.

    Example: matsmith tool known_pressure_form --args '{"structure": "stishovite.cif", "pressure_gpa": 10}'
    """
    given = deps.crystal(args.structure)
    system = pressure_system(given.amounts)
    symmetry = None if system is None else symmetry_of(given, tolerance_angstrom=_TOLERANCE_ANGSTROM)
    form = None
    if system is not None and symmetry is not None:
        form = system.form(
            space_group=symmetry.space_group,
            atoms=symmetry.atoms_in_primitive_cell,
            volume_angstrom3=given.volume_angstrom3 / len(given.species),
        )
    if system is None or form is None:
        return Outcome.failed(
            "not_listed",
            f"{given.formula} with this structure is none of the forms whose place under pressure ships.",
            hint="pressure_stability computes it.",
        )
    try:
        field = system.field(form, pressure_gpa=args.pressure_gpa, temperature_k=args.temperature_k)
    except DataError as error:
        return Outcome.failed("not_measured", error.message, hint=error.hint)
    return Outcome(
        quantities={
            _NAME: Quantity(
                value=field.above_ev_per_atom,
                unit="eV/atom",
                sigma=field.sigma_ev_per_atom,
                truth=Truth.EXPERIMENT_AT_CONDITIONS,
            )
        },
        facts={
            "form": form.name,
            "stable_form_there": field.stable.name,
            "pressure_gpa": args.pressure_gpa,
            "temperature_k": args.temperature_k,
            "boundaries": [
                f"{one.name} to {other.name} at {line.pressure_gpa:g} ± {line.sigma_gpa:g} GPa"
                for one, other, line in zip(system.forms, system.forms[1:], system.boundaries, strict=False)
            ],
        },
        method=Method(
            name="form recognised; pressure beyond the measured boundary times the volume that it saves",
            reference="; ".join(citation.text for citation in field.citations),
        ),
    )


TOOL = run
