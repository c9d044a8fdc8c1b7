"""Recognises an electrode whose voltage was measured."""

from __future__ import annotations

from pydantic import Field

from matsmith.core.quantity import Quantity, Truth
from matsmith.core.record import Method, Outcome
from matsmith.knowledge.measured_voltages import voltages_of
from matsmith.tools.base import Args, Deps, StructureRef, tool
from matsmith.tools.symmetry import symmetry_of

_TOLERANCE_ANGSTROM = 0.1


class KnownVoltageArgs(Args):
    """Which discharged host, and which ion leaves it."""

    structure: StructureRef
    ion: str | None = Field(default=None, description="the mobile ion; without it the one that was measured")


@tool(name="known_voltage", title="Measured voltages", measures=("voltage",), cost_s=0.01)
def run(args: KnownVoltageArgs, *, deps: Deps) -> Outcome:
    """Measured mean voltage (V) of an electrode against the metal of its ion, when the structure is one that was measured.

    The host is recognised by its formula, space group and primitive cell. Typed failure `not_listed` when it is none of them, which says
    nothing about the material.

    Example: matsmith tool known_voltage --args '{"structure": "LiFePO4.cif"}'
    """
    given = deps.crystal(args.structure)
    listed = [one for one in voltages_of(given.amounts) if args.ion in (None, one.ion)]
    symmetry = symmetry_of(given, tolerance_angstrom=_TOLERANCE_ANGSTROM) if listed else None
    for one in listed:
        if (
            symmetry is not None
            and symmetry.space_group in one.space_groups
            and symmetry.atoms_in_primitive_cell == one.atoms
        ):
            return Outcome(
                quantities={
                    "voltage": Quantity(
                        value=one.voltage_v, unit="V", sigma=one.sigma_v, truth=Truth.EXPERIMENT_300K
                    )
                },
                facts={"ion": one.ion, "ions_left_share": one.left},
                method=Method(
                    name="electrode recognised; mean voltage over the charge, measured",
                    reference=one.citation.text,
                ),
            )
    return Outcome.failed(
        "not_listed",
        f"{given.formula} with this structure is none of the electrodes whose measured voltage ships.",
        hint="intercalation_voltage computes it.",
    )


TOOL = run
