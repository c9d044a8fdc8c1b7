"""The page's server on a port of its own, in a home of its own, with a fast potential."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import uvicorn

from matsmith.app.web.application import make_application
from matsmith.app.web.guard import OneToken
from matsmith.core.settings import Settings


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """A fresh installation without tables, keys or a model."""
    return Settings(
        state_dir=tmp_path / "state",
        cache_dir=tmp_path / "cache",
        runs_dir=tmp_path / "runs",
        data_dir=tmp_path / "none",
        library_dir=tmp_path / "library",
        potential="emt",
        threads=1,
    )


@contextmanager
def serving(settings: Settings, *, token: str = "", port: int = 0, **options: Any) -> Generator[str]:
    """Serve until the context ends; gives the address."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind(("127.0.0.1", port))
        port = int(probe.getsockname()[1])
    if token:
        options["gate"] = OneToken(token)
    server = uvicorn.Server(
        uvicorn.Config(
            make_application(settings, **options),
            host="127.0.0.1",
            port=port,
            log_level="error",
            timeout_graceful_shutdown=1,
        )
    )
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    limit = time.monotonic() + 60
    while not server.started:
        assert time.monotonic() < limit, "the server did not start"
        time.sleep(0.02)
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        thread.join(10)


@pytest.fixture
def serve() -> Any:
    """The context that serves, for tests that set it up themselves."""
    return serving


@pytest.fixture
def address(settings: Settings) -> Iterator[str]:
    """Where the page is served."""
    with serving(settings) as found:
        yield found
