"""Completes what a library knows of its papers: title, authors, year, DOI and retraction, as the public services have them.

A DOI found in a file may be that of a paper it cites, and a title may be shared, so that nothing is taken over before the work's title is
found in the document itself. Titles and names from a service are text from outside: they lose their markup and are shown, never followed.
"""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from matsmith.knowledge.exchange import ServiceError
from matsmith.knowledge.literature.documents import SourceDocument, normalise_text
from matsmith.knowledge.literature.library import DocumentEntry, Library
from matsmith.knowledge.literature.metadata.look_up import LookUp, look_up
from matsmith.knowledge.literature.metadata.work import MetadataService, Work, title_likeness, unmarked
from matsmith.knowledge.literature.same_paper import is_same_paper, merge, title_key

ASK_AGAIN_AFTER = timedelta(days=30)
"""Papers are asked about again after this time, because they may have been retracted since."""
_ABOUT_ONE_PAPER = frozenset({400, 404, 410, 414, 422})
_FRONT_CHARACTERS = 6000
_SHORTEST_TITLE = 15
_LONGEST = 500
_ALIKE = 0.9


@dataclass(kw_only=True)
class Completion:
    """What came of it: papers asked about, papers that a service knew, and what a user should know (path or service, sentence)."""

    asked: int = 0
    known: int = 0
    notes: list[tuple[str, str]] = field(default_factory=list[tuple[str, str]])


def complete(
    library: Library,
    services: Sequence[MetadataService],
    *,
    again: bool = False,
    tell: Callable[[int, int, str], None] | None = None,
) -> Completion:
    """Ask about every paper of the library that was not asked about lately (`again`: about all), one transaction a paper.

    A service that fails for another reason than the paper is named in the notes and asked no more, so that a lost network costs a few
    attempts and not one for each paper; papers that were not settled then are asked about the next time.
    """
    done = Completion()
    watched = [_Watched(service) for service in services]
    asked_at = library.look_ups()
    limit = datetime.now(UTC) - ASK_AGAIN_AFTER
    entries = [entry for entry in library.documents() if entry.kind != "note"]
    wanted = [entry for entry in entries if again or entry.id not in asked_at or asked_at[entry.id] < limit]
    by_doi = {entry.doi: entry.id for entry in entries if entry.doi}
    for number, entry in enumerate(wanted):
        working = [service for service in watched if not service.failure]
        if not working:
            break
        if tell is not None:
            tell(number, len(wanted), entry.path)
        document = library.document(entry.id)
        if document is None:
            continue
        found, problems = _find(document, working)
        done.asked += 1
        done.notes += [(entry.path, problem) for problem in problems]
        if found is not None and found.work is not None:
            done.known += 1
            _take_over(library, document, found.work, retracted=found.retracted)
            _keep_one(library, entry, by_doi)
        if found is not None or not any(service.failure for service in working):
            library.note_look_up(entry.id)
    if tell is not None:
        tell(len(wanted), len(wanted), "")
    done.notes += [
        (service.name, f"{service.failure} It was asked no more; the next ingest with --metadata goes on.")
        for service in watched
        if service.failure
    ]
    return done


def _find(document: SourceDocument, services: Sequence[_Watched]) -> tuple[LookUp | None, list[str]]:
    """What is known of a document by its DOI, else by its title; None when nothing that is the same paper."""
    problems: list[str] = []
    if document.doi:
        found = look_up(services, doi=document.doi)
        if found.work is not None and _stands_in(document, found.work):
            return found, problems
        if found.work is not None:
            problems.append(
                f"{found.work.service} knows {document.doi} as “{_title(found.work)}”, which does not stand in this file: "
                "its DOI was not used."
            )
    if title_key(document.title):
        found = look_up(services, title=document.title)
        if found.work is not None and _agrees(document, found.work):
            return found, problems
    return None, problems


def _stands_in(document: SourceDocument, work: Work) -> bool:
    """Whether the title of a work is the document's, or stands on its first pages."""
    if title_likeness(document.title, _title(work)) >= _ALIKE:
        return True
    letters = _letters(_title(work))
    return len(letters) >= _SHORTEST_TITLE and letters in _letters(document.text[:_FRONT_CHARACTERS])


def _agrees(document: SourceDocument, work: Work) -> bool:
    """Whether a work found by its title has authors and a year that fit as well."""
    other = replace(document, id="", title=_title(work), authors=work.authors, year=work.year, doi="")
    return is_same_paper(replace(document, doi=""), other)


def _take_over(library: Library, document: SourceDocument, work: Work, *, retracted: bool | None) -> None:
    title = _title(work)
    library.set_metadata(
        document.id,
        # Another spelling of the same title would only have every passage indexed again.
        title=title if title and _letters(title) != _letters(document.title) else None,
        authors=[_clean(author) for author in work.authors] or None,
        year=work.year,
        doi=work.doi or None,
        retracted=retracted,
    )


def _keep_one(library: Library, entry: DocumentEntry, by_doi: dict[str, str]) -> None:
    """Keep the fuller of two documents that turn out to have one DOI, with what both know."""
    document = library.document(entry.id)
    if document is None or not document.doi:
        return
    other = library.document(by_doi.get(document.doi, ""))
    if other is None or other.id == document.id:
        by_doi[document.doi] = document.id
        return
    kept, left = sorted((document, other), key=lambda each: -len(each.text))
    told = merge(kept, left)
    library.remove(left.id)
    library.set_metadata(
        kept.id,
        title=told.title if told.title != kept.title else None,
        authors=told.authors or None,
        year=told.year,
        doi=told.doi,
        retracted=True if True in (kept.retracted, left.retracted) else told.retracted,
    )
    by_doi[document.doi] = kept.id


class _Watched:
    """A service that remembers why it is no use to ask it again; "" while it is."""

    def __init__(self, service: MetadataService) -> None:
        self._service = service
        self.failure = ""

    @property
    def name(self) -> str:
        return self._service.name

    def by_doi(self, doi: str) -> Work | None:
        with self._watching():
            return self._service.by_doi(doi)

    def by_title(self, title: str) -> list[Work]:
        with self._watching():
            return self._service.by_title(title)

    @contextmanager
    def _watching(self) -> Generator[None]:
        try:
            yield
        except ServiceError as error:
            if error.status not in _ABOUT_ONE_PAPER:
                self.failure = error.message
            raise


def _title(work: Work) -> str:
    return unmarked(_clean(work.title))


def _clean(text: str) -> str:
    """A text of a service in one line, without markup and invisible characters.

    >>> _clean("Conduction in Li<sub>7</sub>La<sub>3</sub>Zr<sub>2</sub>O<sub>12</sub> &amp;  others")
    'Conduction in Li7La3Zr2O12 & others'
    """
    plain = normalise_text(html.unescape(re.sub(r"</?[a-zA-Z][^<>]*>", "", text)))
    return " ".join(plain.split())[:_LONGEST]


def _letters(text: str) -> str:
    return re.sub(r"[\W_]+", "", text.casefold())
