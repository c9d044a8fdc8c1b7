"""Fetching and converting against a local server that serves small Matbench files, well and badly."""

from __future__ import annotations

import gzip
import hashlib
import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from matsmith.core.errors import DataError, UsageError
from matsmith.knowledge.downloads import Progress, fetch, get_data
from matsmith.knowledge.matbench_files import DOWNLOADS, Download, convert
from matsmith.knowledge.table_sources import SOURCES
from matsmith.knowledge.tables import KnownTables


def _crystal(**amounts: int) -> dict[str, Any]:
    sites = [
        {"species": [{"element": symbol, "occu": 1}], "abc": [0.1 * place, 0.0, 0.0], "label": symbol}
        for symbol, count in amounts.items()
        for place in range(count)
    ]
    return {
        "@module": "pymatgen.core.structure",
        "@class": "Structure",
        "lattice": {"a": 4.2},
        "sites": sites,
    }


ROWS: list[list[Any]] = [
    [_crystal(Mg=1, O=1), -3.0],
    [_crystal(O=6, Al=4), -3.442],
    [_crystal(Fe=2), 0.0],
    [_crystal(Al=2, O=3), -3.4],
]
FILE: dict[str, Any] = {
    "columns": ["structure", "e_form"],
    "data": ROWS,
    "index": ["mb-1", "mb-2", "mb-3", "mb-4"],
}


def _pack(content: Any, *, order: tuple[str, ...] = ("columns", "index", "data")) -> bytes:
    text = json.dumps({name: content[name] for name in order} if order else content)
    return gzip.compress(text.encode(), mtime=0)


@dataclass
class _Served:
    body: bytes
    mode: str = "good"
    etag: str = '"one"'
    ranges: list[str] = field(default_factory=list[str])
    released: threading.Event = field(default_factory=threading.Event)
    asked: int = 0


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, served: _Served) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.served = served


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        assert isinstance(self.server, _Server)
        served = self.server.served
        served.asked += 1
        if served.mode.isdigit():
            self.send_error(int(served.mode))
            return
        if served.mode == "hang":
            served.released.wait(60)
            self.close_connection = True
            return
        start = 0
        wanted = self.headers.get("Range")
        if wanted:
            served.ranges.append(wanted)
            if self.headers.get("If-Range") == served.etag:
                start = int(wanted.removeprefix("bytes=").removesuffix("-"))
        if start > len(served.body):
            self.send_error(416)
            return
        body = served.body[start:]
        self.send_response(206 if start else 200)
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(served.body) - 1}/{len(served.body)}")
        self.send_header("ETag", served.etag)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if served.mode in ("cut", "stall"):
            self.wfile.write(body[: len(body) // 2])
            self.wfile.flush()
            if served.mode == "stall":
                served.released.wait(60)
            self.close_connection = True
            return
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Keep quiet."""


@pytest.fixture
def served() -> Iterator[tuple[_Served, Download]]:
    content = _Served(body=_pack(FILE))
    server = _Server(content)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    yield (
        content,
        replace(
            DOWNLOADS[0],
            url=f"http://127.0.0.1:{server.server_address[1]}/matbench_mp_e_form.json.gz",
            rows=4,
            sha256=hashlib.sha256(content.body).hexdigest(),
        ),
    )
    content.released.set()
    server.shutdown()
    server.server_close()


def test_a_fetched_table_is_one_that_can_be_looked_up(
    served: tuple[_Served, Download], tmp_path: Path
) -> None:
    content, download = served
    seen: list[Progress] = []
    [made] = get_data(tmp_path, downloads=[download], progress=seen.append)
    assert (made.rows, made.dropped, made.new) == (4, 0, True)
    assert seen[-1].received_bytes == seen[-1].total_bytes == len(content.body)
    value = KnownTables(tmp_path).lookup("formation_energy", "Al2O3")
    assert value is not None
    assert value.value == -3.442
    assert value.rows == 2
    assert sorted(path.name for path in tmp_path.iterdir()) == [".downloads", "mp_formation_energy.csv.gz"]
    assert list((tmp_path / ".downloads").iterdir()) == []


def test_what_is_there_is_not_fetched_again(served: tuple[_Served, Download], tmp_path: Path) -> None:
    content, download = served
    get_data(tmp_path, downloads=[download])
    [again] = get_data(tmp_path, downloads=[download])
    assert not again.new
    assert content.asked == 1
    [forced] = get_data(tmp_path, downloads=[download], force=True)
    assert forced.new
    assert content.asked == 2


def test_a_download_goes_on_where_it_broke_off(served: tuple[_Served, Download], tmp_path: Path) -> None:
    content, download = served
    content.mode = "cut"
    with pytest.raises(DataError, match="broke off after") as caught:
        get_data(tmp_path, downloads=[download])
    assert caught.value.retryable
    assert not (tmp_path / download.file).exists()
    content.mode = "good"
    [made] = get_data(tmp_path, downloads=[download])
    assert made.rows == 4
    assert content.ranges == [f"bytes={len(content.body) // 2}-"]


def test_a_file_that_changed_in_between_is_fetched_from_its_start(
    served: tuple[_Served, Download], tmp_path: Path
) -> None:
    content, download = served
    content.mode = "cut"
    with pytest.raises(DataError):
        get_data(tmp_path, downloads=[download])
    content.mode, content.etag = "good", '"two"'
    content.body = _pack({**FILE, "data": [[_crystal(Ni=1), 0.5]] * 4})
    changed = replace(download, sha256=hashlib.sha256(content.body).hexdigest())
    [made] = get_data(tmp_path, downloads=[changed])
    assert made.rows == 4
    assert KnownTables(tmp_path).known_formulas("formation_energy") == {"Ni"}


@pytest.mark.parametrize(
    ("status", "retryable"), [(404, False), (403, False), (429, True), (500, True), (503, True)]
)
def test_a_server_that_refuses_is_named(
    served: tuple[_Served, Download], tmp_path: Path, status: int, retryable: bool
) -> None:
    content, download = served
    content.mode = str(status)
    with pytest.raises(DataError, match=f"answered {status}") as caught:
        get_data(tmp_path, downloads=[download])
    assert caught.value.retryable is retryable
    assert caught.value.hint


@pytest.mark.parametrize("mode", ["hang", "stall"])
def test_silence_is_not_waited_for(served: tuple[_Served, Download], tmp_path: Path, mode: str) -> None:
    content, download = served
    content.mode = mode
    with pytest.raises(DataError, match="silent") as caught:
        get_data(tmp_path, downloads=[download], timeout_s=0.3)
    assert caught.value.retryable
    assert not content.released.is_set()  # the server still holds its answer back


def test_no_network_is_one_clear_error(tmp_path: Path) -> None:
    nobody = replace(DOWNLOADS[0], url="http://127.0.0.1:9/nothing.json.gz")
    with pytest.raises(DataError, match="cannot be reached") as caught:
        get_data(tmp_path, downloads=[nobody, *DOWNLOADS[1:]])
    assert caught.value.retryable
    assert "network" in caught.value.hint


def test_another_file_than_the_known_one_is_refused(served: tuple[_Served, Download], tmp_path: Path) -> None:
    _, download = served
    with pytest.raises(DataError, match="not the file"):
        fetch(download.url, tmp_path / "file.json.gz", table=download.table, sha256="0" * 64)
    assert not list(tmp_path.glob("*.part"))
    assert not (tmp_path / "file.json.gz").exists()


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError, match="cannot be written"):
        get_data(tmp_path / "file" / "tables", downloads=[DOWNLOADS[0]])


def test_a_table_that_is_not_offered(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no table 'gold'"):
        get_data(tmp_path, names=["gold"])


@pytest.mark.parametrize(
    "order", [("columns", "index", "data"), ("index", "data", "columns"), ("data", "columns")]
)
def test_the_order_of_the_parts_does_not_matter(tmp_path: Path, order: tuple[str, ...]) -> None:
    source, target = tmp_path / "file.json.gz", tmp_path / "table.csv.gz"
    source.write_bytes(_pack(FILE, order=order))
    assert convert(source, target, download=replace(DOWNLOADS[0], rows=4)).rows == 4
    lines = gzip.decompress(target.read_bytes()).decode().splitlines()
    assert lines[:3] == ["formula,formation_energy_eV_per_atom", "Mg1O1,-3.0", "Al4O6,-3.442"]


def test_rows_longer_than_a_chunk_are_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("matsmith.knowledge.matbench_files._CHUNK_CHARACTERS", 7)
    source = tmp_path / "file.json.gz"
    source.write_bytes(_pack(FILE))
    assert convert(source, tmp_path / "table.csv.gz", download=replace(DOWNLOADS[0], rows=4)).rows == 4


def test_formulas_stand_in_for_crystals_where_there_are_none(tmp_path: Path) -> None:
    gaps = next(entry for entry in DOWNLOADS if entry.table == "expt_band_gap")
    source = tmp_path / "file.json.gz"
    rows = [["Ag(AuS)2", 0.0], ["GaAs", 1.42], ["nonsense!", 1.0], ["InP", None]]
    source.write_bytes(_pack({"columns": ["composition", "gap expt"], "data": rows}, order=()))
    made = convert(source, tmp_path / gaps.file, download=replace(gaps, rows=4))
    assert (made.rows, made.dropped) == (2, 2)
    value = KnownTables(tmp_path).lookup("measured_band_gap", "AsGa")
    assert value is not None
    assert value.value == 1.42
    assert value.truth == "experiment"


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (_pack(FILE)[:-20], "cut short"),
        (b"<html>moved</html>", "cut short"),
        (gzip.compress(b'{"columns": ["structure", "e_form"], "data": [[1, 2', mtime=0), "cut short"),
        (gzip.compress(b'{"index": [], "data": []}', mtime=0), "cut short"),
        (gzip.compress(b"[]", mtime=0), "cut short"),
        (_pack({"columns": ["structure", "other"], "data": ROWS}, order=()), "without e_form"),
        (_pack({"columns": ["structure", "e_form"], "data": ROWS[:2]}, order=()), "2 rows and not 4"),
    ],
    # Named, so that every worker of a run in parallel collects the same names.
    ids=["torn", "a page", "half a list", "nothing", "a list", "another column", "rows missing"],
)
def test_a_damaged_file_leaves_no_table(tmp_path: Path, content: bytes, words: str) -> None:
    source = tmp_path / "file.json.gz"
    source.write_bytes(content)
    with pytest.raises(DataError, match=words):
        convert(source, tmp_path / "table.csv.gz", download=replace(DOWNLOADS[0], rows=4))
    assert not (tmp_path / "table.csv.gz").exists()


def test_what_is_fetched_is_what_the_tables_expect() -> None:
    assert all(entry.url.startswith("https://") for entry in DOWNLOADS)
    for entry in DOWNLOADS:
        if entry.needed:
            assert SOURCES[entry.table].column == entry.column
