"""Exact compositions: `LiFePO4`, "titanium dioxide", "alumina"."""

from __future__ import annotations

import math
import re
from fractions import Fraction

from matsmith.agents.objective.draft import Draft, index_phrases
from matsmith.agents.objective.element_lists import single_element
from matsmith.agents.objective.element_words import (
    ANION_CLASSES,
    MATERIAL_NAMES,
    RATIO_PREFIXES,
    USES_OF_ELEMENTS,
)
from matsmith.agents.objective.word_sets import words
from matsmith.core.elements import is_element, parse_formula
from matsmith.core.errors import SpecError

_NAMES = index_phrases(MATERIAL_NAMES)
_PARTS = re.compile(r"[A-Z][a-z]?")
# Formulas of one-letter elements without a digit that are compounds and not abbreviations.
_SHORT = words(
    """
    BN WC VC VN UN UC UB YN BP KF KH HF YB VB WB WN YS YP
    """
)
_LEADS = ("polymorph of", "polymorphs of", "phase of", "form of", "modification of", "crystal of", "structure of",
          "structures of", "phases of", "forms of")  # fmt: skip
_PREFIXED = re.compile(rf"({'|'.join(RATIO_PREFIXES)})(\w+?)s?")
_PLAIN_RATIOS = ("mono", "di", "tetra", "hexa")


def anion_class_at(draft: Draft, index: int) -> str | None:
    """Name of the class of compounds that a word names, in the singular; "dioxide" is an oxide."""
    word = draft.low(index)
    for candidate in (word, word.removesuffix("s")):
        if candidate in ANION_CLASSES:
            return candidate
    prefixed = _PREFIXED.fullmatch(word)
    if prefixed and prefixed[2] in ANION_CLASSES:
        return prefixed[2]
    # monoxide, pentoxide
    for prefix in ("mon", "pent", "tetr", "hex"):
        if word.removesuffix("s") == f"{prefix}oxide":
            return "oxide"
    return None


def reduced(formula: str) -> str:
    """Return a formula with the smallest whole numbers, elements in the order written.

    >>> reduced("Ti2O4"), reduced("Li0.5CoO2"), reduced("Ca(OH)2")
    ('TiO2', 'LiCo2O4', 'CaO2H2')
    """
    amounts = {
        symbol: Fraction(amount).limit_denominator(1000) for symbol, amount in parse_formula(formula).items()
    }
    scale = math.lcm(*(amount.denominator for amount in amounts.values()))
    whole = {symbol: int(amount * scale) for symbol, amount in amounts.items()}
    divisor = math.gcd(*whole.values()) or 1
    return "".join(
        f"{symbol}{amount // divisor if amount // divisor > 1 else ''}" for symbol, amount in whole.items()
    )


def read_formulas(draft: Draft) -> None:
    """Take the one composition that is wanted; a second one is set aside. Raises `SpecError` for an unknown element in it."""
    index = 0
    while index < len(draft):
        found = _formula_at(draft, index) if draft.open(index) else None
        if found is None:
            index += 1
            continue
        formula, end = found
        last, several = end, False
        while draft.low(last) in ("or", "and", "/", ",") and draft.open(last + 1):
            other = _formula_at(draft, last + 1)
            if other is None:
                break
            last, several = other[1], True
        if several or (draft.formula is not None and draft.formula != formula):
            draft.refuse(index, last)
            draft.ask("Several compositions are named; one can be held at a time, so these were left out.")
        elif draft.low(end) in USES_OF_ELEMENTS:
            draft.refuse(index, end + 1)
        elif draft.low(end) == "-" or draft.low(end) in ("like", "type", "substrate", "derived"):
            draft.refuse(index, min(end + 2, len(draft)) if draft.low(end) == "-" else end + 1)
        else:
            _take(draft, formula, index, end)
        index = last


def _take(draft: Draft, formula: str, start: int, end: int) -> None:
    if not parse_formula(formula):
        return
    draft.formula = formula
    for lead in _LEADS:
        words = lead.split()
        if start >= len(words) and draft.phrase(start - len(words), words) == start:
            start -= len(words)
            break
    draft.use(start, end, f"the composition {formula}")


def _formula_at(draft: Draft, index: int) -> tuple[str, int] | None:
    named = _NAMES.at(draft, index)
    if named:
        return reduced(named[0]), named[1]
    spoken = _spoken(draft, index)
    if spoken:
        return spoken
    text = draft.raw(index)
    parts = _PARTS.findall(text)
    if len(parts) < 2 or not draft.open(index) or (not text[0].isupper() and text[0] != "("):
        return None
    digits = any(character.isdigit() for character in text)
    if not re.fullmatch(r"(?:[A-Z][a-z]?(?:\d+(?:\.\d+)?)?|\(|\)\d*)+", text):
        return None
    unknown = [part for part in parts if not is_element(part)]
    if unknown:
        if digits and any(is_element(part) for part in parts) and not _is_label(text):
            raise SpecError(
                f"There is no element {unknown[0]!r} (in {text!r}).",
                hint="Write a formula such as LiFePO4 with the symbols of the periodic table.",
            )
        return None
    if not digits and all(len(part) == 1 for part in parts) and text not in _SHORT:
        return None
    if len(set(parts)) < 2 or max(parse_formula(text).values()) > 1000:
        return None
    return reduced(text), index + 1


def _is_label(text: str) -> bool:
    """Whether it is a generic formula such as ABX3 or A2B2O7."""
    return bool(re.search(r"[AMXRELDGJQTZ](?![a-z])", text))


def _spoken(draft: Draft, index: int) -> tuple[str, int] | None:
    """Read "titanium dioxide" and its like."""
    cation = single_element(draft, index, in_list=True)
    if cation is None or not draft.open(index + 1):
        return None
    word = draft.low(index + 1).removesuffix("s")
    for prefix in _PLAIN_RATIOS:
        anion = word.removeprefix(prefix) if word.startswith(prefix) else ""
        anion = "oxide" if word in (f"{prefix[:-1]}oxide",) else anion
        parts = ANION_CLASSES.get(anion)
        if (
            parts
            and len(parts) == 1
            and len(parts[0]) == 1
            and single_element(draft, index - 1, in_list=False) is None
        ):
            count = RATIO_PREFIXES[prefix]
            return reduced(f"{cation}{parts[0][0]}{count:g}"), index + 2
    return None
