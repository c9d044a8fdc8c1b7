"""OpenAlex: https://api.openalex.org; an open catalogue of works that says which are retracted. CC0."""

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

BASE_URL = "https://api.openalex.org"
LICENCE = "CC0"


@dataclass(frozen=True, kw_only=True)
class OpenAlex:
    """The client; a key, where the service wants one, stands among the exchange's secrets."""

    exchange: Exchange
    mailto: str = ""
    name: str = "OpenAlex"

    def by_doi(self, doi: str) -> Work | None:
        """The work with a DOI, or None when OpenAlex does not know it."""
        try:
            answer = self.exchange.get(f"works/doi:{quote(doi, safe='/')}", self._polite())
        except ServiceError as error:
            if error.status == 404:
                return None
            raise
        return _work(answer, answer.json())

    def by_title(self, title: str) -> list[Work]:
        """The three works that fit a title best."""
        answer = self.exchange.get("works", {"search": title, "per-page": "3", **self._polite()})
        return [_work(answer, result) for result in items(expect(answer, answer.json(), "results"))]

    def _polite(self) -> dict[str, str]:
        return {"mailto": self.mailto} if self.mailto else {}


def _work(answer: ServiceAnswer, result: Any) -> Work:
    held = mapping(result)
    expect(answer, held, "id")
    names = [
        first_text(mapping(mapping(authorship).get("author")).get("display_name"))
        for authorship in items(held.get("authorships"))
    ]
    retracted = held.get("is_retracted")
    source = mapping(mapping(held.get("primary_location")).get("source"))
    return Work(
        title=first_text(held.get("display_name") or held.get("title")),
        authors=tuple(name for name in names if name),
        year=plausible_year(held.get("publication_year")),
        doi=bare_doi(held.get("doi")),
        venue=first_text(source.get("display_name")),
        retracted=retracted if isinstance(retracted, bool) else None,
        notice="",
        service=answer.service,
        date=answer.date,
    )
