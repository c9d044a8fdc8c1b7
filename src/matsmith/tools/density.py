"""Density and volume per atom of a relaxed structure, corrected for the potential's bias in volume."""

from __future__ import annotations

from matsmith.core.crystal import Crystal
from matsmith.core.quantity import Quantity, Truth
from matsmith.core.record import Method, Outcome
from matsmith.core.settings import Settings
from matsmith.knowledge.bonding_network import bonded_directions
from matsmith.knowledge.calibration import Calibration
from matsmith.tools.base import Args, Deps, RelaxedRef, tool
from matsmith.tools.crystal_facts import density_of
from matsmith.tools.potential import foreign
from matsmith.tools.results import calibration_for


class DensityArgs(Args):
    """Which relaxation."""

    relaxed: RelaxedRef


def _identity(settings: Settings) -> str:
    del settings
    return calibration_for("volume", foreign=None).version


def volume_correction(crystal: Crystal, known: Calibration) -> tuple[float, float]:
    """What to multiply a relaxed volume with, and the relative error after that: wide for layers, chains and molecules."""
    per_atom = crystal.volume_angstrom3 / len(crystal.species)
    amounts = {symbol: float(n) for symbol, n in crystal.amounts.items()}
    inside = bonded_directions(crystal.to_pymatgen()) == 3
    return known.correction(amounts, computed=per_atom), known.sigma(inside=inside)


def volume_quantities(crystal: Crystal, known: Calibration) -> dict[str, Quantity]:
    """Density (g/cm3) and volume per atom (Å³) of a relaxed cell, with the correction of its volume."""
    factor, sigma = volume_correction(crystal, known)
    volume = factor * crystal.volume_angstrom3
    values = {
        "density": (density_of(crystal) / factor, "g/cm3"),
        "volume_per_atom": (volume / len(crystal.species), "angstrom3/atom"),
    }
    return {
        name: Quantity(value=value, unit=unit, sigma=sigma * value, truth=Truth.EXPERIMENT_300K)
        for name, (value, unit) in values.items()
    }


@tool(
    name="density",
    title="Density of the relaxed cell",
    measures=("density", "volume_per_atom"),
    cost_s=0.001,
    identity=_identity,
)
def run(args: DensityArgs, *, deps: Deps) -> Outcome:
    """Density (g/cm3) and volume per atom of a relaxed structure, against experiment at 300 K."""
    relaxed = deps.record(args.relaxed)
    known = calibration_for("volume", foreign=foreign(relaxed))
    crystal = deps.crystal(args.relaxed)
    return Outcome(
        quantities=volume_quantities(crystal, known),
        facts={"volume_correction_factor": round(volume_correction(crystal, known)[0], 4)},
        method=(relaxed.outcome.method or Method(name="")).model_copy(
            update={"name": "mass over relaxed volume", "reference": known.source}
        ),
    )


TOOL = run
