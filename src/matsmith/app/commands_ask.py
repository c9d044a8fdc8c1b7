"""`matsmith ask`: a question to the literature, answered by quotes that stand in their sources, or not at all."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from matsmith.app.guard import guarded

if TYPE_CHECKING:
    from rich.console import Console

    from matsmith.knowledge.literature.answers import LiteratureAnswer
    from matsmith.knowledge.literature.quotes import Quote

NOT_ANSWERED = 3
_SHOWN_WARNINGS = 5


@guarded
def ask(
    question: Annotated[str, typer.Argument(help="what you want to know, as a sentence", show_default=False)],
    library: Annotated[
        Path | None,
        typer.Option(
            "--library",
            help="folder of a library made by `matsmith ingest`; yours when there is one, else the built-in notes",
            show_default=False,
        ),
    ] = None,
    reasoner: Annotated[
        str | None,
        typer.Option(
            "--reasoner", help="rules (default: sentences of the sources) or openai", show_default=False
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="machine-readable")] = False,
) -> int:
    r"""Answer a question from papers and notes. Every statement stands on a quote that was found in its source.

    Exit status 0 when the corpus holds an answer, 3 when it does not.

    \b
    Examples:
      matsmith ask "what limits the ionic conductivity of garnet electrolytes?"
      matsmith ask "which nitrides are superhard?" --library papers --json
    """
    from matsmith.agents.literature_answer import answer
    from matsmith.agents.session import make_reasoner
    from matsmith.app.console import make_console, write_json
    from matsmith.core.settings import load_settings
    from matsmith.knowledge.literature.corpus import open_corpus

    settings = load_settings()
    chosen = make_reasoner(reasoner or settings.reasoner, settings=settings)
    folder = library or settings.library_dir
    progress = make_console(stderr=True)
    with open_corpus(folder, required=library is not None) as corpus:
        lacking, limit = corpus.lacking, corpus.limit_of_meaning
        if progress.is_terminal and chosen.name != "rules":
            with progress.status("searching") as status:
                found = answer(question, corpus=corpus, reasoner=chosen, tell=status.update)
        else:
            found = answer(question, corpus=corpus, reasoner=chosen)
    if as_json:
        write_json(answer_json(found, lacking=lacking))
    else:
        show_answer(found, console=make_console(), lacking=lacking or limit)
    return 0 if found.answered else NOT_ANSWERED


def answer_json(found: LiteratureAnswer, *, lacking: str = "") -> dict[str, Any]:
    """An answer as plain data; an open side of an interval is null."""
    return {
        "question": found.question,
        "answered": found.answered,
        "refusal": found.refusal,
        "statements": [
            {"text": statement.text, "quotes": [_quote_json(quote) for quote in statement.quotes]}
            for statement in found.statements
        ],
        "contradictions": [
            {
                "material": conflict.material,
                "property": conflict.property,
                "unit": conflict.unit,
                "sides": [
                    {
                        "written": side.written,
                        "low": _finite(side.low),
                        "high": _finite(side.high),
                        "conditions": list(side.conditions),
                        "quote": _quote_json(side.quote),
                    }
                    for side in conflict.sides
                ],
            }
            for conflict in found.contradictions
        ],
        "closest": [_quote_json(quote) for quote in found.closest],
        "searched": {
            "corpus": found.searched.corpus,
            "queries": list(found.searched.queries),
            "documents": found.searched.documents,
            "passages": found.searched.passages,
            "mode": found.searched.mode,
            "lacking": lacking,
        },
        "warnings": list(found.warnings),
        "reasoner": found.reasoner,
    }


def show_answer(found: LiteratureAnswer, *, console: Console, lacking: str = "") -> None:
    """Write an answer for a person: statements with numbered sources, disagreements, and what was searched."""
    from rich.text import Text

    from matsmith.agents.report.markup import visible

    numbers: dict[str, int] = {}
    quotes = {quote.id: quote for statement in found.statements for quote in statement.quotes}
    if not found.answered:
        console.print(Text(visible(found.refusal), style="unknown"))
    for statement in found.statements:
        marks = [numbers.setdefault(quote.id, len(numbers) + 1) for quote in statement.quotes]
        line = Text(visible(statement.text))
        line.append(" " + "".join(f"[{mark}]" for mark in marks), style="known")
        console.print(line)
    _show_contradictions(found, console=console)
    if numbers:
        console.print(Text("\nSources", style="label"))
        for identifier, mark in numbers.items():
            _show_source(quotes[identifier], mark=mark, console=console, own_words=found.reasoner != "rules")
    elif found.closest:
        console.print(Text("\nWhat came closest", style="label"))
        for quote in found.closest:
            console.print(Text(f"- {visible(quote.text)}"))
            console.print(Text(f"  {visible(_place(quote))}", style="quiet"))
    for warning in found.warnings[:_SHOWN_WARNINGS]:
        console.print(Text(visible(warning), style="unknown"))
    if len(found.warnings) > _SHOWN_WARNINGS:
        console.print(Text(f"{len(found.warnings) - _SHOWN_WARNINGS} more warnings: --json", style="unknown"))
    _show_searched(found, console=console, lacking=lacking)


def _show_contradictions(found: LiteratureAnswer, *, console: Console) -> None:
    from rich.text import Text

    from matsmith.agents.report.markup import visible

    for conflict in found.contradictions:
        console.print(
            Text(
                f"\nSources disagree on the {conflict.property} of {visible(conflict.material)}:",
                style="unknown",
            )
        )
        for side in conflict.sides:
            console.print(
                Text(f"- {_interval(side.low, side.high, conflict.unit)} (written: {visible(side.written)})"),
                Text(visible(_place(side.quote)), style="quiet"),
            )


def _show_source(quote: Quote, *, mark: int, console: Console, own_words: bool) -> None:
    """The source of a statement; its words too where the statement is in a model's own."""
    from rich.text import Text

    from matsmith.agents.report.markup import visible

    console.print(Text(f"[{mark}] ", style="known").append(visible(_place(quote)), style="quiet"))
    if own_words:
        console.print(Text(f"    “{visible(quote.text)}”"))


def _show_searched(found: LiteratureAnswer, *, console: Console, lacking: str) -> None:
    from rich.text import Text

    from matsmith.agents.report.markup import visible

    searched = found.searched
    queries = (
        "" if found.answered else "; ".join(f"“{visible(query, limit=120)}”" for query in searched.queries)
    )
    text = (
        f"\nSearched {visible(searched.corpus)}: {searched.documents:,} documents, {searched.passages:,} passages, "
        f"by {'words and meaning' if searched.mode == 'fused' else 'words'}{': ' + queries if queries else ''}."
    )
    console.print(Text(text, style="quiet"))
    if lacking:
        console.print(Text(visible(lacking), style="quiet"))


def _place(quote: Quote) -> str:
    parts = [
        quote.citation,
        *(f"doi:{doi}" for doi in quote.dois[:3]),
        quote.source if quote.source != quote.citation else "",
        f"page {quote.page}" if quote.page else "",
        quote.section,
        f"{quote.name}, characters {quote.start} to {quote.end}",
        "RETRACTED" if quote.retracted else "",
    ]
    return " · ".join(part for part in parts if part)


def _interval(low: float, high: float, unit: str) -> str:
    if _finite(low) is None:
        text = f"below {high:.4g}"
    elif _finite(high) is None:
        text = f"above {low:.4g}"
    else:
        text = f"{low:.4g}" if low == high else f"{low:.4g} to {high:.4g}"
    return f"{text} {unit}".strip()


def _quote_json(quote: Quote) -> dict[str, Any]:
    return {
        "text": quote.text,
        "start": quote.start,
        "end": quote.end,
        "document": quote.document_id,
        "name": quote.name,
        "source": quote.source,
        "citation": quote.citation,
        "dois": list(quote.dois),
        "page": quote.page,
        "section": quote.section,
        "retracted": quote.retracted,
    }


def _finite(value: float) -> float | None:
    return value if abs(value) != float("inf") else None
