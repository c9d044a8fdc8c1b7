"""The values that a passage reports, and whether a solid can have them."""

from __future__ import annotations

from dataclasses import replace

from matsmith.core.properties import PROPERTIES, physical_problem
from matsmith.knowledge.literature.documents import Passage, SourceDocument
from matsmith.knowledge.literature.extraction.families import FAMILIES
from matsmith.knowledge.literature.extraction.mentions import find_mentions
from matsmith.knowledge.literature.extraction.rules import extract_values
from matsmith.knowledge.literature.extraction.values import ExtractedValue


def values_in(passage: Passage, *, document: SourceDocument) -> list[ExtractedValue]:
    """The values of every property that a passage names; their offsets are the document's."""
    piece = replace(document, text=passage.text, pages=(), tables=(), sections=())
    families = dict.fromkeys(mention.family for mention in find_mentions(passage.text))
    return [
        replace(value, start=passage.start + value.start, end=passage.start + value.end)
        for family in families
        for value in extract_values(piece, FAMILIES[family])
    ]


def impossible_value(passage: Passage, *, document: SourceDocument) -> str:
    """One sentence on a value in the passage that no solid has; "" when there is none.

    Bounds are let be: "above 0" and "below 1e6" are no claims of a value.
    """
    for value in values_in(passage, document=document):
        name = FAMILIES[value.family].measured
        if value.relation in ("above", "below") or name not in PROPERTIES:
            continue
        for end in (value.low, value.high):
            problem = physical_problem(name, end)
            if problem:
                return problem
    return ""
