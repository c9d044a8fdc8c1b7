"""The builder of training crystals: a real small build that is stopped, resumed by two processes and killed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from pymatgen.core import Lattice, Structure

from matsmith.core.errors import DataError, UsageError
from matsmith.core.settings import Settings
from matsmith.models.diffusion.data_builder import build_table
from matsmith.tools import training_builder
from matsmith.tools.reference_builder import read_lines
from matsmith.tools.training_builder import ROWS, Progress, build, decorated_rows, is_work
from matsmith.tools.training_labels import Hulls
from matsmith.tools.training_plan import PlanSettings
from matsmith.tools.training_work import moved_angstrom

SMALL = PlanSettings(count=4, elements=(3,), atoms_max=4)


def _settings(folder: Path) -> Settings:
    return Settings(data_dir=folder, cache_dir=folder, device="cpu", threads=1)  # pyright: ignore[reportCallIssue]


def _hulls(folder: Path) -> Hulls:
    return Hulls(data_dir=folder, cache_dir=folder)


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Progress, list[Progress]]:
    work = tmp_path_factory.mktemp("made") / "work"
    told: list[Progress] = []
    made = build(work, wanted=SMALL, settings=_settings(work.parent), report=told.append)
    return work, made, told


def test_every_decoration_is_settled_and_told(built: tuple[Path, Progress, list[Progress]]) -> None:
    work, made, told = built
    assert is_work(work)
    assert made.done == 4 == len(told)
    assert made.kept + made.failed.total() == 4
    assert made.kept >= 2
    assert made.seconds_left == 0
    rows = read_lines(work / ROWS, key="key")
    assert len(rows) == 4
    for row in rows.values():
        assert row["problem"] or len(row["species"]) == len(row["positions"])


def test_kept_crystals_are_relaxed_near_the_hull_and_labelled(
    built: tuple[Path, Progress, list[Progress]],
) -> None:
    work, made, _ = built
    table, skipped = build_table(decorated_rows(work, _hulls(work.parent)), symmetry=True)
    assert not skipped
    assert len(table) == made.kept
    assert (table.counts <= 4).all()
    above = table.properties["energy_above_hull_ev_per_atom"]
    assert ((above > -0.3) & (above < 0.5)).all()
    assert np.isfinite(table.properties["formation_energy_ev_per_atom"]).all()
    assert (table.properties["density_g_cm3"] > 0.5).all()
    moduli = table.properties["bulk_modulus_gpa"]
    assert ((moduli > 0.5) & (moduli < 600) | np.isnan(moduli)).all()


def test_a_longer_build_takes_up_the_shorter_with_two_processes(
    built: tuple[Path, Progress, list[Progress]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    work = tmp_path / "copy"
    work.mkdir()
    for name in (ROWS, training_builder.METHOD):
        (work / name).write_bytes((built[0] / name).read_bytes())
    before = (work / ROWS).read_bytes()
    # The last line was cut off by a kill: it is computed again, nothing else is.
    (work / ROWS).write_bytes(before[:-10])
    monkeypatch.setattr(training_builder, "_GROUP_CPU", 1)
    settings = _settings(built[0].parent)
    made = build(work, wanted=PlanSettings(count=6, elements=(3,), atoms_max=4), settings=settings, workers=2)
    assert (made.earlier, made.done) == (3, 3)
    after = (work / ROWS).read_bytes()
    complete = before[: before[:-1].rfind(b"\n") + 1]
    assert after.startswith(complete)
    assert len(read_lines(work / ROWS, key="key")) == 6
    again = build(work, wanted=SMALL, settings=settings)
    assert (again.earlier, again.done, again.kept) == (4, 0, built[1].kept)
    assert (work / ROWS).read_bytes() == after


def test_a_killed_build_goes_on(tmp_path: Path) -> None:
    work = tmp_path / "work"
    command = [sys.executable, "-m", "matsmith", "data", "decorate", "--out", str(work)]
    command += ["--n", "6", "--elements", "3", "--max-atoms", "4", "--json"]
    environment = {
        **os.environ,
        "MATSMITH_DATA": str(tmp_path),
        "MATSMITH_CACHE_DIR": str(tmp_path),
        "MATSMITH_DEVICE": "cpu",
        "MATSMITH_THREADS": "1",
    }
    environment.pop("MATSMITH_POTENTIAL", None)
    first = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    until = time.monotonic() + 120
    while not (work / ROWS).exists() and time.monotonic() < until and first.poll() is None:
        time.sleep(0.05)
    first.send_signal(signal.SIGKILL)
    first.wait(30)
    held = set(read_lines(work / ROWS, key="key"))
    second = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=200, check=True)
    answer = json.loads(second.stdout)
    assert (answer["planned"], answer["left"]) == (6, 0)
    lines = (work / ROWS).read_text().splitlines()
    assert len(lines) == 6 == len(set(read_lines(work / ROWS, key="key")))
    assert held <= set(read_lines(work / ROWS, key="key"))


def test_no_group_begins_after_the_time_is_up(tmp_path: Path) -> None:
    made = build(tmp_path / "work", wanted=SMALL, settings=_settings(tmp_path), budget_s=0.0)
    assert (made.total, made.done) == (4, 0)
    assert made.seconds_left is None


def test_folders_and_settings_that_do_not_fit_are_refused(tmp_path: Path) -> None:
    settings = _settings(tmp_path)
    with pytest.raises(UsageError, match="worker"):
        build(tmp_path / "a", wanted=SMALL, settings=settings, workers=0)
    with pytest.raises(UsageError, match="default potential"):
        build(tmp_path / "a", wanted=SMALL, settings=settings.model_copy(update={"potential": "mace"}))
    foreign = tmp_path / "foreign"
    foreign.mkdir()
    (foreign / "thesis.tex").write_text("mine")
    with pytest.raises(DataError, match="other files"):
        build(foreign, wanted=SMALL, settings=settings)
    other = tmp_path / "other"
    other.mkdir()
    (other / training_builder.METHOD).write_text('{"potential": "another", "weights_hash": "0"}')
    with pytest.raises(DataError, match="other weights"):
        build(other, wanted=SMALL, settings=settings)
    (other / training_builder.METHOD).write_text("{")
    with pytest.raises(DataError, match="damaged"):
        build(other, wanted=SMALL, settings=settings)


def test_two_builds_in_one_folder_are_refused(tmp_path: Path) -> None:
    fcntl = pytest.importorskip("fcntl")
    work = tmp_path / "work"
    work.mkdir()
    with (work / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(UsageError, match="Another process"):
            build(work, wanted=SMALL, settings=_settings(tmp_path), budget_s=0.0)


def test_a_damaged_row_is_named(tmp_path: Path) -> None:
    (tmp_path / ROWS).write_text('{"key":"AB_cP2_221_b_a|Cs,Cl","problem":""}\n')
    with pytest.raises(DataError, match="Cs,Cl"):
        list(decorated_rows(tmp_path, _hulls(tmp_path)))


def test_how_far_atoms_moved_leaves_out_a_common_shift_and_the_cells_edge() -> None:
    start = Structure(Lattice.cubic(4), ["Cs", "Cl"], [[0.01, 0, 0], [0.5, 0.5, 0.5]])
    shifted = Structure(Lattice.cubic(4), ["Cs", "Cl"], [[0.91, 0.9, 0.9], [0.4, 0.4, 0.4]])
    assert moved_angstrom(start, shifted) == pytest.approx(0, abs=1e-9)
    apart = Structure(Lattice.cubic(4), ["Cs", "Cl"], [[0.01, 0, 0], [0.5, 0.5, 0.7]])
    assert moved_angstrom(start, apart) == pytest.approx(0.4)
