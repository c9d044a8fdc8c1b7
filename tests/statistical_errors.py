"""The part of a protocol's error that its run left open, without what the potential is assumed to be off by."""

from __future__ import annotations

from matsmith.core.record import Outcome


def statistical(outcome: Outcome, name: str) -> float:
    """One sigma in the quantity's unit. Raises `AssertionError` where the outcome keeps none."""
    kept = outcome.facts["statistical_sigma"]
    assert isinstance(kept, dict)
    sigma = kept[name]
    assert isinstance(sigma, float)
    return sigma
