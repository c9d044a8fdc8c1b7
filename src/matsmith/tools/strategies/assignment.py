"""Which prototypes a formula may take, and which element goes into which slot, most plausible first.

A prototype with elements in its slots is as plausible as it is near to a crystal known to have that structure: the
prototype's own compound, measured crystals of the same type and textbook members of it. Near is meant in `similarity.element_distances`.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from math import gcd

from matsmith.core.crystal import Crystal
from matsmith.core.elements import parse_formula
from matsmith.core.spec import DesignSpec
from matsmith.knowledge.crystals import measured_crystals
from matsmith.knowledge.prototypes import Prototype, by_name, decorate, prototypes
from matsmith.tools.strategies.chemistry_filter import prototypes_called
from matsmith.tools.strategies.members import MEMBERS
from matsmith.tools.strategies.similarity import INDEX, element_distances

# Bigger cells cost more to relax; between two equally plausible types the smaller goes first.
_PENALTY_PER_ATOM = 0.01


@dataclass(frozen=True, kw_only=True)
class Placement:
    """A prototype with an element for each of its slots. `penalty` grows with the distance to a known crystal of the type."""

    prototype: Prototype
    symbols: tuple[str, ...]
    penalty: float

    def crystal(self) -> Crystal:
        """Return the decorated crystal at its expected volume."""
        assignment = dict(zip(self.prototype.slots, self.symbols, strict=True))
        return Crystal.from_pymatgen(decorate(self.prototype, assignment))


def pool(spec: DesignSpec) -> tuple[Prototype, ...]:
    """Return the prototypes that the spec's structure allows, in the order of the library."""
    wish = spec.structure
    named = None if wish.prototype is None else {p.name for p in prototypes_called(wish.prototype)}
    return tuple(
        p
        for p in prototypes(atoms_max=wish.atoms_max)
        if p.atoms >= wish.atoms_min
        and (named is None or p.name in named)
        and (not wish.space_groups or p.space_group in wish.space_groups)
        and spec.chemistry.elements_min <= len(p.slots) <= spec.chemistry.elements_max
    )


def by_stoichiometry(chosen: Sequence[Prototype]) -> dict[tuple[int, ...], list[Prototype]]:
    """Group prototypes by their sorted reduced amounts."""
    found: dict[tuple[int, ...], list[Prototype]] = {}
    for prototype in chosen:
        found.setdefault(tuple(sorted(prototype.stoichiometry)), []).append(prototype)
    return found


def placements(amounts: Mapping[str, int], chosen: Collection[Prototype]) -> list[Placement]:
    """Return every distinct way to put a formula's elements into prototypes of its stoichiometry, most plausible first."""
    divisor = gcd(*amounts.values())
    reduced = {symbol: amount // divisor for symbol, amount in amounts.items()}
    wanted = sorted(reduced.values())
    found: list[Placement] = []
    for prototype in chosen:
        if sorted(prototype.stoichiometry) != wanted:
            continue
        for symbols in _fillings(prototype, reduced):
            found.append(Placement(prototype=prototype, symbols=symbols, penalty=penalty(prototype, symbols)))
    return sorted(found, key=lambda p: (p.penalty, p.prototype.name, p.symbols))


def _fillings(prototype: Prototype, reduced: Mapping[str, int]) -> list[tuple[str, ...]]:
    """Return the distinct fillings of the slots whose amounts fit."""
    stoichiometry = prototype.stoichiometry
    if len(set(stoichiometry)) == len(stoichiometry):
        by_amount = {amount: symbol for symbol, amount in reduced.items()}
        return [tuple(by_amount[amount] for amount in stoichiometry)]
    symbols = sorted(reduced)
    orders = [tuple(symbols[index] for index in order) for order in _orders(prototype)]
    return [order for order in orders if tuple(reduced[symbol] for symbol in order) == stoichiometry]


@lru_cache(maxsize=1024)
def _orders(prototype: Prototype) -> tuple[tuple[int, ...], ...]:
    """Return the orders of elements that give different crystals, as indices; which elements they are does not matter."""
    stand_in = ("H", "He", "Li", "Be", "B", "C", "N", "O")[: len(prototype.slots)]
    return tuple(
        tuple(stand_in.index(s) for s in order) for order in prototype.distinct_assignments(stand_in)
    )


def penalty(prototype: Prototype, symbols: Sequence[str]) -> float:
    """Return Σ √n d(element, element of the nearest known crystal of the type), plus a little for big cells."""
    between = _rows_of_distances()
    placed = [INDEX[symbol] for symbol in symbols]
    weights = [amount**0.5 for amount in prototype.stoichiometry]
    nearest = min(
        sum(w * between[a][b] for w, a, b in zip(weights, placed, member, strict=True))
        for member in _members()[prototype.name]
    )
    return nearest + _PENALTY_PER_ATOM * prototype.atoms


@lru_cache(maxsize=1)
def _rows_of_distances() -> list[list[float]]:
    """Plain floats: single numbers are read from lists ten times faster than from an array."""
    return element_distances().tolist()


@lru_cache(maxsize=1)
def _members() -> dict[str, list[tuple[int, ...]]]:
    """Known crystals of each prototype: the element of each slot, as indices."""
    found = {
        p.name: [tuple(INDEX[s] for s in p.slots)]
        for p in prototypes(atoms_max=1000)
        if set(p.slots) <= set(INDEX)
    }
    for crystal in measured_crystals():
        for prototype in prototypes_called(crystal.prototype):
            if prototype.space_group == crystal.space_group:
                _add_member(found, prototype, crystal.formula)
    for name, formulas in MEMBERS.items():
        for formula in formulas:
            _add_member(found, by_name(name), formula)
    return found


def _add_member(found: dict[str, list[tuple[int, ...]]], prototype: Prototype, formula: str) -> None:
    """Add a compound to a prototype's members, its elements in the slots of those of the type's own compound they resemble."""
    amounts = {symbol: round(amount) for symbol, amount in parse_formula(formula).items()}
    if sorted(prototype.stoichiometry) != sorted(amounts.values()) or prototype.name not in found:
        return
    own = found[prototype.name][0]
    fillings = [tuple(INDEX[symbol] for symbol in filling) for filling in _fillings(prototype, amounts)]
    between = _rows_of_distances()
    best = min(fillings, key=lambda filling: sum(between[a][b] for a, b in zip(filling, own, strict=True)))
    if best not in found[prototype.name]:
        found[prototype.name].append(best)
