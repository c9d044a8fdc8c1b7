"""Literature: looks up what is known in text and hands on verbatim quotes with typed leads, never a number of its own.

The user's library is searched when there is one, the built-in notes always. It is searched by words alone: that needs no model, takes no
time from the run's budget, and gives the same quotes every time.
"""

from __future__ import annotations

from pathlib import Path

from matsmith.agents.context import RunContext
from matsmith.agents.decisions import LiteratureQuestion
from matsmith.agents.leads import leads_of
from matsmith.core.crystal import content_hash
from matsmith.core.errors import DataError
from matsmith.core.run import EventKind, Evidence
from matsmith.core.spec import DesignSpec
from matsmith.knowledge.literature.documents import Passage, SourceDocument
from matsmith.knowledge.literature.library import Library
from matsmith.knowledge.literature.library_file import FILE_NAME
from matsmith.knowledge.literature.reported import impossible_value
from matsmith.knowledge.literature.retrieval import retrieve
from matsmith.knowledge.literature.untrusted import is_suspicious

_LIMIT_PER_QUERY = 3
_LIMIT = 8


def gather_evidence(context: RunContext) -> list[Evidence]:
    """Search for the specification and write the quotes that stand verbatim in their source.

    A library that cannot be read is said in a warning, and the notes are searched alone.
    """
    kept = context.evidence()
    if not kept:
        queries = context.decide(LiteratureQuestion(spec=context.spec), key="queries").queries
        try:
            kept = search(queries, spec=context.spec, folder=context.settings.library_dir)
        except DataError as error:
            context.tell(EventKind.WARNING, text=f"The library was left out: {error}")
            kept = search(queries, spec=context.spec)
        context.ledger.append_many(("evidence", evidence.id, evidence) for evidence in kept)
    context.tell(EventKind.EVIDENCE, quotes=[evidence.model_dump() for evidence in kept])
    return kept


def search(
    queries: list[str], *, spec: DesignSpec | None = None, folder: Path | None = None
) -> list[Evidence]:
    """The best passages of all queries, each once, with its quote checked against the source and its leads for the specification.

    `folder` holds a library, which holds the notes too; without one the notes are searched. DataError when the library cannot be read.
    """
    if folder is not None and (folder / FILE_NAME).is_file():
        with Library.open(folder) as library:
            return _search(queries, library, spec=spec or DesignSpec())
    with Library.built_in() as library:
        return _search(queries, library, spec=spec or DesignSpec())


def _search(queries: list[str], library: Library, *, spec: DesignSpec) -> list[Evidence]:
    found: dict[str, Passage] = {}
    for query in queries:
        for passage in retrieve(library, query, limit=_LIMIT_PER_QUERY, mode="bm25"):
            if not is_suspicious(passage.text) and not is_suspicious(passage.title):
                found.setdefault(passage.id, passage)
    ranked = sorted(found.values(), key=lambda passage: -passage.score)
    evidence: list[Evidence] = []
    for passage in ranked:
        document = library.document(passage.document_id)
        if document is None or not document.holds(passage) or len(evidence) == _LIMIT:
            continue
        if not impossible_value(passage, document=document):
            evidence.append(_evidence(passage, document, spec=spec))
    return evidence


def _evidence(passage: Passage, document: SourceDocument, *, spec: DesignSpec) -> Evidence:
    note = document.kind == "note"
    return Evidence(
        id=content_hash([document.id, passage.start, passage.text], digits=8),
        quote=passage.text,
        source=f"{passage.title} (built-in note {document.name})"
        if note
        else f"{passage.title} ({document.name})",
        citation="; ".join(passage.citations) if note else document.citation,
        start=passage.start,
        end=passage.end,
        document=document.id,
        page=passage.page,
        dois=list(passage.dois) if note or not document.doi else [document.doi],
        retracted=bool(document.retracted) or passage.retracted,
        leads=leads_of(passage, document=document, spec=spec),
    )
