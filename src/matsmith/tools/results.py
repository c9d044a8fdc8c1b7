"""Shared pieces of what physics tools return: their method, and a potential's refusal as a typed failure."""

from __future__ import annotations

from matsmith.core.record import Method, Outcome
from matsmith.core.settings import Settings
from matsmith.models.potentials.interface import Refusal
from matsmith.tools.potential import NAME, weights_hash

_HINTS = {
    "overlap": "Start from a larger cell or other positions.",
    "collapsed": "Start from a larger cell.",
    "isolated_atoms": "The potential sees 6 Å: a molecule in a box needs another method.",
    "not_covered": "Choose elements that the potential was trained on.",
    "exploded": "Start nearer to a sensible structure.",
    "unconverged": "Allow more steps (max_steps) or start nearer.",
}


def method_of(settings: Settings, *, name: str, reference: str = "") -> Method:
    """The method of a result of the default potential."""
    del settings
    return Method(name=name, model=NAME, weights_hash=weights_hash(), reference=reference)


def refused(refusal: Refusal) -> Outcome:
    """The typed failure of a structure that the potential will not evaluate."""
    return Outcome.failed(refusal.code, refusal.message, hint=_HINTS.get(refusal.code, ""))


def hint_for(code: str) -> str:
    """What to do about a failure code of the relaxation."""
    return _HINTS.get(code, "")
