"""One key for one composition: the reduced formula that every table, cache and reference phase is filed under."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from fractions import Fraction
from functools import lru_cache

from matsmith.core.elements import SYMBOLS, is_element, parse_formula
from matsmith.core.errors import SpecError

# Amounts are read as fractions with at most this denominator, so that 0.3333 and 1/3 are one amount.
_LARGEST_DENOMINATOR = 1000
_PLAIN = re.compile(r"([A-Z][a-z]?)(\d*)")
_SYMBOL = re.compile(r"[A-Z][a-z]?")
_BIT = {symbol: index for index, symbol in enumerate(SYMBOLS)}


def reduced_key(formula: str | Mapping[str, float]) -> str:
    """Return the canonical reduced formula: symbols in alphabetical order, whole amounts without common factor, 1 omitted.

    It takes a formula or the amounts of each element (whole or fractional; zero amounts are dropped). It is a key and
    not a way to write a formula: cations do not come first, polymorphs share it, diatomic elements are single atoms.
    Raises `SpecError` for what is no composition.

    >>> reduced_key("K4Mn4O8"), reduced_key("KMnO2"), reduced_key({"O": 0.6667, "Ti": 0.3333}), reduced_key("Ca(OH)2")
    ('KMnO2', 'KMnO2', 'O2Ti', 'CaH2O2')
    """
    if isinstance(formula, str):
        return _key_of_text(formula)
    return _key_of_amounts(formula)


@lru_cache(maxsize=200_000)
def _key_of_text(formula: str) -> str:
    if formula.isalnum() and formula.isascii():
        # Plain formulas are nearly all rows of every table; this path is four times the general parser's speed.
        parts = _PLAIN.findall(formula)
        if parts and sum(len(symbol) + len(digits) for symbol, digits in parts) == len(formula):
            counts: dict[str, int] = {}
            for symbol, digits in parts:
                counts[symbol] = counts.get(symbol, 0) + (int(digits) if digits else 1)
            if all(symbol in _BIT for symbol in counts) and all(counts.values()):
                return _write(counts)
    return _key_of_amounts(parse_formula(formula))


def _key_of_amounts(amounts: Mapping[str, float]) -> str:
    fractions: dict[str, Fraction] = {}
    for symbol, amount in amounts.items():
        if not is_element(symbol):
            raise SpecError(f"There is no element {symbol!r}.", hint="Use the symbols of the periodic table.")
        if not math.isfinite(amount) or amount < 0:
            raise SpecError(f"An amount of {amount} {symbol} is not possible.", hint="Give positive amounts.")
        value = Fraction(amount).limit_denominator(_LARGEST_DENOMINATOR)
        if value:
            fractions[symbol] = value
    if not fractions:
        raise SpecError("A composition needs at least one element.", hint="Write it like Al2O3.")
    scale = math.lcm(*(value.denominator for value in fractions.values()))
    return _write({symbol: int(value * scale) for symbol, value in fractions.items()})


def _write(counts: Mapping[str, int]) -> str:
    divisor = math.gcd(*counts.values())
    return "".join(
        symbol if counts[symbol] == divisor else f"{symbol}{counts[symbol] // divisor}"
        for symbol in sorted(counts)
    )


def key_amounts(key: str) -> dict[str, int]:
    """Return the whole amounts of a key made by `reduced_key`.

    >>> key_amounts("Al2O3")
    {'Al': 2, 'O': 3}
    """
    return {symbol: int(digits) if digits else 1 for symbol, digits in _PLAIN.findall(key)}


def key_elements(key: str) -> list[str]:
    """Return the symbols in a key made by `reduced_key`, alphabetically."""
    return _SYMBOL.findall(key)


def element_bits(symbols: Iterable[str]) -> tuple[int, int]:
    """Return the set of elements as two 64-bit words (atomic numbers 1 to 64, then the rest), for fast subset tests."""
    mask = 0
    for symbol in symbols:
        mask |= 1 << _BIT[symbol]
    return mask & (2**64 - 1), mask >> 64
