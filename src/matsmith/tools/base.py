"""How a tool is declared: one plain typed function with its cost, its needs and what it measures.

    @tool(name="density", title="Density", measures=("density",), cost_s=0.001)
    def run(args: DensityArgs, *, deps: Deps) -> Outcome: ...

Everything else (command line, LangGraph and protocol wrappers, documentation) is made from the declaration.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any, Protocol, get_type_hints

from pydantic import BaseModel, ConfigDict, Field

from matsmith.core.crystal import Crystal
from matsmith.core.errors import ToolError
from matsmith.core.properties import PROPERTIES, physical_problem
from matsmith.core.record import Outcome, Record
from matsmith.core.settings import Settings

_REFERENCE = "x-reference"
# The name under which every tool that works on a relaxation takes it.
RELAXED = "relaxed"


class Args(BaseModel):
    """Base of every tool's arguments: frozen, and unknown names are an error."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    @classmethod
    def reference_fields(cls) -> dict[str, str]:
        """Names of the fields that hold an id, with what the id stands for ('structure', 'record' or 'file')."""
        found: dict[str, str] = {}
        for name, info in cls.model_fields.items():
            extra: Any = info.json_schema_extra
            kind = extra.get(_REFERENCE) if hasattr(extra, "get") else None
            if kind is not None:
                found[name] = str(kind)
        return found


StructureRef = Annotated[
    str,
    Field(
        min_length=1,
        description="a structure: id of a candidate, id of a record that holds one, or path of a CIF or POSCAR file",
        json_schema_extra={_REFERENCE: "structure"},
    ),
]
FileRef = Annotated[
    str,
    Field(
        min_length=1,
        description="path of a CIF or POSCAR file that may have partly occupied sites",
        json_schema_extra={_REFERENCE: "file"},
    ),
]
RecordRef = Annotated[
    str,
    Field(min_length=1, description="id of a successful record", json_schema_extra={_REFERENCE: "record"}),
]
RelaxedRef = Annotated[
    str,
    Field(
        min_length=1,
        description="id of a relaxation; a CIF or POSCAR file, or a record that holds a structure, is relaxed first",
        json_schema_extra={_REFERENCE: "record"},
    ),
]


def _unheard(text: str) -> None:
    del text


@dataclass(frozen=True, kw_only=True)
class Deps:
    """What a tool may use besides its arguments; `note` tells whoever waits how far a long computation is."""

    settings: Settings
    inputs: Mapping[str, Crystal | Record] = field(default_factory=dict[str, Crystal | Record])
    seed: int = 0
    note: Callable[[str], None] = _unheard

    def crystal(self, reference: str) -> Crystal:
        """The structure that a reference stands for."""
        found = self.inputs.get(reference)
        if isinstance(found, Record):
            found = found.outcome.crystal
        if found is None:
            raise ToolError(f"{reference} stands for no structure.")
        return found

    def record(self, reference: str) -> Record:
        """The record that a reference stands for."""
        found = self.inputs.get(reference)
        if not isinstance(found, Record):
            raise ToolError(f"{reference} stands for no record.")
        return found


class RunMany(Protocol):
    """The batched function of a tool: outcomes come in the order they are finished, each with its index."""

    def __call__(self, batch: Sequence[Any], *, deps: Deps) -> Iterator[tuple[int, Outcome]]:
        """Run the tool on every element of the batch."""
        ...


@dataclass(frozen=True, kw_only=True)
class Tool:
    """A declared tool."""

    name: str
    title: str
    version: str
    description: str
    args: type[Args]
    run: Callable[..., Outcome]
    run_many: RunMany
    measures: tuple[str, ...]
    cost_s: float
    side_effects: str
    needs_worker: bool
    identity: Callable[[Settings], str]
    missing: Callable[[Settings], str | None]

    def schema(self) -> dict[str, Any]:
        """JSON schema of the arguments."""
        return self.args.model_json_schema()


def _no_identity(settings: Settings) -> str:
    del settings
    return ""


def _nothing_missing(settings: Settings) -> str | None:
    del settings
    return None


def tool(
    *,
    name: str,
    title: str,
    version: str = "1",
    measures: tuple[str, ...] = (),
    cost_s: float,
    side_effects: str = "none",
    needs_worker: bool = False,
    identity: Callable[[Settings], str] = _no_identity,
    missing: Callable[[Settings], str | None] = _nothing_missing,
    run_many: RunMany | None = None,
) -> Callable[[Callable[..., Outcome]], Tool]:
    """Declare a tool from its function `run(args: SomeArgs, *, deps: Deps) -> Outcome`.

    `cost_s` is the usual wall time of one call; `needs_worker` sends it to the process that owns the cores; `identity`
    hashes the weights and reference files that the result depends on; `missing` says in one sentence what must be
    installed or set before it can run, or returns None.
    """

    def declare(run: Callable[..., Outcome]) -> Tool:
        args = get_type_hints(run)["args"]
        if not (isinstance(args, type) and issubclass(args, Args)):
            raise ToolError(f"The tool {name} must take `args` of a type derived from Args.")
        many = run_many or _one_by_one(run)

        def guarded_run(args: Any, *, deps: Deps) -> Outcome:
            return within_range(run(args, deps=deps), tool_name=name)

        def guarded_many(batch: Sequence[Any], *, deps: Deps) -> Iterator[tuple[int, Outcome]]:
            for index, outcome in many(batch, deps=deps):
                yield index, within_range(outcome, tool_name=name)

        return Tool(
            name=name,
            title=title,
            version=version,
            description=(run.__doc__ or "").strip(),
            args=args,
            run=guarded_run,
            run_many=guarded_many,
            measures=measures,
            cost_s=cost_s,
            side_effects=side_effects,
            needs_worker=needs_worker,
            identity=identity,
            missing=missing,
        )

    return declare


def within_range(outcome: Outcome, *, tool_name: str) -> Outcome:
    """Refuse an outcome with a value that no solid has, as the failure `unphysical` that names the next better tool."""
    for name, quantity in outcome.quantities.items():
        problem = physical_problem(name, quantity.value) if name in PROPERTIES else None
        if problem is not None:
            hint = next_better(name, after=tool_name)
            return Outcome.failed("unphysical", problem, hint=hint).model_copy(
                update={"wall_s": outcome.wall_s, "method": outcome.method}
            )
    return outcome


def next_better(property_name: str, *, after: str) -> str:
    """What to do when a tool's value of a property cannot be trusted: the next tool in the order of cost, or what is beyond."""
    entry = PROPERTIES[property_name]
    place = entry.tools.index(after) + 1 if after in entry.tools else 0
    later = [tool for tool in entry.tools[place:] if tool != after]
    if later:
        return f"The next better tool for the {entry.title} is {later[0]}."
    return f"No better tool for the {entry.title} is built in: compute it with density-functional theory, or measure it."


def _one_by_one(run: Callable[..., Outcome]) -> RunMany:
    def run_many(batch: Sequence[Any], *, deps: Deps) -> Iterator[tuple[int, Outcome]]:
        for index, args in enumerate(batch):
            started = time.perf_counter()
            outcome = run(args, deps=deps)
            yield index, outcome.model_copy(update={"wall_s": time.perf_counter() - started})

    return run_many
