"""How often each source of reference phases calls an unstable phase stable, as measured; the figures stand in `tier_rates.json`.

They are written by `benchmarks/stability_tiers.py`, which judges known formulas against hulls that lack them.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import lru_cache
from importlib import resources
from typing import Any, Literal

from matsmith.core.errors import DataError

Tier = Literal["materials_project", "optimade", "dft_table", "shipped"]


@dataclass(frozen=True, kw_only=True)
class FalseStableRate:
    """Of `unstable` phases of `n_elements` elements, `called_stable` lay within `threshold_ev_per_atom` of the tier's hull.

    `n_elements` is the number the figure was measured at: the nearest one where the number asked for has none.
    """

    tier: Tier
    n_elements: int
    threshold_ev_per_atom: float
    unstable: int
    called_stable: int
    date: str

    @property
    def rate(self) -> float:
        """Share of unstable phases that are called stable."""
        return self.called_stable / self.unstable


@lru_cache(maxsize=1)
def _rates() -> dict[str, Any]:
    try:
        text = resources.files("matsmith.knowledge").joinpath("tier_rates.json").read_text(encoding="utf-8")
        held: dict[str, Any] = json.loads(text)
        for tier in held["tiers"].values():
            for counted in tier["counts"]:
                _ = (int(counted["n_elements"]), int(counted["unstable"]), int(counted["called_stable"]))
        return held
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise DataError(
            "The measured rates of the reference tiers are damaged.", hint="Install matsmith again."
        ) from error


def false_stable_rate(
    tier: Tier, n_elements: int, *, threshold_ev_per_atom: float = 0.0
) -> FalseStableRate | None:
    """Return the measured rate, or None for a tier that was not measured.

    The nearest measured number of elements and the nearest measured threshold answer for those that were not measured.
    """
    held = _rates()
    measured = held["tiers"].get(tier)
    if measured is None or not measured["counts"]:
        return None
    best = min(
        measured["counts"],
        key=lambda counted: (
            abs(counted["threshold_ev_per_atom"] - threshold_ev_per_atom),
            abs(counted["n_elements"] - n_elements),
        ),
    )
    return FalseStableRate(
        tier=tier,
        n_elements=best["n_elements"],
        threshold_ev_per_atom=best["threshold_ev_per_atom"],
        unstable=best["unstable"],
        called_stable=best["called_stable"],
        date=measured["date"],
    )
