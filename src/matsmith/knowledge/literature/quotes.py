"""Quotes: pieces of a document that code has found in it, character for character, and the numbers they hold.

A statement of an answer stands on quotes. What the statement says beyond them is checked here: every quantity in it must stand in a
quote with the same value, unit and direction, every formula in the passage, and most of its words too.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from matsmith.core.references import bare_numbers
from matsmith.knowledge.literature.documents import Passage, SourceDocument, normalise_text
from matsmith.knowledge.literature.extraction.materials import find_materials
from matsmith.knowledge.literature.extraction.quantities import Measure, find_measures
from matsmith.knowledge.literature.stems import stems

_SHORTEST = 12  # characters; fewer prove nothing
_FOLDED = str.maketrans({"“": '"', "”": '"', "‘": "'", "’": "'", "–": "-", "—": "-", "−": "-", "‐": "-"})
# Share of a statement's words that its sources must hold.
_LEAST_SHARED = 0.5


@dataclass(frozen=True, kw_only=True)
class Quote:
    """A verbatim piece of a document: `text` is its characters from `start` to `end`.

    `source` is the document's title, `citation` who said it, `dois` what the passage cites or the document's own.
    """

    document_id: str
    name: str
    source: str
    citation: str
    text: str
    start: int
    end: int
    page: int | None = None
    section: str = ""
    dois: tuple[str, ...] = ()
    retracted: bool = False

    @property
    def id(self) -> str:
        """The document and the place in it."""
        return f"{self.document_id}:{self.start}-{self.end}"


def quote_from(document: SourceDocument, passage: Passage, *, start: int, end: int) -> Quote | None:
    """Take the characters from `start` to `end` of a document as a quote; None when they leave the passage.

    The passage says what the quote cites, and must itself stand in the document.
    """
    if not document.holds(passage) or not passage.start <= start < end <= passage.end:
        return None
    own = (document.doi,) if document.doi else ()
    return Quote(
        document_id=document.id,
        name=document.name,
        source=document.title,
        citation="; ".join(passage.citations) or document.citation,
        text=document.text[start:end],
        start=start,
        end=end,
        page=document.page_at(start),
        section=document.section_at(start),
        dois=passage.dois or own,
        retracted=bool(document.retracted) or passage.retracted,
    )


def find_quote(words: str, *, document: SourceDocument, passage: Passage) -> Quote | None:
    """Find words in a passage and return what stands there; None when they do not.

    Spaces, line ends, kinds of quotation marks and dashes and the case of letters may differ, since a model writes them as it likes; the
    quote is always the document's own text, so it is verbatim whatever was asked for.
    """
    wanted = [_folded(word) for word in normalise_text(words).strip(" \t\n\"'“”‘’").split()]
    if len("".join(wanted)) < _SHORTEST:
        return None
    text = document.text[passage.start : passage.end]
    folded = _folded(text)
    if len(folded) != len(text):  # a letter that folds into two would shift every offset after it
        folded = text
        wanted = normalise_text(words).split()
    match = re.search(r"\s+".join(map(re.escape, wanted)), folded)
    if match is None:
        return None
    return quote_from(document, passage, start=passage.start + match.start(), end=passage.start + match.end())


def stands(quote: Quote, document: SourceDocument) -> bool:
    """Whether a quote stands at its offsets in the document it names, character for character."""
    if quote.document_id != document.id or not 0 <= quote.start < quote.end <= len(document.text):
        return False
    return document.text[quote.start : quote.end] == quote.text


def unsupported(statement: str, *, quotes: Sequence[Quote], passages: Iterable[Passage]) -> str:
    """What a statement says that its sources do not, in words; "" when they support it.

    Quantities must stand in a quote. Formulas may stand anywhere in the passages or their titles, since a quote often says "it".
    """
    quoted = "\n".join(quote.text for quote in quotes)
    around = "\n".join(f"{passage.title}\n{passage.section}\n{passage.text}" for passage in passages)
    known = find_measures(quoted)
    for measure in find_measures(statement):
        if not any(_same(measure, other) for other in known):
            return f"{statement[measure.start : measure.end]!r} stands in no quote"
    numbers = set(bare_numbers(quoted)) | {digits for word in quoted.split() for digits in _digits(word)}
    for number in bare_numbers(statement):
        if number not in numbers and number.lower() not in quoted.lower():
            return f"{number!r} stands in no quote"
    formulas = {material.formula or material.name for material in find_materials(around)}
    for material in find_materials(statement):
        if (
            material.formula or material.name
        ) not in formulas and material.name.lower() not in around.lower():
            return f"{material.name!r} stands in no source"
    words = stems(statement)
    if words and len(words & stems(around)) < _LEAST_SHARED * len(words):
        return "most of its words stand in no source"
    return ""


def _same(measure: Measure, other: Measure) -> bool:
    return (measure.low, measure.high, measure.unit, measure.relation) == (
        other.low,
        other.high,
        other.unit,
        other.relation,
    )


def _digits(word: str) -> list[str]:
    return re.findall(r"\d+(?:[.,]\d+)*", word)


def _folded(text: str) -> str:
    return unicodedata.normalize("NFC", text.translate(_FOLDED)).casefold()
