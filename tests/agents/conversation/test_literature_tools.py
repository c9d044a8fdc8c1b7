from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from matsmith.agents.conversation.desk import Desk
from matsmith.agents.conversation.files import attach
from matsmith.agents.conversation.literature_tools import ask
from matsmith.agents.conversation.numbers import check_text
from matsmith.agents.conversation.structure_tools import structure_tools
from matsmith.agents.reasoners.rules import RulesReasoner
from matsmith.core.settings import Settings


@pytest.fixture
def desk(house: Settings, tmp_path: Path) -> Iterator[Desk]:
    settings = house.model_copy(update={"library_dir": tmp_path / "no-library"})
    made = Desk(folder=tmp_path / "thread", settings=settings, reasoner=RulesReasoner())
    yield made
    made.close()


def test_where_the_person_has_no_library_the_notes_are_asked_once(desk: Desk, tmp_path: Path) -> None:
    paper = tmp_path / "garnets.txt"
    paper.write_text("Garnet pellets\n\nThe pellets were sintered in magnesia crucibles.\n", encoding="utf-8")
    attach([paper], desk=desk)
    found = ask("Which flux did the Zyzzyx membranes of Qwfpgj reach?", desk=desk)
    assert not found.answered
    # What is named is the library that holds the paper and the notes, not the notes alone.
    assert str(desk.library) in found.searched.corpus


def test_the_cell_of_a_structure_that_was_found_may_be_said_at_once(desk: Desk) -> None:
    find = next(tool for tool in structure_tools(desk) if tool.name == "find_structure")
    told = find.run({"formula": "MgO"}).data
    edge = told["conventional_cell"]["a_b_c_angstrom"][0]
    assert edge == pytest.approx(4.21, abs=0.02)
    checked = check_text(f"Its lattice parameter is {edge} Å.", known=desk.known)
    assert checked.unbacked == []
    assert checked.sources == [told["structure"]]
