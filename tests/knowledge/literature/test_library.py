"""The library's file: what is kept, one paper once, versions, two writers."""

from __future__ import annotations

import sqlite3
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from matsmith.core.errors import DataError
from matsmith.knowledge.literature.documents import SourceDocument, document_id
from matsmith.knowledge.literature.library import Library, SourceState
from matsmith.knowledge.literature.library_file import FILE_NAME, SCHEMA_VERSION, writer_lock
from matsmith.knowledge.literature.notes import built_in_documents


def paper(text: str, *, title: str = "T", doi: str = "", path: str = "a.txt") -> SourceDocument:
    return SourceDocument(
        id=document_id(text),
        title=title,
        authors=(),
        year=None,
        doi=doi,
        kind="text",
        path=path,
        retracted=None,
        text=text,
    )


TEXT = "The bulk modulus of magnesium oxide is 160 GPa. It was measured by ultrasound.\n\nÅngström: 4.21 Å."


def test_what_is_added_comes_back_word_for_word(tmp_path: Path) -> None:
    with Library.open(tmp_path, create=True) as library:
        assert library.add(paper(TEXT)) == "new"
    with Library.open(tmp_path) as library:
        document = library.document(document_id(TEXT))
        assert document is not None
        assert document.text == TEXT
        passages = library.passages_of(document.id)
        assert passages
        assert all(document.holds(p) and library.verify(p) for p in passages)
        assert not library.verify(replace(passages[0], text=passages[0].text.replace("160", "170")))
        assert library.passages([1])[1] == passages[0]


def test_one_paper_is_kept_once_and_the_fuller_copy_wins(tmp_path: Path) -> None:
    with Library.open(tmp_path, create=True) as library:
        abstract = replace(
            paper("The short abstract of the paper on moduli.", doi="10.1/a"), year=2001, authors=("Sun, W.",)
        )
        assert library.add(abstract) == "new"
        assert library.add(paper(TEXT, doi="10.1/a", path="full.txt")) == "better"
        assert library.add(abstract) == "same"
        assert library.add(paper(TEXT)) == "same"
        (entry,) = library.documents()
        assert (entry.path, entry.year, entry.authors, entry.doi) == (
            "full.txt",
            2001,
            ("Sun, W.",),
            "10.1/a",
        )
        assert len(library.passages_of(entry.id)) == library.passage_count == entry.passages


def test_a_retraction_shows_in_every_passage(tmp_path: Path) -> None:
    with Library.open(tmp_path, create=True) as library:
        library.add(paper(TEXT))
        library.set_metadata(
            document_id(TEXT),
            retracted=True,
            year=1999,
            title="Another title",
            authors=["Moon, K."],
            doi="10.1/B",
        )
        assert all(p.retracted and p.title == "Another title" for p in library.passages_of(document_id(TEXT)))
        document = library.document(document_id(TEXT))
        assert document is not None
        assert (document.year, document.doi, document.authors) == (1999, "10.1/b", ("Moon, K.",))


def test_the_stamp_changes_with_the_passages_alone(tmp_path: Path) -> None:
    with Library.open(tmp_path, create=True) as library:
        stamps = [library.stamp]
        library.add(paper(TEXT))
        stamps.append(library.stamp)
        library.add(paper(TEXT))
        library.note_source(
            "a.txt", SourceState(bytes=1, modified_ns=2, digest="d", document_ids=(document_id(TEXT),))
        )
        library.remove("unknown")
        assert library.stamp == stamps[-1]
        library.remove(document_id(TEXT))
        stamps.append(library.stamp)
        assert len(set(stamps)) == 3
        assert library.passage_count == 0


def test_notes_are_brought_up_to_date(tmp_path: Path) -> None:
    with Library.open(tmp_path, create=True) as library:
        library.add(
            replace(
                paper("An old note that is no longer there."),
                kind="note",
                text="---\ntitle: Old\n---\nAn old note (A 1999, doi:10.1/a).",
            )
        )
        library.synchronise_notes()
        assert {entry.id for entry in library.documents()} == {d.id for d in built_in_documents()}


def test_the_built_in_library_is_the_same_in_every_process() -> None:
    with Library.built_in() as one, Library.built_in() as other:
        assert one.identity == other.identity
        assert one.document_count == len(built_in_documents())
        assert one.rows_and_texts(most=5) == other.rows_and_texts(most=5)


def test_no_library_says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="matsmith ingest"):
        Library.open(tmp_path / "none")
    assert not (tmp_path / "none").exists()


def in_first_format(folder: Path, *, with_look_ups: bool = False) -> None:
    """Turn a library into what the first format held: no note of look-ups, or, later, one under the same number."""
    connection = sqlite3.connect(folder / FILE_NAME)
    if not with_look_ups:
        connection.execute("DROP TABLE look_ups")
    connection.execute("PRAGMA user_version = 1")
    connection.commit()
    connection.close()


def version_of(folder: Path) -> int:
    connection = sqlite3.connect(folder / FILE_NAME)
    try:
        return int(connection.execute("PRAGMA user_version").fetchone()[0])
    finally:
        connection.close()


@pytest.mark.parametrize("with_look_ups", [False, True])
def test_a_library_of_the_first_format_is_brought_up_to_date(tmp_path: Path, with_look_ups: bool) -> None:
    with Library.open(tmp_path, create=True) as library:
        library.add(paper(TEXT))
        if with_look_ups:
            library.note_look_up(document_id(TEXT))
        stamp = library.stamp
    in_first_format(tmp_path, with_look_ups=with_look_ups)
    with Library.open(tmp_path) as library:
        document = library.document(document_id(TEXT))
        assert document is not None
        assert document.text == TEXT
        assert library.stamp == stamp
        assert set(library.look_ups()) == ({document.id} if with_look_ups else set())
        library.note_look_up(document.id)
        assert set(library.look_ups()) == {document.id}
    assert version_of(tmp_path) == SCHEMA_VERSION


def test_several_that_open_an_old_library_at_once_bring_it_up_to_date_once(tmp_path: Path) -> None:
    with Library.open(tmp_path, create=True) as library:
        library.add(paper(TEXT))
    in_first_format(tmp_path)
    failures: list[BaseException] = []

    def use() -> None:
        try:
            with Library.open(tmp_path) as library:
                library.note_look_up(document_id(TEXT))
        except BaseException as error:  # noqa: BLE001 - shown by the assertion below
            failures.append(error)

    threads = [threading.Thread(target=use) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert version_of(tmp_path) == SCHEMA_VERSION


def test_an_old_library_that_cannot_be_written_is_read_as_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Library.open(tmp_path, create=True) as library:
        library.add(paper(TEXT))
    in_first_format(tmp_path)

    def denied(path: object, mode: int) -> bool:
        return False

    monkeypatch.setattr("matsmith.knowledge.literature.library_file.os.access", denied)
    with Library.open(tmp_path) as library:
        assert library.document_count == 1
        assert library.passages_of(document_id(TEXT))
    assert version_of(tmp_path) == 1


def test_a_library_without_its_tables_is_damaged(tmp_path: Path) -> None:
    Library.open(tmp_path, create=True).close()
    connection = sqlite3.connect(tmp_path / FILE_NAME)
    connection.execute("DROP TABLE passages")
    connection.close()
    with Library.open(tmp_path) as library, pytest.raises(DataError, match="damaged: no such table"):
        library.passages_of("x")


@pytest.mark.parametrize(
    ("version", "word"), [(SCHEMA_VERSION + 1, "newer"), (0, "unknown"), (-3, "unknown")]
)
def test_a_library_of_another_version_is_left_alone(tmp_path: Path, version: int, word: str) -> None:
    Library.open(tmp_path, create=True).close()
    connection = sqlite3.connect(tmp_path / FILE_NAME)
    connection.execute(f"PRAGMA user_version = {version}")
    connection.close()
    before = (tmp_path / FILE_NAME).read_bytes()
    with pytest.raises(DataError, match=word):
        Library.open(tmp_path, create=True)
    assert (tmp_path / FILE_NAME).read_bytes() == before


def test_a_foreign_database_and_a_damaged_file_are_refused(tmp_path: Path) -> None:
    foreign = tmp_path / "foreign"
    foreign.mkdir()
    connection = sqlite3.connect(foreign / FILE_NAME)
    connection.execute("CREATE TABLE mine (x)")
    connection.close()
    with pytest.raises(DataError, match="another program"):
        Library.open(foreign, create=True)
    damaged = tmp_path / "damaged"
    damaged.mkdir()
    (damaged / FILE_NAME).write_bytes(b"not a database at all, but long enough to look like one" * 40)
    with pytest.raises(DataError, match="damaged"):
        Library.open(damaged, create=True)


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(DataError):
        Library.open(tmp_path / "file" / "library", create=True)


def test_two_writers_lose_nothing(tmp_path: Path) -> None:
    errors: list[BaseException] = []

    def write(name: str) -> None:
        try:
            with Library.open(tmp_path, create=True) as library:
                for number in range(15):
                    library.add(
                        paper(
                            f"Text {number} of writer {name} tells something about oxides.",
                            path=f"{name}{number}",
                        )
                    )
        except BaseException as error:  # noqa: BLE001 - shown by the assertion below
            errors.append(error)

    writers = [threading.Thread(target=write, args=(name,)) for name in "ab"]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert errors == []
    with Library.open(tmp_path) as library:
        assert library.document_count == library.passage_count == 30


def test_the_lock_of_the_stores_keeps_a_second_writer_out(tmp_path: Path) -> None:
    with (
        writer_lock(tmp_path),
        pytest.raises(DataError, match="another process"),
        writer_lock(tmp_path, wait_s=0.05),
    ):
        pass
    with writer_lock(tmp_path, wait_s=0.05):
        pass
