"""Semantic Scholar: https://api.semanticscholar.org/graph/v1; it does not tell retractions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from matsmith.knowledge.exchange import Exchange, ServiceAnswer, ServiceError
from matsmith.knowledge.literature.metadata.work import (
    Work,
    bare_doi,
    expect,
    first_text,
    items,
    mapping,
    plausible_year,
)

BASE_URL = "https://api.semanticscholar.org/graph/v1"
LICENCE = "Semantic Scholar API licence"
_FIELDS = "title,year,authors,venue,externalIds"


@dataclass(frozen=True, kw_only=True)
class SemanticScholar:
    """The client; a key stands among the exchange's headers as x-api-key."""

    exchange: Exchange
    name: str = "Semantic Scholar"

    def by_doi(self, doi: str) -> Work | None:
        """The work with a DOI, or None when Semantic Scholar does not know it."""
        try:
            answer = self.exchange.get(f"paper/DOI:{quote(doi, safe='/')}", {"fields": _FIELDS})
        except ServiceError as error:
            if error.status == 404:
                return None
            raise
        return _work(answer, answer.json())

    def by_title(self, title: str) -> list[Work]:
        """The three works that fit a title best; the service leaves `data` out when it finds none."""
        answer = self.exchange.get("paper/search", {"query": title, "limit": "3", "fields": _FIELDS})
        data = answer.json()
        if expect(answer, data, "total") == 0:
            return []
        return [_work(answer, paper) for paper in items(expect(answer, data, "data"))]


def _work(answer: ServiceAnswer, paper: Any) -> Work:
    held = mapping(paper)
    expect(answer, held, "paperId")
    names = [first_text(mapping(author).get("name")) for author in items(held.get("authors"))]
    return Work(
        title=first_text(held.get("title")),
        authors=tuple(name for name in names if name),
        year=plausible_year(held.get("year")),
        doi=bare_doi(mapping(held.get("externalIds")).get("DOI")),
        venue=first_text(held.get("venue")),
        retracted=None,
        notice="",
        service=answer.service,
        date=answer.date,
    )
