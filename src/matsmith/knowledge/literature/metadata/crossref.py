"""Crossref: https://api.crossref.org; bibliographic data that publishers deposit, and retractions with those of Retraction Watch."""

from __future__ import annotations

import re
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

BASE_URL = "https://api.crossref.org"
LICENCE = "Crossref metadata, free of copyright (facts)"
_WITHDRAWS = frozenset({"retraction", "withdrawal", "removal", "partial_retraction"})
_RETRACTED_TITLE = re.compile(r"^\W*(?:retracted|withdrawn)(?: article)?\b", re.IGNORECASE)


@dataclass(frozen=True, kw_only=True)
class Crossref:
    """The client; `mailto` goes to the pool for callers who say who they are."""

    exchange: Exchange
    mailto: str = ""
    name: str = "Crossref"

    def by_doi(self, doi: str) -> Work | None:
        """The work with a DOI, or None when Crossref does not know it."""
        try:
            answer = self.exchange.get(f"works/{quote(doi, safe='/')}", self._polite())
        except ServiceError as error:
            if error.status == 404:
                return None
            raise
        return _work(answer, expect(answer, answer.json(), "message"))

    def by_title(self, title: str) -> list[Work]:
        """The three works that fit a title best."""
        answer = self.exchange.get("works", {"query.bibliographic": title, "rows": "3", **self._polite()})
        found = items(expect(answer, answer.json(), "message", "items"))
        return [_work(answer, message) for message in found if first_text(mapping(message).get("title"))]

    def _polite(self) -> dict[str, str]:
        return {"mailto": self.mailto} if self.mailto else {}


def _work(answer: ServiceAnswer, message: Any) -> Work:
    held = mapping(message)
    title = first_text(expect(answer, held, "title"))
    notices = [
        bare_doi(mapping(update).get("DOI"))
        for update in items(held.get("updated-by"))
        if str(mapping(update).get("type", "")).lower().replace("-", "_") in _WITHDRAWS
    ]
    parts = items(mapping(held.get("issued")).get("date-parts"))
    year = items(parts[0])[0] if parts and items(parts[0]) else None
    return Work(
        title=title,
        authors=tuple(name for author in items(held.get("author")) if (name := _name(mapping(author)))),
        year=plausible_year(year),
        doi=bare_doi(held.get("DOI")),
        venue=first_text(held.get("container-title")),
        retracted=bool(notices) or _RETRACTED_TITLE.match(title) is not None,
        notice=notices[0] if notices else "",
        service=answer.service,
        date=answer.date,
    )


def _name(author: Any) -> str:
    given, family = first_text(author.get("given")), first_text(author.get("family"))
    if family:
        return f"{family}, {given}" if given else family
    return first_text(author.get("name"))
