"""The typed questions of extraction with a model: is there a value, one or many, which words are value, unit and material, and is that so.

They follow ChatExtract (Polak & Morgan 2024, Nat. Commun. 15, 1569): each datum is asked for apart, none is an allowed answer, and what was
answered is doubted once more. A passage is data; an answer selects words of it, and code finds them again.
"""

from __future__ import annotations

import re
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from matsmith.agents.decisions import Answer, Question

_STRICT = ConfigDict(extra="forbid", allow_inf_nan=False)
Datum = Literal["value", "unit", "material"]


class Relevance(Answer):
    """Whether a sentence states a value of the property."""

    states_value: bool = Field(
        description="whether the sentence states a number for this property of some material"
    )


class RelevanceQuestion(Question[Relevance]):
    """Does this sentence state a value of the property?"""

    property_name: str
    sentence: str

    @property
    def role(self) -> str:
        """The prompt of this question."""
        return "extraction_relevance"

    def answer_type(self) -> type[Relevance]:
        """The model of the answer."""
        return Relevance


class Count(Answer):
    """Whether a sentence states one value of the property or several."""

    several: bool = Field(description="whether more than one value of the property is stated")


class CountQuestion(Question[Count]):
    """One value, or several?"""

    property_name: str
    title: str
    before: str
    sentence: str

    @property
    def role(self) -> str:
        """The prompt of this question."""
        return "extraction_count"

    def answer_type(self) -> type[Count]:
        """The model of the answer."""
        return Count


class Words(Answer):
    """Words of the passage, or none."""

    words: str | None = Field(description="copied from the passage exactly; null when it does not say")


class WordsQuestion(Question[Words]):
    """Which words are the value, the unit or the material?"""

    property_name: str
    datum: Datum
    title: str
    before: str
    sentence: str

    @property
    def role(self) -> str:
        """The prompt of this question."""
        return "extraction_words"

    def answer_type(self) -> type[Words]:
        """The model of the answer."""
        return Words

    def complaints(self, answer: Answer) -> list[str]:
        """Words that do not stand in the passage."""
        if not isinstance(answer, Words) or answer.words is None:
            return []
        where = self.sentence if self.datum != "material" else f"{self.title}\n{self.before}\n{self.sentence}"
        return [] if stands_in(answer.words, where) else [_not_there(answer.words)]


class Row(BaseModel):
    """One value with its unit and material, in the passage's words."""

    model_config = _STRICT

    material: str | None
    value: str | None
    unit: str | None = Field(description="null when the value has none")


class Rows(Answer):
    """All values that a sentence states."""

    rows: list[Row] = Field(max_length=40)


class RowsQuestion(Question[Rows]):
    """Which values, of which materials?"""

    property_name: str
    title: str
    before: str
    sentence: str

    @property
    def role(self) -> str:
        """The prompt of this question."""
        return "extraction_rows"

    def answer_type(self) -> type[Rows]:
        """The model of the answer."""
        return Rows

    def complaints(self, answer: Answer) -> list[str]:
        """Words that do not stand in the passage."""
        if not isinstance(answer, Rows):
            return []
        passage = f"{self.title}\n{self.before}\n{self.sentence}"
        missing = [
            row.material for row in answer.rows if row.material and not stands_in(row.material, passage)
        ]
        missing += [row.value for row in answer.rows if row.value and not stands_in(row.value, self.sentence)]
        return [_not_there(words) for words in missing[:5]]


class Doubt(Answer):
    """What is left of a row after a second look; anything uncertain is false."""

    material_is_right: bool
    value_is_right: bool
    is_reported: bool = Field(
        description="false when it is denied, assumed, wished for, a change or a bound of an instrument"
    )


class DoubtQuestion(Question[Doubt]):
    """It may be wrong: is this really the value of the property for this material?"""

    property_name: str
    title: str
    before: str
    sentence: str
    row: Row

    @property
    def role(self) -> str:
        """The prompt of this question."""
        return "extraction_doubt"

    def answer_type(self) -> type[Doubt]:
        """The model of the answer."""
        return Doubt


QUESTIONS: tuple[type[Question], ...] = (
    RelevanceQuestion,
    CountQuestion,
    WordsQuestion,
    RowsQuestion,
    DoubtQuestion,
)


def stands_in(words: str, text: str) -> bool:
    """Whether words stand in a text, spaces and dashes aside, and not in the middle of a number or a word."""
    wanted = _folded(words)
    if not wanted:
        return False
    return (
        re.search(rf"(?<![A-Za-z0-9.]){re.escape(wanted)}(?![A-Za-z0-9]|\.[0-9])", _folded(text)) is not None
    )


def _folded(text: str) -> str:
    return " ".join(text.replace("−", "-").replace("–", "-").split())


def _not_there(words: str) -> str:
    return f"{words[:60]!r} does not stand in the passage: copy its words exactly, or answer null."
