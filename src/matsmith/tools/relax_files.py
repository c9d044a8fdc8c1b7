"""Relaxing many files in one go: broken ones are told apart before, all others share batches, and nothing is done twice.

Every file becomes a record of its content in a ledger inside the folder of results, and its relaxation another one. A second
call with the same settings finds both, so an interrupted one goes on where it stopped.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from matsmith.core.crystal import Crystal
from matsmith.core.errors import StructureError, UsageError
from matsmith.core.ledger import Ledger
from matsmith.core.record import Failure, Outcome, Record
from matsmith.core.settings import Settings
from matsmith.tools.runner import ToolRunner, local_executor
from matsmith.tools.structure_files import UnreadableStructure, is_structure_file, read_structure

_INSIDE = ".matsmith"
SUMMARY = "relax.json"


@dataclass(kw_only=True)
class FileJob:
    """One file on its way: where it is, where its relaxed CIF goes, and what came of it.

    `earlier` says that an earlier call had finished it.
    """

    path: Path
    name: str
    target: Path
    start: Crystal | None = None
    record: Record | None = None
    failure: Failure | None = None
    earlier: bool = False

    @property
    def done(self) -> bool:
        """Whether there is a result, good or bad."""
        return self.record is not None or self.failure is not None

    @property
    def relaxed(self) -> Crystal | None:
        """The relaxed crystal."""
        return None if self.record is None else self.record.outcome.crystal


@dataclass(kw_only=True)
class Batch:
    """The files of one call, and the settings of their relaxation."""

    jobs: list[FileJob]
    out: Path
    arguments: dict[str, Any] = field(default_factory=dict[str, Any])


def gather(paths: Sequence[Path], *, out: Path) -> list[FileJob]:
    """Find the structure files of folders, and take files as they are named.

    Folders are searched through, results beneath `out` left aside. Raises `UsageError` for a path that does not exist, for
    folders without a structure file, and where a result would overwrite a file that is read.
    """
    found: dict[Path, Path] = {}
    for path in paths:
        if path.is_dir():
            for file in sorted(path.rglob("*")):
                inside = out.resolve() in file.resolve().parents and out.resolve() != path.resolve()
                if file.is_file() and is_structure_file(file) and not inside:
                    found.setdefault(file.resolve(), file.relative_to(path))
        elif path.is_file():
            found.setdefault(path.resolve(), Path(path.name))
        else:
            raise UsageError(
                f"There is no {str(path)!r}.", hint="Give CIF or POSCAR files, or folders of them."
            )
    if not found:
        raise UsageError(
            f"No structure file in {', '.join(str(path) for path in paths)}.",
            hint="Names end in .cif, .vasp or .poscar, or begin with POSCAR or CONTCAR.",
        )
    jobs: list[FileJob] = []
    taken: set[Path] = set()
    for path, relative in found.items():
        target = _free(out, relative, taken)
        if target.resolve() in found:
            raise UsageError(
                f"The result {target} would overwrite a file that is read.", hint="Choose another --out."
            )
        taken.add(target)
        jobs.append(FileJob(path=path, name=str(relative), target=target))
    return jobs


def _free(out: Path, relative: Path, taken: set[Path]) -> Path:
    stem = relative.stem if is_structure_file(Path("x" + relative.suffix)) else relative.name
    target = out / relative.parent / f"{stem}.cif"
    if target in taken:
        target = out / relative.parent / f"{relative.name}.cif"
    number = 2
    while target in taken:
        target = out / relative.parent / f"{relative.name}-{number}.cif"
        number += 1
    return target


def ledger_file(out: Path) -> Path:
    """Where the records of a folder of results lie."""
    return out / _INSIDE / "ledger.sqlite"


def relax_batch(batch: Batch, *, settings: Settings) -> Iterator[FileJob]:
    """Relax all files; each comes as soon as something is known of it, and its CIF is written then.

    Raises `WorkerError` when the physics process cannot be kept alive; what was finished is kept.
    """
    folder = batch.out / _INSIDE
    folder.mkdir(parents=True, exist_ok=True)
    begun = datetime.now(UTC)
    with Ledger(ledger_file(batch.out)) as ledger:
        executor = local_executor(log=folder / "worker.log", settings=settings)
        try:
            sound: list[FileJob] = []
            calls: list[dict[str, Any]] = []
            executor.warm_up()
            for job in batch.jobs:
                source = _read(job, ledger)
                if source is None:
                    yield job
                    continue
                sound.append(job)
                calls.append({**batch.arguments, "structure": source})
            runner = ToolRunner(ledger, settings=settings, executor=executor)
            for index, record in runner.run_many("relax", calls):
                job = sound[index]
                job.record, job.failure = record, record.outcome.failure
                job.earlier = record.started_at < begun
                _write(job)
                yield job
        finally:
            executor.close()


def _read(job: FileJob, ledger: Ledger) -> str | None:
    """Read a file into the ledger and return the id of its record; None, with the failure noted, when it cannot be read."""
    try:
        job.start = read_structure(job.path)
        digest = hashlib.sha256(job.path.read_bytes()).hexdigest()
    except UnreadableStructure as error:
        job.failure = Failure(code=error.code, message=error.message, hint=error.hint)
        return None
    except StructureError as error:
        job.failure = Failure(code="unreadable", message=error.message, hint=error.hint)
        return None
    except OSError as error:
        job.failure = Failure(code="unreadable", message=f"{job.path}: {error.strerror or error}.")
        return None
    # By content, so that a file in another cell or order of atoms comes back in its own.
    record = Record.of(
        Outcome(crystal=job.start),
        tool="structure_file",
        tool_version="1",
        inputs={"sha256": digest},
        identity="",
        seed=0,
    )
    if ledger.finished(record.id) is None:
        ledger.write_record(record)
    return record.id


def _write(job: FileJob) -> None:
    crystal = job.relaxed
    if crystal is None or (job.earlier and job.target.is_file()):
        return
    job.target.parent.mkdir(parents=True, exist_ok=True)
    temporary = job.target.with_suffix(".part")
    temporary.write_text(crystal.to_cif(), encoding="utf-8")
    temporary.replace(job.target)


def summary(batch: Batch, *, settings: Settings, space_group: Callable[[Crystal], str]) -> dict[str, Any]:
    """Everything that is known, as plain data: settings, the potential, and one entry a file."""
    from matsmith.tools.potential import hash_of, name_of

    relaxed = sum(job.relaxed is not None for job in batch.jobs)
    return {
        "potential": name_of(settings),
        "weights_hash": hash_of(settings),
        "settings": batch.arguments,
        "files": len(batch.jobs),
        "relaxed": relaxed,
        "failed": sum(job.failure is not None for job in batch.jobs),
        "waiting": sum(not job.done for job in batch.jobs),
        "results": [_entry(job, batch.out, space_group=space_group) for job in batch.jobs],
    }


def _entry(job: FileJob, out: Path, *, space_group: Callable[[Crystal], str]) -> dict[str, Any]:
    entry: dict[str, Any] = {"file": job.name, "state": "waiting"}
    if job.start is not None:
        entry |= {
            "formula": job.start.formula,
            "atoms": len(job.start.species),
            "space_group_before": space_group(job.start),
            "volume_before_angstrom3_per_atom": round(job.start.volume_angstrom3 / len(job.start.species), 4),
        }
    if job.failure is not None:
        return entry | {"state": "failed", "failure": job.failure.model_dump(exclude={"retryable"})}
    crystal = job.relaxed
    if job.record is None or crystal is None:
        return entry
    outcome = job.record.outcome
    return entry | {
        "state": "relaxed",
        "cif": str(job.target.relative_to(out)),
        "energy_ev_per_atom": outcome.quantities["energy"].value,
        "space_group": space_group(crystal),
        **outcome.facts,
        "record": job.record.id,
        "wall_s": round(outcome.wall_s, 3),
    }
