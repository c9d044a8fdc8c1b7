"""How well a composition can be balanced by common oxidation states: a score that orders candidates, not a filter.

The states are those that SMACT 4 tabulates from the ICSD (2024, version 2) with how often each was reported
(`oxidation_states_icsd24_counts.json`; Davies et al., J. Open Source Softw. 4, 1361, 2019). A filter would lose real
compounds: SMACT's validity test refuses Fe3O4 unless mixed valence is allowed, and LaB6 and CaC6 even then, because atoms
of one element that bond to each other have a fractional state.
"""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Mapping
from functools import lru_cache
from itertools import product
from math import exp, gcd
from pathlib import Path

from matsmith.core.errors import DataError


def _set_of(symbols: str) -> frozenset[str]:
    return frozenset(symbols.split())


TABLE = "SMACT 4, ICSD 2024 counts of oxidation states"
NEUTRAL = 0.5
"""From this score on a composition counts as charge-balanced: whole states, or two of them on a metal that takes both."""
_LEAST_SHARE = 0.02
# They form their own bonds in solids (borides, carbides, Zintl phases, peroxides, polysulfides): fractional states are usual.
_CATENATING = _set_of("B C Si Ge Sn P As Sb S Se Te I")
# Peroxides and superoxides, azides: the only mean states of bonded oxygen and nitrogen that solids keep.
_BONDED: dict[str, tuple[float, ...]] = {"O": (-1.0, -0.5), "N": (-1.0 / 3.0,)}
# Their compounds with transition metals are metals when no more electronegative element is there: Ti2N, Fe3C, W2B5.
_INTERSTITIAL = _set_of("H B C N Si P Ge As Sb")
_TRANSITION = _set_of("Sc Ti V Cr Mn Fe Co Ni Cu Y Zr Nb Mo Tc Ru Rh Pd Ag La Hf Ta W Re Os Ir Pt Au")
_NONMETALS = _set_of("H B C N O F Si P S Cl Ge As Se Br Sb Te I Xe Kr")
# Each keeps a state in nearly every solid; a few odd reports must not balance what chemistry cannot.
_FIXED: dict[str, tuple[int, ...]] = {"O": (-2,), "F": (-1,)}
_MIXED, _CATENATED, _METALLIC, _PEROXIDE, _UNBALANCED = 0.75, 0.45, 0.45, 0.3, 0.25


def charge_score(composition: Mapping[str, float]) -> float:
    """Return a score in [0, 1] for how well common oxidation states balance a composition (whole amounts of elements).

    1 stands for common whole states and for metals; less for mixed valence, atoms of one element that bond to each other and
    rare states; least for a charge that stays unbalanced.

    >>> round(charge_score({"Mg": 1, "O": 1}), 2)
    1.0
    """
    whole = {symbol: round(amount) for symbol, amount in composition.items() if amount > 0}
    divisor = gcd(*whole.values()) if whole else 1
    return _score(tuple(sorted((symbol, amount // (divisor or 1)) for symbol, amount in whole.items())))


@lru_cache(maxsize=100_000)
def _score(amounts: tuple[tuple[str, int], ...]) -> float:
    symbols = [symbol for symbol, _ in amounts]
    # Metals with metals (and single elements) have no ionic charges to balance.
    if len(symbols) < 2 or not _NONMETALS.intersection(symbols):
        return 1.0
    floor = 0.05
    if _TRANSITION.intersection(symbols) and _INTERSTITIAL.issuperset(_NONMETALS.intersection(symbols)):
        floor = _METALLIC
    options = [_states(symbol) for symbol in symbols]
    if not all(options):
        return floor
    best, least = floor, 1e9
    for chosen in product(*options):
        charge = sum(amount * state for (_, amount), (state, _) in zip(amounts, chosen, strict=True))
        positive = sum(
            amount * state for (_, amount), (state, _) in zip(amounts, chosen, strict=True) if state > 0
        )
        if not _ordered(symbols, chosen):
            continue
        quality = min(1.0, 1.25 * min(share for _, share in chosen) ** 0.5)
        if charge == 0:
            best = max(best, 0.5 + 0.5 * quality)
            continue
        least = min(least, abs(charge) / max(positive, 1))
        best = max(best, _with_fraction(amounts, chosen, charge=charge) * (0.5 + 0.5 * quality))
    return max(best, _UNBALANCED * exp(-5.0 * least))


def _with_fraction(
    amounts: tuple[tuple[str, int], ...], chosen: tuple[tuple[int, float], ...], *, charge: int
) -> float:
    """Return the score of moving one element to a fractional mean state that removes the charge, 0 where none can."""
    score = 0.0
    for (symbol, amount), (state, _) in zip(amounts, chosen, strict=True):
        mean = state - charge / amount
        known = [value for value, _ in _states(symbol)]
        inside = min(known) <= mean <= max(known) and (mean > 0) == (state > 0)
        if inside and amount > 1 and symbol not in _NONMETALS and abs(mean - state) < 1:
            score = max(score, _MIXED)
        elif (symbol == "B" and 0 < mean < state) or (
            symbol in _CATENATING and state < 0 and min(known) <= mean < 0
        ):
            score = max(score, _CATENATED)
        elif any(abs(mean - bonded) < 1e-9 for bonded in _BONDED.get(symbol, ())):
            score = max(score, _PEROXIDE)
    return score


def _ordered(symbols: list[str], chosen: tuple[tuple[int, float], ...]) -> bool:
    """Say whether every element with a positive state is less electronegative than every one with a negative state."""
    values = _electronegativities()
    positive = [values[symbol] for symbol, (state, _) in zip(symbols, chosen, strict=True) if state > 0]
    negative = [values[symbol] for symbol, (state, _) in zip(symbols, chosen, strict=True) if state < 0]
    return bool(positive) and bool(negative) and max(positive) <= min(negative) + 1e-9


@lru_cache(maxsize=128)
def _states(symbol: str) -> tuple[tuple[int, float], ...]:
    """Return (state, share of its reports) of an element, without the states that make less than 2 % of them."""
    if symbol in _FIXED:
        return tuple((state, 1.0) for state in _FIXED[symbol])
    counts = _counts().get(symbol, {})
    # Positive and negative states belong to different chemistries: each side is measured by its own most common state.
    top = {sign: max((n for s, n in counts.items() if (s > 0) == sign), default=0) for sign in (True, False)}
    kept = [
        (s, n / top[s > 0]) for s, n in sorted(counts.items()) if n > 5 and n >= _LEAST_SHARE * top[s > 0]
    ]
    return tuple(kept)


@lru_cache(maxsize=1)
def _counts() -> dict[str, dict[int, int]]:
    spec = importlib.util.find_spec("smact")
    if spec is None or spec.origin is None:
        raise DataError("smact is not installed.", hint="Install matsmith with its dependencies.")
    path = Path(spec.origin).parent / "data" / "oxidation_states_icsd24_counts.json"
    try:
        rows = json.loads(path.read_text(encoding="utf-8"))
        found: dict[str, dict[int, int]] = {}
        for row in rows:
            if row["results_count"] > 0 and row["oxidation_state"] != 0:
                found.setdefault(str(row["element"]), {})[int(row["oxidation_state"])] = int(
                    row["results_count"]
                )
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DataError(
            "SMACT's table of oxidation states is missing or damaged.", hint="Reinstall smact."
        ) from error
    return found


@lru_cache(maxsize=1)
def _electronegativities() -> dict[str, float]:
    from matsmith.tools.strategies.similarity import electronegativity

    return {symbol: electronegativity(symbol) for symbol in _counts()}
