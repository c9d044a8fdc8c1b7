"""How the built-in rules answer the questions about literature: by words, with the passage's own sentences."""

from __future__ import annotations

from matsmith.agents.literature_questions import (
    Reading,
    ReadingQuestion,
    Searches,
    SearchesQuestion,
    WritingQuestion,
    WrittenAnswer,
    WrittenStatement,
)
from matsmith.knowledge.literature.documents import Passage, document_id
from matsmith.knowledge.literature.sentences import sentence_spans
from matsmith.knowledge.literature.support import ask, support

_QUOTES = 2
_LONGEST_SUMMARY = 600
_RELEVANT = 4


def searches(question: SearchesQuestion) -> Searches:
    """The question itself, and its rarest words."""
    asked = ask(question.question)
    rare = sorted(asked.weights, key=lambda term: -asked.weights[term])[:4]
    queries = [question.question[:300], " ".join(asked.spelled[term] for term in rare)]
    return Searches(queries=[query for query in dict.fromkeys(queries) if query.strip()] or ["materials"])


def reading(question: ReadingQuestion) -> Reading:
    """The sentences that hold most of the question's terms; the relevance is the share that the passage holds."""
    asked = ask(question.question)
    passage = Passage(
        document_id=document_id(question.passage),
        name="",
        title=question.title,
        section=question.section,
        text=question.passage,
        start=0,
        end=len(question.passage),
    )
    found = support(asked, [passage])
    relevance = 0 if found.names_missing else round(10 * found.share)
    if relevance < _RELEVANT:
        return Reading(relevance=relevance, summary="", quotes=[])
    sentences = [question.passage[start:end] for start, end in sentence_spans(question.passage)]
    words = {word.lower() for word in asked.spelled.values()}
    held = {sentence: sum(word in sentence.lower() for word in words) for sentence in sentences}
    best = sorted(sentences, key=lambda sentence: -held[sentence])[:_QUOTES]
    return Reading(relevance=relevance, summary=" ".join(best)[:_LONGEST_SUMMARY], quotes=best)


def writing(question: WritingQuestion) -> WrittenAnswer:
    """Each quote as a statement."""
    statements = [
        WrittenStatement(text=note.quotes[0][:_LONGEST_SUMMARY], evidence=[note.id])
        for note in question.evidence[:5]
        if note.quotes
    ]
    return WrittenAnswer(answerable=bool(statements), statements=statements)
