"""Processes of a pool are gone soon after their parent was killed, by themselves and in the builders that start them."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="there is no kill -9")

# Each says the numbers of its two children once they run, and would go on for minutes.
_POOL = """
import multiprocessing, time
from concurrent.futures import ProcessPoolExecutor
from matsmith.core.orphans import end_with_parent
pool = ProcessPoolExecutor(2, mp_context=multiprocessing.get_context({way!r}), initializer=end_with_parent)
waiting = [pool.submit(time.sleep, 0.1) for _ in range(2)]
[one.result() for one in waiting]
print(*[child.pid for child in multiprocessing.active_children()], flush=True)
time.sleep(300)
"""
_TABLE = """
import multiprocessing, time
from matsmith.models.diffusion import data_builder
data_builder._BLOCK = 2
def rows():
    for name in "ab":
        yield data_builder.SourceRow(name, "no crystal")
    print(*[child.pid for child in multiprocessing.active_children()], flush=True)
    time.sleep(300)
def read(row, **_):
    return data_builder.ReadCrystal(row, None, None, None, problem="unreadable")
data_builder.read_crystal = read
source = rows()
# Of the first block the children are started; the second is waited for.
data_builder.build_table(source, workers=2)
"""
_DECORATIONS = """
import multiprocessing, threading, time
from matsmith.core.settings import Settings
from matsmith.tools import training_builder
def tell():
    while len(multiprocessing.active_children()) < 2:
        time.sleep(0.05)
    print(*[child.pid for child in multiprocessing.active_children()], flush=True)
threading.Thread(target=tell, daemon=True).start()
list(training_builder._in_processes([[], []], settings=Settings(device="cpu"), workers=2, until=None))
time.sleep(300)
"""


def runs(pid: int) -> bool:
    """Whether a process is there and no corpse that nobody has fetched."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    status = Path(f"/proc/{pid}/stat")
    with contextlib.suppress(OSError):
        return status.read_text().rpartition(")")[2].split()[0] != "Z"
    return not status.parent.parent.is_dir()


@pytest.mark.parametrize(
    "script",
    [_POOL.format(way="spawn"), _POOL.format(way="fork"), _TABLE, _DECORATIONS],
    ids=["spawned", "forked", "table", "decorations"],
)
def test_children_end_with_a_parent_that_was_killed(script: str, tmp_path: Path) -> None:
    file = tmp_path / "parent.py"
    file.write_text(
        f"if __name__ == '__main__':\n{''.join(f'    {line}' for line in script.splitlines(True))}"
    )
    environment = {**os.environ, "MATSMITH_CACHE_DIR": str(tmp_path), "MATSMITH_DATA": str(tmp_path)}
    parent = subprocess.Popen(
        [sys.executable, str(file)], env=environment, stdout=subprocess.PIPE, text=True, cwd=tmp_path
    )
    children: list[int] = []
    try:
        assert parent.stdout is not None
        children = [int(word) for word in parent.stdout.readline().split()]
        assert len(children) == 2
        parent.send_signal(signal.SIGKILL)
        parent.wait(30)
        until = time.monotonic() + 30
        while any(runs(child) for child in children) and time.monotonic() < until:
            time.sleep(0.1)
        assert not [child for child in children if runs(child)]
    finally:
        parent.kill()
        parent.wait(30)
        if parent.stdout is not None:
            parent.stdout.close()
        for child in children:
            with contextlib.suppress(ProcessLookupError):
                os.kill(child, signal.SIGKILL)
