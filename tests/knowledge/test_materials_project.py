"""The Materials Project's client against a local server that speaks its protocol, and the answers that are kept."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.util import find_spec
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import parse_qs, urlparse

import pytest

from matsmith.knowledge.materials_project import MaterialsProjectError, project_entries

NOW = datetime(2025, 6, 1, tzinfo=UTC)
KEY = "0" * 32
needs_client = pytest.mark.skipif(find_spec("mp_api") is None, reason="mp-api is optional")


def _keep(folder: Path, *, date: str, energies: dict[str, float], **changed: object) -> Path:
    path = folder / "materials_project" / "Mg-O.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    held = {
        "thermo_type": "GGA_GGA+U",
        "date": date,
        "elements": ["O", "Mg"],
        "energies_ev_per_atom": energies,
    }
    path.write_text(json.dumps({**held, **changed}))
    return path


def test_a_fresh_answer_needs_neither_key_nor_network(tmp_path: Path) -> None:
    _keep(tmp_path, date=(NOW - timedelta(days=3)).isoformat(), energies={"O": -4.9, "Mg": -1.6, "MgO": -6.3})
    found = project_entries(["Mg", "O"], api_key=None, cache_dir=tmp_path, now=NOW)
    assert found.energies_ev_per_atom["MgO"] == -6.3
    assert found.elemental_energies() == {"O": -4.9, "Mg": -1.6}


def test_an_old_answer_is_used_with_its_date_when_the_server_cannot_be_asked(tmp_path: Path) -> None:
    _keep(tmp_path, date="2023-01-01T00:00:00+00:00", energies={"O": -4.9, "Mg": -1.6})
    assert project_entries(["O", "Mg"], api_key=None, cache_dir=tmp_path, now=NOW).date.startswith(
        "2023-01-01"
    )


@pytest.mark.parametrize("damage", ["not json", "[]", '{"date": "2025-05-31T00:00:00+00:00"}'])
def test_a_damaged_answer_is_no_answer(tmp_path: Path, damage: str) -> None:
    _keep(tmp_path, date=NOW.isoformat(), energies={}).write_text(damage)
    with pytest.raises(MaterialsProjectError, match="no key"):
        project_entries(["Mg", "O"], api_key=None, cache_dir=tmp_path, now=NOW)


def test_an_answer_on_another_energy_scale_is_not_used(tmp_path: Path) -> None:
    _keep(tmp_path, date=NOW.isoformat(), energies={"O": -1.0, "Mg": -1.0}, thermo_type="R2SCAN")
    with pytest.raises(MaterialsProjectError):
        project_entries(["Mg", "O"], api_key=None, cache_dir=tmp_path, now=NOW)


class _Project(BaseHTTPRequestHandler):
    """Answers the heartbeat and thermo queries; `mode` decides how."""

    mode: ClassVar[str] = "good"
    asked: ClassVar[list[dict[str, list[str]]]] = []

    def do_GET(self) -> None:
        address = urlparse(self.path)
        if address.path.rstrip("/").endswith("heartbeat"):
            beat: dict[str, Any] = {
                "status": "OK",
                "db_version": "2025.4.10",
                "version": "0.87.3",
                "access_controlled_batch_ids": [],
            }
            return self._send(200, beat)
        type(self).asked.append(parse_qs(address.query))
        if self.mode == "hang":
            threading.Event().wait(3.0)
            return None
        if self.mode == "foreign":
            return self._send(200, {"hello": "world"})
        if self.mode != "good":
            return self._send(int(self.mode), {"detail": "refused"})
        docs = [_document(*row) for row in ROWS]
        return self._send(200, {"data": docs, "meta": {"total_doc": len(docs)}})

    def _send(self, status: int, body: object) -> None:
        text = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, format: str, *args: object) -> None:
        """Keep quiet."""


# Cell, energy of the cell and correction of the cell in eV; the second MgO is a higher polymorph.
ROWS = [
    ({"Mg": 1}, -1.6, 0.0),
    ({"O": 2}, -9.9, 0.0),
    ({"Mg": 1, "O": 1}, -11.9, -0.687),
    ({"Mg": 2, "O": 2}, -23.0, -1.374),
]


def _document(cell: dict[str, int], energy: float, correction: float) -> dict[str, object]:
    species = [symbol for symbol, count in cell.items() for _ in range(count)]
    structure = {
        "@module": "pymatgen.core.structure",
        "@class": "Structure",
        "charge": 0,
        "lattice": {"matrix": [[4.0, 0.0, 0.0], [0.0, 4.0, 0.0], [0.0, 0.0, 4.0]]},
        "sites": [
            {
                "species": [{"element": symbol, "occu": 1}],
                "abc": [0.25 * place, 0.5 * (place % 2), 0.0],
                "label": symbol,
            }
            for place, symbol in enumerate(species)
        ],
    }
    entry: dict[str, Any] = {
        "@module": "pymatgen.entries.computed_entries",
        "@class": "ComputedStructureEntry",
        "energy": energy,
        "correction": correction,
        "composition": cell,
        "energy_adjustments": [
            {
                "@module": "pymatgen.entries.computed_entries",
                "@class": "ConstantEnergyAdjustment",
                "value": correction,
                "uncertainty": 0.0,
                "name": "oxide",
                "cls": {},
                "description": "anion correction",
            }
        ],
        "parameters": {"run_type": "GGA"},
        "data": {},
        "entry_id": f"mp-{len(species)}{cell.get('Mg', 0)}-GGA",
        "structure": structure,
    }
    return {"entries": {"GGA": entry}, "thermo_type": "GGA_GGA+U", "fields_not_requested": []}


@pytest.fixture
def endpoint() -> Iterator[str]:
    pytest.importorskip("mp_api.client")  # takes seconds the first time, which no time-out below shall count
    _Project.asked = []
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Project)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}/"
    server.shutdown()
    server.server_close()


@needs_client
def test_entries_come_through_the_real_client(
    endpoint: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_Project, "mode", "good")
    found = project_entries(["Mg", "O"], api_key=KEY, cache_dir=tmp_path, endpoint=endpoint, now=NOW)
    assert found.energies_ev_per_atom == pytest.approx({"Mg": -1.6, "O": -4.95, "MgO": (-11.9 - 0.687) / 2})
    assert {kind for query in _Project.asked for kind in query["thermo_types"]} == {"GGA_GGA+U"}
    kept = project_entries(["Mg", "O"], api_key=None, cache_dir=tmp_path, now=NOW)
    assert kept.energies_ev_per_atom == found.energies_ev_per_atom


@needs_client
@pytest.mark.parametrize(
    ("mode", "words", "retryable"),
    [
        ("401", "refused the key", False),
        ("500", "could not be asked", True),
        ("foreign", "understands", True),
    ],
)
def test_a_refusal_says_what_to_do(
    endpoint: str, monkeypatch: pytest.MonkeyPatch, mode: str, words: str, retryable: bool
) -> None:
    monkeypatch.setattr(_Project, "mode", mode)
    with pytest.raises(MaterialsProjectError, match=words) as caught:
        project_entries(["Mg", "O"], api_key=KEY, cache_dir=None, endpoint=endpoint, timeout_s=120)
    assert caught.value.retryable is retryable
    assert caught.value.hint
    asked = len(_Project.asked)
    with pytest.raises(MaterialsProjectError, match=words):
        project_entries(["Al", "O"], api_key=KEY, cache_dir=None, endpoint=endpoint, timeout_s=120)
    assert len(_Project.asked) == asked  # the server is left alone after a failure


@needs_client
def test_too_many_questions_can_be_asked_again_later(endpoint: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_Project, "mode", "429")
    with pytest.raises(MaterialsProjectError, match="limits") as caught:
        project_entries(["Mg", "O"], api_key=KEY, cache_dir=None, endpoint=endpoint, timeout_s=120)
    assert caught.value.retryable


@needs_client
def test_a_server_that_hangs_does_not_hold_up_a_run(endpoint: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_Project, "mode", "hang")
    with pytest.raises(MaterialsProjectError, match="did not answer in 1 s") as caught:
        project_entries(["Mg", "O"], api_key=KEY, cache_dir=None, endpoint=endpoint, timeout_s=1)
    assert caught.value.retryable
