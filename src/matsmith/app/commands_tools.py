"""`matsmith tool` and `tools`: one tool at a time, on files or on what earlier calls returned."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer

from matsmith.app.guard import FAILURE, complain, guarded, stoppable
from matsmith.core.errors import ToolError, UsageError

if TYPE_CHECKING:
    from matsmith.core.record import Record
    from matsmith.core.settings import Settings
    from matsmith.tools.base import Tool

_LARGEST_ARGUMENTS_BYTES = 10_000_000
AsJson = Annotated[bool, typer.Option("--json", help="machine-readable")]


@guarded
def tools(as_json: AsJson = False) -> int:
    r"""List the tools: what each measures, what it costs, what it lacks.

    \b
    Example:
      matsmith tools
    """
    from matsmith.app.console import make_console, write_json
    from matsmith.app.tool_view import tool_json, tools_table
    from matsmith.core.settings import load_settings
    from matsmith.tools.registry import get_tool, tool_names

    settings = load_settings()
    found = [get_tool(name) for name in tool_names()]
    if as_json:
        write_json([tool_json(each, settings) for each in found])
        return 0
    make_console().print(tools_table(found, settings))
    return 0


@guarded
def tool(
    ctx: typer.Context,
    name: Annotated[
        str | None, typer.Argument(help="name of a tool; `matsmith tools` lists them", show_default=False)
    ] = None,
    values: Annotated[
        list[str] | None,
        typer.Argument(metavar="KEY=VALUE", help="arguments, one by one", show_default=False),
    ] = None,
    args: Annotated[
        str | None,
        typer.Option(
            "--args",
            metavar="JSON",
            help="arguments as JSON, or @FILE, or @- for standard input",
            show_default=False,
        ),
    ] = None,
    run: Annotated[
        str | None,
        typer.Option(
            "--run",
            metavar="RUN",
            help="take ids from this run, and write the record into it",
            show_default=False,
        ),
    ] = None,
    seed: Annotated[int, typer.Option(metavar="N", min=0, help="for tools that draw at random")] = 0,
    potential: Annotated[
        str | None,
        typer.Option(
            "--potential",
            metavar="NAME[:MODEL]",
            help="another potential than that of the settings",
            show_default=False,
        ),
    ] = None,
    cif: Annotated[
        Path | None,
        typer.Option(
            "--cif", metavar="FILE", help="write the structure that the tool returns", show_default=False
        ),
    ] = None,
    as_json: AsJson = False,
    wants_help: Annotated[
        bool, typer.Option("--help", help="show this message, or a tool's arguments, and exit")
    ] = False,
) -> int:
    r"""Run one tool. What it returns is a record, whose id other tools take.

    \b
    Examples:
      matsmith tool symmetry structure=MgO.cif
      matsmith tool relax structure=MgO.cif --cif relaxed.cif
      matsmith tool stability relaxed=MgO.cif
      matsmith tool relax --args '{"structure": "MgO.cif"}'
      matsmith tool relax --help
    """
    if name is None:
        if wants_help:
            typer.echo(ctx.get_help())
            return 0
        raise UsageError("Give the name of a tool.", hint="`matsmith tools` lists them.")
    from matsmith.app.commands_relax import with_potential
    from matsmith.app.console import make_console
    from matsmith.core.settings import load_settings
    from matsmith.tools.registry import get_tool

    settings = load_settings()
    if potential is not None:
        settings = with_potential(settings, potential)
    try:
        declared = get_tool(name)
    except ToolError as error:
        raise UsageError(error.message, hint=error.hint) from error
    if wants_help:
        from matsmith.app.tool_view import tool_help

        make_console().print(tool_help(declared, settings))
        return 0
    arguments = {**read_arguments(args), **_parsed(values or [])}
    missing = declared.missing(settings)
    if missing is not None:
        raise ToolError(f"The tool {name} cannot run here: {missing}")
    try:
        with stoppable():
            record = _run(declared, arguments, settings=settings, run=run, seed=seed)
    except ToolError as error:
        raise UsageError(error.message, hint=error.hint) from error
    if cif is not None:
        _write_cif(record, cif)
    if as_json:
        print(record.model_dump_json(indent=2))
    else:
        from matsmith.app.tool_view import record_view

        make_console().print(record_view(record))
    failure = record.outcome.failure
    if failure is not None:
        complain(f"{record.tool} failed: {failure.message}", hint=failure.hint)
        return FAILURE
    return 0


def _write_cif(record: Record, path: Path) -> None:
    crystal = record.outcome.crystal
    if crystal is None:
        if record.outcome.failure is None:
            raise UsageError(f"The tool {record.tool} returns no structure.", hint="Leave out --cif.")
        return
    path.write_text(crystal.to_cif(), encoding="utf-8")


def read_arguments(text: str | None) -> dict[str, Any]:
    """Read `--args`: JSON, `@FILE` or `@-`. Raises `UsageError`."""
    import json

    if text is None:
        return {}
    if text == "@-":
        source = sys.stdin.read(_LARGEST_ARGUMENTS_BYTES)
    elif text.startswith("@"):
        source = _small_file(Path(text[1:]))
    else:
        source = text
    try:
        found = json.loads(source)
    except (ValueError, RecursionError) as error:
        raise UsageError(
            f"--args is no JSON: {error}.", hint="""Quote it like --args '{"structure": "MgO.cif"}'."""
        ) from error
    if not isinstance(found, dict):
        raise UsageError(
            "--args must be a JSON object.", hint="""Write it like --args '{"structure": "MgO.cif"}'."""
        )
    return cast("dict[str, Any]", found)


def _small_file(path: Path) -> str:
    try:
        if path.stat().st_size > _LARGEST_ARGUMENTS_BYTES:
            raise UsageError(f"{path} is too large for arguments.")
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(
            f"The arguments in {path} cannot be read: {error}.", hint="Check the path."
        ) from error


def _parsed(values: list[str]) -> dict[str, Any]:
    """Read `KEY=VALUE` words; a value that is JSON is taken as such, anything else as text."""
    import json

    found: dict[str, Any] = {}
    for word in values:
        key, sign, value = word.partition("=")
        if not (key and sign):
            raise UsageError(
                f"{word!r} is no KEY=VALUE.", hint="Write arguments like structure=MgO.cif max_steps=100."
            )
        try:
            parsed = json.loads(value)
        except (ValueError, RecursionError):
            parsed = value
        # An id such as 12345678 or 1e12 is text, although it reads as a number.
        found[key] = (
            value
            if isinstance(parsed, int | float) and not isinstance(parsed, bool) and key in _TEXT
            else parsed
        )
    return found


_TEXT = frozenset({"structure", "relaxed", "record"})


def _run(
    declared: Tool, arguments: dict[str, Any], *, settings: Settings, run: str | None, seed: int
) -> Record:
    from matsmith.app.tool_service import whole_ids
    from matsmith.core.ledger import Ledger
    from matsmith.tools.relax_first import run_relaxed
    from matsmith.tools.runner import ToolRunner, local_executor

    path = _ledger_path(settings, run)
    with Ledger(path, create=run is None) as ledger:
        executor = local_executor(log=path.parent / "worker.log", settings=settings)
        try:
            runner = ToolRunner(ledger, settings=settings, executor=executor, seed=seed)
            runner.on_note(lambda text: typer.echo(text, err=True))
            return run_relaxed(runner, declared.name, whole_ids(declared.name, arguments, ledger))
        finally:
            executor.close()


def _ledger_path(settings: Settings, run: str | None) -> Path:
    from matsmith.app.tool_service import LEDGER as CALLS

    if run is not None:
        from matsmith.agents.runs import find_run

        return find_run(run, settings=settings) / "ledger.sqlite"
    settings.state_dir.mkdir(parents=True, exist_ok=True)
    return settings.state_dir / CALLS
