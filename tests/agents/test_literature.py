"""Quotes stand word for word in their notes, each once, and are looked up once a run."""

from __future__ import annotations

from collections.abc import Callable

from matsmith.agents.context import RunContext
from matsmith.agents.literature import gather_evidence, search
from matsmith.knowledge.literature import LiteratureIndex

MakeContext = Callable[..., RunContext]


def test_every_quote_is_verbatim_and_has_its_source() -> None:
    found = search(["bulk modulus of oxides", "perovskite tolerance factor"])
    assert found
    index = LiteratureIndex.built_in()
    texts = [
        passage
        for query in ("bulk modulus of oxides", "perovskite tolerance factor")
        for passage in index.search(query, limit=8)
    ]
    for evidence in found:
        assert any(evidence.quote == passage.text for passage in texts)
        assert evidence.end - evidence.start == len(evidence.quote)
        assert evidence.source
        assert evidence.citation


def test_the_same_passage_is_quoted_once() -> None:
    found = search(["bulk modulus", "bulk modulus", "the bulk modulus of a crystal"])
    assert len({evidence.id for evidence in found}) == len(found) <= 8


def test_words_that_no_note_holds_find_nothing() -> None:
    assert search(["xqzv wqpx"]) == []


def test_evidence_is_written_once_and_kept(make_context: MakeContext) -> None:
    context = make_context()
    first = gather_evidence(context)
    head = context.ledger.head
    assert first
    assert gather_evidence(context) == first
    assert context.ledger.head == head
    assert context.evidence() == first
