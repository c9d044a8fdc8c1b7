"""A published work as a service describes it, and what every service can be asked."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Any, Protocol, cast

from matsmith.knowledge.exchange import ServiceAnswer, ServiceError

_MARK = re.compile(r"^\W*(?:retracted|withdrawn)(?:\s+(?:article|paper))?\s*[:\])–—-]\W*", re.IGNORECASE)


@dataclass(frozen=True, kw_only=True)
class Work:
    """A work. `doi` is lower case; `retracted` is None where the service does not know; `date` is that of the answer."""

    title: str
    authors: tuple[str, ...]
    year: int | None
    doi: str
    venue: str
    retracted: bool | None
    notice: str
    service: str
    date: str


class MetadataService(Protocol):
    """A service that knows papers. Both raise `ServiceError`; None and an empty list mean that it answered and knows none."""

    @property
    def name(self) -> str:
        """Its name, as it is shown."""
        ...

    def by_doi(self, doi: str) -> Work | None:
        """The work with a DOI."""
        ...

    def by_title(self, title: str) -> list[Work]:
        """Works whose title resembles, best first."""
        ...


def mapping(value: Any) -> Mapping[str, Any]:
    """The value when it is an object, else an empty one."""
    return cast("Mapping[str, Any]", value) if isinstance(value, dict) else {}


def items(value: Any) -> list[Any]:
    """The value when it is a list, else an empty one."""
    return cast("list[Any]", value) if isinstance(value, list) else []


def first_text(value: Any) -> str:
    """A text, or the first of a list of texts, in one line; "" for anything else."""
    if isinstance(value, list) and value:
        value = cast("list[Any]", value)[0]
    return " ".join(value.split()) if isinstance(value, str) else ""


def expect(answer: ServiceAnswer, data: Any, *path: str) -> Any:
    """Follow a path of keys that the service documents. Raises `ServiceError` when one is not there: the schema changed."""
    found: Any = data
    for key in path:
        inner = mapping(found)
        if key not in inner:
            raise ServiceError(
                f"{answer.service} answered in another form than it documents: {key} is missing.",
                hint="Update matsmith; if it stays so, report it.",
            )
        found = inner[key]
    return found


def plausible_year(value: Any) -> int | None:
    """A year of publication, or None."""
    return value if isinstance(value, int) and 1600 <= value <= 2200 else None


def bare_doi(value: Any) -> str:
    """A DOI without its resolver, lower case."""
    text = first_text(value).lower()
    return re.sub(r"^(?:https?://(?:dx\.)?doi\.org/|doi:)", "", text)


def unmarked(title: str) -> str:
    """A title without the mark that publishers set before those of retracted papers.

    >>> unmarked("RETRACTED ARTICLE: A room-temperature superconductor")
    'A room-temperature superconductor'
    >>> unmarked("Retracted potentials and their use")
    'Retracted potentials and their use'
    """
    return _MARK.sub("", title, count=1)


def title_likeness(one: str, other: str) -> float:
    """How alike two titles are, between 0 and 1, by their letters and digits alone; marks of retraction do not count.

    >>> title_likeness("Band gap of InN", "Band Gap of InN.") == 1.0
    True
    """
    plain = [
        re.sub(r"[^a-z0-9]+", " ", re.sub(r"<[^>]+>", "", unmarked(text).casefold())).strip()
        for text in (one, other)
    ]
    if not all(plain):
        return 0.0
    return SequenceMatcher(None, plain[0], plain[1], autojunk=False).ratio()
