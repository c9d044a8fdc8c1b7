"""A library's papers completed from the services: recorded replies of the real ones, a service on this machine for what goes wrong."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

import pytest
import vcr
from local_service import Asked, Reply, Service, local_service

from matsmith.app.main import main
from matsmith.core.settings import Settings, load_settings
from matsmith.knowledge.exchange import Exchange
from matsmith.knowledge.literature.bm25_store import Bm25Store
from matsmith.knowledge.literature.documents import SourceDocument, document_id
from matsmith.knowledge.literature.ingest import ingest
from matsmith.knowledge.literature.library import DocumentEntry, Library
from matsmith.knowledge.literature.metadata import arxiv, crossref, openalex, semantic_scholar
from matsmith.knowledge.literature.metadata.completion import complete
from matsmith.knowledge.literature.metadata.crossref import Crossref
from matsmith.knowledge.literature.metadata.openalex import OpenAlex

CASSETTES = Path(__file__).parent / "cassettes"
DOI = "10.1063/1.1482786"
TITLE = "Unusual properties of the fundamental band gap of InN"
BODY = "The gap of the films is near 0.7 eV and not 1.9 eV. It was seen in absorption."
MODULES = (crossref, openalex, semantic_scholar, arxiv)


@contextmanager
def recorded(name: str) -> Generator[None]:
    """Play a cassette; a request that it does not hold fails, and so does an exchange that was not asked for."""
    use = cast("Callable[..., Any]", vcr.use_cassette)  # pyright: ignore[reportUnknownMemberType]
    with use(str(CASSETTES / f"{name}.yaml"), record_mode="none", match_on=["method", "uri"]) as cassette:
        yield
        assert cassette.all_played


def exchange(service: str, base_url: str, pauses: list[float] | None = None) -> Exchange:
    return Exchange(
        service=service,
        base_url=base_url,
        licence="",
        cache_dir=None,
        min_interval_s=0.0,
        sleep=(pauses if pauses is not None else []).append,
    )


def the_real_crossref() -> Crossref:
    return Crossref(exchange=exchange("Crossref", crossref.BASE_URL))


def paper(
    *, title: str = TITLE, doi: str = "", text: str = BODY, authors: tuple[str, ...] = ()
) -> SourceDocument:
    return SourceDocument(
        id=document_id(text),
        title=title,
        authors=authors,
        year=None,
        doi=doi,
        kind="text",
        path="paper.txt",
        retracted=None,
        text=text,
    )


@pytest.fixture
def library(tmp_path: Path) -> Iterator[Library]:
    with Library.open(tmp_path / "library", create=True) as opened:
        yield opened


@pytest.fixture
def service() -> Iterator[Service]:
    with local_service() as running:
        yield running


def only(library: Library) -> DocumentEntry:
    (entry,) = library.documents()
    return entry


def work(title: str, doi: str, *, year: int = 2002, retracted: bool = False) -> dict[str, Any]:
    """A work as Crossref describes it."""
    return {
        "DOI": doi,
        "title": [title],
        "author": [{"given": "J.", "family": "Wu"}],
        "issued": {"date-parts": [[year]]},
        "container-title": ["A Journal"],
        "updated-by": [{"type": "retraction", "DOI": "10.1000/notice"}] if retracted else [],
    }


def knows(works: dict[str, dict[str, Any]]) -> Callable[[Asked], Reply]:
    """A Crossref that knows these works by DOI, and none by title."""

    def answer(asked: Asked) -> Reply:
        found = works.get(asked.path.removeprefix("/works/"))
        if asked.path == "/works":
            return Reply(body={"message": {"items": []}})
        return Reply(body={"message": found}) if found else Reply(status=404)

    return answer


def test_a_paper_without_a_doi_is_completed_by_its_title_and_asked_about_once(library: Library) -> None:
    library.add(paper())
    with recorded("crossref_by_title"):
        done = complete(library, [the_real_crossref()])
    assert (done.asked, done.known, done.notes) == (1, 1, [])
    entry = only(library)
    assert (entry.doi, entry.year, entry.authors) == (DOI, 2002, ("Wu, J.", "Walukiewicz, W."))
    assert entry.retracted is False
    # A second request would fail: no cassette plays.
    assert complete(library, [the_real_crossref()]).asked == 0


def test_a_retraction_reaches_every_passage_of_a_file_that_does_not_tell_it(library: Library) -> None:
    library.add(
        paper(
            title="A room-temperature superconductor", doi="10.1000/retracted.1", text="It has no resistance."
        )
    )
    with recorded("crossref_retracted"):
        complete(library, [the_real_crossref()])
    entry = only(library)
    assert (entry.title, entry.retracted) == ("A room-temperature superconductor", True)
    assert all(passage.retracted for passage in library.passages_of(entry.id))


def test_the_doi_of_a_cited_paper_changes_nothing(library: Library) -> None:
    library.add(paper(title="Hardness", doi=DOI, text="Borides are hard."))
    before = only(library)
    with recorded("crossref_by_doi"):
        done = complete(library, [the_real_crossref()])
    assert only(library) == before
    assert done.known == 0
    ((path, note),) = done.notes
    assert path == "paper.txt"
    assert "its DOI was not used" in note


def test_authors_that_do_not_fit_make_another_paper_of_one_title(library: Library) -> None:
    library.add(paper(authors=("Curie, M.",)))
    with recorded("crossref_by_title"):
        assert complete(library, [the_real_crossref()]).known == 0
    assert only(library).doi == ""


def test_a_title_that_the_file_shows_replaces_a_poor_one_and_is_searched_with_its_passages(
    library: Library,
) -> None:
    library.add(paper(title="scan 0017", doi=DOI, text=f"Appl. Phys. Lett.\n\n{TITLE}\n\n{BODY}"))
    library.add(paper(title="Other", text="Nothing is said here of what was measured."))
    store = Bm25Store()
    assert store.search(library, "0017", limit=5)
    stamp = library.stamp
    with recorded("crossref_by_doi"):
        complete(library, [the_real_crossref()])
    document = library.document(document_id(f"Appl. Phys. Lett.\n\n{TITLE}\n\n{BODY}"))
    assert document is not None
    assert document.title == TITLE
    passages = library.passages_of(document.id)
    assert passages
    assert all(document.holds(passage) and passage.title == TITLE for passage in passages)
    assert library.stamp != stamp
    assert store.search(library, "0017", limit=5) == []
    assert store.search(library, "unusual properties", limit=5)


def test_markup_and_invisible_letters_of_a_service_are_left_out(library: Library, service: Service) -> None:
    title = (
        "Fast conduction in Li<sub>7</sub>La<sub>3</sub>Zr<sub>2</sub>O<sub>12</sub> \u202e&amp; others\u200b"
    )
    service.answer = knows({"10.1/a": work(title, "10.1/a")})
    text = "Fast conduction in Li7La3Zr2O12 & others\n\nIt conducts."
    library.add(paper(title="ms", doi="10.1/a", text=text))
    complete(library, [Crossref(exchange=exchange("Crossref", service.url))])
    assert only(library).title == "Fast conduction in Li7La3Zr2O12 & others"


def test_two_files_that_turn_out_to_be_one_paper_become_one(library: Library, service: Service) -> None:
    service.answer = knows({"10.1/a": work(TITLE, "10.1/a", retracted=True)})
    library.add(paper(title="Preprint", doi="10.1/A", text=f"{TITLE}\n\n{BODY}"))
    library.set_metadata(document_id(f"{TITLE}\n\n{BODY}"), doi="10.1/a")
    fuller = paper(title="ms", text=f"{TITLE}\n\n{BODY} And more of it follows here.")
    library.add(fuller)
    library.set_metadata(fuller.id, doi="10.1/a")
    assert library.document_count == 2
    complete(library, [Crossref(exchange=exchange("Crossref", service.url))])
    entry = only(library)
    assert (entry.id, entry.title, entry.retracted) == (fuller.id, TITLE, True)


def test_a_lost_network_is_noticed_once_and_the_next_time_goes_on(library: Library) -> None:
    with local_service() as gone:
        url = gone.url
    for number in range(20):
        library.add(paper(title="x", doi=f"10.1/{number}", text=f"Paper {number} of the series."))
    pauses: list[float] = []
    services = [
        Crossref(exchange=exchange("Crossref", url, pauses)),
        OpenAlex(exchange=exchange("OpenAlex", url, pauses)),
    ]
    done = complete(library, services)
    assert done.asked == 1
    assert len(pauses) == 6
    assert [name for name, _ in done.notes] == ["Crossref", "OpenAlex"]
    assert all("cannot be reached" in note and "goes on" in note for _, note in done.notes)
    assert library.look_ups() == {}
    with local_service() as back:
        back.answer = knows({})
        again = complete(library, [Crossref(exchange=exchange("Crossref", back.url))])
    assert (again.asked, again.known, again.notes) == (20, 0, [])
    assert len(library.look_ups()) == 20


def test_a_doi_that_a_service_refuses_costs_that_paper_alone(library: Library, service: Service) -> None:
    works = knows({"10.1/b": work("The second paper of the two", "10.1/b")})
    service.answer = lambda asked: Reply(status=400) if asked.path.endswith("10.1/a") else works(asked)
    library.add(paper(title="A", doi="10.1/a", text="The first."))
    library.add(paper(title="B", doi="10.1/b", text="The second paper of the two, which is longer."))
    done = complete(library, [Crossref(exchange=exchange("Crossref", service.url))])
    assert (done.asked, done.known, done.notes) == (2, 1, [])


def test_ingest_asks_the_services_that_it_is_given_and_no_others(
    tmp_path: Path, words_only: Settings, service: Service
) -> None:
    service.answer = knows({"10.1234/a": work(TITLE, "10.1234/a")})
    file = tmp_path / "a.txt"
    file.write_text(f"{TITLE}\n\ndoi:10.1234/a\n\n{BODY}")
    assert ingest([file], folder=tmp_path / "quiet", settings=words_only).asked == 0
    assert service.asked == []
    folder = tmp_path / "library"
    stages: list[str] = []
    report = ingest(
        [file],
        folder=folder,
        settings=words_only,
        services=[Crossref(exchange=exchange("Crossref", service.url))],
        tell=lambda stage, done, total, name: stages.append(stage),
    )
    assert (report.new, report.asked, report.known) == (1, 1, 1)
    assert stages.index("asking") < stages.index("words")
    with Library.open(folder) as library:
        (entry,) = (entry for entry in library.documents() if entry.kind != "note")
        assert (entry.year, entry.authors) == (2002, ("Wu, J.",))


def test_the_command_asks_only_when_it_is_wished(
    tmp_path: Path, service: Service, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for module in MODULES:
        monkeypatch.setattr(module, "BASE_URL", service.url)
    monkeypatch.setenv("MATSMITH_LIBRARY", str(tmp_path / "library"))
    monkeypatch.setenv("MATSMITH_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setenv("MATSMITH_EMBEDDING_MODEL", "none")
    load_settings.cache_clear()
    service.answer = knows({"10.1234/a": work(TITLE, "10.1234/a", retracted=True)})
    file = tmp_path / "a.txt"
    file.write_text(f"{TITLE}\n\ndoi:10.1234/a\n\n{BODY}")
    try:
        assert main(["ingest", str(file)]) == 0
        assert service.asked == []
        monkeypatch.setenv("MATSMITH_LOOK_UP_METADATA", "true")
        load_settings.cache_clear()
        assert main(["ingest", str(file), "--no-metadata"]) == 0
        assert service.asked == []
        capsys.readouterr()
        assert main(["ingest", str(file)]) == 0
    finally:
        load_settings.cache_clear()
    shown = " ".join(capsys.readouterr().out.split())
    assert "asked about: 1; known to them: 1." in shown
    assert "1 of them are retracted" in shown
    assert {asked.path for asked in service.asked} >= {"/works/10.1234/a"}
