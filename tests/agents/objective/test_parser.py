from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from matsmith.agents.decisions import Plan
from matsmith.agents.objective import parse_objective
from matsmith.core.errors import ImpossibleObjective, MatsmithError, SpecError, UnitError
from matsmith.core.quantity import Relation

Describe = Callable[[Plan], str]


def _table() -> list[tuple[str, str, list[str]]]:
    """Read `sentences.txt`: a sentence, what is made of it (indented), and what is left over (indented, after a ?)."""
    rows: list[tuple[str, str, list[str]]] = []
    for block in Path(__file__).with_name("sentences.txt").read_text(encoding="utf-8").strip().split("\n\n"):
        lines = block.splitlines()
        left = [line.strip()[2:] for line in lines[2:]]
        rows.append((lines[0], lines[1].strip(), left))
    return rows


TABLE = _table()


def test_the_table_is_large_and_has_no_repeats() -> None:
    assert len(TABLE) >= 200
    assert len({sentence for sentence, _, _ in TABLE}) == len(TABLE)


@pytest.mark.parametrize(
    ("sentence", "meaning", "left"), TABLE, ids=[sentence[:60] for sentence, _, _ in TABLE]
)
def test_sentence(sentence: str, meaning: str, left: list[str], describe: Describe) -> None:
    plan = parse_objective(sentence)
    assert describe(plan) == meaning
    assert plan.not_understood == left
    assert plan.spec.objective == sentence


@pytest.mark.parametrize("sentence", [sentence for sentence, _, _ in TABLE])
def test_every_number_is_used_or_reported(sentence: str) -> None:
    plan = parse_objective(sentence)
    reported = " ".join([*(one.words for one in plan.understood), *plan.not_understood])
    for number in re.findall(r"\d+(?:[.,]\d+)?", sentence):
        assert number in reported


@pytest.mark.parametrize("sentence", [sentence for sentence, _, _ in TABLE])
def test_spaces_and_case_of_connecting_words_change_nothing(sentence: str, describe: Describe) -> None:
    changed = re.sub(
        r"\b(and|or|with|above|below|between|no|without|than|at|least|most|of)\b",
        lambda m: m[0].upper(),
        sentence,
    )
    changed = "  " + re.sub(r"(?<=[a-z,]) (?=[a-z])", "   ", changed) + " "
    plan, other = parse_objective(sentence), parse_objective(changed)
    assert describe(other) == describe(plan)
    assert len(other.not_understood) == len(plan.not_understood)


def test_soft_targets_say_which_default_was_taken() -> None:
    plan = parse_objective("a stiff oxide of high refractive index")
    assert [target.relation for target in plan.spec.targets] == [Relation.MAXIMISE, Relation.MAXIMISE]
    assert not any(target.hard for target in plan.spec.targets)
    assert any("bulk modulus" in question for question in plan.questions)
    assert any("refractive index" in question for question in plan.questions)


def test_understanding_names_each_phrase_as_written() -> None:
    plan = parse_objective("A stable Oxide, no cobalt")
    meanings = {one.words: one.meaning for one in plan.understood}
    assert meanings["no cobalt"] == "without Co"
    assert meanings["Oxide"] == "contains O"
    assert "energy_above_hull below 0.05 eV/atom" in meanings["stable"]


def test_words_of_a_target_are_kept() -> None:
    (target,) = parse_objective("Bulk modulus > 2 Mbar").spec.targets
    assert target.words == "Bulk modulus > 2 Mbar"


@pytest.mark.parametrize(
    ("sentence", "given_unit", "wanted"),
    [
        ("bulk modulus above 5 eV", "eV", "GPa"),
        ("a band gap below 3 GPa", "GPa", "eV"),
        ("density less than 300 K", "K", "g/cm3"),
        ("price at most 20 €/kg", "EUR/kg", "USD/kg"),
        ("bulk modulus above 200 foo/bar", "foo/bar", "GPa"),
        ("hardness between 3 and 5 V", "V", "GPa"),
    ],
)
def test_wrong_units_are_refused(sentence: str, given_unit: str, wanted: str) -> None:
    with pytest.raises(UnitError) as caught:
        parse_objective(sentence)
    assert given_unit in str(caught.value)
    assert wanted in str(caught.value)


@pytest.mark.parametrize(
    "sentence",
    ["", "   \n", "asdf", "hello", "please give me some material", "😀", "?!", "x" * 2001, "above 150 GPa", "steel", "12345",
     "I need something good", "not stable", "harder than diamond", "As. No. In. I."],
)  # fmt: skip
def test_what_says_nothing_is_refused_with_an_example(sentence: str) -> None:
    with pytest.raises(SpecError) as caught:
        parse_objective(sentence)
    assert "bulk modulus above 150 GPa" in caught.value.hint


@pytest.mark.parametrize(
    ("sentence", "named"),
    [
        ("containing Xx and oxygen", "Xx"),
        ("an oxide without Qq", "Qq"),
        ("Zz-free oxide", "Zz"),
        ("containing unobtainium", "unobtainium"),
        ("XxO2", "Xx"),
        ("oxide in space group 300", "300"),
        ("oxide in space group Xyz", "Xyz"),
        ("zero candidates of oxide", "zero"),
        ("give me 5000 oxides", "5000"),
        ("oxide with 0 atoms", "0 atoms"),
        ("oxide with 20 elements", "20 elements"),
        ("bulk modulus between 200 and 200 GPa", "empty"),
        ("oxide at -5 K", "-5 K"),
    ],
)
def test_what_does_not_exist_is_named(sentence: str, named: str) -> None:
    with pytest.raises(SpecError, match=re.escape(named)):
        parse_objective(sentence)


@pytest.mark.parametrize(
    "sentence", ["cubic oxide in space group Pnma", "hexagonal, space group 225", "orthorhombic and cubic"]
)
def test_symmetries_that_exclude_each_other_are_impossible(sentence: str) -> None:
    with pytest.raises(ImpossibleObjective, match="contradicts"):
        parse_objective(sentence)


def test_moduli_without_a_property_ask_which_one() -> None:
    plan = parse_objective("an oxide above 150 GPa")
    assert plan.spec.targets == []
    assert plan.not_understood == ["above 150 GPa"]
    assert any("Bulk modulus, shear modulus and hardness" in question for question in plan.questions)


def test_groups_have_the_members_of_the_periodic_table() -> None:
    chemistry = parse_objective("an alkali halide without rare earths or noble metals").spec.chemistry
    assert chemistry.any_of == [["F", "Cl", "Br", "I"], ["Li", "Na", "K", "Rb", "Cs", "Fr"]]
    lanthanides = ["La", "Ce", "Pr", "Nd", "Pm", "Sm", "Eu", "Gd", "Tb", "Dy", "Ho", "Er", "Tm", "Yb", "Lu"]
    assert set(chemistry.excluded) == {
        "Sc",
        "Y",
        *lanthanides,
        "Ru",
        "Rh",
        "Pd",
        "Ag",
        "Os",
        "Ir",
        "Pt",
        "Au",
    }


def test_an_exception_is_spared_from_an_exclusion() -> None:
    excluded = parse_objective("an oxide without transition metals except titanium").spec.chemistry.excluded
    assert "Ti" not in excluded
    assert {"Fe", "Co", "Ni", "V", "W"} <= set(excluded)


def test_an_alloy_is_made_of_metals() -> None:
    chemistry = parse_objective("a light alloy").spec.chemistry
    assert {"Al", "Mg", "Fe", "U"} <= set(chemistry.allowed)
    assert not {"O", "N", "Cl", "He", "Si"} & set(chemistry.allowed)
    assert chemistry.elements_min == 2


_WORDS = st.sampled_from(
    [
        "a",
        "the",
        "stable",
        "oxide",
        "nitride",
        "no",
        "without",
        "not",
        "neither",
        "nor",
        "or",
        "and",
        "with",
        "above",
        "below",
        "between",
        "at",
        "least",
        "most",
        "than",
        "band",
        "gap",
        "bulk",
        "modulus",
        "GPa",
        "eV",
        "K",
        "°C",
        "GPa/",
        "5",
        "200",
        "1e3",
        "1,5",
        "10^9",
        "⁻⁶",
        "-",
        "–",
        "(",
        ")",
        ",",
        ";",
        ".",
        "<",
        ">",
        "≥",
        "±",
        "~",
        "=",
        "cobalt",
        "Co",
        "Fe-Ni",
        "TiO2",
        "In",
        "As",
        "I",
        "No",
        "perovskite",
        "cubic",
        "space",
        "group",
        "Fm-3m",
        "225",
        "three",
        "five",
        "atoms",
        "elements",
        "only",
        "made",
        "of",
        "free",
        "system",
        "preferably",
        "if",
        "possible",
        "price",
        "$",
        "5/kg",
        "cheap",
        "hard",
        "as",
        "possible",
        "high",
        "low",
        "formula",
        "ternary",
        "alloy",
        "metal",
        "Xx",
        "$5/kg",
        "stiffer",
        "2.5e400",
        "one",
        "half",
        "hundred",
        "thousand",
    ]
)


@settings(max_examples=300, deadline=None)
@given(st.one_of(st.text(max_size=80), st.lists(_WORDS, max_size=25).map(" ".join)))
@example("bulk modulus above 1e308 thousand GPa")
@example("oxide " + "9" * 400)
@example("gap above 10^308 keV")
@example("((((((" * 50)
@example("Ti" * 500)
def test_any_text_gives_a_plan_or_a_clear_error(text: str) -> None:
    try:
        plan = parse_objective(text)
    except MatsmithError:
        return
    written = " ".join(text.split())
    for words in plan.not_understood:
        assert " ".join(words.split()) in written


@settings(max_examples=100, deadline=None)
@given(
    value=st.floats(min_value=1, max_value=400).map(lambda number: round(number, 2)),
    unit=st.sampled_from([("GPa", 1.0), ("Mbar", 0.01), ("MPa", 1000.0), ("kbar", 10.0)]),
    words=st.sampled_from(
        ["above", ">", "≥", "at least", "more than", "not below", "exceeding", "no less than"]
    ),
)
def test_a_threshold_in_any_unit(value: float, unit: tuple[str, float], words: str) -> None:
    name, factor = unit
    (target,) = parse_objective(f"bulk modulus {words} {value * factor:.6f} {name}").spec.targets
    assert target.relation is Relation.ABOVE
    assert target.value == pytest.approx(value, rel=1e-6, abs=1e-5)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.sampled_from(["Pb", "Cd", "Hg", "Co", "Ni", "Fe", "Ti", "Zr", "Al", "Mn", "Cu", "Zn", "Sn", "Sb"]),
        min_size=1,
        max_size=6,
        unique=True,
    )
)
def test_any_list_of_elements_is_excluded(symbols: list[str]) -> None:
    listed = ", ".join(symbols[:-1]) + (" or " if len(symbols) > 1 else "") + symbols[-1]
    chemistry = parse_objective(f"an oxide with no {listed}").spec.chemistry
    assert set(chemistry.excluded) == set(symbols)
    assert chemistry.required == ["O"]
