"""The run so far as a reasoner sees it: bounded at any length, nothing miscounted, and the rules read what they always read."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from matsmith.agents.decisions import CritiqueQuestion, GenerationQuestion
from matsmith.agents.history import IN_FULL, IN_SHORT, LARGEST_CHARACTERS, characters, folded, in_view
from matsmith.agents.reasoners.rules import directive_from
from matsmith.agents.summaries import CandidateSummary, RoundSummary
from matsmith.core.directive import Directive
from matsmith.core.run import Evidence, Lead, LeadKind, Stance
from matsmith.core.spec import DesignSpec

CATIONS = ("Mg", "Al", "Ti", "Zr", "Ni", "Fe", "Sc", "Zn", "Be", "Ca")


def one(number: int, rank: int) -> CandidateSummary:
    cation = CATIONS[(number + rank) % len(CATIONS)]
    return CandidateSummary(
        id=f"{number:08x}{rank:08x}",
        formula=f"{cation}O",
        prototype="AB_cF8_225_a_b",
        strategy="decoration",
        novelty="new",
        probabilities={"bulk_modulus": 1 / (2 + rank + number % 7), "energy_above_hull": 0.5},
        values={
            name: f"{{r:{number:04x}{rank:04x}.{name}}}" for name in ("bulk_modulus", "energy_above_hull")
        },
        gaps={"density": "not measured"},
    )


def a_round(number: int, *, best: int = 16) -> RoundSummary:
    return RoundSummary(
        round=number,
        generated=120,
        simulated=40,
        met=number % 2,
        best=[one(number, rank) for rank in range(best)],
        failures={"duplicate": 3, f"odd failure {number}": 1},
        tool_failures={"equation_of_state: rough": 2},
        target_failures={"bulk_modulus": 30},
        by_strategy={"decoration": (35, 1), "known": (5, 0)},
        elements=dict.fromkeys(CATIONS, (4, 1)) | {"O": (40, 3)},
        prototypes={f"prototype {number} {k}": (2, 0) for k in range(15)},
        proposed={f"{cation}{number + 1}O": "judged, not met" for cation in CATIONS},
        directive=Directive(reason=f"Reason of a round. {'because ' * 40}", elements={"Mg": 1.5}),
    )


@pytest.mark.parametrize("length", [1, 3, 5, 6, 50, 200])
def test_the_history_is_bounded_however_long_the_run_is(length: int) -> None:
    rounds = [a_round(number) for number in range(length)]
    view = in_view(rounds)
    assert characters(view) <= LARGEST_CHARACTERS
    assert [summary.round for summary in view.rounds] == list(range(length))[-(IN_FULL + IN_SHORT) :]
    assert len(view.rounds) + view.earlier.rounds == length
    # The last three in full, best candidates with their references and gaps.
    for shown, real in zip(view.rounds[-IN_FULL:], rounds[-IN_FULL:], strict=True):
        assert shown.best == real.best
        assert shown.by_strategy == real.by_strategy
    for shown in view.rounds[:-IN_FULL]:
        assert all(candidate.values == {} and candidate.probabilities for candidate in shown.best)


def test_two_hundred_rounds_cost_no_more_than_ten() -> None:
    ten, many = (in_view([a_round(number) for number in range(length)]) for length in (10, 200))
    assert characters(many) < 1.25 * characters(ten)


def test_what_is_folded_adds_up() -> None:
    rounds = [a_round(number) for number in range(40)]
    earlier = folded(rounds)
    assert (earlier.generated, earlier.simulated, earlier.met) == (4800, 1600, 20)
    assert earlier.by_strategy == {"decoration": (1400, 40), "known": (200, 0)}
    assert earlier.elements["O"] == (1600, 120)
    assert earlier.failures["duplicate"] == 120
    assert earlier.tool_failures == {"equation_of_state: rough": 80}
    assert len(earlier.proposed) == 30
    assert len(earlier.directions) == 8
    best = max(candidate.probabilities["bulk_modulus"] for summary in rounds for candidate in summary.best)
    assert earlier.best[0].probabilities["bulk_modulus"] == best
    assert len({candidate.id for candidate in earlier.best}) == len(earlier.best) == 16


def test_no_rounds_are_nothing() -> None:
    view = in_view([])
    assert view.rounds == []
    assert view.earlier.rounds == 0
    question = GenerationQuestion(
        spec=DesignSpec(), strategies=["known"], round=0, capacity=8, earlier=view.earlier
    )
    assert question.shown()["earlier"].keys() <= {"rounds", "generated", "simulated", "met"}


def test_many_targets_give_way_to_the_limit() -> None:
    long = [
        summary.model_copy(
            update={
                "best": [
                    candidate.model_copy(
                        update={
                            "values": {f"property_{k}": f"{{r:abcd.property_{k}}}" for k in range(30)},
                            "probabilities": {f"property_{k}": 0.123 for k in range(30)},
                        }
                    )
                    for candidate in summary.best
                ]
            }
        )
        for summary in (a_round(number) for number in range(60))
    ]
    view = in_view(long)
    assert characters(view) <= LARGEST_CHARACTERS
    assert all(summary.best for summary in view.rounds)


@given(length=st.integers(1, 30), best=st.integers(0, 16))
@settings(max_examples=30, deadline=None)
def test_the_rules_direct_by_what_they_always_read(length: int, best: int) -> None:
    rounds = [a_round(number, best=best) for number in range(length)]
    assert directive_from(in_view(rounds).rounds) == directive_from(rounds[-5:])


def test_the_same_question_later_is_the_same_question() -> None:
    rounds = [a_round(0)]
    first = CritiqueQuestion(spec=DesignSpec(), rounds=rounds)
    later = first.model_copy(update={"left": first.left.model_copy(update={"seconds": 17})})
    assert first.digest() == later.digest()
    assert first.digest() != CritiqueQuestion(spec=DesignSpec(), rounds=[a_round(1)]).digest()


def test_what_stays_the_same_stands_first_for_the_cache_of_a_server() -> None:
    fields = list(GenerationQuestion.model_fields)
    assert fields.index("spec") < fields.index("evidence") < fields.index("earlier") < fields.index("history")
    assert fields[-1] == "left"
    assert list(CritiqueQuestion.model_fields)[-1] == "left"


def test_evidence_is_shown_without_what_only_code_needs() -> None:
    lead = Lead(kind=LeadKind.CHEMISTRY, name="MgO", stance=Stance.REPORTED, words="w" * 500)
    failing = lead.model_copy(update={"name": "CaO", "stance": Stance.KNOWN_TO_FAIL})
    evidence = Evidence(
        id="e1",
        quote="q" * 2000,
        source="a paper",
        citation="long citation",
        start=10,
        end=2010,
        dois=["10.1/x"],
        leads=[lead] * 6 + [failing],
    )
    question = GenerationQuestion.model_validate(
        {"spec": DesignSpec(), "strategies": ["known"], "round": 0, "capacity": 8, "evidence": [evidence]}
    )
    (shown,) = question.shown()["evidence"]
    assert set(shown) == {"id", "quote", "source", "retracted", "leads"}
    assert len(shown["quote"]) == 400
    assert [each["name"] for each in shown["leads"]] == ["CaO", "MgO", "MgO", "MgO"]
    assert all(len(each["words"]) <= 160 for each in shown["leads"])
