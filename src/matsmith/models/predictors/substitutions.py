"""What a prediction would be with another element in the place of one: `with Ti in place of Zr the gap falls to 2.9 eV`.

Elements stand in for each other that share a group of the periodic table, or a common oxidation state of the same sign.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from matsmith.core.elements import SYMBOLS
from matsmith.models.predictors.compositions import read_formula
from matsmith.models.predictors.descriptors import element_table
from matsmith.models.predictors.library import Prediction, check_covered, predict_formulas

Direction = Literal["higher", "lower", "either"]
_SYMBOL = re.compile(r"[A-Z][a-z]?")
# Noble gases form nothing here, and of what decays fast no material is made; uranium and thorium stay.
_NEVER = frozenset(
    (
        "He",
        "Ne",
        "Ar",
        "Kr",
        "Xe",
        "Rn",
        "Tc",
        "Pm",
        "Po",
        "At",
        "Fr",
        "Ra",
        "Ac",
        "Pa",
        "Np",
        "Pu",
        "Am",
        "Cm",
        "Bk",
    )
)


@dataclass(frozen=True, kw_only=True)
class Substitution:
    """One element replaced by another, what is predicted then, and how far that is from the formula as it was.

    `beyond_error` says whether the step is larger than one sigma of either prediction; many steps were compared to find the best.
    """

    replaced: str
    by: str
    same_group: bool
    prediction: Prediction
    change: float
    beyond_error: bool


def alike(symbol: str) -> list[str]:
    """Elements that may stand in for one, by atomic number.

    >>> "Hf" in alike("Zr"), "Ni" in alike("Mg"), "Cl" in alike("F"), "Na" in alike("F")
    (True, True, True, False)
    """
    table = element_table()
    place = {name: table.columns.index(name) for name in ("group", "highest common oxidation state", "lowest common oxidation state")}  # fmt: skip
    group, high, low = place.values()
    own = table.values[SYMBOLS.index(symbol)]
    found: list[str] = []
    for other, values in zip(SYMBOLS, table.values, strict=False):
        if other == symbol or other in _NEVER:
            continue
        same_cation = own[high] > 0 and values[high] == own[high] and (values[low] > 0) == (own[low] > 0)
        same_anion = own[low] < 0 and values[low] == own[low]
        if values[group] == own[group] or same_cation or same_anion:
            found.append(other)
    return found


def substituted(formula: str, *, avoid: Iterable[str] = ()) -> list[tuple[str, str, str]]:
    """Formulas with one element replaced by one that is alike: (replaced, by, formula).

    Raises `SpecError` for what is no composition.
    """
    there = read_formula(formula)
    never = {*there, *avoid}
    return [
        (
            symbol,
            other,
            _SYMBOL.sub(lambda match, a=symbol, b=other: b if match[0] == a else match[0], formula),
        )
        for symbol in there
        for other in alike(symbol)
        if other not in never
    ]


def best_substitutions(
    name: str, formula: str, *, towards: Direction = "either", count: int = 6, avoid: Iterable[str] = ()
) -> list[Substitution]:
    """The single substitutions that move a prediction farthest, inside of the model's domain only; `either` gives both directions in turn.

    Raises `UsageError` for an unknown property, `SpecError` for what is no composition.
    """
    check_covered(read_formula(formula))
    steps = substituted(formula, avoid=avoid)
    rows = predict_formulas([name], [formula, *(text for _, _, text in steps)])
    own = rows[0][name]
    found = [
        Substitution(
            replaced=replaced,
            by=by,
            same_group=_group(by) == _group(replaced),
            prediction=row[name],
            change=row[name].value - own.value,
            beyond_error=abs(row[name].value - own.value) > max(own.sigma, row[name].sigma),
        )
        for (replaced, by, _), row in zip(steps, rows[1:], strict=True)
        if row[name].in_domain
    ]
    up = _ranked(one for one in found if one.change > 0)
    down = _ranked(one for one in found if one.change < 0)
    if towards != "either":
        return (up if towards == "higher" else down)[:count]
    half = (count + 1) // 2
    return [*up[:half], *down[: count - min(half, len(up))]]


def _ranked(steps: Iterable[Substitution]) -> list[Substitution]:
    """By the size of the step, those within a group of the periodic table and the others in turn: a chemist tries the former first."""
    ranked = sorted(steps, key=lambda one: (-abs(one.change), one.replaced, one.by))
    own = [one for one in ranked if one.same_group]
    others = [one for one in ranked if not one.same_group]
    pairs = [one for pair in zip(own, others, strict=False) for one in pair]
    return [*pairs, *own[len(others) :], *others[len(own) :]]


def _group(symbol: str) -> float:
    table = element_table()
    return float(table.values[SYMBOLS.index(symbol), table.columns.index("group")])
