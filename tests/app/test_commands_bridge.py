"""The command in a process of its own: what it prints, that it answers, and how it ends."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

# A job that a script has put into the background ignores SIGINT, and so would everything that it starts.
_RUN = """
import signal, sys, typer
signal.signal(signal.SIGINT, signal.default_int_handler)
from matsmith.app.commands_bridge import probe, serve_reasoner
app = typer.Typer()
app.command()(serve_reasoner)
app.command()(probe)
app(sys.argv[1:])
"""


def environment(tmp_path: Path, **more: str) -> dict[str, str]:
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("OPENAI", "MATSMITH")) and not name.lower().endswith("_proxy")
    }
    return {**kept, "MATSMITH_CACHE_DIR": str(tmp_path / "cache"), "PYTHONUNBUFFERED": "1", **more}


@pytest.fixture
def server(tmp_path: Path) -> Iterator[tuple[subprocess.Popen[str], str, Path]]:
    folder = tmp_path / "answers"
    process = subprocess.Popen(
        [sys.executable, "-c", _RUN, "serve-reasoner", "--dir", str(folder), "--port", "0"],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        cwd=tmp_path,
        env=environment(tmp_path),
    )
    said = ""
    assert process.stdout is not None
    while "OPENAI_BASE_URL" not in said:
        line = process.stdout.readline()
        assert line, said
        said += line
    found = re.search(r"OPENAI_BASE_URL=(\S+) MATSMITH_MODEL_TIMEOUT_S=3600", said)
    assert found is not None, said
    yield process, found[1], folder
    process.kill()
    process.wait()


def test_it_answers_by_files_and_ends_quietly(server: tuple[subprocess.Popen[str], str, Path]) -> None:
    process, url, folder = server
    (folder / "0001.answer.json").write_text(json.dumps({"content": "Hello."}))  # before it is asked
    reply = httpx.post(
        f"{url}/chat/completions",
        json={"messages": [{"role": "user", "content": "hi"}]},
        headers={"Authorization": "Bearer sk-planted-0123456789"},
        timeout=60,
    )
    assert reply.json()["choices"][0]["message"]["content"] == "Hello."
    until = time.monotonic() + 60
    while not (folder / "0001.sent.json").exists():
        assert time.monotonic() < until
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    rest, _ = process.communicate(timeout=60)
    assert process.returncode == 0
    assert "Traceback" not in rest
    assert "0001 waits for its answer" in rest
    assert "sk-planted" not in "".join(path.read_text() for path in folder.iterdir())


def test_a_probe_without_a_server_says_what_to_set(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", _RUN, "probe"],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env=environment(tmp_path),
        check=False,
        timeout=60,
    )
    assert done.returncode == 2
    assert "OPENAI_API_KEY" in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_a_probe_of_a_server_that_is_not_there_fails_in_one_line(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", _RUN, "probe", "--json"],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env=environment(tmp_path, OPENAI_BASE_URL="http://127.0.0.1:1/v1", MATSMITH_MODEL="m"),
        check=False,
        timeout=60,
    )
    assert done.returncode == 1
    assert "no connection" in done.stderr
    assert done.stdout == ""
