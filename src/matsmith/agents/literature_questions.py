"""The typed questions that answering from literature asks a reasoner: what to search, what a passage says, what the answer is.

A passage is data. Whoever reads it has no tools and can only fill in the fields here; each field is checked against the passage in code.
"""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

from matsmith.agents.decisions import Answer, Question

_STRICT = ConfigDict(extra="forbid", allow_inf_nan=False)


class Searches(Answer):
    """Searches of the corpus, most useful first."""

    queries: list[str] = Field(min_length=1, max_length=6)


class SearchesQuestion(Question[Searches]):
    """What should be searched for this question, after what was searched already and what is still missing?"""

    question: str
    searched: list[str] = Field(default_factory=list[str])
    missing: str = ""

    @property
    def role(self) -> str:
        """The prompt of this question."""
        return "literature_search"

    def answer_type(self) -> type[Searches]:
        """The model of the answer."""
        return Searches


class Reading(Answer):
    """What one passage says on the question."""

    relevance: int = Field(ge=0, le=10, description="0 says nothing on the question, 10 answers it")
    summary: str = Field(
        max_length=600, description="what the passage says on the question, one or two sentences"
    )
    quotes: list[str] = Field(
        max_length=4, description="the words of the passage that say so, copied exactly"
    )


class ReadingQuestion(Question[Reading]):
    """What does this passage say on the question?"""

    question: str
    title: str
    section: str
    passage: str

    @property
    def role(self) -> str:
        """The prompt of this question."""
        return "literature_reader"

    def answer_type(self) -> type[Reading]:
        """The model of the answer."""
        return Reading

    def complaints(self, answer: Answer) -> list[str]:
        """Quotes that do not stand in the passage."""
        if not isinstance(answer, Reading):
            return []
        text = _folded(self.passage)
        return [
            f"The quote {quote[:60]!r} does not stand in the passage: copy its words exactly, or leave it out."
            for quote in answer.quotes
            if _folded(quote) not in text
        ]


class EvidenceNote(BaseModel):
    """One passage that was read and found relevant; the quotes were found in it by code."""

    model_config = _STRICT

    id: str
    source: str
    summary: str
    quotes: list[str]


class WrittenStatement(BaseModel):
    """One sentence of an answer and the evidence that it stands on."""

    model_config = _STRICT

    text: str = Field(max_length=600)
    evidence: list[str] = Field(description="ids of the evidence that says it")


class WrittenAnswer(Answer):
    """An answer in statements, or that the evidence does not hold one."""

    answerable: bool
    statements: list[WrittenStatement] = Field(default_factory=list[WrittenStatement], max_length=8)
    missing: str = Field(default="", max_length=300, description="what is still to be looked up, if anything")


class WritingQuestion(Question[WrittenAnswer]):
    """What is the answer, as far as this evidence goes?"""

    question: str
    evidence: list[EvidenceNote]

    @property
    def role(self) -> str:
        """The prompt of this question."""
        return "literature_writer"

    def answer_type(self) -> type[WrittenAnswer]:
        """The model of the answer."""
        return WrittenAnswer

    def complaints(self, answer: Answer) -> list[str]:
        """Statements without evidence, or with evidence that was not shown."""
        if not isinstance(answer, WrittenAnswer):
            return []
        known = {note.id for note in self.evidence}
        found: list[str] = []
        for statement in answer.statements:
            unknown = [one for one in statement.evidence if one not in known]
            if unknown or not statement.evidence:
                found.append(
                    f"The statement {statement.text[:60]!r} names "
                    f"{'the unknown evidence ' + repr(unknown[0][:40]) if unknown else 'no evidence'}."
                )
        if answer.answerable and not answer.statements:
            found.append("answerable is true, and there is no statement.")
        return found


def _folded(text: str) -> str:
    return " ".join(text.casefold().split())
