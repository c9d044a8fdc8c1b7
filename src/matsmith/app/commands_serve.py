"""`matsmith serve`: the page, on this machine."""

from __future__ import annotations

import secrets
from typing import Annotated

import typer

from matsmith.app.commands_mcp import LOOPBACK
from matsmith.app.guard import guarded
from matsmith.core.errors import MatsmithError


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
) -> int:
    r"""Serve the page: design runs live, candidates in 3D, chat, literature, tools. Ctrl-C stops it; runs go on.

    It listens on this machine alone unless --host says otherwise; then every call needs the token.

    \b
    Examples:
      matsmith serve
      matsmith serve --host 0.0.0.0 --name lab.example.org
    """
    try:
        import uvicorn

        from matsmith.app.web.application import LOCAL_NAMES, make_application
    except ImportError as error:
        raise MatsmithError(
            "The page's packages are not installed.", hint='Install them: pip install "matsmith[serve]".'
        ) from error
    from matsmith.core.settings import load_settings

    if host not in LOOPBACK and not token:
        token = secrets.token_urlsafe(24)
    hosts = [*LOCAL_NAMES, *([host] if host not in ("0.0.0.0", "::") else []), *(name or [])]  # noqa: S104
    app = make_application(load_settings(), hosts=hosts, token=token or "")
    shown = (name or [host if host != "0.0.0.0" else "127.0.0.1"])[0]  # noqa: S104
    address = f"http://{f'[{shown}]' if ':' in shown else shown}:{port}/" + (
        f"?token={token}" if token else ""
    )
    typer.echo(f"matsmith serves {address}\nCtrl-C stops the page; design runs go on.")
    if open_browser and host in LOOPBACK:
        _open_soon(address)
    uvicorn.run(app, host=host, port=port, log_level="warning", timeout_graceful_shutdown=2)
    return 0


def _open_soon(address: str) -> None:
    import threading
    import webbrowser

    threading.Timer(1.0, webbrowser.open, [address]).start()
