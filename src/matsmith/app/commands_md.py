"""`matsmith md`: molecular dynamics by name, from an element, a file or an alloy, with options made from the protocol's own arguments."""

from __future__ import annotations

import difflib
import json
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from matsmith.app.guard import FAILURE, complain, guarded, stoppable
from matsmith.core.errors import Interrupted, ToolError, UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from matsmith.core.record import Record
    from matsmith.core.settings import Settings
    from matsmith.tools.base import Tool
    from matsmith.tools.lammps.alloys import Alloy

PREFIX = "md_"
_UNITS = ("_k", "_ps", "_fs", "_gpa", "_bar", "_angstrom", "_ev", "_nm", "_per_s")
_SWEEP = re.compile(r"([A-Z][a-z]?)=(\d+(?:\.\d+)?):(\d+(?:\.\d+)?)(?::(\d+))?")
_SUBJECTS = ("element", "structure")
# Filled in by options of the command itself.
_OWN = frozenset({*_SUBJECTS, "potential", "potential_file", "potential_style", "cores", "size"})


@guarded
def md(
    ctx: typer.Context,
    name: Annotated[
        str | None, typer.Argument(help="name of a protocol; --list shows them", show_default=False)
    ] = None,
    element: Annotated[
        str | None,
        typer.Option("--element", metavar="Cu", help="an element's own crystal", show_default=False),
    ] = None,
    structure: Annotated[
        str | None,
        typer.Option(
            "--structure", metavar="FILE", help="CIF or POSCAR, or id of a record", show_default=False
        ),
    ] = None,
    alloy: Annotated[
        str | None,
        typer.Option(
            "--alloy", metavar="TEXT", help='a random alloy: "Fe0.5Ni0.5", "Al-4Cu wt.%"', show_default=False
        ),
    ] = None,
    sweep: Annotated[
        str | None,
        typer.Option(
            "--sweep", metavar="Cu=0:20:5", help="of the alloy: at.% from, to, points", show_default=False
        ),
    ] = None,
    processes: Annotated[
        int, typer.Option("--processes", metavar="N", min=1, max=64, help="compositions of a sweep at once")
    ] = 1,
    lattice: Annotated[
        str | None,
        typer.Option(
            "--lattice", metavar="fcc|bcc|hcp", help="of the alloy, when not by rule", show_default=False
        ),
    ] = None,
    cell_atoms: Annotated[
        int, typer.Option("--cell-atoms", metavar="N", min=2, max=400, help="atoms of the alloy's own cell")
    ] = 64,
    potential: Annotated[
        str | None,
        typer.Option(
            "--potential",
            metavar="ID",
            help="of the catalogue, or learned; else the best is chosen",
            show_default=False,
        ),
    ] = None,
    potential_file: Annotated[
        str | None,
        typer.Option(
            "--potential-file", metavar="FILE", help="a potential file of your own", show_default=False
        ),
    ] = None,
    potential_style: Annotated[
        str | None,
        typer.Option(
            "--potential-style", metavar="STYLE", help="its pair style, as eam/alloy", show_default=False
        ),
    ] = None,
    size: Annotated[
        int | None, typer.Option("--size", metavar="N", min=1, help="atoms aimed at", show_default=False)
    ] = None,
    cores: Annotated[
        int | None, typer.Option("--cores", metavar="N", min=1, help="cores of a run", show_default=False)
    ] = None,
    seed: Annotated[
        int, typer.Option("--seed", metavar="N", min=0, help="of velocities and random cells")
    ] = 0,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out", metavar="DIR", help="write record, structure and plots there", show_default=False
        ),
    ] = None,
    as_list: Annotated[bool, typer.Option("--list", help="list the protocols")] = False,
    list_potentials: Annotated[
        bool,
        typer.Option(
            "--list-potentials", help="list the catalogue, of --element or --alloy alone where given"
        ),
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="machine-readable")] = False,
    wants_help: Annotated[
        bool, typer.Option("--help", "-h", help="show this, or a protocol's own options, and exit")
    ] = False,
) -> int:
    r"""Molecular dynamics with LAMMPS, by protocol: no script is written, and the potential is chosen with its reason.

    Further options are the protocol's own arguments: `--temperature 600` is its temperature_k. Called again with the same options it
    goes on where it stopped, and what is finished is not computed again.

    Exit status: 0 measured, 1 failed, 2 wrong use, 5 interrupted: go on by the same call.

    \b
    Examples:
      matsmith md --list
      matsmith md --list-potentials --alloy AlCu
      matsmith md elastic --help
      matsmith md melting --element Cu
      matsmith md elastic --structure x.cif --temperature 300
      matsmith md elastic --alloy "Al-4Cu wt.%" --temperature 600 --out alcu
      matsmith md stacking_fault --alloy FeNi --sweep Ni=10:50:5 --processes 2
      matsmith md elastic --element Fe --potential-file Fe.eam.fs --potential-style eam/fs
    """
    from matsmith.app.console import make_console
    from matsmith.core.settings import load_settings

    settings = load_settings()
    if as_list:
        return _show_list(settings, as_json=as_json)
    if list_potentials:
        return _show_potentials(element, alloy, as_json=as_json)
    if name is None:
        if wants_help or not ctx.args:
            typer.echo(ctx.get_help())
            return 0
        raise UsageError("Give the name of a protocol.", hint="`matsmith md --list` shows them.")
    declared = protocol_named(name)
    if wants_help:
        make_console().print(_help(declared, settings))
        return 0
    given: dict[str, Any] = {
        "element": element,
        "structure": structure,
        "potential": potential,
        "potential_file": potential_file,
        "potential_style": potential_style,
        "cores": cores,
        "size": size,
    }
    arguments = {
        **own_arguments(declared, ctx.args),
        **{key: value for key, value in given.items() if value is not None},
    }
    _check_subject(arguments, alloy=alloy, sweep=sweep)
    missing = declared.missing(settings)
    if missing is not None:
        raise ToolError(f"{declared.name} cannot run here: {missing}")
    if out is not None and out.exists() and not out.is_dir():
        raise UsageError(f"{out} is a file.", hint="Give --out a folder.")
    cell = {
        key: value for key, value in {"lattice": lattice, "atoms": cell_atoms}.items() if value is not None
    }
    try:
        with stoppable():
            if alloy is None:
                records = [_run(declared, arguments, settings=settings, seed=seed)]
                alloys: list[Alloy] = []
            else:
                alloys = _alloys(alloy, sweep)
                records = _run_alloys(
                    declared, alloys, arguments, cell=cell, settings=settings, seed=seed, processes=processes
                )
    except KeyboardInterrupt as stop:
        raise Interrupted(
            "Stopped; nothing that was finished is lost.", hint="The same call goes on where it stopped."
        ) from stop
    except ToolError as error:
        hint = error.hint.replace(
            f"matsmith tool {declared.name}", f"matsmith md {declared.name.removeprefix(PREFIX)}"
        )
        raise UsageError(error.message, hint=hint) from error
    return _show(records, alloys, out=out, as_json=as_json)


def protocol_named(name: str) -> Tool:
    """The protocol of a name as people write it: `melting`, `md_melting`, `stacking-fault`. Raises `UsageError`."""
    from matsmith.tools.registry import get_tool

    names = protocol_names()
    wanted = name.strip().lower().replace("-", "_").removeprefix(PREFIX)
    if wanted not in names:
        near = difflib.get_close_matches(wanted, names, n=1)
        hint = f"Did you mean {near[0]}?" if near else f"There are: {', '.join(names)}."
        raise UsageError(f"There is no protocol {name[:60]!r}.", hint=hint)
    return get_tool(PREFIX + wanted)


def protocol_names() -> list[str]:
    """Names of the protocols without their prefix."""
    from matsmith.tools.registry import tool_names

    return [name.removeprefix(PREFIX) for name in tool_names() if name.startswith(PREFIX)]


def own_arguments(declared: Tool, words: Sequence[str]) -> dict[str, Any]:
    """Read `--temperature 600 --strain=0.01` as the protocol's arguments; a unit at the end of a name may be left out. Raises `UsageError`.

    A list is written with commas, `--direction 1,1,0`, or as JSON.
    """
    from matsmith.app.md_view import list_fields

    lists = list_fields(declared.schema())
    fields = {name for name in declared.args.model_fields if name not in _OWN}
    short = {_option(name): name for name in fields}
    found: dict[str, Any] = {}
    rest = list(words)
    while rest:
        word = rest.pop(0)
        option, sign, value = word.partition("=")
        if not option.startswith("--") or len(option) < 3:
            raise UsageError(
                f"{word[:60]!r} was not expected.", hint="Options are written like --temperature 300."
            )
        key = option[2:].replace("-", "_")
        field = key if key in fields else short.get(key)
        if field is None:
            near = difflib.get_close_matches(key, [*short, *fields], n=1)
            hint = f"Did you mean --{near[0].replace('_', '-')}?" if near else _options_text(fields)
            raise UsageError(f"{declared.name} has no option {option[:60]}.", hint=hint)
        if field in found:
            raise UsageError(f"{option} was given twice.", hint="Give it once.")
        if not sign:
            alone = not rest or (rest[0].startswith("--") and len(rest[0]) > 2)
            value = "true" if alone else rest.pop(0)
        found[field] = _list(value) if field in lists else _value(value)
    return found


def _option(field: str) -> str:
    """A field's name as an option has it: without its unit, but never without half of one."""
    short = next((field.removesuffix(unit) for unit in _UNITS if field.endswith(unit)), field)
    return field if short.endswith("_per") else short


def _options_text(fields: set[str]) -> str:
    return f"It has: {', '.join('--' + _option(one).replace('_', '-') for one in sorted(fields))}."


def _value(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text


def _list(text: str) -> Any:
    """What stands between commas; JSON as it is."""
    plain = text.strip()
    return (
        _value(plain)
        if plain.startswith("[") or plain == "null"
        else [_value(part) for part in plain.split(",")]
    )


def _check_subject(arguments: Mapping[str, Any], *, alloy: str | None, sweep: str | None) -> None:
    named = [one for one in _SUBJECTS if one in arguments] + (["alloy"] if alloy is not None else [])
    if len(named) > 1:
        raise UsageError(f"Both {named[0]} and {named[1]} were given.", hint="Give one material.")
    if not named:
        raise UsageError(
            "No material was given.", hint="Give --element Cu, --structure FILE or --alloy Al0.9Cu0.1."
        )
    if sweep is not None and alloy is None:
        raise UsageError("A sweep needs an alloy.", hint="Add --alloy, as in --alloy AlCu --sweep Cu=0:20:5.")


def _alloys(text: str, sweep: str | None) -> list[Alloy]:
    from matsmith.tools.lammps.alloys import read_alloy
    from matsmith.tools.lammps.sweep import compositions

    alloy = read_alloy(text)
    if sweep is None:
        return [alloy]
    match = _SWEEP.fullmatch(sweep.replace(" ", ""))
    if match is None:
        raise UsageError(
            f"{sweep[:60]!r} is no sweep.", hint="Write it like Cu=0:20:5: at.% from 0 to 20 in 5 points."
        )
    return compositions(
        alloy, element=match[1], low=float(match[2]), high=float(match[3]), points=int(match[4] or 5)
    )


def _ledger(settings: Settings) -> Path:
    from matsmith.app.tool_service import LEDGER

    settings.state_dir.mkdir(parents=True, exist_ok=True)
    return settings.state_dir / LEDGER


def _run(declared: Tool, arguments: Mapping[str, Any], *, settings: Settings, seed: int) -> Record:
    from matsmith.app.tool_service import whole_ids
    from matsmith.core.ledger import Ledger
    from matsmith.tools.runner import ToolRunner, local_executor

    path = _ledger(settings)
    notes = _Notes()
    with Ledger(path) as ledger:
        executor = local_executor(log=path.parent / "worker.log", settings=settings)
        try:
            runner = ToolRunner(ledger, settings=settings, executor=executor, seed=seed)
            runner.on_note(notes)
            return runner.run(declared.name, whole_ids(declared.name, arguments, ledger))
        finally:
            notes.end()
            executor.close()


def _run_alloys(
    declared: Tool,
    alloys: Sequence[Alloy],
    arguments: Mapping[str, Any],
    *,
    cell: Mapping[str, Any],
    settings: Settings,
    seed: int,
    processes: int,
) -> list[Record]:
    """Records in the order of the alloys, each told as it is finished."""
    from matsmith.tools.lammps.sweep import Sweep

    notes = _Notes()
    many = len(alloys) > 1
    if many:
        arguments = {
            "cores": 1,
            **({} if "potential_file" in arguments else _one_potential(alloys, declared.name, settings)),
            **arguments,
        }
    work = Sweep(settings=settings, ledger=_ledger(settings), seed=seed, processes=processes)
    found: dict[int, Record] = {}

    def hear(index: int, text: str) -> None:
        notes(f"{alloys[index].describe()}: {text}" if many else text)

    try:
        for point in work.run(alloys, tool=declared.name, arguments=arguments, cell=cell, hear=hear):
            found[point.index] = point.record
            if many:
                notes.end()
                typer.echo(f"{len(found)} of {len(alloys)}: {point.alloy.describe()}", err=True)
    finally:
        notes.end()
        work.close()
    return [found[index] for index in range(len(alloys))]


def _one_potential(alloys: Sequence[Alloy], name: str, settings: Settings) -> dict[str, str]:
    """One potential for all compositions of a sweep, the pure ends included; none where the protocol has to say that there is none."""
    from matsmith.tools.lammps.failures import DynamicsError
    from matsmith.tools.lammps.potentials import choose
    from matsmith.tools.lammps.protocol import PREFERS

    elements = sorted({symbol for alloy in alloys for symbol in alloy.elements})
    try:
        return {"potential": choose(elements, settings=settings, property_name=PREFERS.get(name)).id}
    except DynamicsError:
        return {}


class _Notes:
    """What a run tells while it goes on: one line that is written over on a terminal, lines elsewhere."""

    def __init__(self) -> None:
        self._live = sys.stderr.isatty()
        self._open = False

    def __call__(self, text: str) -> None:
        """Show a note."""
        if not self._live:
            typer.echo(text, err=True)
            return
        sys.stderr.write(f"\r\033[K{text[:160]}")
        sys.stderr.flush()
        self._open = True

    def end(self) -> None:
        """Leave the line."""
        if self._open:
            sys.stderr.write("\r\033[K")
            sys.stderr.flush()
            self._open = False


def _show(records: Sequence[Record], alloys: Sequence[Alloy], *, out: Path | None, as_json: bool) -> int:
    from matsmith.app.console import make_console, write_json
    from matsmith.app.md_view import sweep_table, written
    from matsmith.app.tool_view import record_view

    console = make_console()
    paths: list[Path] = []
    for place, record in enumerate(records):
        if out is not None:
            folder = out if len(records) == 1 else out / f"{place:03d}-{_file_name(alloys[place])}"
            paths += written(record, folder)
    if as_json:
        rows = [json.loads(record.model_dump_json()) for record in records]
        write_json(rows[0] if len(rows) == 1 else rows)
    elif len(records) == 1:
        console.print(record_view(records[0]))
    else:
        console.print(sweep_table(alloys, records))
    if not as_json:
        for path in paths:
            typer.echo(f" wrote {path}")
    failed = [record for record in records if record.outcome.failure is not None]
    for record in failed:
        failure = record.outcome.failure
        if failure is not None:
            complain(f"{record.tool} failed: {failure.message}", hint=failure.hint)
    return FAILURE if failed else 0


def _file_name(alloy: Alloy) -> str:
    return "".join(f"{symbol}{100 * share:.4g}" for symbol, share in alloy.fractions.items())


def _show_list(settings: Settings, *, as_json: bool) -> int:
    from matsmith.app.console import make_console, write_json
    from matsmith.app.md_view import protocols_table
    from matsmith.app.tool_view import tool_json
    from matsmith.tools.registry import get_tool

    found = [get_tool(PREFIX + name) for name in protocol_names()]
    if as_json:
        write_json([tool_json(each, settings) for each in found])
    else:
        make_console().print(protocols_table(found, settings))
    return 0


def _show_potentials(element: str | None, alloy: str | None, *, as_json: bool) -> int:
    from matsmith.app.console import make_console, write_json
    from matsmith.app.md_view import potentials_table
    from matsmith.core.elements import check_elements
    from matsmith.tools.lammps.alloys import read_alloy
    from matsmith.tools.lammps.potentials import covering

    wanted = check_elements([element] if element else read_alloy(alloy, basis="at").elements if alloy else [])
    found = covering(wanted)
    if as_json:
        write_json([entry.model_dump(mode="json") for entry in found])
    elif found:
        make_console().print(potentials_table(found))
    if not found:
        complain(
            f"No classical potential covers {'-'.join(wanted)}: use the learned one.",
            hint="Add --potential learned, or give a file of your own with --potential-file and --potential-style.",
        )
        return FAILURE
    return 0


def _help(declared: Tool, settings: Settings) -> Any:
    from matsmith.app.md_view import protocol_help

    return protocol_help(declared, settings, options=options_of(declared))


def options_of(declared: Tool) -> dict[str, str]:
    """Fields of a protocol's arguments -> the options that they are given by."""
    return {name: "--" + _option(name).replace("_", "-") for name in declared.args.model_fields}
