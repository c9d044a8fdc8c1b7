"""The notes, their citations, the tokenizer, the search and the check of quotes."""

from __future__ import annotations

import re
from dataclasses import replace
from importlib import resources

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from matsmith.core.errors import DataError, UsageError
from matsmith.knowledge.literature import LiteratureIndex, is_formula, split_note, tokenize, verify_quote

NOTES = {
    entry.name.removesuffix(".md"): entry.read_text(encoding="utf-8")
    for entry in resources.files("matsmith.knowledge").joinpath("notes").iterdir()
    if entry.name.endswith(".md")
}


def test_there_are_ten_notes() -> None:
    assert len(NOTES) >= 10


@pytest.mark.parametrize("note_id", sorted(NOTES))
def test_note_cites_every_statement(note_id: str) -> None:
    passages = split_note(note_id, NOTES[note_id])
    assert len({doi for passage in passages for doi in passage.dois}) >= 2
    for passage in passages:
        assert passage.dois, passage.text
        assert len(passage.citations) == len(passage.dois), passage.text
        for doi in passage.dois:
            assert re.fullmatch(r"10\.\d{4,5}/\S+[a-zA-Z0-9]", doi), doi
        for citation in passage.citations:
            assert re.fullmatch(r"(de )?[A-Z][\w' &.-]+ (19|20)\d\d", citation), citation
    words = sum(len(passage.text.split()) for passage in passages)
    assert 120 <= words <= 250
    header = NOTES[note_id].split("---")[1]
    assert all(f"\n{field}: " in header for field in ("title", "topics", "license"))


def test_one_doi_goes_with_one_author_and_year() -> None:
    named: dict[str, set[str]] = {}
    for passage in LiteratureIndex.built_in().passages:
        for citation, doi in zip(passage.citations, passage.dois, strict=True):
            named.setdefault(doi, set()).add(citation)
    assert {doi: names for doi, names in named.items() if len(names) > 1} == {}


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("LiNi0.8Mn0.1Co0.1O2", ["LiNi0.8Mn0.1Co0.1O2"]),
        ("LiNi₀.₈Mn₀.₁Co₀.₁O₂.", ["LiNi0.8Mn0.1Co0.1O2"]),
        ("(MgO), Al2(SO4)3;", ["MgO", "Al2(SO4)3"]),
        ("CaO-SiO2", ["CaO", "SiO2"]),
        ("Pm-3m", ["Pm-3m"]),
        ("P6_3/mmc and P63/mmc", ["P63/mmc", "P63/mmc"]),
        ("Band gaps in Pnma", ["band", "gap", "Pnma"]),
        ("above 250 GPa", ["250gpa", "gpa"]),
        ("25 meV/atom", ["25mev/atom", "mev/atom"]),
        ("cobalt-free cathodes, batteries and glasses", ["cobalt", "free", "cathode", "battery", "glass"]),
        ("In no case is it As", ["case"]),
        ("(Sun et al. 2016, doi:10.1126/sciadv.1600225)", ["sun", "2016"]),
        ("", []),
    ],
)
def test_tokenizer(text: str, tokens: list[str]) -> None:
    assert tokenize(text) == tokens


def test_words_are_no_formulas() -> None:
    assert not any(is_formula(word) for word in ("Hard", "In", "He", "Band", "stable", "2", "", "A", "Xx2"))


@given(st.text(max_size=200))
@settings(max_examples=200, deadline=None)
def test_tokenizer_and_search_take_any_text(text: str) -> None:
    assert all(tokenize(text))
    hits = LiteratureIndex.built_in().search(text, limit=3)
    assert len(hits) <= 3
    terms = set(tokenize(text))
    assert all(terms & set(tokenize(f"{hit.title} {hit.text}")) for hit in hits)


@pytest.mark.parametrize(
    ("query", "note_id"),
    [
        ("What limits the ionic conductivity of garnet electrolytes?", "garnets"),
        ("a cobalt-free cathode like LiFePO4", "battery_cathodes"),
        ("incompressible oxide with a high bulk modulus", "incompressible_oxides"),
        ("how hard is ReB2", "hardness_is_not_bulk_modulus"),
        ("revised tolerance factor", "perovskite_tolerance_factor"),
        ("energy above hull of metastable nitrides", "stability_and_metastability"),
        ("earth-abundant elements and supply risk", "abundance_and_supply_risk"),
        ("Fd-3m", "spinels"),
        ("lead-free double perovskite", "wide_gap_and_lead_free"),
        ("TiN hard coatings", "rocksalt_carbides_and_nitrides"),
    ],
)
def test_search_finds_the_right_note(query: str, note_id: str) -> None:
    hits = LiteratureIndex.built_in().search(query)
    assert hits[0].note_id == note_id
    assert [hit.score for hit in hits] == sorted((hit.score for hit in hits), reverse=True)
    assert all(hit.score > 0 and verify_quote(hit) for hit in hits)


@pytest.mark.parametrize("query", ["", "the of and", "xyzzy quux", "?!"])
def test_nothing_shared_returns_nothing(query: str) -> None:
    assert LiteratureIndex.built_in().search(query) == []


def test_a_changed_quote_is_refused() -> None:
    index = LiteratureIndex.built_in()
    passage = index.passages[0]
    assert index.verify_quote(passage)
    assert verify_quote(passage)
    for forged in (
        replace(passage, text=passage.text.replace("e", "a", 1)),
        replace(passage, start=passage.start + 1),
        replace(passage, end=passage.end + 10**6),
        replace(passage, start=-5),
        replace(passage, text="", end=passage.start),
        replace(passage, document_id="../../etc/passwd"),
    ):
        assert not index.verify_quote(forged)
        assert not verify_quote(forged)


def test_offsets_count_characters_of_the_whole_file() -> None:
    text = "---\ntitle: T\n---\n# Head\n\nÅngström über 1 Å.\n\nSecond one.\n"
    passages = split_note("n", text)
    assert [p.text for p in passages] == ["Ångström über 1 Å.", "Second one."]
    assert all(text[p.start : p.end] == p.text for p in passages)


@pytest.mark.parametrize(
    "text", ["", "no front matter", "---\ntopics: x\n---\nText.", "---\ntitle: T\n---\n\n"]
)
def test_malformed_notes_are_refused(text: str) -> None:
    with pytest.raises(DataError):
        LiteratureIndex({"bad": text})


def test_limit_must_be_positive() -> None:
    with pytest.raises(UsageError):
        LiteratureIndex.built_in().search("oxide", limit=0)
