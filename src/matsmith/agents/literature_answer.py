"""Answers by a language model over a corpus, held to it: search, read each passage, write, search again when the evidence is thin.

The model chooses searches, reads one passage at a time and writes statements. Code finds every quote in its document, drops numbers,
formulas and claims that their sources do not hold, and falls back to the quotes themselves. The model has no tools at any point.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from matsmith.agents.literature_questions import (
    EvidenceNote,
    Reading,
    ReadingQuestion,
    SearchesQuestion,
    WritingQuestion,
    WrittenAnswer,
)
from matsmith.agents.reasoners.interface import Reasoner
from matsmith.core.errors import BudgetExceeded, ReasonerError
from matsmith.core.references import bare_numbers
from matsmith.knowledge.literature.answers import (
    Corpus,
    LiteratureAnswer,
    Searched,
    Statement,
    answer_question,
    checked_question,
    contradictions_among,
    retraction_warnings,
    search,
)
from matsmith.knowledge.literature.documents import Passage
from matsmith.knowledge.literature.quotes import Quote, find_quote, stands, unsupported
from matsmith.knowledge.literature.support import ask
from matsmith.knowledge.literature.untrusted import is_suspicious

RULES = "rules"
_ROUNDS = 2
_QUERIES = 4
_PER_QUERY = 5
_READ_PER_ROUND = 8
_RELEVANT = 4
_ENOUGH = 2
_MOST_EVIDENCE = 8
_LONGEST_OPEN = 300
_LONGEST_QUERY = 300


@dataclass(frozen=True, kw_only=True)
class _Evidence:
    passage: Passage
    relevance: int
    summary: str
    quotes: tuple[Quote, ...]


@dataclass(kw_only=True)
class _Work:
    """What was searched and found so far."""

    queries: list[str] = field(default_factory=list[str])
    passages: dict[str, Passage] = field(default_factory=dict[str, Passage])
    read: set[str] = field(default_factory=set[str])
    evidence: dict[str, _Evidence] = field(default_factory=dict[str, _Evidence])
    warnings: list[str] = field(default_factory=list[str])


Told = Callable[[str], None]


def answer(
    question: str, *, corpus: Corpus, reasoner: Reasoner, tell: Told | None = None
) -> LiteratureAnswer:
    """Answer a question from a corpus with a reasoner; the built-in rules answer with the corpus's own sentences.

    `tell` is told in a few words what is being done. When the model's server fails in the middle, what was gathered is quoted as it is and
    a warning says so; `ReasonerError` when nothing was gathered. UsageError for an empty question.
    """
    if reasoner.name == RULES:
        return answer_question(question, corpus=corpus)
    question = checked_question(question)
    tell = tell or _silent
    work = _Work()
    missing = ""
    written: WrittenAnswer | None = None
    for number in range(_ROUNDS):
        if not _gather(question, missing, work=work, corpus=corpus, reasoner=reasoner, tell=tell):
            break
        if not work.evidence:
            missing = "nothing relevant was found yet"
            continue
        tell("writing the answer")
        written, missing = _write(question, work=work, reasoner=reasoner)
        enough = len(work.evidence) >= _ENOUGH or number + 1 == _ROUNDS
        if written is None or (written.answerable and enough) or not missing:
            break
    return _finished(question, written, work=work, corpus=corpus, reasoner=reasoner)


def _gather(
    question: str, missing: str, *, work: _Work, corpus: Corpus, reasoner: Reasoner, tell: Told
) -> bool:
    """Search and read once more. Returns whether anything new was read."""
    tell("choosing searches")
    queries = [question] if not work.queries else []
    try:
        asked = SearchesQuestion(question=question, searched=work.queries, missing=missing)
        queries += [query.strip()[:_LONGEST_QUERY] for query in reasoner.decide(asked).queries[:_QUERIES]]
    except (ReasonerError, BudgetExceeded) as error:
        if not queries:
            work.warnings.append(f"The model chose no further searches: {error.message}")
            return False
        work.warnings.append(
            f"The question itself was searched, since the model chose nothing: {error.message}"
        )
    fresh: dict[str, Passage] = {}
    for query in dict.fromkeys(query for query in queries if query and query not in work.queries):
        work.queries.append(query)
        found = search(query, corpus=corpus, limit=_PER_QUERY)
        work.warnings.extend(found.warnings)
        fresh |= {passage.id: passage for passage in found.passages if passage.id not in work.read}
    chosen = list(fresh.values())[:_READ_PER_ROUND]
    failures: list[ReasonerError] = []
    for number, passage in enumerate(chosen):
        tell(f"reading {number + 1} of {len(chosen)}: {passage.title[:60]}")
        work.read.add(passage.id)
        work.passages[passage.id] = passage
        try:
            _read(question, passage, work=work, corpus=corpus, reasoner=reasoner)
        except ReasonerError as error:
            failures.append(error)
        except BudgetExceeded as error:
            work.warnings.append(f"Reading ended early: {error.message}")
            break
    if failures and len(failures) == len(chosen) and not work.evidence:
        raise failures[0]
    if failures:
        work.warnings.append(
            f"{len(failures)} of {len(chosen)} passages could not be read: {failures[0].message}"
        )
    return bool(chosen)


def _read(question: str, passage: Passage, *, work: _Work, corpus: Corpus, reasoner: Reasoner) -> None:
    """Have one passage read, and keep what its quotes bear out."""
    reading: Reading = reasoner.decide(
        ReadingQuestion(question=question, title=passage.title, section=passage.section, passage=passage.text)
    )
    document = corpus.document(passage.document_id)
    if document is None or reading.relevance < _RELEVANT:
        return
    quotes: dict[str, Quote] = {}
    for words in reading.quotes:
        quote = find_quote(words, document=document, passage=passage)
        if quote is not None and stands(quote, document) and not is_suspicious(quote.text):
            quotes[quote.id] = quote
    if not quotes:
        return
    kept = tuple(quotes.values())
    sound = not is_suspicious(reading.summary) and not unsupported(
        reading.summary, quotes=kept, passages=[passage]
    )
    work.evidence[passage.id] = _Evidence(
        passage=passage,
        relevance=reading.relevance,
        summary=reading.summary if sound else " ".join(quote.text for quote in kept),
        quotes=kept,
    )


def _write(question: str, *, work: _Work, reasoner: Reasoner) -> tuple[WrittenAnswer | None, str]:
    """The model's answer from the best evidence, and what it says is missing; None when no answer came."""
    notes = [
        EvidenceNote(
            id=label,
            source=one.passage.title,
            summary=one.summary,
            quotes=[quote.text for quote in one.quotes],
        )
        for label, one in _labelled(work).items()
    ]
    try:
        written = reasoner.decide(WritingQuestion(question=question, evidence=notes))
    except (ReasonerError, BudgetExceeded) as error:
        work.warnings.append(
            f"The model wrote no answer, so the quotes stand for themselves: {error.message}"
        )
        return None, ""
    return written, written.missing


def _labelled(work: _Work) -> dict[str, _Evidence]:
    ranked = sorted(work.evidence.values(), key=lambda one: -one.relevance)[:_MOST_EVIDENCE]
    return {f"e{number}": one for number, one in enumerate(ranked, start=1)}


def _finished(
    question: str, written: WrittenAnswer | None, *, work: _Work, corpus: Corpus, reasoner: Reasoner
) -> LiteratureAnswer:
    searched = Searched(
        corpus=corpus.name,
        queries=tuple(work.queries),
        documents=corpus.document_count,
        passages=corpus.passage_count,
        mode=corpus.mode,
    )
    evidence = _labelled(work)
    statements: list[Statement] = []
    if written is not None and written.answerable:
        statements = _statements(written, evidence, warnings=work.warnings)
    elif written is None:
        statements = [Statement(text=one.text, quotes=(one,)) for one in _best_quotes(evidence)]
    warnings = list(dict.fromkeys(work.warnings))
    closest = tuple(quote for one in list(evidence.values())[:3] for quote in one.quotes[:1])
    if not statements:
        why = (
            "No passage that was read says anything on it."
            if not evidence
            else "What was found does not answer the question."
        )
        return LiteratureAnswer(
            question=question,
            answered=False,
            searched=searched,
            refusal=f"Cannot answer from this corpus. {why}",
            closest=closest,
            warnings=tuple(warnings),
            reasoner=reasoner.name,
        )
    quoted = [quote for statement in statements for quote in statement.quotes]
    passages = [one.passage for one in evidence.values()]
    return LiteratureAnswer(
        question=question,
        answered=True,
        searched=searched,
        statements=tuple(statements),
        contradictions=tuple(contradictions_among(ask(question), passages, corpus=corpus)),
        warnings=(*warnings, *_still_open(written), *retraction_warnings(quoted)),
        reasoner=reasoner.name,
    )


def _statements(
    written: WrittenAnswer, evidence: dict[str, _Evidence], *, warnings: list[str]
) -> list[Statement]:
    """The statements that their evidence bears out; one that says more than that is replaced by the quotes themselves."""
    kept: list[tuple[Statement, bool]] = []
    for statement in written.statements:
        sources = [evidence[label] for label in dict.fromkeys(statement.evidence) if label in evidence]
        quotes = tuple({quote.id: quote for one in sources for quote in one.quotes}.values())
        if not quotes:
            warnings.append("A statement was dropped: it names no evidence.")
            continue
        text = " ".join(statement.text.split())
        problem = _problem(text, quotes=quotes, sources=sources)
        if not problem:
            kept.append((Statement(text=text, quotes=quotes), True))
            continue
        warnings.append(f"A statement was replaced by what its sources say: {problem}.")
        kept += [(Statement(text=quote.text, quotes=(quote,)), False) for quote in quotes]
    # A source that another statement rests on is quoted there; said again in its place it would read as a finding of its own.
    shown = {quote.id for statement, own in kept if own for quote in statement.quotes}
    statements: list[Statement] = []
    for statement, own in kept:
        if own or statement.quotes[0].id not in shown:
            statements.append(statement)
            shown.add(statement.quotes[0].id)
    return statements


def _problem(text: str, *, quotes: tuple[Quote, ...], sources: list[_Evidence]) -> str:
    """Why words of a model cannot be shown, "" when they can."""
    if is_suspicious(text):
        return "it addresses its reader"
    return unsupported(text, quotes=quotes, passages=[one.passage for one in sources])


def _still_open(written: WrittenAnswer | None) -> list[str]:
    """What the model says that the sources leave open, as a warning; without numbers, since no source can back them here."""
    text = " ".join(written.missing.split()).rstrip(".") if written is not None else ""
    if not text or len(text) > _LONGEST_OPEN or is_suspicious(text) or bare_numbers(text):
        return []
    return [f"The sources leave open: {text}."]


def _best_quotes(evidence: dict[str, _Evidence]) -> list[Quote]:
    return [quote for one in evidence.values() for quote in one.quotes[:2]][:5]


def _silent(text: str) -> None:
    del text
