"""Other spellings of materials, and the terms that are indexed."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from matsmith.knowledge.formulas import reduced_key
from matsmith.knowledge.literature.material_names import KNOWN
from matsmith.knowledge.literature.spellings import materials_in, spellings
from matsmith.knowledge.literature.terms import index_terms


@pytest.mark.parametrize(
    ("question", "formula"),
    [
        ("barium titanate", "BaTiO3"),
        ("Barium-titanate", "BaTiO3"),
        ("BTO", "BaTiO3"),
        ("BaTiO₃", "BaTiO3"),
        ("TiBaO3", "BaTiO3"),
        ("aluminum nitride", "AlN"),
        ("hafnium diboride", "HfB2"),
        ("strontium zirconate", "SrZrO3"),
        ("calcium phosphate", "Ca3P2O8"),
        ("zinc sulphide", "ZnS"),
        ("cesium lead iodide", "CsPbI3"),
        ("LLZO", "Li7La3Zr2O12"),
        ("NMC811", "LiNi0.8Mn0.1Co0.1O2"),
    ],
)
def test_a_material_is_found_by_every_spelling(question: str, formula: str) -> None:
    found = materials_in(f"the modulus of {question} at 300 K")
    assert [mention.key for mention in found] == [reduced_key(formula)]


@pytest.mark.parametrize(
    "text",
    [
        "In no case is it As",
        "Is it hard?",
        "iron oxide and titanium",
        "",
        "HIGH and Co",
        "rock salt structure",
    ],
)
def test_words_are_no_materials_unless_the_table_says_so(text: str) -> None:
    assert [m.key for m in materials_in(text) if m.key not in (reduced_key("Fe2O3"),)] == []


def test_names_that_leave_the_amounts_open_are_not_guessed() -> None:
    assert materials_in("manganese nitride") == []


def test_every_name_of_the_table_finds_its_material_or_the_one_that_has_it_first() -> None:
    keys = {reduced_key(formula) for formula in KNOWN}
    for formula, names in KNOWN.items():
        found = materials_in(f"about {names[0]} here")
        assert found, (formula, names[0])
        assert found[0].key in keys
    assert spellings("BaTiO3") == ("barium titanate", "BTO")


@given(st.text(max_size=120))
@settings(max_examples=200, deadline=None)
def test_any_text_is_taken(text: str) -> None:
    for mention in materials_in(text):
        assert text[mention.start : mention.end] == mention.spellings[0]
    assert all(index_terms(text))


def test_terms_join_spellings_of_words_and_formulas() -> None:
    assert index_terms("aluminum sulphide") == index_terms("aluminium sulfide")
    assert set(index_terms("Ti2Ba2O6")) & set(index_terms("BaTiO3 TiBaO3")) == {"=BaO3Ti"}
