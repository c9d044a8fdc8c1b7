"""Which oxidation states a host of mobile ions can take: how many ions can leave before no element gives its electron.

The highest states are those that cathodes reach (M. S. Whittingham, Chem. Rev. 104, 4271 (2004); J. B. Goodenough and Y. Kim,
Chem. Mater. 22, 587 (2010)): iron stops at 3+, cobalt, nickel and manganese at 4+. Electrons taken from oxygen are not counted.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import product

ION_CHARGES: dict[str, int] = {
    "Li": 1,
    "Na": 1,
    "K": 1,
    "Rb": 1,
    "Cs": 1,
    "Mg": 2,
    "Ca": 2,
    "Zn": 2,
    "Al": 3,
    "Y": 3,
}
"""Charge of the ions that a battery can shuttle."""
ALKALI = ("Li", "Na", "K", "Rb", "Cs")

# Every state an element is let take, in the discharged or the charged host.
_STATES: dict[str, tuple[int, ...]] = {
    "Ti": (2, 3, 4),
    "V": (2, 3, 4, 5),
    "Cr": (2, 3, 4),
    "Mn": (2, 3, 4),
    "Fe": (2, 3),
    "Co": (2, 3, 4),
    "Ni": (2, 3, 4),
    "Cu": (1, 2, 3),
    "Nb": (2, 3, 4, 5),
    "Mo": (2, 3, 4, 5, 6),
    "Ru": (3, 4, 5),
    "Rh": (3, 4),
    "Ir": (3, 4, 5),
    "W": (3, 4, 5, 6),
    "Re": (4, 5, 6, 7),
    "Ta": (3, 4, 5),
    "Ce": (3, 4),
    "Sn": (2, 4),
    "Sb": (3, 5),
    "Bi": (3, 5),
    "U": (3, 4, 5, 6),
}
_FIXED: dict[str, tuple[int, ...]] = {
    **dict.fromkeys(("H", "Li", "Na", "K", "Rb", "Cs", "Ag"), (1,)),
    **dict.fromkeys(("Be", "Mg", "Ca", "Sr", "Ba", "Zn", "Cd", "Pb"), (2,)),
    **dict.fromkeys(
        ("B", "Al", "Ga", "In", "Sc", "Y", "La", "Pr", "Nd", "Sm", "Gd", "Dy", "Er", "Yb", "Lu"), (3,)
    ),
    **dict.fromkeys(("Si", "Ge", "Zr", "Hf", "Th"), (4,)),
    "C": (4,),
    "N": (-3,),
    "P": (5, -3),
    "As": (5, -3),
    "O": (-2,),
    "S": (-2, 6),
    "Se": (-2,),
    "Te": (-2,),
    "F": (-1,),
    "Cl": (-1,),
    "Br": (-1,),
    "I": (-1,),
}


def balanced(amounts: Mapping[str, float], *, tolerance: float = 1e-6) -> bool | None:
    """Whether the elements can be in states that add up to zero; None when an element is not listed.

    Redox elements may be mixed in valence; the others take one state each for all of their atoms.

    >>> balanced({"Co": 1, "O": 2}), balanced({"Fe": 1, "O": 2}), balanced({"P": 1, "S": 4})
    (True, False, False)
    """
    fixed = [symbol for symbol in amounts if symbol in _FIXED]
    redox = [symbol for symbol in amounts if symbol in _STATES]
    if len(fixed) + len(redox) < len(amounts):
        return None
    low = sum(amounts[s] * min(_STATES[s]) for s in redox)
    high = sum(amounts[s] * max(_STATES[s]) for s in redox)
    for states in product(*(_FIXED[s] for s in fixed)):
        rest = sum(amounts[s] * state for s, state in zip(fixed, states, strict=True))
        if low + rest <= tolerance and high + rest >= -tolerance:
            return True
    return False


def removable(amounts: Mapping[str, float], *, ion: str) -> float | None:
    """How many of the ions in the formula can leave with the host's elements still in states that they reach.

    None when oxidation states cannot tell: an alloy, an element that is not listed, a formula that is not balanced itself.

    >>> removable({"Li": 1, "Fe": 1, "P": 1, "O": 4}, ion="Li"), removable({"Li": 2, "Mn": 1, "O": 3}, ion="Li")
    (1.0, 0.0)
    >>> removable({"Li": 2, "Fe": 1, "Si": 1, "O": 4}, ion="Li")
    1.0
    """
    if balanced(amounts) is not True:
        return None
    total = amounts[ion]
    low, high = 0.0, total
    if balanced({**amounts, ion: 0.0}):
        return float(total)
    for _ in range(60):  # charge is linear in the amount: the limit is found by halving
        middle = (low + high) / 2
        if balanced({**amounts, ion: total - middle}):
            low = middle
        else:
            high = middle
    return round(low, 4)


# Which element is oxidised before which, in oxides and polyanions: from the lowest state to the highest that is given.
_LADDER: tuple[tuple[str, int], ...] = (
    *((symbol, 9) for symbol in ("Ta", "Nb", "W", "Re", "U", "Ce", "Sn", "Sb")),
    ("Cu", 1),
    ("Ti", 3),
    ("Cr", 3),
    ("Ti", 4),
    ("Mo", 9),
    ("V", 4),
    ("Fe", 3),
    ("Cu", 2),
    ("V", 5),
    ("Mn", 4),
    ("Bi", 3),
    ("Co", 3),
    *((symbol, 9) for symbol in ("Ru", "Rh", "Ir")),
    ("Ni", 3),
    ("Co", 4),
    ("Ni", 4),
    ("Cr", 4),
    ("Cu", 3),
    ("Bi", 5),
)


def mean_charges(amounts: Mapping[str, float]) -> dict[str, float] | None:
    """A mean charge for each element that makes the formula neutral, easily oxidised elements first; None when none does.

    >>> mean_charges({"Li": 0.5, "Co": 1, "O": 2})
    {'Li': 1.0, 'Co': 3.5, 'O': -2.0}
    >>> mean_charges({"Li": 1, "Ni": 0.5, "Mn": 1.5, "O": 4})
    {'Li': 1.0, 'Ni': 2.0, 'Mn': 4.0, 'O': -2.0}
    """
    held = {symbol: amount for symbol, amount in amounts.items() if amount > 0}
    if balanced(held) is not True:
        return None
    fixed = [symbol for symbol in held if symbol in _FIXED]
    redox = [symbol for symbol in held if symbol in _STATES]
    low = sum(held[s] * min(_STATES[s]) for s in redox)
    high = sum(held[s] * max(_STATES[s]) for s in redox)
    for states in product(*(_FIXED[s] for s in fixed)):
        chosen = dict(zip(fixed, states, strict=True))
        rest = -sum(held[s] * state for s, state in chosen.items())
        if not low - 1e-6 <= rest <= high + 1e-6:
            continue
        given = {symbol: float(min(_STATES[symbol])) for symbol in redox}
        left = rest - low
        for symbol, state in _LADDER:
            if symbol in given and left > 1e-9:
                step = min(left / held[symbol], max(0.0, min(state, max(_STATES[symbol])) - given[symbol]))
                given[symbol] += step
                left -= step * held[symbol]
        return {s: round(float(given[s] if s in given else chosen[s]), 6) for s in held}
    return None


def ordering_charges(amounts: Mapping[str, float]) -> dict[str, float]:
    """Charges that arrangements of a formula's atoms are compared by: mean ones where states balance, else mock ones.

    Mock charges set unlike atoms beside each other: the mean electronegativity less the element's own.
    """
    charges = mean_charges(amounts)
    if charges is not None:
        return charges
    from matsmith.knowledge.calibration import electronegativity

    known = {symbol: electronegativity(symbol) or 2.0 for symbol in amounts}
    mean = sum(known[s] * n for s, n in amounts.items()) / sum(amounts.values())
    return {symbol: mean - value for symbol, value in known.items()}
