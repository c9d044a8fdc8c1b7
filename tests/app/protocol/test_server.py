"""The protocol server, asked by a real client: in memory, as a child process, and over HTTP."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import anyio
import pytest
from mcp import Client, StdioServerParameters
from mcp.shared.exceptions import MCPError
from pymatgen.core import Lattice, Structure

from matsmith.app.protocol.server import build
from matsmith.app.tool_service import ToolService
from matsmith.core.settings import Settings
from matsmith.tools.registry import get_tool, tool_names


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    monkeypatch.setenv("MATSMITH_THREADS", "1")
    return Settings(
        state_dir=tmp_path / "state",
        cache_dir=tmp_path / "cache",
        runs_dir=tmp_path / "runs",
        data_dir=tmp_path / "none",
        library_dir=tmp_path / "library",
        potential="emt",
        threads=1,
    )


@pytest.fixture
def service(settings: Settings) -> Iterator[ToolService]:
    with ToolService(settings=settings) as running:
        yield running


def copper(repeats: int = 1) -> Structure:
    cell = Structure.from_spacegroup("Fm-3m", Lattice.cubic(3.7), ["Cu"], [[0, 0, 0]])
    cell.make_supercell([repeats] * 3)
    return cell


def talk(service: ToolService, conversation: Any, *, paths: bool = True) -> Any:
    async def main() -> Any:
        async with Client(build(service, paths=paths)) as client:
            return await conversation(client)

    return anyio.run(main)


def test_every_tool_that_can_run_is_listed_with_its_schema(service: ToolService) -> None:
    async def conversation(client: Client) -> Any:
        return (await client.list_tools()).tools

    found = {tool.name: tool for tool in talk(service, conversation)}
    ready = {name for name in tool_names() if get_tool(name).missing(service.settings) is None}
    assert ready <= set(found)
    assert {"plan_objective", "design_material", "ask_literature"} <= set(found)
    for name in ready:
        assert found[name].input_schema["type"] == "object"
        assert set(found[name].input_schema["properties"]) == set(get_tool(name).args.model_fields)
        assert len(found[name].description or "") > 40


def test_a_structure_as_text_goes_through_relaxation_to_density(service: ToolService) -> None:
    text = copper().to(fmt="cif")

    async def conversation(client: Client) -> Any:
        relaxed = await client.call_tool("relax", {"structure": text})
        density = await client.call_tool("density", {"relaxed": relaxed.structured_content["record"][:10]})
        return relaxed, density

    relaxed, density = talk(service, conversation, paths=False)
    assert not relaxed.is_error
    body = relaxed.structured_content
    assert body["quantities"]["energy"]["unit"] == "eV/atom"
    assert body["quantities"]["energy"]["sigma"] > 0
    assert json.loads(relaxed.content[0].text) == body
    cell = Structure.from_str(body["cif"], fmt="cif")
    assert cell.volume / len(cell) == pytest.approx(3.59**3 / 4, rel=0.02)
    # EMT's lattice of 3.59 Å gives 9.1 g/cm3; copper's measured density is 8.96.
    assert density.structured_content["quantities"]["density"]["value"] == pytest.approx(9.1, abs=0.2)


def test_failures_are_results_that_say_what_to_do(service: ToolService) -> None:
    overlap = Structure(Lattice.cubic(4.0), ["Cu", "Cu"], [[0, 0, 0], [0.02, 0, 0]]).to(fmt="cif")

    async def conversation(client: Client) -> Any:
        return [
            await client.call_tool("relax", {"structure": overlap}),
            await client.call_tool("relax", {"structur": "x"}),
            await client.call_tool("density", {"structure": "0123456789"}),
            await client.call_tool("no_such_tool", {}),
            await client.call_tool("plan_objective", {"objective": ""}),
            await client.call_tool("plan_objective", {"objective": "an oxide without oxygen"}),
        ]

    *refused, contradiction = talk(service, conversation)
    for result in refused:
        assert result.is_error
        assert len(result.content[0].text) > 10
        assert "Traceback" not in result.content[0].text
    assert contradiction.structured_content["runnable"] is False or contradiction.is_error


def test_files_of_the_server_are_closed_to_callers_over_http(service: ToolService, tmp_path: Path) -> None:
    path = tmp_path / "cu.cif"
    copper().to(str(path))

    async def conversation(client: Client) -> Any:
        return await client.call_tool("symmetry", {"structure": str(path)})

    assert not talk(service, conversation, paths=True).is_error
    closed = talk(service, conversation, paths=False)
    assert closed.is_error
    assert "reads no files" in closed.content[0].text


def test_a_cancelled_call_ends_the_work_and_the_next_one_is_served(service: ToolService) -> None:
    big = copper(6)
    big.perturb(0.2)
    text = big.to(fmt="cif")

    async def conversation(client: Client) -> Any:
        told: list[str] = []

        async def tell(progress: float, total: float | None, message: str | None) -> None:
            del progress, total
            told.append(message or "")

        with anyio.move_on_after(6.0) as scope:
            await client.call_tool(
                "relax",
                {"structure": text, "force_tolerance_ev_per_angstrom": 1e-5},
                progress_callback=tell,
            )
        left = time.monotonic()
        small = await client.call_tool("symmetry", {"structure": copper().to(fmt="cif")})
        after = await client.call_tool("relax", {"structure": copper().to(fmt="cif")})
        return scope.cancelled_caught, told, small, after, time.monotonic() - left

    cancelled, told, small, after, _ = talk(service, conversation)
    assert cancelled, "the relaxation ended before it could be cancelled"
    assert any("Relax" in message or "relax" in message for message in told)
    assert not small.is_error
    assert not after.is_error
    deadline = time.monotonic() + 30
    while any(thread.name == "call-watcher" for thread in threading.enumerate()):
        assert time.monotonic() < deadline, "a cancelled call still runs"
        time.sleep(0.02)


def test_a_hundred_malformed_calls_give_errors_and_the_server_lives(service: ToolService) -> None:
    generator = random.Random(7)
    words = [
        "",
        "x",
        "a" * 5000,
        "../../etc/passwd",
        "\x00",
        "{}",
        "-1",
        "🜚",
        "0" * 64,
        "data_\n_cell_length_a ?",
    ]

    def value(depth: int = 0) -> Any:
        kind = generator.randrange(7 if depth < 3 else 5)
        match kind:
            case 0:
                return generator.choice(words)
            case 1:
                return generator.choice([None, True, -1, 10**30, 1e308, 0.5])
            case 2:
                return generator.choice(words) * 3
            case 5:
                return [value(depth + 1) for _ in range(3)]
            case 6:
                return {generator.choice(words) or "k": value(depth + 1)}
            case _:
                return "structure"

    async def conversation(client: Client) -> Any:
        names = [*tool_names(), "plan_objective", "ask_literature", "nothing"]
        errors = 0
        for _ in range(100):
            name = generator.choice(names)
            fields = [*(get_tool(name).args.model_fields if name in tool_names() else ["objective"]), "odd"]
            arguments = {field: value() for field in generator.sample(fields, k=min(2, len(fields)))}
            try:
                result = await client.call_tool(name, arguments)
            except MCPError:
                errors += 1
                continue
            errors += result.is_error
        fine = await client.call_tool("symmetry", {"structure": copper().to(fmt="cif")})
        return errors, fine

    errors, fine = talk(service, conversation, paths=False)
    assert errors >= 95
    assert not fine.is_error


def test_a_design_run_tells_its_progress_and_is_stopped_when_the_caller_cancels(service: ToolService) -> None:
    async def conversation(client: Client) -> Any:
        told: list[str] = []

        async def tell(progress: float, total: float | None, message: str | None) -> None:
            del progress, total
            told.append(message or "")
            scope.cancel()

        arguments = {"objective": "a copper-gold intermetallic, bulk modulus above 100 GPa", "budget_s": 300}
        with anyio.move_on_after(120.0) as scope:
            await client.call_tool("design_material", arguments, progress_callback=tell)
        await anyio.sleep(4.0)
        contents: Any = (await client.read_resource("matsmith://runs")).contents
        runs = json.loads(contents[0].text)["runs"]
        refused = await client.call_tool("design_material", {"objective": "an oxide without oxygen"})
        return told, runs, refused

    told, runs, refused = talk(service, conversation)
    assert told
    assert "judged" in told[0]
    assert [run["state"] for run in runs] == ["interrupted"]
    assert refused.is_error


def test_resources_and_prompts(service: ToolService) -> None:
    async def conversation(client: Client) -> Any:
        listed = await client.list_resources()
        templates = await client.list_resource_templates()
        runs = await client.read_resource("matsmith://runs")
        problems: list[str] = []
        for uri in (
            "matsmith://runs/../../etc/passwd",
            "matsmith://records/abcd",
            "matsmith://x",
            "file:///etc/passwd",
        ):
            try:
                await client.read_resource(uri)
            except MCPError as error:
                problems.append(error.message)
        offered = (await client.list_prompts()).prompts
        prompt = await client.get_prompt("design_material", {"objective": "a hard oxide"})
        return listed, templates, runs, problems, offered, prompt

    listed, templates, runs, problems, offered, prompt = talk(service, conversation)
    assert [resource.uri for resource in listed.resources] == ["matsmith://runs"]
    assert len(templates.resource_templates) == 4
    assert json.loads(runs.contents[0].text) == {"runs": []}
    assert len(problems) == 4
    assert {each.name for each in offered} == {
        "design_material",
        "characterise_crystal",
        "answer_from_literature",
    }
    assert "a hard oxide" in prompt.messages[0].content.text


def test_a_child_process_speaks_over_standard_streams(tmp_path: Path) -> None:
    copper().to(str(tmp_path / "cu.cif"))
    environment = {
        **{name: value for name, value in os.environ.items() if name == "PYTHONPATH"},
        "XDG_DATA_HOME": str(tmp_path / "data"),
        "XDG_CACHE_HOME": str(tmp_path / "cache"),
        "PATH": str(Path(sys.executable).parent),
    }
    parameters = StdioServerParameters(
        command=sys.executable, args=["-m", "matsmith", "mcp"], env=environment, cwd=str(tmp_path)
    )

    async def main() -> Any:
        async with Client(parameters) as client:
            return await client.call_tool("symmetry", {"structure": "cu.cif"}), client.server_info

    result, about = anyio.run(main)
    assert not result.is_error
    assert "Fm-3m" in json.dumps(result.structured_content)
    assert about is not None
    assert about.name == "matsmith"


def test_a_client_that_dies_in_the_middle_of_an_answer_leaves_no_trace_of_an_error(tmp_path: Path) -> None:
    hello = {
        "protocolVersion": "2025-06-18",
        "capabilities": {},
        "clientInfo": {"name": "gone", "version": "1"},
    }
    asked = [
        {"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": hello},
        {"jsonrpc": "2.0", "method": "notifications/initialized"},
        *({"jsonrpc": "2.0", "id": number, "method": "tools/list"} for number in range(2, 40)),
    ]
    server = subprocess.Popen(
        [sys.executable, "-m", "matsmith", "mcp"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, "XDG_DATA_HOME": str(tmp_path), "MATSMITH_THREADS": "1"},
        cwd=tmp_path,
    )
    assert server.stdin is not None
    assert server.stdout is not None
    assert server.stderr is not None
    server.stdin.write(json.dumps(asked[0]).encode() + b"\n")
    server.stdin.flush()
    assert b"serverInfo" in server.stdout.readline()
    # Lists of tools fill the pipe, and the reader goes away before they are written.
    server.stdin.write(b"".join(json.dumps(one).encode() + b"\n" for one in asked[1:]))
    server.stdin.flush()
    server.stdout.close()
    server.stdin.close()
    said = server.stderr.read().decode()
    assert server.wait(timeout=60) == 0, said
    assert "Traceback" not in said
