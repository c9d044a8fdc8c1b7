"""Formulas as arrays of atomic numbers and atom fractions, with a refusal for everything that is no single composition."""

from __future__ import annotations

import hashlib
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from matsmith.core.elements import SYMBOLS, is_element, parse_formula
from matsmith.core.errors import SpecError

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

FOLDS = 5
MAX_ELEMENTS = 20
MAX_ATOMS = 1000
"""Largest formula unit that is taken for a compound: what is longer is a molecule, a slip of the pen or a supercell."""
_MAX_LENGTH = 400
_TOKEN = re.compile(r"[A-Z][a-z]?")
_VARIABLES = frozenset("xyznδ")
_NUMBER = {symbol: number for number, symbol in enumerate(SYMBOLS, start=1)}


@dataclass(frozen=True)
class Compositions:
    """`n` compositions: `elements` (n, k) atomic numbers with 0 where there is none, `fractions` (n, k) that sum to 1."""

    elements: IntArray
    fractions: FloatArray

    def __len__(self) -> int:
        return len(self.elements)

    def part(self, where: IntArray | slice) -> Compositions:
        """Some of the compositions, in that order."""
        return Compositions(self.elements[where], self.fractions[where])


def read_formula(formula: str) -> dict[str, float]:
    """Atom fractions of a formula by symbol. Raises `SpecError` for what is no single composition.

    >>> read_formula("Al2O3")
    {'Al': 0.4, 'O': 0.6}
    """
    return dict(_read(formula))


@lru_cache(maxsize=50_000)
def _read(formula: str) -> tuple[tuple[str, float], ...]:
    text = "".join(formula.split())
    if not text:
        raise SpecError("The formula is empty.", hint="Write it like Al2O3 or Ca(OH)2.")
    if len(text) > _MAX_LENGTH:
        raise SpecError(
            f"A formula of {len(text)} characters is too long.", hint=f"At most {_MAX_LENGTH} are read."
        )
    variable = _variable(text)
    if variable:
        raise SpecError(
            f"{text!r} has a variable amount ({variable}).",
            hint="Give every amount as a number, such as Li0.5CoO2; one call takes many formulas.",
        )
    amounts = parse_formula(text)
    total = sum(amounts.values())
    if all(amount == int(amount) for amount in amounts.values()):
        unit = total / math.gcd(*(int(amount) for amount in amounts.values()))
        if unit > MAX_ATOMS:
            raise SpecError(
                f"The formula unit of {text!r} has {unit:.0f} atoms.",
                hint=f"Give the composition of a compound, with at most {MAX_ATOMS} atoms.",
            )
    if len(amounts) > MAX_ELEMENTS:
        raise SpecError(f"{text!r} has {len(amounts)} elements.", hint=f"At most {MAX_ELEMENTS} are taken.")
    return tuple((symbol, amount / total) for symbol, amount in amounts.items())


def _variable(text: str) -> str:
    """The letter that stands for an amount, or nothing.

    >>> _variable("LixCoO2"), _variable("Ba1-ySryTiO3"), _variable("XeF2"), _variable("YBa2Cu3O7-δ")
    ('x', 'y', '', 'δ')
    """
    rest = _TOKEN.sub("", text)
    if any(letter.isalpha() and letter not in _VARIABLES for letter in rest):
        return ""  # a word, which is told so
    for match in _TOKEN.finditer(text):
        symbol = match[0]
        if not is_element(symbol) and len(symbol) == 2 and is_element(symbol[0]) and symbol[1] in _VARIABLES:
            return symbol[1]
    return next((letter for letter in rest if letter in _VARIABLES), "")


def gather(fractions: Sequence[Mapping[str, float]]) -> Compositions:
    """Arrays of compositions given by symbol; amounts are divided by their sum. Raises `SpecError` for an unknown symbol."""
    width = max((len(one) for one in fractions), default=1)
    elements = np.zeros((len(fractions), width), dtype=np.int64)
    parts = np.zeros((len(fractions), width))
    for row, one in enumerate(fractions):
        for place, (symbol, amount) in enumerate(sorted(one.items(), key=lambda item: (-item[1], item[0]))):
            number = _NUMBER.get(symbol)
            if number is None:
                raise SpecError(
                    f"There is no element {symbol!r}.", hint="Use the symbols of the periodic table."
                )
            elements[row, place], parts[row, place] = number, amount
    return Compositions(elements, parts / parts.sum(axis=1, keepdims=True))


def composition_key(fractions: Mapping[str, float]) -> str:
    """One name for one composition, whatever the formula unit: symbols with fractions to four digits.

    >>> composition_key(read_formula("K4Mn4O8")) == composition_key(read_formula("KMnO2"))
    True
    """
    total = sum(fractions.values())
    return " ".join(f"{symbol}{fractions[symbol] / total:.4f}" for symbol in sorted(fractions))


def fold_of(key: str) -> int:
    """The fold of a composition, 0 to `FOLDS` - 1: the same in every table, so that no model learns a left-out formula elsewhere."""
    return int.from_bytes(hashlib.sha256(key.encode()).digest()[:4]) % FOLDS
