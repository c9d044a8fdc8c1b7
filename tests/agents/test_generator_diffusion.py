"""A round of the loop that draws on the diffusion model: conform, told where from, drawn again alike."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from crystal_models import tiny_weights

from matsmith.agents.context import RunContext
from matsmith.agents.decisions import AnswerT, GenerationPlan, Question
from matsmith.agents.generator import propose
from matsmith.agents.reasoners.interface import Usage, checked
from matsmith.agents.reasoners.rules import RulesReasoner
from matsmith.core.settings import Settings
from matsmith.core.spec import DesignSpec
from matsmith.tools.strategies import diffusion

MakeContext = Callable[..., RunContext]
MakeSpec = Callable[..., DesignSpec]


class Diffused(RulesReasoner):
    """The rules, with one strategy."""

    @property
    def usage(self) -> Usage:
        return Usage()

    def decide(self, question: Question[AnswerT], *, deadline: float | None = None) -> AnswerT:
        return checked(question, GenerationPlan(strategies={"diffusion": 5}))


def test_a_round_of_the_diffusion_model_is_part_of_the_loop(
    make_context: MakeContext, make_spec: MakeSpec, house: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(diffusion, "LONGEST_S", 60.0)
    monkeypatch.setattr(diffusion, "STEPS", 4)
    assert house.diffusion_weights is not None
    tiny_weights(house.diffusion_weights)
    spec = make_spec(
        new_only=True, structure={"atoms_max": 6}, chemistry={"required": ["O"], "elements_max": 3}
    )
    one, same = (make_context(spec, reasoner=Diffused(), seed=5) for _ in range(2))
    ids = propose(one, round_number=0)
    assert ids
    assert propose(same, round_number=0) == ids
    for candidate_id in ids:
        candidate = one.candidate(candidate_id)
        assert candidate.lineage.strategy == "diffusion"
        assert "O" in candidate.crystal.elements
        assert len(candidate.crystal.species) <= 6
