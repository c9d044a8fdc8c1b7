from __future__ import annotations

import io
import json
import sys
from pathlib import Path

import pytest

from matsmith.app.commands_tools import read_arguments
from matsmith.app.main import main
from matsmith.core.crystal import Crystal
from matsmith.core.errors import UsageError
from matsmith.core.record import Record, Status
from matsmith.tools.registry import tool_names


@pytest.fixture
def rocksalt_file(home: Path) -> Path:
    crystal = Crystal(
        lattice=((0.0, 2.105, 2.105), (2.105, 0.0, 2.105), (2.105, 2.105, 0.0)),
        species=("Mg", "O"),
        positions=((0.0, 0.0, 0.0), (0.5, 0.5, 0.5)),
    )
    path = home / "MgO.cif"
    path.write_text(crystal.to_cif())
    return path


def test_tools_are_listed_with_what_they_lack(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert home.is_dir()
    assert main(["tools"]) == 0
    shown = capsys.readouterr().out
    for name in tool_names():
        assert name in shown
    assert "matsmith data get" in shown
    assert main(["tools", "--json"]) == 0
    listed = {entry["name"]: entry for entry in json.loads(capsys.readouterr().out)}
    assert list(listed) == tool_names()
    assert listed["known_property"]["missing"]
    assert listed["symmetry"]["missing"] is None
    assert "structure" in listed["relax"]["arguments"]["properties"]


@pytest.mark.parametrize(
    "words",
    [
        ["structure=MgO.cif"],
        ["--args", '{"structure": "MgO.cif"}'],
        ["--args", "@args.json"],
        ["--args", "@-"],
    ],
)
def test_a_tool_runs_on_a_file_however_its_arguments_are_given(
    rocksalt_file: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], words: list[str]
) -> None:
    text = json.dumps({"structure": rocksalt_file.name})
    Path("args.json").write_text(text)
    monkeypatch.setattr(sys, "stdin", io.StringIO(text))
    assert main(["tool", "element_price", *words, "--json"]) == 0
    record = Record.model_validate_json(capsys.readouterr().out)
    assert record.status is Status.SUCCESS
    assert 0 < record.quantities["price"].value < 100


def test_the_table_shows_facts_method_and_record(
    rocksalt_file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert rocksalt_file.is_file()
    assert main(["tool", "symmetry", "structure=MgO.cif", "--json"]) == 0
    record = Record.model_validate_json(capsys.readouterr().out)
    assert main(["tool", "symmetry", "structure=MgO.cif"]) == 0
    shown = capsys.readouterr().out
    for expected in ("Fm-3m", "spglib", record.id):
        assert expected in shown


def test_nothing_is_computed_twice(rocksalt_file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert rocksalt_file.is_file()
    times: list[str] = []
    for _ in range(2):
        assert main(["tool", "element_price", "structure=MgO.cif", "--json"]) == 0
        times.append(json.loads(capsys.readouterr().out)["started_at"])
    assert times[0] == times[1]


def test_a_quantity_is_shown_with_its_sigma(rocksalt_file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert rocksalt_file.is_file()
    assert main(["tool", "known_crystal", "structure=MgO.cif"]) == 0
    shown = capsys.readouterr().out
    assert "bulk modulus" in shown
    assert "±" in shown
    assert "GPa" in shown


def test_a_tool_that_fails_exits_with_1_and_its_reason(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    crystal = Crystal(
        lattice=((3.0, 0.0, 0.0), (0.0, 3.0, 0.0), (0.0, 0.0, 3.0)),
        species=("Xe",),
        positions=((0.0, 0.0, 0.0),),
    )
    (home / "Xe.cif").write_text(crystal.to_cif())
    assert main(["tool", "known_crystal", "structure=Xe.cif"]) == 1
    assert "known_crystal failed: " in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["tool"], "name of a tool"),
        (["tool", "symetry", "structure=MgO.cif"], "Did you mean symmetry"),
        (["tool", "symmetry"], "structure"),
        (["tool", "symmetry", "structure=MgO.cif", "colour=red"], "colour"),
        (["tool", "symmetry", "structure=MgO.cif", "tolerance_angstrom=-1"], "tolerance_angstrom"),
        (["tool", "symmetry", "MgO.cif"], "KEY=VALUE"),
        (["tool", "symmetry", "--args", "{"], "no JSON"),
        (["tool", "symmetry", "--args", "[1]"], "JSON object"),
        (["tool", "symmetry", "--args", "@missing.json"], "missing.json"),
        (["tool", "symmetry", "structure=MgO.cif", "--run", "nope"], "nope"),
        (["tool", "element_price", "structure=MgO.cif", "--cif", "out.cif"], "returns no structure"),
    ],
)
def test_wrong_use_is_one_sentence_and_2(
    rocksalt_file: Path, capsys: pytest.CaptureFixture[str], words: list[str], says: str
) -> None:
    assert rocksalt_file.is_file()
    assert main(words) == 2
    shown = capsys.readouterr()
    assert says in shown.err
    assert "Traceback" not in shown.err


@pytest.mark.parametrize("content", ["", "data_x\n_cell_length_a 3\n", "\x00\x01\x02", "not a crystal"])
def test_a_file_that_is_no_crystal_is_a_failure_with_a_reason(
    home: Path, capsys: pytest.CaptureFixture[str], content: str
) -> None:
    (home / "bad.cif").write_text(content)
    assert main(["tool", "symmetry", "structure=bad.cif"]) == 1
    shown = capsys.readouterr().err
    assert "bad.cif" in shown
    assert "error of its own" not in shown


def test_a_tool_explains_its_arguments(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert home.is_dir()
    assert main(["tool", "relax", "--help"]) == 0
    shown = capsys.readouterr().out
    for expected in ("max_steps", "required", "300", "matsmith tool relax structure=MgO.cif"):
        assert expected in shown
    assert main(["tool", "--help"]) == 0
    assert "Usage" in capsys.readouterr().out


def test_a_candidate_of_a_run_can_be_given_by_id(
    run_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["show", run_folder.name, "1", "--json"]) == 0
    candidate = json.loads(capsys.readouterr().out)["id"]
    assert main(["tool", "element_price", f"structure={candidate}", "--run", run_folder.name, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["inputs"] == {"structure": candidate}
    assert main(["verify", run_folder.name]) == 0


def test_arguments_that_are_not_given_are_none() -> None:
    assert read_arguments(None) == {}
    with pytest.raises(UsageError):
        read_arguments("null")
