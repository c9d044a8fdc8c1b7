"""Relaxation of atoms and cell to the nearest minimum of the potential's energy, many structures at once."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence

import numpy as np
from pydantic import Field

from matsmith.core.crystal import Crystal
from matsmith.core.quantity import Quantity, Truth
from matsmith.core.record import Outcome
from matsmith.models.relaxation import (
    EV_PER_ANGSTROM3_IN_GPA,
    RelaxationFailure,
    RelaxationSettings,
    Relaxed,
    relax,
)
from matsmith.tools.base import Args, Deps, StructureRef, tool
from matsmith.tools.potential import identity, is_default, potential
from matsmith.tools.results import hint_for, method_of

# Assumed for a potential whose error was not measured here.
_UNTESTED_ENERGY_SIGMA_EV_PER_ATOM = 0.05
# Mean absolute error of CHGNet 0.3.0 on its test set: Deng et al. 2023, Nat. Mach. Intell. 5, 1031.
ENERGY_SIGMA_EV_PER_ATOM = 0.030


class RelaxArgs(Args):
    """What to relax, how far and under which pressure."""

    structure: StructureRef
    force_tolerance_ev_per_angstrom: float = Field(default=0.05, gt=0, le=1)
    max_steps: int = Field(default=300, ge=1, le=5000)
    pressure_gpa: float = Field(default=0.0, ge=-20, le=500)
    keep_symmetry: bool = False

    def settings(self) -> RelaxationSettings:
        """The same as settings of the relaxation."""
        return RelaxationSettings(
            force_tolerance_ev_per_angstrom=self.force_tolerance_ev_per_angstrom,
            max_steps=self.max_steps,
            pressure_gpa=self.pressure_gpa,
            keep_symmetry=self.keep_symmetry,
        )


def run_many(batch: Sequence[RelaxArgs], *, deps: Deps) -> Iterator[tuple[int, Outcome]]:
    """Relax all structures together; those with equal settings share batches."""
    model = potential(deps.settings)
    groups: dict[RelaxationSettings, list[int]] = {}
    for index, args in enumerate(batch):
        groups.setdefault(args.settings(), []).append(index)
    for settings, indices in groups.items():
        structures = (deps.crystal(batch[index].structure).to_pymatgen() for index in indices)
        last = time.perf_counter()
        for place, result in relax(structures, potential=model, settings=settings):
            now = time.perf_counter()
            yield indices[place], _outcome(result, deps=deps).model_copy(update={"wall_s": now - last})
            last = now


def _outcome(result: Relaxed | RelaxationFailure, *, deps: Deps) -> Outcome:
    if isinstance(result, RelaxationFailure):
        return Outcome.failed(result.code, result.message, hint=hint_for(result.code))
    known = is_default(deps.settings)
    atoms = len(result.structure)
    moments = result.magnetic_moments
    pressure = -float(np.trace(result.stress_ev_per_angstrom3)) / 3 * EV_PER_ANGSTROM3_IN_GPA
    return Outcome(
        quantities={
            "energy": Quantity(
                value=result.energy_ev_per_atom,
                unit="eV/atom",
                sigma=ENERGY_SIGMA_EV_PER_ATOM if known else _UNTESTED_ENERGY_SIGMA_EV_PER_ATOM,
            ),
        },
        facts={
            "steps": result.steps,
            "largest_force_ev_per_angstrom": round(result.max_force_ev_per_angstrom, 4),
            "pressure_gpa": round(pressure, 3),
            "volume_angstrom3_per_atom": round(result.structure.volume / atoms, 4),
            "sum_of_unsigned_moments_bohr_magneton": None
            if moments is None
            else round(float(np.abs(moments).sum()), 3),
        },
        crystal=Crystal.from_pymatgen(result.structure),
        method=method_of(
            deps.settings,
            name="relaxation of atoms and cell",
            reference=f"{Truth.DFT_0K}, Materials Project 2020 corrections"
            if known
            else "the potential's own; its error was not measured here",
        ),
    )


@tool(
    name="relax",
    title="Relaxation of atoms and cell",
    cost_s=1.0,
    needs_worker=True,
    identity=identity,
    run_many=run_many,
)
def run(args: RelaxArgs, *, deps: Deps) -> Outcome:
    """Relax a structure (atoms, cell shape and volume) with the potential of the settings (`MATSMITH_POTENTIAL`).

    Quantity `energy` in eV/atom in the potential's own reference (of the default: Materials Project scale with its 2020
    corrections). Typed failures: overlap, collapsed, exploded, isolated_atoms, vacuum, not_covered, unconverged, malformed,
    calculator_failed.
    """
    return next(iter(run_many([args], deps=deps)))[1]


TOOL = run
