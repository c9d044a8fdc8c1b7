"""Runs tools against a ledger: nothing is computed twice, and a failed record is never an input.

A computation's id is a hash of tool, version, inputs, weights and seed. When the ledger holds a finished record of that
id it is returned; otherwise the tool runs, in this process when it is cheap and in the worker when it needs the cores.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from matsmith.core.candidate import Candidate
from matsmith.core.crystal import Crystal
from matsmith.core.errors import BudgetExceeded, ToolError, WorkerError
from matsmith.core.executor import Executor, ProcessExecutor
from matsmith.core.ledger import Ledger
from matsmith.core.record import Outcome, Record, Status
from matsmith.core.settings import Settings
from matsmith.tools.base import Args, Deps, Tool
from matsmith.tools.registry import get_tool
from matsmith.tools.structure_files import file_digest, read_structure
from matsmith.tools.worker import ENVIRONMENT, request_for

_WORKER = "matsmith.tools.worker"


def local_executor(*, log: Path | None = None, settings: Settings) -> ProcessExecutor:
    """The worker process on this machine."""
    environment = dict(ENVIRONMENT)
    if settings.threads:
        environment["OMP_NUM_THREADS"] = str(settings.threads)
    return ProcessExecutor.python_module(_WORKER, environment=environment, log=log)


class ToolRunner:
    """Runs tools, resolves the ids in their arguments and writes what comes out into the ledger."""

    def __init__(
        self,
        ledger: Ledger,
        *,
        settings: Settings,
        executor: Executor,
        seed: int = 0,
    ) -> None:
        self.ledger = ledger
        self.settings = settings
        self.executor = executor
        self.seed = seed
        self._spend: Callable[[int], None] | None = None
        self._hear: Callable[[str], None] | None = None

    def on_note(self, hear: Callable[[str], None]) -> None:
        """Call this with what a tool tells while it computes; without it nobody hears."""
        self._hear = hear

    def on_spend(self, spend: Callable[[int], None]) -> None:
        """Call this with the number of computations before they start; it may raise to stop them."""
        self._spend = spend

    def run(self, name: str, args: Mapping[str, Any] | Args, *, deadline: float | None = None) -> Record:
        """Run one tool once. Raises `ToolError` for arguments that it does not take."""
        # To the end: leaving the stream early would end the worker.
        ((_, record),) = self.run_many(name, [args], deadline=deadline)
        return record

    def run_many(
        self, name: str, batch: Sequence[Mapping[str, Any] | Args], *, deadline: float | None = None
    ) -> Iterator[tuple[int, Record]]:
        """Run one tool on many arguments; records come as they are finished, each with the index of its arguments.

        Raises `BudgetExceeded` past the deadline (a `time.monotonic` time); what was finished stands in the ledger.
        """
        tool = get_tool(name)
        reason = tool.missing(self.settings)
        if reason is not None:
            raise ToolError(f"The tool {name} cannot run here: {reason}")
        yield from self._run_many(tool, batch, deadline=deadline, again=True)

    def _run_many(
        self, tool: Tool, batch: Sequence[Mapping[str, Any] | Args], *, deadline: float | None, again: bool
    ) -> Iterator[tuple[int, Record]]:
        identity = tool.identity(self.settings)
        waiting: dict[str, list[int]] = {}
        calls: dict[str, tuple[Args, dict[str, Any], dict[str, Crystal | Record]]] = {}
        for index, raw in enumerate(batch):
            args = _validated(tool, raw)
            inputs, stored = self._resolve(args)
            record_id = Record.id_of(
                tool=tool.name, tool_version=tool.version, inputs=stored, identity=identity, seed=self.seed
            )
            finished = self.ledger.finished(record_id)
            if finished is not None:
                yield index, finished
                continue
            waiting.setdefault(record_id, []).append(index)
            calls[record_id] = (args, stored, inputs)
        if not calls:
            return
        if self._spend is not None:
            self._spend(len(calls))
        changed: list[tuple[int, Args]] = []
        for record_id, outcome, started in self._outcomes(tool, calls, deadline=deadline):
            record = Record.of(
                outcome,
                tool=tool.name,
                tool_version=tool.version,
                inputs=calls[record_id][1],
                identity=identity,
                seed=self.seed,
                started_at=started,
            )
            moved = again and tool.identity(self.settings) != identity
            if moved:
                # What the tool rests on changed while it ran: the same call is another computation now, and runs at once.
                changed += [(index, calls[record_id][0]) for index in waiting[record_id]]
                if record.status is Status.SUCCESS:
                    continue
            self.ledger.write_record(record)
            if moved:
                continue
            for index in waiting[record_id]:
                yield index, record
        if changed:
            redone = self._run_many(tool, [args for _, args in changed], deadline=deadline, again=False)
            for place, record in redone:
                yield changed[place][0], record

    def _outcomes(
        self,
        tool: Tool,
        calls: Mapping[str, tuple[Args, dict[str, Any], dict[str, Crystal | Record]]],
        *,
        deadline: float | None,
    ) -> Iterator[tuple[str, Outcome, datetime]]:
        ids = list(calls)
        if tool.needs_worker:
            yield from self._from_worker(tool, ids, calls, deadline=deadline)
            return
        for record_id in ids:
            if deadline is not None and time.monotonic() > deadline:
                raise BudgetExceeded("The time is used up.")
            args, _, inputs = calls[record_id]
            deps = Deps(settings=self.settings, inputs=inputs, seed=self.seed)
            started = datetime.now(UTC)
            for _, outcome in tool.run_many([args], deps=deps):
                yield record_id, outcome, started

    def _from_worker(
        self,
        tool: Tool,
        ids: Sequence[str],
        calls: Mapping[str, tuple[Args, dict[str, Any], dict[str, Crystal | Record]]],
        *,
        deadline: float | None,
    ) -> Iterator[tuple[str, Outcome, datetime]]:
        """Stream from the worker; when it dies, what was in flight runs again one by one, and the culprit fails alone."""
        left = list(ids)
        started = datetime.now(UTC)
        try:
            for position, outcome in self._stream(tool, left, calls, deadline=deadline):
                yield ids[position], outcome, started
                left.remove(ids[position])
            return
        except WorkerError as error:
            if not error.retryable:
                raise
        for record_id in list(left):
            started = datetime.now(UTC)
            try:
                for _, outcome in self._stream(tool, [record_id], calls, deadline=deadline):
                    yield record_id, outcome, started
            except WorkerError as error:
                if not error.retryable:
                    raise
                yield (
                    record_id,
                    Outcome.failed("worker_died", error.message, hint=error.hint, retryable=True),
                    started,
                )

    def _stream(
        self,
        tool: Tool,
        ids: Sequence[str],
        calls: Mapping[str, tuple[Args, dict[str, Any], dict[str, Crystal | Record]]],
        *,
        deadline: float | None,
    ) -> Iterator[tuple[int, Outcome]]:
        inputs: dict[str, Crystal | Record] = {}
        for record_id in ids:
            inputs.update(calls[record_id][2])
        request = request_for(
            tool.name,
            [calls[record_id][0].model_dump(mode="json") for record_id in ids],
            inputs=inputs,
            settings=self.settings,
            seed=self.seed,
        )
        for reply in self.executor.stream(request, deadline=deadline):
            if "note" in reply:
                if self._hear is not None:
                    self._hear(str(reply["note"]))
                continue
            yield int(reply["index"]), Outcome.model_validate(reply["outcome"])

    def _resolve(self, args: Args) -> tuple[dict[str, Crystal | Record], dict[str, Any]]:
        """Find what the ids stand for, and the inputs as they are stored: a file becomes the id of its structure."""
        inputs: dict[str, Crystal | Record] = {}
        stored: dict[str, Any] = args.model_dump(mode="json")
        for name, kind in type(args).reference_fields().items():
            reference = stored[name]
            if reference is None:
                continue
            if kind == "record":
                inputs[reference] = self.ledger.consume(reference)
                continue
            if kind == "file":
                # What stands in the file counts, not where it lies.
                stored[name] = file_digest(Path(reference))
                continue
            found = self._structure(reference)
            inputs[reference] = found
            if isinstance(found, Crystal):
                stored[name] = found.canonical_hash
        return inputs, stored

    def _structure(self, reference: str) -> Crystal | Record:
        body = self.ledger.latest("candidate", reference)
        if body is not None:
            return Candidate.model_validate_json(body).crystal
        if self.ledger.record(reference) is not None:
            record = self.ledger.consume(reference)
            if record.outcome.crystal is None:
                raise ToolError(f"Record {reference} of {record.tool} holds no structure.")
            return record
        return read_structure(Path(reference))


def _validated(tool: Tool, raw: Mapping[str, Any] | Args) -> Args:
    if isinstance(raw, tool.args):
        return raw
    try:
        return tool.args.model_validate(raw)
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(str(part) for part in first["loc"]) or "arguments"
        raise ToolError(
            f"The tool {tool.name} does not take this: {field}: {first['msg']}.",
            hint=f"See `matsmith tool {tool.name} --help`.",
        ) from error
