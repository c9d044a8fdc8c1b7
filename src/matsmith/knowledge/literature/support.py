"""How well passages support an answer to a question: which of its words, formulas and properties they speak of, and which they don't.

A search always returns something. Whether that answers the question is judged here, by the share of the question's terms that one
passage holds, each term weighted by how rare it is in the built-in notes; and a question that names a compound is only answered by
a passage that names it too.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from functools import lru_cache

from matsmith.core.elements import SYMBOLS
from matsmith.knowledge.literature.documents import Passage
from matsmith.knowledge.literature.extraction.families import FAMILIES
from matsmith.knowledge.literature.extraction.materials import Material, find_materials
from matsmith.knowledge.literature.extraction.mentions import find_mentions
from matsmith.knowledge.literature.extraction.quantities import find_measures
from matsmith.knowledge.literature.extraction.units import to_unit
from matsmith.knowledge.literature.index import LiteratureIndex
from matsmith.knowledge.literature.stems import stem, stems
from matsmith.knowledge.literature.tokenizer import tokenize

# Words of questions that say how something is asked and not what about.
_ASKING_TEXT = """
compare compared comparison difference different differ tell know known explain describe best better good happen happens work works need
needs reason value number typical high low large small main important effect way thing kind type list name example mean meaning answer
question material materials compound compounds become made help helps why does who whom whose let keep keeps kept turn turned put take
takes instead case actually really usually often first find found limit limits limited stop stops come comes called give gives
"""
_ASKING = frozenset(stem(token) for token in tokenize(_ASKING_TEXT))
_SEVERAL = re.compile(
    r"\b(?:compare|compared|both|versus|vs|or|differ|difference|and which|than|respectively|better)\b",
    re.IGNORECASE,
)
_FORMULA_WEIGHT = 2.0
_SYMBOL = re.compile(r"[A-Z][a-z]?")
_YEAR = re.compile(r"\b(?:19|20|21)\d\d\b")
_PRICE_ASKED = re.compile(
    r"\bhow (?:much|expensive)\b.*\b(?:costs?|is|are)\b|\b(?:price|cost)s? (?:of|for) (?:an? |one )?|\bwhat (?:does|do|did|will|would)\b.*\bcost\b",
    re.IGNORECASE,
)
_PRICE_GIVEN = re.compile(
    r"[$€£]|\b(?:USD|EUR|dollars?|euros?|cents?)\b|\bper (?:kg|kilogram|tonne|ton)\b", re.IGNORECASE
)
_SHORTEST_PREFIX = 5
# Units that too many properties share for a value alone to say which is meant.
_COMMON_UNITS = frozenset({"", "K", "eV", "GPa/K", "percent"})


@dataclass(frozen=True, kw_only=True)
class Support:
    """How much of a question one passage, or a few together, speak of: `share` from 0 to 1, and the words they lack."""

    share: float
    missing: tuple[str, ...]
    names_missing: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Asked:
    """A question taken apart: its terms with their weights, the materials that it names (formula, or name), the properties.

    `compounds` are the materials that a passage must name too: those of at least two elements, but not one that the question only leans on
    ("SrTiO3's cousin"). `written` has each as the question writes it; `properties` each with the stems of its words. `elements` are those of a
    question that names no compound: a passage must name one of them, alone or in a formula. A `price` needs one in the passage,
    and what lies in a `future_year` no text knows.
    """

    weights: dict[str, float]
    spelled: dict[str, str]
    materials: frozenset[str]
    compounds: frozenset[str]
    written: dict[str, str]
    properties: tuple[tuple[str, frozenset[str]], ...]
    several: bool
    elements: frozenset[str] = frozenset()
    price: bool = False
    future_year: int | None = None


def ask(question: str) -> Asked:
    """Take a question apart."""
    materials = find_materials(question)
    compounds = frozenset(_compounds(question, materials))
    weights: dict[str, float] = {}
    spelled: dict[str, str] = {}
    frequency, total = _background()
    for material in materials:
        name = material.formula or material.name.lower()
        weights[name] = _FORMULA_WEIGHT if name in compounds else 1.0
        spelled[name] = material.name
    for token in tokenize(_without(question, materials)):
        term = stem(token)
        if term in _ASKING:
            continue
        weights[term] = math.log((total + 1) / (frequency[term] + 0.5)) / math.log(2 * (total + 1))
        spelled.setdefault(term, token)
    return Asked(
        weights=weights,
        spelled=spelled,
        materials=frozenset(material.formula or material.name.lower() for material in materials),
        compounds=compounds,
        written={material.formula or material.name.lower(): material.name for material in materials},
        properties=tuple(
            {
                mention.family: (mention.family, stems(question[mention.start : mention.end]))
                for mention in find_mentions(question)
            }.values()
        ),
        several=bool(_SEVERAL.search(question)) or len({m.formula or m.name for m in materials}) > 1,
        elements=frozenset()
        if compounds
        else frozenset(material.formula for material in materials if material.formula in SYMBOLS),
        price=bool(materials and _PRICE_ASKED.search(question)),
        future_year=next((y for y in map(int, _YEAR.findall(question)) if y > date.today().year), None),
    )


def _compounds(question: str, materials: Sequence[Material]) -> list[str]:
    return [
        material.formula or material.name.lower()
        for material in materials
        if question[material.end : material.end + 2] not in ("'s", "’s")
        and (len(re.findall(r"[A-Z][a-z]?", material.formula)) > 1)
    ]


def _without(question: str, materials: Sequence[Material]) -> str:
    """The question with the materials blanked out, so that each counts once, however many words it is written in."""
    for material in materials:
        question = (
            question[: material.start] + " " * (material.end - material.start) + question[material.end :]
        )
    return question


def support(asked: Asked, passages: Sequence[Passage]) -> Support:
    """How far the passages, taken together, speak of what is asked."""
    text = "\n".join(f"{passage.title}\n{passage.section}\n{passage.text}" for passage in passages)
    total = sum(asked.weights.values())
    if not total or not passages:
        return Support(share=0.0, missing=tuple(asked.spelled.values()))
    names = materials_of(text)
    held = frozenset(stem(token) for token in tokenize(text))
    covered, missing = 0.0, list[str]()
    for term, weight in asked.weights.items():
        if term in asked.materials:
            spoken_of = term in names or asked.written[term].lower() in text.lower()
        else:
            spoken_of = holds(held, term)
        if spoken_of:
            covered += weight
        else:
            missing.append(asked.spelled[term])
    absent = sorted(
        asked.written[name] for name in asked.compounds if name not in names and name not in text.lower()
    )
    if asked.compounds and not absent:
        absent = [
            f"the {FAMILIES[name].title}"
            for name, words in asked.properties
            if not words <= held and not _speaks_of(name, text, passages)
        ]
    if asked.elements and not asked.elements & _elements_in(names):
        absent += sorted(asked.written[symbol] for symbol in asked.elements)
    if asked.price and not _PRICE_GIVEN.search(text):
        absent.append("a price")
    return Support(share=covered / total, missing=tuple(missing), names_missing=tuple(absent))


def _elements_in(names: frozenset[str]) -> frozenset[str]:
    """The elements of every formula among names of materials."""
    return frozenset(symbol for name in names for symbol in _SYMBOL.findall(name) if symbol in SYMBOLS)


def holds(held: frozenset[str], term: str) -> bool:
    """Whether a set of stems holds a term, or a word that begins alike: 'oxidis' and 'oxidation' share 'oxid'."""
    if term in held:
        return True
    if len(term) < _SHORTEST_PREFIX or not term.isalpha() or term != term.lower():
        return False
    start = term[:_SHORTEST_PREFIX]
    return any(
        other.startswith(start)
        and abs(len(other) - len(term)) <= 3
        and _common(other, term) >= min(len(other), len(term)) - 1
        for other in held
    )


def _speaks_of(family: str, text: str, passages: Sequence[Passage]) -> bool:
    """Whether passages name a property, or give a value in its unit where no other property can be meant."""
    named = {mention.family for mention in find_mentions(text)}
    if family in named:
        return True
    unit = FAMILIES[family].unit
    if unit in _COMMON_UNITS or any(FAMILIES[other].unit == unit for other in named):
        return False
    return any(
        measure.unit and to_unit(measure.low, measure.unit, unit) is not None
        for passage in passages
        for measure in find_measures(passage.text)
    )


@lru_cache(maxsize=4096)
def materials_of(text: str) -> frozenset[str]:
    """The materials that a text names: reduced formulas, or names in lower case where there is no formula."""
    return frozenset(material.formula or material.name.lower() for material in find_materials(text))


def _common(first: str, second: str) -> int:
    count = 0
    for left, right in zip(first, second, strict=False):
        if left != right:
            break
        count += 1
    return count


@lru_cache(maxsize=1)
def _background() -> tuple[Counter[str], int]:
    """In how many passages of the built-in notes each stem stands, and how many passages there are."""
    passages = LiteratureIndex.built_in().passages
    counts: Counter[str] = Counter()
    for passage in passages:
        counts.update({stem(token) for token in tokenize(f"{passage.title} {passage.text}")})
    return counts, len(passages)
