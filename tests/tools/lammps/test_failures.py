from __future__ import annotations

import re
from pathlib import Path

import pytest

from matsmith.tools.lammps import failures
from matsmith.tools.lammps.failures import from_output, from_signal


@pytest.mark.parametrize(
    ("said", "code", "word"),
    [
        (
            "ERROR: Lost atoms: original 500 current 498 (src/thermo.cpp:494)",
            "lost_atoms",
            "lower temperature",
        ),
        (
            "ERROR on proc 0: Out of range atoms - cannot compute PPPM (src/x.cpp:1)",
            "out_of_range",
            "lower temperature",
        ),
        (
            "ERROR: Non-numeric pressure - simulation unstable (src/fix_nh.cpp:1030)",
            "diverged",
            "lower temperature",
        ),
        ("ERROR on proc 0: Neighbor list overflow, boost neigh_modify one", "neighbour_overflow", "density"),
        ("ERROR: Unrecognized pair style 'rann' (src/force.cpp:279)", "missing_style", "potential"),
        (
            "ERROR on proc 0: No matching element in EAM potential file (src/x.cpp:3)",
            "bad_potential",
            "potential",
        ),
        ("ERROR: All pair coeffs are not set", "bad_potential", "potential"),
        ("ERROR on proc 0: Cannot open EAM potential file x", "bad_potential", "file"),
        ("ERROR on proc 0: Failed to allocate 80000000000 bytes for array x", "out_of_memory", "fewer atoms"),
        ("ERROR: Error writing dump frames: No space left on device", "disk_full", "space"),
        ("ERROR: Something nobody expected", "lammps_error", "folder"),
    ],
)
def test_each_says_what_to_change(said: str, code: str, word: str) -> None:
    error = from_output(f"LAMMPS (22 Jul 2025)\n{said}\nLast input line: run 100\n")
    assert error.code == code
    assert word in error.hint
    assert "src/" not in error.message


def test_an_error_that_goes_on_in_the_next_line_is_read_whole() -> None:
    assert "bad thing" in from_output("ERROR:\nbad thing\n").message


def test_signals() -> None:
    assert from_signal(9).retryable
    assert from_signal(11).code == "crashed"
    assert "damaged potential" in from_signal(11).hint
    assert from_signal(24).code == "time_limit"
    assert from_signal(25).code == "disk_full"


def test_no_line_of_another_file_is_quoted() -> None:
    said = "ERROR on proc 0: Not a valid integer number: 'root:x:0:0:/root' (src/text_file_reader.cpp:2)"
    error = from_output(said, elements=("Cu",))
    assert error.code == "bad_potential"
    assert "root" not in str(error)


def test_no_hint_names_an_argument_that_no_protocol_has() -> None:
    from matsmith.tools.registry import get_tool, tool_names

    known = {
        field for name in tool_names() if name.startswith("md_") for field in get_tool(name).args.model_fields
    }
    folder = Path(failures.__file__).parent
    told = {
        word
        for file in folder.rglob("*.py")
        for hint in re.findall(r'hint=f?"([^"]*)"|^CALMER = "([^"]*)"', file.read_text(), re.MULTILINE)
        for word in re.findall(r"\b[a-z]+_(?:fs|ps|k|gpa|angstrom|ev|file|style|hours)\b", " ".join(hint))
    }
    assert told
    assert told <= known
