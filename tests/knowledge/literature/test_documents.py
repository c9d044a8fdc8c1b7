"""Normalised text, offsets, DOIs, sentences and passages."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from matsmith.knowledge.literature.chunks import PASSAGE_CHARACTERS, cut
from matsmith.knowledge.literature.document_json import from_plain, to_plain
from matsmith.knowledge.literature.documents import (
    Passage,
    SectionSpan,
    SourceDocument,
    clean_doi,
    document_id,
    normalise_text,
)
from matsmith.knowledge.literature.readers.building import DocumentBuilder
from matsmith.knowledge.literature.same_paper import is_same_paper, merge
from matsmith.knowledge.literature.sentences import sentence_spans

# Texts with what papers and attackers put between letters.
TEXTS = st.text(
    alphabet=st.one_of(
        st.characters(), st.sampled_from(" \n.\u00a0\u200b\u00ad\ufb01\u0301\ufe0f\u3164\U000e0041")
    ),
    max_size=300,
)


def document(text: str, **fields: object) -> SourceDocument:
    plain = SourceDocument(
        id=document_id(text),
        title="T",
        authors=(),
        year=None,
        doi="",
        kind="text",
        path="t.txt",
        retracted=None,
        text=text,
    )
    return replace(plain, **fields)  # pyright: ignore[reportArgumentType]


@given(TEXTS)
@settings(max_examples=300, deadline=None)
def test_normalising_is_idempotent_and_leaves_nothing_invisible(text: str) -> None:
    once = normalise_text(text)
    assert normalise_text(once) == once
    assert not set("\u200b\u00ad\ufeff\u202e\U000e0041\0\r\u3164\ufe0f\u00a0") & set(once)
    once.encode("utf-8")


@pytest.mark.parametrize(
    ("raw", "clean"),
    [
        ("170\u00a0GPa", "170 GPa"),
        ("de\ufb01ned", "defined"),
        ("A\u030angstro\u0308m", "\u00c5ngstr\u00f6m"),
        ("ig\u200bno\u202ere\U000e0041", "ignore"),
        ("a\r\nb\rc\u2028d", "a\nb\nc\nd"),
        ("e\u200b\u0301", "\u00e9"),
        ("lone \ud800 half", "lone \ufffd half"),
        ("\u2212 5 \u00b0C, \u03b1-Fe", "\u2212 5 \u00b0C, \u03b1-Fe"),
    ],
)
def test_normalised_text(raw: str, clean: str) -> None:
    assert normalise_text(raw) == clean


@pytest.mark.parametrize(
    ("text", "doi"),
    [
        ("https://doi.org/10.1002/ANIE.200701144", "10.1002/anie.200701144"),
        ("(doi:10.1016/0022-4596(92)90061-Y).", "10.1016/0022-4596(92)90061-y"),
        ("version 10.5 of it", ""),
        ("10.1103/PhysRevB.58.1, and others", "10.1103/physrevb.58.1"),
    ],
)
def test_doi(text: str, doi: str) -> None:
    assert clean_doi(text) == doi


@pytest.mark.parametrize(
    ("text", "sentences"),
    [
        ("It is hard. It is stiff.", ["It is hard.", "It is stiff."]),
        ("Sun et al. found 3.5 eV (Fig. 2). Good.", ["Sun et al. found 3.5 eV (Fig. 2).", "Good."]),
        (
            "See Ref. 12 and Eq. (3). Then J. B. Goodenough wrote.",
            ["See Ref. 12 and Eq. (3).", "Then J. B. Goodenough wrote."],
        ),
        ("It melts at 300 K. The gap is 1.1 eV.", ["It melts at 300 K.", "The gap is 1.1 eV."]),
        ("Heading\n\nText follows", ["Heading", "Text follows"]),
        ("Is it? Yes! (It is.) End", ["Is it?", "Yes!", "(It is.)", "End"]),
        ("", []),
        ("   \n ", []),
    ],
)
def test_sentences(text: str, sentences: list[str]) -> None:
    assert [text[a:b] for a, b in sentence_spans(text)] == sentences


@given(TEXTS)
@settings(max_examples=200, deadline=None)
def test_sentences_cover_all_but_space(text: str) -> None:
    spans = sentence_spans(text)
    position = 0
    for start, end in spans:
        assert not text[position:start].strip()
        assert position <= start < end
        position = end
    assert not text[position:].strip()


@given(st.lists(st.text(alphabet="ab .\n", min_size=1, max_size=400), min_size=1, max_size=12))
@settings(max_examples=100, deadline=None)
def test_every_passage_stands_at_its_offsets(parts: list[str]) -> None:
    text = normalise_text("\n\n".join(parts))
    whole = document(text, sections=(SectionSpan(title="S", start=len(text) // 2, end=len(text)),))
    passages = cut(whole)
    assert all(whole.holds(passage) for passage in passages)
    assert all(one.end <= other.start for one, other in pairwise(passages))
    assert all(len(passage.text) <= PASSAGE_CHARACTERS for passage in passages)


def test_passages_keep_sections_tables_and_pages_apart() -> None:
    builder = DocumentBuilder()
    builder.begin_page(1)
    builder.heading("1. Methods")
    builder.paragraph("The samples were pressed. " * 60)
    builder.begin_page(2)
    builder.heading("2. Results")
    builder.paragraph("The bulk modulus of MgO is 160 GPa.")
    builder.table("Table 1. Moduli.", [["phase", "B (GPa)"], ["MgO", "160"], ["CaO", "111"]])
    builder.heading("References")
    builder.paragraph("[1] A. Author, A title about bulk moduli, J. Made 1, 1 (2000).")
    whole = builder.build(kind="pdf", path="p.pdf", title="T")
    passages = cut(whole)
    assert [(p.section, p.page, p.kind) for p in passages] == [
        ("1. Methods", 1, "text"),
        ("1. Methods", 1, "text"),
        ("2. Results", 2, "text"),
        ("2. Results", 2, "table"),
    ]
    table = whole.tables[0]
    assert (
        passages[-1].text
        == whole.text[table.start : table.end]
        == "Table 1. Moduli.\nphase | B (GPa)\nMgO | 160\nCaO | 111"
    )
    assert all(
        len(p.text) <= PASSAGE_CHARACTERS and p.text.endswith(".") for p in passages if p.kind == "text"
    )


def test_text_without_any_sentence_end_is_cut_too() -> None:
    whole = document("word " * 2000)
    passages = cut(whole)
    assert max(len(p.text) for p in passages) <= PASSAGE_CHARACTERS
    assert "".join(p.text.replace(" ", "") for p in passages) == "word" * 2000


def test_a_forged_passage_is_refused() -> None:
    whole = document("MgO has a bulk modulus of 160 GPa at room temperature.")
    passage = cut(whole)[0]
    assert whole.holds(passage)
    forged: list[Passage] = [
        replace(passage, text=passage.text.replace("160", "170")),
        replace(passage, start=1),
        replace(passage, end=10**6),
        replace(passage, document_id="0" * 16),
    ]
    assert not any(whole.holds(each) for each in forged)


def test_documents_survive_json() -> None:
    whole = document(
        "A. B.", year=2001, authors=("Sun, W.",), sections=(SectionSpan(title="S", start=0, end=5),)
    )
    assert from_plain(to_plain(whole)) == whole
    assert whole.citation == "Sun 2001"


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ({"doi": "10.1/a"}, {"doi": "10.1/a"}, True),
        ({"doi": "10.1/a"}, {"doi": "10.1/b", "title": "The one long title of both papers"}, False),
        (
            {"title": "Fast lithium conduction in garnets"},
            {"title": "Fast Lithium Conduction in Garnets "},
            True,
        ),
        (
            {"title": "Fast lithium conduction in garnets", "year": 2001},
            {"title": "Fast lithium conduction in garnets", "year": 2010},
            False,
        ),
        (
            {"title": "Fast lithium conduction in garnets", "authors": ("Sun, W.",)},
            {"title": "Fast lithium conduction in garnets", "authors": ("Moon, K.",)},
            False,
        ),
        (
            {"title": "Supporting information for this paper"},
            {"title": "Supporting information for this paper"},
            False,
        ),
        ({"title": "Introduction"}, {"title": "Introduction"}, False),
    ],
)
def test_same_paper(one: dict[str, object], other: dict[str, object], same: bool) -> None:
    assert is_same_paper(document("first text", **one), document("second text", **other)) is same


def test_merging_keeps_what_either_knows() -> None:
    merged = merge(
        document("a", doi="10.1/a"), document("b", year=1999, authors=("Sun, W.",), retracted=True)
    )
    assert (merged.text, merged.doi, merged.year, merged.authors, merged.retracted) == (
        "a",
        "10.1/a",
        1999,
        ("Sun, W.",),
        True,
    )
