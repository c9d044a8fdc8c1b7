"""Literature: looks up what is known in text and hands on verbatim quotes, never a number of its own."""

from __future__ import annotations

from matsmith.agents.context import RunContext
from matsmith.agents.decisions import LiteratureQuestion
from matsmith.core.crystal import content_hash
from matsmith.core.run import EventKind, Evidence
from matsmith.knowledge.literature import LiteratureIndex, Passage

_LIMIT_PER_QUERY = 3
_LIMIT = 8


def gather_evidence(context: RunContext) -> list[Evidence]:
    """Search the notes for the specification and write the quotes that stand verbatim in their source."""
    kept = context.evidence()
    if not kept:
        queries = context.decide(LiteratureQuestion(spec=context.spec), key="queries").queries
        kept = search(queries)
        context.ledger.append_many(("evidence", evidence.id, evidence) for evidence in kept)
    context.tell(EventKind.EVIDENCE, quotes=[evidence.model_dump() for evidence in kept])
    return kept


def search(queries: list[str]) -> list[Evidence]:
    """The best passages of all queries, each once, with its quote checked against the source."""
    index = LiteratureIndex.built_in()
    found: dict[tuple[str, int], Passage] = {}
    for query in queries:
        for passage in index.search(query, limit=_LIMIT_PER_QUERY):
            if index.verify_quote(passage):
                found.setdefault((passage.note_id, passage.start), passage)
    ranked = sorted(found.values(), key=lambda passage: -passage.score)[:_LIMIT]
    return [
        Evidence(
            id=content_hash([passage.note_id, passage.start, passage.text], digits=8),
            quote=passage.text,
            source=f"{passage.title} (built-in note {passage.note_id})",
            citation="; ".join(passage.citations),
            start=passage.start,
            end=passage.end,
        )
        for passage in ranked
    ]
