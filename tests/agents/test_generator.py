"""Proposals: once a round, within bounds, nothing twice, near what did well."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from matsmith.agents.context import RunContext
from matsmith.agents.decisions import AnswerT, GenerationPlan, Question, RoundSummary
from matsmith.agents.generator import LARGEST_ROUND, SMALLEST_ROUND, capacity, merged, propose
from matsmith.agents.reasoners.interface import Usage, checked
from matsmith.agents.reasoners.rules import FIRST_KNOWN
from matsmith.core.candidate import Candidate, Novelty
from matsmith.core.crystal import Crystal
from matsmith.core.directive import Directive
from matsmith.core.ledger import Ledger
from matsmith.core.spec import Budget, DesignSpec

MakeContext = Callable[..., RunContext]
MakeSpec = Callable[..., DesignSpec]


class Fixed:
    """A reasoner that answers every question with one plan."""

    name = "fixed"

    def __init__(self, plan: GenerationPlan) -> None:
        self.plan, self.asked = plan, 0

    @property
    def usage(self) -> Usage:
        return Usage(calls=self.asked)

    def decide(self, question: Question[AnswerT], *, deadline: float | None = None) -> AnswerT:
        self.asked += 1
        return checked(question, self.plan)


def candidates(context: RunContext) -> list[Candidate]:
    return [Candidate.model_validate_json(entry.body) for entry in context.ledger.entries("candidate")]


def test_a_round_is_proposed_once(make_context: MakeContext) -> None:
    context = make_context()
    ids = propose(context, round_number=0)
    head = context.ledger.head
    assert propose(context, round_number=0) == ids
    assert context.ledger.head == head
    assert [candidate.id for candidate in candidates(context)] == ids


def test_known_materials_first_and_labelled(make_context: MakeContext) -> None:
    context = make_context()
    propose(context, round_number=0)
    found = candidates(context)
    assert 0 < len(found) <= FIRST_KNOWN
    for candidate in found:
        assert candidate.novelty.label is Novelty.KNOWN
        assert "O" in candidate.crystal.elements
        assert len(candidate.crystal.elements) == 2
        assert candidate.id == candidate.crystal.canonical_hash


def test_the_next_round_repeats_nothing(make_context: MakeContext, make_spec: MakeSpec) -> None:
    spec = make_spec(new_only=True, structure={"atoms_max": 4}, budget=Budget(wall_time_s=3600))
    context = make_context(spec, reasoner=Fixed(GenerationPlan(strategies={"decoration": 12})))
    first, second = propose(context, round_number=0), propose(context, round_number=1)
    assert len(first) == len(second) == 12
    assert not set(first) & set(second)
    assert len(candidates(context)) == 24


def test_the_same_seed_draws_the_same(make_context: MakeContext, make_spec: MakeSpec) -> None:
    spec = make_spec(new_only=True, structure={"atoms_max": 4}, budget=Budget(wall_time_s=3600))
    plan = GenerationPlan(strategies={"decoration": 10})
    drawn = [
        propose(make_context(spec, reasoner=Fixed(plan), seed=seed), round_number=0) for seed in (3, 3, 4)
    ]
    assert drawn[0] == drawn[1]
    assert drawn[0] != drawn[2]


def test_a_kill_between_drawing_and_noting_the_round_loses_nothing(
    make_context: MakeContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = propose(make_context(), round_number=0)
    context = make_context()
    write = Ledger.append_many

    def killed(ledger: Ledger, rows: Iterable[tuple[str, str, BaseModel | str]]) -> None:
        listed = list(rows)
        write(ledger, listed)
        if any(kind == "candidate" for kind, _, _ in listed):
            raise KeyboardInterrupt

    monkeypatch.setattr(Ledger, "append_many", killed)
    with pytest.raises(KeyboardInterrupt):
        propose(context, round_number=0)
    monkeypatch.undo()
    assert propose(context, round_number=0) == expected
    assert len(candidates(context)) == len(expected)


def test_strategies_that_do_not_exist_are_left_out(make_context: MakeContext) -> None:
    plan = GenerationPlan(strategies={"alchemy": 50, "known": 3, "decoration": 0})
    assert len(propose(make_context(reasoner=Fixed(plan)), round_number=0)) == 3


def test_parents_that_do_not_exist_are_left_out(make_context: MakeContext) -> None:
    plan = GenerationPlan(strategies={"known": 2}, directive=Directive(parents=["no such candidate"]))
    assert len(propose(make_context(reasoner=Fixed(plan)), round_number=0)) == 2


def test_the_reasoner_is_asked_once_a_question(make_context: MakeContext) -> None:
    reasoner = Fixed(GenerationPlan(strategies={"known": 2}))
    context = make_context(reasoner=reasoner)
    propose(context, round_number=0)
    propose(context, round_number=0)
    assert reasoner.asked == 1


@given(seconds=st.floats(0.1, 1e6), pace=st.floats(1e-4, 1e3))
def test_capacity_stays_in_its_bounds(seconds: float, pace: float) -> None:
    from matsmith.agents.context import Pace

    class Clock:
        def __init__(self) -> None:
            self.seconds_left, self.pace = seconds, Pace()
            self.pace.seconds["screen"] = pace

    found = capacity(Clock())  # pyright: ignore[reportArgumentType]
    assert SMALLEST_ROUND <= found <= LARGEST_ROUND


def test_the_second_directive_wins_where_both_speak() -> None:
    first = Directive(elements={"Mg": 2.0, "K": 0.0}, parents=["a"], reason="first")
    second = Directive(elements={"Mg": 3.0}, prototypes={"rocksalt": 2.0})
    found = merged(first, second)
    assert found.elements == {"Mg": 3.0, "K": 0.0}
    assert found.prototypes == {"rocksalt": 2.0}
    assert (found.parents, found.reason) == (["a"], "first")


def test_a_forbidden_element_is_not_drawn(make_context: MakeContext, make_spec: MakeSpec) -> None:
    spec = make_spec(new_only=True, structure={"atoms_max": 4}, budget=Budget(wall_time_s=3600))
    free = make_context(spec, reasoner=Fixed(GenerationPlan(strategies={"decoration": 15})))
    propose(free, round_number=0)
    drawn = sorted({symbol for c in candidates(free) for symbol in c.crystal.elements} - {"O"})
    bound = make_context(spec, reasoner=Fixed(GenerationPlan(strategies={"decoration": 15})))
    directive = Directive(elements={drawn[0]: 0.0})
    bound.ledger.append("round", "0", RoundSummary(round=0, directive=directive))
    propose(bound, round_number=1)
    assert all(drawn[0] not in c.crystal.elements for c in candidates(bound))
    assert candidates(bound)


def test_every_crystal_is_sound(make_context: MakeContext) -> None:
    context = make_context()
    propose(context, round_number=0)
    for candidate in candidates(context):
        assert isinstance(candidate.crystal, Crystal)
        structure = candidate.crystal.to_pymatgen()
        assert len(structure) == 1 or structure.is_valid(tol=1.0)
