"""The page's server over HTTP: what a stranger may not do, runs from start to stop, tools, literature, conversations."""

from __future__ import annotations

import contextlib
import json
import time
from pathlib import Path
from typing import Any

import httpx
import pytest
from pymatgen.core import Lattice, Structure

from matsmith.app.web.guard import LARGEST_BODY
from matsmith.core.settings import Settings

OURS = {"X-Matsmith": "1"}


def call(address: str, **options: Any) -> httpx.Client:
    return httpx.Client(base_url=address, timeout=60, headers=OURS, **options)


def copper() -> str:
    return Structure.from_spacegroup("Fm-3m", Lattice.cubic(3.7), ["Cu"], [[0, 0, 0]]).to(fmt="cif")


def test_only_the_page_itself_may_call(address: str) -> None:
    with httpx.Client(base_url=address) as client:
        page = client.get("/")
        assert page.status_code == 200
        assert "script-src 'self'" in page.headers["content-security-policy"]
        assert page.headers["x-content-type-options"] == "nosniff"
        assert client.get("/api/runs", headers={"Host": "evil.example"}).status_code == 421
        assert client.post("/api/plan", json={"objective": "an oxide"}).status_code == 403
        foreign = {**OURS, "Origin": "http://evil.example"}
        assert client.post("/api/plan", json={"objective": "an oxide"}, headers=foreign).status_code == 403
        assert client.get("/api/runs", headers={"Origin": "null"}).status_code == 403
        assert client.post("/api/plan", json={"objective": "an oxide"}, headers=OURS).status_code == 200


@pytest.mark.parametrize(
    "path",
    [
        "/static/../application.py",
        "/static/%2e%2e/application.py",
        "/api/runs/..%2f..%2fetc/report",
        "/api/runs/../../etc",
        "/api/runs/x/records/..",
        "/api/runs/x/candidates/..%2f..%2fpasswd.cif",
        "/api/threads/..%2f..",
        "/api/tools/..%2fx",
    ],
)
def test_no_path_leads_out(address: str, path: str) -> None:
    with call(address) as client:
        answer = client.get(path)
        assert answer.status_code in (404, 405, 422)
        assert "root:" not in answer.text
        assert "import" not in answer.text


def test_too_much_is_refused_before_it_is_read(address: str) -> None:
    with call(address) as client:
        # The server may hang up while the rest is still coming.
        with contextlib.suppress(httpx.WriteError):
            assert client.post("/api/plan", content=b"x" * (LARGEST_BODY + 1)).status_code == 413

        def endless() -> Any:
            for _ in range(LARGEST_BODY // 100_000 + 5):
                yield b"x" * 100_000

        try:
            answer = client.post("/api/plan", content=endless())
        except httpx.HTTPError:
            return
        assert answer.status_code >= 400


def test_a_token_is_asked_for_and_comes_back_as_a_cookie(settings: Settings, serve: Any) -> None:
    with serve(settings, token="a-long-enough-token") as address, httpx.Client(base_url=address) as client:
        assert client.get("/").status_code == 401
        assert client.get("/api/runs").status_code == 401
        assert client.get("/?token=wrong").status_code == 401
        assert (
            client.get("/api/runs", headers={"Authorization": "Bearer a-long-enough-token"}).status_code
            == 200
        )
        opened = client.get("/?token=a-long-enough-token")
        assert opened.status_code == 200
        assert "HttpOnly" in opened.headers["set-cookie"]
        assert "SameSite=Strict" in opened.headers["set-cookie"]
        assert client.get("/api/runs").status_code == 200


def test_an_objective_is_understood_or_refused(address: str) -> None:
    with call(address) as client:
        plan = client.post(
            "/api/plan", json={"objective": "a stable oxide with a bulk modulus above 150 GPa, no cobalt"}
        ).json()
        assert plan["runnable"]
        assert {target["property"] for target in plan["spec"]["targets"]} == {
            "energy_above_hull",
            "bulk_modulus",
        }
        assert client.post("/api/plan", json={"objective": ""}).status_code == 422
        nothing = client.post("/api/plan", json={"objective": "hello there"})
        assert nothing.status_code in (200, 400)
        broken = {**plan["spec"], "targets": [{"property": "no_such_property"}]}
        answer = client.post("/api/runs", json={"spec": broken})
        assert answer.status_code == 400
        assert "targets" in answer.json()["message"]


def test_a_run_is_started_followed_and_stopped(address: str, settings: Settings) -> None:
    with call(address) as client:
        plan = client.post(
            "/api/plan", json={"objective": "a copper-gold intermetallic, bulk modulus above 100 GPa"}
        ).json()
        spec = {**plan["spec"], "budget": {**plan["spec"]["budget"], "wall_time_s": 300}}
        started = client.post("/api/runs", json={"spec": spec})
        assert started.status_code == 201, started.text
        name = started.json()["name"]
        young = client.get(f"/api/runs/{name}").json()
        assert young["state"] == "running"

        seen: list[tuple[int, dict[str, Any]]] = []
        for number, event in follow(client, name):
            seen.append((number, event))
            if event["kind"] in ("round", "progress", "candidate"):
                break
        assert [number for number, _ in seen] == list(range(1, len(seen) + 1))
        assert seen[0][1]["kind"] == "started"
        # A browser that comes back asks for what it has not seen.
        later = next(follow(client, name, after=2))
        assert later[0] == 3

        begun = time.monotonic()
        assert "stopped" in client.post(f"/api/runs/{name}/stop").json()["sentence"]
        assert time.monotonic() - begun < 60  # the run has five minutes
        line = next(run for run in client.get("/api/runs").json() if run["name"] == name)
        assert line["state"] in ("interrupted", "met", "budget", "stalled")
        detail = client.get(f"/api/runs/{name}").json()
        assert detail["header"]["objective"].startswith("a copper-gold")
        assert "records" not in detail
        assert (settings.runs_dir / name / "ledger.sqlite").is_file()
        assert client.post(f"/api/runs/{name}/stop").status_code in (400, 404)


def follow(client: httpx.Client, name: str, *, after: int = 0) -> Any:
    headers = {"Last-Event-ID": str(after)} if after else {}
    with client.stream("GET", f"/api/runs/{name}/events", headers=headers, timeout=120) as stream:
        number = 0
        for line in stream.iter_lines():
            if line.startswith("id: "):
                number = int(line[4:])
            elif line.startswith("data: ") and line != "data: {}":
                yield number, json.loads(line[6:])


def test_tools_run_on_structures_sent_as_text(address: str, tmp_path: Path) -> None:
    with call(address) as client:
        names = {tool["name"] for tool in client.get("/api/tools").json()}
        assert {"relax", "symmetry", "stability"} <= names
        record = client.post("/api/tools/symmetry", json={"structure": copper()}).json()
        assert "Fm-3m" in json.dumps(record["outcome"])
        path = tmp_path / "cu.cif"
        path.write_text(copper())
        refused = client.post("/api/tools/symmetry", json={"structure": str(path)})
        assert refused.status_code == 400
        assert "reads no files" in refused.json()["message"] + refused.json()["hint"]
        assert client.post("/api/tools/no_such", json={}).status_code in (400, 404)
        assert (
            client.post("/api/tools/symmetry", json={"structure": "data_\n_cell_length_a ?"}).status_code
            == 400
        )


def test_the_literature_answers_with_quotes_or_not_at_all(address: str) -> None:
    with call(address) as client:
        found = client.post("/api/ask", json={"question": "Which garnet conducts lithium ions?"}).json()
        assert found["answered"]
        assert all(statement["quotes"] for statement in found["statements"])
        lost = client.post(
            "/api/ask", json={"question": "Who won the football match in Lisbon yesterday?"}
        ).json()
        assert not lost["answered"]
        assert lost["refusal"]


def turn(client: httpx.Client, thread: str, **body: Any) -> list[dict[str, Any]]:
    with client.stream("POST", f"/api/threads/{thread}/turns", json=body, timeout=120) as stream:
        return [json.loads(line[6:]) for line in stream.iter_lines() if line.startswith("data: ")]


def test_a_conversation_takes_a_file_and_is_kept(address: str) -> None:
    with call(address) as client:
        sent = client.post(
            "/api/threads/trial/files", files={"file": ("../../my copper.cif", copper().encode())}
        )
        assert sent.status_code == 201
        name = sent.json()["name"]
        assert name == "my-copper.cif"
        told = turn(client, "trial", text=f"what is the space group of {name}?", files=[name])
        assert told[-1]["kind"] == "end", told
        assert "Fm-3m" in json.dumps(told)
        kept = client.get("/api/threads/trial").json()
        assert len(kept) == 1
        assert [thread["name"] for thread in client.get("/api/threads").json()] == ["trial"]
        odd = client.post("/api/threads/trial/files", files={"file": ("run.sh", b"echo")})
        assert odd.status_code == 400
        assert turn(client, "trial", text="x", files=["nothing.cif"])[-1]["kind"] == "failed"
