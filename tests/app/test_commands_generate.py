"""`matsmith generate`: what is asked holds in every file, a kill loses one part at most, wrong use is told."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import typer
from crystal_models import tiny_weights
from typer.testing import CliRunner

from matsmith.app.application import make_app
from matsmith.app.main import main
from matsmith.core.crystal import Crystal
from matsmith.core.settings import load_settings
from matsmith.tools.crystal_model import SHARPNESS
from matsmith.tools.sound_crystals import TRIES
from matsmith.tools.structure_files import read_structure


@pytest.fixture
def weights(home: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tiny_weights(home / "tiny.safetensors")
    monkeypatch.setenv("MATSMITH_DIFFUSION_WEIGHTS", str(path))
    monkeypatch.setenv("MATSMITH_THREADS", "1")
    load_settings.cache_clear()
    return path


def _call(*words: str, out: str = "out", count: int = 3) -> tuple[int, list[dict[str, Any]]]:
    status = main(["generate", "--out", out, "--n", str(count), "--steps", "3", *words])
    manifest = Path(out) / "manifest.jsonl"
    lines = [json.loads(line) for line in manifest.read_text().splitlines()] if manifest.is_file() else []
    return status, lines


def test_formula_elements_atoms_and_space_group_hold_in_every_file(weights: Path) -> None:
    assert weights.is_file()
    status, lines = _call("--formula", "NaCl", "--space-group", "225", "--atoms", "2", "--density", "2.2")
    assert status == 0
    for line in lines:
        crystal = read_structure(Path("out") / line["file"])
        assert crystal.amounts == {"Na": 1, "Cl": 1}
        assert line["space_group"] == line["asked_space_group"] == 225
        assert line["conditions"] == {"density_g_cm3": 2.2}
    status, lines = _call("--elements", "Li,O,+", "--exclude", "Co,F", "--atoms", "6", out="more")
    assert status == 0
    for line in lines:
        crystal = read_structure(Path("more") / line["file"])
        assert {"Li", "O"} <= set(crystal.elements)
        assert not {"Co", "F"} & set(crystal.elements)
        assert len(crystal.species) == 6


def test_motif_slab_steering_and_guidance_are_taken(
    weights: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert weights.is_file()
    status, lines = _call(
        "--elements", "Fe,Sn", "--atoms", "6", "--motif", "kagome", "--slab", "4,12",
        "--bulk-modulus", "120", "--guidance", "2", "--guidance", "bulk_modulus=1.5",
        "--condition", "crystal_system=hexagonal", "--steer", "bulk_modulus", count=2,
    )  # fmt: skip
    assert status == 0, capsys.readouterr().err
    assert [line["motif"] for line in lines] == ["kagome", "kagome"]
    call = json.loads(Path("out/generate.json").read_text())
    assert call["settings"]["guidance"] == {"bulk_modulus_gpa": 1.5, "crystal_system": 2.0}
    cell = read_structure(Path("out") / lines[0]["file"]).lattice
    assert sum(x * x for x in cell[2]) ** 0.5 == pytest.approx(16.0, rel=1e-3)


def test_doping_keeps_what_is_kept_and_a_variation_keeps_the_formula(weights: Path) -> None:
    assert weights.is_file()
    cubic = Crystal(
        lattice=((4.0, 0.0, 0.0), (0.0, 4.0, 0.0), (0.0, 0.0, 4.0)),
        species=("Ba", "Ti", "O", "O", "O"),
        positions=((0.0, 0.0, 0.0), (0.5, 0.5, 0.5), (0.5, 0.5, 0.0), (0.5, 0.0, 0.5), (0.0, 0.5, 0.5)),
    )
    Path("seed.cif").write_text(cubic.to_cif())
    status, lines = _call(
        "--seed-structure", "seed.cif", "--keep", "Ti,O", "--keep-cell", "--elements", "Ca,Sr,Ba", count=6
    )
    assert status == 0
    for line in lines:
        crystal = read_structure(Path("out") / line["file"])
        assert crystal.amounts.get("Ti") == 1
        assert crystal.amounts.get("O") == 3
        assert set(crystal.elements) & {"Ca", "Sr", "Ba"}
        assert crystal.volume_angstrom3 == pytest.approx(64.0, rel=1e-3)
    status, lines = _call("--seed-structure", "seed.cif", "--strength", "0.2", out="near", count=2)
    assert status == 0
    assert {line["formula"] for line in lines} == {"BaTiO3"}


def test_interrupted_it_goes_on_with_the_same_crystals(weights: Path) -> None:
    words = ["generate", "--n", "70", "--steps", "8", "--elements", "Mg,O", "--weights", str(weights)]
    run = [sys.executable, "-m", "matsmith", *words, "--out", "killed"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    started = subprocess.Popen(run, stderr=subprocess.PIPE, text=True, env=environment)
    assert started.stderr is not None
    for line in started.stderr:
        if "of 70 crystals" in line:
            break
    started.send_signal(signal.SIGTERM)
    assert started.wait(300) in (0, 5)
    have = Path("killed/manifest.jsonl").read_text().splitlines()
    assert 32 <= len(have) <= 70
    assert main([*words, "--out", "killed"]) == 0
    assert main([*words, "--out", "whole"]) == 0
    killed, whole = (sorted(Path(name).glob("*.cif")) for name in ("killed", "whole"))
    assert len(killed) == 70
    assert [path.name for path in killed] == [path.name for path in whole]
    assert [path.read_text() for path in killed] == [path.read_text() for path in whole]
    assert Path("killed/manifest.jsonl").read_text() == Path("whole/manifest.jsonl").read_text()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--formula", "Na200Cl199"], "399 atoms are asked for, and this model makes cells of at most 20"),
        (["--formula", "Xx2O3"], "no element"),
        (["--formula", "Li0.5CoO2"], "parts of atoms"),
        (["--formula", "LiCoO2", "--atoms", "7"], "no whole number of formula units"),
        (["--formula", "LiCoO2", "--elements", "Li"], "goes without"),
        (["--formula", "NaCl4", "--atoms", "5", "--space-group", "225"], "cannot take the Wyckoff positions"),
        (["--elements", "O", "--exclude", "O"], "both required and excluded"),
        (["--allow", "O", "--exclude", "O"], "No element is left"),
        (["--density", "-3"], "negative"),
        (["--condition", "hardness=3"], "knows no condition 'hardness'"),
        (["--condition", "crystal_system=round"], "cannot be 'round'"),
        (["--condition", "density"], "NAME=VALUE"),
        (["--guidance", "2"], "no condition to strengthen"),
        (["--density", "3", "--guidance", "much"], "takes a number"),
        (["--motif", "paisley"], "no motif 'paisley'"),
        (["--slab", "5,10,15"], "thickness and vacuum"),
        (["--keep", "O"], "belong to a seed structure"),
        (["--seed-structure", "none.cif"], "none.cif"),
        (["--atoms", "400"], "at most 20"),
        (["--space-group", "300"], "no space group 300"),
        (["--steer", "colour"], "colour"),
        (["--weights", "none.safetensors"], "no weights"),
    ],
)
def test_what_cannot_be_is_told_in_a_sentence_with_what_to_do(
    weights: Path, capsys: pytest.CaptureFixture[str], words: list[str], message: str
) -> None:
    assert weights.is_file()
    status, lines = _call(*words)
    told = capsys.readouterr().err
    assert status in (1, 2)
    assert not lines
    assert message in told
    assert told.startswith("matsmith: ")
    assert "Traceback" not in told
    assert told.rstrip().endswith(".")


def test_a_condition_far_from_training_is_told_and_a_foreign_folder_left_alone(
    weights: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert weights.is_file()
    assert _call("--density", "22")[0] == 0
    assert "density_g_cm3 22 is far from what the model was trained on (5 ± 2)." in capsys.readouterr().err
    Path("mine").mkdir()
    Path("mine/notes.txt").write_text("mine")
    assert _call(out="mine")[0] == 2
    assert "not empty" in capsys.readouterr().err
    assert [path.name for path in Path("mine").iterdir()] == ["notes.txt"]


def test_machine_readable_output_lists_the_crystals(
    weights: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert weights.is_file()
    assert _call("--formula", "MgO", "--json")[0] == 0
    found = json.loads(capsys.readouterr().out)
    assert [entry["formula"] for entry in found["crystals"]] == ["MgO"] * 3
    assert all((Path(found["folder"]) / entry["file"]).is_file() for entry in found["crystals"])


def test_the_same_crystal_is_listed_once_with_how_often_it_was_drawn(
    weights: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert weights.is_file()
    status, lines = _call("--formula", "Cu", "--atoms", "1", "--tries", "1", count=12)
    assert status == 0
    told = capsys.readouterr().out
    different = [line for line in lines if "same_as" not in line]
    assert len(different) < len(lines)
    assert f"{len(different)} of 12 are different" in " ".join(told.split())
    for line in lines:
        assert (line["file"] in told) is (line in different)
    most = max(sum(line["file"] == other.get("same_as") for other in lines) for line in different)
    assert f"{most + 1}×" in told


def test_relaxed_ones_are_told_with_their_energies_or_why_not(
    weights: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert weights.is_file()
    monkeypatch.setenv("MATSMITH_POTENTIAL", "emt")
    load_settings.cache_clear()
    assert _call("--elements", "Cu,Au", "--atoms", "2", "--relax", "--json", count=2)[0] == 0
    found = json.loads(capsys.readouterr().out)["crystals"]
    assert len(found) == 2
    for entry in found:
        relaxed = entry["relaxed"]
        if "cif" in relaxed:
            assert (Path("out") / relaxed["cif"]).is_file()
            assert relaxed["failure"] == "foreign_energy"  # the hull is that of the default potential
        else:
            assert relaxed["failure"]


def test_help_has_examples() -> None:
    answer = CliRunner().invoke(make_app(), ["generate", "--help"])
    assert answer.exit_code == 0
    assert "matsmith generate --formula BaTiO3 --n 20" in answer.output
    assert "Example" in answer.output


def test_the_defaults_are_those_of_the_model_and_of_the_other_ways_to_it() -> None:
    commands: Any = typer.main.get_command(make_app())
    defaults = {option.name: option.default for option in commands.commands["generate"].params}
    assert defaults["sharpness"] == SHARPNESS
    assert defaults["tries"] == TRIES


def test_without_a_folder_one_is_named_after_what_is_asked(weights: Path) -> None:
    assert weights.is_file()
    assert main(["generate", "--formula", "NaCl", "--n", "1", "--steps", "3", "--atoms", "2"]) == 0
    assert Path("generated-NaCl/manifest.jsonl").is_file()
    asked = ["--motif", "kagome", "--elements", "Fe,Sn,+", "--n", "1", "--steps", "3"]
    assert main(["generate", *asked]) == 0
    assert Path("generated-kagome-Fe-Sn/manifest.jsonl").is_file()
