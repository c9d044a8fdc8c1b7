"""What survives: a restart of the server in a run, browsers that leave and come back, two tabs on one thread, crowds, huge files."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from pathlib import Path
from typing import Any

import httpx
import pytest
from pymatgen.core import Lattice, Structure

from matsmith.app.web.events import RunFeed, Told
from matsmith.core.settings import Settings

OURS = {"X-Matsmith": "1"}
pytestmark = pytest.mark.timeout(200)


def call(address: str) -> httpx.Client:
    return httpx.Client(base_url=address, timeout=60, headers=OURS)


def big_copper(repeats: int = 6) -> str:
    """Hundreds of atoms off their places: a relaxation that takes a while."""
    cell = Structure.from_spacegroup("Fm-3m", Lattice.cubic(3.7), ["Cu"], [[0, 0, 0]])
    cell.make_supercell([repeats] * 3)
    cell.perturb(0.2)
    return str(cell.to(fmt="cif"))


def events(client: httpx.Client, name: str, *, after: int, count: int) -> list[tuple[int, str]]:
    found: list[tuple[int, str]] = []
    number = 0
    headers = {"Last-Event-ID": str(after)} if after else {}
    with client.stream("GET", f"/api/runs/{name}/events", headers=headers, timeout=120) as stream:
        for line in stream.iter_lines():
            if line.startswith("id: "):
                number = int(line[4:])
            elif line.startswith("data: ") and line != "data: {}":
                found.append((number, json.loads(line[6:])["kind"]))
                if len(found) >= count:
                    break
    return found


def test_a_run_goes_on_through_a_restart_and_is_followed_limited_and_stopped(
    settings: Settings, serve: Any
) -> None:
    with serve(settings, runs_each=1) as address, call(address) as client:
        plan = client.post(
            "/api/plan", json={"objective": "a copper-gold intermetallic, bulk modulus above 100 GPa"}
        ).json()
        spec = {**plan["spec"], "candidates": 200, "budget": {**plan["spec"]["budget"], "wall_time_s": 300}}
        name = client.post("/api/runs", json={"spec": spec}).json()["name"]
        seen = events(client, name, after=0, count=2)
        assert [number for number, _ in seen] == [1, 2]
    with serve(settings, runs_each=1) as address, call(address) as client:
        line = next(run for run in client.get("/api/runs").json() if run["name"] == name)
        assert line["state"] == "running"
        assert client.get(f"/api/runs/{name}").json()["state"] == "running"
        assert events(client, name, after=2, count=1)[0][0] == 3
        again = client.post(f"/api/runs/{name}/resume", json={})
        assert again.status_code == 400
        assert "at work" in again.json()["message"]
        assert client.post("/api/runs", json={"spec": spec}).status_code == 429
        begun = time.monotonic()
        assert client.post(f"/api/runs/{name}/stop").status_code == 200
        assert time.monotonic() - begun < 60  # the run has five minutes
        assert client.get(f"/api/runs/{name}").json()["state"] == "interrupted"
        assert client.post(f"/api/runs/{name}/resume", json={}).status_code == 200
        assert client.get(f"/api/runs/{name}").json()["state"] == "running"
        assert client.post(f"/api/runs/{name}/stop").status_code == 200


def feed_of(path: Path, alive: threading.Event) -> RunFeed:
    return RunFeed(path=path, ledger=path.with_name("ledger.sqlite"), alive=alive.is_set)


def test_fifty_viewers_share_one_reader_hear_everything_and_leave_nothing(tmp_path: Path) -> None:
    path, alive = tmp_path / "events.jsonl", threading.Event()
    alive.set()
    path.write_text("".join(f'{{"n": {number}}}\n' for number in range(1, 4)))

    async def view(feed: RunFeed, after: int) -> list[Told]:
        return [told async for told in feed.follow(after) if told is not None]

    async def main() -> None:
        feed = feed_of(path, alive)
        views = [asyncio.create_task(view(feed, number % 3)) for number in range(50)]
        await asyncio.sleep(0.2)
        assert feed.watched
        readers = [task for task in asyncio.all_tasks() if task.get_coro().__qualname__ == "RunFeed._read"]  # pyright: ignore[reportUnknownMemberType, reportAttributeAccessIssue, reportOptionalMemberAccess]
        assert len(readers) == 1
        with path.open("a") as file:
            file.write('{"n": 4}\n{"n": ')
            file.flush()
            await asyncio.sleep(0.2)
            file.write("5}\n")
        early = asyncio.create_task(view(feed, 0))
        await asyncio.sleep(0.1)
        early.cancel()
        alive.clear()
        for number, told in enumerate(await asyncio.gather(*views)):
            assert [each.number for each in told] == list(range(number % 3 + 1, 6))
            assert told[-1].block == b'id: 5\ndata: {"n": 5}\n\n'
        await asyncio.sleep(0)
        assert not feed.watched
        # Who comes after the end hears it all once more.
        assert len(await view(feed, 0)) == 5

    asyncio.run(main())


def test_a_reader_that_fails_lets_nobody_wait(tmp_path: Path) -> None:
    def broken() -> bool:
        raise PermissionError("no")

    async def main() -> list[Any]:
        feed = RunFeed(path=tmp_path / "events.jsonl", ledger=tmp_path / "ledger.sqlite", alive=broken)
        async with asyncio.timeout(60):
            return [told async for told in feed.follow()]

    assert asyncio.run(main()) == []


def test_two_tabs_on_one_thread(address: str) -> None:
    with call(address) as first, call(address) as second:
        sent = first.post("/api/threads/shared/files", files={"file": ("big.cif", big_copper().encode())})
        assert sent.status_code == 201
        told: list[dict[str, Any]] = []

        def say() -> None:
            body = {"text": "relax big.cif", "files": ["big.cif"]}
            with first.stream("POST", "/api/threads/shared/turns", json=body, timeout=120) as stream:
                told.extend(json.loads(line[6:]) for line in stream.iter_lines() if line.startswith("data: "))

        thread = threading.Thread(target=say)
        thread.start()
        answer: list[dict[str, Any]] = [{}]
        limit = time.monotonic() + 60
        while not any(event["kind"] == "call" for event in told) and time.monotonic() < limit:
            time.sleep(0.1)
            with second.stream("POST", "/api/threads/shared/turns", json={"text": "/help"}) as stream:
                answer = [json.loads(line[6:]) for line in stream.iter_lines() if line.startswith("data: ")]
            if answer[-1]["kind"] == "failed":
                break
        assert "still runs" in answer[-1]["text"]
        assert second.post("/api/threads/shared/stop", json={}).status_code == 200
        thread.join(60)
        assert not thread.is_alive()
        # Ended by the stop, not because the relaxation was done.
        assert (told[-1]["kind"], told[-1]["text"]) == ("failed", "Stopped.")
        # Both tabs read the same conversation afterwards, and it goes on.
        assert first.get("/api/threads/shared").json() == second.get("/api/threads/shared").json()
        with second.stream("POST", "/api/threads/shared/turns", json={"text": "/help"}) as stream:
            assert '"end"' in stream.read().decode()


def test_a_tool_ends_with_the_browser_that_asked_for_it(address: str) -> None:
    with call(address) as client:
        slow = {"structure": big_copper(), "force_tolerance_ev_per_angstrom": 1e-5, "max_steps": 3000}
        with pytest.raises(httpx.ReadTimeout):
            client.post("/api/tools/relax", json=slow, timeout=4)
        limit = time.monotonic() + 30
        while any(thread.name == "call-watcher" for thread in threading.enumerate()):
            assert time.monotonic() < limit, "the relaxation goes on for nobody"
            time.sleep(0.05)
        small = Structure.from_spacegroup("Fm-3m", Lattice.cubic(3.7), ["Cu"], [[0, 0, 0]]).to(fmt="cif")
        assert client.post("/api/tools/relax", json={"structure": small}).json()["outcome"]["failure"] is None


def test_a_crowd_that_waits_for_the_worker_leaves_the_page_alone(address: str) -> None:
    slow = {"structure": big_copper(), "max_steps": 3000, "force_tolerance_ev_per_angstrom": 1e-5}
    small = Structure.from_spacegroup("Fm-3m", Lattice.cubic(3.7), ["Cu"], [[0, 0, 0]]).to(fmt="cif")

    async def main() -> list[float]:
        limits = httpx.Limits(max_connections=None)
        async with httpx.AsyncClient(base_url=address, headers=OURS, timeout=60, limits=limits) as client:
            await client.get("/api/tools")
            bodies = [slow, *({"structure": small, "max_steps": number} for number in range(100, 160))]
            crowd = [asyncio.create_task(client.post("/api/tools/relax", json=body)) for body in bodies]
            await asyncio.sleep(4)
            waits: list[float] = []
            for path in ("/api/about", "/api/runs", "/api/threads", "/api/properties", "/"):
                begun = time.monotonic()
                assert (await client.get(path)).status_code == 200
                waits.append(time.monotonic() - begun)
            for task in crowd:
                task.cancel()
            await asyncio.gather(*crowd, return_exceptions=True)
            return waits

    assert max(asyncio.run(main())) < 30


def test_a_huge_file_is_refused_or_read_while_others_are_served(address: str) -> None:
    rows = "\n".join(
        f"Cu{number} Cu {number % 97 / 97:.5f} {number % 89 / 89:.5f} {number % 83 / 83:.5f} 1"
        for number in range(14_000)
    )
    head = "data_huge\n_cell_length_a 90\n_cell_length_b 90\n_cell_length_c 90\n_cell_angle_alpha 90\n_cell_angle_beta 90\n_cell_angle_gamma 90\n"
    loop = "loop_\n_atom_site_label\n_atom_site_type_symbol\n_atom_site_fract_x\n_atom_site_fract_y\n_atom_site_fract_z\n_atom_site_occupancy\n"
    text = f"{head}{loop}{rows}\n"
    with call(address) as client:
        client.get("/api/tools")
        waits: list[float] = []
        answers: list[httpx.Response] = []
        body = {"structure": text}
        thread = threading.Thread(
            target=lambda: answers.append(client.post("/api/tools/symmetry", json=body, timeout=120))
        )
        thread.start()
        with call(address) as other:
            while thread.is_alive():
                begun = time.monotonic()
                assert other.get("/api/about").status_code == 200
                waits.append(time.monotonic() - begun)
                time.sleep(0.1)
        assert answers[0].status_code == 400
        assert len(answers[0].json()["message"]) < 400
        # Refused by its lines, before the parser would have worked on it for minutes.
        assert max(waits, default=0.0) < 30
        assert client.post("/api/tools/symmetry", json={"structure": "data_\n" * 400_000}).status_code == 400
        sent = client.post("/api/threads/huge/files", files={"file": ("huge.cif", text.encode())})
        assert sent.status_code == 400
        assert "5000 atoms" in sent.json()["hint"]
        large = client.post("/api/threads/huge/files", files={"file": ("huge.cif", b"x" * 10_500_000)})
        assert large.status_code == 413
        assert "10 MB" in large.json()["message"]
