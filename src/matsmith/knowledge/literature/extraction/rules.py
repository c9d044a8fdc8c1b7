"""Extraction by rules, for use without a model: a property's name, a quantity of its dimension, and the material they are of.

A value is taken only when every part is found and nothing in the sentence denies it, supposes it or makes it a change.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from matsmith.knowledge.literature.documents import SourceDocument
from matsmith.knowledge.literature.extraction.analysis import AnalysedSentence, sentences_of, speaks_of
from matsmith.knowledge.literature.extraction.clauses import clause_bounds
from matsmith.knowledge.literature.extraction.context import (
    conditions_in,
    is_change,
    is_condition,
    is_denied,
    is_foreign,
    is_of_defects,
    is_supposed,
    obtained_in,
)
from matsmith.knowledge.literature.extraction.families import FAMILIES, Family
from matsmith.knowledge.literature.extraction.linking import link
from matsmith.knowledge.literature.extraction.materials import Material, find_materials
from matsmith.knowledge.literature.extraction.mentions import Mention, is_named, refers_elsewhere
from matsmith.knowledge.literature.extraction.quantities import Measure
from matsmith.knowledge.literature.extraction.tables import extract_tables
from matsmith.knowledge.literature.extraction.units import to_unit
from matsmith.knowledge.literature.extraction.values import ExtractedValue, Place, make_value

# A quantity further from the property's name than this belongs to something else.
_REACH = 150
_REACH_WITHOUT_UNIT = 60
_OTHER_CLAUSE = 60  # a clause's border counts as so many letters
_BEHIND = 12
_NEXT = re.compile(r"\s(?:of |is |was )?(?:near|around|about|at|just|up to|from|between|only|\s)*")
_PER_ATOM = re.compile("/atom")


def extract_values(document: SourceDocument, family: Family) -> list[ExtractedValue]:
    """The values of a property in a document, in the order of the text, tables included.

    Each quote is the document's own text at its offsets. A value whose material cannot be told is left out.
    """
    found = [*_from_prose(document, family), *extract_tables(document, family)]
    found.sort(key=lambda value: value.start)
    return found


def _from_prose(document: SourceDocument, family: Family) -> Iterator[ExtractedValue]:
    sentences = sentences_of(document)
    title: tuple[Material, ...] | None = None
    for index, sentence in enumerate(sentences):
        if not is_named(family, sentence.clear):
            continue
        chosen = [measure for measure in sentence.measures if _belongs(family, sentence, measure)]
        if not chosen:
            continue
        if title is None:
            title = tuple(find_materials(document.title))
        yield from _linked(
            document, family, sentence, chosen, fallback=speaks_of(sentences, index, title=title)
        )


def _linked(
    document: SourceDocument,
    family: Family,
    sentence: AnalysedSentence,
    chosen: list[Measure],
    *,
    fallback: Material | None,
) -> Iterator[ExtractedValue]:
    materials = [
        m for m in sentence.materials if not any(p.start <= m.start < p.end for p in sentence.mentions)
    ]
    owners = link(sentence.clear, chosen, materials, fallback=fallback)
    obtained, method = obtained_in(sentence.clear)
    conditions = conditions_in(sentence.clear, sentence.measures, used={measure.start for measure in chosen})
    for measure, sharing in zip(chosen, owners, strict=True):
        for owner in sharing:
            value = make_value(
                document,
                family,
                material=owner.name,
                formula=owner.formula,
                measure=measure,
                place=Place(
                    start=sentence.start,
                    end=sentence.end,
                    kind="text",
                    written=sentence.text[measure.start : measure.end],
                    obtained=obtained,
                    method=method,
                    conditions=conditions,
                ),
            )
            if value is not None:
                yield value


def _belongs(family: Family, analysed: AnalysedSentence, measure: Measure) -> bool:
    """Whether a quantity is a reported value of the property asked for."""
    sentence = analysed.clear
    if not _fits(measure, family) or (_PER_ATOM.search(family.unit) and is_of_defects(sentence, measure)):
        return False
    owner = _owner(sentence, measure, analysed.mentions)
    if owner is None or owner.family != family.name:
        return False
    if is_foreign(sentence, measure, mention_end=owner.end):
        return False
    if not _stands_right_behind(sentence, owner, measure) and is_condition(sentence, measure):
        return False
    return not (
        is_denied(sentence, measure) or is_supposed(sentence, measure) or is_change(sentence, measure)
    )


def _stands_right_behind(sentence: str, mention: Mention, measure: Measure) -> bool:
    """A modulus near 38 GPa: nothing but a preposition lies between name and quantity."""
    return mention.end <= measure.start and _NEXT.fullmatch(sentence[mention.end : measure.start]) is not None


def _fits(measure: Measure, family: Family) -> bool:
    if not family.unit:
        return measure.unit == ""
    return measure.unit != "" and to_unit(measure.low, measure.unit, family.unit) is not None


def _owner(sentence: str, measure: Measure, mentions: Sequence[Mention]) -> Mention | None:
    """The mention that a quantity goes with: the nearest whose unit it can have, those before it first."""
    best: Mention | None = None
    least = float("inf")
    for mention in mentions:
        family = FAMILIES[mention.family]
        if not _fits(measure, family):
            continue
        start, end = clause_bounds(sentence, measure.start)
        distance = 0 if start <= mention.start < end else _OTHER_CLAUSE
        if mention.end <= measure.start:
            distance += measure.start - mention.end
        elif refers_elsewhere(sentence, mention):
            continue
        else:
            distance += mention.start - measure.end + _BEHIND
        reach = _REACH if family.unit else _REACH_WITHOUT_UNIT
        if distance < least and distance <= reach:
            best, least = mention, distance
    return best
