"""Shared pieces of what physics tools return: their method, and a potential's refusal as a typed failure."""

from __future__ import annotations

from matsmith.core.record import Method, Outcome
from matsmith.core.settings import Settings
from matsmith.knowledge.calibration import Calibration, calibration
from matsmith.models.potentials.interface import Refusal
from matsmith.tools.potential import NAME, hash_of, name_of

# Assumed, not measured: for potentials that were not held against the measured crystals.
_UNTESTED_RELATIVE_SIGMA = {"bulk_modulus": 0.25, "volume": 0.05}
_HINTS = {
    "overlap": "Start from a larger cell or other positions.",
    "collapsed": "Start from a larger cell.",
    "isolated_atoms": "The potential sees 6 Å: a molecule in a box needs another method.",
    "vacuum": "Relaxing a cell needs a crystal: take the molecule or slab out of its box, or use another method.",
    "not_covered": "Choose elements that the potential was trained on, or another potential (MATSMITH_POTENTIAL).",
    "malformed": "Give an ordered cell with sound lattice vectors.",
    "calculator_failed": "Use the default potential, or check the calculator's package.",
    "exploded": "Start nearer to a sensible structure.",
    "unconverged": "Allow more steps (max_steps) or start nearer.",
}


def method_of(settings: Settings, *, name: str, reference: str = "") -> Method:
    """The method of a result of the potential that the settings name."""
    return Method(name=name, model=name_of(settings), weights_hash=hash_of(settings), reference=reference)


def calibration_for(name: str, *, foreign: str | None) -> Calibration:
    """How far a quantity of a potential is from measurement; `foreign` names a potential that is not the default.

    The factors were fitted for the default. Another potential gets none, and an error that is wide because it was not measured.
    """
    if foreign is None:
        return calibration(name)
    return Calibration(
        factor=1.0,
        relative_sigma=_UNTESTED_RELATIVE_SIGMA[name],
        crystals=0,
        source=f"{foreign} was not held against measurement here: no correction, and a wide error",
        version="none",
    )


def foreign_energy(name: str) -> Outcome:
    """The typed failure of a comparison across potentials."""
    return Outcome.failed(
        "foreign_energy",
        f"Energies of {name} cannot be compared with the shipped phases or the offsets, which were made with {NAME}.",
        hint="For stability relax with the default potential (leave MATSMITH_POTENTIAL unset, or --potential chgnet).",
    )


def refused(refusal: Refusal) -> Outcome:
    """The typed failure of a structure that the potential will not evaluate."""
    return Outcome.failed(refusal.code, refusal.message, hint=_HINTS.get(refusal.code, ""))


def hint_for(code: str) -> str:
    """What to do about a failure code of the relaxation."""
    return _HINTS.get(code, "")
