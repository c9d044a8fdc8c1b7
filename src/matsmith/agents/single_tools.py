"""One tool at a time from Python: structures in any form, the same guards and records as everywhere, one worker for all calls.

relaxed = run_tool("relax", "MgO.cif")
run_tool("equation_of_state", relaxed)["bulk_modulus"]      # a Quantity: value, unit, sigma
run_tool("stability", relaxed, structure_known=True).facts
"""

from __future__ import annotations

import atexit
import contextlib
import difflib
import tempfile
import threading
from collections.abc import Generator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import Field

from matsmith.agents.runs import LEDGER, find_run
from matsmith.agents.saved_run import RunCandidate
from matsmith.agents.structure_exchange import atoms_of, crystal_of_any
from matsmith.core.candidate import Candidate, Lineage
from matsmith.core.crystal import Crystal
from matsmith.core.errors import ToolError, UsageError
from matsmith.core.ledger import Ledger
from matsmith.core.quantity import Quantity
from matsmith.core.record import Outcome, Record, Status
from matsmith.core.settings import Settings, load_settings
from matsmith.tools.base import RELAXED, Tool
from matsmith.tools.registry import get_tool

if TYPE_CHECKING:
    from ase import Atoms
    from pymatgen.core import Structure

    from matsmith.core.executor import ProcessExecutor

CALLS = "tool-calls.sqlite"
"""The ledger of single calls, the one that `matsmith tool` and the page write too: what was computed there is not computed again."""
_NAMED = 8


class ToolResult(Outcome):
    """What a tool returned, with the record it is kept in. Other tools take it as a structure or as a record."""

    record: Record = Field(repr=False)

    @classmethod
    def of(cls, record: Record) -> ToolResult:
        """The result that a record holds."""
        return cls(**dict(record.outcome), record=record)

    @property
    def id(self) -> str:
        """The record's id, which the command line, the page and other tools take."""
        return self.record.id

    @property
    def ok(self) -> bool:
        """Whether it succeeded; `failure` says why not."""
        return self.failure is None

    def raise_failure(self) -> ToolResult:
        """Itself when it succeeded. Raises `ToolError` that says why it failed."""
        if self.failure is not None:
            raise ToolError(
                f"{self.record.tool} failed ({self.failure.code}): {self.failure.message}",
                hint=self.failure.hint,
                retryable=self.failure.retryable,
            )
        return self

    def __getitem__(self, name: str) -> Quantity:
        """A quantity by its name. Raises `ToolError` when the tool failed, or did not measure it."""
        self.raise_failure()
        if name not in self.quantities:
            there = ", ".join(self.quantities) or "none; see `facts`"
            raise ToolError(f"{self.record.tool} gave no {name!r}.", hint=f"Its quantities: {there}.")
        return self.quantities[name]

    def structure(self) -> Structure:
        """The crystal that the tool returned, for pymatgen, lengths in Å."""
        return self._crystal().to_pymatgen()

    def atoms(self) -> Atoms:
        """The crystal that the tool returned, for ASE, lengths in Å."""
        return atoms_of(self._crystal())

    def _crystal(self) -> Crystal:
        self.raise_failure()
        if self.crystal is None:
            raise ToolError(f"{self.record.tool} returns no structure.")
        return self.crystal

    def _repr_html_(self) -> str:
        from matsmith.agents.notebook_view import outcome_html

        return outcome_html(self.record)


def run_tool(
    name: str,
    structure: object = None,
    /,
    *,
    settings: Settings | None = None,
    run: str | Path | None = None,
    keep: bool = True,
    seed: int = 0,
    potential: str | None = None,
    **arguments: Any,
) -> ToolResult:
    """Run one tool of `tool_names()`; `tool_help(name)` says what it takes.

    A structure is a path, a `Crystal`, a pymatgen `Structure`, ASE `Atoms`, a candidate of a run, the result of another tool, or the id of a
    record. What was computed before is returned at once. Records go into the ledger of single calls, or into that of the run `run`; with
    `keep=False` nowhere. Expected failures come back as `failure`. Raises `ToolError` for an unknown tool or argument, `StructureError` for
    what is no crystal.

    >>> from matsmith.core.crystal import Crystal
    >>> salt = Crystal(
    ...     lattice=((0, 2.8, 2.8), (2.8, 0, 2.8), (2.8, 2.8, 0)), species=("Na", "Cl"), positions=((0, 0, 0), (0.5, 0.5, 0.5))
    ... )
    >>> run_tool("symmetry", salt, keep=False).facts["space_group_symbol"]
    'Fm-3m'
    """
    tool = get_tool(name)
    if run is not None and not keep:
        raise UsageError("A call that writes into a run is kept.", hint="Leave out keep=False, or run.")
    settings = _with_potential(settings or load_settings(), potential)
    given = dict(arguments)
    if structure is not None:
        given = {_subject(tool, given): structure, **given}
    _check_names(tool, given)
    with _ledger(settings, run=run, keep=keep) as ledger:
        from matsmith.tools.relax_first import run_relaxed
        from matsmith.tools.runner import ToolRunner

        whole = {field: value for field, value in given.items() if value is not None}
        for field, kind in tool.args.reference_fields().items():
            if field in whole:
                meant = "structure" if _to_relax(field, whole[field]) else kind
                whole[field] = _reference(whole[field], kind=meant, field=field, ledger=ledger)
        worker = _worker(settings)
        runner = ToolRunner(ledger, settings=settings, executor=worker.executor, seed=seed)
        with worker.turn if tool.needs_worker or RELAXED in whole else contextlib.nullcontext():
            return ToolResult.of(run_relaxed(runner, name, whole))


def tool_help(name: str) -> str:
    """What a tool does and takes, as text.

    >>> print(tool_help("density"))
    density: Density of the relaxed cell
    Density (g/cm3) and volume per atom of a relaxed structure, against experiment at 300 K.
    <BLANKLINE>
    Gives: density (g/cm3), volume_per_atom (angstrom3/atom). Usually takes 0.001 s.
    Takes:
      relaxed: required; id of a relaxation; a CIF or POSCAR file, or a record that holds a structure, is relaxed first
    """
    from matsmith.core.properties import PROPERTIES

    tool = get_tool(name)
    measured = [f"{one} ({PROPERTIES[one].unit})" for one in tool.measures if one in PROPERTIES]
    lines = [f"{tool.name}: {tool.title}", tool.description, ""]
    gives = f"Gives: {', '.join(measured)}. " if measured else ""
    lines.append(f"{gives}Usually takes {tool.cost_s:g} s.")
    lines.append("Takes:")
    for field, info in tool.args.model_fields.items():
        default = "required" if info.is_required() else f"{info.get_default(call_default_factory=True)!r}"
        lines.append(f"  {field}: {default}{f'; {info.description}' if info.description else ''}")
    return "\n".join(lines)


def release_worker() -> None:
    """End the process that computes and free its memory; the next call starts another one."""
    for worker in _WORKERS.values():
        worker.executor.close()


class _Worker:
    """The process that computes for all calls of this program, one at a time."""

    def __init__(self, executor: ProcessExecutor) -> None:
        self.executor = executor
        self.turn = threading.Lock()


_WORKERS: dict[int, _Worker] = {}
_CHOOSING = threading.Lock()


def _worker(settings: Settings) -> _Worker:
    """The process for so many threads; it starts when something is computed, and ends with the interpreter."""
    from matsmith.tools.runner import local_executor

    with _CHOOSING:
        if not _WORKERS:
            atexit.register(release_worker)
        if settings.threads not in _WORKERS:
            settings.state_dir.mkdir(parents=True, exist_ok=True)
            executor = local_executor(log=settings.state_dir / "worker.log", settings=settings)
            _WORKERS[settings.threads] = _Worker(executor)
        return _WORKERS[settings.threads]


def _with_potential(settings: Settings, choice: str | None) -> Settings:
    if choice is None:
        return settings
    from matsmith.core.errors import PotentialError
    from matsmith.models.potentials.registry import entry_of

    entry = entry_of(choice)
    if entry.missing is not None:
        raise PotentialError(entry.missing, hint=f"Run `{entry.install}`.")
    return settings.model_copy(update={"potential": choice})


@contextlib.contextmanager
def _ledger(settings: Settings, *, run: str | Path | None, keep: bool) -> Generator[Ledger]:
    if run is not None:
        with Ledger(find_run(str(run), settings=settings) / LEDGER, create=False) as ledger:
            yield ledger
    elif keep:
        settings.state_dir.mkdir(parents=True, exist_ok=True)
        with Ledger(settings.state_dir / CALLS) as ledger:
            yield ledger
    else:
        with tempfile.TemporaryDirectory() as folder, Ledger(Path(folder) / LEDGER) as ledger:
            yield ledger


def _subject(tool: Tool, given: Mapping[str, object]) -> str:
    """The argument that a structure without a name means."""
    references = tool.args.reference_fields()
    fields = tool.args.model_fields
    wanted = next((name for name in references if fields[name].is_required()), "") or next(
        iter(references), ""
    )
    if not wanted:
        raise ToolError(f"{tool.name} takes no structure.", hint=f"It takes {_names(tool)}.")
    if wanted in given:
        raise ToolError(f"{tool.name} was given {wanted} twice.", hint="Give it once.")
    return wanted


def _check_names(tool: Tool, given: Mapping[str, object]) -> None:
    """Refuse an argument that the tool does not know, with the nearest one that it does, and a call that lacks one."""
    fields = tool.args.model_fields
    unknown = next((name for name in given if name not in fields), None)
    if unknown is not None:
        near = difflib.get_close_matches(unknown, fields, n=1)
        hint = f"Did you mean {near[0]}?" if near else f"It takes {_names(tool)}."
        raise ToolError(f"{tool.name} takes no argument {unknown!r}.", hint=hint)
    lacking = [name for name, info in fields.items() if info.is_required() and given.get(name) is None]
    if lacking:
        raise ToolError(f"{tool.name} needs {' and '.join(lacking)}.", hint=f"See tool_help({tool.name!r}).")


def _names(tool: Tool) -> str:
    names = list(tool.args.model_fields)
    more = f" and {len(names) - _NAMED} more: see tool_help({tool.name!r})" if len(names) > _NAMED else ""
    return (", ".join(names[:_NAMED]) or "nothing") + more


def _to_relax(field: str, value: object) -> bool:
    """Whether a structure was given where a relaxation is meant."""
    return field == RELAXED and not isinstance(value, Record | ToolResult | RunCandidate)


def _reference(value: object, *, kind: str, field: str, ledger: Ledger) -> str:
    """What the runner takes for a structure, a record or a file: an id of this ledger, or a path."""
    if isinstance(value, ToolResult):
        value = value.raise_failure().record
    if kind == "record" and isinstance(value, RunCandidate):
        value = _relaxation(value)
    if isinstance(value, Record) and kind != "file":
        if value.status is not Status.SUCCESS:
            raise ToolError(
                f"The record {value.id[:8]} of {value.tool} failed and cannot be used.",
                hint="Run it again first.",
            )
        if kind == "record" or value.outcome.crystal is not None:
            return _kept(value, ledger)
        raise ToolError(f"{value.tool} returned no structure.", hint=f"Give {field} a crystal.")
    if isinstance(value, Path):
        value = str(value)
    if isinstance(value, str):
        if kind != "record" and Path(value).expanduser().is_file():
            return str(Path(value).expanduser())
        record = ledger.find_record(value) if value else None
        return value if record is None else record.id
    if kind == "structure":
        crystal = value.crystal if isinstance(value, RunCandidate) else crystal_of_any(value)
        candidate = Candidate.of(crystal, lineage=Lineage(strategy="given", note="given to run_tool"))
        body = candidate.model_dump_json()
        if ledger.latest("candidate", candidate.id) != body:
            ledger.append("candidate", candidate.id, body)
        return candidate.id
    wanted = "the path of a file" if kind == "file" else "the result of another tool, or the id of a record"
    raise ToolError(f"{field} takes {wanted}, not an object of {type(value).__name__}.")


def _relaxation(candidate: RunCandidate) -> Record:
    judged = candidate.judged
    if judged is None or not judged.crystal_record:
        raise ToolError(
            f"{candidate.formula} was not relaxed in its run.",
            hint='Relax it first: run_tool("relax", candidate).',
        )
    return candidate.run.record(judged.crystal_record)


def _kept(record: Record, ledger: Ledger) -> str:
    """Take a record of another ledger into this one, so that tools find it here."""
    if ledger.record(record.id) is None:
        ledger.write_record(record)
    return record.id
