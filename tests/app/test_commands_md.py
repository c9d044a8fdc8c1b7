"""`matsmith md`: names and options as people write them, one sentence for every mistake, and one real run with its files."""

from __future__ import annotations

import json
import re
import shlex
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from matsmith.app.commands_md import options_of, own_arguments, protocol_named, protocol_names
from matsmith.app.main import main
from matsmith.app.md_view import example_call, sweep_notes
from matsmith.core.errors import UsageError
from matsmith.core.record import Outcome, Record
from matsmith.core.settings import Settings
from matsmith.tools.base import Tool
from matsmith.tools.lammps.program import missing

needs_lammps = pytest.mark.skipif(missing(Settings()) is not None, reason="LAMMPS is not installed")


def test_protocols_are_listed_for_people_and_programs(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert home.is_dir()
    assert main(["md", "--list"]) == 0
    shown = capsys.readouterr().out
    assert {"melting", "elastic", "stacking_fault", "mixing_energy"} <= set(protocol_names())
    assert all(name in shown for name in protocol_names())
    assert main(["md", "--list", "--json"]) == 0
    listed = json.loads(capsys.readouterr().out)
    assert [entry["name"] for entry in listed] == [f"md_{name}" for name in protocol_names()]


def test_potentials_are_listed_by_what_they_cover(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert home.is_dir()
    assert main(["md", "--list-potentials", "--alloy", "AlCu", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found
    assert all({"Al", "Cu"} <= set(entry["elements"]) for entry in found)
    assert main(["md", "--list-potentials", "--alloy", "LiPSO"]) == 1
    assert "No classical potential covers Li-O-P-S: use the learned one." in capsys.readouterr().err


def test_help_names_every_option_of_a_protocol(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert home.is_dir()
    assert main(["md", "elastic", "--help"]) == 0
    shown = capsys.readouterr().out
    assert "--temperature" in shown
    assert "--strain" in shown
    assert main(["md", "--help"]) == 0
    assert 'matsmith md elastic --alloy "Al-4Cu wt.%" --temperature 600' in capsys.readouterr().out


@pytest.mark.parametrize("name", ["melting", "md_melting", "MELTING", "md-melting"])
def test_a_protocol_is_found_however_its_name_is_written(name: str) -> None:
    assert protocol_named(name).name == "md_melting"


def test_units_of_options_may_be_left_out_and_values_have_their_types() -> None:
    elastic = protocol_named("elastic")
    words = ["--temperature", "600", "--strain=0.01", "--length-ps", "5"]
    assert own_arguments(elastic, words) == {"temperature_k": 600, "strain": 0.01, "length_ps": 5}


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["md", "meltin", "--element", "Cu"], "Did you mean melting?"),
        (["md", "elastic"], "No material was given"),
        (["md", "elastic", "--element", "Cu", "--alloy", "AlCu"], "Both element and alloy"),
        (["md", "elastic", "--element", "Cu", "--temprature", "3"], "Did you mean --temperature?"),
        (["md", "elastic", "--element", "Cu", "stray"], "was not expected"),
        (["md", "elastic", "--element", "Cu", "--strain", "0.01", "--strain", "0.01"], "given twice"),
        (["md", "elastic", "--element", "Cu", "--sweep", "Cu=0:10:3"], "needs an alloy"),
        (["md", "elastic", "--alloy", "AlCu", "--sweep", "from 0 to 10"], "no sweep"),
        (["md", "elastic", "--alloy", "Al-4Cu"], "of the atoms or of the weight"),
    ],
)
def test_wrong_use_is_one_sentence_with_status_2(
    home: Path, capsys: pytest.CaptureFixture[str], words: list[str], said: str
) -> None:
    assert main(words) == 2
    captured = capsys.readouterr()
    assert said in captured.err
    assert captured.out == ""
    assert not list(home.rglob("*.in"))


@needs_lammps
@pytest.mark.parametrize(
    "words",
    [
        ["--element", "Xx"],
        ["--element", "Cu", "--temperature", "90000"],
        ["--element", "Cu", "--temperature", "hot; shell rm"],
        ["--element", "Cu", "--size", "999999999"],
    ],
)
def test_what_the_protocol_does_not_take_is_refused_before_anything_runs(
    home: Path, capsys: pytest.CaptureFixture[str], words: list[str]
) -> None:
    assert main(["md", "elastic", *words]) == 2
    assert "md_elastic does not take this" in capsys.readouterr().err
    assert not list(home.rglob("script.in"))


def test_an_option_that_does_not_exist_is_told_with_those_that_do() -> None:
    with pytest.raises(UsageError, match="has no option") as caught:
        own_arguments(protocol_named("elastic"), ["--zzz", "1"])
    assert "--temperature" in caught.value.hint


@needs_lammps
def test_a_run_writes_its_record_structure_and_is_not_computed_twice(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["md", "minimise", "--element", "Cu", "--potential", "cu_mishin1", "--cores", "1", "--json"]
    assert main([*words, "--out", "result"]) == 0
    first = json.loads(capsys.readouterr().out)
    # Mishin et al. 2001: 3.615 Å.
    assert first["outcome"]["quantities"]["lattice_parameter"]["value"] == pytest.approx(3.615, abs=1e-3)
    written = {path.name for path in (home / "result").iterdir()}
    assert {"md_minimise.json", "structure.cif"} <= written
    for path in (home / "result").glob("*.svg"):
        ET.parse(path)
    assert main(words) == 0
    again = json.loads(capsys.readouterr().out)
    assert again["started_at"] == first["started_at"]
    assert re.fullmatch(r"[0-9a-f]{16}", again["id"])


def test_what_a_sweep_warns_of_is_told_once() -> None:
    records = [
        Record.of(
            Outcome(warnings=("soft", *(("molten",) if place == 2 else ()))),
            tool="md_elastic", tool_version="1", inputs={"place": place}, identity="", seed=0,
        )
        for place in range(3)
    ]  # fmt: skip
    assert sweep_notes(records) == ["soft", "1 of 3: molten"]
    many = Record.of(
        Outcome(warnings=tuple(f"doubt {number}" for number in range(11))),
        tool="md_elastic", tool_version="1", inputs={}, identity="", seed=0,
    )  # fmt: skip
    assert len(sweep_notes([many])) == 9
    assert sweep_notes([many])[-1] == "and 3 more, in the records"


def _given_by(call: str, tool: Tool) -> dict[str, Any]:
    """The arguments that a call of `matsmith md NAME` stands for; what the command itself takes is told apart."""
    words = shlex.split(call)
    assert words[:3] == ["matsmith", "md", tool.name.removeprefix("md_")]
    own: dict[str, Any] = {}
    rest = words[3:]
    while rest and rest[0] in ("--element", "--structure", "--alloy"):
        own[rest[0].removeprefix("--")] = rest[1]
        rest = rest[2:]
    return {**own, **own_arguments(tool, rest)}


@pytest.mark.parametrize("name", protocol_names())
def test_the_example_of_every_protocol_is_one_that_it_takes(
    home: Path, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    assert home.is_dir()
    tool = protocol_named(name)
    call = example_call(tool, options=options_of(tool))
    given = _given_by(call, tool)
    subject = [key for key in ("element", "structure", "alloy") if key in given]
    assert len(subject) == 1
    if name in ("mixing_energy", "monte_carlo"):
        assert subject != ["element"], "an alloy is needed"
    tool.args.model_validate({key: value for key, value in given.items() if key != "alloy"})
    assert main(["md", name, "--help"]) == 0
    shown = " ".join(capsys.readouterr().out.split())
    assert call in shown
    assert "matsmith tool" not in shown


@pytest.mark.parametrize(
    ("name", "words", "found"),
    [
        ("tensile", ["--direction", "1,1,0"], {"direction": [1, 1, 0]}),
        ("tensile", ["--direction=-1, 1, 0"], {"direction": [-1, 1, 0]}),
        ("tensile", ["--direction", "[1, 1, 0]"], {"direction": [1, 1, 0]}),
        ("surface", ["--plane", "1,1,1"], {"plane": [1, 1, 1]}),
        ("monte_carlo", ["--temperatures", "400,700.5"], {"temperatures_k": [400, 700.5]}),
        ("monte_carlo", ["--temperatures", "400"], {"temperatures_k": [400]}),
        ("free_energy", ["--compare", "hcp,bcc"], {"compare": ["hcp", "bcc"]}),
        ("neb", ["--end", "a,b.cif"], {"end": "a,b.cif"}),
    ],
)
def test_lists_are_written_with_commas(name: str, words: list[str], found: dict[str, Any]) -> None:
    tool = protocol_named(name)
    assert own_arguments(tool, words) == found
    needed = {"temperature_k": 300} if name == "free_energy" else {}
    tool.args.model_validate(needed | found)


def test_a_list_that_is_none_is_refused_by_the_protocol() -> None:
    tool = protocol_named("tensile")
    for text in ("1,1", "1,,0", "north"):
        with pytest.raises(ValidationError):
            tool.args.model_validate(own_arguments(tool, ["--direction", text]))


def test_half_a_unit_is_not_left_over_in_an_options_name() -> None:
    neb, glass, tensile = (protocol_named(name) for name in ("neb", "glass", "tensile"))
    assert options_of(neb)["force_ev_per_angstrom"] == "--force-ev-per-angstrom"
    assert options_of(glass)["rate_k_per_ps"] == "--rate-k-per-ps"
    assert options_of(tensile)["rate_per_s"] == "--rate"
    assert own_arguments(neb, ["--force-ev-per-angstrom", "0.05"]) == {"force_ev_per_angstrom": 0.05}
