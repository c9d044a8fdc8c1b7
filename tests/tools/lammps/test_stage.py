from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from ase import Atoms

from matsmith.tools.lammps.failures import DynamicsError
from matsmith.tools.lammps.stage import COLUMNS, Stage, part_folder


def _row(step: int, energy: float) -> str:
    return " ".join([str(step), "0.0", "300.0", str(energy), *("0.0" for _ in COLUMNS[4:])])


def _stage(folder: Path, parts: int) -> Stage:
    return Stage(
        name="s", folder=folder, elements=("Cu",), initial=Atoms("Cu"), columns=(), parts=parts, wall_s=1.0
    )


def _part(folder: Path, number: int, rows: list[tuple[int, float]], **files: str) -> None:
    part = part_folder(folder, number)
    part.mkdir(parents=True)
    noise = "WARNING: something 1 2 3\nLoop time of 1 on 1 procs for 10 steps with 5 atoms\n"
    (part / "output.txt").write_text(
        "   Step  Time\n" + "\n".join(_row(*row) for row in rows) + "\n" + noise, encoding="ascii"
    )
    for name, text in files.items():
        (part / name.replace("_", ".")).write_text(text, encoding="ascii")


def test_steps_that_were_done_again_count_once(tmp_path: Path) -> None:
    head = "# averages\n# TimeStep v_x\n"
    _part(tmp_path, 1, [(0, 1.0), (10, 2.0), (20, 3.0), (30, 4.0)], t_profile=head + "10 1\n20 2\n30 -1\n")
    _part(tmp_path, 2, [(20, 3.0), (30, 5.0), (40, 6.0)], t_profile=head + "30 3\n40 4\n50")
    stage = _stage(tmp_path, 2)
    np.testing.assert_array_equal(stage.thermo["step"], [0, 10, 20, 30, 40])
    np.testing.assert_array_equal(stage.thermo["pe"], [1, 2, 3, 5, 6])
    np.testing.assert_array_equal(stage.profile("t"), [[10, 1], [20, 2], [30, 3], [40, 4]])


def test_runs_that_follow_each_other_share_their_step(tmp_path: Path) -> None:
    _part(tmp_path, 1, [(0, 1.0), (10, 2.0), (10, 2.5), (20, 3.0)])
    np.testing.assert_array_equal(_stage(tmp_path, 1).thermo["pe"], [1.0, 2.5, 3.0])


def test_blocks_of_chunks_and_an_unfinished_one(tmp_path: Path) -> None:
    text = "# x\n# TimeStep Number-of-chunks Total-count\n# Chunk v\n10 2 5\n1 7\n2 8\n20 2 5\n1 9\n2 10\n30 2 5\n1 11\n"
    _part(tmp_path, 1, [(0, 1.0)], t_profile=text)
    stage = _stage(tmp_path, 1)
    np.testing.assert_array_equal(stage.profile("t"), [[[1, 7], [2, 8]], [[1, 9], [2, 10]]])
    np.testing.assert_array_equal(stage.profile_steps("t"), [10, 20])


def test_frames_are_sorted_and_a_cut_one_is_left_out(tmp_path: Path) -> None:
    frame = (
        "ITEM: TIMESTEP\n{step}\nITEM: NUMBER OF ATOMS\n2\nITEM: BOX BOUNDS xy xz yz pp pp pp\n-1.0 10.0 -1.0\n0 5 0\n0 6 0\n"
        "ITEM: ATOMS id type xu yu zu q\n2 1 4 5 6 0.5\n1 2 1 2 3 0.25\n"
    )
    text = frame.format(step=0) + frame.format(step=10)[:-20]
    _part(tmp_path, 1, [(0, 1.0)], f_dump=text)
    found = _stage(tmp_path, 1).dump("f")
    np.testing.assert_array_equal(found.steps, [0])
    np.testing.assert_array_equal(found.positions[0], [[1, 2, 3], [4, 5, 6]])
    np.testing.assert_array_equal(found.types, [[2, 1]])
    np.testing.assert_array_equal(found.columns["q"], [[0.25, 0.5]])
    np.testing.assert_allclose(found.cells[0], [[10, 0, 0], [-1, 5, 0], [0, 0, 6]])


def test_a_stage_without_rows_is_a_typed_failure(tmp_path: Path) -> None:
    _part(tmp_path, 1, [])
    with pytest.raises(DynamicsError) as caught:
        _ = _stage(tmp_path, 1).thermo
    assert caught.value.retryable
