"""Sentences that a formula alone answers, those beside them that it does not, and what a conversation then says."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from matsmith.agents.conversation.conversation import Conversation
from matsmith.agents.conversation.intents import Kind, Situation
from matsmith.agents.conversation.router import route
from matsmith.agents.conversation.thread_store import thread_folder
from matsmith.agents.conversation.tool_loop import Ended
from matsmith.agents.report.wording import value_text
from matsmith.core.executor import Executor
from matsmith.core.settings import Settings
from matsmith.models.predictors.library import predicted, shipped
from matsmith.models.predictors.stability.model import WEIGHTS, chances
from matsmith.models.predictors.synthesis.predicting import all_here

FILES = Situation(labels=("MgO.cif",))
EXPLAIN, ODDS, MAKE = "tool:explain_prediction", "tool:formula_stability", "tool:synthesis"
CALCINED, SINTERED = "property:calcination_temperature", "property:sintering_temperature"

# sentence, what is asked, of what, with which arguments
TABLE: list[tuple[str, str, str, dict[str, object]]] = [
    ("why does the model predict a gap of 3.1 eV for BaTiO3?", EXPLAIN, "BaTiO3", {"property": "measured_band_gap"}),
    ("explain the predicted band gap of BaTiO3", EXPLAIN, "BaTiO3", {"property": "measured_band_gap"}),
    ("Why is the predicted bulk modulus of TiN so high?", EXPLAIN, "TiN", {"property": "bulk_modulus"}),
    ("explain why you predict a band gap of 4 eV for ZrO2", EXPLAIN, "ZrO2", {"property": "measured_band_gap"}),
    ("what does the model go by for the gap of BaTiO3?", EXPLAIN, "BaTiO3", {"property": "measured_band_gap"}),
    ("explain the prediction for MgO.cif's bulk modulus", EXPLAIN, "MgO.cif", {"property": "bulk_modulus"}),
    ("which element should replace Ti in BaTiO3 to lower the gap?", EXPLAIN, "BaTiO3", {"property": "measured_band_gap", "towards": "lower"}),
    ("Which other element would raise the bulk modulus of CaO?", EXPLAIN, "CaO", {"property": "bulk_modulus", "towards": "higher"}),
    ("is Na3PS4 likely stable?", ODDS, "Na3PS4", {}),
    ("How likely is K2NiF4 to be stable?", ODDS, "K2NiF4", {}),
    ("is there a chance that K2NiF4 is on the hull?", ODDS, "K2NiF4", {}),
    ("is MgO.cif likely to be stable, judging by its formula?", ODDS, "MgO.cif", {}),
    ("why does the model predict that Na3PS4 is stable?", ODDS, "Na3PS4", {}),
    ("how would I synthesize Li7La3Zr2O12?", MAKE, "Li7La3Zr2O12", {}),
    ("How could one prepare KMgF3?", MAKE, "KMgF3", {}),
    ("how would I make MgAl2O4 by sol-gel?", MAKE, "MgAl2O4", {"route": "sol-gel"}),
    ("what precursors for LiCoO2?", MAKE, "LiCoO2", {}),
    ("Which starting materials do I need for BaTiO3 by the solid-state route?", MAKE, "BaTiO3", {"route": "solid state"}),
    ("is Li10GeP2S12 synthesizable?", MAKE, "Li10GeP2S12", {}),
    ("can KMgF3 be made by sol-gel?", MAKE, "KMgF3", {"route": "sol-gel"}),
    ("give me a synthesis recipe for LiFePO4", MAKE, "LiFePO4", {}),
    ("calcination temperature of BaTiO3", CALCINED, "BaTiO3", {}),
    ("how hot should I calcine BaTiO3?", CALCINED, "BaTiO3", {}),
    ("how do I sinter BaTiO3?", SINTERED, "BaTiO3", {}),
    ("sinter temperature of MgO.cif", SINTERED, "MgO.cif", {}),
]  # fmt: skip


@pytest.mark.parametrize(
    ("sentence", "what", "about", "arguments"), TABLE, ids=[sentence for sentence, *_ in TABLE]
)
def test_a_formula_is_enough(sentence: str, what: str, about: str, arguments: dict[str, object]) -> None:
    (found,) = route(sentence, FILES)
    assert (found.kind, found.what, found.about) == (Kind.CALCULATE, what, (about,))
    assert found.arguments == arguments


@pytest.mark.parametrize(
    ("sentence", "kind"),
    [
        ("How is LiCoO2 synthesised?", Kind.LITERATURE),
        ("How hard is it to synthesise TiN?", Kind.LITERATURE),
        ("Why does BaTiO3 have a band gap of 3 eV?", Kind.LITERATURE),
        ("Why is TiN.cif harder than MgO.cif?", Kind.LITERATURE),
        ("What synthesis conditions give the highest conductivity of Li7La3Zr2O12?", Kind.LITERATURE),
        ("a semiconductor with a predicted band gap above 2 eV without Pb", Kind.PLAN),
        ("an oxide of high refractive index calcined below 1000 C", Kind.PLAN),
    ],
)
def test_what_others_did_and_what_is_to_be_designed_is_not(sentence: str, kind: Kind) -> None:
    (found,) = route(sentence, FILES)
    assert found.kind is kind


@pytest.mark.parametrize(
    ("sentence", "what"),
    [
        ("is MgO.cif likely stable?", "property:energy_above_hull"),
        ("is Na3PS4 stable?", "property:energy_above_hull"),
        ("is MgO likely to be stable in water?", "tool:pourbaix"),
    ],
)
def test_a_structure_and_conditions_ask_for_more_than_a_formula(sentence: str, what: str) -> None:
    (found,) = route(sentence, FILES)
    assert found.what == what


@pytest.fixture
def talk(house: Settings, worker: Executor, tmp_path: Path) -> Iterator[Callable[[], Conversation]]:
    home = house.model_copy(update={"library_dir": tmp_path / "library", "embedding_model": "none"})
    with ExitStack() as stack:

        def make(**options: Any) -> Conversation:
            folder = thread_folder("main", settings=home)
            return stack.enter_context(Conversation(folder=folder, settings=home, executor=worker, **options))

        yield make


@pytest.mark.skipif("measured_band_gap" not in shipped(), reason="the weights are not here")
def test_an_explanation_cites_its_record(talk: Callable[[], Conversation]) -> None:
    chat = talk()
    result = chat.say("why does the model predict a gap of 3.1 eV for BaTiO3?")
    assert result.ended is Ended.ANSWERED, result.error
    (called,) = result.calls
    assert (called.name, called.arguments["formula"]) == ("explain_prediction", "BaTiO3")
    record = chat.desk.ledger.record(called.record_ids[0])
    assert record is not None
    own = record.quantities["measured_band_gap"]
    assert own.value == pytest.approx(predicted("measured_band_gap", "BaTiO3").value)
    assert f"is {value_text(own)} [" in result.text
    for words in (
        "raised most by",
        "in the place of",
        "largest contributions",
        "nearest formulas",
        "need not be what causes",
    ):
        assert words in result.text
    assert all(line.endswith(f"[{record.id[:8]}].") for line in result.text.splitlines())


@pytest.mark.skipif(not WEIGHTS.is_file(), reason="the weights are not here")
def test_odds_need_no_structure_and_stand_beside_where_none_is_known(
    talk: Callable[[], Conversation],
) -> None:
    chat = talk()
    result = chat.say("is Na3PS4 likely stable?")
    assert result.ended is Ended.ANSWERED, result.error
    assert [call.name for call in result.calls] == ["formula_stability"]
    (known,) = chances(["Na3PS4"])
    record = chat.desk.ledger.record(result.records[0])
    assert record is not None
    odds = record.quantities["chance_on_hull"]
    assert odds.value == pytest.approx(known.probability)
    assert f"is {value_text(odds)} for Na3PS4" in result.text
    assert "confirms nothing" in result.text
    asked = chat.say("is Na3PS4 stable?")
    assert asked.ended is Ended.FAILED, "odds are no answer to it"
    assert "No structure of Na3PS4" in asked.error
    assert "By its formula alone" in asked.text


@pytest.mark.skipif("bulk_modulus" not in shipped(), reason="the weights are not here")
def test_a_prediction_stands_beside_where_a_structure_is_missing(talk: Callable[[], Conversation]) -> None:
    result = talk().say("bulk modulus of Na3PS4")
    assert result.ended is Ended.FAILED
    assert "For comparison only" in result.text
    (called,) = result.calls
    assert called.arguments["properties"] == ("bulk_modulus",)


@pytest.mark.skipif(not all_here(), reason="the weights are not here")
def test_a_synthesis_is_told_in_degrees_with_precursors_and_what_is_missing(
    talk: Callable[[], Conversation],
) -> None:
    chat = talk()
    result = chat.say("how would I synthesize Li7La3Zr2O12?")
    assert result.ended is Ended.ANSWERED, result.error
    assert [call.name for call in result.calls] == ["synthesis"]
    for words in ("resembles published targets", "La2O3", "ZrO2", "->", "°C", "matsmith data get synthesis"):
        assert words in result.text
    record = chat.desk.ledger.record(result.records[0])
    assert record is not None
    kelvin = record.quantities["calcination_temperature"].value
    assert f"({kelvin - 273.15:.0f} °C" in result.text
    heated = chat.say("calcination temperature of Li7La3Zr2O12")
    assert heated.ended is Ended.ANSWERED, heated.error
    assert re.search(r"is predicted from the formula as \d+ ± \d+ K", heated.text)


def test_what_is_no_material_of_the_models_is_refused_in_words(talk: Callable[[], Conversation]) -> None:
    result = talk().say("is Og2O likely stable?")
    assert result.ended in (Ended.FAILED, Ended.NOT_UNDERSTOOD, Ended.REFUSED)
    assert result.text
