"""Density and volume per atom of a relaxed structure, corrected for the potential's bias in volume."""

from __future__ import annotations

from matsmith.core.properties import physical_problem
from matsmith.core.quantity import Quantity, Truth
from matsmith.core.record import Outcome
from matsmith.core.settings import Settings
from matsmith.knowledge.calibration import calibration
from matsmith.tools.base import Args, Deps, RecordRef, tool
from matsmith.tools.results import method_of

_GRAMS_PER_DALTON = 1.66053906660e-24
_CM3_PER_ANGSTROM3 = 1e-24


class DensityArgs(Args):
    """Which relaxation."""

    relaxed: RecordRef


def _identity(settings: Settings) -> str:
    del settings
    return calibration("volume").version


@tool(
    name="density",
    title="Density of the relaxed cell",
    measures=("density", "volume_per_atom"),
    cost_s=0.001,
    identity=_identity,
)
def run(args: DensityArgs, *, deps: Deps) -> Outcome:
    """Density (g/cm3) and volume per atom of a relaxed structure, against experiment at 300 K."""
    from pymatgen.core import Composition

    crystal = deps.crystal(args.relaxed)
    known = calibration("volume")
    volume = known.factor * crystal.volume_angstrom3
    mass = float(Composition(crystal.amounts).weight)
    density = mass * _GRAMS_PER_DALTON / (volume * _CM3_PER_ANGSTROM3)
    problem = physical_problem("density", density)
    if problem is not None:
        return Outcome.failed("unphysical", problem)
    per_atom = volume / len(crystal.species)
    return Outcome(
        quantities={
            "density": Quantity(
                value=density, unit="g/cm3", sigma=known.relative_sigma * density, truth=Truth.EXPERIMENT_300K
            ),
            "volume_per_atom": Quantity(
                value=per_atom,
                unit="angstrom3/atom",
                sigma=known.relative_sigma * per_atom,
                truth=Truth.EXPERIMENT_300K,
            ),
        },
        facts={"volume_correction_factor": known.factor},
        method=method_of(deps.settings, name="mass over relaxed volume", reference=known.source),
    )


TOOL = run
