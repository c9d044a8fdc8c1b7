"""Who goes first into the dear stages."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from matsmith.agents.context import RunContext
from matsmith.agents.estimates import new_first
from matsmith.agents.work import Work
from matsmith.core.candidate import Candidate
from matsmith.core.spec import DesignSpec

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
