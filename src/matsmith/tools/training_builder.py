"""Builds crystals to train a generator on: decorated prototypes, relaxed and labelled with the potential, kept row by row.

Each finished decoration is one line of JSON in the work folder, so that a killed build goes on where it stopped, and a longer one takes up a shorter.
"""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from matsmith.core.crystal import Crystal
from matsmith.core.errors import DataError, UsageError, WorkerError
from matsmith.core.orphans import end_with_parent
from matsmith.core.settings import Settings
from matsmith.models.diffusion.data_builder import SourceRow
from matsmith.tools.potential import NAME, is_default, name_of, weights_hash
from matsmith.tools.reference_builder import append_line, read_lines
from matsmith.tools.training_labels import Hulls
from matsmith.tools.training_plan import PlanSettings, decoration_of, plan
from matsmith.tools.training_work import Row, compute_group

ROWS, METHOD = "rows.jsonl", "method.json"
_GROUP_CPU, _GROUP_GPU = 32, 1024
_PATIENCE_S = 0.3


@dataclass(kw_only=True)
class Progress:
    """How far a build is: decorations done before and in this call, of how many, and what came of them."""

    total: int
    earlier: int = 0
    done: int = 0
    kept: int = 0
    failed: Counter[str] = field(default_factory=Counter[str])
    started: float = field(default_factory=time.monotonic)

    @property
    def seconds_left(self) -> float | None:
        """At the pace of this call; None before the first is done."""
        if not self.done:
            return None
        return (time.monotonic() - self.started) / self.done * (self.total - self.earlier - self.done)


def build(
    work: Path,
    *,
    wanted: PlanSettings,
    settings: Settings,
    workers: int = 1,
    budget_s: float | None = None,
    report: Callable[[Progress], None] | None = None,
) -> Progress:
    """Compute the planned decorations that the folder does not hold yet. With a budget, no group begins after it.

    Raises `UsageError` for a potential whose energies the references do not fit, `DataError` for a folder of another potential.
    """
    if not is_default(settings):
        raise UsageError(
            f"The labels rest on the default potential, not on {name_of(settings)}.",
            hint="Leave MATSMITH_POTENTIAL unset.",
        )
    if workers < 1:
        raise UsageError("At least one worker is needed.", hint="--workers 1 is usual.")
    until = None if budget_s is None else time.monotonic() + budget_s
    work.mkdir(parents=True, exist_ok=True)
    with _alone(work):
        _check_method(work)
        held = read_lines(work / ROWS, key="key")
        keys = plan(wanted, settings=settings)
        todo = [key for key in keys if (key,) not in held]
        progress = Progress(total=len(keys), earlier=len(keys) - len(todo))
        for key in keys:
            if (key,) in held:
                _count(progress, held[(key,)])
        for rows in _computed(todo, settings=settings, workers=workers, until=until):
            for row in rows:
                append_line(work / ROWS, row)
                _count(progress, row)
                progress.done += 1
            if report is not None:
                report(progress)
    return progress


def _count(progress: Progress, row: Row) -> None:
    if row["problem"]:
        progress.failed[str(row["problem"])] += 1
    else:
        progress.kept += 1


def decorated_rows(work: Path, hulls: Hulls) -> Iterator[SourceRow]:
    """Yield the crystals of a work folder, labelled against the references at hand now. Raises `DataError` for a damaged row."""
    for line in read_lines(work / ROWS, key="key").values():
        if line["problem"]:
            continue
        try:
            decoration = decoration_of(line["key"])
            crystal = Crystal(
                lattice=line["lattice"], species=tuple(line["species"]), positions=line["positions"]
            )
            energy, bulk = float(line["energy_ev_per_atom"]), line["bulk_modulus_gpa"]
        except (KeyError, TypeError, ValueError) as error:
            raise DataError(
                f"{work / ROWS} holds a row that is no crystal: {line.get('key')}.",
                hint="Delete that line and build again.",
            ) from error
        properties = hulls.labels(decoration.amounts, energy)
        if bulk is not None:
            properties["bulk_modulus_gpa"] = float(bulk)
        yield SourceRow(line["key"], properties=properties, crystal=crystal)


def is_work(path: Path) -> bool:
    """Whether a folder was made by `build`."""
    return (path / ROWS).is_file() and (path / METHOD).is_file()


def _check_method(work: Path) -> None:
    """Note what the rows rest on, or refuse a folder whose rows rest on something else."""
    path = work / METHOD
    own = {"potential": NAME, "weights_hash": weights_hash()}
    if path.exists():
        try:
            held: Any = json.loads(path.read_text(encoding="utf-8"))
        except ValueError as error:
            raise DataError(f"{path} is damaged.", hint="Choose another folder.") from error
        if held != own:
            raise DataError(
                f"{work} was built with other weights of the potential.", hint="Choose another folder."
            )
    elif (work / ROWS).exists() or any(child.name != ".lock" for child in work.iterdir()):
        raise DataError(f"{work} holds other files already.", hint="Choose an empty folder or a new one.")
    else:
        draft = path.with_suffix(".part")
        draft.write_text(json.dumps(own), encoding="utf-8")
        draft.replace(path)


@contextmanager
def _held(path: Path) -> Generator[None]:
    import os

    try:
        import fcntl
    except ImportError:
        yield  # no such locks on this system
        return
    descriptor = os.open(path, os.O_CREAT | os.O_RDWR)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise UsageError(
                f"Another process builds in {path.parent}.", hint="Wait for it, or choose another folder."
            ) from error
        yield
    finally:
        os.close(descriptor)


def _alone(work: Path) -> AbstractContextManager[None]:
    """Two builds in one folder would compute everything twice and mix their lines."""
    return _held(work / ".lock")


def _computed(
    todo: Sequence[str], *, settings: Settings, workers: int, until: float | None
) -> Iterator[list[Row]]:
    """Rows as they are finished, group by group."""
    import torch

    gpu = settings.device.startswith("cuda") or (settings.device == "auto" and torch.cuda.is_available())
    size = _GROUP_GPU if gpu else _GROUP_CPU
    groups = [list(todo[start : start + size]) for start in range(0, len(todo), size)]
    if workers == 1 or len(groups) < 2:
        for group in groups:
            if until is not None and time.monotonic() >= until:
                return
            for row in compute_group(group, settings=settings):
                yield [row]
        return
    yield from _in_processes(groups, settings=settings, workers=workers, until=until)


def _in_processes(
    groups: Sequence[Sequence[str]], *, settings: Settings, workers: int, until: float | None
) -> Iterator[list[Row]]:
    from multiprocessing import get_context

    # One thread each: the processes share the cores already.
    given = settings.model_copy(update={"threads": settings.threads or 1}).model_dump(
        mode="json", exclude={"openai_api_key", "mp_api_key", "models"}, exclude_none=True
    )
    waiting = iter(groups)
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn"), initializer=end_with_parent) as pool:
        running: set[Future[list[Row]]] = set()
        try:
            while True:
                while len(running) < workers and (until is None or time.monotonic() < until):
                    group = next(waiting, None)
                    if group is None:
                        break
                    running.add(pool.submit(_group_in_process, list(group), given))
                if not running:
                    return
                finished, running = wait(running, return_when=FIRST_COMPLETED)
                for one in finished:
                    yield one.result()
        except BrokenProcessPool as error:
            raise WorkerError(
                "A process of the build died, perhaps for lack of memory.",
                hint="Call it again, with fewer workers: what is finished is kept.",
                retryable=True,
            ) from error
        finally:
            for one in running:
                one.cancel()


def _group_in_process(keys: list[str], given: dict[str, Any]) -> list[Row]:
    # What the parent has settled is not read again from a file.
    own = Settings(**given, _env_file=None)  # pyright: ignore[reportCallIssue]
    return list(compute_group(keys, settings=own))
