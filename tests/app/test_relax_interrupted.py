"""`matsmith relax` killed or interrupted in the middle: what was finished stays, and the same command goes on from there."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from pymatgen.core import Lattice, Structure

FILES = 12


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Small crystals that relax fast, and a big one that holds the batch back."""
    made = tmp_path / "in"
    made.mkdir()
    for number in range(FILES):
        edge = 3.4 + 0.03 * number
        cell = Structure.from_spacegroup("Fm-3m", Lattice.cubic(edge), ["Cu"], [[0, 0, 0]])
        if number % 3 == 2:
            cell.make_supercell([2, 2, 3])
            cell.perturb(0.05)
        cell.to(str(made / f"cu{number:02d}.cif"))
    return made


def _start(folder: Path) -> subprocess.Popen[str]:
    environment = {
        **os.environ,
        "MATSMITH_THREADS": "1",
        "XDG_DATA_HOME": str(folder.parent / "data"),
        "XDG_CACHE_HOME": str(folder.parent / "cache"),
    }
    command = [sys.executable, "-m", "matsmith", "relax", str(folder), "--out", str(folder.parent / "out")]
    return subprocess.Popen(
        [*command, "--potential", "emt", "--json"],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def _wait_for_a_result(running: subprocess.Popen[str], out: Path) -> list[Path]:
    """Wait until the first relaxed CIF is there; the process may already be through with all."""
    limit = time.monotonic() + 60
    while time.monotonic() < limit:
        found = sorted(out.glob("*.cif"))
        if found or running.poll() is not None:
            return found
        time.sleep(0.005)
    raise AssertionError("no result came")


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT])
def test_what_was_finished_is_not_done_again(folder: Path, how: signal.Signals) -> None:
    out = folder.parent / "out"
    running = _start(folder)
    early = _wait_for_a_result(running, out)
    written = {path.name: (path.stat().st_mtime_ns, path.read_bytes()) for path in early}
    os.killpg(running.pid, how)
    _, told = running.communicate(timeout=120)
    if how is signal.SIGINT:
        assert "Traceback" not in told
    else:
        assert running.returncode != 0

    again = _start(folder)
    printed, told = again.communicate(timeout=240)
    assert again.returncode == 0, told
    found = json.loads(printed)
    assert found["relaxed"] == FILES
    assert {path.name for path in out.glob("*.cif")} == {f"cu{number:02d}.cif" for number in range(FILES)}
    assert not list(out.glob("*.part"))
    # A file that was there before the kill is whole, and was not computed and written a second time.
    for name, (moment, text) in written.items():
        assert (out / name).stat().st_mtime_ns == moment
        assert (out / name).read_bytes() == text
    for entry in found["results"]:
        assert entry["volume_before_angstrom3_per_atom"] > 0
        cell = Structure.from_file(out / entry["cif"])
        assert cell.volume / len(cell) == pytest.approx(3.59**3 / 4, rel=0.02)
