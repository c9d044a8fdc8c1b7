"""What the tools of one thread share: its folder, ledger, structures, numbers, the next specification and its design runs."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from matsmith.agents.conversation.numbers import KnownNumbers
from matsmith.agents.conversation.run_process import StartedRuns
from matsmith.agents.conversation.structures import Shelf
from matsmith.agents.planner import PlanCheck
from matsmith.agents.reasoners.interface import Reasoner
from matsmith.core.executor import Executor
from matsmith.core.ledger import Ledger
from matsmith.core.record import Record
from matsmith.core.settings import Settings
from matsmith.core.spec import DesignSpec
from matsmith.tools.runner import ToolRunner, local_executor

LEDGER = "ledger.sqlite"
LIBRARY = "library"
_SPEC, _SPOKEN = "next_spec", "run_spoken_of"


@dataclass
class Desk:
    """One thread's things; close it to end the worker.

    `reasoner` answers the planner's and the literature's questions; `tell` hears what long work is at.
    """

    folder: Path
    settings: Settings
    reasoner: Reasoner
    seed: int = 0
    executor: Executor | None = None
    design_reasoner: str = "rules"
    deadline: float | None = None
    tell: Callable[[str], None] | None = None
    ledger: Ledger = field(init=False)
    shelf: Shelf = field(init=False)
    known: KnownNumbers = field(init=False)
    runs: StartedRuns = field(init=False)
    _runner: ToolRunner | None = None
    _own_executor: Executor | None = None

    def __post_init__(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        self.ledger = Ledger(self.folder / LEDGER)
        self.shelf = Shelf(self.ledger)
        self.runs = StartedRuns(ledger=self.ledger, settings=self.settings)
        self.known = KnownNumbers(find=self._find)
        for entry in self.ledger.entries("record"):
            self.known.add_record(Record.model_validate_json(entry.body))

    @property
    def library(self) -> Path:
        """Where the papers of this thread are."""
        return self.folder / LIBRARY

    @property
    def runner(self) -> ToolRunner:
        """Runs tools against the thread's ledger; the worker starts when it is first needed."""
        if self._runner is None:
            executor = self.executor
            if executor is None:
                executor = self._own_executor = local_executor(
                    log=self.folder / "worker.log", settings=self.settings
                )
            self._runner = ToolRunner(self.ledger, settings=self.settings, executor=executor, seed=self.seed)
        return self._runner

    @property
    def spec(self) -> DesignSpec | None:
        """The specification of the next design run, None when none was made."""
        body = self.ledger.latest(_SPEC, "spec")
        return None if body is None else DesignSpec.model_validate_json(body)

    def set_spec(self, spec: DesignSpec) -> PlanCheck:
        """Make it the next one, and say what stands against it."""
        self.ledger.append(_SPEC, "spec", spec)
        return PlanCheck.from_spec(spec, settings=self.settings)

    @property
    def spoken_of(self) -> str:
        """Folder of the run that was spoken of last, "" when none was."""
        body = self.ledger.latest(_SPOKEN, "run")
        return str(json.loads(body)) if body else ""

    def speak_of(self, folder: Path) -> None:
        """Let "the run" mean this one from now on."""
        if self.spoken_of != str(folder):
            self.ledger.append(_SPOKEN, "run", json.dumps(str(folder)))

    def import_records(self, records: Sequence[Record]) -> None:
        """Take records of a design run into the thread, so that what was said of them keeps its ground."""
        for record in records:
            if self.ledger.record(record.id) is None:
                self.ledger.write_record(record)
            self.known.add_record(record)

    def close(self) -> None:
        """End the worker and close the ledger. Design runs go on."""
        if self._own_executor is not None:
            self._own_executor.close()
            self._own_executor = self._runner = None
        self.ledger.close()

    def _find(self, prefix: str) -> Record | None:
        return self.shelf.record(prefix)
