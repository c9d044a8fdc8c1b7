"""What a server loads while nobody waits: the first question finds it there."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ASK = """
import sys
from pathlib import Path
from matsmith.core.settings import Settings

folder = Path(sys.argv[1])
settings = Settings(state_dir=folder, cache_dir=folder / "c", runs_dir=folder / "r", data_dir=folder / "n", library_dir=folder / "l")
if sys.argv[2] == "warm":
    from matsmith.app.warm_up import warm_up_soon

    warm_up_soon(settings).join()
begun = set(sys.modules)
from matsmith.agents.literature_answer import answer
from matsmith.agents.session import make_reasoner
from matsmith.knowledge.literature.corpus import open_corpus

with open_corpus(settings.library_dir) as corpus:
    answer("Which oxide is used in gas sensors?", corpus=corpus, reasoner=make_reasoner("rules", settings=settings))
print(len(set(sys.modules) - begun))
"""


def modules_of_first_question(folder: Path, how: str) -> int:
    environment = {**os.environ, "OPENBLAS_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, "-c", ASK, str(folder), how],
        capture_output=True,
        text=True,
        timeout=240,
        env=environment,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return int(done.stdout.split()[-1])


def test_the_first_question_of_a_server_that_was_warmed_loads_next_to_nothing(tmp_path: Path) -> None:
    cold, warm = (modules_of_first_question(tmp_path, how) for how in ("cold", "warm"))
    assert cold > 100
    assert warm < 0.1 * cold


def test_a_library_that_cannot_be_read_stops_no_server(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    from matsmith.app.warm_up import warm_up_soon
    from matsmith.core.settings import Settings
    from matsmith.knowledge.literature.library_file import FILE_NAME

    (tmp_path / FILE_NAME).write_bytes(b"no database" * 100)
    settings = Settings(state_dir=tmp_path, cache_dir=tmp_path, runs_dir=tmp_path, library_dir=tmp_path)
    thread = warm_up_soon(settings)
    thread.join(240)
    assert not thread.is_alive()
    assert "Traceback" not in capfd.readouterr().err
