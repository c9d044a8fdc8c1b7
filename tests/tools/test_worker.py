"""The worker process: what it is sent, what it answers, and that it ends with its parent."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from matsmith.core.crystal import Crystal
from matsmith.core.record import Outcome, Record
from matsmith.core.settings import Settings
from matsmith.tools.worker import request_for, work

# The real loop without the heavy libraries that it would load ahead, and with a tool that talks to standard output.
SERVE = """
import matsmith.tools.worker as worker
worker._preload = lambda: None
worker.serve()
"""


def _request(
    crystal: Crystal, settings: Settings, *, tool: str = "symmetry", calls: int = 1
) -> dict[str, Any]:
    return request_for(tool, [{"structure": "c"}] * calls, inputs={"c": crystal}, settings=settings, seed=7)


def _answers(request: dict[str, Any]) -> list[dict[str, Any]]:
    output = io.StringIO()
    work({**request, "number": 3}, output)
    return [json.loads(line) for line in output.getvalue().splitlines()]


def test_secrets_stay_behind(rocksalt: Callable[..., Crystal], tmp_path: Path) -> None:
    settings = Settings(
        data_dir=tmp_path, openai_api_key=SecretStr("sk-hidden"), mp_api_key=SecretStr("mp-hidden"), threads=1
    )
    text = json.dumps(_request(rocksalt("Mg"), settings))
    assert "hidden" not in text
    assert json.loads(text)["settings"]["threads"] == 1
    assert Settings(**json.loads(text)["settings"]).data_dir == tmp_path


def test_crystals_and_records_travel_apart(plain: Settings, rocksalt: Callable[..., Crystal]) -> None:
    record = Record.of(
        Outcome(crystal=rocksalt("Mg")), tool="made", tool_version="1", inputs={}, identity="", seed=0
    )
    request = request_for(
        "symmetry",
        [{"structure": record.id}],
        inputs={record.id: record, "c": rocksalt("Ca")},
        settings=plain,
        seed=0,
    )
    assert list(request["crystals"]) == ["c"]
    assert list(request["records"]) == [record.id]
    answered = _answers(request)
    assert answered[0]["outcome"]["facts"]["space_group_number"] == 225


def test_every_answer_carries_the_number_of_its_request_and_done_comes_last(
    plain: Settings, rocksalt: Callable[..., Crystal]
) -> None:
    answers = _answers(_request(rocksalt("Mg"), plain, calls=2))
    assert [answer.get("index") for answer in answers] == [0, 1, None]
    assert answers[-1] == {"number": 3, "done": True}
    assert {answer["number"] for answer in answers} == {3}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"tool": "relaxx"}, "ToolError: There is no tool"),
        ({"calls": [{"structure": "absent"}]}, "stands for no structure"),
        ({"calls": [{"stucture": "c"}]}, "ValidationError"),
    ],
)
def test_a_defect_is_told_as_a_crash(
    plain: Settings, rocksalt: Callable[..., Crystal], change: dict[str, Any], words: str
) -> None:
    answers = _answers({**_request(rocksalt("Mg"), plain), **change})
    assert len(answers) == 1
    assert words in answers[0]["crash"]


def test_it_answers_on_its_own_pipe_and_ends_when_its_parent_is_gone(
    plain: Settings, rocksalt: Callable[..., Crystal]
) -> None:
    noisy = SERVE.replace("worker.serve()", "print('noise before')\nworker.serve()")
    with subprocess.Popen(
        [sys.executable, "-c", noisy],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "OPENBLAS_NUM_THREADS": "1"},
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        for number in (1, 2):
            process.stdin.write(json.dumps({**_request(rocksalt("Mg"), plain), "number": number}) + "\n")
        process.stdin.flush()
        lines: list[dict[str, Any]] = []
        while sum("done" in line for line in lines) < 2:
            raw = process.stdout.readline()
            assert raw, "the worker ended early"
            if raw.startswith("{"):
                lines.append(json.loads(raw))
        assert [line["number"] for line in lines] == [1, 1, 2, 2]
        process.stdin.close()
        assert process.wait(timeout=20) == 0


def test_what_a_library_prints_goes_to_the_log(
    plain: Settings, rocksalt: Callable[..., Crystal], tmp_path: Path
) -> None:
    (tmp_path / "loud_tool.py").write_text(
        "from matsmith.core.record import Outcome\n"
        "from matsmith.tools.base import Args, Deps, StructureRef, tool\n"
        "class LoudArgs(Args):\n"
        "    structure: StructureRef\n"
        "@tool(name='loud', title='Loud', cost_s=0.1)\n"
        "def run(args: LoudArgs, *, deps: Deps) -> Outcome:\n"
        "    print('noise', flush=True)\n"
        "    return Outcome(facts={'said': True})\n"
        "TOOL = run\n"
    )
    code = SERVE.replace(
        "worker.serve()",
        "from matsmith.tools import registry\nregistry._MODULES['loud'] = 'loud_tool'\nworker.serve()",
    )
    with subprocess.Popen(
        [sys.executable, "-c", code],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(tmp_path), "OPENBLAS_NUM_THREADS": "1"},
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stderr is not None
        request = {**_request(rocksalt("Mg"), plain, tool="loud"), "number": 1}
        process.stdin.write(json.dumps(request) + "\n")
        process.stdin.flush()
        lines = [json.loads(process.stdout.readline()) for _ in range(2)]
        assert lines[0]["outcome"]["facts"] == {"said": True}
        assert lines[1]["done"]
        process.stdin.close()
        assert process.wait(timeout=20) == 0
        assert "noise" in process.stderr.read()
