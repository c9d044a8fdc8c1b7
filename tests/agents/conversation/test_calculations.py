"""Calculations by rules: one intent is one run, a table answers for no structure that failed, and several structures are compared."""

from __future__ import annotations

import gzip
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from scripted import bulk_record

from matsmith.agents.conversation import tools_on_structures
from matsmith.agents.conversation.calculations import Calculated, calculate
from matsmith.agents.conversation.chat_tools import ToolReply
from matsmith.agents.conversation.comparison import Value, compared, told_apart
from matsmith.agents.conversation.desk import Desk
from matsmith.agents.conversation.intents import Intent, Kind, Situation
from matsmith.agents.conversation.record_tools import record_reply, run_batch
from matsmith.agents.conversation.router import route
from matsmith.agents.reasoners.rules import RulesReasoner
from matsmith.core.crystal import Crystal
from matsmith.core.quantity import Quantity
from matsmith.core.record import Outcome, Record
from matsmith.core.settings import Settings
from matsmith.tools.base import Tool
from matsmith.tools.registry import LOOK_UPS, PREDICTIONS

CUBE = ((4.2, 0.0, 0.0), (0.0, 4.2, 0.0), (0.0, 0.0, 4.2))
FILES = ("MgO.cif", "CaO.cif", "NaCl.cif")


def record(tool: str, structure: str, value: float | None, *, sigma: float = 8.0) -> Record:
    outcome = (
        Outcome.failed("diverged", "The energies do not converge.")
        if value is None
        else Outcome(quantities={"bulk_modulus": Quantity(value=value, unit="GPa", sigma=sigma)})
    )
    return Record.of(
        outcome, tool=tool, tool_version="1", inputs={"structure": structure}, identity="", seed=0
    )


@pytest.fixture
def desk(house: Settings, tmp_path: Path) -> Iterator[Desk]:
    made = Desk(folder=tmp_path / "thread", settings=house, reasoner=RulesReasoner())
    for name in FILES:
        metal = name[:2]
        crystal = Crystal(
            lattice=CUBE,
            species=(metal, "Cl" if metal == "Na" else "O"),
            positions=((0.0, 0.0, 0.0), (0.5, 0.5, 0.5)),
        )
        made.shelf.put(crystal, label=name, source=f"file {name}", strategy="file")
    yield made
    made.close()


class Bench:
    """Stands where long calculations run: answers with made records, and keeps the calls. What is looked up is looked up."""

    def __init__(self, values: Mapping[tuple[str, str], float | None]) -> None:
        self.values = values
        self.calls: list[tuple[str, str]] = []

    def run_batch(self, tool: Tool, batch: list[dict[str, Any]], *, desk: Desk) -> list[ToolReply]:
        structure = str(batch[0]["structure"])
        self.calls.append((tool.name, structure))
        if tool.name in LOOK_UPS | PREDICTIONS and (tool.name, structure) not in self.values:
            return run_batch(tool, batch, desk=desk)
        if tool.name == "relax":
            made = Record.of(
                Outcome(quantities={}), tool="relax", tool_version="1", inputs={"structure": structure}, identity="", seed=0
            )  # fmt: skip
            self.relaxed = {**getattr(self, "relaxed", {}), made.id: structure}
            return [record_reply(made, title=tool.title)]
        name = getattr(self, "relaxed", {}).get(structure, structure)
        return [record_reply(record(tool.name, name, self.values.get((tool.name, name))), title=tool.title)]


def asked(
    sentence: str, desk: Desk, bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> tuple[Calculated, list[ToolReply]]:
    monkeypatch.setattr(tools_on_structures, "run_batch", bench.run_batch)
    replies: list[ToolReply] = []

    def call(name: str, arguments: Mapping[str, Any], run: Callable[[], ToolReply]) -> ToolReply:
        del name, arguments
        replies.append(run())
        return replies[-1]

    found = route(sentence, Situation(labels=FILES))
    assert [one.kind for one in found] == [Kind.CALCULATE], found
    return calculate(found[0], desk=desk, call=call, note=lambda text: None), replies


def text_of(done: Calculated) -> str:
    return " ".join(text for _, text in done.sentences)


def test_a_property_and_the_tool_that_measures_it_run_once(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench = Bench({("equation_of_state", "MgO.cif"): 160.0})
    done, _ = asked("What is the bulk modulus of MgO.cif according to its equation of state?", desk, bench, monkeypatch)  # fmt: skip
    assert [name for name, _ in bench.calls] == ["relax", "equation_of_state"]
    assert "160.0 ± 8.0 GPa" in text_of(done)


def test_two_structures_are_compared_within_one_method(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    bench = Bench(
        {("equation_of_state", "MgO.cif"): 160.0, ("equation_of_state", "CaO.cif"): 112.0, ("known_crystal", "MgO.cif"): 20.0}
    )  # fmt: skip
    done, _ = asked("Which is stiffer, CaO.cif or MgO.cif?", desk, bench, monkeypatch)
    said = text_of(done)
    assert "MgO.cif is stiffer against compression than CaO.cif: 160.0 ± 8.0 GPa" in said
    assert "against 112.0 ± 8.0 GPa" in said
    assert "{r:" in done.sentences[-1][0]
    assert not done.failure


def test_values_within_their_errors_are_not_told_apart(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    bench = Bench({("equation_of_state", "MgO.cif"): 115.0, ("equation_of_state", "CaO.cif"): 112.0})
    done, _ = asked("Which is stiffer, CaO.cif or MgO.cif?", desk, bench, monkeypatch)
    assert "MgO.cif and CaO.cif are not told apart in bulk modulus within the error" in text_of(done)


def test_one_that_failed_is_compared_with_nothing(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    bench = Bench(
        {("equation_of_state", "MgO.cif"): 160.0, ("equation_of_state", "CaO.cif"): None, ("known_property", "CaO.cif"): 110.0}
    )  # fmt: skip
    done, _ = asked("Which is stiffer, CaO.cif or MgO.cif?", desk, bench, monkeypatch)
    assert "stiffer" not in text_of(done)
    assert "not compared" in text_of(done)
    assert "CaO.cif: The energies do not converge." in done.failure


def test_a_tables_value_never_answers_for_a_structure_that_failed(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, house: Settings
) -> None:
    house.data_dir.mkdir()  # a table of one row, which the real look-up reads
    with gzip.open(house.data_dir / "mp_log10_bulk_modulus.csv.gz", "wt") as file:
        file.write("formula,log10_K_VRH_GPa\nMg1O1,2.181844\n")
    bench = Bench({("equation_of_state", "MgO.cif"): None})
    done, replies = asked("What is the bulk modulus of MgO.cif?", desk, bench, monkeypatch)
    assert done.sentences == []
    assert "MgO.cif" in done.failure
    ((_, beside),) = done.beside
    assert beside.startswith("For comparison only, the structure MgO.cif was not computed:")
    assert re.search(r"for the formula MgO is 1[45]\d(\.\d)? ± ", beside)
    titles = [getattr(piece, "title", "") for reply in replies for piece in reply.pieces]
    assert "Tables of known values, for the formula MgO" in titles


def test_what_was_computed_is_said_before_what_is_known(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    bench = Bench({("equation_of_state", "MgO.cif"): 158.0, ("known_crystal", "MgO.cif"): 162.0})
    done, _ = asked("What is the bulk modulus of MgO.cif?", desk, bench, monkeypatch)
    said = [text for _, text in done.sentences]
    assert said[0].startswith("The bulk modulus of MgO.cif is computed as 158.0 ± 8.0 GPa")
    assert said[1].startswith("The bulk modulus known for this crystal is 162.0 ± 8.0 GPa")


def test_a_prediction_stands_in_for_no_table(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, house: Settings
) -> None:
    question = "What band gap was measured for the compound in MgO.cif?"
    done, _ = asked(question, desk, Bench({}), monkeypatch)
    assert "is predicted from the formula as" in text_of(done)
    house.data_dir.mkdir()
    with gzip.open(house.data_dir / "expt_band_gap.csv.gz", "wt") as file:
        file.write("formula,band_gap_eV\nMgO,7.8\n")
    bench = Bench({})
    done, _ = asked(question, desk, bench, monkeypatch)
    assert [name for name, _ in bench.calls] == ["known_property"]
    assert "for the formula MgO is 7.80 ± " in text_of(done)


def test_the_mover_and_the_conditions_reach_the_tool() -> None:
    (hop,) = route("How high is the barrier for lithium to hop in MgO.cif?", Situation(labels=FILES))
    assert (hop.about, hop.arguments) == (("MgO.cif",), {"_element": "Li"})
    (air,) = route("Is CaO.cif stable in dry air at 527 °C?", Situation(labels=FILES))
    assert air.arguments["_atmosphere"] == "dry air"
    assert air.arguments["_temperature_k"] == pytest.approx(800.15)
    (pair,) = route("and which is denser?", Situation(labels=FILES))
    assert pair.about == ("CaO.cif", "NaCl.cif")


def test_several_are_ranked_and_those_that_cannot_be_told_apart_are_named() -> None:
    values = [
        Value(of=name, name="bulk_modulus", record=bulk_record(value, structure=name))
        for name, value in (("a", 100.0), ("b", 180.0), ("c", 102.0))
    ]
    _, text = compared(values)
    assert text.startswith("By falling bulk modulus: b 180.0 ± 4.0 GPa")
    assert text.index("c 102.0") < text.index("a 100.0")
    assert "Not told apart within the error: c and a." in text


def test_the_limit_between_told_apart_and_not() -> None:
    # 0.84 is one sigma of the difference, which for two errors of 5 is 7.07.
    def near(value: float) -> Quantity:
        return Quantity(value=value, unit="GPa", sigma=5.0)

    assert told_apart(near(107.1), near(100.0))
    assert not told_apart(near(106.9), near(100.0))
    exact = Quantity(value=2.0, unit="", sigma=0.0)
    assert not told_apart(exact, exact)


def test_a_temperature_that_is_missing_is_asked_for(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    done, _ = asked("Which oxygen pressures does MgO.cif survive?", desk, Bench({}), monkeypatch)
    assert "needs a temperature" in done.failure
    assert "at 1000 K" in done.hint


def test_an_intent_without_a_material_means_the_last_one(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    bench = Bench({("equation_of_state", "NaCl.cif"): 24.0})
    monkeypatch.setattr(tools_on_structures, "run_batch", bench.run_batch)
    done = calculate(
        Intent(kind=Kind.CALCULATE, what="tool:equation_of_state"),
        desk=desk,
        call=lambda name, arguments, run: run(),
        note=lambda text: None,
    )
    assert "of NaCl.cif: 24.0 ± 8.0 GPa" in text_of(done)
