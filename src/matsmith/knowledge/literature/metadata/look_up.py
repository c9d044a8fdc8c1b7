"""What is known of a paper: services are asked in turn until one knows it, and all that can tell retractions are heard."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from matsmith.core.errors import UsageError
from matsmith.core.settings import Settings
from matsmith.knowledge.exchange import Exchange, ServiceError
from matsmith.knowledge.literature.metadata import arxiv, crossref, openalex, semantic_scholar
from matsmith.knowledge.literature.metadata.arxiv import Arxiv
from matsmith.knowledge.literature.metadata.crossref import Crossref
from matsmith.knowledge.literature.metadata.openalex import OpenAlex
from matsmith.knowledge.literature.metadata.semantic_scholar import SemanticScholar
from matsmith.knowledge.literature.metadata.work import MetadataService, Work, title_likeness

# Titles below this likeness are other papers: parts I and II of one series differ by little more.
_SAME_TITLE = 0.94
_SILENCE_S = 20.0
_TELLS_RETRACTIONS = frozenset({"Crossref", "OpenAlex"})


@dataclass(frozen=True, kw_only=True)
class LookUp:
    """What came of a look-up: the work, whether it was retracted (None: nobody could tell), and what went wrong on the way."""

    work: Work | None
    retracted: bool | None
    problems: tuple[str, ...]


def services_from(settings: Settings, *, patience_s: float = 60.0) -> list[MetadataService]:
    """The services, with the user's keys and address, in the order in which they are asked. Nothing is sent.

    `patience_s` is the longest time for one answer with all repeats.
    """
    make = partial(_exchange, settings=settings, patience_s=patience_s)
    mail = settings.contact_email or ""
    key = settings.openalex_api_key
    scholar = settings.semantic_scholar_api_key
    return [
        Crossref(exchange=make("Crossref", crossref.BASE_URL, crossref.LICENCE), mailto=mail),
        OpenAlex(
            exchange=make(
                "OpenAlex",
                openalex.BASE_URL,
                openalex.LICENCE,
                secrets={"api_key": key.get_secret_value()} if key else {},
            ),
            mailto=mail,
        ),
        SemanticScholar(
            exchange=make(
                "Semantic Scholar",
                semantic_scholar.BASE_URL,
                semantic_scholar.LICENCE,
                headers={"x-api-key": scholar.get_secret_value()} if scholar else {},
                min_interval_s=1.0,
            )
        ),
        Arxiv(exchange=make("arXiv", arxiv.BASE_URL, arxiv.LICENCE, min_interval_s=arxiv.MIN_INTERVAL_S)),
    ]


def _exchange(
    service: str,
    base_url: str,
    licence: str,
    *,
    settings: Settings,
    patience_s: float,
    secrets: dict[str, str] | None = None,
    headers: dict[str, str] | None = None,
    min_interval_s: float = 0.1,
) -> Exchange:
    return Exchange(
        service=service,
        base_url=base_url,
        licence=licence,
        cache_dir=settings.cache_dir,
        secrets=secrets or {},
        headers=headers or {},
        min_interval_s=min_interval_s,
        contact=settings.contact_email or "",
        timeout_s=min(_SILENCE_S, patience_s),
        total_s=patience_s,
    )


def look_up(services: Sequence[MetadataService], *, doi: str = "", title: str = "") -> LookUp:
    """Ask for a paper by its DOI, or by its title when it has none. A service that fails is named in `problems`, and the next is asked.

    By title only a work with nearly the same title counts. Raises `UsageError` when neither is given.
    """
    if not doi and not title.strip():
        raise UsageError("A paper is looked up by its DOI or its title.", hint="Give one of them.")
    work: Work | None = None
    retracted: bool | None = None
    problems: list[str] = []
    for service in services:
        tells = service.name in _TELLS_RETRACTIONS
        if work is not None and not (tells and work.doi and retracted is not True):
            continue
        try:
            wanted = doi or (work.doi if work is not None else "")
            found = service.by_doi(wanted) if wanted else _best(service.by_title(title), title)
        except ServiceError as error:
            problems.append(error.message)
            continue
        if found is None:
            continue
        work = work or found
        if found.retracted is not None:
            retracted = bool(retracted) or found.retracted
    return LookUp(work=work, retracted=retracted, problems=tuple(problems))


def _best(works: Sequence[Work], title: str) -> Work | None:
    ranked = sorted(works, key=lambda work: -title_likeness(work.title, title))
    return ranked[0] if ranked and title_likeness(ranked[0].title, title) >= _SAME_TITLE else None
