"""`matsmith relax`: a folder with broken files among sound ones, resumed, in wrong use, with another potential."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pymatgen.core import Lattice, Structure

from matsmith.app.main import main
from matsmith.core.crystal import Crystal


def copper(edge: float = 3.7) -> Structure:
    return Structure.from_spacegroup("Fm-3m", Lattice.cubic(edge), ["Cu"], [[0, 0, 0]])


@pytest.fixture
def folder(home: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("MATSMITH_THREADS", "1")
    made = home / "in"
    (made / "sub").mkdir(parents=True)
    copper().to(str(made / "copper.cif"))
    copper(3.5).to(str(made / "sub" / "POSCAR"), fmt="poscar")
    (made / "broken.cif").write_text("data_x\n_cell_length_a 3\n")
    Structure(Lattice.cubic(3.6), [{"Cu": 0.5, "Au": 0.5}], [[0, 0, 0]]).to(str(made / "alloy.cif"))
    Structure(Lattice.cubic(4.0), ["Cu", "Cu"], [[0, 0, 0], [0.1, 0, 0]]).to(str(made / "overlap.cif"))
    (made / "notes.txt").write_text("no structure")
    return made


@pytest.fixture
def relax_all(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> Callable[..., tuple[int, dict[str, Any], str]]:
    def called(*words: str) -> tuple[int, dict[str, Any], str]:
        status = main(["relax", str(folder), "--out", "out", "--potential", "emt", "--json", *words])
        shown = capsys.readouterr()
        found = json.loads(shown.out)
        assert found == json.loads(Path("out/relax.json").read_text())
        return status, {entry["file"]: entry for entry in found["results"]}, shown.err

    return called


def test_broken_files_are_a_line_each_and_the_rest_is_relaxed_and_kept(
    relax_all: Callable[..., tuple[int, dict[str, Any], str]],
    capsys: pytest.CaptureFixture[str],
) -> None:
    status, found, told = relax_all()
    assert status == 1
    assert set(found) == {"copper.cif", "sub/POSCAR", "broken.cif", "alloy.cif", "overlap.cif"}
    for name in ("copper.cif", "sub/POSCAR"):
        entry = found[name]
        assert entry["state"] == "relaxed"
        cif = Path("out") / str(entry["cif"])
        crystal = Crystal.from_pymatgen(Structure.from_file(cif))
        assert crystal.volume_angstrom3 ** (1 / 3) == pytest.approx(3.59, abs=0.02)
        assert entry["space_group"] == "Fm-3m"
        assert len(crystal.species) == 4  # the cell that was given, not its primitive one
    codes = {name: entry["failure"]["code"] for name, entry in found.items() if entry["state"] == "failed"}
    assert codes == {"broken.cif": "unreadable", "alloy.cif": "disordered", "overlap.cif": "overlap"}
    for name in codes:
        (line,) = [line for line in told.splitlines() if name in line]
        assert line.startswith("matsmith: ")
    assert "3 of 5 files failed" in told
    assert "Traceback" not in told

    # Again: everything is found, nothing is computed; a CIF that was deleted comes back.
    (Path("out") / "copper.cif").unlink()
    records = {name: entry.get("record") for name, entry in found.items()}
    again, found, _ = relax_all()
    assert again == 1
    assert {name: entry.get("record") for name, entry in found.items()} == records
    assert (Path("out") / "copper.cif").is_file()

    # One more file: it alone is new.
    copper(3.65).to("in/more.cif")
    _, found, _ = relax_all()
    assert found["more.cif"]["state"] == "relaxed"
    assert found["copper.cif"]["record"] == records["copper.cif"]

    # Another setting is another computation.
    assert main(["relax", "in/copper.cif", "--out", "out", "--potential", "emt", "--fmax", "0.01"]) == 0
    shown = capsys.readouterr().out
    assert "Fm-3m" in shown
    assert "relaxed" in shown


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["relax", "in", "--out", "in/../in", "--potential", "emt"], "overwrite"),
        (["relax", "nowhere", "--out", "out"], "nowhere"),
        (["relax", "empty", "--out", "out"], "No structure file"),
        (["relax", "in", "--out", "in/notes.txt"], "is a file"),
        (["relax", "in", "--out", "out", "--potential", "mase"], "Did you mean mace"),
        (["relax", "in"], "--out"),
        (["relax", "in", "--out", "out", "--fmax", "-1"], "fmax"),
    ],
)
def test_wrong_use_is_one_sentence_and_2(
    folder: Path, capsys: pytest.CaptureFixture[str], words: list[str], says: str
) -> None:
    assert folder.is_dir()
    Path("empty").mkdir()
    assert main(words) == 2
    shown = capsys.readouterr()
    assert says in shown.err
    assert "Traceback" not in shown.err


def test_a_potential_that_is_not_installed_says_how_to_install_it(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from matsmith.models.potentials import registry

    def nowhere(name: str) -> None:
        assert name == "sevenn"

    monkeypatch.setattr(registry, "find_spec", nowhere)
    assert folder.is_dir()
    assert main(["relax", "in", "--out", "out", "--potential", "sevennet"]) == 1
    assert 'pip install "matsmith[sevennet]"' in capsys.readouterr().err
    assert not Path("out").exists()
