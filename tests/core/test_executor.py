from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from matsmith.core.errors import BudgetExceeded, Interrupted, WorkerError
from matsmith.core.executor import EndableExecutor, Message, ProcessExecutor

# A worker that speaks the protocol and does what its request says.
WORKER = """
import json, os, sys, time
for line in sys.stdin:
    request = json.loads(line)
    number = request["number"]
    for index, step in enumerate(request["steps"]):
        if step == "die":
            os.kill(os.getpid(), 9)
        if step == "hang":
            time.sleep(60)
        if step == "crash":
            print(json.dumps({"number": number, "crash": "ValueError: no"}), flush=True)
            break
        print(json.dumps({"number": number, "index": index, "step": step, "pid": os.getpid()}), flush=True)
    else:
        print(json.dumps({"number": number, "done": True}), flush=True)
"""


@pytest.fixture
def executor(tmp_path: Path) -> ProcessExecutor:
    script = tmp_path / "worker.py"
    script.write_text(WORKER)
    return ProcessExecutor([sys.executable, str(script)], log=tmp_path / "log")


def test_replies_stream_in_order_and_the_process_is_kept(executor: ProcessExecutor) -> None:
    first = list(executor.stream({"steps": ["a", "b"]}))
    second = list(executor.stream({"steps": ["c"]}))
    assert [reply["step"] for reply in first + second] == ["a", "b", "c"]
    assert len({reply["pid"] for reply in first + second}) == 1
    executor.close()


def test_a_dead_worker_is_a_retryable_error_after_what_it_finished_and_starts_again(
    executor: ProcessExecutor,
) -> None:
    seen: list[str] = []
    with pytest.raises(WorkerError, match="signal 9") as caught:
        seen.extend(reply["step"] for reply in executor.stream({"steps": ["a", "die", "b"]}))
    assert seen == ["a"]
    assert caught.value.retryable
    assert [reply["step"] for reply in executor.stream({"steps": ["again"]})] == ["again"]
    executor.close()


def test_a_deadline_ends_the_work_and_the_process(executor: ProcessExecutor) -> None:
    replies = executor.stream({"steps": ["a", "hang"]}, deadline=time.monotonic() + 2.0)
    pid = next(iter(replies))["pid"]
    with pytest.raises(BudgetExceeded):
        list(replies)
    with pytest.raises(ProcessLookupError):
        os.kill(pid, signal.SIGCONT)


def test_a_defect_in_a_tool_is_no_retryable_error(executor: ProcessExecutor) -> None:
    with pytest.raises(WorkerError, match="ValueError: no") as caught:
        list(executor.stream({"steps": ["crash"]}))
    assert not caught.value.retryable
    executor.close()


def test_leaving_early_ends_what_is_in_flight(executor: ProcessExecutor) -> None:
    for reply in executor.stream({"steps": ["a", "hang", "b"]}):
        assert reply["step"] == "a"
        break
    assert [reply["step"] for reply in executor.stream({"steps": ["fresh"]})] == ["fresh"]
    executor.close()


def test_a_program_that_does_not_exist_is_a_clear_error() -> None:
    with pytest.raises(WorkerError, match="could not be started"):
        list(ProcessExecutor(["/nonexistent/program"]).stream({"steps": []}))


class Broken:
    """An executor whose pipe breaks when the request has been answered once."""

    def __init__(self) -> None:
        self.started = 0

    def stream(self, request: Message, *, deadline: float | None = None) -> Iterator[Message]:
        del deadline
        self.started += 1
        yield request
        raise WorkerError("The worker process died.", retryable=True)

    def warm_up(self) -> None:
        self.started += 1

    def close(self) -> None: ...


def test_an_end_that_was_asked_for_is_no_accident() -> None:
    asked = False

    def check() -> None:
        if asked:
            raise Interrupted("It was asked to stop.")

    inner = Broken()
    executor = EndableExecutor(inner, check=check)
    with pytest.raises(WorkerError, match="died"):
        list(executor.stream({}))
    replies = executor.stream({})
    next(replies)
    asked = True
    with pytest.raises(Interrupted, match="asked to stop"):
        next(replies)
    started = inner.started
    with pytest.raises(Interrupted):
        list(executor.stream({}))
    with pytest.raises(Interrupted):
        executor.warm_up()
    assert inner.started == started, "nothing is started again"
