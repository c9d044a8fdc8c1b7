from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from matsmith import __version__
from matsmith.app.application import make_app
from matsmith.app.main import main

HEAVY = ("rich", "pydantic_settings", "pymatgen", "torch", "langgraph", "numpy", "openai")
COMMANDS = ("design", "plan", "resume", "runs", "show", "verify", "relax", "tool", "tools", "data", "doctor")


def test_the_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"matsmith {__version__}\n"


def test_every_command_has_help_with_an_example() -> None:
    runner = CliRunner()
    top = runner.invoke(make_app(), ["--help"])
    assert top.exit_code == 0
    for name in COMMANDS:
        assert f"  {name} " in top.output
        answer = runner.invoke(make_app(), [name, "--help"])
        assert answer.exit_code == 0
        if name != "data":
            assert f"matsmith {name}" in answer.output
            assert "Example" in answer.output
    for name in ("get", "list"):
        assert f"matsmith data {name}" in runner.invoke(make_app(), ["data", name, "--help"]).output


def test_no_line_of_the_top_help_is_cut() -> None:
    assert "..." not in CliRunner().invoke(make_app(), ["--help"]).output.replace("[ARGS]...", "")


@pytest.mark.parametrize("words", [["--version"], ["--help"], ["design", "--help"], ["tool", "--help"]])
def test_nothing_heavy_is_imported_for_help_and_version(words: list[str]) -> None:
    program = (
        "import sys\nfrom matsmith.app.main import main\n"
        f"main({words!r})\n"
        f"print([name for name in {HEAVY!r} if name in sys.modules], file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stderr.strip() == "[]"


def test_the_program_runs_as_a_module_and_tells_its_status(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "matsmith", "show", "nothing-here"],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        check=False,
    )
    assert done.returncode == 2
    assert done.stdout == ""
    assert (
        done.stderr
        == "matsmith: There is no run 'nothing-here'. `matsmith runs` lists them; a path works too.\n"
    )


def test_a_reader_that_leaves_early_is_met_quietly(tmp_path: Path) -> None:
    done = subprocess.run(
        f"{sys.executable} -m matsmith plan 'a stable oxide' --json | head -c 1; exit ${{PIPESTATUS[0]}}",
        shell=True,
        executable="/bin/bash",
        capture_output=True,
        text=True,
        cwd=tmp_path,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "{", "")


def test_a_terminal_without_the_letters_gets_replacements(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "matsmith", "plan", "an oxide above 150 GPa, shiny, µm"],
        capture_output=True,
        cwd=tmp_path,
        env={"PYTHONIOENCODING": "ascii", "PATH": "/usr/bin:/bin", "HOME": str(tmp_path)},
        check=False,
    )
    assert b"error of its own" not in done.stderr
    assert done.returncode in (0, 2, 4)
