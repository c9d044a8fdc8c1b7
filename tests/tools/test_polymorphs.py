"""Forms that the potential cannot tell apart are all carried, and the property is what they span."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from matsmith.core.crystal import Crystal
from matsmith.core.quantity import Quantity
from matsmith.core.settings import Settings
from matsmith.tools.base import Deps
from matsmith.tools.polymorphs import TOOL, UNRESOLVED_EV_PER_ATOM, PolymorphsArgs


def titanium() -> Crystal:
    """Titanium as fcc, which the potential wrongly takes for the lowest form."""
    half = 2.05
    return Crystal(
        lattice=((0.0, half, half), (half, 0.0, half), (half, half, 0.0)),
        species=("Ti",),
        positions=((0.0, 0.0, 0.0),),
    )


def test_fcc_and_hcp_titanium_are_both_carried(plain: Settings) -> None:
    outcome = TOOL.run(
        PolymorphsArgs(structure="c", property="volume_per_atom", most_types=3),
        deps=Deps(settings=plain, inputs={"c": titanium()}),
    )
    assert outcome.failure is None, outcome.failure
    facts: dict[str, Any] = dict(outcome.facts)
    heights: list[float] = [row["above_lowest_ev_per_atom"] for row in facts["forms"]]
    assert len(facts["unresolved"]) >= 2
    assert facts["resolved"] is False
    assert heights == sorted(heights)
    assert heights[0] == 0.0
    assert sum(height <= UNRESOLVED_EV_PER_ATOM for height in heights) == len(facts["unresolved"])
    low, high = facts["range"]["low"], facts["range"]["high"]
    quantity = outcome.quantities["volume_per_atom"]
    assert low <= quantity.value <= high
    assert facts["range"]["unit"] == "angstrom3/atom"
    # hcp titanium: 17.65 Å³ an atom, measured.
    assert quantity.value == pytest.approx(17.65, rel=0.05)
    assert outcome.warnings


def test_one_form_far_below_the_rest_is_resolved(plain: Settings, rocksalt: Callable[..., Crystal]) -> None:
    outcome = TOOL.run(
        PolymorphsArgs(structure="c", most_types=2),
        deps=Deps(settings=plain, inputs={"c": rocksalt("Mg", edge=4.25)}),
    )
    quantity = outcome.quantities["density"]
    # Periclase: 3.58 g/cm3, measured.
    assert quantity.value == pytest.approx(3.58, rel=0.04)
    facts: dict[str, Any] = dict(outcome.facts)
    low, high = facts["range"]["low"], facts["range"]["high"]
    if facts["resolved"]:
        assert low == high
        assert outcome.warnings == ()


def test_a_structure_that_cannot_be_relaxed_is_its_own_failure(plain: Settings, overlapping: Crystal) -> None:
    outcome = TOOL.run(
        PolymorphsArgs(structure="c", most_types=0), deps=Deps(settings=plain, inputs={"c": overlapping})
    )
    assert outcome.failure is not None
    assert outcome.failure.code == "overlap"


def test_the_sigma_spans_the_forms() -> None:
    from matsmith.tools.polymorphs import over

    one = Quantity(value=10.0, unit="g/cm3", sigma=1.0)
    other = Quantity(value=14.0, unit="g/cm3", sigma=1.0)
    both = over([one, other])
    assert both.value == 12.0
    assert both.sigma == pytest.approx((1.0 + 4.0) ** 0.5)
    assert over([one]) == one
