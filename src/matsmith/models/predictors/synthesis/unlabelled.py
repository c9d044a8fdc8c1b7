"""Compositions that nobody published, as popular in each element as those that somebody did.

Positive-unlabelled learning needs unlabelled compositions. Here the cations of published targets change places among all of them, and so
do the anions: stoichiometries stay, each element occurs as often as before, and only which go together in which amounts is new.
Some of what results could be made; a bag of models that each saw other draws takes that into account
(Mordelet and Vert 2014, Pattern Recognit. Lett. 37, 201).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

import numpy as np

from matsmith.models.predictors.compositions import composition_key

ANIONS = frozenset(("O", "F", "Cl", "Br", "I", "S", "Se", "Te", "N", "H"))


def shuffled(
    published: Sequence[Mapping[str, float]], *, known: Collection[str], seed: int
) -> list[dict[str, float]]:
    """One composition for each published one, with its amounts and the elements of others; those that are known are left out."""
    random = np.random.default_rng(seed)
    drawn: list[dict[str, float]] = [{} for _ in published]
    spoilt: set[int] = set()
    for anions in (False, True):
        slots = [
            (place, amount)
            for place, one in enumerate(published)
            for symbol, amount in one.items()
            if (symbol in ANIONS) == anions
        ]
        symbols = [symbol for one in published for symbol in one if (symbol in ANIONS) == anions]
        order: list[int] = random.permutation(len(symbols)).tolist()
        for (place, amount), number in zip(slots, order, strict=True):
            symbol = symbols[number]
            if symbol in drawn[place]:
                spoilt.add(place)
            drawn[place][symbol] = drawn[place].get(symbol, 0.0) + amount
    known = set(known)
    found: dict[str, dict[str, float]] = {}
    for place, one in enumerate(drawn):
        key = composition_key(one)
        if place not in spoilt and key not in known and len(one) > 1:
            found.setdefault(key, one)
    return list(found.values())
