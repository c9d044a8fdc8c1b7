"""A folder of generated crystals: the same after a kill, left alone when it is somebody else's, every wish in every line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from crystal_models import tiny_model

from matsmith.core.crystal import Crystal
from matsmith.core.errors import DataError, SpecError, UsageError
from matsmith.models.diffusion.sampling import SamplingSettings
from matsmith.tools.crystal_facts import closest_distance
from matsmith.tools.crystal_wishes import CrystalWishes, motif_called, seed_of
from matsmith.tools.duplicates import merge
from matsmith.tools.generated_folder import CALL, MANIFEST, PART, Generation, write_folder
from matsmith.tools.structure_files import read_structure


def _job(wishes: CrystalWishes, *, count: int = PART + 5, seed: int = 1) -> Generation:
    return Generation(
        model=tiny_model(), wishes=wishes, count=count, seed=seed, settings=SamplingSettings(steps=3)
    )


BINARY = CrystalWishes(required=("Li", "O"), others=False, atoms=3)


def _contents(folder: Path) -> dict[str, str]:
    return {path.name: path.read_text() for path in sorted(folder.iterdir())}


def test_after_a_kill_the_same_crystals_come_and_what_stood_there_is_not_made_again(tmp_path: Path) -> None:
    whole = tmp_path / "whole"
    lines = list(write_folder(_job(BINARY), whole))
    assert len(lines) == PART + 5
    torn = tmp_path / "torn"
    stream = write_folder(_job(BINARY), torn)
    for _ in range(PART):
        next(stream)
    del stream
    # As a kill leaves it: the second part half written, a line torn, a draft beside.
    second = [json.dumps(line) for line in lines[PART:]]
    with (torn / MANIFEST).open("a") as manifest:
        manifest.write(second[0] + "\n" + second[1][:40])
    before = {path.name: path.stat().st_mtime_ns for path in torn.glob("*.cif")}
    told: list[int] = []
    again = list(write_folder(_job(BINARY), torn, tell=lambda done, total, seconds: told.append(done)))
    assert again == lines
    assert told == [PART, PART + 5]
    assert _contents(torn) == _contents(whole)
    assert before == {name: (torn / name).stat().st_mtime_ns for name in before}
    # A crystal that was deleted comes back as it was.
    (torn / str(lines[0]["file"])).unlink()
    again = list(write_folder(_job(BINARY), torn))
    assert sorted(again, key=lambda line: line["number"]) == lines
    assert _contents(torn) == _contents(whole)


def test_every_file_is_what_its_line_says(tmp_path: Path) -> None:
    for line in write_folder(_job(BINARY, count=6), tmp_path / "out"):
        crystal = read_structure(tmp_path / "out" / str(line["file"]))
        assert set(crystal.species) == {"Li", "O"}
        assert len(crystal.species) == line["atoms"] == 3
        assert crystal.formula == line["formula"]
        assert closest_distance(crystal) == pytest.approx(line["closest_angstrom"], abs=1e-3)
        assert line["required"] == ["Li", "O"]
        assert line["allowed"] == ["Li", "O"]
        assert len(str(line["weights"])) == 64


@pytest.mark.parametrize("what", ["foreign", "otherwise", "damaged", "file"])
def test_a_folder_that_is_not_this_calls_own_is_left_alone(tmp_path: Path, what: str) -> None:
    out = tmp_path / "out"
    if what == "file":
        out.write_text("mine")
    elif what == "foreign":
        out.mkdir()
        (out / "thesis.txt").write_text("mine")
    else:
        list(write_folder(_job(BINARY, count=2), out))
        if what == "damaged":
            (out / CALL).write_text("{")
    before = None if what == "file" else _contents(out)
    with pytest.raises((UsageError, DataError)) as caught:
        list(write_folder(_job(BINARY, count=2, seed=2), out))
    assert caught.value.hint
    if what == "otherwise":
        assert "(seed)" in caught.value.message
    assert before is None or _contents(out) == before


def test_an_impossible_wish_is_told_before_a_crystal_is_made(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match="makes cells of at most 20"):
        list(write_folder(_job(CrystalWishes(formula="Ca10P6O26H2")), tmp_path / "out"))
    assert not list((tmp_path / "out").glob("*.cif"))


def test_a_seed_and_a_motif_are_part_of_what_was_asked(tmp_path: Path) -> None:
    salt = Crystal(
        lattice=((0.0, 2.8, 2.8), (2.8, 0.0, 2.8), (2.8, 2.8, 0.0)),
        species=("Na", "Cl"),
        positions=((0.0, 0.0, 0.0), (0.5, 0.5, 0.5)),
    )
    seeded = CrystalWishes(
        seed=seed_of(salt, keep=["Cl"], keep_cell=True, free=True),
        required=(),
        allowed=("K", "Rb"),
        others=False,
    )
    lines = list(write_folder(_job(seeded, count=4), tmp_path / "doped"))
    assert {line["formula"] for line in lines} <= {"KCl", "RbCl"}
    assert list(write_folder(_job(seeded, count=4), tmp_path / "doped")) == lines
    kagome = CrystalWishes(motif=motif_called("Kagome"), formula="Fe3Sn")
    assert {line["motif"] for line in write_folder(_job(kagome, count=3), tmp_path / "kagome")} == {"kagome"}
    with pytest.raises(SpecError, match="no site 'K'"):
        seed_of(salt, keep=["K"])


def test_crystals_of_a_formula_that_are_the_same_say_of_which(tmp_path: Path) -> None:
    job = _job(CrystalWishes(formula="Cu", atoms=1), count=PART + 8)
    job.settings, job.tries = SamplingSettings(steps=3, lattice_noise=0.0), 1
    lines = list(write_folder(job, tmp_path / "out"))
    groups = merge([read_structure(tmp_path / "out" / str(line["file"])) for line in lines])
    firsts = [lines[groups.index(group)]["file"] for group in groups]
    assert len(set(firsts)) < len(lines)
    for line, first in zip(lines, firsts, strict=True):
        assert line.get("same_as", line["file"]) == first
    stored = (tmp_path / "out" / MANIFEST).read_text()
    assert [json.loads(line) for line in stored.splitlines()] == lines
    assert list(write_folder(job, tmp_path / "out")) == lines
    assert (tmp_path / "out" / MANIFEST).read_text() == stored
