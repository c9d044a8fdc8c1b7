"""Extraction with a model through the one seam, sentence by sentence; the model selects words, code reads the numbers.

Whatever the model answers, a value is kept only when its number stands in the sentence with a unit of the property's dimension and its
material stands in the passage; everything else is dropped and counted.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from matsmith.agents.extraction_questions import (
    CountQuestion,
    DoubtQuestion,
    RelevanceQuestion,
    Row,
    RowsQuestion,
    WordsQuestion,
    stands_in,
)
from matsmith.agents.reasoners.interface import Reasoner
from matsmith.knowledge.literature.documents import SourceDocument
from matsmith.knowledge.literature.extraction.analysis import AnalysedSentence, sentences_of
from matsmith.knowledge.literature.extraction.context import conditions_in, obtained_in
from matsmith.knowledge.literature.extraction.families import Family
from matsmith.knowledge.literature.extraction.materials import formula_key
from matsmith.knowledge.literature.extraction.mentions import is_named
from matsmith.knowledge.literature.extraction.quantities import Measure, find_measures
from matsmith.knowledge.literature.extraction.rules import extract_values
from matsmith.knowledge.literature.extraction.tables import extract_tables
from matsmith.knowledge.literature.extraction.values import ExtractedValue, Place, make_value
from matsmith.knowledge.literature.untrusted import is_suspicious

Tell = Callable[[int, int], None]
# A title is enough to tell a material; more of it only costs.
_TITLE, _BEFORE = 300, 600


@dataclass(frozen=True, kw_only=True)
class Extraction:
    """What came of a document: values in the order of the text, sentences that were asked about, and why answers were dropped."""

    values: tuple[ExtractedValue, ...]
    asked: int
    dropped: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class _Passage:
    document: SourceDocument
    family: Family
    sentence: AnalysedSentence
    title: str
    before: str


def extract(
    document: SourceDocument, family: Family, *, reasoner: Reasoner, tell: Tell | None = None
) -> Extraction:
    """The values of a property in a document: by rules with the rules' reasoner, else by asking; tables are always read by rules.

    `tell` is called with sentences done and in all. Raises `ReasonerError` when the server fails and `BudgetExceeded` when nothing more
    may be asked.
    """
    if reasoner.name == "rules":
        return _without_orders(document, Extraction(values=tuple(extract_values(document, family)), asked=0))
    sentences = sentences_of(document)
    chosen = [
        index
        for index, sentence in enumerate(sentences)
        if any(character.isdigit() for character in sentence.clear)
        and _may_speak_of(family, sentences, index)
    ]
    values = list(extract_tables(document, family))
    dropped: list[str] = []
    for done, index in enumerate(chosen):
        if tell is not None:
            tell(done, len(chosen))
        before = sentences[index - 1].clear if index and not sentences[index].begins_paragraph else ""
        passage = _Passage(
            document=document,
            family=family,
            sentence=sentences[index],
            title=document.title[:_TITLE],
            before=before[-_BEFORE:],
        )
        values.extend(_from_passage(passage, reasoner, dropped))
    if tell is not None:
        tell(len(chosen), len(chosen))
    values.sort(key=lambda value: value.start)
    done = Extraction(values=tuple(values), asked=len(chosen), dropped=tuple(dropped))
    return _without_orders(document, done)


def _without_orders(document: SourceDocument, found: Extraction) -> Extraction:
    """Leave out values of sentences that tell their reader what to do: such a sentence reports nothing."""
    kept = tuple(value for value in found.values if not is_suspicious(document.text[value.start : value.end]))
    left_out = [
        f"{value.written} for {value.material}: its sentence addresses its reader"
        for value in found.values
        if value not in kept
    ]
    return replace(found, values=kept, dropped=(*found.dropped, *left_out))


def _may_speak_of(family: Family, sentences: tuple[AnalysedSentence, ...], index: int) -> bool:
    """Whether the sentence, or the one before it in the paragraph, names the property."""
    if is_named(family, sentences[index].clear):
        return True
    return (
        bool(index) and not sentences[index].begins_paragraph and is_named(family, sentences[index - 1].clear)
    )


def _from_passage(passage: _Passage, reasoner: Reasoner, dropped: list[str]) -> list[ExtractedValue]:
    title = passage.family.title
    sentence = passage.sentence.clear
    if not reasoner.decide(RelevanceQuestion(property_name=title, sentence=sentence)).states_value:
        return []
    context = {"property_name": title, "title": passage.title, "before": passage.before, "sentence": sentence}
    if reasoner.decide(CountQuestion(**context)).several:
        rows = reasoner.decide(RowsQuestion(**context)).rows
    else:
        value = reasoner.decide(WordsQuestion(**context, datum="value")).words
        if value is None:
            return []
        rows = [
            Row(
                value=value,
                unit=reasoner.decide(WordsQuestion(**context, datum="unit")).words,
                material=reasoner.decide(WordsQuestion(**context, datum="material")).words,
            )
        ]
    found: list[ExtractedValue] = []
    for row in rows:
        problem, kept = _checked(passage, row, taken=found)
        if kept is None:
            dropped.append(problem)
            continue
        doubt = reasoner.decide(DoubtQuestion(**context, row=row))
        if not (doubt.material_is_right and doubt.value_is_right and doubt.is_reported):
            dropped.append(f"{row.value} for {row.material}: withdrawn when doubted")
            continue
        found.append(kept)
    return found


def _checked(
    passage: _Passage, row: Row, *, taken: list[ExtractedValue]
) -> tuple[str, ExtractedValue | None]:
    """The value of a row when all its words stand where they must, else why not."""
    label = f"{row.value} for {row.material}"
    if not row.value or not row.material:
        return f"{label}: value or material is missing", None
    where = f"{passage.title}\n{passage.before}\n{passage.sentence.clear}"
    if not stands_in(row.material, where):
        return f"{label}: the material does not stand in the passage", None
    measure = _measure(passage, row)
    if measure is None:
        return f"{label}: the value does not stand in the sentence", None
    obtained, method = obtained_in(passage.sentence.clear)
    used = {measure.start}
    value = make_value(
        passage.document,
        passage.family,
        material=row.material,
        formula=formula_key(row.material),
        measure=measure,
        place=Place(
            start=passage.sentence.start,
            end=passage.sentence.end,
            kind="text",
            written=passage.sentence.text[measure.start : measure.end],
            obtained=obtained,
            method=method,
            conditions=conditions_in(passage.sentence.clear, passage.sentence.measures, used=used),
            extractor="chat",
        ),
    )
    if value is None:
        return f"{label}: {measure.unit or 'a plain number'} is no unit of {passage.family.title}", None
    if any((other.material, other.written) == (value.material, value.written) for other in taken):
        return f"{label}: named twice", None
    return "", value


def _measure(passage: _Passage, row: Row) -> Measure | None:
    """The quantity of the sentence that the row's words name; its numbers and its unit are the sentence's own."""
    named = find_measures(f"{row.value} {row.unit or ''}".strip())
    if len(named) != 1 or not stands_in(row.value or "", passage.sentence.clear):
        return None
    wanted = named[0]
    for measure in find_measures(passage.sentence.clear):
        if (measure.low, measure.high) == (wanted.low, wanted.high):
            if measure.unit or not wanted.unit:
                return measure
            # A unit that stands further off in the sentence (3.4 and 6.2, both in eV) is taken only when it is written there.
            if row.unit and stands_in(row.unit, passage.sentence.clear):
                return replace(measure, unit=wanted.unit)
    return None
