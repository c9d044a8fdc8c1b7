from __future__ import annotations

import re
import string
import time
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from matsmith.core.elements import SYMBOLS
from matsmith.core.errors import LedgerError
from matsmith.core.references import Reference, UnknownReference, bare_numbers, references, render

REFERENCE = st.builds(
    Reference,
    record_prefix=st.text("0123456789abcdef", min_size=4, max_size=64),
    quantity=st.from_regex(r"[a-z][a-z0-9_]{0,20}", fullmatch=True),
)
# Words without digits; letters that could begin a name which may hold digits are left to the tables below.
WORDS = st.lists(
    st.sampled_from(
        ["modulus", "rises", "because", "oxygen", "packs", "tightly", ";", ",", "—", "(most)", "and"]
    ),
    max_size=8,
).map(" ".join)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Al2O3, MgAl2O4 and Ca(OH)2.",
        "LiNi0.8Mn0.1Co0.1O2 (NMC) against Li7La3Zr2O12, Fe2O3-based, MgO/Al2O3",
        "K2[PtCl6], C60H12",
        "Al₂O₃ with subscripts",
        "Fe3+, O2- and S8",
        "ABX3, AB2O4, LnO2 and A2BX6 sites",
        "Pm-3m, Fm-3m, P6_3/mmc, P63/mmc, R-3c, I4/mcm, P2_1/c, Pnma",
        "space group 225, Space group No. 62, space-group 1",
        "L1_2 and B2 order, A15, DO3 beside AB_cF8_225_a_b and A2BC4_cF56_227_d_a_e",
        "mp-1265 of the database",
        "round 2, Round 13, candidate 12, candidate 9f3c07d2, rank 1, target 3",
        "the 1st, 2nd, 3rd and 24th of them",
        "1. First\n2) Second",
        "MP2020 corrections, r2SCAN, sp3 bonds, 3d and 4f electrons, 2D layers",
        "three oxides, twenty candidates, the first two rounds, one half of them",
        "a density in g/cm3, a volume in Å³",
        "an expansion in 1/K, a compressibility in 1/GPa, a phonon in 1/cm.",
        "K rises to {r:9f3c.bulk_modulus}, from {r:00ff12.bulk_modulus}.",
        "{r:9f3c.c11}{r:9f3c.c12}",
    ],
)
def test_names_and_references_are_no_bare_numbers(text: str) -> None:
    assert bare_numbers(text) == []


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("reached 250 GPa", ["250"]),
        ("250GPa", ["250"]),
        ("at 300K and 300 K", ["300", "300"]),
        ("-0.05 eV/atom, 1e-3, 1,234.5", ["-0.05", "1e-3", "1,234.5"]),
        ("\u22125 meV", ["-5"]),
        ("50%", ["50"]),
        ("x=0.5", ["0.5"]),
        ("1.1-1.7 eV", ["1.1", "-1.7"]),
        ("K300", ["300"]),
        ("K12 GPa", ["12"]),
        ("E50 GPa", ["50"]),
        ("H9 eV", ["9"]),
        ("V250", ["250"]),
        ("Xq3Zz2", ["3", "2"]),
        ("space group 231", ["231"]),
        ("space group 225 GPa", ["225"]),
        ("round 3 GPa", ["3"]),
        ("candidate 250 GPa", ["250"]),
        ("round 2.5", ["2.5"]),
        ("１５０ GPa", ["150"]),
        ("٢٥٠ GPa", ["٢٥٠"]),
        ("२५० GPa", ["२५०"]),
        ("2½ eV", ["2", "1", "2"]),
        ("Ⅻ GPa XII", []),
        ("㊿ GPa", ["50"]),
        ("𝟐𝟓𝟎 GPa", ["250"]),
        ("2\u200b50", ["2", "50"]),
        ("{r:9f3c.bulk_modulus}0", ["0"]),
        ("1{r:9f3c.bulk_modulus}", ["1"]),
        ("{r:9f3c.bulk_modulus}e3", ["3"]),
        ("10^{r:9f3c.bulk_modulus}", ["10"]),
        ("{r:9F3C.bulk_modulus}", ["9", "3"]),
        ("{r:9f3.k}", ["9", "3"]),
        ("{ r:9f3c.k}", ["9", "3"]),
        ("two hundred GPa", ["two hundred GPa"]),
        ("Two hundred and fifty GPa", ["Two hundred and fifty GPa"]),
        ("one point five eV", ["one point five eV"]),
        ("twenty percent", ["twenty percent"]),
        ("12. December", ["12"]),
        ("3d 40 GPa 3d5", ["40", "3", "5"]),
    ],
)
def test_bare_numbers_are_found(text: str, found: list[str]) -> None:
    assert bare_numbers(text) == found


@given(
    before=WORDS,
    after=WORDS,
    number=st.one_of(st.integers(0, 10**9).map(str), st.floats(0, 1e6).map(lambda x: f"{x:.6g}")),
)
def test_any_number_among_words_is_found(before: str, after: str, number: str) -> None:
    assert bare_numbers(f"{before} about {number} GPa {after}") != []


@given(
    symbols=st.lists(st.sampled_from(SYMBOLS), min_size=2, max_size=5, unique=True),
    amounts=st.lists(st.integers(1, 30), min_size=5, max_size=5),
    before=WORDS,
)
def test_any_formula_of_two_or_more_elements_is_a_name(
    symbols: list[str], amounts: list[int], before: str
) -> None:
    formula = "".join(
        f"{symbol}{amount if amount > 1 else ''}" for symbol, amount in zip(symbols, amounts, strict=False)
    )
    assert bare_numbers(f"{before} {formula}, which holds.") == []


@given(st.text(max_size=200))
def test_text_without_any_digit_is_never_blamed_for_digits(text: str) -> None:
    found = bare_numbers(text)
    if not any(
        unicodedata.numeric(letter, None) is not None for letter in unicodedata.normalize("NFKC", text)
    ):
        assert [number for number in found if re.search(r"\d", number)] == []


@given(st.text(string.ascii_letters + string.digits + " .,()[]{}:-+^_/rK%", max_size=120))
def test_whatever_is_written_is_read_in_one_go(text: str) -> None:
    for number in bare_numbers(text):
        assert number
    for reference in references(text):
        assert str(reference) in text


@given(st.lists(st.tuples(WORDS, REFERENCE), min_size=1, max_size=6))
def test_references_are_read_as_they_were_written(parts: list[tuple[str, Reference]]) -> None:
    text = " ".join(f"{words} {reference}" for words, reference in parts)
    assert references(text) == [reference for _, reference in parts]
    assert bare_numbers(text) == []
    rendered = render(text, lambda reference: f"<{reference.quantity}>")
    assert rendered == " ".join(f"{words} <{reference.quantity}>" for words, reference in parts)


def test_what_is_filled_in_is_not_read_again() -> None:
    assert render("a {r:9f3c.k} b", lambda _: "{r:0000.other}") == "a {r:0000.other} b"


@pytest.mark.parametrize(
    "text", ["{r:9f3c}", "{r:9f3.k}", "{r:XYZW.k}", "{ r: 9f3c.k}", "{r:9f3c.K}", "{r:9f3c.k", "{r:}"]
)
def test_a_malformed_reference_is_not_rendered(text: str) -> None:
    with pytest.raises(UnknownReference, match="malformed"):
        render(f"see {text}.", lambda _: "1")


@pytest.mark.parametrize("problem", [KeyError("9f3c"), LedgerError("no such record")])
def test_an_unknown_reference_raises(problem: Exception) -> None:
    def resolve(_: Reference) -> str:
        raise problem

    with pytest.raises(UnknownReference, match=r"\{r:9f3c\.k\}") as caught:
        render("{r:9f3c.k}", resolve)
    assert caught.value.hint


def test_long_text_takes_no_long_time() -> None:
    for piece in (
        "A",
        "(",
        "A1",
        "1",
        "a_",
        "twenty ",
        "{r:",
        "Pm-",
        "AB_cF8_",
        "1.",
        "-",
        "\n",
        "round ",
        "1 ",
    ):
        started = time.monotonic()
        bare_numbers(piece * 100_000)
        assert time.monotonic() - started < 60, piece  # by the square of the length it would be many minutes


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("its pressure derivative is five point three", ["five point three"]),
        ("a ratio of zero point two nine", ["zero point two nine"]),
        ("two point defects and three points", []),
        ("two candidates, one of them at that point", []),
    ],
)
def test_a_decimal_in_words_is_a_number_and_a_count_is_none(text: str, found: list[str]) -> None:
    assert bare_numbers(text) == found
