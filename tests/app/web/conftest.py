"""The page's server on a port of its own, in a home of its own, with a fast potential; and a real browser that reaches nothing else."""

from __future__ import annotations

import shutil
import socket
import threading
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

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
        diffusion_weights=tmp_path / "none",
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


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """Chromium without a screen, drawing in software."""
    chromium = next(
        (
            found
            for name in ("chromium", "chromium-browser", "google-chrome")
            if (found := shutil.which(name))
        ),
        None,
    )
    if chromium is None:
        pytest.skip("there is no chromium on this machine")
    playwright_sync = pytest.importorskip("playwright.sync_api")
    with playwright_sync.sync_playwright() as playwright:
        running = playwright.chromium.launch(
            executable_path=chromium,
            args=["--no-sandbox", "--use-gl=angle", "--use-angle=swiftshader", "--enable-unsafe-swiftshader"],
        )
        yield running
        running.close()


@pytest.fixture
def page(browser: Any, address: str) -> Iterator[Any]:
    """A page that complains of nothing, and whose every request is noted; those to other hosts are cut."""
    context = browser.new_context(viewport={"width": 1280, "height": 900}, accept_downloads=True)
    elsewhere: list[str] = []
    errors: list[str] = []

    def check(route: Any) -> None:
        if route.request.url.startswith((address, "data:", "blob:")):
            route.continue_()
        else:
            elsewhere.append(route.request.url)
            route.abort()

    def complains(message: Any) -> None:
        if message.type == "error":
            errors.append(str(message.text))

    def breaks(error: Any) -> None:
        errors.append(str(error))

    refused: list[str] = []

    def answered(response: Any) -> None:
        if response.status >= 400:
            refused.append(f"{response.status} {response.url}")

    context.route("**/*", check)
    page = context.new_page()
    page.set_default_timeout(90_000)
    page.on("pageerror", breaks)
    page.on("console", complains)
    page.on("response", answered)
    yield page
    assert elsewhere == []
    # A browser without a graphics card says so, and one that a test puts offline says that too.
    passed_over = ("favicon", "webgl", "err_internet_disconnected")
    assert [error for error in errors if not any(word in error.lower() for word in passed_over)] == [], (
        refused
    )
    context.close()


@pytest.fixture
def accessible() -> Callable[[Any], None]:
    """Checks that axe-core has no serious finding on a page."""

    def check(page: Any) -> None:
        from axe_playwright_python.sync_playwright import Axe

        found = cast("list[dict[str, Any]]", Axe().run(page).response["violations"])
        serious = [
            f"{finding['id']}: {[node['target'] for node in finding['nodes']][:3]}"
            for finding in found
            if finding["impact"] in ("serious", "critical")
        ]
        assert serious == []

    return check
