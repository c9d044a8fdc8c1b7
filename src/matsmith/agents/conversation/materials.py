"""The materials that a sentence speaks of: files and structures of the thread, candidates, formulas, names, and "it"."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from matsmith.agents.objective.element_words import ANION_CLASSES, ELEMENT_NAMES, MATERIAL_NAMES
from matsmith.core.elements import is_element, parse_formula
from matsmith.core.errors import SpecError

_FORMULA = re.compile(
    r"(?<![\w./\\-])(?:[A-Z][a-z]?\d*(?:\.\d+)?|\((?:[A-Z][a-z]?\d*)+\)\d*)+(?![\w/\\]|\.\w)"
)
_CANDIDATE = re.compile(r"\bcandidates?\s+(?:no\.?\s*|number\s+|#)?([0-9a-f]{4,16}|\d{1,4})\b", re.IGNORECASE)
_FILE = re.compile(
    r"(?<!\w)[\w./\\~+-]+\.(?:cif|vasp|poscar|contcar|csv|tsv|xye?|dat|pdf|html?|md|txt|xml|bib|xyz)\b",
    re.IGNORECASE,
)
_POSCAR = re.compile(r"(?<![\w])[\w./~-]*(?:POSCAR|CONTCAR)[\w.-]*")
_PRONOUN = re.compile(r"\b(?:it|its|this|that|the same|the structure|the crystal)\b", re.IGNORECASE)
# One letter or two that are words of English before they are elements, and words that happen to be made of symbols.
_WORDS = frozenset(
    [
        "I",
        "In",
        "As",
        "At",
        "Be",
        "He",
        "No",
        "Am",
        "CIF",
        "CSV",
        "HOW",
        "PBS",
        "OK",
        "US",
        "UV",
        "IS",
        "SO",
        "ON",
        "NO",
        "OF",
        "BY",
        "HI",
        "CO",
        "SCAN",
    ]
)
_BEFORE_ELEMENT = re.compile(
    r"(?:\bof|\bfor|\bis|\band|\bor|\bthan|\bvs\.?|\bversus|\bin|relax|pure|,|elemental|metallic|\bwhat does|\bhow much does|\bhow (?:fast|quickly|easily|freely) do(?:es)?)\s+$",
    re.IGNORECASE,
)


@dataclass(frozen=True, kw_only=True)
class Mention:
    """A material in a sentence. `kind` is label, file, candidate, formula, name (of one form) or pronoun; `name` what finds it."""

    kind: str
    name: str
    start: int
    end: int


def mentions(text: str, *, labels: Sequence[str] = ()) -> list[Mention]:
    """Every material that is named, in the order of the text, each once; a pronoun only where nothing else is named.

    >>> [mention.name for mention in mentions("bulk modulus of MgO, alumina and diamond")]
    ['MgO', 'Al2O3', 'diamond']
    """
    found: list[Mention] = []

    def take(kind: str, name: str, start: int, end: int) -> None:
        if not any(one.start < end and start < one.end for one in found):
            found.append(Mention(kind=kind, name=name, start=start, end=end))

    for label in sorted(labels, key=len, reverse=True):
        for match in re.finditer(rf"(?<!\w){re.escape(label)}(?!\w)", text, re.IGNORECASE):
            take("label", label, match.start(), match.end())
    for pattern in (_FILE, _POSCAR):
        for match in pattern.finditer(text):
            take("file", match[0], match.start(), match.end())
    for match in _CANDIDATE.finditer(text):
        take("candidate", match[1].lower(), match.start(), match.end())
    for match in _FORMULA.finditer(text):
        if _is_formula(match[0], before=text[: match.start()]):
            take("formula", match[0], match.start(), match.end())
    for name, formula in _names():
        for match in re.finditer(rf"(?<![\w-]){re.escape(name)}(?![\w-])", text, re.IGNORECASE):
            # The name and not the formula: diamond is no graphite.
            take("name", name if _is_form(name) else formula, match.start(), match.end())
    for match in re.finditer(
        r"\b([a-z]+)\s+((?:mon|di|tri|tetr|pent|hept)?[a-z]+ides?)\b", text, re.IGNORECASE
    ):
        spoken = _spoken(match[1].lower(), match[2].lower())
        if spoken:
            take("formula", spoken, match.start(), match.end())
    for match in re.finditer(r"\b([a-z]+)\b", text, re.IGNORECASE):
        symbol = ELEMENT_NAMES.get(match[1].lower())
        if (
            symbol
            and _BEFORE_ELEMENT.search(text[: match.start()])
            and not re.match(r"[\s-]+(?:\w+ide|free|based|ion)", text[match.end() :])
        ):
            take("formula", symbol, match.start(), match.end())
    if not found:
        match = _PRONOUN.search(text)
        if match:
            take("pronoun", "it", match.start(), match.end())
    unique: dict[tuple[str, str], Mention] = {}
    for one in sorted(found, key=lambda one: one.start):
        unique.setdefault((one.kind, one.name), one)
    return list(unique.values())


def without(text: str, found: Sequence[Mention]) -> str:
    """The text with its materials taken out."""
    for one in sorted(found, key=lambda one: -one.start):
        text = f"{text[: one.start]} {text[one.end :]}"
    return " ".join(text.split())


def _is_formula(token: str, *, before: str) -> bool:
    if token in _WORDS or len(token) > 60:
        return False
    try:
        amounts = parse_formula(token)
    except SpecError:
        return False
    plain = token.isupper() and token.isalpha()
    if len(amounts) == 1:
        return is_element(token) and bool(_BEFORE_ELEMENT.search(before))
    if plain and len(token) >= 2:
        # Capital letters alone may be an abbreviation: taken for a formula where such a compound is known.
        return _is_known(token)
    return True


@lru_cache(maxsize=512)
def _is_known(formula: str) -> bool:
    from matsmith.agents.conversation.structures import find_by_formula

    return bool(find_by_formula(formula))


@lru_cache(maxsize=1)
def _names() -> tuple[tuple[str, str], ...]:
    """Names of minerals and compounds with their formulas, longest first; names of elements are read apart."""
    from matsmith.knowledge.crystals import measured_crystals

    names = {one.name: one.formula for one in measured_crystals() if one.name.lower() not in ELEMENT_NAMES}
    more = {
        "rutile": "TiO2",
        "quartz": "SiO2",
        "alumina": "Al2O3",
        "magnesia": "MgO",
        "table salt": "NaCl",
        "rock salt crystal": "NaCl",
    }
    plain = {name: formula for name, formula in MATERIAL_NAMES.items() if formula}
    return tuple(sorted((more | plain | names).items(), key=lambda entry: -len(entry[0])))


def formula_of(name: str) -> str:
    """The formula of a material that is named by one of its forms, "" for other words.

    >>> formula_of("Diamond"), formula_of("garnet")
    ('C', '')
    """
    return next((formula for known, formula in _names() if known.casefold() == name.casefold()), "")


def _is_form(name: str) -> bool:
    """Whether a name stands for one form of a compound that has several."""
    from matsmith.knowledge.crystals import measured_crystals

    formula = formula_of(name)
    same = [one for one in measured_crystals() if one.formula == formula]
    return len(same) > 1 and any(name.casefold() in one.name.casefold() for one in same)


@lru_cache(maxsize=256)
def _spoken(metal: str, anion: str) -> str:
    """`magnesium oxide` as a formula, where exactly one compound of the two elements has been measured."""
    from matsmith.knowledge.crystals import measured_crystals

    symbol = ELEMENT_NAMES.get(metal)
    word = re.sub(
        r"^(?:mono|mon|di|tri|tetra|tetr|penta|pent|hepta|hept)(?=[a-z]{4})", "", anion
    ).removesuffix("s")
    groups = ANION_CLASSES.get(word)
    if symbol is None or not groups or len(groups) != 1 or len(groups[0]) != 1:
        return ""
    wanted = {symbol, groups[0][0]}
    formulas = {one.formula for one in measured_crystals() if set(parse_formula(one.formula)) == wanted}
    return formulas.pop() if len(formulas) == 1 else ""
