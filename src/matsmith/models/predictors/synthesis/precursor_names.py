"""Precursors as written, read as compositions: water of hydration does not tell two apart, nor does the way of writing."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache

from matsmith.core.reactions import precursor_amounts
from matsmith.models.predictors.compositions import composition_key

FREE = frozenset(("O", "H", "C", "N"))
"""Elements that come from air, water and what burns off; every other has to be brought by a precursor."""
KINDS: tuple[tuple[str, re.Pattern[str]], ...] = (
    ("carbonate", re.compile(r"CO3")),
    ("nitrate", re.compile(r"NO3")),
    ("organic", re.compile(r"CH3|COO|C2H|C4H|OC\d|C\d+H\d+")),
    ("chloride", re.compile(r"Cl")),
    ("hydroxide", re.compile(r"OH(?!\w*COO)")),
    ("ammonium", re.compile(r"NH4")),
    ("hydrate", re.compile(r"[·•∙⋅]")),
)
"""What a precursor is by its counter-ion, which sets the heat it takes to decompose it."""


@lru_cache(maxsize=20_000)
def precursor_key(written: str) -> str:
    """One name for one precursor however it is written; empty for what is no formula.

    >>> precursor_key("Li(CH3COO)") == precursor_key("LiCH3COO·2H2O")
    True
    """
    amounts = precursor_amounts(written)
    return "" if amounts is None else composition_key(amounts)


def source_elements(target: Mapping[str, float]) -> tuple[str, ...]:
    """Elements of a target that precursors have to bring, in the order of the alphabet."""
    return tuple(sorted(set(target) - FREE))


def supplied(written: str, wanted: Sequence[str]) -> tuple[str, ...]:
    """Which of the wanted elements a precursor brings."""
    amounts = precursor_amounts(written) or {}
    return tuple(symbol for symbol in wanted if symbol in amounts)


def kind_shares(precursors: Sequence[str]) -> dict[str, float]:
    """Share of the precursors of each kind, and how many there are.

    >>> kind_shares(["BaCO3", "TiO2"])["carbonate"]
    0.5
    """
    count = max(1, len(precursors))
    shares = {name: sum(bool(pattern.search(one)) for one in precursors) / count for name, pattern in KINDS}
    return {**shares, "number": float(len(precursors))}
