"""Configurational entropy of disorder: ideal mixing on each site."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from matsmith.core.errors import SpecError

BOLTZMANN_EV_PER_K = 8.617333262e-5
_EMPTY = 1e-9


def mixing_entropy(occupancies: Sequence[tuple[float, Mapping[str, float]]]) -> float:
    """Ideal entropy of mixing in eV/K per atom of a crystal with shared sites: an upper bound, as order lowers it.

    Each entry is a number of equivalent sites and the shares of the species on them; what is missing to 1 is vacant. Raises
    `SpecError` for shares that are negative, sum to more than 1 or leave no atom.

    >>> round(mixing_entropy([(1, {"Ga": 0.5, "In": 0.5}), (1, {"As": 1.0})]) / BOLTZMANN_EV_PER_K, 4)
    0.3466
    """
    total, atoms = 0.0, 0.0
    for count, shares in occupancies:
        if not count > 0 or any(share < 0 for share in shares.values()) or sum(shares.values()) > 1 + 1e-6:
            raise SpecError(
                f"Occupancies of {dict(shares)} on {count:g} sites cannot be.",
                hint="Shares are 0 to 1 and sum to at most 1.",
            )
        filled = sum(shares.values())
        vacant = max(0.0, 1.0 - filled)
        total -= count * sum(x * math.log(x) for x in (*shares.values(), vacant) if x > _EMPTY)
        atoms += count * filled
    if not atoms > 0:
        raise SpecError("No site is occupied.", hint="Give the species on each site.")
    return BOLTZMANN_EV_PER_K * total / atoms
