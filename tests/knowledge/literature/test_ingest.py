"""Ingest from end to end: real files, the real reader process, and every bad input with the rest taken in."""

from __future__ import annotations

import json
import os
import re
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from matsmith.core.errors import UsageError
from matsmith.core.settings import Settings
from matsmith.knowledge.literature.ingest import ingest
from matsmith.knowledge.literature.library import Library
from matsmith.knowledge.literature.library_file import FILE_NAME
from matsmith.knowledge.literature.retrieval import Retriever

GOOD = "A made paper about oxides\n\nThe bulk modulus of magnesium oxide is 160 GPa. It was measured by ultrasound."


def titles(folder: Path) -> set[str]:
    with Library.open(folder) as library:
        return {entry.title for entry in library.documents() if entry.kind != "note"}


def test_a_folder_is_taken_in_once(tmp_path: Path, words_only: Settings) -> None:
    papers = tmp_path / "papers"
    (papers / "deep").mkdir(parents=True)
    (papers / ".hidden").mkdir()
    (papers / "a.txt").write_text(GOOD)
    (papers / "deep" / "copy.txt").write_text(GOOD)
    (papers / "b.md").write_text(
        "# Garnets conduct lithium\n\nThe conductivity of LLZO is 3e-4 S/cm in the crucible of zirconia."
    )
    (papers / ".hidden" / "c.txt").write_text("Hidden text stays out.")
    (papers / "data.csv").write_text("1,2")
    told: list[tuple[str, int, int]] = []

    def tell(stage: str, done: int, total: int, name: str) -> None:
        told.append((stage, done, total))

    first = ingest([papers], folder=tmp_path / "library", settings=words_only, tell=tell)
    assert (first.new, first.same, first.unchanged, first.skipped, first.failures) == (2, 1, 0, 1, [])
    assert ("reading", 3, 3) in told
    second = ingest([papers, papers / "a.txt"], folder=tmp_path / "library", settings=words_only)
    assert (second.new, second.unchanged, second.documents) == (0, 3, 2)
    with Library.open(tmp_path / "library") as library:
        found = Retriever(library, settings=words_only).search("lithium lanthanum zirconate in a crucible")
        assert found[0].name == "b.md"
        assert all(library.verify(passage) for passage in found)


def test_a_changed_file_replaces_what_came_of_it(tmp_path: Path, words_only: Settings) -> None:
    file = tmp_path / "a.txt"
    file.write_text(GOOD)
    ingest([file], folder=tmp_path / "library", settings=words_only)
    os.utime(file, ns=(1, 1))
    assert ingest([file], folder=tmp_path / "library", settings=words_only).unchanged == 1
    file.write_text(GOOD.replace("160", "161").replace("A made paper about oxides", "Another title"))
    report = ingest([file], folder=tmp_path / "library", settings=words_only)
    assert (report.new, report.documents) == (1, 1)
    assert titles(tmp_path / "library") == {"Another title"}


def test_bibtex_describes_its_files_and_gives_abstracts(tmp_path: Path, words_only: Settings) -> None:
    papers = tmp_path / "papers"
    papers.mkdir()
    (papers / "full.txt").write_text("Only the text is here. The modulus is 160 GPa.")
    (tmp_path / "outside.txt").write_text("This must not be read.")
    (papers / "refs.bib").write_text(
        "@article{a, title={The full paper on moduli}, author={Sun, Wei}, year={2016}, doi={10.1234/full}, file={full.txt}}\n"
        "@article{b, title={Abstract alone}, abstract={Garnets conduct lithium.}}\n"
        "@article{c, title={Neither}, file={../outside.txt}}\n"
    )
    report = ingest([papers], folder=tmp_path / "library", settings=words_only)
    assert titles(tmp_path / "library") == {"The full paper on moduli", "Abstract alone"}
    assert [failure.path.rsplit("#")[-1] for failure in report.failures] == ["c"]
    with Library.open(tmp_path / "library") as library:
        entry = next(entry for entry in library.documents() if entry.doi)
        assert (entry.authors, entry.year, entry.doi) == (("Sun, Wei",), 2016, "10.1234/full")
    assert ingest([papers], folder=tmp_path / "library", settings=words_only).unchanged == 2


def test_every_bad_file_is_named_and_the_rest_taken_in(
    tmp_path: Path, words_only: Settings, pdf: Any
) -> None:
    pytest.importorskip("pypdfium2")
    papers = tmp_path / "papers"
    papers.mkdir()
    (papers / "good.txt").write_text(GOOD)
    good_pdf = pdf.write_pdf(
        [pdf.page_of_lines(["A PDF under a wrong ending is read all the same.", "It tells of oxides."])]
    )
    (papers / "really_pdf.txt").write_bytes(good_pdf)
    bad = {
        "scan.pdf": (pdf.write_pdf([[]]), "scanned"),
        "page.pdf": (b"<!DOCTYPE html><html>Log in</html>", "web page"),
        "damaged.pdf": (good_pdf[:200], "damaged|no PDF"),
        "archive.txt": (b"PK\x03\x04" + b"\0" * 100, "archive"),
        "packed.xml": (b"\x1f\x8b" + b"\0" * 100, "compressed"),
        "binary.txt": (bytes(range(256)) * 50, "no text"),
        "empty.txt": (b"", "empty"),
        "broken.xml": (b"<?xml version='1.0'?><article><body>", "broken XML"),
        "picture.html": (b"\x89PNG\r\n\x1a\n", "picture"),
    }
    for name, (data, _) in bad.items():
        (papers / name).write_bytes(data)
    with (papers / "huge.pdf").open("wb") as huge:
        huge.write(b"%PDF-1.4")
        huge.truncate(2_000_000_000)
    os.mkfifo(papers / "pipe.txt")
    report = ingest([papers], folder=tmp_path / "library", settings=words_only)
    said = {Path(failure.path).name: failure for failure in report.failures}
    expected = {
        **{name: reason for name, (_, reason) in bad.items()},
        "huge.pdf": "2,000 MB",
        "pipe.txt": "no regular file",
    }
    assert said.keys() == expected.keys()
    for name, reason in expected.items():
        assert re.search(reason, said[name].message), said[name]
        assert said[name].hint
        assert name in said[name].message
    assert report.new == 2


def test_a_file_that_kills_or_stalls_the_reader_costs_itself_alone(
    tmp_path: Path, words_only: Settings, flate_bomb: Callable[[int], bytes]
) -> None:
    pytest.importorskip("pypdfium2")
    papers = tmp_path / "papers"
    papers.mkdir()
    (papers / "a_bomb.pdf").write_bytes(flate_bomb(3000))
    (papers / "good.txt").write_text(GOOD)
    report = ingest([papers], folder=tmp_path / "library", settings=words_only)
    assert [Path(failure.path).name for failure in report.failures] == ["a_bomb.pdf"]
    assert report.new == 1


def test_a_name_that_steers_a_terminal_is_taken_in_and_shown_harmless(
    tmp_path: Path, words_only: Settings
) -> None:
    papers = tmp_path / "papers"
    papers.mkdir()
    (papers / "a\x1b[2J\nb.txt").write_text(GOOD)
    Path(os.fsdecode(os.fsencode(papers) + b"/\xff\xfe.txt")).write_text(
        "Bytes that are no letters name this file of oxides."
    )
    report = ingest([papers], folder=tmp_path / "library", settings=words_only)
    assert (report.new, report.failures) == (2, [])
    with Library.open(tmp_path / "library") as library:
        paths = [entry.path for entry in library.documents() if entry.kind != "note"]
    assert all(path.isprintable() for path in paths)


def test_nothing_at_the_path(tmp_path: Path, words_only: Settings) -> None:
    with pytest.raises(UsageError, match="nothing at"):
        ingest([tmp_path / "none"], folder=tmp_path / "library", settings=words_only)
    assert not (tmp_path / "library").exists()


RUN = """
import resource, sys
from pathlib import Path
limit = int(sys.argv[3])
if limit:
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
from matsmith.core.errors import MatsmithError
from matsmith.core.settings import Settings
from matsmith.knowledge.literature.ingest import ingest
def tell(stage, done, total, name):
    print(stage, done, flush=True)
try:
    report = ingest([Path(sys.argv[1])], folder=Path(sys.argv[2]), settings=Settings(embedding_model="none"), tell=tell)
except MatsmithError as error:
    print("refused:", error, flush=True)
    sys.exit(1)
print("passages", report.passages, flush=True)
"""


def start(papers: Path, library: Path, *, most_bytes: int = 0) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", RUN, str(papers), str(library), str(most_bytes)],
        stdout=subprocess.PIPE,
        text=True,
    )


def many(folder: Path, count: int, *, words: int = 30) -> Path:
    folder.mkdir()
    for number in range(count):
        text = (
            f"Paper number {number} of many others\n\n"
            + f"Oxide {number} has a modulus of {100 + number} GPa. " * words
        )
        (folder / f"{number:02}.txt").write_text(text)
    return folder


def intact(library: Path) -> bool:
    connection = sqlite3.connect(library / FILE_NAME)
    try:
        return connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    finally:
        connection.close()


def test_two_writers_and_a_killed_one_leave_a_whole_library(tmp_path: Path, words_only: Settings) -> None:
    papers = many(tmp_path / "papers", 12)
    library = tmp_path / "library"
    killed, whole = start(papers, library), start(papers, library)
    assert killed.stdout is not None
    for line in killed.stdout:
        if line.startswith("reading 4"):
            break
    killed.kill()
    killed.wait()
    output, _ = whole.communicate(timeout=120)
    assert whole.returncode == 0, output
    assert intact(library)
    report = ingest([papers], folder=library, settings=words_only)
    assert (report.unchanged, report.documents, report.failures) == (12, 12, [])
    with Library.open(library) as opened:
        assert len(opened.documents()) == len({entry.id for entry in opened.documents()})
        assert (
            Retriever(opened, settings=words_only).search("modulus of 111 GPa", limit=1)[0].name == "11.txt"
        )


def test_a_full_disk_is_said_and_the_next_run_goes_on(tmp_path: Path, words_only: Settings) -> None:
    papers = many(tmp_path / "papers", 12, words=1500)
    library = tmp_path / "library"
    refused = start(papers, library, most_bytes=1_000_000)
    output, _ = refused.communicate(timeout=120)
    assert refused.returncode == 1, output
    last = output.splitlines()[-1]
    assert last.startswith("refused:")
    assert "same command again" in last
    assert intact(library)
    report = ingest([papers], folder=library, settings=words_only)
    assert report.documents == 12
    assert report.new + report.unchanged + report.same == 12
    pointer = json.loads((library / "bm25" / "current").read_text())
    assert [path.name for path in (library / "bm25").glob("index-*")] == [pointer["folder"]]


LONG_TITLE = "# The elastic constants of hafnium nitride films\n\n"


def test_a_file_that_became_shorter_replaces_its_earlier_state(tmp_path: Path, words_only: Settings) -> None:
    file, folder = tmp_path / "a.md", tmp_path / "library"
    file.write_text(LONG_TITLE + "The bulk modulus of HfN is 269 GPa. " + "More of it follows here. " * 20)
    ingest([file], folder=folder, settings=words_only)
    with Library.open(folder) as library:
        (entry,) = (entry for entry in library.documents() if entry.kind != "note")
        library.set_metadata(entry.id, doi="10.1234/x", retracted=True)
    file.write_text(LONG_TITLE + "The bulk modulus of HfN is 270 GPa.")
    report = ingest([file], folder=folder, settings=words_only)
    assert (report.documents, report.failures) == (1, [])
    with Library.open(folder) as library:
        (entry,) = (entry for entry in library.documents() if entry.kind != "note")
        # What a service has said of the paper stays.
        assert (entry.doi, entry.retracted) == ("10.1234/x", True)
        document = library.document(entry.id)
        assert document is not None
        assert "270 GPa" in document.text
    assert ingest([file], folder=folder, settings=words_only).unchanged == 1


def test_a_lesser_copy_keeps_the_paper_when_the_fuller_one_becomes_another(
    tmp_path: Path, words_only: Settings
) -> None:
    full, lesser, folder = tmp_path / "a.md", tmp_path / "b.md", tmp_path / "library"
    full.write_text(LONG_TITLE + "The bulk modulus of HfN is 269 GPa. " + "More of it follows here. " * 20)
    lesser.write_text(LONG_TITLE + "The bulk modulus of HfN is 269 GPa.")
    ingest([full], folder=folder, settings=words_only)
    assert ingest([lesser], folder=folder, settings=words_only).same == 1
    full.write_text("# Another paper about the density of garnets and spinels\n\nIt is about something else.")
    ingest([tmp_path], folder=folder, settings=words_only)
    assert "The elastic constants of hafnium nitride films" in titles(folder)
