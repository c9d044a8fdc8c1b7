"""The clients against the services' documented replies, recorded in cassettes; nothing here can reach the network."""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

import pytest
import vcr

from matsmith.core.errors import UsageError
from matsmith.core.settings import Settings
from matsmith.knowledge.exchange import Exchange, ServiceError
from matsmith.knowledge.literature.metadata import (
    arxiv,
    crossref,
    look_up,
    openalex,
    semantic_scholar,
    services_from,
)
from matsmith.knowledge.literature.metadata.arxiv import Arxiv
from matsmith.knowledge.literature.metadata.crossref import Crossref
from matsmith.knowledge.literature.metadata.openalex import OpenAlex
from matsmith.knowledge.literature.metadata.semantic_scholar import SemanticScholar
from matsmith.knowledge.literature.metadata.work import MetadataService, Work, title_likeness

CASSETTES = Path(__file__).parent / "cassettes"
DOI = "10.1063/1.1482786"
TITLE = "Unusual properties of the fundamental band gap of InN"
_MODULES = {
    "Crossref": (Crossref, crossref.BASE_URL),
    "OpenAlex": (OpenAlex, openalex.BASE_URL),
    "Semantic Scholar": (SemanticScholar, semantic_scholar.BASE_URL),
    "arXiv": (Arxiv, arxiv.BASE_URL),
}


@contextmanager
def recorded(name: str) -> Generator[None]:
    """Play a cassette; a request that it does not hold fails, and so does an exchange that was not asked for."""
    use = cast("Callable[..., Any]", vcr.use_cassette)  # pyright: ignore[reportUnknownMemberType]
    with use(str(CASSETTES / f"{name}.yaml"), record_mode="none", match_on=["method", "uri"]) as cassette:
        yield
        assert cassette.all_played


def client(
    service: str,
    *,
    sleeps: list[float] | None = None,
    secrets: dict[str, str] | None = None,
    cache: Path | None = None,
) -> Any:
    """A client of a service that notes its pauses in place of taking them."""
    made, base_url = _MODULES[service]
    pauses = sleeps if sleeps is not None else []
    exchange = Exchange(
        service=service,
        base_url=base_url,
        licence="",
        cache_dir=cache,
        min_interval_s=0.0,
        secrets=secrets or {},
        sleep=pauses.append,
    )
    return made(exchange=exchange)


def test_crossref_describes_a_paper() -> None:
    with recorded("crossref_by_doi"):
        work = client("Crossref").by_doi(DOI)
    assert (work.title, work.authors, work.year) == (TITLE, ("Wu, J.", "Walukiewicz, W."), 2002)
    assert (work.doi, work.venue, work.retracted) == (DOI, "Applied Physics Letters", False)


def test_crossref_tells_a_retraction_and_its_notice() -> None:
    with recorded("crossref_retracted"):
        work = client("Crossref").by_doi("10.1000/retracted.1")
    assert work.retracted is True
    assert work.notice == "10.1000/notice.1"


def test_a_busy_and_then_broken_service_is_asked_again_after_the_pause_that_it_wants() -> None:
    pauses: list[float] = []
    with recorded("crossref_busy_then_ok"):
        work = client("Crossref", sleeps=pauses).by_doi(DOI)
    assert work.title == TITLE
    assert pauses[0] == 2.0
    assert len(pauses) == 2


def test_a_key_goes_into_the_request_and_not_into_what_is_kept(tmp_path: Path) -> None:
    with recorded("openalex_by_doi"):
        work = client("OpenAlex", secrets={"api_key": "secret-key"}, cache=tmp_path).by_doi(DOI)
    assert (work.year, work.authors, work.retracted) == (2002, ("J. Wu", "W. Walukiewicz"), False)
    kept = [path.read_text(encoding="utf-8") for path in tmp_path.rglob("*.json")]
    assert len(kept) == 1
    assert "secret-key" not in kept[0]


def test_semantic_scholar_describes_a_paper_and_claims_nothing_on_retractions() -> None:
    with recorded("semantic_scholar_by_doi"):
        work = client("Semantic Scholar").by_doi(DOI)
    assert (work.title, work.year, work.retracted) == (TITLE, 2002, None)


def test_arxiv_finds_a_preprint_by_its_own_doi() -> None:
    with recorded("arxiv_by_doi"):
        work = client("arXiv").by_doi("10.48550/arXiv.1710.10324")
    assert work.title.startswith("Crystal Graph Convolutional Neural Networks for an Accurate")
    assert work.doi == "10.1103/physrevlett.120.145301"
    assert work.authors == ("Tian Xie", "Jeffrey C. Grossman")


def test_arxiv_tells_a_withdrawal() -> None:
    with recorded("arxiv_withdrawn"):
        assert client("arXiv").by_doi("10.48550/arXiv.2001.00001").retracted is True


@pytest.mark.parametrize(
    ("cassette", "service", "doi"),
    [
        ("crossref_unknown", "Crossref", "10.1000/none"),
        ("arxiv_error_entry", "arXiv", "10.48550/arXiv.9999.99999"),
    ],
)
def test_an_unknown_paper_is_none(cassette: str, service: str, doi: str) -> None:
    with recorded(cassette):
        assert client(service).by_doi(doi) is None


@pytest.mark.parametrize(
    ("cassette", "service"),
    [
        ("openalex_empty_page", "OpenAlex"),
        ("semantic_scholar_empty_page", "Semantic Scholar"),
        ("arxiv_empty_page", "arXiv"),
    ],
)
def test_an_empty_page_is_no_work(cassette: str, service: str) -> None:
    with recorded(cassette):
        assert client(service).by_title("Nothing like it") == []


def test_an_empty_page_of_crossref_is_no_work() -> None:
    with recorded("crossref_empty_page"):
        assert client("Crossref").by_title(TITLE) == []


@pytest.mark.parametrize(
    ("cassette", "ask"),
    [
        ("crossref_changed_schema", lambda: client("Crossref").by_doi(DOI)),
        ("openalex_changed_schema", lambda: client("OpenAlex").by_title("Nothing like it")),
        ("arxiv_entities", lambda: client("arXiv").by_doi("10.48550/arXiv.1710.10324")),
    ],
)
def test_an_answer_in_another_form_is_said_and_never_guessed_at(
    cassette: str, ask: Callable[[], Any]
) -> None:
    with recorded(cassette), pytest.raises(ServiceError, match="another form"):
        ask()


def test_a_refused_key_is_said() -> None:
    with (
        recorded("semantic_scholar_forbidden"),
        pytest.raises(ServiceError, match="refused the key") as caught,
    ):
        client("Semantic Scholar").by_doi(DOI)
    assert not caught.value.retryable


def test_by_title_only_the_same_paper_counts() -> None:
    with recorded("crossref_by_title"):
        found = look_up([client("Crossref")], title=TITLE)
    assert found.work is not None
    assert found.work.doi == DOI


def test_a_similar_title_is_another_paper() -> None:
    assert title_likeness("The band gap of InN: part I", "The band gap of InN: part II") > 0.94
    assert title_likeness(TITLE, "Temperature dependence of the fundamental band gap of InN") < 0.94


class Told:
    """A service that answers what it is told to."""

    def __init__(self, name: str, answer: Work | ServiceError | None) -> None:
        self._name, self._answer, self.asked = name, answer, 0

    @property
    def name(self) -> str:
        """Its name."""
        return self._name

    def by_doi(self, doi: str) -> Work | None:
        """What it was told."""
        del doi
        self.asked += 1
        if isinstance(self._answer, ServiceError):
            raise self._answer
        return self._answer

    def by_title(self, title: str) -> list[Work]:
        """What it was told."""
        work = self.by_doi(title)
        return [work] if work else []


def a_work(service: str, *, retracted: bool | None) -> Work:
    """A work as a service might describe it."""
    return Work(
        title=TITLE,
        authors=(),
        year=2002,
        doi=DOI,
        venue="",
        retracted=retracted,
        notice="",
        service=service,
        date="",
    )


def test_one_service_that_knows_of_a_retraction_is_enough() -> None:
    services: list[MetadataService] = [
        Told("Crossref", a_work("Crossref", retracted=False)),
        Told("OpenAlex", a_work("OpenAlex", retracted=True)),
    ]
    assert look_up(services, doi=DOI).retracted is True


def test_a_service_that_fails_is_named_and_the_next_one_is_asked() -> None:
    last = Told("Semantic Scholar", a_work("Semantic Scholar", retracted=None))
    services: list[MetadataService] = [
        Told("Crossref", ServiceError("Crossref cannot be reached.", retryable=True)),
        Told("OpenAlex", None),
        last,
    ]
    found = look_up(services, doi=DOI)
    assert found.work is not None
    assert found.work.service == "Semantic Scholar"
    assert found.retracted is None
    assert found.problems == ("Crossref cannot be reached.",)


def test_a_known_paper_is_not_asked_for_again_where_retractions_are_not_told() -> None:
    scholar = Told("Semantic Scholar", a_work("Semantic Scholar", retracted=None))
    look_up([Told("Crossref", a_work("Crossref", retracted=False)), scholar], doi=DOI)
    assert scholar.asked == 0


def test_a_look_up_needs_a_doi_or_a_title() -> None:
    with pytest.raises(UsageError, match="DOI or its title"):
        look_up([])


def test_services_take_the_users_keys_and_say_who_asks(tmp_path: Path) -> None:
    settings = Settings.model_validate(
        {
            "cache_dir": tmp_path,
            "openalex_api_key": "k1",
            "semantic_scholar_api_key": "k2",
            "contact_email": "me@example.org",
        }
    )
    services = {service.name: cast("Any", service).exchange for service in services_from(settings)}
    assert services["OpenAlex"].secrets == {"api_key": "k1"}
    assert services["Semantic Scholar"].headers == {"x-api-key": "k2"}
    assert services["Crossref"].contact == "me@example.org"
    assert services["arXiv"].min_interval_s >= 3.0
