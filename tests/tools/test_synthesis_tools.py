"""The two tools: what papers report confirms, what is predicted rules out only; without the reactions it says what is missing."""

from __future__ import annotations

from pathlib import Path

import pytest
from mined_reactions import write_reactions

from matsmith.agents.work import measurements
from matsmith.core.properties import PROPERTIES
from matsmith.core.quantity import Relation
from matsmith.core.record import Outcome, Record
from matsmith.core.settings import Settings
from matsmith.core.spec import DesignSpec, Target
from matsmith.core.verdict import Answer, judge
from matsmith.models.predictors.synthesis.predicting import all_here
from matsmith.tools.base import Deps
from matsmith.tools.known_synthesis import KnownSynthesisArgs
from matsmith.tools.registry import get_tool, known_only, predicted_only
from matsmith.tools.synthesis import SynthesisArgs

shipped = pytest.mark.skipif(not all_here(), reason="the weights are not here")


@pytest.fixture
def here(tmp_path: Path) -> Deps:
    """Settings with a folder of made reactions."""
    data = tmp_path / "data"
    data.mkdir()
    write_reactions(data)
    return Deps(settings=Settings(data_dir=data, cache_dir=tmp_path / "cache"))


@pytest.fixture
def nowhere(tmp_path: Path) -> Deps:
    """Settings without any table."""
    return Deps(settings=Settings(data_dir=tmp_path / "none", cache_dir=tmp_path / "cache"))


def verdict(*made: tuple[str, Outcome], below_c: float) -> Answer:
    target = Target(property="calcination_temperature", relation=Relation.BELOW, value=below_c + 273.15)
    spec = DesignSpec(targets=[target])
    records = [
        Record.of(outcome, tool=tool, tool_version="1", inputs={"formula": "x"}, identity="", seed=0)
        for tool, outcome in made
    ]
    return judge(target, measurements(spec, 0, records), spec=spec, candidate="c", index=0).answer


def test_published_temperatures_come_with_their_papers(here: Deps) -> None:
    found = get_tool("known_synthesis").run(KnownSynthesisArgs(formula="BaTiO3"), deps=here)
    assert found.failure is None
    assert found.quantities["calcination_temperature"].value == pytest.approx(1050 + 273.15)
    facts = found.facts["calcination_temperature"]
    assert isinstance(facts, dict)
    assert facts["papers"] == 3
    assert "10.1016/j.made.2007.01.001" in str(facts["dois"])
    assert "inconclusive" not in found.facts
    # Both ways, and unknown where the scatter between papers spans the limit.
    assert verdict(("known_synthesis", found), below_c=1300) is Answer.MET
    assert verdict(("known_synthesis", found), below_c=900) is Answer.NOT_MET
    assert verdict(("known_synthesis", found), below_c=1060) is Answer.UNKNOWN


@pytest.mark.parametrize(
    ("formula", "code"), [("SrZrO3", "not_listed"), ("LiFePO4", "not_listed"), ("Hello", "no_composition")]
)
def test_what_is_not_published_is_a_typed_failure(here: Deps, formula: str, code: str) -> None:
    found = get_tool("known_synthesis").run(KnownSynthesisArgs(formula=formula), deps=here)
    assert found.failure is not None
    assert found.failure.code == code


def test_without_the_reactions_the_look_up_says_what_is_missing(here: Deps, nowhere: Deps) -> None:
    assert get_tool("known_synthesis").missing(here.settings) is None
    assert "matsmith data get synthesis" in (get_tool("known_synthesis").missing(nowhere.settings) or "")
    assert known_only("calcination_temperature", settings=here.settings)
    if all_here():
        assert predicted_only("calcination_temperature", settings=nowhere.settings)
        assert predicted_only("sintering_temperature", new=True, settings=here.settings)


def test_the_registry_lists_them_cheapest_first() -> None:
    for name in ("calcination_temperature", "sintering_temperature"):
        assert PROPERTIES[name].tools == ("known_synthesis", "synthesis")
    assert "calcination temperature" not in PROPERTIES["decomposition_temperature"].synonyms


@shipped
def test_a_prediction_rules_out_and_never_confirms(nowhere: Deps) -> None:
    found = get_tool("synthesis").run(SynthesisArgs(formula="BaZrO3"), deps=nowhere)
    assert found.failure is None
    assert verdict(("synthesis", found), below_c=300) is Answer.NOT_MET
    assert verdict(("synthesis", found), below_c=2800) is Answer.UNKNOWN
    assert "no more" in str(found.facts["inconclusive"])
    assert found.facts["nearest_published"] == []
    assert "matsmith data get synthesis" in str(found.facts["nearest_published_missing"])
    assert found.facts["published_papers"] is None


@shipped
def test_what_papers_report_stands_before_what_is_predicted(here: Deps) -> None:
    known = get_tool("known_synthesis").run(KnownSynthesisArgs(formula="BaTiO3"), deps=here)
    predicted = get_tool("synthesis").run(SynthesisArgs(formula="BaTiO3"), deps=here)
    assert verdict(("synthesis", predicted), ("known_synthesis", known), below_c=1300) is Answer.MET
    near = predicted.facts["nearest_published"]
    assert isinstance(near, list)
    assert predicted.facts["published_papers"] == 3
    first = near[0]
    assert isinstance(first, dict)
    assert (first["formula"], first["distance"]) == ("BaTiO3", 0.0)
    assert str(first["doi"]).startswith("10.")
    assert first["reaction"] == "BaCO3 + TiO2 -> BaTiO3 + CO2"


@shipped
@pytest.mark.parametrize("formula", ["Hello", "LixCoO2", "OgO", "C601H1400"])
def test_refusals_are_typed(nowhere: Deps, formula: str) -> None:
    found = get_tool("synthesis").run(SynthesisArgs(formula=formula), deps=nowhere)
    assert found.failure is not None
    assert found.failure.code == "no_composition"
    assert found.failure.hint


@shipped
def test_the_same_call_gives_the_same(nowhere: Deps) -> None:
    one, two = (get_tool("synthesis").run(SynthesisArgs(formula="LiMn2O4"), deps=nowhere) for _ in range(2))
    assert one.quantities == two.quantities
    assert one.facts == two.facts
