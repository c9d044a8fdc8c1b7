"""Literature: looks up what is known in text and hands on verbatim quotes with typed leads, never a number of its own.

The user's library is searched when there is one, the built-in notes always. It is searched by words alone: that needs no model, takes no
time from the run's budget, and gives the same quotes every time.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from contextlib import contextmanager
from pathlib import Path

from matsmith.agents.context import RunContext
from matsmith.agents.decisions import LiteratureQuestion
from matsmith.agents.literature_survey import Finding, best, survey
from matsmith.core.crystal import content_hash
from matsmith.core.errors import DataError
from matsmith.core.run import EventKind, Evidence
from matsmith.core.spec import DesignSpec
from matsmith.knowledge.literature.library import Library
from matsmith.knowledge.literature.library_file import FILE_NAME

_LIMIT_PER_QUERY = 3
# Quotes of the reasoner's searches, and passages that report values of the targets' properties.
_LIMIT, _LIMIT_OF_VALUES = 8, 8


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
    queries: Sequence[str], *, spec: DesignSpec | None = None, folder: Path | None = None
) -> list[Evidence]:
    """The best passages of all queries and those that report values of the targets' properties, each once.

    Every quote is checked against its source and carries its leads for the specification. `folder` holds a library, which holds the notes
    too; without one the notes are searched. DataError when the library cannot be read.
    """
    with opened(folder) as library:
        return _search(queries, library, spec=spec or DesignSpec())


def reports(spec: DesignSpec, *, folder: Path | None = None) -> list[Evidence]:
    """Every passage found that reports a value of a target's property. DataError when the library cannot be read."""
    with opened(folder) as library:
        return [evidence_of(finding) for finding in survey(library, spec=spec)]


@contextmanager
def opened(folder: Path | None) -> Generator[Library]:
    """The library in a folder, or the built-in notes where there is none."""
    library = (
        Library.open(folder) if folder is not None and (folder / FILE_NAME).is_file() else Library.built_in()
    )
    with library:
        yield library


def _search(queries: Sequence[str], library: Library, *, spec: DesignSpec) -> list[Evidence]:
    found: dict[str, Finding] = {}
    for query in queries:
        for finding in best(query, library=library, spec=spec, limit=_LIMIT_PER_QUERY, known=found):
            passage = finding.passage
            if passage.id not in found or found[passage.id].passage.score < passage.score:
                found[passage.id] = finding
    ranked = sorted(found.values(), key=lambda finding: -finding.passage.score)[:_LIMIT]
    chosen = {finding.passage.id: finding for finding in ranked}
    values = [finding for finding in survey(library, spec=spec) if finding.passage.id not in chosen]
    values.sort(key=lambda finding: not finding.steers)
    chosen |= {finding.passage.id: finding for finding in values[:_LIMIT_OF_VALUES]}
    return [evidence_of(finding) for finding in chosen.values()]


def evidence_of(finding: Finding) -> Evidence:
    """A passage as evidence."""
    passage, document = finding.passage, finding.document
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
        leads=list(finding.leads),
    )
