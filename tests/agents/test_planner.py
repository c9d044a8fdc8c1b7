"""From words to a checked plan, and what stands against one."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from pathlib import Path

import pytest

from matsmith.agents.planner import (
    STABLE_EV_PER_ATOM,
    PlanCheck,
    looked_up_only,
    make_plan,
    unmeasurable,
)
from matsmith.agents.reasoners.rules import RulesReasoner
from matsmith.agents.session import design, plan_objective
from matsmith.core.errors import SpecError
from matsmith.core.quantity import Relation
from matsmith.core.settings import Settings
from matsmith.core.spec import Conditions, DesignSpec, Target

MakeSpec = Callable[..., DesignSpec]


@pytest.mark.parametrize("objective", ["", "   ", "\n"])
def test_an_empty_objective_is_refused_with_an_example(objective: str) -> None:
    with pytest.raises(SpecError) as caught:
        make_plan(objective, reasoner=RulesReasoner())
    assert "bulk modulus" in caught.value.hint


def test_an_objective_in_words() -> None:
    spec = make_plan("a stable binary oxide with a bulk modulus above 180 GPa", reasoner=RulesReasoner()).spec
    by_name = {target.property: target for target in spec.targets}
    assert (by_name["bulk_modulus"].relation, by_name["bulk_modulus"].value) == (Relation.ABOVE, 180.0)
    assert by_name["energy_above_hull"].relation is Relation.BELOW
    assert "O" in spec.chemistry.required
    assert (spec.chemistry.elements_min, spec.chemistry.elements_max) == (2, 2)


def test_an_objective_without_a_property_wants_a_stable_crystal_and_says_so() -> None:
    plan = make_plan("a lithium oxide", reasoner=RulesReasoner())
    (target,) = plan.spec.targets
    assert (target.property, target.value) == ("energy_above_hull", STABLE_EV_PER_ATOM)
    assert plan.understood[-1].words == "(no property named)"


def test_what_is_given_beside_the_objective_wins(house: Settings) -> None:
    check = plan_objective(
        "a hard-to-compress oxide with a bulk modulus above 150 GPa",
        settings=house,
        candidates=7,
        budget_s=42,
        new_only=True,
    )
    assert (check.spec.candidates, check.spec.budget.wall_time_s, check.spec.new_only) == (7, 42, True)


def test_contradictions_come_before_everything(house: Settings, make_spec: MakeSpec) -> None:
    spec = make_spec(
        targets=[
            Target(property="bulk_modulus", relation=Relation.ABOVE, value=200.0),
            Target(property="bulk_modulus", relation=Relation.BELOW, value=100.0),
        ]
    )
    check = PlanCheck.from_spec(spec, settings=house)
    assert not check.runnable
    assert check.refusal in check.contradictions


def test_no_solid_has_a_bulk_modulus_of_a_thousand(house: Settings, make_spec: MakeSpec) -> None:
    spec = make_spec(targets=[Target(property="bulk_modulus", relation=Relation.ABOVE, value=1000.0)])
    refusal = PlanCheck.from_spec(spec, settings=house).refusal
    assert refusal is not None
    assert "diamond" in refusal


def test_a_property_that_nothing_measures(house: Settings, make_spec: MakeSpec) -> None:
    hard = Target(property="work_function", relation=Relation.ABOVE, value=5.0)
    refused = PlanCheck.from_spec(make_spec(targets=[hard]), settings=house)
    assert refused.refusal == "No installed tool measures work function."
    assert refused.unmeasurable_targets == [hard]
    # Beside a target that can be measured too: such a run could never be met.
    both = PlanCheck.from_spec(make_spec(targets=[hard, *make_spec().targets]), settings=house)
    assert both.refusal == "No installed tool measures work function."
    assert list(both.unmeasurable) == [0]


def test_a_soft_wish_that_nothing_measures_does_not_stop_the_run(
    house: Settings, make_spec: MakeSpec
) -> None:
    soft = Target(property="work_function", relation=Relation.ABOVE, value=5.0, hard=False)
    assert PlanCheck.from_spec(make_spec(targets=[soft, *make_spec().targets]), settings=house).runnable
    alone = PlanCheck.from_spec(make_spec(targets=[soft]), settings=house)
    assert not alone.runnable


@pytest.fixture
def without_weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("matsmith.models.predictors.library.WEIGHTS", tmp_path / "nowhere")


@pytest.mark.usefixtures("without_weights")
def test_what_tables_would_measure_says_how_to_get_them(house: Settings, make_spec: MakeSpec) -> None:
    spec = make_spec(targets=[Target(property="measured_band_gap", relation=Relation.ABOVE, value=3.0)])
    reasons = unmeasurable(spec, settings=house)
    assert "data get" in reasons[0]


def test_what_can_only_be_predicted_runs_and_it_is_said(house: Settings, make_spec: MakeSpec) -> None:
    gap = Target(property="measured_band_gap", relation=Relation.ABOVE, value=3.0)
    for spec in (make_spec(targets=[gap]), make_spec(targets=[gap], new_only=True)):
        check = PlanCheck.from_spec(spec, settings=house)
        assert check.runnable
        assert "confirms none" in check.plan.questions[-1]
        assert PlanCheck.of(check.plan, settings=house).plan.questions == check.plan.questions
        assert not looked_up_only(check.spec, settings=house)
    wish = PlanCheck.from_spec(make_spec(targets=[gap.model_copy(update={"hard": False})]), settings=house)
    assert wish.runnable
    assert not wish.plan.questions


@pytest.mark.parametrize(
    ("conditions", "words"),
    [
        ({"temperature_k": 300.0}, ""),
        ({"temperature_k": 0.0}, ""),
        ({"pressure_gpa": 0.0001}, ""),
        ({"temperature_k": 1200.0}, "at 1200 K"),
        ({"pressure_gpa": 25.0}, "at 25 GPa"),
        ({"temperature_k": 1200.0, "pressure_gpa": 25.0}, "at 1200 K and at 25 GPa"),
    ],
)
def test_conditions_that_no_tool_knows(
    house: Settings, make_spec: MakeSpec, conditions: dict[str, float], words: str
) -> None:
    spec = make_spec(conditions=Conditions.model_validate(conditions))
    reasons = unmeasurable(spec, settings=house)
    assert bool(reasons) == bool(words)
    assert all(words in reason for reason in reasons.values())


def test_a_price_knows_no_temperature(house: Settings, make_spec: MakeSpec) -> None:
    spec = make_spec(
        targets=[Target(property="price", relation=Relation.BELOW, value=5.0)],
        conditions=Conditions(temperature_k=1500.0),
    )
    assert unmeasurable(spec, settings=house) == {}


def test_where_only_tables_answer_known_materials_suffice_and_it_is_said(
    house: Settings, make_spec: MakeSpec, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with gzip.open(tmp_path / "expt_band_gap.csv.gz", "wt") as file:
        file.write("formula,band_gap_eV\nGaAs,1.42\nInP,1.34\n")
    settings = house.model_copy(update={"data_dir": tmp_path})
    gap = Target(property="measured_band_gap", relation=Relation.BETWEEN, value=1.1, upper=1.7)
    check = PlanCheck.from_spec(make_spec(targets=[gap]), settings=settings)
    assert check.runnable
    assert check.spec.accept_known
    assert "tables" in check.plan.questions[-1].lower()
    assert looked_up_only(check.spec, settings=settings) == ["measured_band_gap"]
    assert not PlanCheck.from_spec(make_spec(), settings=settings).spec.accept_known
    new = make_spec(targets=[gap], new_only=True)
    assert PlanCheck.from_spec(new, settings=settings).runnable
    assert not looked_up_only(new, settings=settings)
    monkeypatch.setattr("matsmith.models.predictors.library.WEIGHTS", tmp_path / "nowhere")
    refused = PlanCheck.from_spec(new, settings=settings)
    assert refused.refusal is not None
    assert "new materials" in refused.refusal


UNCLEAR = "a stable compound of oxygen and unobtainium with a bulk modulus above 150 GPa"


def test_a_requirement_that_was_not_understood_stands_in_the_way_until_somebody_says_so(
    house: Settings,
) -> None:
    check = plan_objective(UNCLEAR, settings=house)
    assert check.unclear == ["unobtainium"]
    assert check.runnable
    with pytest.raises(SpecError, match="unobtainium") as caught:
        check.require_clear()
    assert "--leave-out" in caught.value.hint
    # A specification that a person gives has been looked at.
    PlanCheck.from_spec(check.spec, settings=house).require_clear()
    plan_objective("a stable layered oxide for solar cells", settings=house).require_clear()


@pytest.mark.parametrize(
    ("reply", "objective", "required"),
    [
        ("", UNCLEAR, ["O"]),
        ("titanium.", UNCLEAR.replace("unobtainium", "titanium"), ["O", "Ti"]),
        ("flubber", UNCLEAR.replace("unobtainium", "flubber"), ["O"]),
    ],
)
def test_a_person_is_asked_once_and_the_reply_takes_the_place_of_the_words(
    house: Settings, reply: str, objective: str, required: list[str]
) -> None:
    put: list[str] = []

    def ask(question: str) -> str:
        put.append(question)
        return reply

    check = plan_objective(UNCLEAR, settings=house, ask=ask)
    assert len(put) == 1
    assert "unobtainium" in put[0]
    assert (check.spec.objective, sorted(check.spec.chemistry.required)) == (objective, required)
    check.require_clear()


def test_a_program_that_gives_words_is_told_before_a_folder_is_made(house: Settings, tmp_path: Path) -> None:
    with pytest.raises(SpecError, match="unobtainium"):
        design(UNCLEAR, settings=house, out=tmp_path / "run")
    assert not (tmp_path / "run").exists()
