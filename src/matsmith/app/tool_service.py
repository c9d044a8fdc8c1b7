"""Tools for clients that come and go: one worker owns the cores, one ledger keeps the records, and any call can be ended.

The page and the protocol server both call tools here. Calls that need the worker stand in line; the others run at once. Ending a
call ends the worker, since an executor alone does not stop what runs; the next call starts a new one.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from matsmith.core.errors import WorkerError
from matsmith.core.executor import EndableExecutor, Executor

if TYPE_CHECKING:
    from matsmith.core.crystal import Crystal
    from matsmith.core.record import Record
    from matsmith.core.settings import Settings

LEDGER = "tool-calls.sqlite"


class CallEnded(WorkerError):
    """The call was ended by its caller."""


@dataclass
class Call:
    """One call on its way. `cancel` may come from any thread; `running` is set while the worker is this call's."""

    name: str
    started: float = field(default_factory=time.monotonic)
    running: threading.Event = field(default_factory=threading.Event)
    _cancelled: threading.Event = field(default_factory=threading.Event)
    _over: threading.Event = field(default_factory=threading.Event)
    _finished: threading.Event = field(default_factory=threading.Event)

    @property
    def cancelled(self) -> bool:
        """Whether its caller has left."""
        return self._cancelled.is_set()

    @property
    def seconds(self) -> float:
        """How long ago it came."""
        return time.monotonic() - self.started

    def check(self) -> None:
        """Raise `CallEnded` once its caller has left."""
        if self.cancelled:
            raise CallEnded("The call was ended.")

    def cancel(self) -> None:
        """End the call; what it has not finished is lost."""
        self._cancelled.set()
        self._over.set()

    def finish(self) -> None:
        """Nothing runs for it any more."""
        self._finished.set()
        self._over.set()

    def is_finished(self, *, within_s: float) -> bool:
        """Whether nothing runs for it any more, at once or after so long."""
        return self._finished.wait(within_s)

    def wait_for_the_end(self) -> bool:
        """Wait until it is finished or cancelled; whether it was cancelled."""
        self._over.wait()
        return self.cancelled


class ToolService:
    """Runs tools one call at a time in the worker. Close it when no more calls come."""

    def __init__(
        self, *, settings: Settings, ledger: Path | None = None, executor: Executor | None = None
    ) -> None:
        from matsmith.tools.runner import local_executor

        self.settings = settings
        self.ledger = ledger or settings.state_dir / LEDGER
        self.ledger.parent.mkdir(parents=True, exist_ok=True)
        self._executor = executor or local_executor(log=self.ledger.parent / "worker.log", settings=settings)
        self._turn = threading.Lock()

    def __enter__(self) -> ToolService:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End whatever runs."""
        self._executor.close()

    def run(self, name: str, arguments: Mapping[str, Any], *, call: Call | None = None) -> Record:
        """Run one tool and return its record. Raises `ToolError` for wrong arguments, `CallEnded` when the call was ended."""
        from matsmith.core.ledger import Ledger
        from matsmith.tools.registry import get_tool
        from matsmith.tools.relax_first import run_relaxed
        from matsmith.tools.runner import ToolRunner

        tool = get_tool(name)
        call = call or Call(name)
        executor = EndableExecutor(self._executor, check=call.check)
        with Ledger(self.ledger) as ledger:
            runner = ToolRunner(ledger, settings=self.settings, executor=executor)
            if not tool.needs_worker:
                call.running.set()
                return run_relaxed(runner, name, whole_ids(name, arguments, ledger))
            self._wait_turn(call)
            watcher = threading.Thread(target=self._watch, args=(call,), name="call-watcher", daemon=True)
            watcher.start()
            try:
                call.running.set()
                return run_relaxed(runner, name, whole_ids(name, arguments, ledger))
            finally:
                call.finish()
                watcher.join()
                self._turn.release()

    def keep(self, crystal: Crystal, *, source: str) -> str:
        """Keep a structure that came as text, and return the id of its record, for tools to take."""
        from matsmith.core.ledger import Ledger
        from matsmith.core.record import Outcome, Record

        record = Record.of(
            Outcome(crystal=crystal),
            tool="structure_file",
            tool_version="1",
            inputs={"source": source, "structure": crystal.canonical_hash},
            identity="",
            seed=0,
        )
        with Ledger(self.ledger) as ledger:
            if ledger.finished(record.id) is None:
                ledger.write_record(record)
        return record.id

    def record(self, prefix: str) -> Record | None:
        """The record whose id begins so, or None."""
        from matsmith.core.ledger import Ledger

        with Ledger(self.ledger) as ledger:
            return ledger.find_record(prefix)

    def _wait_turn(self, call: Call) -> None:
        while not self._turn.acquire(timeout=0.1):
            if call.cancelled:
                raise CallEnded("The call was ended while it waited for its turn.")
        if call.cancelled:
            self._turn.release()
            raise CallEnded("The call was ended while it waited for its turn.")

    def _watch(self, call: Call) -> None:
        """End the worker when the caller leaves; it is this call's alone."""
        while call.wait_for_the_end():
            # Again until it has left: it may just have been about to ask the worker.
            self._executor.close()
            if call.is_finished(within_s=0.2):
                return


def whole_ids(name: str, arguments: Mapping[str, Any], ledger: Any) -> dict[str, Any]:
    """Let the beginning of a record's id stand for it, as people copy it from a table."""
    from matsmith.tools.registry import get_tool

    whole = dict(arguments)
    for field_name in get_tool(name).args.reference_fields():
        value = whole.get(field_name)
        if not isinstance(value, str) or not _looks_like_id(value) or Path(value).exists():
            continue
        record = ledger.find_record(value)
        if record is not None:
            whole[field_name] = record.id
    return whole


def _looks_like_id(value: str) -> bool:
    return 4 <= len(value) <= 64 and all(character in "0123456789abcdef" for character in value)
