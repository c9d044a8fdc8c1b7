"""Random alloys are proposed where an alloy is asked for, and nowhere else."""

from __future__ import annotations

from itertools import islice

from matsmith.core.settings import Settings
from matsmith.core.spec import ALLOY, DesignSpec
from matsmith.tools.strategies.alloy import STRATEGY
from matsmith.tools.strategies.interface import StrategyRequest


def wish(**chemistry: object) -> DesignSpec:
    return DesignSpec.model_validate({"chemistry": chemistry, "structure": {"motif": ALLOY}})


def test_a_named_system_comes_at_many_compositions_of_either_base(bare: Settings) -> None:
    spec = wish(required=["Al", "Cu"], allowed=["Al", "Cu"], elements_min=2)
    found = list(STRATEGY.propose(StrategyRequest(spec=spec, seed=4), settings=bare))
    shares = {one.crystal.amounts["Cu"] / len(one.crystal.species) for one in found}
    assert {1 / 8, 1 / 2, 7 / 8} <= shares
    assert len({one.id for one in found}) == len(found) >= 12
    assert all(len(one.crystal.species) == 16 for one in found)
    assert all("random fcc alloy" in one.lineage.prototype for one in found)
    again = list(STRATEGY.propose(StrategyRequest(spec=spec, seed=4), settings=bare))
    assert [one.id for one in again] == [one.id for one in found]


def test_what_the_run_has_is_not_offered_again_and_good_parents_draw_near(bare: Settings) -> None:
    spec = wish(required=["Al", "Cu"], allowed=["Al", "Cu"], elements_min=2)
    first = next(iter(STRATEGY.propose(StrategyRequest(spec=spec), settings=bare)))
    rich = next(
        one
        for one in STRATEGY.propose(StrategyRequest(spec=spec), settings=bare)
        if one.crystal.amounts["Cu"] == 14
    )
    request = StrategyRequest(spec=spec, parents=(rich,), seen=frozenset({first.id, rich.id}))
    near = list(islice(STRATEGY.propose(request, settings=bare), 3))
    assert first.id not in {one.id for one in near}
    assert all(one.crystal.amounts["Cu"] >= 11 for one in near)


def test_where_no_alloy_is_asked_for_nothing_is_proposed(bare: Settings) -> None:
    request = StrategyRequest(spec=DesignSpec.model_validate({"chemistry": {"required": ["Al", "Cu"]}}))
    assert list(STRATEGY.propose(request, settings=bare)) == []


def test_elements_without_a_simple_lattice_are_left_out(bare: Settings) -> None:
    spec = wish(required=["Mn"], allowed=["Mn", "Cu"], elements_min=2)
    assert list(STRATEGY.propose(StrategyRequest(spec=spec), settings=bare)) == []
