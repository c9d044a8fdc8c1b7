"""Tools on what a thread holds, by the names that people and models use."""

from __future__ import annotations

from pathlib import Path

import pytest

from matsmith.agents.conversation.desk import Desk
from matsmith.agents.conversation.record_tools import run_batch
from matsmith.agents.reasoners.rules import RulesReasoner
from matsmith.core.crystal import Crystal
from matsmith.core.quantity import Quantity
from matsmith.core.record import Outcome, Record
from matsmith.core.settings import Settings
from matsmith.tools.registry import get_tool


@pytest.mark.parametrize("name", ["MgO.cif", "MgO.cif (relax)"])
def test_the_name_of_a_structure_means_its_relaxation(house: Settings, tmp_path: Path, name: str) -> None:
    desk = Desk(folder=tmp_path / "thread", settings=house, reasoner=RulesReasoner())
    crystal = Crystal(
        lattice=((4.2, 0.0, 0.0), (0.0, 4.2, 0.0), (0.0, 0.0, 4.2)),
        species=("Mg", "O"),
        positions=((0.0, 0.0, 0.0), (0.5, 0.5, 0.5)),
    )
    desk.shelf.put(crystal, label="MgO.cif", source="file MgO.cif", strategy="file")
    (reply,) = run_batch(get_tool("density"), [{"relaxed": "MgO.cif"}], desk=desk)
    assert "relax the structure first" in reply.hint
    energy = Quantity(value=-6.0, unit="eV/atom", sigma=0.03)
    relaxed = Record.of(
        Outcome(crystal=crystal, quantities={"energy": energy}),
        tool="relax",
        tool_version="1",
        inputs={"structure": "MgO.cif"},
        identity="",
        seed=0,
    )
    desk.ledger.write_record(relaxed)
    desk.shelf.put_record(relaxed, of="MgO.cif")
    (reply,) = run_batch(get_tool("density"), [{"relaxed": name}], desk=desk)
    assert reply.failed == ""
    assert reply.records[0].inputs["relaxed"] == relaxed.id
    desk.close()
