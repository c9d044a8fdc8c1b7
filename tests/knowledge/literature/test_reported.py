"""The values of a passage are its own: read from its words, at its place in the document, whatever was read before."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from matsmith.agents.leads import leads_of
from matsmith.core.errors import DataError
from matsmith.core.quantity import Relation
from matsmith.core.spec import DesignSpec, Target
from matsmith.knowledge.literature.chunks import cut
from matsmith.knowledge.literature.documents import SourceDocument
from matsmith.knowledge.literature.notes import built_in_documents
from matsmith.knowledge.literature.readers.markdown import read_markdown
from matsmith.knowledge.literature.reported import impossible_value, values_in

SPEC = DesignSpec(
    targets=[
        Target(property=name, relation=Relation.MAXIMISE)
        for name in ("bulk_modulus", "measured_band_gap", "hardness", "thermal_conductivity")
    ]
)


def made(text: str) -> SourceDocument:
    return read_markdown(text.encode(), path="made.md")


def assert_own(document: SourceDocument) -> int:
    """Every value and lead of every passage stands in that passage and at its offsets; returns how many values there are."""
    count = 0
    for passage in cut(document):
        for value in values_in(passage, document=document):
            assert document.text[value.start : value.end] == value.quote
            assert passage.start <= value.start < value.end <= passage.end
            assert value.quote in passage.text
            assert value.document_id == document.id
            count += 1
        for lead in leads_of(passage, document=document, spec=SPEC):
            assert lead.words in passage.text
    return count


@pytest.mark.parametrize("document", built_in_documents(), ids=lambda document: document.name)
def test_every_quote_of_every_note_is_its_passages_own(document: SourceDocument) -> None:
    assert_own(document)


def test_the_notes_hold_values() -> None:
    assert sum(map(assert_own, built_in_documents())) >= 30


def test_two_sections_of_one_document_keep_their_values_apart() -> None:
    document = made(
        "# Report\n\n## One\n\nThe bulk modulus of HfN is 269 GPa.\n\n## Two\n\nThe bulk modulus of CsBr is 9000 GPa.\n"
    )
    first, second = (passage for passage in cut(document) if "GPa" in passage.text)
    assert [value.material for value in values_in(first, document=document)] == ["HfN"]
    assert [value.material for value in values_in(second, document=document)] == ["CsBr"]
    assert not impossible_value(first, document=document)
    assert impossible_value(second, document=document)


PIECES = st.sampled_from(
    [
        "The bulk modulus of HfN is 269 GPa.",
        "Its band gap is 3.4 eV at 300 K (Fig. 2).",
        "ZnO has a hardness of 5 GPa; GaN, 12 GPa.",
        "κ of MgO is 60 W/(m K).",
        "| material | band gap (eV) |\n| --- | --- |\n| ZnO | 3.37 |\n| GaN | 3.4 |",
        "## Methods",
        "Nothing is said here.",
        "α‐Al₂O₃ shows “2.5” Mbar as its bulk modulus.",
    ]
)


@given(st.lists(PIECES, min_size=1, max_size=12))
@settings(max_examples=60, deadline=None)
def test_every_quote_of_a_made_corpus_is_its_passages_own(pieces: list[str]) -> None:
    try:
        document = made("# A report\n\n" + "\n\n".join(pieces) + "\n")
    except DataError:
        return
    assert_own(document)
