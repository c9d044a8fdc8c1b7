"""How far energies of guessed structures lie from the truth once the lowest of many has been chosen.

A structure that a search has put together is kept because its energy is low, and low energies are the ones whose errors point
down. What that does was measured on formulas whose own rows were left out of the table: those that came out near or below
the hull lie higher than the potential finds, and scatter more than its error says. Where the table has a row of the
formula, that row bounds the guess instead, and how often a guess is that very phase was fitted. Made by
`benchmarks/chosen_candidates.py`, which prints the figures behind it.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from functools import cache
from math import isfinite
from pathlib import Path
from typing import Any

from matsmith.core.errors import DataError

GUESSES_FILE = Path(__file__).with_name("guesses.json")


@dataclass(frozen=True, slots=True, kw_only=True)
class Guesses:
    """What was fitted, energies in eV/atom.

    `shift` is added to a guess's energy and `sigma` joins the potential's error; a guess is the formula's lowest known phase
    with probability `ground_share`, and lies above it by `excess` on average otherwise. Of `formulas` measured, `met` were
    called at most 0.05 eV/atom above the hull with a probability of at least 0.84, and `met_true` of these truly are.
    """

    shift_ev_per_atom: float
    sigma_ev_per_atom: float
    ground_share: float
    excess_ev_per_atom: float
    formulas: int
    met: int
    met_true: int
    date: str
    method: str
    weights_hash: str

    def corrected(self, energy_ev_per_atom: float, sigma_ev_per_atom: float) -> tuple[float, float]:
        """Energy and one sigma of a guess whose formula no reference holds, in eV/atom."""
        return energy_ev_per_atom + self.shift_ev_per_atom, math.hypot(
            sigma_ev_per_atom, self.sigma_ev_per_atom
        )

    @property
    def note(self) -> str:
        """One sentence for a record."""
        return (
            f"{1000 * self.shift_ev_per_atom:+.0f} meV/atom, as guesses chosen for their low energy were measured to lie too low "
            f"({self.formulas} formulas left out of the table, {self.date}); of {self.met} called met {self.met_true} were"
        )


def measured_guesses() -> Guesses:
    """Return what ships. Raises `DataError` when it is missing or damaged."""
    return _load(GUESSES_FILE)


@cache
def _load(path: Path) -> Guesses:
    hint = "Reinstall matsmith, or run benchmarks/chosen_candidates.py --write with the table at hand."
    try:
        content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        found = Guesses(**content)
        energies = (found.shift_ev_per_atom, found.sigma_ev_per_atom, found.excess_ev_per_atom)
        sound = all(isfinite(energy) for energy in energies) and found.sigma_ev_per_atom >= 0
        sound = sound and 0 < found.ground_share < 1 and found.excess_ev_per_atom > 0
    except (OSError, ValueError, TypeError) as error:
        raise DataError(
            f"The measured errors of guesses in {path.name} are missing or damaged.", hint=hint
        ) from error
    if not sound:
        raise DataError(f"The measured errors of guesses in {path.name} are out of range.", hint=hint)
    return found
