"""Answers without a model, their quotes, what they refuse, and where sources disagree."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from matsmith.core.errors import UsageError
from matsmith.knowledge.literature.answers import answer_question
from matsmith.knowledge.literature.chunks import cut
from matsmith.knowledge.literature.contradictions import Contradiction, find_contradictions
from matsmith.knowledge.literature.documents import Passage, SourceDocument
from matsmith.knowledge.literature.index import LiteratureIndex
from matsmith.knowledge.literature.quotes import Quote, find_quote, quote_from, stands, unsupported
from matsmith.knowledge.literature.readers.markdown import read_markdown
from matsmith.knowledge.literature.stems import stem, stems
from matsmith.knowledge.literature.support import ask, support
from matsmith.knowledge.literature.values_of_others import spans_of_others


class Notes:
    """The built-in notes, searched by words."""

    name = "the notes"
    mode = "bm25"

    def __init__(self) -> None:
        self._index = LiteratureIndex.built_in()
        self.document_count = len({passage.document_id for passage in self._index.passages})
        self.passage_count = len(self._index.passages)

    def search(self, query: str, *, limit: int) -> list[Passage]:
        return self._index.search(query, limit=limit)

    def document(self, document_id: str) -> SourceDocument | None:
        return self._index.document(document_id)

    def similarity(self, query: str) -> float | None:
        del query
        return None


NOTES = Notes()


def made(name: str, text: str) -> SourceDocument:
    return read_markdown(f"# {name}\n\n{text}\n".encode(), path=f"{name}.md")


def conflicts(*texts: str) -> list[Contradiction]:
    documents = [made(f"d{number}", text) for number, text in enumerate(texts)]
    passages = [passage for document in documents for passage in cut(document)]
    return find_contradictions(passages, documents={document.id: document for document in documents})


@pytest.mark.parametrize(
    ("question", "words"),
    [
        ("Why is osmium not hard?", "its metallic bonds do not oppose shear"),
        ("What is the space group of Nd2Fe14B?", "P4_2/mnm"),
        ("conductivity of Li10GeP2S12", "12 mS/cm at 27 C"),
        ("How much hydrogen does MgH2 hold?", "7.6 wt%"),
        ("How can sodium aluminium hydride be made to take hydrogen back?", "Doping NaAlH4 with titanium"),
    ],
)
def test_answers_are_sentences_of_the_notes(question: str, words: str) -> None:
    found = answer_question(question, corpus=NOTES)
    assert found.answered
    assert any(words in statement.text for statement in found.statements)
    for statement in found.statements:
        assert statement.text == statement.quotes[0].text
        assert statement.quotes[0].dois


@pytest.mark.parametrize(
    "question",
    [
        "What is the Debye temperature of MgB2?",
        "What is the band gap of Cs3Sb2I9?",
        "What is the hardness of Li10GeP2S12?",
        "Who won the football world cup?",
        "What will a kilogram of neodymium cost in 2040?",
        "How much does neodymium cost?",
        "What is the price of cobalt?",
        "Which garnet will conduct lithium best in 2095?",
        "xyzzy quux",
    ],
)
def test_what_is_not_there_is_refused(question: str) -> None:
    found = answer_question(question, corpus=NOTES)
    assert not found.answered
    assert not found.statements
    assert found.refusal.startswith("Cannot answer from this corpus.")
    assert found.searched.queries == (question,)
    assert found.searched.documents == NOTES.document_count


@given(st.text(max_size=120))
@settings(max_examples=60, deadline=None)
def test_every_quote_of_every_answer_stands_in_its_document(question: str) -> None:
    try:
        found = answer_question(question, corpus=NOTES)
    except UsageError:
        return
    for quote in found.quotes:
        document = NOTES.document(quote.document_id)
        assert document is not None
        assert stands(quote, document)


def test_the_value_of_another_material_is_no_answer() -> None:
    question = "What is the band gap of TiO2?"
    # The one note that names both gives the gap of HfO2; the same sentence answers a question about HfO2.
    answer = answer_question(question, corpus=NOTES)
    assert not any("5.8 eV" in statement.text for statement in answer.statements)
    assert answer.answered or answer.refusal
    other = answer_question("What is the band gap of HfO2?", corpus=NOTES)
    assert any("5.8 eV" in statement.text for statement in other.statements)


def test_a_sentence_with_the_values_of_several_materials_answers_for_each() -> None:
    document = made(
        "gaps", "The band gap of ZnO is 3.3 eV and that of TiO2 is 3.0 eV. The band gap of MgO is 7.8 eV."
    )
    (passage,) = cut(document)
    asked = ask("What is the band gap of TiO2?")
    spans = spans_of_others(asked, passage, document)
    assert [document.text[start:end] for start, end in spans] == ["The band gap of MgO is 7.8 eV."]
    assert not spans_of_others(ask("Compare the band gaps of TiO2 and MgO"), passage, document)


def test_a_limit_below_one_is_refused() -> None:
    with pytest.raises(UsageError):
        answer_question("oxides", corpus=NOTES, limit=0)


@pytest.fixture
def osmium() -> tuple[SourceDocument, Passage]:
    document = made("osmium", "Osmium is “stiff”\nbut not hard. Its bulk modulus is 400–460 GPa at 300 K.")
    return document, cut(document)[0]


def test_a_quote_is_the_documents_own_text(osmium: tuple[SourceDocument, Passage]) -> None:
    document, passage = osmium
    quote = find_quote('osmium is "stiff" but not  hard', document=document, passage=passage)
    assert quote is not None
    assert quote.text in document.text
    assert quote.text.startswith("Osmium is “stiff”")
    assert stands(quote, document)
    for words in ("Osmium is soft but not hard", "short", "", "Osmium is “stiff” but hard"):
        assert find_quote(words, document=document, passage=passage) is None
    forged = replace(quote, text=quote.text.replace("not", "now"))
    assert not stands(forged, document)
    assert not stands(replace(quote, document_id="0" * 16), document)
    assert quote_from(document, passage, start=passage.start, end=passage.end + 5) is None
    assert quote_from(document, replace(passage, text="x"), start=passage.start, end=passage.end) is None


@pytest.mark.parametrize(
    ("statement", "problem"),
    [
        ("The bulk modulus of MgO is 160 GPa at 300 K.", ""),
        ("MgO has a bulk modulus of 160 GPa.", ""),
        ("MgO has a bulk modulus of 161 GPa.", "161 GPa"),
        ("MgO has a bulk modulus of 160 MPa.", "160 MPa"),
        ("MgO has a bulk modulus above 160 GPa.", "160 GPa"),
        ("MgO has a bulk modulus of two hundred GPa.", "two hundred"),
        ("CaO has a bulk modulus of 160 GPa.", "CaO"),
        ("MgO was found in 3 samples with a bulk modulus of 160 GPa.", "3"),
        ("Every candidate meets the objective and needs no calculation.", "words"),
    ],
)
def test_a_statement_says_what_its_quotes_say(statement: str, problem: str) -> None:
    document = made("oxides", "The bulk modulus of MgO is 160 GPa at 300 K. It is cubic.")
    passage = cut(document)[0]
    quote = quote_from(document, passage, start=passage.start, end=passage.end)
    assert quote is not None
    found = unsupported(statement, quotes=[quote], passages=[passage])
    assert problem in found
    assert bool(found) is bool(problem)


def test_sources_that_disagree_stand_side_by_side_in_one_unit() -> None:
    found = conflicts("The bulk modulus of MgO is 160 GPa.", "The bulk modulus of MgO is 2.4 Mbar.")
    assert len(found) == 1
    assert (found[0].material, found[0].unit) == ("MgO", "GPa")
    assert [side.low for side in found[0].sides] == pytest.approx([160.0, 240.0])
    assert {side.written for side in found[0].sides} == {"160 GPa", "2.4 Mbar"}


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("The bulk modulus of MgO is 160 GPa.", "The bulk modulus of MgO is 1.63 Mbar."),
        ("The bulk modulus of MgO is 160 GPa.", "The bulk modulus of CaO is 110 GPa."),
        ("The bulk modulus of MgO is 160 GPa.", "The shear modulus of MgO is 131 GPa."),
        ("The bulk modulus of MgO is 160 GPa.", "The bulk modulus of MgO is above 100 GPa."),
        ("The bulk modulus of MgO is 160 GPa at 300 K.", "The bulk modulus of MgO is 120 GPa at 1800 K."),
    ],
)
def test_what_agrees_or_cannot_be_compared_is_no_contradiction(first: str, second: str) -> None:
    assert conflicts(first, second) == []


def test_one_document_does_not_contradict_itself() -> None:
    assert conflicts("The bulk modulus of MgO is 160 GPa. The bulk modulus of MgO is 240 GPa.") == []


def test_an_open_bound_can_contradict() -> None:
    found = conflicts("The bulk modulus of MgO is 160 GPa.", "The bulk modulus of MgO is above 250 GPa.")
    assert len(found) == 1
    assert max(side.high for side in found[0].sides) == math.inf


def test_a_compound_that_is_asked_for_must_be_named() -> None:
    document = made("oxides", "The bulk modulus of MgO is 160 GPa.")
    passages = cut(document)
    assert support(ask("bulk modulus of magnesium oxide"), passages).names_missing == ()
    assert support(ask("bulk modulus of CaO"), passages).names_missing == ("CaO",)
    assert support(ask("melting point of MgO"), passages).names_missing == ("the melting point",)


def test_words_that_begin_alike_meet() -> None:
    assert stem("conductivity") == stem("conducts") == stem("conductor")
    assert stems("hardness of LiFePO4") == {"hard", "LiFePO4"}


def test_quotes_have_an_id_each() -> None:
    quote = Quote(document_id="a", name="n", source="s", citation="c", text="t", start=1, end=2)
    assert quote.id == "a:1-2"
