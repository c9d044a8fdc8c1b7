"""The process of one attempt: it tries the task, is graded, and writes one result. Whatever becomes of it, the bench goes on.

python -m matsmith.agents.bench.attempt_process REQUEST.json
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from matsmith.agents.bench.attempt import Arm, Attempt, Ending, Grade, Result
from matsmith.agents.bench.task import Door, Task
from matsmith.core.errors import MatsmithError, UsageError
from matsmith.core.settings import Settings

RESULT = "result.json"
FILES = "files"


class AttemptRequest(BaseModel):
    """What the process is to do; the settings come from its environment."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    task: Task
    arm: Arm
    repeat: int
    reasoner: str
    folder: Path


def environment_of(folder: Path) -> dict[str, str]:
    """Variables that keep everything an attempt writes in its folder; what the user's keys and tables are stays as it is."""
    return {
        "MATSMITH_STATE_DIR": str(folder / "state"),
        "MATSMITH_RUNS_DIR": str(folder / "runs"),
        "MATSMITH_LIBRARY": str(folder / "library"),
        "OPENBLAS_NUM_THREADS": "1",
        "SPGLIB_WARNING": "OFF",
    }


def carry_out(request: AttemptRequest, *, settings: Settings) -> Result:
    """Try the task and grade what came of it. An expected error is a failed attempt; a defect is one that crashed."""
    from matsmith.agents.bench.ask_door import prepare_library
    from matsmith.agents.bench.grading import grade
    from matsmith.agents.bench.task_files import write_files

    task, files = request.task, request.folder / FILES
    shown = write_files(task, files)
    prepare_library(files, settings=settings)
    started = time.monotonic()
    try:
        attempt = _tried(request, shown=shown, settings=settings)
    except MatsmithError as error:
        attempt = Attempt(ending=Ending.FAILED, error=str(error))
    except Exception as error:  # noqa: BLE001 - a defect fails this attempt and is said in its result
        attempt = Attempt(ending=Ending.CRASHED, error=f"{type(error).__name__}: {error}"[:500])
    attempt = attempt.model_copy(update={"wall_s": round(time.monotonic() - started, 3)})
    return Result(
        task=task.id,
        kind=task.kind.value,
        arm=request.arm,
        repeat=request.repeat,
        attempt=attempt,
        grade=grade(task, attempt, folder=files, settings=settings),
    )


def _tried(request: AttemptRequest, *, shown: list[Path], settings: Settings) -> Attempt:
    task, reasoner = request.task, request.reasoner if request.arm is not Arm.RULES else "rules"
    if request.arm is Arm.ONE:
        from matsmith.agents.bench.one_agent import attempt_alone

        return attempt_alone(task, folder=request.folder, files=shown, settings=settings, seed=request.repeat)
    match task.door:
        case Door.DESIGN:
            from matsmith.agents.bench.design_door import attempt_design

            return attempt_design(
                task, reasoner=reasoner, folder=request.folder, settings=settings, seed=request.repeat
            )
        case Door.ASK:
            from matsmith.agents.bench.ask_door import attempt_ask

            return attempt_ask(task, reasoner=reasoner, settings=settings)
        case Door.CHAT:
            from matsmith.agents.bench.chat_door import attempt_chat

            return attempt_chat(
                task,
                reasoner=reasoner,
                folder=request.folder,
                files=shown,
                settings=settings,
                seed=request.repeat,
            )


def failed_result(request: AttemptRequest, *, ending: Ending, error: str, wall_s: float) -> Result:
    """The result of an attempt whose process did not come back with one."""
    return Result(
        task=request.task.id,
        kind=request.task.kind.value,
        arm=request.arm,
        repeat=request.repeat,
        attempt=Attempt(ending=ending, error=error, wall_s=round(wall_s, 3)),
        grade=Grade(passed=False, failures=[error]),
    )


def main(arguments: list[str]) -> int:
    """Read the request, carry it out, write the result beside it."""
    from matsmith.core.settings import load_settings

    if len(arguments) != 1:
        raise UsageError("Give the file of one request.")
    path = Path(arguments[0])
    request = AttemptRequest.model_validate_json(path.read_text(encoding="utf-8"))
    result = carry_out(request, settings=load_settings())
    part = path.parent / f".{RESULT}.part"
    part.write_text(result.model_dump_json(indent=1), encoding="utf-8")
    part.replace(path.parent / RESULT)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
