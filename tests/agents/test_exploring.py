"""The share of a round that stays for exploration, whatever the plan and the critic want."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from matsmith.agents.context import RunContext
from matsmith.agents.decisions import AnswerT, GenerationPlan, Question
from matsmith.agents.exploring import EXPLORING_SHARE, bans_of, explores, lacking, with_explorers
from matsmith.agents.generator import propose
from matsmith.agents.reasoners.interface import Usage, checked
from matsmith.agents.summaries import CandidateSummary, RoundSummary
from matsmith.agents.work import Work
from matsmith.core.candidate import Candidate, Lineage
from matsmith.core.directive import Directive
from matsmith.core.spec import Budget, DesignSpec

MakeContext = Callable[..., RunContext]
MakeSpec = Callable[..., DesignSpec]
MakeCandidate = Callable[..., Candidate]


class Fixed:
    """A model that answers with one plan."""

    name = "openai:fixed"

    def __init__(self, plan: dict[str, Any]) -> None:
        self.plan = json.dumps(plan)
        self.usage = Usage()

    def decide(self, question: Question[AnswerT], *, deadline: float | None = None) -> AnswerT:
        return checked(question, GenerationPlan.model_validate_json(self.plan))


# Oxides of a crowd of cations, all of them wished for by name and near one parent.
CATIONS = ("Ca", "Sr", "Ba", "Ni", "Mn", "Fe", "Zn", "Cd", "Ti", "V", "Cu", "Be")


def after_a_round(make_context: MakeContext, spec: DesignSpec, parent: Candidate, **plan: Any) -> RunContext:
    """A run that knows one good candidate, and a reasoner that wants nothing but it."""
    context = make_context(spec, reasoner=Fixed({"strategies": {}, **plan}))
    best = CandidateSummary(id=parent.id, formula=parent.formula, probabilities={"bulk_modulus": 0.9})
    directive = Directive(parents=[parent.id], elements={"Mg": 50.0, "Si": 0.0}, reason="Stay near MgO.")
    context.ledger.append("candidate", parent.id, parent)
    context.ledger.append("round", "0", RoundSummary(round=0, best=[best], directive=directive))
    return context


@pytest.mark.parametrize(
    "plan",
    [
        {"formulas": [{"formula": f"{symbol}O"} for symbol in CATIONS]},
        {"formulas": [{"formula": f"{symbol}O"} for symbol in CATIONS], "strategies": {"known": 4}},
        {"strategies": {"decoration": 16}},
    ],
    ids=["by name alone", "with known ones", "decoration near the best"],
)
def test_a_share_of_every_round_explores(
    make_context: MakeContext, make_spec: MakeSpec, made_candidate: MakeCandidate, plan: dict[str, Any]
) -> None:
    spec = make_spec(structure={"atoms_max": 6}, budget=Budget(wall_time_s=3600.0))
    context = after_a_round(make_context, spec, made_candidate("Mg"), **plan)
    made = [context.candidate(name) for name in propose(context, round_number=1)]
    exploring = [candidate for candidate in made if explores(candidate)]
    assert len(made) >= 12
    assert len(exploring) >= int(EXPLORING_SHARE * len(made))
    # What the critic forbids is not explored again.
    assert all("Si" not in candidate.crystal.elements for candidate in exploring)


def test_a_round_without_parents_and_wishes_gets_nothing_added(
    make_context: MakeContext, make_spec: MakeSpec
) -> None:
    spec = make_spec(structure={"atoms_max": 6}, budget=Budget(wall_time_s=3600.0))
    context = make_context(spec, reasoner=Fixed({"strategies": {"known": 6}}))
    assert len(propose(context, round_number=0)) == 6


def candidate(made: MakeCandidate, symbol: str, *, parents: tuple[str, ...] = (), strategy: str) -> Candidate:
    plain = made(symbol)
    return plain.model_copy(update={"lineage": Lineage(strategy=strategy, parents=parents)})


def test_the_best_exploring_ones_keep_their_places_before_the_dear_stages(
    made_candidate: MakeCandidate,
) -> None:
    near = [
        candidate(made_candidate, s, parents=("p",), strategy="decoration") for s in ("Mg", "Ca", "Sr", "Ba")
    ]
    asked = [candidate(made_candidate, s, strategy="proposed") for s in ("Ni", "Mn", "Fe", "Zn")]
    free = [candidate(made_candidate, s, strategy="decoration") for s in ("Ti", "V", "Cd")]
    ranked = [Work(candidate=one) for one in (*near, *asked, *free)]
    chosen = with_explorers(ranked, places=8)
    formulas = [work.candidate.formula for work in chosen]
    assert len(formulas) == 8
    assert formulas[-2:] == [free[0].formula, free[1].formula]
    assert [work.candidate.id for work in ranked if work in chosen] == [work.candidate.id for work in chosen]
    # Where they come first by themselves, nothing changes; and a few places are not shared out.
    assert with_explorers(ranked[::-1], places=8) == ranked[::-1][:8]
    assert with_explorers(ranked, places=3) == ranked[:3]
    assert with_explorers(ranked, places=50) == ranked


@given(following=st.integers(0, 200), exploring=st.integers(0, 200))
def test_what_is_lacking_makes_up_the_share(following: int, exploring: int) -> None:
    from matsmith.core.crystal import Crystal

    crystal = Crystal(
        lattice=((4.0, 0.0, 0.0), (0.0, 4.0, 0.0), (0.0, 0.0, 4.0)), species=("O",), positions=((0, 0, 0),)
    )
    one = Candidate.of(crystal, lineage=Lineage(strategy="decoration", parents=("p",)))
    free = Candidate.of(crystal, lineage=Lineage(strategy="decoration"))
    added = lacking([one] * following + [free] * exploring)
    total = following + exploring + added
    assert exploring + added >= int(EXPLORING_SHARE * total)
    assert added == 0 or exploring + added <= EXPLORING_SHARE * total + 1


def test_only_what_is_forbidden_stays_of_a_directive() -> None:
    told = Directive(
        elements={"Al": 3.0, "K": 0.0, "Na": 0.2},
        prototypes={"spinel": 9.0, "perovskite": 0.0},
        elements_per_formula={"2": 0.0, "3": 4.0},
        formulas={"Al2O3": 3.0},
        parents=["a"],
        strategies={"decoration": 0.0},
    )
    free = bans_of(told)
    assert (free.elements, free.prototypes) == ({"K": 0.0}, {"perovskite": 0.0})
    assert (free.elements_per_formula, free.formulas, free.parents) == ({"2": 0.0}, {}, [])
