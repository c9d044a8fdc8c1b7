"""`matsmith serve`: the page, on this machine."""

from __future__ import annotations

import os
import secrets
import sys
from pathlib import Path
from typing import Annotated

import typer

from matsmith.app.commands_mcp import LOOPBACK
from matsmith.app.guard import guarded
from matsmith.core.errors import MatsmithError, UsageError

SWITCH_S = 0.0005


@guarded
def serve(
    host: Annotated[str, typer.Option(metavar="ADDRESS", help="where to listen")] = "127.0.0.1",
    port: Annotated[int, typer.Option(metavar="N", min=0, max=65535)] = 8765,
    name: Annotated[
        list[str] | None,
        typer.Option(
            "--name", metavar="HOST", help="a host name by which browsers reach it", show_default=False
        ),
    ] = None,
    token: Annotated[
        str | None,
        typer.Option(
            envvar="MATSMITH_SERVE_TOKEN",
            help="what a browser must know; made up and printed when --host lets other machines in",
            show_default=False,
        ),
    ] = None,
    open_browser: Annotated[bool, typer.Option("--open/--no-open", help="open a browser window")] = True,
    users: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="serve several people: a file of names with the hashes of their tokens",
            show_default=False,
        ),
    ] = None,
    add: Annotated[
        str | None,
        typer.Option(
            metavar="NAME", help="with --users: let NAME in, print the token, and end", show_default=False
        ),
    ] = None,
    remove: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="with --users: shut NAME out, and end", show_default=False),
    ] = None,
    runs: Annotated[int, typer.Option(metavar="N", min=1, help="design runs at once for one person")] = 2,
    all_runs: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            min=1,
            help="with --users: design runs at once for all; the number of cores where not given",
            show_default=False,
        ),
    ] = None,
) -> int:
    r"""Serve the page: design runs live, candidates in 3D, chat, literature, tools. Ctrl-C stops it; runs go on.

    It listens on this machine alone unless --host says otherwise; then every call needs the token. With --users each person has a
    token, and runs, conversations and a library that nobody else sees; the worker and the tables are shared. The file is read again
    when it changes.

    \b
    Examples:
      matsmith serve
      matsmith serve --host 0.0.0.0 --name lab.example.org
      matsmith serve --users people.txt --add ada
      matsmith serve --users people.txt --host 0.0.0.0 --name lab.example.org
    """
    if users is None and (add or remove or all_runs):
        option = "--add" if add else "--remove" if remove else "--all-runs"
        raise UsageError(f"{option} needs --users.", hint="Give the file of people: --users people.txt.")
    if users is not None and (add or remove):
        return _change_people(users, add=add, remove=remove)
    try:
        import uvicorn

        from matsmith.app.web.application import LOCAL_NAMES, make_application
        from matsmith.app.web.guard import TOKEN, OneToken
        from matsmith.app.web.people import People
    except ImportError as error:
        raise MatsmithError(
            "The page's packages are not installed.", hint='Install them: pip install "matsmith[serve]".'
        ) from error
    from matsmith.core.settings import load_settings

    if users is not None and token:
        raise UsageError(
            "--users gives each person a token.", hint="Leave --token and MATSMITH_SERVE_TOKEN out."
        )
    if host not in LOOPBACK and not token and users is None:
        token = secrets.token_urlsafe(24)
    if token and not TOKEN.fullmatch(token):
        raise UsageError(
            "The token cannot be used.",
            hint="Give 12 to 200 letters, digits, dots, hyphens, underscores or tildes.",
        )
    gate = People(users) if users is not None else OneToken(token) if token else None
    hosts = [*LOCAL_NAMES, *([host] if host not in ("0.0.0.0", "::") else []), *(name or [])]  # noqa: S104
    app = make_application(
        load_settings(),
        hosts=hosts,
        gate=gate,
        runs_each=runs,
        runs_together=None if users is None else all_runs or max(runs, os.cpu_count() or 1),
    )
    shown = (name or [host if host != "0.0.0.0" else "127.0.0.1"])[0]  # noqa: S104
    address = f"http://{f'[{shown}]' if ':' in shown else shown}:{port}/" + (
        f"?token={token}" if token else "?token=YOUR-TOKEN" if users is not None else ""
    )
    typer.echo(f"matsmith serves {address}\nCtrl-C stops the page; design runs go on.")
    if open_browser and host in LOOPBACK and users is None:
        _open_soon(address)
    # Each write to a browser gives the interpreter away; among computing threads it comes back after this long.
    sys.setswitchinterval(SWITCH_S)
    uvicorn.run(app, host=host, port=port, log_level="warning", timeout_graceful_shutdown=2)
    return 0


def _change_people(users: Path, *, add: str | None, remove: str | None) -> int:
    from matsmith.app.web.people import add_person, remove_person

    if add and remove:
        raise UsageError("--add and --remove are two steps.", hint="Give one of them at a time.")
    if remove:
        remove_person(users, remove)
        typer.echo(f"{remove} is shut out; the runs and conversations stay.")
        return 0
    token = add_person(users, add or "")
    typer.echo(f"{add}'s token, which is kept nowhere: {token}\nIt opens the page at ADDRESS/?token={token}")
    return 0


def _open_soon(address: str) -> None:
    import threading
    import webbrowser

    threading.Timer(1.0, webbrowser.open, [address]).start()
