"""Several people on one server: tokens, separate homes, limits on runs; and the line before the worker that they share."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from pymatgen.core import Lattice, Structure
from typer.testing import CliRunner

from matsmith.app.web.guard import Guard
from matsmith.app.web.homes import settings_of
from matsmith.app.web.people import People, add_person, hash_of, read_people, remove_person
from matsmith.app.web.room import Room, TooManyRunsError, at_work
from matsmith.app.web.shared_worker import SharedWorker
from matsmith.core.errors import BudgetExceeded, UsageError, WorkerError
from matsmith.core.executor import Message
from matsmith.core.settings import Settings
from matsmith.knowledge.literature.ingest import ingest


@pytest.fixture
def people(tmp_path: Path) -> Path:
    return tmp_path / "people.txt"


def test_a_token_is_shown_once_and_kept_as_a_hash(people: Path) -> None:
    ada, bob = add_person(people, "ada"), add_person(people, "bob")
    assert ada != bob
    assert ada not in people.read_text()
    assert read_people(people) == {"ada": hash_of(ada), "bob": hash_of(bob)}
    assert people.stat().st_mode & 0o077 == 0
    known = People(people)
    assert known.who(ada) == "ada"
    assert known.who(bob) == "bob"
    for stranger in ("", ada[:-1], ada + "x", hash_of(ada), "\ud800", "ada"):
        assert known.who(stranger) is None
    with pytest.raises(UsageError, match="has a token already"):
        add_person(people, "ada")


def test_somebody_is_shut_out_without_a_restart(people: Path, capfd: pytest.CaptureFixture[str]) -> None:
    ada, bob = add_person(people, "ada"), add_person(people, "bob")
    known = People(people)
    remove_person(people, "ada")
    assert known.who(ada) is None
    assert known.who(bob) == "bob"
    people.write_text("half a line that is none")
    assert known.who(bob) == "bob"
    assert "Line 1" in capfd.readouterr().err
    with pytest.raises(UsageError, match="is no name with the hash"):
        remove_person(people, "bob")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "names nobody"),
        ("ada\n", "Line 1"),
        (f"# people\nada {'0' * 64}\nada {'1' * 64}\n", "twice"),
        (f"Ada {'0' * 64}\n", "Line 1"),
        (f"../x {'0' * 64}\n", "Line 1"),
        ("ada secret-in-the-clear\n", "Line 1"),
    ],
)
def test_a_broken_list_is_refused(people: Path, text: str, says: str) -> None:
    people.write_text(text)
    with pytest.raises(UsageError, match=says):
        People(people)


@pytest.mark.parametrize("name", ["", "Ada", "../x", "a b", "a" * 33, "-x", "ä"])
def test_a_name_that_cannot_be_a_folder_is_refused(people: Path, name: str) -> None:
    with pytest.raises(UsageError, match="can be called"):
        add_person(people, name)
    assert not people.exists()


def test_the_command_adds_and_removes(people: Path) -> None:
    from matsmith.app.application import make_app

    def run(*words: str) -> Any:
        return CliRunner().invoke(make_app(), ["serve", *words])

    added = run("--users", str(people), "--add", "ada")
    assert added.exit_code == 0, added.output
    token = next(word for word in added.output.split() if hash_of(word) in people.read_text())
    assert People(people).who(token) == "ada"
    assert run("--users", str(people), "--remove", "ada").exit_code == 0
    for words in (
        ("--add", "ada"),
        ("--users", str(people)),
        ("--users", str(people), "--remove", "nobody"),
        ("--users", str(people), "--token", "a-long-enough-token"),
        ("--token", "short"),
    ):
        assert run(*words, "--no-open").exit_code == 2, words


def test_whoever_is_shut_out_loses_the_streams_that_are_open(people: Path) -> None:
    tokens = {name: add_person(people, name) for name in ("ada", "bob")}
    ended: list[str] = []

    async def stream(scope: Any, receive: Any, send: Any) -> None:
        del receive
        try:
            await send({"type": "http.response.start", "status": 200, "headers": []})
            while True:
                await send({"type": "http.response.body", "body": b"data: {}\n\n", "more_body": True})
                await asyncio.sleep(0.05)
        finally:
            ended.append(scope["state"]["person"])

    async def wait(scope: Any, receive: Any, send: Any) -> None:
        del scope, receive, send
        await asyncio.sleep(60)

    async def call(app: Any, name: str, told: list[Any]) -> None:
        async def receive() -> Any:
            await asyncio.sleep(600)

        async def send(message: Any) -> None:
            told.append(message)

        headers = [(b"host", b"127.0.0.1:1"), (b"authorization", f"Bearer {tokens[name]}".encode())]
        scope = {"type": "http", "method": "GET", "path": "/api/x", "query_string": b"", "headers": headers}
        await app(scope, receive, send)

    async def main() -> None:
        gate = People(people)
        streaming = Guard(stream, hosts=["127.0.0.1"], gate=gate)
        waiting = Guard(wait, hosts=["127.0.0.1"], gate=gate)
        adas: list[Any] = []
        bobs: list[Any] = []
        unanswered: list[Any] = []
        bob = asyncio.create_task(call(streaming, "bob", bobs))
        ada = asyncio.gather(call(streaming, "ada", adas), call(waiting, "ada", unanswered))
        await asyncio.sleep(0.3)
        remove_person(people, "ada")
        await asyncio.wait_for(ada, 60)
        assert adas[-1] == {"type": "http.response.body", "body": b"", "more_body": False}
        assert unanswered[0]["status"] == 401
        assert ended == ["ada"]
        heard = len(bobs)
        await asyncio.sleep(0.3)
        assert len(bobs) > heard, "others hear on"
        bob.cancel()
        with pytest.raises(asyncio.CancelledError):
            await bob
        assert ended == ["ada", "bob"]

    asyncio.run(main())


def test_each_asks_a_library_of_their_own(settings: Settings, serve: Any, people: Path) -> None:
    tokens = {name: add_person(people, name) for name in ("ada", "bob")}
    folder = settings_of("ada", settings).library_dir
    assert folder is not None
    paper = people.with_name("secret.md")
    paper.write_text(
        "# Zyrtanite\n\nZyrtanite is a silver telluride that Ada found. Zyrtanite superconducts below 41 K.\n",
        encoding="utf-8",
    )
    assert not ingest([paper], folder=folder, settings=settings).failures
    with serve(settings, gate=People(people)) as address:
        answers: dict[str, str] = {}
        for name, token in tokens.items():
            with httpx.Client(base_url=address, headers={"X-Matsmith": "1"}, timeout=120) as client:
                client.headers["Authorization"] = f"Bearer {token}"
                reply = client.post(
                    "/api/ask", json={"question": "At what temperature does zyrtanite superconduct?"}
                )
                assert reply.status_code == 200, reply.text
                answers[name] = reply.text
    assert "41 K" in answers["ada"]
    assert "41 K" not in answers["bob"]
    assert "secret" not in answers["bob"]


def copper() -> str:
    return str(Structure.from_spacegroup("Fm-3m", Lattice.cubic(3.7), ["Cu"], [[0, 0, 0]]).to(fmt="cif"))


def test_each_sees_and_steers_only_their_own(settings: Settings, serve: Any, people: Path) -> None:
    tokens = {name: add_person(people, name) for name in ("ada", "bob")}
    with serve(settings, gate=People(people), runs_each=1, runs_together=1) as address:

        def client_of(name: str) -> httpx.Client:
            headers = {"X-Matsmith": "1", "Authorization": f"Bearer {tokens[name]}"}
            return httpx.Client(base_url=address, headers=headers, timeout=60)

        with client_of("ada") as ada, client_of("bob") as bob, httpx.Client(base_url=address) as stranger:
            for path in (
                "/",
                "/api/runs",
                "/api/openapi.json",
                "/static/page.css",
                f"/?token={tokens['ada'][:-2]}xx",
            ):
                assert stranger.get(path).status_code == 401, path
            assert (
                stranger.get(
                    "/api/runs", headers={"Authorization": f"Bearer {hash_of(tokens['ada'])}"}
                ).status_code
                == 401
            )
            assert ada.get("/api/about").json()["person"] == "ada"
            # A page that is opened with a token keeps it in a cookie; another token in the address is another person.
            assert stranger.get(f"/?token={tokens['bob']}").status_code == 200
            assert stranger.get("/api/about").json()["person"] == "bob"
            assert stranger.get("/?token=wrong-but-long-enough").status_code == 401

            record = ada.post("/api/tools/symmetry", json={"structure": copper()}).json()
            held = ada.post("/api/tools/symmetry", json={"structure": record["inputs"]["structure"]})
            assert held.status_code == 200, held.text
            taken = bob.post("/api/tools/symmetry", json={"structure": record["inputs"]["structure"]})
            assert taken.status_code == 400
            assert "names no record" in taken.json()["message"]

            with ada.stream("POST", "/api/threads/secret/turns", json={"text": "/help"}) as turn:
                turn.read()
            assert [thread["name"] for thread in ada.get("/api/threads").json()] == ["secret"]
            assert bob.get("/api/threads").json() == []
            assert bob.get("/api/threads/secret").json() == []

            plan = ada.post(
                "/api/plan", json={"objective": "a copper-gold intermetallic, bulk modulus above 100 GPa"}
            ).json()
            spec = {**plan["spec"], "budget": {**plan["spec"]["budget"], "wall_time_s": 120}}
            name = ada.post("/api/runs", json={"spec": spec}).json()["name"]
            assert [run["name"] for run in ada.get("/api/runs").json()] == [name]
            assert bob.get("/api/runs").json() == []
            for method, path in (
                ("GET", f"/api/runs/{name}"), ("GET", f"/api/runs/{name}/events"), ("GET", f"/api/runs/{name}/report"),
                ("POST", f"/api/runs/{name}/stop"), ("POST", f"/api/runs/{name}/resume"),
            ):  # fmt: skip
                refused = bob.request(method, path, json={} if method == "POST" else None)
                assert refused.status_code == 404, (method, path)
            full, own = bob.post("/api/runs", json={"spec": spec}), ada.post("/api/runs", json={"spec": spec})
            assert full.status_code == own.status_code == 429
            assert "others" in full.json()["message"]
            assert "1 run is at work" in own.json()["message"]
            assert ada.post(f"/api/runs/{name}/stop").status_code == 200
    assert (settings_of("ada", settings).runs_dir / name).is_dir()
    assert not settings.runs_dir.exists()


@pytest.fixture
def sleeping(tmp_path: Path) -> Iterator[Path]:
    """A folder of runs, in which a process works on one."""
    folder = tmp_path / "runs" / "busy"
    folder.mkdir(parents=True)
    process = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(120)", str(folder)])
    (folder / "process.json").write_text(json.dumps({"pid": process.pid}))
    (tmp_path / "runs" / "ended").mkdir()
    (tmp_path / "runs" / "ended" / "process.json").write_text(json.dumps({"pid": os.getpid()}))
    yield tmp_path / "runs"
    process.kill()
    process.wait()


def test_room_counts_what_is_at_work_whoever_started_it(sleeping: Path, tmp_path: Path) -> None:
    assert at_work(sleeping) == 1
    assert at_work(tmp_path / "nothing") == 0
    Room(each=2).check(sleeping)
    with pytest.raises(TooManyRunsError, match="1 run is"):
        Room(each=1).check(sleeping)
    everyone = Room(each=2, together=1, folders=lambda: [sleeping, tmp_path / "nothing"])
    with pytest.raises(TooManyRunsError, match="others have taken"):
        everyone.check(tmp_path / "nothing")


class _Slow:
    """An executor that works until it is let go or closed."""

    def __init__(self) -> None:
        self.go = threading.Event()
        self.served: list[str] = []

    def stream(self, request: Message, *, deadline: float | None = None) -> Iterator[Message]:
        self.served.append(request["who"])
        self.go.wait(120)
        yield {"done": True}

    def warm_up(self) -> None: ...

    def close(self) -> None:
        self.served.append("closed")
        self.go.set()


def test_the_line_before_the_worker_is_kept_and_can_be_left() -> None:
    slow = _Slow()
    worker = SharedWorker(slow)
    shares = {name: worker.share() for name in ("first", "second", "third")}
    ended: dict[str, str] = {}

    def ask(name: str) -> None:
        try:
            list(shares[name].stream({"who": name}))
            ended[name] = "served"
        except WorkerError as error:
            ended[name] = error.message

    threads: list[threading.Thread] = []
    for name in shares:
        threads.append(threading.Thread(target=ask, args=(name,)))
        threads[-1].start()
        time.sleep(0.1)
    assert slow.served == ["first"]
    shares["second"].close()
    threads[1].join(30)
    assert "while it waited" in ended["second"]
    assert slow.served == ["first"], "leaving the line must not end the work of another"
    with pytest.raises(BudgetExceeded):
        list(worker.share().stream({"who": "late"}, deadline=time.monotonic() + 0.3))
    slow.go.set()
    for thread in threads:
        thread.join(30)
    assert slow.served == ["first", "third"]
    assert ended["first"] == ended["third"] == "served"
