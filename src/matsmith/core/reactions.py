"""Published syntheses: what was made, from what, in which steps of heating, and where that is written."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

from matsmith.core.elements import parse_formula
from matsmith.core.errors import SpecError

Route = Literal["solid state", "sol-gel"]
StepKind = Literal["calcination", "sintering", "preheating", "annealing", "melting", "drying", "heating"]
ROUTES: tuple[Route, ...] = ("solid state", "sol-gel")
_WATER = re.compile(r"[·•∙⋅.*](\d*\.?\d*)[nx]?H2O$")


@dataclass(frozen=True, slots=True)
class HeatingStep:
    """One step: its kind by the word used, the highest temperature (C), the longest time (h) and the gas, where told."""

    kind: StepKind
    word: str
    temperature_c: float | None
    time_h: float | None
    atmosphere: str


@dataclass(frozen=True, slots=True)
class PublishedReaction:
    """One reaction of a paper. `targets` are the compositions made, as written; a doped series has several.

    `precursors` are as written; `year` is None where the DOI does not tell it.
    """

    doi: str
    year: int | None
    route: Route
    targets: tuple[str, ...]
    precursors: tuple[str, ...]
    steps: tuple[HeatingStep, ...]

    def highest_c(self, kind: StepKind) -> float | None:
        """The highest temperature of the steps of a kind; None where none is told."""
        told = [
            step.temperature_c for step in self.steps if step.kind == kind and step.temperature_c is not None
        ]
        return max(told, default=None)

    def longest_h(self, kind: StepKind) -> float | None:
        """The time of the hottest step of a kind that tells one, the longest of several; None where none is told."""
        told = [
            (step.temperature_c or 0.0, step.time_h)
            for step in self.steps
            if step.kind == kind and step.time_h is not None
        ]
        return max(told)[1] if told else None


@lru_cache(maxsize=20_000)
def precursor_amounts(written: str, *, with_water: bool = False) -> Mapping[str, float] | None:
    """Amounts of a precursor as written, without or with its water of hydration; None for what is no formula, such as a name.

    >>> precursor_amounts("Fe(NO3)3·9H2O")
    {'Fe': 1.0, 'N': 3.0, 'O': 9.0}
    """
    text = "".join(written.split())
    match = _WATER.search(text)
    try:
        amounts = dict(parse_formula(text[: match.start()] if match else text))
        count = float(match[1] or 1) if match else 0.0
    except (SpecError, ValueError):
        return None
    if with_water and count:
        amounts["H"] = amounts.get("H", 0.0) + 2.0 * count
        amounts["O"] = amounts.get("O", 0.0) + count
    return amounts
