from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scripted import bulk_record

from matsmith.agents.conversation.numbers import GAP, NO_SUCH, KnownNumbers, NumberFilter, check_text

RECORD = bulk_record(162.4)
SHORT = RECORD.id[:8]


@pytest.fixture
def known() -> KnownNumbers:
    found = KnownNumbers()
    found.add_record(RECORD)
    found.add_text("I want at least 150 GPa in three oxides, for 20 min")
    return found


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        (f"It is {{r:{SHORT}.bulk_modulus}}.", f"It is 162.4 ± 4.0 GPa [{SHORT}]."),
        ("It is 162 GPa.", "It is 162 GPa."),
        ("It is 162.4 ± 4.0 GPa.", "It is 162.4 ± 4.0 GPa."),
        ("It is about 162 ± 4 GPa, stiff.", "It is about 162 ± 4 GPa, stiff."),
        ("You asked for 150 GPa.", "You asked for 150 GPa."),
        ("It is 163 GPa.", f"It is {GAP} GPa."),
        ("It is 162 eV.", f"It is {GAP} eV."),
        ("It has 162 atoms.", f"It has {GAP} atoms."),
        (
            "Space group 225 of Al2O3, candidate 3 of round 2.",
            "Space group 225 of Al2O3, candidate 3 of round 2.",
        ),
        ("Its number is 225 there.", "Its number is 225 there."),
        ("Al2O3 has 2 metals.", f"Al2O3 has {GAP} metals."),
        ("{r:deadbeef.bulk_modulus}", NO_SUCH),
        (f"{{r:{SHORT}.density}}", NO_SUCH),
        ("No number at all, only words.", "No number at all, only words."),
    ],
)
def test_a_number_stands_only_when_something_backs_it(written: str, shown: str, known: KnownNumbers) -> None:
    assert check_text(written, known=known).text == shown


@pytest.mark.parametrize(
    "written",
    [
        "It is two hundred GPa.",
        "It is ２００ GPa.",
        "It is ½ eV.",
        "It is {r:oops}.",
        "It is ٣٤ GPa, surely.",
    ],
)
def test_numbers_in_disguise_do_not_pass(written: str, known: KnownNumbers) -> None:
    checked = check_text(written, known=known)
    assert checked.unbacked
    assert not re.search(r"hundred|２|½|oops|٣", checked.text)


def test_words_pass_at_once_and_a_sentence_with_a_number_waits(known: KnownNumbers) -> None:
    filtered = NumberFilter(known)
    assert filtered.feed("The bulk") == "The bulk"
    assert filtered.feed(" modulus is ") == " modulus is "
    assert filtered.feed("1") == ""
    assert filtered.feed("63 G") == ""
    assert filtered.feed("Pa. Then") == f"{GAP} GPa. Then"
    assert filtered.feed(" tw") == " "
    assert filtered.feed("elve") == ""
    assert filtered.finish() == "twelve"


@given(
    text=st.text(alphabet=st.sampled_from("ab 12.,GPaeV{}r:\nMgO±%-Å "), max_size=80),
    cuts=st.lists(st.integers(1, 9), max_size=20),
)
def test_how_a_text_arrives_changes_nothing_that_is_withheld(text: str, cuts: list[int]) -> None:
    known = KnownNumbers()
    known.add_record(RECORD)
    filtered = NumberFilter(known)
    place = 0
    for cut in cuts:
        filtered.feed(text[place : place + cut])
        place += cut
    filtered.feed(text[place:])
    filtered.finish()
    whole = check_text(text, known=known)
    assert bool(filtered.checked.unbacked) == bool(whole.unbacked)


@given(value=st.integers(10, 9999), unit=st.sampled_from(["GPa", "eV", "eV/atom", "K", "%", "Å"]))
def test_no_value_is_ever_invented(value: int, unit: str) -> None:
    checked = check_text(f"So it is {value} {unit}, I think.", known=KnownNumbers())
    assert str(value) not in checked.text
    assert checked.unbacked == [str(value)]


def test_the_mark_of_a_source_is_a_name_and_backs_no_number(known: KnownNumbers) -> None:
    for mark in ("[1]", "[2]"):
        known.add_text(mark)
    good = "Lithium disorder sets it [1]; so do boundaries [1, 2]."
    assert check_text(good, known=known).text == good
    assert check_text("Others disagree [7].", known=known).unbacked == ["7"]
    assert check_text("Its ratio is 1 there.", known=known).unbacked == ["1"]


def test_a_volume_per_atom_among_the_facts_may_be_copied() -> None:
    found = KnownNumbers()
    found.add_record(bulk_record(162.4, facts={"volume_angstrom3_per_atom": 9.6407}))
    assert check_text("It takes 9.64 Å³/atom.", known=found).unbacked == []
    assert check_text("It takes 9.74 Å³/atom.", known=found).unbacked == ["9.74"]
    assert check_text("It takes 9.6407 Å³ per atom.", known=found).unbacked == []
    assert check_text("The cell takes 9.6407 Å³.", known=found).unbacked == ["9.6407"]


@pytest.mark.parametrize(
    ("facts", "text"),
    [
        ({"uncorrected_slack_w_per_m_k": 1.25}, "It conducts 1.25 W/(m·K)."),
        ({"highest_frequency_thz": 20.1}, "It reaches 20.1 THz."),
        ({"uncorrected_voltage_v": 3.47}, "It gives 3.47 V."),
        ({"lines": [{"two_theta_deg": 27.1268, "percent": 58.55}]}, "At 27.1268° it has 58.55 %."),
        ({"ranking": [{"above_lowest_mev_per_atom": 2.54}]}, "The next lies 2.54 meV/atom higher."),
        ({"range": {"low": 3.41, "high": 3.62, "unit": "g/cm3"}}, "Between 3.41 g/cm³ and 3.62 g/cm³."),
        ({"basis": "22 of 370 phases lay within 0.05 eV/atom"}, "Of 370 phases, 22 lay within 0.05 eV/atom."),
    ],
)
def test_a_fact_is_copied_with_its_own_unit_and_no_other(facts: dict[str, Any], text: str) -> None:
    found = KnownNumbers()
    found.add_record(bulk_record(facts=facts))
    assert check_text(text, known=found).unbacked == []
    wrong = re.sub(r"(?<=\d) ?(?:W/\(m·K\)|THz|V|°|meV/atom|g/cm³|eV/atom)", " GPa", text)
    assert check_text(wrong, known=found).unbacked


def test_what_an_error_is_measured_against_may_be_said(known: KnownNumbers) -> None:
    assert check_text("Computed for 0 K.", known=known).unbacked == []
    assert check_text("Computed for 300 K.", known=known).unbacked == ["300"]
