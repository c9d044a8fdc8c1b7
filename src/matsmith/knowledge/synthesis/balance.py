"""The balanced equation of a synthesis: precursors and oxygen on the left, the target and the gases that leave on the right."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from matsmith.core.elements import parse_formula
from matsmith.core.reactions import precursor_amounts

_DIGITS = 4
_LEAST = 1e-4
# What an element that the target does not take leaves as, given the other elements of the precursors.
_LEAVING = {"C": ("CO2",), "H": ("H2O",), "S": ("SO2", "SO3"), "Cl": ("HCl", "Cl2"), "Br": ("HBr", "Br2"), "I": ("I2",), "F": ("HF",)}  # fmt: skip


def balanced_equation(target: str, precursors: Sequence[str]) -> str | None:
    """The equation for one formula unit of the target, or None where these precursors cannot make it.

    Gases are O2, CO2, H2O, NO2 (from nitrates), NH3 (from ammonium), N2 (from both), and acids of halogens.

    >>> balanced_equation("BaTiO3", ["BaCO3", "TiO2"])
    'BaCO3 + TiO2 -> BaTiO3 + CO2'
    """
    amounts = {one: precursor_amounts(one, with_water=True) for one in precursors}
    if any(each is None for each in amounts.values()):
        return None
    known = {one: each for one, each in amounts.items() if each is not None}
    wanted = parse_formula(target)
    for gases in _gases(wanted, known):
        for left, right in (((), ()), ((), ("O2",)), (("O2",), ())):
            found = _balanced(target, wanted, known, left=left, right=(*gases, *right))
            if found is not None:
                return found
    return None


def _gases(target: Mapping[str, float], known: Mapping[str, Mapping[str, float]]) -> list[tuple[str, ...]]:
    """Choices of gases that carry away what the target does not take, likeliest first."""
    brought = {symbol for amounts in known.values() for symbol in amounts}
    choices: list[tuple[str, ...]] = [()]
    for symbol in sorted(brought - {"O"}):
        if symbol == "N":
            nitrate = any("NO3" in one for one in known)
            ammonium = any("NH4" in one for one in known)
            ways = ("N2", "NO2") if nitrate == ammonium else ("NO2", "N2") if nitrate else ("NH3", "N2")
        else:
            ways = _LEAVING.get(symbol, ())
        if not ways:
            continue
        if symbol in target:
            # It may stay as a whole, or some of it may leave.
            choices = [*choices, *((*one, ways[0]) for one in choices)]
        else:
            choices = [(*one, way) for way in ways for one in choices]
    return choices


def _balanced(
    target: str,
    wanted: Mapping[str, float],
    known: Mapping[str, Mapping[str, float]],
    *,
    left: tuple[str, ...],
    right: tuple[str, ...],
) -> str | None:
    """The equation if every substance takes part on its own side."""
    from pymatgen.analysis.reaction_calculator import Reaction, ReactionError
    from pymatgen.core import Composition

    reactants = {**{one: Composition(dict(amounts)) for one, amounts in known.items()}, **{one: Composition(one) for one in left}}  # fmt: skip
    products = {target: Composition(dict(wanted)), **{one: Composition(one) for one in right}}
    if len({one.reduced_formula for one in (*reactants.values(), *products.values())}) < len(reactants) + len(
        products
    ):
        return None
    try:
        reaction = Reaction(list(reactants.values()), list(products.values()))
        counts = {one: -float(reaction.get_coeff(each)) for one, each in reactants.items()}
        counts |= {one: float(reaction.get_coeff(each)) for one, each in products.items()}
    except (ReactionError, ValueError):
        return None
    unit = counts[target]
    if unit <= _LEAST or any(count / unit <= _LEAST for count in counts.values()):
        return None
    sides = [
        " + ".join(f"{_count(counts[one] / unit)}{one}" for one in side) for side in (reactants, products)
    ]
    return " -> ".join(sides)


def _count(value: float) -> str:
    rounded = round(value, _DIGITS)
    return "" if rounded == 1 else f"{rounded:g} "
