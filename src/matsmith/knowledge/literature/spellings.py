"""Other spellings of the materials in a question: BaTiO3, barium titanate, BTO.

Common materials stand in a table with their names and abbreviations. Names of two or three elements are also made and read by rule
(`hafnium diboride`, `strontium zirconate`), with the usual oxidation states where a name leaves the amounts open.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from math import lcm

from matsmith.core.errors import SpecError
from matsmith.knowledge.formulas import reduced_key
from matsmith.knowledge.literature.material_names import ANIONS, ELEMENT_NAMES, KNOWN, OXOANIONS, STATES
from matsmith.knowledge.literature.tokenizer import is_formula

_COUNTS = {"mono": 1, "di": 2, "tri": 3, "tetra": 4, "penta": 5, "hexa": 6}
_PREFIX = {1: "", 2: "di", 3: "tri", 4: "tetra", 5: "penta", 6: "hexa"}
_SUBSCRIPTS = str.maketrans("₀₁₂₃₄₅₆₇₈₉", "0123456789")
_FORMULA_WORD = re.compile(r"[A-Z][A-Za-z0-9₀-₉.()\[\]]*[A-Za-z0-9₀-₉)\]]|[A-Z]")


@dataclass(frozen=True, kw_only=True)
class Mention:
    """A material in a text: where it stands, the key of its formula, and every way to write it, the text's own first."""

    start: int
    end: int
    key: str
    spellings: tuple[str, ...]


def materials_in(text: str) -> list[Mention]:
    """The materials that a text names by formula, by name or by a common abbreviation, in order.

    >>> [m.spellings for m in materials_in("Is barium titanate ferroelectric?")]
    [('barium titanate', 'BaTiO3', 'BTO')]
    >>> [m.spellings[:2] for m in materials_in("the hardness of HfB2")]
    [('HfB2', 'hafnium diboride')]
    """
    found: list[Mention] = []
    taken = 0
    candidates = sorted([*_named(text), *_written(text)], key=lambda each: (each[0], -each[1]))
    for start, end, key in candidates:
        if start >= taken:
            own = text[start:end]
            others = (other for other in _spellings_of(key) if other.casefold() != own.casefold())
            found.append(Mention(start=start, end=end, key=key, spellings=(own, *dict.fromkeys(others))))
            taken = end
    return found


def spellings(text: str) -> tuple[str, ...]:
    """Every other way to write the materials of a text.

    >>> spellings("conductivity of LLZO")
    ('lithium lanthanum zirconate', 'Li7La3Zr2O12', 'lithium lanthanum zirconium oxide')
    """
    return tuple(dict.fromkeys(other for mention in materials_in(text) for other in mention.spellings[1:]))


def _written(text: str) -> list[tuple[int, int, str]]:
    """Formulas with at least two elements, and abbreviations."""
    found: list[tuple[int, int, str]] = []
    for match in _FORMULA_WORD.finditer(text):
        word = match.group().translate(_SUBSCRIPTS)
        if match.start() and text[match.start() - 1].isalnum():
            continue
        known = _abbreviations().get(word)
        if known:
            found.append((match.start(), match.end(), known))
        elif is_formula(word) and len(set(re.findall(r"[A-Z][a-z]?", word))) > 1:
            key = _key(word)
            if key:
                found.append((match.start(), match.end(), key))
    return found


def _named(text: str) -> list[tuple[int, int, str]]:
    """Names of the table, and names that the rules can read."""
    found = [
        (match.start(), match.end(), _names()[_one_name(match.group())])
        for match in _name_pattern().finditer(text)
    ]
    for match in _rule_pattern().finditer(text):
        key = _read_name(match.group())
        if key:
            found.append((match.start(), match.end(), key))
    return found


def _spellings_of(key: str) -> tuple[str, ...]:
    known = _table().get(key, ())
    made = _made_names(key) if key.isalnum() else ()
    # A name that is made by rule may belong to another material of the table: tin oxide is SnO2 there.
    names = tuple(name for name in made if _names().get(_one_name(name), key) == key)
    formulas = () if known else (written_formula(key),)
    return tuple(dict.fromkeys((*known, *formulas, *names)))


def _made_names(key: str) -> tuple[str, ...]:
    """Names of a compound of two elements, and of an oxide with a metal that names an oxoanion."""
    parts = {symbol: int(digits or 1) for symbol, digits in re.findall(r"([A-Z][a-z]?)(\d*)", key)}
    anions = [symbol for symbol in parts if symbol in ANIONS]
    if len(parts) == 2 and len(anions) == 1:
        anion = anions[0]
        cation = next(symbol for symbol in parts if symbol != anion)
        if cation not in ELEMENT_NAMES:
            return ()
        plain = f"{ELEMENT_NAMES[cation]} {ANIONS[anion][0]}"
        prefix = _PREFIX.get(parts[anion], "")
        if parts[cation] == 1 and prefix:
            return (f"{ELEMENT_NAMES[cation]} {prefix}{ANIONS[anion][0]}", plain)
        return (plain,)
    if len(parts) == 3 and "O" in parts:
        for symbol in parts:
            cation = next((other for other in parts if other not in (symbol, "O")), "")
            if symbol in OXOANIONS and cation in ELEMENT_NAMES and cation not in OXOANIONS:
                return (f"{ELEMENT_NAMES[cation]} {OXOANIONS[symbol][0]}",)
    return ()


def _read_name(name: str) -> str:
    """The key of `hafnium diboride`, `magnesium oxide`, `strontium zirconate`; "" when it stays open."""
    first, _, last = _one_name(name).rpartition(" ")
    cation = _symbols().get(first)
    if cation is None:
        return ""
    for symbol, (word, charge) in ANIONS.items():
        if last == word:
            states = STATES.get(cation, ())
            return _balanced(cation, symbol, states[0], charge) if len(states) == 1 else ""
        prefix = last.removesuffix(word)
        if prefix != last and prefix in _COUNTS:
            return _key(f"{cation}{symbol}{_COUNTS[prefix]}")
    for symbol, (word, unit, charge) in OXOANIONS.items():
        states = STATES.get(cation, ())
        if last == word and len(states) == 1 and symbol != cation:
            multiple = lcm(states[0], charge)
            return _key(f"{cation}{multiple // states[0]}({unit}){multiple // charge}")
    return ""


def _balanced(cation: str, anion: str, positive: int, negative: int) -> str:
    multiple = lcm(positive, negative)
    return _key(f"{cation}{multiple // positive}{anion}{multiple // negative}")


def _key(formula: str) -> str:
    try:
        return reduced_key(formula)
    except SpecError:
        return ""


def written_formula(key: str) -> str:
    """A key written as people write formulas: cations first, oxygen last.

    >>> written_formula("N4Si3"), written_formula("BaO3Zr")
    ('Si3N4', 'BaZrO3')
    """
    parts = re.findall(r"([A-Z][a-z]?)(\d*)", key.removeprefix("="))
    return "".join(symbol + digits for symbol, digits in sorted(parts, key=lambda part: _place(part[0])))


def _place(symbol: str) -> tuple[int, str]:
    if symbol == "O":
        return 4, symbol
    if symbol in ANIONS and symbol not in ("B", "C", "Si", "As", "Sb", "P"):
        return 3, symbol
    if symbol in ANIONS:
        return 2, symbol
    return (1, symbol) if symbol in OXOANIONS else (0, symbol)


def _one_name(name: str) -> str:
    plain = " ".join(re.split(r"[\s-]+", name.casefold()))
    for other, one in (("aluminum", "aluminium"), ("sulph", "sulf")):
        plain = plain.replace(other, one)
    return re.sub(r"\bcesium", "caesium", plain)


@lru_cache(maxsize=1)
def _table() -> dict[str, tuple[str, ...]]:
    """Key of the formula -> names, the formula itself second."""
    return {_key(formula): (names[0], formula, *names[1:]) for formula, names in KNOWN.items()}


@lru_cache(maxsize=1)
def _names() -> dict[str, str]:
    """Name -> key; where two materials share a name, the first in the table has it."""
    found: dict[str, str] = {}
    for formula, names in KNOWN.items():
        for name in names:
            if not _is_abbreviation(name):
                found.setdefault(_one_name(name), _key(formula))
    return found


@lru_cache(maxsize=1)
def _abbreviations() -> dict[str, str]:
    found: dict[str, str] = {}
    for formula, names in KNOWN.items():
        for name in names:
            if _is_abbreviation(name):
                found.setdefault(name, _key(formula))
    return found


def _is_abbreviation(name: str) -> bool:
    return " " not in name and sum(letter.isupper() for letter in name) >= 2


@lru_cache(maxsize=1)
def _symbols() -> dict[str, str]:
    return {name: symbol for symbol, name in ELEMENT_NAMES.items()}


@lru_cache(maxsize=1)
def _name_pattern() -> re.Pattern[str]:
    """Any name of the table, the longest first, in any of the spellings that `_one_name` makes one."""
    words = [
        re.escape(name)
        .replace("\\ ", r"[\s-]+")
        .replace("aluminium", "alumini?um")
        .replace("caesium", "ca?esium")
        .replace("sulf", "sul(?:f|ph)")
        for name in sorted(_names(), key=len, reverse=True)
    ]
    return re.compile(rf"\b(?:{'|'.join(words)})(?!\w)", re.IGNORECASE)


@lru_cache(maxsize=1)
def _rule_pattern() -> re.Pattern[str]:
    cations = "|".join((*ELEMENT_NAMES.values(), "aluminum", "cesium"))
    anions = "|".join([word for word, _ in ANIONS.values()] + [word for word, _, _ in OXOANIONS.values()])
    counts = "|".join(_COUNTS)
    return re.compile(rf"\b(?:{cations})[\s-]+(?:{counts})?(?:{anions}|sulphide|sulphate)\b", re.IGNORECASE)
