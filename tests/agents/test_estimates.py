"""Who goes first into the dear stages."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest

from matsmith.agents.context import RunContext
from matsmith.agents.estimates import (
    estimates,
    most_promising,
    new_first,
    stability_promise,
    with_their_share,
)
from matsmith.agents.work import Work
from matsmith.core.candidate import Candidate
from matsmith.core.quantity import Relation
from matsmith.core.record import Outcome, Record
from matsmith.core.spec import DesignSpec, Target
from matsmith.models.predictors.library import predicted
from matsmith.models.predictors.stability.model import chances

# Rocksalt monoxides: the first four stand in the lists that ship, the others are nowhere.
LISTED, UNLISTED = ("Mg", "Ca", "Ni", "Mn"), ("Pm", "Ac", "Pa", "Lu", "Tm", "Er")


@pytest.mark.parametrize("accept_known", [False, True])
def test_new_ones_take_three_places_of_four_where_only_they_count(
    make_context: Callable[..., RunContext],
    make_spec: Callable[..., DesignSpec],
    made_candidate: Callable[..., Candidate],
    *,
    accept_known: bool,
) -> None:
    context = make_context(make_spec(accept_known=accept_known))
    works = [Work(candidate=made_candidate(symbol)) for symbol in (*LISTED, *UNLISTED)]
    mixed = ["Pm", "Ac", "Pa", "Mg", "Lu", "Tm", "Er", "Ca", "Ni", "Mn"]
    found = [
        next(s for s in work.candidate.crystal.elements if s != "O") for work in new_first(context, works)
    ]
    assert found == ([*LISTED, *UNLISTED] if accept_known else mixed)


@pytest.mark.parametrize(("drawn", "others"), [(0, 3), (3, 0), (2, 8), (5, 5)])
def test_random_crystals_hold_as_many_of_any_first_places_as_they_are(
    made_candidate: Callable[..., Candidate], drawn: int, others: int
) -> None:
    def work(symbol: str, strategy: str) -> Work:
        candidate = made_candidate(symbol)
        lineage = candidate.lineage.model_copy(update={"strategy": strategy})
        return Work(candidate=candidate.model_copy(update={"lineage": lineage}))

    symbols = (*LISTED, *UNLISTED)
    works = [work(symbols[k], "decoration" if k < others else "random") for k in range(drawn + others)]
    mixed = with_their_share(works)
    assert sorted(w.candidate.id for w in mixed) == sorted(w.candidate.id for w in works)
    for kind in ("decoration", "random"):
        assert [w for w in mixed if w.candidate.lineage.strategy == kind] == [
            w for w in works if w.candidate.lineage.strategy == kind
        ]
    for places in range(1, len(mixed) + 1):
        among = sum(w.candidate.lineage.strategy == "random" for w in mixed[:places])
        assert abs(among - places * drawn / len(mixed)) <= 1


def test_a_gap_is_promised_by_the_composition_and_orders_the_candidates(
    make_context: Callable[..., RunContext],
    make_spec: Callable[..., DesignSpec],
    made_candidate: Callable[..., Candidate],
) -> None:
    wide = Target(property="measured_band_gap", relation=Relation.ABOVE, value=5.0)
    context = make_context(make_spec(targets=[wide]))
    works = [Work(candidate=made_candidate(symbol)) for symbol in ("Ni", "Mg")]
    for work in works:
        crystal = work.candidate.crystal
        outcome = Outcome(crystal=crystal, facts={})
        work.screened = Record.of(outcome, tool="screen", tool_version="1", inputs={}, identity="", seed=0)
        promised = estimates(context, work)["measured_band_gap"]
        assert promised.value == predicted("measured_band_gap", crystal.formula).value
        assert promised.sigma > 0
    first = most_promising(context, works)[0]
    assert "Mg" in first.candidate.crystal.elements


def test_formulas_that_a_model_holds_for_stable_go_first_where_a_stable_one_is_wanted(
    make_context: Callable[..., RunContext], make_spec: Callable[..., DesignSpec]
) -> None:
    stable = Target(property="energy_above_hull", relation=Relation.BELOW, value=0.05)
    context = make_context(make_spec(targets=[stable]))
    found = stability_promise(context, ["KMgF3", "KMg7F2", "He3Xe2"])
    assert found["KMgF3"] > 0 > found["KMg7F2"]
    (average,) = chances(["He3Xe2"])
    assert found["He3Xe2"] == pytest.approx(math.log(2 * average.base_rate))
    assert stability_promise(make_context(make_spec()), ["KMgF3"]) == {}
    context.settings = context.settings.model_copy(update={"stability_order": False})
    assert stability_promise(context, ["KMgF3"]) == {}
