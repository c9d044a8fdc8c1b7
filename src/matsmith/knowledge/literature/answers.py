"""Answers made of quotes: the best sentences of the best passages, in order, with their sources, or an honest refusal.

No language model takes part. Each statement is a verbatim sentence, so nothing can be made up; whether the sentences answer the question
is judged by `support`, and below its threshold the answer is that this corpus does not hold one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from matsmith.core.errors import UsageError
from matsmith.knowledge.literature.contradictions import Contradiction, find_contradictions
from matsmith.knowledge.literature.documents import Passage, SourceDocument, normalise_text
from matsmith.knowledge.literature.quotes import Quote, quote_from, stands
from matsmith.knowledge.literature.reported import impossible_value
from matsmith.knowledge.literature.sentences import sentence_spans
from matsmith.knowledge.literature.support import Asked, Support, ask, support
from matsmith.knowledge.literature.untrusted import is_suspicious
from matsmith.knowledge.literature.values_of_others import spans_of_others

LONGEST_QUESTION = 2_000
PASSAGES_SEARCHED = 12
_STATEMENTS = 5
_PER_PASSAGE = 2
_CLOSEST = 3
_TOGETHER = 3
# Tuned on one half of benchmarks/retrieval_set.yaml and reported on the other. An answer needs this share of the question's terms in
# a passage, or, where meaning can be compared too, this sum of the share and the cosine of question and nearest passage.
LEAST_SHARE = 0.36
LEAST_STRENGTH = 0.84
# A sentence joins the answer when it holds this part of what the best one holds.
_LEAST_OF_BEST = 0.6


class Corpus(Protocol):
    """What is searched: an index in memory or a library on disk."""

    @property
    def name(self) -> str:
        """What it is called in an answer."""
        ...

    @property
    def mode(self) -> str:
        """How it is searched: `bm25` or `fused`."""
        ...

    @property
    def document_count(self) -> int:
        """Documents in it."""
        ...

    @property
    def passage_count(self) -> int:
        """Passages in it."""
        ...

    def search(self, query: str, *, limit: int) -> list[Passage]:
        """The best passages for a query, best first."""
        ...

    def document(self, document_id: str) -> SourceDocument | None:
        """The document with this id."""
        ...

    def similarity(self, query: str) -> float | None:
        """Cosine of the query and the passage nearest to it in meaning; None where meaning cannot be compared."""
        ...


@dataclass(frozen=True, kw_only=True)
class Statement:
    """One sentence of an answer and the quotes that it stands on."""

    text: str
    quotes: tuple[Quote, ...]


@dataclass(frozen=True, kw_only=True)
class Searched:
    """What was looked through for an answer."""

    corpus: str
    queries: tuple[str, ...]
    documents: int
    passages: int
    mode: str


@dataclass(frozen=True, kw_only=True)
class LiteratureAnswer:
    """An answer in statements, or none: then `refusal` says so and `closest` shows what came nearest."""

    question: str
    answered: bool
    searched: Searched
    statements: tuple[Statement, ...] = ()
    contradictions: tuple[Contradiction, ...] = ()
    refusal: str = ""
    closest: tuple[Quote, ...] = ()
    warnings: tuple[str, ...] = ()
    reasoner: str = "rules"

    @property
    def quotes(self) -> tuple[Quote, ...]:
        """Every quote of the answer, each once."""
        sides = (side.quote for conflict in self.contradictions for side in conflict.sides)
        found = [quote for statement in self.statements for quote in statement.quotes]
        return tuple({quote.id: quote for quote in (*found, *sides, *self.closest)}.values())


def answer_question(question: str, *, corpus: Corpus, limit: int = _STATEMENTS) -> LiteratureAnswer:
    """Answer from a corpus with its own sentences. UsageError for an empty or overlong question, or a limit below 1."""
    question = checked_question(question)
    if limit < 1:
        raise UsageError(f"The limit is {limit}.", hint="Ask for at least one statement.")
    found = search(question, corpus=corpus)
    asked = ask(question)
    searched = Searched(
        corpus=corpus.name,
        queries=(question,),
        documents=corpus.document_count,
        passages=corpus.passage_count,
        mode=corpus.mode,
    )
    kept = judge(asked, found.passages, similarity=corpus.similarity(question))
    if kept.refusal:
        return LiteratureAnswer(
            question=question,
            answered=False,
            searched=searched,
            refusal=kept.refusal,
            closest=tuple(_closest(asked, found, corpus=corpus)),
            warnings=found.warnings,
        )
    quotes = best_sentences(asked, kept.passages, corpus=corpus, limit=limit)
    if not quotes:
        names = " and ".join(asked.written[name] for name in sorted(asked.compounds))
        return LiteratureAnswer(
            question=question,
            answered=False,
            searched=searched,
            refusal=_refusal(f"The passages that name {names} give the value of other materials."),
            warnings=found.warnings,
        )
    return LiteratureAnswer(
        question=question,
        answered=True,
        searched=searched,
        statements=tuple(Statement(text=quote.text, quotes=(quote,)) for quote in quotes),
        contradictions=tuple(contradictions_among(asked, found.passages, corpus=corpus)),
        warnings=(*found.warnings, *retraction_warnings(quotes)),
    )


def checked_question(question: str) -> str:
    """The question without what cannot be seen. UsageError when nothing is left or it is too long."""
    question = " ".join(normalise_text(question).split())
    if not question:
        raise UsageError(
            "The question is empty.", hint='Ask, for example: matsmith ask "why is osmium not hard?"'
        )
    if len(question) > LONGEST_QUESTION:
        raise UsageError(
            f"The question is {len(question):,} characters long.", hint=f"Use at most {LONGEST_QUESTION:,}."
        )
    return question


@dataclass(frozen=True, kw_only=True)
class Found:
    """Passages of a search that may be quoted, and what to say about the rest."""

    passages: tuple[Passage, ...]
    warnings: tuple[str, ...] = ()


def search(query: str, *, corpus: Corpus, limit: int = PASSAGES_SEARCHED) -> Found:
    """Search, and leave out passages that stand nowhere in their document, address their reader or give a value that no solid has."""
    kept: list[Passage] = []
    warnings: list[str] = []
    for passage in corpus.search(query, limit=limit):
        document = corpus.document(passage.document_id)
        if document is None or not document.holds(passage):
            warnings.append(
                f"A passage of {passage.name} was left out: it does not stand in the kept text of its document."
            )
        elif is_suspicious(passage.text) or is_suspicious(passage.title):
            warnings.append(
                f"A passage of {passage.name} was left out: it addresses its reader instead of its subject."
            )
        elif problem := impossible_value(passage, document=document):
            warnings.append(f"A passage of {passage.name} was left out: {problem}")
        else:
            kept.append(passage)
    return Found(passages=tuple(kept), warnings=tuple(dict.fromkeys(warnings)))


@dataclass(frozen=True, kw_only=True)
class Judgement:
    """The passages that support an answer, best first, or why there is none."""

    passages: tuple[Passage, ...] = ()
    share: float = 0.0
    refusal: str = ""


def judge(asked: Asked, passages: Sequence[Passage], *, similarity: float | None = None) -> Judgement:
    """Decide whether passages answer a question, each alone, or together when the question compares several things."""
    least = LEAST_SHARE if similarity is None else LEAST_STRENGTH - similarity
    if not asked.weights:
        return Judgement(refusal=_refusal("The question names nothing that could be looked up."))
    if asked.future_year is not None:
        return Judgement(
            refusal=_refusal(f"{asked.future_year} lies ahead, and texts tell of what was found.")
        )
    if not passages:
        return Judgement(refusal=_refusal("No passage shares a word with the question."))
    singles = [(support(asked, [passage]), passage) for passage in passages]
    # The search ranks by meaning too, so its order settles what the words leave about equal.
    order = sorted(range(len(singles)), key=lambda rank: -singles[rank][0].share - 0.2 / (1 + rank))
    ranked = [singles[rank] for rank in order]
    best = max((one for one, _ in ranked), key=lambda one: one.share)
    whole = [one for one in ranked if not one[0].names_missing]
    if whole:
        best = max((one for one, _ in whole), key=lambda one: one.share)
        if best.share >= least:
            return Judgement(
                passages=tuple(one for seen, one in whole if seen.share >= _LEAST_OF_BEST * best.share),
                share=best.share,
            )
    if asked.several:
        together = _together(asked, [passage for _, passage in ranked])
        joint = support(asked, together)
        if not joint.names_missing and joint.share >= least:
            return Judgement(passages=tuple(together), share=joint.share)
    return Judgement(share=best.share, refusal=_refusal(_lacking(best)))


def _together(asked: Asked, passages: Sequence[Passage]) -> list[Passage]:
    """The few passages that together speak of most, chosen one by one, each for what the ones before it lack."""
    chosen: list[Passage] = []
    share = 0.0
    while len(chosen) < _TOGETHER:
        joint = [(support(asked, [*chosen, passage]).share, -rank) for rank, passage in enumerate(passages)]
        best, rank = max(joint)
        if best <= share:
            break
        chosen.append(passages[-rank])
        share = best
    return chosen


def best_sentences(
    asked: Asked, passages: Sequence[Passage], *, corpus: Corpus, limit: int = _STATEMENTS
) -> list[Quote]:
    """The sentences of the passages that speak most of what is asked, best first, each checked against its document."""
    scored: list[tuple[float, int, Quote]] = []
    for rank, passage in enumerate(passages):
        document = corpus.document(passage.document_id)
        if document is None:
            continue
        around = support(asked, [passage]).share
        others = spans_of_others(asked, passage, document)
        for start, end in sentence_spans(document.text, passage.start, passage.end):
            quote = quote_from(document, passage, start=start, end=end)
            if quote is None or not stands(quote, document):
                continue
            if any(start <= first and last <= end for first, last in others):
                continue
            # Its own words count most; what the title adds is true of every sentence under it.
            own = support(asked, [replace(passage, text=quote.text, title="", section="")]).share
            scored.append((own + 0.3 * around + 0.1 / (1 + rank), rank, quote))
    scored.sort(key=lambda one: (-one[0], one[1], one[2].start))
    if not scored:
        return []
    best = scored[0][0]
    chosen: list[Quote] = []
    per_passage: dict[int, int] = {}
    for score, rank, quote in scored:
        if score < _LEAST_OF_BEST * best or len(chosen) == limit:
            break
        if per_passage.get(rank, 0) < _PER_PASSAGE and quote.text not in {one.text for one in chosen}:
            per_passage[rank] = per_passage.get(rank, 0) + 1
            chosen.append(quote)
    return chosen


def contradictions_among(asked: Asked, passages: Sequence[Passage], *, corpus: Corpus) -> list[Contradiction]:
    """Values of one property of one material on which the passages disagree, when the question asks about that material."""
    documents = {
        passage.document_id: document
        for passage in passages
        if (document := corpus.document(passage.document_id)) is not None
    }
    found = find_contradictions(passages, documents=documents)
    return [one for one in found if not asked.materials or one.formula in asked.materials]


def retraction_warnings(quotes: Sequence[Quote]) -> list[str]:
    """One sentence for each retracted source among the quotes."""
    names = dict.fromkeys(quote.source for quote in quotes if quote.retracted)
    return [f"{name} has been retracted." for name in names]


def _closest(asked: Asked, found: Found, *, corpus: Corpus) -> list[Quote]:
    ranked = sorted(found.passages, key=lambda passage: -support(asked, [passage]).share)
    return best_sentences(asked, ranked[:_CLOSEST], corpus=corpus, limit=_CLOSEST)


def _lacking(best: Support) -> str:
    if best.names_missing:
        return f"No passage that speaks of it names {' and '.join(best.names_missing)}."
    words = ", ".join(best.missing[:6])
    return f"The passage that comes closest says nothing about: {words}." if words else ""


def _refusal(why: str) -> str:
    return f"Cannot answer from this corpus. {why}".strip()
