"""Passages that report values of the targets' properties: looked for by the names of the property and of the chemistry wanted."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from matsmith.agents.leads import leads_of
from matsmith.core.properties import PROPERTIES
from matsmith.core.run import Lead, Stance
from matsmith.core.spec import DesignSpec
from matsmith.knowledge.literature.documents import Passage, SourceDocument
from matsmith.knowledge.literature.extraction.families import FAMILIES
from matsmith.knowledge.literature.library import Library
from matsmith.knowledge.literature.reported import impossible_value
from matsmith.knowledge.literature.retrieval import retrieve
from matsmith.knowledge.literature.untrusted import is_suspicious

_LIMIT_PER_QUERY = 20
_DEPTH = 10
_SYNONYMS = 4
# What compounds of an element are called in text.
_ANIONS = {
    "O": "oxide", "N": "nitride", "C": "carbide", "B": "boride", "S": "sulfide", "Se": "selenide", "Te": "telluride",
    "F": "fluoride", "Cl": "chloride", "Br": "bromide", "I": "iodide", "P": "phosphide", "Si": "silicide", "As": "arsenide",
    "H": "hydride",
}  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Finding:
    """A passage with its document and the leads in it."""

    passage: Passage
    document: SourceDocument
    leads: tuple[Lead, ...]

    @property
    def steers(self) -> bool:
        """Whether a lead says of anything that it meets a target or fails."""
        return any(lead.stance is not Stance.REPORTED for lead in self.leads)

    @property
    def values(self) -> list[Lead]:
        """The leads with a value of a target's property."""
        return [lead for lead in self.leads if lead.property]


def survey(library: Library, *, spec: DesignSpec) -> list[Finding]:
    """The passages found that report a value of a target's property, by document and place.

    Passages that address their reader, that hold a value which no solid has, or that do not stand in their document are left out.
    """
    found: dict[str, Finding] = {}
    for query in _queries(spec):
        for finding in best(query, library=library, spec=spec, limit=_LIMIT_PER_QUERY, known=found):
            found[finding.passage.id] = finding
    kept = [finding for finding in found.values() if finding.values]
    return sorted(kept, key=lambda finding: (finding.passage.document_id, finding.passage.start))


def best(
    query: str,
    *,
    library: Library,
    spec: DesignSpec,
    limit: int,
    known: Mapping[str, Finding] | None = None,
) -> list[Finding]:
    """The best passages for a query that may be used, by words, best first; those already `known` by id are not read again.

    It looks deeper than the limit, so that a pile of passages which must not be used does not hide the others.
    """
    found: list[Finding] = []
    for passage in retrieve(library, query, limit=_DEPTH * limit, mode="bm25"):
        before = None if known is None else known.get(passage.id)
        finding = before or read(passage, library=library, spec=spec)
        if finding is not None:
            found.append(replace(finding, passage=passage))
        if len(found) == limit:
            break
    return found


def read(passage: Passage, *, library: Library, spec: DesignSpec) -> Finding | None:
    """A passage with its leads; None for one that must not be used."""
    if is_suspicious(passage.text) or is_suspicious(passage.title):
        return None
    document = library.document(passage.document_id)
    if document is None or not document.holds(passage) or impossible_value(passage, document=document):
        return None
    return Finding(
        passage=passage, document=document, leads=tuple(leads_of(passage, document=document, spec=spec))
    )


def _queries(spec: DesignSpec) -> Iterator[str]:
    readable = {name for family in FAMILIES.values() for name in (family.measured, family.computed)}
    chemistry = " ".join(_ANIONS.get(symbol, symbol) for symbol in spec.chemistry.required)
    for target in spec.targets:
        if target.property not in readable:
            continue
        entry = PROPERTIES[target.property]
        # With its unit first: passages that name the unit are the ones that state values.
        yield f"{entry.title} {entry.unit}".strip()
        yield " ".join([entry.title, *entry.synonyms[:_SYNONYMS]])
        if chemistry:
            yield f"{entry.title} of {chemistry}"
