"""Hostile text through every way in: nothing of it reaches a script, nothing is written outside, and no process starts."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from itertools import product
from pathlib import Path

import pytest
from ase import Atoms
from pydantic import ValidationError

from matsmith.core.crystal import Crystal
from matsmith.core.errors import MatsmithError
from matsmith.core.record import Outcome
from matsmith.core.settings import Settings
from matsmith.tools.base import Deps
from matsmith.tools.lammps import process
from matsmith.tools.lammps.potentials import catalogue, choose
from matsmith.tools.lammps.protocol import Md, MdArgs, System, protocol, system_of
from matsmith.tools.lammps.rendering import ScriptError, render, written
from matsmith.tools.lammps.simulation import Simulation

_PAYLOADS = (
    "shell touch owned",
    "shell rm -rf ..",
    "include /etc/passwd",
    "include ../../secrets",
    "python f here 'import os; os.system(\"touch owned\")'",
    "jump SELF",
    "jump script.in begin",
    "label begin",
    "next i",
    "if 1 then 'shell touch owned'",
    "variable x shell touch owned",
    "variable x getenv HOME",
    "variable x file /etc/passwd",
    "variable x python f",
    "variable x equal is_file(/etc/passwd)",
    "print owned file owned",
    "print owned append ../owned",
    "fix p all print 1 owned file owned",
    "fix i all imd 9999",
    "plugin load owned.so",
    "plugin load ../owned.so",
    "log ../owned",
    "log /tmp/owned",
    "dump d all atom 1 ../owned",
    "dump d all custom 1 /tmp/owned id",
    "dump d all custom 1 |sh id",
    "write_data ../owned",
    "write_restart /tmp/owned",
    "write_dump all xyz ../owned.xyz",
    "read_data /etc/passwd",
    "read_dump /etc/passwd 0 x y z",
    "restart 1 ../owned",
    "molecule m /etc/passwd",
    "create_atoms 1 random 1000000000 1 NULL",
    "replicate 10000 10000 10000",
    "package gpu 1",
    "suffix omp",
    "processors 100000 1 1",
    "info all out append owned",
    "geturl http://127.0.0.1/x output owned",
    "mdi plugin x",
    "partition yes 1 shell touch owned",
    "pair_style list owned 5.0",
    "pair_coeff * * /etc/passwd Cu",
    "clear all",
    "quit 0",
    "echo both",
)
_DISGUISES = (
    "{payload}",
    "Cu\n{payload}",
    "Cu\r{payload}",
    "Cu & \n{payload}",
    "x; {payload}",
    "$({payload})",
    "`{payload}`",
    '"""{payload}"""',
    "Cu # \n{payload}",
    "${{{payload}}}",
    "..//{payload}",
    "Cu\x00{payload}",
    "Cu\u2028{payload}",
)
HOSTILE = tuple(disguise.format(payload=payload) for payload, disguise in product(_PAYLOADS, _DISGUISES))


def test_there_are_many() -> None:
    assert len(set(HOSTILE)) > 400


def test_as_a_value_of_a_template() -> None:
    for text in HOSTILE:
        with pytest.raises(ScriptError):
            written(text)
        with pytest.raises(ScriptError):
            render("fix 1 all npt temp 300 300 0.1 {shape} 0 0 1\nrun 1", {"shape": text})
        with pytest.raises(ScriptError):
            render("group g type {elements}\nrun 1", {"elements": ("Cu", text)})


def test_a_plain_word_is_an_argument_and_no_command() -> None:
    for word in ("clear", "quit", "shell", "python", "include", "jump", "log"):
        assert written(word) == word
        with pytest.raises(ScriptError):
            render("{word} all\nrun 1", {"word": word})
        with pytest.raises(ScriptError):
            render("variable v {word} x\nrun 1", {"word": word})


def test_as_an_element() -> None:
    for text in HOSTILE:
        with pytest.raises(ValidationError):
            MdArgs(element=text)


def test_as_the_name_the_style_or_the_path_of_a_potential(md_settings: Settings) -> None:
    for text in HOSTILE:
        with pytest.raises(MatsmithError):
            choose([text], settings=md_settings)
        with pytest.raises(MatsmithError):
            choose(["Cu"], named=text, settings=md_settings)
        with pytest.raises(MatsmithError):
            choose(["Cu"], user_file=Path(__file__), user_style=text, settings=md_settings)
        with pytest.raises(MatsmithError):
            choose(["Cu"], user_file=Path(text), user_style="eam/alloy", settings=md_settings)


def test_as_a_line_of_a_script() -> None:
    for text in HOSTILE:
        if text.startswith(("create_atoms", "replicate")):
            continue  # commands of templates, which are the program's own: requests reach them through values alone
        with pytest.raises(ScriptError):
            render(f"{text}\nrun 1", {})


def test_as_the_name_of_a_stage_a_column_a_boundary_or_a_value_no_process_starts(
    simulate: Callable[..., Simulation],
    copper: Callable[..., Atoms],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    simulation = simulate(copper(1))
    monkeypatch.setattr(process.subprocess, "Popen", _started)
    for text in HOSTILE:
        with pytest.raises(ScriptError):
            simulation.stage(text, "run 1")
        with pytest.raises(ScriptError):
            simulation.stage("a", "run 1", columns=(text,))
        with pytest.raises(ScriptError):
            simulation.stage("a", "run 1", boundary=text)
        with pytest.raises(ScriptError):
            simulation.stage("a", "fix 1 all nve {word}\nrun 1", values={"word": text})
    assert not (tmp_path / "run").exists()


def _started(*_args: object, **_more: object) -> None:
    raise AssertionError("a process was started")


class _Args(MdArgs):
    pass


@protocol(name="md_harmless", title="one point", cost_s=1.0)
def _harmless(args: _Args, *, system: System, md: Md) -> Outcome:
    """The energy of the cell as it is."""
    del args
    stage = md.simulation("one", system.atoms).run_static()
    return Outcome(facts={"energy_ev": stage.potential_energy_ev})


def test_hostile_paths_and_names_around_a_real_run_stay_out_of_its_script(
    md_settings: Settings, tmp_path: Path, copper: Callable[..., Atoms]
) -> None:
    """A user's file whose name is a command: it is copied under a name of ours, and the run does what it should."""
    source = choose(["Cu"], named="cu_mishin1", settings=md_settings).sources["Cu_mishin1.eam.alloy"]
    evil = tmp_path / "x Cu\nshell touch owned"
    shutil.copyfile(source, evil)
    before = set(tmp_path.rglob("*"))
    crystal = Crystal(
        lattice=((3.615, 0, 0), (0, 3.615, 0), (0, 0, 3.615)),
        species=("Cu",) * 4,
        positions=((0, 0, 0), (0, 0.5, 0.5), (0.5, 0, 0.5), (0.5, 0.5, 0)),
    )
    deps = Deps(settings=md_settings, inputs={"shell touch owned": crystal})
    args = _Args(
        structure="shell touch owned", potential_file=str(evil), potential_style="eam/alloy", cores=1
    )
    outcome = _harmless.run(args, deps=deps)
    assert outcome.failure is None, outcome.failure
    assert outcome.facts["energy_ev"] == pytest.approx(4 * -3.54, abs=0.01)
    written_now = set(tmp_path.rglob("*")) - before
    assert all(path.is_relative_to(md_settings.cache_dir) for path in written_now)
    assert not [path for path in written_now if path.name == "owned"]
    script = next(path for path in written_now if path.name == "script.in").read_text()
    assert "owned" not in script
    assert "shell" not in script


def test_as_a_structure_that_does_not_exist(md_settings: Settings) -> None:
    for text in HOSTILE:
        with pytest.raises(MatsmithError):
            system_of(_Args(structure=text), deps=Deps(settings=md_settings), prefers=None)


def test_the_lines_of_the_catalogue_hold_potentials_alone() -> None:
    for entry in catalogue().values():
        for line in entry.lines:
            assert line.split()[0] in ("pair_style", "pair_coeff", "comm_modify")
            assert not set(line) & set("$&;|`\n\"'#")
            assert "/" not in line.replace("/overlay", "").replace(entry.pair_style, "")
