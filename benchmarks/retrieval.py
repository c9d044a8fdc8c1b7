"""How well passages are found, and how honestly an answer is refused.

    python benchmarks/retrieval.py
    python benchmarks/retrieval.py --misses

Asks the questions of retrieval_set.yaml of the built-in notes together with the made documents in benchmarks/corpus, and prints Recall@5 and nDCG@10 by
words (bm25), by meaning (dense) and by both (fused), by kind of question. Then the share of unanswerable questions that are refused and of answerable ones
that are refused falsely: the half of the questions that the threshold was tuned on, and the half held out, with meaning and without.

nDCG: Jaervelin & Kekaelaeinen 2002, doi:10.1145/582415.582418, with a gain of 1 for each passage that answers.
"""

from __future__ import annotations

import argparse
import math
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, cast

import yaml

from matsmith.knowledge.literature.answers import answer_question
from matsmith.knowledge.literature.corpus import LibraryCorpus
from matsmith.knowledge.literature.documents import Passage
from matsmith.knowledge.literature.library import Library
from matsmith.knowledge.literature.notes import built_in_documents
from matsmith.knowledge.literature.readers.files import read_file
from matsmith.knowledge.literature.retrieval import dense_available, retrieve

HERE = Path(__file__).parent
MODES: tuple[Literal["bm25", "dense", "fused"], ...] = ("bm25", "dense", "fused")
UNANSWERABLE = "unanswerable"
SHORT, LONG = 5, 10


@dataclass(frozen=True, kw_only=True)
class Item:
    """A question, its kind, whether it is held out, and words of every passage that answers it."""

    ask: str
    kind: str
    held_out: bool
    phrases: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Scores:
    """Of one question in one mode."""

    recall: float
    ndcg: float


class WordsOnly(LibraryCorpus):
    """A corpus as it is found without vectors."""

    @property
    def lacking(self) -> str:
        """Why meaning is left out."""
        return "left out for this measurement"

    def search(self, query: str, *, limit: int) -> list[Passage]:
        """The best passages by words."""
        return retrieve(self._library, query, limit=limit, mode="bm25")


def load_items(path: Path = HERE / "retrieval_set.yaml") -> list[Item]:
    """Read the questions. Within each kind the first, third ... tune, the second, fourth ... are held out."""
    data = cast("dict[str, list[dict[str, Any]]]", yaml.safe_load(path.read_text(encoding="utf-8")))
    return [
        Item(
            ask=str(row["ask"]),
            kind=kind,
            held_out=index % 2 == 1,
            phrases=tuple(str(phrase) for phrase in row.get("passages", ())),
        )
        for kind, rows in data.items()
        for index, row in enumerate(rows)
    ]


def fill(library: Library) -> None:
    """Put the notes and the made documents into a library."""
    for document in built_in_documents():
        library.add(document)
    for path in sorted((HERE / "corpus").glob("*.md")):
        library.add(read_file(path, shown=path.name))


def check(items: Sequence[Item], library: Library) -> None:
    """Refuse a set whose phrases do not name exactly one passage each."""
    passages = [passage for entry in library.documents() for passage in library.passages_of(entry.id)]
    for item in items:
        for phrase in item.phrases:
            count = sum(phrase in passage.text for passage in passages)
            if count != 1:
                raise SystemExit(f"{phrase!r} stands in {count} passages: {item.ask}")


def score(item: Item, ranked: Sequence[Passage], *, relevant: int) -> Scores:
    """Recall@5 over the phrases, and nDCG@10 over the `relevant` passages that hold one."""
    found = [any(phrase in passage.text for phrase in item.phrases) for passage in ranked[:LONG]]
    recall = sum(any(phrase in passage.text for passage in ranked[:SHORT]) for phrase in item.phrases)
    gained = sum(1.0 / math.log2(rank + 2) for rank, hit in enumerate(found) if hit)
    ideal = sum(1.0 / math.log2(rank + 2) for rank in range(min(LONG, relevant)))
    return Scores(recall=recall / len(item.phrases), ndcg=gained / ideal)


def mean(values: Iterable[float]) -> float:
    """The mean; nan for none."""
    listed = list(values)
    return sum(listed) / len(listed) if listed else math.nan


def measure_retrieval(items: Sequence[Item], library: Library, *, misses: bool) -> None:
    """Print Recall@5 and nDCG@10 by mode and kind."""
    answerable = [item for item in items if item.phrases]
    passages = [passage for entry in library.documents() for passage in library.passages_of(entry.id)]
    results: dict[str, list[tuple[Item, Scores]]] = {mode: [] for mode in MODES}
    for item in answerable:
        relevant = sum(any(phrase in passage.text for phrase in item.phrases) for passage in passages)
        for mode in MODES:
            ranked = retrieve(library, item.ask, limit=LONG, mode=mode)
            results[mode].append((item, score(item, ranked, relevant=relevant)))
    print(f"\nRetrieval, {len(answerable)} questions with an answer")
    print(f"{'kind':<14}{'n':>4}" + "".join(f"{mode + ' R@5':>12}{'nDCG@10':>9}" for mode in MODES))
    for kind in [*dict.fromkeys(item.kind for item in answerable), "all", "held out"]:
        rows = {
            mode: [
                s
                for item, s in results[mode]
                if kind in (item.kind, "all") or (kind == "held out" and item.held_out)
            ]
            for mode in MODES
        }
        line = "".join(
            f"{mean(s.recall for s in rows[mode]):>12.3f}{mean(s.ndcg for s in rows[mode]):>9.3f}"
            for mode in MODES
        )
        print(f"{kind:<14}{len(rows['fused']):>4}{line}")
    if misses:
        for item, scored in results["fused"]:
            if scored.recall < 1:
                print(f"  fused misses ({scored.recall:.2f}) {item.kind}: {item.ask}")


def measure_refusals(items: Sequence[Item], corpus: LibraryCorpus, *, name: str, misses: bool) -> None:
    """Print how often unanswerable questions are refused, and answerable ones falsely."""
    print(f"\nRefusals, {name}")
    print(f"{'half':<10}{'unanswerable refused':>24}{'answerable refused':>24}")
    answers = {item.ask: answer_question(item.ask, corpus=corpus) for item in items}
    for held_out, half in ((False, "tuned on"), (True, "held out")):
        rows = [item for item in items if item.held_out is held_out]
        line = ""
        for unanswerable in (True, False):
            asked = [item for item in rows if (item.kind == UNANSWERABLE) is unanswerable]
            refused = sum(not answers[item.ask].answered for item in asked)
            line += f"{f'{refused}/{len(asked)} = {refused / len(asked):.1%}':>24}"
        print(f"{half:<10}{line}")
    quotes = [(answer, quote) for answer in answers.values() for quote in answer.quotes]
    standing = sum(
        (document := corpus.document(quote.document_id)) is not None
        and document.text[quote.start : quote.end] == quote.text
        for _, quote in quotes
    )
    print(f"quotes that stand verbatim in their source: {standing} of {len(quotes)}")
    if misses:
        for item in items:
            if answers[item.ask].answered is (item.kind == UNANSWERABLE):
                said = answers[item.ask].refusal or answers[item.ask].statements[0].text[:80]
                print(f"  {'held' if item.held_out else 'tune'} {item.kind}: {item.ask} -> {said}")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="Recall, nDCG and refusals of the literature index.")
    parser.add_argument("--misses", action="store_true", help="also list what went wrong")
    parser.add_argument(
        "--folder", type=Path, help="keep the library here, to measure again without embedding again"
    )
    arguments = parser.parse_args()
    items = load_items()
    with tempfile.TemporaryDirectory() as scratch:
        folder = cast("Path | None", arguments.folder) or Path(scratch)
        with Library.open(folder, create=True) as library:
            fill(library)
            check(items, library)
            print(
                f"{library.document_count} documents, {library.passage_count} passages, {len(items)} questions"
            )
            lacking = dense_available(library)
            if lacking:
                raise SystemExit(lacking)
            measure_retrieval(items, library, misses=arguments.misses)
            corpus = LibraryCorpus(library)
            measure_refusals(items, corpus, name="words and meaning", misses=arguments.misses)
            measure_refusals(items, WordsOnly(library), name="words alone", misses=False)


if __name__ == "__main__":
    main()
