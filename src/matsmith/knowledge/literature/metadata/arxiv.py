"""arXiv: https://export.arxiv.org/api/query, an Atom feed; a withdrawn preprint says so in its comment. At most one request in three seconds."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from dataclasses import dataclass

from matsmith.knowledge.exchange import Exchange, ServiceAnswer, ServiceError
from matsmith.knowledge.literature.metadata.work import Work, bare_doi

BASE_URL = "https://export.arxiv.org/api"
LICENCE = "arXiv metadata, CC0"
MIN_INTERVAL_S = 3.0
_ATOM = "{http://www.w3.org/2005/Atom}"
_ARXIV = "{http://arxiv.org/schemas/atom}"
_OWN_DOI = re.compile(r"10\.48550/arxiv\.(\d{4}\.\d{4,5}|[a-z.-]+/\d{7})", re.IGNORECASE)
_WITHDRAWN = re.compile(r"\bwithdrawn\b", re.IGNORECASE)


@dataclass(frozen=True, kw_only=True)
class Arxiv:
    """The client."""

    exchange: Exchange
    name: str = "arXiv"

    def by_doi(self, doi: str) -> Work | None:
        """The preprint with arXiv's own DOI, or the one whose published version has this DOI; None when there is none."""
        own = _OWN_DOI.fullmatch(doi)
        params = {"id_list": own[1]} if own else {"search_query": f'doi:"{doi}"', "max_results": "1"}
        found = self._ask(params)
        return found[0] if found else None

    def by_title(self, title: str) -> list[Work]:
        """The three preprints that fit a title best."""
        words = re.sub(r"[^\w\s-]", " ", title)
        return self._ask({"search_query": f'ti:"{" ".join(words.split())}"', "max_results": "3"})

    def _ask(self, params: dict[str, str]) -> list[Work]:
        answer = self.exchange.get("query", params)
        # No entity is ever needed in this feed, and expanding them is how a small file fills the memory.
        if "<!DOCTYPE" in answer.body or "<!ENTITY" in answer.body:
            raise _changed(answer)
        try:
            feed = ET.fromstring(answer.body)  # noqa: S314 - entities are refused above
        except ET.ParseError as error:
            raise _changed(answer) from error
        if feed.tag != f"{_ATOM}feed":
            raise _changed(answer)
        return [work for entry in feed.findall(f"{_ATOM}entry") if (work := _work(answer, entry)) is not None]


def _changed(answer: ServiceAnswer) -> ServiceError:
    return ServiceError(
        f"{answer.service} answered in another form than it documents.",
        hint="Update matsmith; if it stays so, report it.",
    )


def _work(answer: ServiceAnswer, entry: ET.Element) -> Work | None:
    title = " ".join((entry.findtext(f"{_ATOM}title") or "").split())
    identifier = entry.findtext(f"{_ATOM}id") or ""
    if not title or title == "Error" or "/api/errors" in identifier:
        return None
    names = [(author.findtext(f"{_ATOM}name") or "").strip() for author in entry.findall(f"{_ATOM}author")]
    published = entry.findtext(f"{_ATOM}published") or ""
    number = re.search(r"abs/(.+?)(?:v\d+)?$", identifier)
    doi = bare_doi(entry.findtext(f"{_ARXIV}doi") or "")
    if not doi and number:
        doi = f"10.48550/arxiv.{number[1].lower()}"
    comment = entry.findtext(f"{_ARXIV}comment") or ""
    return Work(
        title=title,
        authors=tuple(name for name in names if name),
        year=int(published[:4]) if published[:4].isdigit() else None,
        doi=doi,
        venue="arXiv",
        retracted=True if _WITHDRAWN.search(comment) else None,
        notice="",
        service=answer.service,
        date=answer.date,
    )
