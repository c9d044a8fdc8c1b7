"""Sentences that give the property asked for, but of another material: they share every word with the question and answer another one.

"HfO2 has a gap of 5.8 eV, while TiO2 has a larger constant" names TiO2 and a gap, and says nothing about the gap of TiO2.
"""

from __future__ import annotations

from dataclasses import replace

from matsmith.knowledge.literature.documents import Passage, SourceDocument
from matsmith.knowledge.literature.extraction.families import FAMILIES
from matsmith.knowledge.literature.extraction.rules import extract_values
from matsmith.knowledge.literature.support import Asked

Spans = frozenset[tuple[int, int]]


def spans_of_others(asked: Asked, passage: Passage, document: SourceDocument) -> Spans:
    """Where sentences of a passage give the one property that is asked for, of other materials than the one that is asked about.

    Empty for a question that does not ask one property of one compound. Spans are (start, end) in the document's text.
    """
    if asked.several or len(asked.properties) != 1 or len(asked.compounds) != 1:
        return frozenset()
    family = asked.properties[0][0]
    (compound,) = asked.compounds
    owners: dict[tuple[int, int], set[str]] = {}
    # The passage alone: reading a whole paper for one of its sentences would take longer than the search.
    alone = replace(
        document, text=document.text[passage.start : passage.end], pages=(), tables=(), sections=()
    )
    for value in extract_values(alone, FAMILIES[family]):
        span = (passage.start + value.start, passage.start + value.end)
        owners.setdefault(span, set()).add(value.formula)
    return frozenset(span for span, formulas in owners.items() if all(formulas) and compound not in formulas)
