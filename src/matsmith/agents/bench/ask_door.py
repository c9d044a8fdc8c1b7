"""An attempt through `matsmith ask`: the task's documents stand in a library of their own beside the built-in notes."""

from __future__ import annotations

from pathlib import Path

from matsmith.agents.bench.attempt import Attempt, ClaimedQuote, Ending
from matsmith.agents.bench.task import Task
from matsmith.agents.bench.task_files import documents_folder
from matsmith.agents.reasoners.interface import Usage
from matsmith.agents.session import make_reasoner
from matsmith.core.errors import DataError
from matsmith.core.settings import Settings
from matsmith.knowledge.literature.answers import LiteratureAnswer


def prepare_library(files: Path, *, settings: Settings) -> None:
    """Take the documents of a task into the library of the settings. Raises `DataError` for one that cannot be read."""
    documents = documents_folder(files)
    if not documents.is_dir():
        return
    from matsmith.knowledge.literature.ingest import ingest

    done = ingest([documents], folder=settings.library_dir, settings=settings)
    if done.failures:
        raise DataError(
            f"A document of the task could not be read: {done.failures[0].message}", hint="Correct the suite."
        )


def attempt_ask(task: Task, *, reasoner: str, settings: Settings) -> Attempt:
    """Ask the question; an answer that the corpus does not hold is an ending like any other."""
    from matsmith.agents.literature_answer import answer
    from matsmith.knowledge.literature.corpus import open_corpus

    chosen = make_reasoner(reasoner, settings=settings, budget=task.budget.of_run())
    with open_corpus(settings.library_dir) as corpus:
        found = answer(task.prompt, corpus=corpus, reasoner=chosen)
    return of_answer(found, usage=chosen.usage)


def of_answer(found: LiteratureAnswer, *, usage: Usage) -> Attempt:
    """An answer from the literature as an attempt."""
    said = "\n".join(statement.text for statement in found.statements) if found.answered else ""
    conflicts = [
        f"Sources disagree on the {one.property} of {one.material}: {'; '.join(side.written for side in one.sides)}"
        for one in found.contradictions
    ]
    return Attempt(
        ending=Ending.ANSWERED if found.answered else Ending.REFUSED,
        said=said,
        raw=said,
        told="\n".join([found.refusal, *conflicts, *found.warnings]).strip(),
        quotes=quotes_of(found),
        usage=usage,
    )


def quotes_of(found: LiteratureAnswer) -> list[ClaimedQuote]:
    """The quotes that an answer stands on; none when it does not answer."""
    if not found.answered:
        return []
    quotes = {quote.id: quote for statement in found.statements for quote in statement.quotes}
    quotes |= {side.quote.id: side.quote for conflict in found.contradictions for side in conflict.sides}
    return [ClaimedQuote(name=quote.name, text=quote.text) for quote in quotes.values()]
