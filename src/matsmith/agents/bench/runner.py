"""Runs a suite: every task by every arm, as often as asked, each attempt in a process of its own; what is finished is never tried again."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from matsmith import __version__
from matsmith.agents.bench.attempt import Arm, Ending, Result
from matsmith.agents.bench.attempt_process import RESULT, AttemptRequest, environment_of, failed_result
from matsmith.agents.bench.suite import Suite
from matsmith.agents.bench.task import Task
from matsmith.core.errors import DataError, UsageError

RESULTS = "results.jsonl"
MANIFEST = "bench.json"
_GRACE_S = 90.0
_LONGEST_LOG = 600


class Manifest(BaseModel):
    """What a folder of results is of; going on with another suite, model or version would mix what cannot be compared."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    suite: str
    suite_sha256: str
    reasoner: str
    model: str
    version: str
    arms: list[Arm]
    repeat: int


@dataclass(frozen=True, kw_only=True)
class Turn:
    """One attempt that is due, or was made: `number` of `total`."""

    number: int
    total: int
    task: Task
    arm: Arm
    repeat: int
    result: Result | None = None
    kept: bool = False


def run_suite(
    suite: Suite,
    *,
    arms: Sequence[Arm],
    reasoner: str,
    model: str,
    out: Path,
    repeat: int = 1,
    again: bool = False,
    tell: Callable[[Turn], None] | None = None,
) -> list[Result]:
    """Try everything that has no result yet and return all results in the order of the suite.

    `again` goes on in a folder that holds results. Raises `UsageError` when the folder is another bench's, or holds results and `again` is not
    set. Ctrl-C ends the attempt that runs; the next call with `again` starts with it.
    """
    manifest = Manifest(
        suite=suite.name,
        suite_sha256=suite.sha256,
        reasoner=reasoner,
        model=model,
        version=__version__,
        arms=list(arms),
        repeat=repeat,
    )
    _claim(out, manifest, again=again)
    kept = {(one.task, one.arm, one.repeat): one for one in read_results(out)}
    due = [(task, arm, number) for number in range(repeat) for task in suite.tasks for arm in arms]
    found: list[Result] = []
    for place, (task, arm, number) in enumerate(due, start=1):
        turn = Turn(number=place, total=len(due), task=task, arm=arm, repeat=number)
        result = kept.get((task.id, arm, number))
        if result is None:
            if tell is not None:
                tell(turn)
            result = try_once(task, arm=arm, reasoner=reasoner, repeat=number, out=out)
            _keep(out, result)
        if tell is not None:
            tell(
                Turn(
                    number=place,
                    total=len(due),
                    task=task,
                    arm=arm,
                    repeat=number,
                    result=result,
                    kept=(task.id, arm, number) in kept,
                )
            )
        found.append(result)
    return found


def _claim(out: Path, manifest: Manifest, *, again: bool) -> None:
    """Make the folder this bench's own, or see that it is."""
    path = out / MANIFEST
    try:
        out.mkdir(parents=True, exist_ok=True)
        if not path.is_file():
            if any(out.iterdir()):
                raise UsageError(f"{out} is not empty and holds no bench.", hint="Choose another --out.")
            path.write_text(manifest.model_dump_json(indent=1), encoding="utf-8")
            return
        before = Manifest.model_validate_json(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UsageError(
            f"{out} cannot be written: {error.strerror}.", hint="Choose another --out."
        ) from error
    except ValidationError as error:
        raise UsageError(f"{path} is damaged.", hint="Choose another --out.") from error
    if not again:
        raise UsageError(
            f"{out} holds results already.", hint="Add --resume to go on, or choose another --out."
        )
    other = [
        name
        for name in ("suite_sha256", "reasoner", "model", "version")
        if getattr(before, name) != getattr(manifest, name)
    ]
    if other:
        what = {"suite_sha256": "tasks"}.get(other[0], other[0])
        raise UsageError(
            f"{out} holds results of another {what}.", hint="Results would mix: choose another --out."
        )


def read_results(out: Path) -> list[Result]:
    """Results in a folder, the last one of an attempt; a line that was cut off by a kill is left out."""
    path = out / RESULTS
    if not path.is_file():
        return []
    found: dict[tuple[str, Arm, int], Result] = {}
    lines = path.read_text(encoding="utf-8").splitlines()
    for number, line in enumerate(lines, start=1):
        try:
            result = Result.model_validate_json(line)
        except ValidationError as error:
            if number == len(lines):
                continue
            raise DataError(
                f"{path}, line {number}, is damaged.", hint="Remove the line: its attempt runs again."
            ) from error
        found[result.task, result.arm, result.repeat] = result
    return list(found.values())


def _keep(out: Path, result: Result) -> None:
    path = out / RESULTS
    with path.open("ab+") as file:
        # A line that a kill has cut off has no end, and its attempt was made again.
        file.seek(0)
        file.truncate(file.read().rfind(b"\n") + 1)
        file.write(result.model_dump_json().encode() + b"\n")
        file.flush()
        os.fsync(file.fileno())


def try_once(task: Task, *, arm: Arm, reasoner: str, repeat: int, out: Path) -> Result:
    """One attempt in a new process, which is ended with all that it started when it overruns."""
    folder = out / "attempts" / arm.value / task.id / str(repeat)
    if folder.exists():
        shutil.rmtree(folder)  # of an attempt that was cut off: it left no result
    folder.mkdir(parents=True)
    folder = folder.resolve()
    request = AttemptRequest(task=task, arm=arm, repeat=repeat, reasoner=reasoner, folder=folder)
    path = folder / "request.json"
    path.write_text(request.model_dump_json(indent=1), encoding="utf-8")
    started = time.monotonic()
    status = _run(path, folder=folder, limit_s=1.5 * task.budget.wall_time_s + _GRACE_S)
    wall_s = time.monotonic() - started
    if status is None:
        said = f"it ran past its time and was ended after {wall_s:.0f} s"
        return failed_result(request, ending=Ending.TIMED_OUT, error=said, wall_s=wall_s)
    try:
        return Result.model_validate_json((folder / RESULT).read_text(encoding="utf-8"))
    except (OSError, ValidationError):
        said = f"its process ended with status {status} and left no result: {_last_words(folder / 'log.txt')}"
        return failed_result(request, ending=Ending.CRASHED, error=said, wall_s=wall_s)


def _run(request: Path, *, folder: Path, limit_s: float) -> int | None:
    """Run the process of an attempt; None when it had to be ended."""
    words = [sys.executable, "-m", "matsmith.agents.bench.attempt_process", str(request)]
    options: dict[str, Any] = {"start_new_session": True} if os.name == "posix" else {}
    with (folder / "log.txt").open("w", encoding="utf-8") as log:
        process = subprocess.Popen(
            words,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            env={**os.environ, **environment_of(folder)},
            **options,
        )
        try:
            return process.wait(timeout=limit_s)
        except subprocess.TimeoutExpired:
            return None
        finally:
            _end(process)


def _end(process: subprocess.Popen[Any]) -> None:
    """End the process and whatever it has started, also when it came to its own end and left something behind."""
    if os.name == "posix":
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
    elif process.poll() is None:
        process.kill()
    process.wait()


def _last_words(log: Path) -> str:
    if not log.is_file():
        return "no log"
    text = log.read_text(encoding="utf-8", errors="replace").strip()
    return " ".join(text[-_LONGEST_LOG:].split()) or "nothing was said"


def stored_manifest(out: Path) -> dict[str, Any]:
    """What a folder says of its bench, for a report."""
    return json.loads((out / MANIFEST).read_text(encoding="utf-8"))


def turns_left(
    results: Sequence[Result], suite: Suite, *, arms: Sequence[Arm], repeat: int
) -> Iterator[tuple[str, Arm]]:
    """Attempts without a result, for a report of a bench that was interrupted."""
    made = {(one.task, one.arm, one.repeat) for one in results}
    for number in range(repeat):
        for task in suite.tasks:
            for arm in arms:
                if (task.id, arm, number) not in made:
                    yield task.id, arm
