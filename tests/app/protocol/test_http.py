"""The protocol server over streamable HTTP with a token, as a process of its own, asked by the official client."""

from __future__ import annotations

import contextlib
import os
import random
import socket
import subprocess
import sys
import time
from collections.abc import AsyncGenerator, Iterator
from typing import Any

import anyio
import httpx
import psutil
import pytest
from mcp import Client
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.exceptions import MCPError
from pymatgen.core import Lattice, Structure

TOKEN = "a-token-of-sixteen-or-more"


def copper(repeats: int = 1) -> str:
    cell = Structure.from_spacegroup("Fm-3m", Lattice.cubic(3.7), ["Cu"], [[0, 0, 0]])
    cell.make_supercell([repeats] * 3)
    if repeats > 1:
        cell.perturb(0.2)
    return str(cell.to(fmt="cif"))


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, int]]:
    """The address, and the number of the process."""
    home = tmp_path_factory.mktemp("home")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    environment = {
        **{name: os.environ[name] for name in ("PATH", "PYTHONPATH", "HOME") if name in os.environ},
        "MATSMITH_STATE_DIR": str(home / "state"), "MATSMITH_CACHE_DIR": str(home / "cache"), "MATSMITH_RUNS_DIR": str(home / "runs"),
        "MATSMITH_LIBRARY": str(home / "library"), "MATSMITH_DATA": str(home / "none"), "MATSMITH_POTENTIAL": "emt",
        "MATSMITH_REASONER": "rules", "MATSMITH_THREADS": "1", "MATSMITH_MCP_TOKEN": TOKEN,
    }  # fmt: skip
    process = subprocess.Popen(
        [sys.executable, "-m", "matsmith", "mcp", "--http", "--port", str(port)],
        cwd=home, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    address = f"http://127.0.0.1:{port}/mcp"
    limit = time.monotonic() + 60
    while True:
        with contextlib.suppress(httpx.HTTPError):
            if httpx.post(address, json={}, timeout=5).status_code == 401:
                break
        assert time.monotonic() < limit, "the server did not start"
        time.sleep(0.1)
    yield address, process.pid
    process.terminate()
    process.wait(20)


@contextlib.asynccontextmanager
async def client_of(address: str, token: str = TOKEN) -> AsyncGenerator[Client]:
    import httpx2

    async with (
        httpx2.AsyncClient(headers={"Authorization": f"Bearer {token}"}, timeout=120) as carrier,
        Client(streamable_http_client(address, http_client=carrier)) as client,
    ):
        yield client


def test_a_stranger_learns_nothing(server: tuple[str, int]) -> None:
    address, _ = server
    for headers in ({}, {"Authorization": "Bearer wrong"}, {"Authorization": TOKEN}):
        answer = httpx.post(
            address, json={"jsonrpc": "2.0", "id": 1, "method": "tools/list"}, headers=headers
        )
        assert answer.status_code == 401
        assert "tool" not in answer.text

    async def knock() -> None:
        async with client_of(address, "wrong-but-long-enough") as client:
            await client.list_tools()

    with pytest.raises(BaseException) as caught:  # noqa: PT011 - a group, or the error itself, by the client's version
        anyio.run(knock)
    assert not isinstance(caught.value, AssertionError)


def test_a_client_lists_calls_and_is_served_after_a_hundred_malformed_calls(server: tuple[str, int]) -> None:
    generator = random.Random(11)
    odd: list[Any] = [
        None,
        "",
        "\x00",
        -1,
        10**30,
        [],
        {},
        {"a": [{}]},
        "data_\n_cell_length_a ?",
        "../../etc/passwd",
        "x" * 100_000,
    ]

    async def main() -> Any:
        async with client_of(server[0]) as client:
            tools = {tool.name: tool for tool in (await client.list_tools()).tools}
            relaxed = await client.call_tool("relax", {"structure": copper()})
            errors = 0
            for _ in range(100):
                # A design run or a model of meanings would take its time even for nonsense.
                name = generator.choice(
                    [*sorted(set(tools) - {"design_material", "ask_literature"}), "no_such_tool"]
                )
                fields: list[str] = [
                    *(tools[name].input_schema.get("properties", {}) if name in tools else []),
                    "odd",
                ]
                arguments: dict[str, Any] = {
                    field: generator.choice(odd) for field in generator.sample(fields, k=min(2, len(fields)))
                }
                try:
                    errors += bool((await client.call_tool(name, arguments)).is_error)
                except MCPError:
                    errors += 1
            density = await client.call_tool("density", {"relaxed": relaxed.structured_content["record"]})
            return len(tools), relaxed, errors, density

    tools, relaxed, errors, density = anyio.run(main)
    assert tools > 30
    assert not relaxed.is_error
    assert errors >= 95
    assert density.structured_content["quantities"]["density"]["value"] == pytest.approx(9.1, abs=0.2)


def test_what_is_no_message_of_the_protocol_is_refused(server: tuple[str, int]) -> None:
    address, _ = server
    headers = {
        "Authorization": f"Bearer {TOKEN}",
        "Accept": "application/json, text/event-stream",
        "Content-Type": "application/json",
    }
    for body in (
        b"",
        b"{",
        b"[]",
        b"null",
        b"\xff\xfe",
        b'{"jsonrpc":"2.0"}',
        b"[" * 20_000,
        b"x" * 5_000_000,
    ):
        with contextlib.suppress(httpx.WriteError, httpx.RemoteProtocolError, httpx.ReadError):
            answer = httpx.post(address, content=body, headers=headers, timeout=20)
            assert 400 <= answer.status_code < 500, (body[:20], answer.status_code)
    assert httpx.get(address.replace("/mcp", "/other"), headers=headers).status_code == 404


def test_the_work_of_a_cancelled_call_stops(server: tuple[str, int]) -> None:
    address, pid = server

    def workers() -> list[psutil.Process]:
        children = psutil.Process(pid).children(recursive=True)
        return [child for child in children if any("tools.worker" in word for word in child.cmdline())]

    def busy(child: psutil.Process) -> bool:
        with contextlib.suppress(psutil.NoSuchProcess):
            return child.is_running() and child.cpu_percent(0.3) > 20
        return False

    async def main() -> tuple[bool, Any]:
        async with client_of(address) as client:
            with anyio.move_on_after(8.0) as scope:
                await client.call_tool(
                    "relax",
                    {"structure": copper(6), "force_tolerance_ev_per_angstrom": 1e-5, "max_steps": 3000},
                )
            begun = time.monotonic()
            while any([await anyio.to_thread.run_sync(busy, child) for child in workers()]):
                assert time.monotonic() - begun < 60, "a cancelled call still computes"
                await anyio.sleep(0.05)
            after = await client.call_tool("relax", {"structure": copper()})
            return scope.cancelled_caught, after

    cancelled, after = anyio.run(main)
    assert cancelled, "the relaxation ended before it could be cancelled"
    assert not after.is_error
