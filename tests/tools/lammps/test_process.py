from __future__ import annotations

import os
import sys
import time
from pathlib import Path

import pytest

from matsmith.tools.lammps.failures import DynamicsError
from matsmith.tools.lammps.process import Limits, follow
from matsmith.tools.lammps.program import Program

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="limits are those of Unix")
_ENVIRONMENT = Program(
    executable=Path("x"), library_dir=Path("/nowhere"), potentials_dir=Path("x"), mpiexec=None
).environment()


def _run(folder: Path, script: str, **limits: float) -> list[str]:
    heard: list[str] = []
    folder.mkdir(exist_ok=True)
    follow(
        ["/bin/sh", "-c", script],
        folder=folder,
        environment=_ENVIRONMENT,
        limits=Limits(**limits),  # pyright: ignore[reportArgumentType]
        threads=1,
        elements=(),
        hear=heard.append,
    )
    return heard


def test_lines_are_heard_and_kept_and_the_folder_is_the_run_s(tmp_path: Path) -> None:
    assert _run(tmp_path / "a", "echo one; pwd; echo two > inside") == [
        "one",
        str((tmp_path / "a").resolve()),
    ]
    assert (tmp_path / "a" / "inside").exists()
    assert (tmp_path / "a" / "output.txt").read_text().startswith("one")


def test_nothing_of_the_environment_reaches_a_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "secret-of-the-user")
    heard = "\n".join(_run(tmp_path / "a", "env"))
    assert "secret-of-the-user" not in heard
    assert "HOME" not in heard


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="Landlock is Linux'")
def test_nothing_is_written_outside_where_the_kernel_can_forbid_it(tmp_path: Path) -> None:
    from matsmith.tools.lammps import launch

    probe = os.fork()
    if probe == 0:
        os._exit(0 if launch.write_only_in([str(tmp_path)]) else 1)
    if os.waitstatus_to_exitcode(os.waitpid(probe, 0)[1]) != 0:
        pytest.skip("this kernel has no Landlock")
    heard = _run(tmp_path / "a", "echo x > ../outside; mkdir ../folder; rm ../kept; echo done")
    assert heard[-1] == "done"
    assert {path.name for path in tmp_path.iterdir()} == {"a"}


def test_a_run_beyond_its_time_is_ended_with_all_that_it_started(tmp_path: Path) -> None:
    noted = tmp_path / "a" / "child"
    for wall_s in (0.5, 5.0, 50.0):  # a busy machine may not come to the shell's first line in half a second
        with pytest.raises(DynamicsError) as caught:
            _run(tmp_path / "a", "sleep 900 & echo $! > child; sleep 900", wall_s=wall_s)
        assert caught.value.code == "time_limit"
        if noted.exists() and noted.read_text().strip():
            break
    child = int(noted.read_text())
    for _ in range(300):
        state = Path(f"/proc/{child}/stat")
        if not state.exists() or state.read_text().split()[2] == "Z":
            return
        time.sleep(0.1)
    pytest.fail("a process outlived its run")


@pytest.mark.parametrize(
    ("script", "code"),
    [
        ("kill -11 $$", "crashed"),
        ("kill -9 $$", "killed"),
        ("echo 'ERROR: Lost atoms: original 5 current 4'; exit 1", "lost_atoms"),
    ],
)
def test_ways_to_end_badly(tmp_path: Path, script: str, code: str) -> None:
    with pytest.raises(DynamicsError) as caught:
        _run(tmp_path / "a", script)
    assert caught.value.code == code


def test_a_file_has_no_more_than_its_share_of_the_disk(tmp_path: Path) -> None:
    with pytest.raises(DynamicsError):
        _run(tmp_path / "a", "exec dd if=/dev/zero of=big bs=100000 count=1000", disk_gb=0.001)
    assert (tmp_path / "a" / "big").stat().st_size <= 1_000_000


def test_memory_is_bounded(tmp_path: Path) -> None:
    script = f"{sys.executable} -c 'x = bytearray(3 * 10**9)' 2>/dev/null || echo refused"
    assert _run(tmp_path / "a", script, memory_gb=1.0) == ["refused"]


def test_what_the_listener_raises_ends_the_run(tmp_path: Path) -> None:
    def stop(line: str) -> None:
        raise DynamicsError("diverged", line)

    (tmp_path / "a").mkdir()
    with pytest.raises(DynamicsError, match="hot"):
        follow(
            ["/bin/sh", "-c", "echo hot; sleep 300"],
            folder=tmp_path / "a",
            environment=_ENVIRONMENT,
            limits=Limits(),
            threads=1,
            elements=(),
            hear=stop,
        )
