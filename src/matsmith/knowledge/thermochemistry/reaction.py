"""Energies of a chemical equation at temperature, from the tables."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from matsmith.core.errors import UsageError
from matsmith.knowledge.thermochemistry.species import GAS_CONSTANT, Species, best_solid, gas, species_of

_ARROW = re.compile(r"\s*(?:->|→|=>|=|⇌|<=>)\s*")
_PART = re.compile(r"^(?:(\d+(?:\.\d+)?|\d+/\d+)\s*)?([A-Za-z(][A-Za-z0-9()\[\].]*?)\s*(?:\((s|l|g|cr)\))?$")
_ROUND_OFF = 1e-9
_UNBALANCED_ATOMS = 1e-6
_GAS_AT_ROOM = frozenset(
    [
        "O2",
        "N2",
        "H2",
        "F2",
        "Cl2",
        "CO",
        "CO2",
        "SO2",
        "SO3",
        "H2O",
        "NH3",
        "HCl",
        "HF",
        "H2S",
        "NO",
        "NO2",
        "N2O",
        "CH4",
        "HBr",
    ]
)


@dataclass(frozen=True, kw_only=True)
class Term:
    """A substance of an equation; `count` is positive for products."""

    species: Species
    count: float


@dataclass(frozen=True, kw_only=True)
class Reaction:
    """A balanced equation, per formula unit of its first reactant."""

    terms: tuple[Term, ...]

    def enthalpy(self, temperature_k: float) -> float:
        """ΔH in kJ/mol."""
        return sum(term.count * term.species.enthalpy(temperature_k) for term in self.terms)

    def entropy(self, temperature_k: float) -> float:
        """ΔS in kJ/(mol K), gases at 1 bar."""
        return sum(term.count * term.species.entropy(temperature_k) for term in self.terms)

    def gibbs(self, temperature_k: float, pressures_bar: Mapping[str, float]) -> float:
        """ΔG in kJ/mol with gases at their partial pressures, 1 bar where none is given."""
        total = self.enthalpy(temperature_k) - temperature_k * self.entropy(temperature_k)
        for term in self.terms:
            if term.species.phase == "gas" and term.species.name in pressures_bar:
                total += (
                    term.count * GAS_CONSTANT * temperature_k * math.log(pressures_bar[term.species.name])
                )
        return total

    @property
    def text(self) -> str:
        """The balanced equation."""
        sides: dict[int, list[str]] = {-1: [], 1: []}
        for term in self.terms:
            count = abs(term.count)
            name = f"{term.species.name}(g)" if term.species.phase == "gas" else term.species.name
            sides[1 if term.count > 0 else -1].append(
                name if abs(count - 1) < 1e-6 else f"{count:.4g} {name}"
            )
        return f"{' + '.join(sides[-1])} -> {' + '.join(sides[1])}"

    def solid_atoms(self) -> float:
        """Atoms in the solid and liquid compounds, for the error."""
        return math.sqrt(
            sum(
                (term.count * term.species.atoms) ** 2
                for term in self.terms
                if term.species.phase != "gas" and len(term.species.amounts) > 1
            )
        )


def read_reaction(text: str, *, temperature_k: float) -> Reaction:
    """Read and balance an equation such as "CaCO3 -> CaO + CO2"; (g), (l), (s) after a formula names its phase.

    Written numbers are not needed; where the equation can be balanced in more than one way they decide. Raises `UsageError`
    for what is no equation, a substance the tables lack, or an equation that cannot be balanced.
    """
    sides = _ARROW.split(text.strip())
    if len(sides) != 2 or not all(sides):
        raise UsageError(f"{text!r} is no reaction.", hint="Write it like CaCO3 -> CaO + CO2.")
    found: list[tuple[Species, float, float]] = []
    for sign, side in zip((-1.0, 1.0), sides, strict=True):
        for part in side.split(" + ") if " + " in side else side.split("+"):
            matched = _PART.match(part.strip())
            if matched is None:
                raise UsageError(
                    f"{part.strip()!r} is no substance.", hint="Write it like 2 Fe2O3 or CO2(g)."
                )
            number, formula, phase = matched.groups()
            found.append((_substance(formula, phase, temperature_k), sign, _number(number)))
    return Reaction(terms=_balanced(found, text))


def _number(text: str | None) -> float:
    if text is None:
        return 1.0
    top, _, bottom = text.partition("/")
    return float(top) / float(bottom) if bottom else float(top)


def _substance(formula: str, phase: str | None, temperature_k: float) -> Species:
    if phase == "g" or (phase is None and formula in _GAS_AT_ROOM):
        return gas(formula)
    if phase == "l":
        liquids = species_of(formula, phases=("liquid",))
        if liquids:
            return liquids[0]
    else:
        solid = best_solid(formula, temperature_k)
        if solid is not None:
            return solid
    raise UsageError(
        f"The tables hold no {formula}{f'({phase})' if phase else ''}.",
        hint="Ask `atmosphere_stability` with its structure and a record of stability.",
    )


def _balanced(found: list[tuple[Species, float, float]], text: str) -> tuple[Term, ...]:
    elements = sorted({symbol for one, _, _ in found for symbol in one.amounts})
    matrix = np.array(
        [[sign * one.amounts.get(symbol, 0.0) for one, sign, _ in found] for symbol in elements]
    )
    written = np.array([number for _, _, number in found])
    balanced = np.abs(matrix @ written).max() < _UNBALANCED_ATOMS
    counts = written if balanced else _null_vector(matrix, text)
    first = counts[0]
    return tuple(
        Term(species=one, count=float(sign * count / first))
        for (one, sign, _), count in zip(found, counts, strict=True)
    )


def _null_vector(matrix: NDArray[np.float64], text: str) -> NDArray[np.float64]:
    _, singular, rows = np.linalg.svd(matrix)
    rank = int((singular > 1e-9).sum())
    free = matrix.shape[1] - rank
    if free == 1:
        vector = rows[-1] / rows[-1][np.abs(rows[-1]).argmax()]
        if (vector > _ROUND_OFF).all():
            return vector
    reason = "cannot be balanced" if free <= 1 else "can be balanced in more than one way"
    raise UsageError(f"{text!r} {reason}.", hint="Check the substances, or write the numbers before them.")
