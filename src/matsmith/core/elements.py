"""The symbols of the elements; facts about them stand in `matsmith.knowledge.elements`."""

from __future__ import annotations

import re
from collections.abc import Iterable

from matsmith.core.errors import SpecError

_TABLE = """
H He Li Be B C N O F Ne Na Mg Al Si P S Cl Ar K Ca Sc Ti V Cr Mn Fe Co Ni Cu Zn Ga Ge As Se Br Kr
Rb Sr Y Zr Nb Mo Tc Ru Rh Pd Ag Cd In Sn Sb Te I Xe Cs Ba La Ce Pr Nd Pm Sm Eu Gd Tb Dy Ho Er Tm Yb Lu
Hf Ta W Re Os Ir Pt Au Hg Tl Pb Bi Po At Rn Fr Ra Ac Th Pa U Np Pu Am Cm Bk Cf Es Fm Md No Lr
Rf Db Sg Bh Hs Mt Ds Rg Cn Nh Fl Mc Lv Ts Og
"""
SYMBOLS: tuple[str, ...] = tuple(_TABLE.split())
_KNOWN = frozenset(SYMBOLS)
_PART = re.compile(r"([A-Z][a-z]?)(\d*\.?\d*)|\(|\)(\d*\.?\d*)")


def is_element(symbol: str) -> bool:
    """Say whether a symbol names an element.

    >>> is_element("Fe"), is_element("Xx")
    (True, False)
    """
    return symbol in _KNOWN


def check_elements(symbols: Iterable[str]) -> list[str]:
    """Return the symbols without repeats, by atomic number. Raises `SpecError` for one that does not exist."""
    given = list(dict.fromkeys(symbols))
    unknown = [symbol for symbol in given if symbol not in _KNOWN]
    if unknown:
        raise SpecError(
            f"There is no element {unknown[0]!r}.",
            hint="Use the symbols of the periodic table, such as Fe or O.",
        )
    return sorted(given, key=SYMBOLS.index)


def parse_formula(formula: str) -> dict[str, float]:
    """Return the amounts of a formula such as `Al2(SO4)3`, in the order written.

    Raises `SpecError` when it does not parse or names an element that does not exist.

    >>> parse_formula("Ca(OH)2")
    {'Ca': 1.0, 'O': 2.0, 'H': 2.0}
    """
    wrong = SpecError(f"{formula!r} is not a chemical formula.", hint="Write it like Al2O3 or Ca(OH)2.")
    stack: list[dict[str, float]] = [{}]
    position = 0
    while position < len(formula):
        match = _PART.match(formula, position)
        if match is None or match.end() == position:
            raise wrong
        position = match.end()
        try:
            if match[0] == "(":
                stack.append({})
            elif match[0].startswith(")"):
                if len(stack) == 1:
                    raise wrong
                inner, factor = stack.pop(), float(match[3] or 1)
                for symbol, amount in inner.items():
                    stack[-1][symbol] = stack[-1].get(symbol, 0.0) + amount * factor
            else:
                symbol = check_elements([match[1]])[0]
                stack[-1][symbol] = stack[-1].get(symbol, 0.0) + float(match[2] or 1)
        except ValueError as error:
            raise wrong from error
    if len(stack) != 1 or not stack[0] or min(stack[0].values()) <= 0:
        raise wrong
    return stack[0]
