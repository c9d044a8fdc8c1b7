"""A document's sentences with what they name: properties, quantities, materials; worked out once and on demand."""

from __future__ import annotations

import re
from collections import OrderedDict
from dataclasses import dataclass
from functools import cached_property

from matsmith.knowledge.literature.documents import SourceDocument
from matsmith.knowledge.literature.extraction.materials import Material, find_materials
from matsmith.knowledge.literature.extraction.mentions import Mention, find_mentions
from matsmith.knowledge.literature.extraction.quantities import Measure, find_measures
from matsmith.knowledge.literature.sentences import sentence_spans

_KEPT = 8
_FRONT_MATTER = re.compile(r"---\n.*?\n---\n", re.DOTALL)
_CITATIONS = (
    re.compile(r"(?:doi:\s?|https?://)\S+[^\s.,;)]|(?<![\w/])10\.\d{4,9}/\S+[^\s.,;)]", re.IGNORECASE),
    re.compile(r"\((?:see |e\.g\. |cf\. )?[^()\d]{2,80}?\b(?:19|20)\d\d[a-z]?\b[^()]*\)"),
    re.compile(r"\[\d{1,3}(?:\s?[,–-]\s?\d{1,3})*\]"),
)
_REFERS_BACK = re.compile(
    r"(?:It|Its|They|Their|This|These|The (?:compound|material|phase|alloy|crystal|oxide|film|sample|latter|value|measured|"
    r"calculated|resulting|corresponding|band|optical|bulk|shear|thermal|ionic|room)|At|A|An|In)\b"
)


@dataclass(frozen=True)
class AnalysedSentence:
    """A sentence; `clear` is its text with citations and addresses blanked, letter for letter in the same places."""

    text: str
    clear: str
    start: int
    end: int
    begins_paragraph: bool

    @cached_property
    def mentions(self) -> list[Mention]:
        """The properties it names."""
        return find_mentions(self.clear)

    @cached_property
    def materials(self) -> list[Material]:
        """The materials it names."""
        return find_materials(self.clear)

    @cached_property
    def measures(self) -> list[Measure]:
        """The quantities it states, those inside names left out."""
        return [
            measure
            for measure in find_measures(self.clear)
            if not any(material.start <= measure.start < material.end for material in self.materials)
            and not any(mention.start <= measure.start < mention.end for mention in self.mentions)
        ]

    @cached_property
    def refers_back(self) -> bool:
        """Whether it opens with words that go on about what was named before."""
        return _REFERS_BACK.match(self.clear) is not None


_Key = tuple[str, str, tuple[tuple[int, int], ...]]
_analysed: OrderedDict[_Key, tuple[AnalysedSentence, ...]] = OrderedDict()


def sentences_of(document: SourceDocument) -> tuple[AnalysedSentence, ...]:
    """The sentences of a document outside of its tables and front matter; the last few documents are kept."""
    # By the text and not by the id: a piece of a document is read as a document of its own, and keeps the id.
    key = (document.text, document.kind, tuple((table.start, table.end) for table in document.tables))
    found = _analysed.get(key)
    if found is None:
        found = tuple(_split(document))
        _analysed[key] = found
        while len(_analysed) > _KEPT:
            _analysed.popitem(last=False)
    return found


def speaks_of(
    sentences: tuple[AnalysedSentence, ...], index: int, *, title: tuple[Material, ...]
) -> Material | None:
    """The material that a sentence without one is about: the only one of the sentence before, else the title's only one."""
    sentence = sentences[index]
    if index and not sentence.begins_paragraph and sentence.refers_back:
        before = sentences[index - 1]
        names = {material.formula or material.name for material in before.materials}
        if len(names) == 1:
            return before.materials[0]
        if not names and index > 1 and not before.begins_paragraph:
            return speaks_of(sentences, index - 1, title=title)
    return title[0] if len(title) == 1 else None


def _split(document: SourceDocument) -> list[AnalysedSentence]:
    clear = _blank(document)
    found: list[AnalysedSentence] = []
    for start, end in _prose(document):
        last = start
        for begin, stop in sentence_spans(document.text, start, end):
            gap = document.text[last:begin]
            found.append(
                AnalysedSentence(
                    text=document.text[begin:stop],
                    clear=clear[begin:stop],
                    start=begin,
                    end=stop,
                    begins_paragraph=begin == start or gap.count("\n") > 1 or not found,
                )
            )
            last = stop
    return found


def _blank(document: SourceDocument) -> str:
    text = document.text
    for pattern in _CITATIONS:
        text = pattern.sub(lambda match: " " * len(match.group()), text)
    return text


def _prose(document: SourceDocument) -> list[tuple[int, int]]:
    """The stretches of text between tables, after the front matter of a note."""
    header = _FRONT_MATTER.match(document.text) if document.kind in ("note", "markdown") else None
    place = header.end() if header else 0
    stretches: list[tuple[int, int]] = []
    for table in sorted(document.tables, key=lambda table: table.start):
        if table.start > place:
            stretches.append((place, table.start))
        place = max(place, table.end)
    if place < len(document.text):
        stretches.append((place, len(document.text)))
    return stretches
