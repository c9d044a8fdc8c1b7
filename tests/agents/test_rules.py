"""The built-in rules: what they plan, and that they learn in the right direction."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from matsmith.agents.decisions import (
    Answer,
    CandidateSummary,
    CritiqueQuestion,
    GenerationQuestion,
    LiteratureQuestion,
    Question,
    RoundSummary,
    SimulationQuestion,
)
from matsmith.agents.reasoners.rules import (
    FIRST_KNOWN,
    MEASURED_PER_ROUND,
    RELAXED_PER_ROUND,
    RulesReasoner,
    critique,
    directive_from,
    generation,
    queries,
    simulation,
)
from matsmith.core.directive import Directive
from matsmith.core.errors import ReasonerError
from matsmith.core.spec import DesignSpec

MakeSpec = Callable[..., DesignSpec]


def summary(formula: str, probability: float, *, prototype: str = "rocksalt") -> CandidateSummary:
    return CandidateSummary(
        id=f"{formula}-{prototype}-{probability}",
        formula=formula,
        prototype=prototype,
        probabilities={"bulk_modulus": probability},
        values={"bulk_modulus": "{r:0123abcd.bulk_modulus}"},
    )


def one_round(*best: CandidateSummary, **fields: Any) -> RoundSummary:
    return RoundSummary(round=0, best=list(best), **fields)


def test_the_directive_favours_what_did_well() -> None:
    directive = directive_from(
        [
            one_round(
                summary("MgO", 0.9),
                summary("NiO", 0.8),
                summary("K2O", 0.02, prototype="antifluorite"),
                summary("Cs2O", 0.01, prototype="antifluorite"),
            )
        ]
    )
    assert directive.elements["Mg"] > 1 > directive.elements["K"]
    assert directive.prototypes["rocksalt"] > 1 > directive.prototypes["antifluorite"]
    # Oxygen is in all of them: it says nothing.
    assert directive.elements["O"] == pytest.approx(1.0)
    assert directive.parents[:2] == ["MgO-rocksalt-0.9", "NiO-rocksalt-0.8"]


def test_one_sight_counts_less_than_many() -> None:
    others = [summary(formula, 0.05) for formula in ("K2O", "Cs2O", "Rb2O")]
    once = directive_from([one_round(summary("MgO", 0.9), *others)])
    often = directive_from([one_round(*(summary("MgO", 0.9, prototype=str(n)) for n in range(3)), *others)])
    assert once.elements["K"] == pytest.approx(once.elements["Rb"])
    assert once.prototypes["rocksalt"] == pytest.approx(1.0)
    assert often.elements["Mg"] > 1


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["MgO", "K2O", "Al2O3", "TiN", "SrTiO3"]), st.floats(0, 1), st.sampled_from("abc")
        ),
        min_size=1,
        max_size=20,
    )
)
def test_no_round_of_bad_luck_closes_a_door(rows: list[tuple[str, float, str]]) -> None:
    directive = directive_from([one_round(*(summary(f, p, prototype=t) for f, p, t in rows))])
    for multipliers in (directive.elements, directive.prototypes, directive.elements_per_formula):
        assert all(0.25 <= value <= 6.0 for value in multipliers.values())
    assert 1 <= len(directive.parents) <= 12
    assert len(set(directive.parents)) == len(directive.parents)


def test_nothing_judged_gives_no_direction() -> None:
    assert directive_from([one_round()]).elements == {}
    assert directive_from([]).parents == []


def asked(spec: DesignSpec, **fields: Any) -> GenerationQuestion:
    defaults: dict[str, Any] = {"round": 0, "strategies": ["known", "decoration"], "capacity": 100}
    return GenerationQuestion(spec=spec, **(defaults | fields))


def test_known_materials_come_first(make_spec: MakeSpec) -> None:
    assert generation(asked(make_spec())).strategies == {"known": FIRST_KNOWN}
    assert generation(asked(make_spec(new_only=True))).strategies == {"decoration": 100}
    assert generation(asked(make_spec(), round=1)).strategies == {"decoration": 100}


def test_weights_share_the_capacity_and_zero_forbids(make_spec: MakeSpec) -> None:
    names = ["known", "decoration", "substitution", "mutation"]
    directive = Directive(strategies={"decoration": 3.0, "substitution": 1.0, "mutation": 0.0})
    history = [one_round().model_copy(update={"directive": directive})]
    plan = generation(asked(make_spec(), round=1, strategies=names, history=history))
    # The usual weight of substitution is a quarter of that of decoration: 3 to 0.25.
    assert plan.strategies == {"decoration": 92, "substitution": 8}
    assert plan.directive == directive


@pytest.mark.parametrize(
    ("candidates", "seconds", "relax", "measure"),
    [
        (160, 1000.0, RELAXED_PER_ROUND, MEASURED_PER_ROUND),
        (3, 1000.0, 3, 3),
        (160, 10.0, 6, 1),
        (160, 0.0, 1, 1),
    ],
)
def test_simulation_goes_as_far_as_time_allows(
    make_spec: MakeSpec, candidates: int, seconds: float, relax: int, measure: int
) -> None:
    plan = simulation(
        SimulationQuestion(
            spec=make_spec(),
            round=0,
            candidates=candidates,
            seconds_left=seconds,
            seconds_per_relaxation=1.0,
            seconds_per_measurement=4.0,
        )
    )
    assert (plan.relax, plan.measure) == (relax, measure)


def test_the_critique_holds_no_bare_number(make_spec: MakeSpec) -> None:
    found = critique(
        CritiqueQuestion(
            spec=make_spec(),
            rounds=[one_round(summary("MgO", 0.4), met=3, failures={"overlap": 5})],
            failing_target="bulk_modulus",
            shortfall="12 GPa",
        )
    )
    assert "{r:0123abcd.bulk_modulus}" in found.text
    assert "overlap" in found.text
    bare = re.sub(r"\{r:[^}]*\}|MgO", "", found.text)
    assert not re.search(r"\d", bare)


def test_queries_name_the_target_and_the_chemistry(make_spec: MakeSpec) -> None:
    found = queries(LiteratureQuestion(spec=make_spec())).queries
    assert any("bulk modulus" in query for query in found)
    assert "O" in found
    assert len(found) <= 8
    assert queries(LiteratureQuestion(spec=DesignSpec())).queries


def test_answers_are_counted_and_cost_no_tokens(make_spec: MakeSpec) -> None:
    reasoner = RulesReasoner()
    reasoner.decide(asked(make_spec()))
    reasoner.decide(LiteratureQuestion(spec=make_spec()))
    assert (reasoner.usage.calls, reasoner.usage.tokens) == (2, 0)


def test_a_question_without_a_rule_is_an_error() -> None:
    class Foreign(Question[Answer]):
        def answer_type(self) -> type[Answer]:
            return Answer

    with pytest.raises(ReasonerError, match="Foreign"):
        RulesReasoner().decide(Foreign())
