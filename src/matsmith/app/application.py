"""The typer application: every command under its name."""

from __future__ import annotations

from typing import Annotated

import typer

from matsmith import __version__
from matsmith.app.commands_ask import ask
from matsmith.app.commands_bench import bench_app
from matsmith.app.commands_bridge import probe, serve_reasoner
from matsmith.app.commands_chat import chat
from matsmith.app.commands_crystals import crystals, decorate
from matsmith.app.commands_data import get, list_tables
from matsmith.app.commands_database import database
from matsmith.app.commands_design import design, plan, resume
from matsmith.app.commands_evaluate import evaluate
from matsmith.app.commands_explain import explain
from matsmith.app.commands_extract import extract
from matsmith.app.commands_generate import generate
from matsmith.app.commands_ingest import ingest
from matsmith.app.commands_mcp import mcp
from matsmith.app.commands_md import md
from matsmith.app.commands_predict import predict
from matsmith.app.commands_relax import relax
from matsmith.app.commands_runs import runs, show, verify
from matsmith.app.commands_serve import serve
from matsmith.app.commands_synthesis import synthesis
from matsmith.app.commands_tools import tool, tools
from matsmith.app.commands_train import train_app
from matsmith.app.doctor import doctor


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"matsmith {__version__}")
        raise typer.Exit


def _options(
    version: Annotated[
        bool,
        typer.Option(
            "--version", "-V", help="Show the version and exit.", callback=_show_version, is_eager=True
        ),
    ] = False,
) -> None:
    del version


def make_app() -> typer.Typer:
    """Return the application."""
    # Without rich's help, which would cost a tenth of a second every time.
    app = typer.Typer(
        name="matsmith",
        no_args_is_help=True,
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["--help", "-h"]},
        help="From a materials-design objective in plain language to verified crystals.",
        epilog='Begin with: matsmith design "a stable oxide with a bulk modulus above 150 GPa, no cobalt"',
    )
    app.callback()(_options)
    app.command(short_help="Design a material until the objective is met.")(design)
    app.command(short_help="Show what is understood; nothing is spent.")(plan)
    app.command(short_help="Go on with a run that was interrupted.")(resume)
    app.command(short_help="List the runs, newest first.")(runs)
    app.command(short_help="Show a run, or one of its candidates.")(show)
    app.command(short_help="Check that nothing in a run was changed.")(verify)
    app.command(short_help="Generate crystals with the diffusion model.")(generate)
    app.command(short_help="Relax the crystals of many files at once.")(relax)
    app.command(
        short_help="Molecular dynamics with LAMMPS, by protocol.",
        context_settings={"help_option_names": [], "allow_extra_args": True, "ignore_unknown_options": True},
    )(md)
    app.command(short_help="Judge the crystals that a generator made.")(evaluate)
    app.command(short_help="Predict properties from formulas alone.")(predict)
    app.command(short_help="Say why a prediction is what it is.")(explain)
    app.command(short_help="Tell how a composition would be made.")(synthesis)
    app.command(short_help="Run one tool.", context_settings={"help_option_names": []})(tool)
    app.command(short_help="List the tools, their cost and what they lack.")(tools)
    app.command(short_help="Take papers into your library.")(ingest)
    app.command(short_help="Answer a question from papers and notes, with quotes.")(ask)
    app.command(short_help="Read the values of a property from papers.")(extract)
    app.command(short_help="Ask crystal databases a plain question.")(database)
    app.command(short_help="Talk: the same tools, one at a time, in a thread that is kept.")(chat)
    app.command(short_help="Serve the page on this machine.")(serve)
    app.command(short_help="Serve the tools to other programs (Model Context Protocol).")(mcp)
    data = typer.Typer(
        help="Tables of known values, and of crystals to train on.",
        no_args_is_help=True,
        rich_markup_mode=None,
    )
    data.command("get")(get)
    data.command("list")(list_tables)
    data.command("crystals")(crystals)
    data.command("decorate")(decorate)
    app.add_typer(data, name="data")
    app.command(short_help="Find out what a language model's server takes.")(probe)
    app.command("serve-reasoner", short_help="Play the language model through files.")(serve_reasoner)
    app.add_typer(bench_app(), name="bench")
    app.add_typer(train_app(), name="train")
    app.command(short_help="Examine packages, device, keys, tables, folders.")(doctor)
    return app
