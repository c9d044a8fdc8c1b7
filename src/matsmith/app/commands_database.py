"""`matsmith database`: a plain question to crystal databases, shown as a typed query before it runs."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

from matsmith.app.guard import FAILURE, complain, guarded, stoppable
from matsmith.core.errors import UsageError

if TYPE_CHECKING:
    from rich.console import Console

    from matsmith.agents.database_question import DatabaseQuestion
    from matsmith.core.settings import Settings
    from matsmith.knowledge.database_query import DatabaseAnswer


@guarded
def database(
    question: Annotated[str, typer.Argument(help="what is wanted, in plain words", show_default=False)],
    databases: Annotated[
        list[str] | None,
        typer.Option(
            "--database",
            "-d",
            metavar="NAME",
            help="materials_project, oqmd, alexandria, aflow, jarvis, cod, nomad or mp; may be given several times",
            show_default=False,
        ),
    ] = None,
    limit: Annotated[
        int | None, typer.Option(metavar="N", min=1, max=500, help="most entries", show_default=False)
    ] = None,
    show_query: Annotated[bool, typer.Option("--show-query", help="show the query and ask nothing")] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="do not ask before it runs")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="machine-readable")] = False,
) -> int:
    r"""Ask crystal databases a plain question; the typed query is shown before it runs.

    \b
    Examples:
      matsmith database "stable Si-O compounds with their bulk moduli on the Materials Project"
      matsmith database "ternary nitrides with a band gap between 2 and 3 eV" -d oqmd -d alexandria
      matsmith database "crystal structures of Fe2O3 in COD" --show-query
    """
    from matsmith.agents.database_question import read_question
    from matsmith.app.console import is_interactive, make_console, write_json
    from matsmith.core.settings import load_settings

    settings = load_settings()
    asked = read_question(question, databases=tuple(databases or ()), limit=limit)
    console = make_console(stderr=as_json)
    requests = {name: _request(name, asked) for name in asked.databases}
    _show_query(console, asked, requests)
    if show_query:
        if as_json:
            write_json(_query_json(asked, requests))
        return 0
    if is_interactive(console) and not yes and not as_json:
        sys.stdout.flush()
        if not typer.confirm("Run it?", default=True):
            return 0
    answers: list[DatabaseAnswer] = []
    failures: list[tuple[str, str]] = []
    with stoppable():
        for name in asked.databases:
            answer = _ask(name, asked, settings=settings, failures=failures)
            if answer is not None:
                answers.append(answer)
    if as_json:
        write_json(
            {
                **_query_json(asked, requests),
                "answers": [_answer_json(answer) for answer in answers],
                "failures": [{"database": name, "message": message} for name, message in failures],
            }
        )
    else:
        for answer in answers:
            _show_answer(console, answer, asked)
    for _, message in failures:
        complain(message)
    return FAILURE if failures and not answers else 0


def _request(name: str, asked: DatabaseQuestion) -> str:
    """The query in the service's own language, checked before anything is sent. Raises `UsageError` for what it does not hold."""
    from matsmith.agents.database_question import MATERIALS_PROJECT
    from matsmith.knowledge.optimade import optimade_filter
    from matsmith.knowledge.optimade_providers import get_provider
    from matsmith.knowledge.project_summaries import summary_parameters

    if name == MATERIALS_PROJECT:
        return "&".join(f"{key}={value}" for key, value in summary_parameters(asked.query).items())
    return optimade_filter(asked.query, get_provider(name))


def _ask(
    name: str, asked: DatabaseQuestion, *, settings: Settings, failures: list[tuple[str, str]]
) -> DatabaseAnswer | None:
    from matsmith.agents.database_question import MATERIALS_PROJECT
    from matsmith.knowledge import optimade, project_summaries
    from matsmith.knowledge.exchange import ServiceError
    from matsmith.knowledge.optimade_providers import get_provider

    try:
        if name == MATERIALS_PROJECT:
            key = settings.mp_api_key
            if key is None:
                raise UsageError(
                    "The Materials Project answers only with a key.",
                    hint="Set MP_API_KEY, or ask without one: --database oqmd, alexandria, jarvis, aflow, mp.",
                )
            exchange = project_summaries.exchange_for(key.get_secret_value(), cache_dir=settings.cache_dir)
            return project_summaries.ask_project(asked.query, exchange=exchange)
        provider = get_provider(name)
        exchange = optimade.exchange_for(
            provider, cache_dir=settings.cache_dir, contact=settings.contact_email or ""
        )
        return optimade.ask(asked.query, provider, exchange=exchange)
    except ServiceError as error:
        failures.append((name, str(error)))
    except UsageError as error:
        if len(asked.databases) == 1:
            raise
        failures.append((name, str(error)))
    return None


def _show_query(console: Console, asked: DatabaseQuestion, requests: dict[str, str]) -> None:
    from rich.text import Text

    console.print(Text(f"Query: {asked.query.sentence()}", style="label"))
    for words, meaning in asked.understood:
        console.print(Text(f"  {words}: {meaning}", style="quiet"))
    for words in asked.not_understood:
        console.print(Text(f"  not used: {words}", style="unknown"))
    for name, request in requests.items():
        console.print(Text(f"  {name}: {request}", style="quiet"), soft_wrap=True)


def _show_answer(console: Console, answer: DatabaseAnswer, asked: DatabaseQuestion) -> None:
    from rich.text import Text

    from matsmith.app.console import plain_table
    from matsmith.core.properties import PROPERTIES

    shown = list(
        dict.fromkeys([*asked.query.properties, "energy_above_hull"]) if answer.rows else dict[str, None]()
    )
    shown = [name for name in shown if any(name in row.values for row in answer.rows)]
    heads = [
        f"{PROPERTIES[name].title}{f' ({PROPERTIES[name].unit})' if PROPERTIES[name].unit else ''}"
        for name in shown
    ]
    console.print()
    total = (
        f" of {answer.available}"
        if answer.available is not None and answer.available > len(answer.rows)
        else ""
    )
    console.print(Text(f"{answer.database}: {len(answer.rows)}{total} entries", style="label"))
    if answer.rows:
        table = plain_table("formula", "id", "space group", *heads, right=frozenset(heads))
        for row in answer.rows:
            values = [f"{row.values[name]:.4g}" if name in row.values else "" for name in shown]
            group = row.space_group_symbol or (str(row.space_group) if row.space_group else "")
            table.add_row(*(Text(cell) for cell in (row.formula, row.id, group, *values)))
        console.print(table)
        for label in dict.fromkeys(
            row.labels[name] for row in answer.rows for name in shown if name in row.labels
        ):
            console.print(Text(f"  computed: {label}", style="quiet"))
    for note in answer.notes:
        console.print(Text(f"  {note}", style="unknown"))
    console.print(Text(f"  asked {answer.date[:10]}; {answer.licence}; {answer.citation}", style="quiet"))


def _query_json(asked: DatabaseQuestion, requests: dict[str, str]) -> dict[str, Any]:
    return {
        "question": asked.question,
        "query": asked.query.model_dump(mode="json", exclude_defaults=True),
        "sentence": asked.query.sentence(),
        "understood": [{"words": words, "meaning": meaning} for words, meaning in asked.understood],
        "not_understood": list(asked.not_understood),
        "requests": requests,
    }


def _answer_json(answer: DatabaseAnswer) -> dict[str, Any]:
    from dataclasses import asdict

    return asdict(answer)
