"""matsmith from Python: plan, design, read runs, call single tools and ask the literature.

    from matsmith.agents import ask, design, design_events, open_run, plan, run_tool

    check = plan("a stable binary oxide with a bulk modulus above 180 GPa")
    for event in design_events(check, budget_s=120):
        print(event_line(event))

Errors are `matsmith.core.errors.MatsmithError`s: each says what is wrong and what to do. Nothing here needs a key or a network.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from matsmith.agents.approvals import Decision, Point
from matsmith.agents.planner import Ask, PlanCheck
from matsmith.agents.run_events import RunEvents
from matsmith.agents.runs import RunInfo, find_run, list_runs
from matsmith.agents.saved_run import SavedRun
from matsmith.agents.session import RunResult, design, make_reasoner, plan_objective, resume
from matsmith.core.errors import UsageError
from matsmith.core.run import Event
from matsmith.core.settings import Settings, load_settings
from matsmith.core.spec import DesignSpec
from matsmith.knowledge.literature.answers import LiteratureAnswer

if TYPE_CHECKING:
    from types import EllipsisType

Listener = Callable[[Event], None]
_T = TypeVar("_T")


@dataclass(frozen=True, kw_only=True)
class ShownPlan(PlanCheck):
    """A checked plan that a notebook shows. `design` takes it as it is; `spec` is what code goes by and can be edited."""

    def _repr_html_(self) -> str:
        from matsmith.agents.notebook_view import plan_html

        return plan_html(self)


@dataclass(frozen=True, kw_only=True)
class ShownAnswer(LiteratureAnswer):
    """An answer that prints as sentences with their sources."""

    def __str__(self) -> str:
        if not self.answered:
            return self.refusal
        return "\n".join(
            f"{one.text} [{'; '.join(dict.fromkeys(quote.citation for quote in one.quotes))}]"
            for one in self.statements
        )

    def _repr_html_(self) -> str:
        from matsmith.agents.notebook_view import answer_html

        return answer_html(self)


def plan(
    objective: str | DesignSpec,
    *,
    settings: Settings | None = None,
    reasoner: str | None = None,
    candidates: int | None = None,
    budget_s: float | None = None,
    new_only: bool | None = None,
    accept_known: bool | None = None,
    max_cost_usd: float | None = None,
    ask: Ask | None = None,
) -> ShownPlan:
    """Understand an objective and check it against physics and the installed tools; nothing is computed.

    A specification is checked as it stands. `refusal` of what comes back says why a design would not start, or is None. Raises `SpecError` for
    an objective that says nothing.

    >>> check = plan("a stable oxide with a bulk modulus above 180 GPa, no cobalt", reasoner="rules")
    >>> [target.describe() for target in check.spec.targets]
    ['energy_above_hull below 0.05 eV/atom', 'bulk_modulus above 180 GPa']
    >>> check.spec.chemistry.excluded, check.runnable
    (['Co'], True)
    """
    settings = settings or load_settings()
    if isinstance(objective, DesignSpec):
        given = (reasoner, candidates, budget_s, new_only, accept_known, max_cost_usd, ask)
        if any(one is not None for one in given):
            raise UsageError(
                "A specification already says how many candidates and which budget.",
                hint="Change the specification, or give the objective in words.",
            )
        return _shown(PlanCheck.from_spec(objective, settings=settings), ShownPlan)
    check = plan_objective(
        objective,
        settings=settings,
        reasoner=reasoner,
        candidates=candidates,
        budget_s=budget_s,
        new_only=new_only,
        accept_known=accept_known,
        max_cost_usd=max_cost_usd,
        ask=ask,
    )
    return _shown(check, ShownPlan)


def design_events(
    objective: str | PlanCheck,
    *,
    settings: Settings | None = None,
    out: Path | None = None,
    seed: int = 0,
    budget_s: float | None = None,
    candidates: int | None = None,
    reasoner: str | None = None,
    new_only: bool | None = None,
    accept_known: bool | None = None,
    approve: Collection[Point] = (),
) -> RunEvents:
    """Start a design and iterate over its events, with `for` or `async for`. Arguments are those of `design`.

    Leaving the loop early stops the run, which `resume(events.folder)` goes on with; after the last event `events.result` is what `design`
    returns. What `design` raises is raised by the loop.

        events = design_events("a stable binary oxide with a bulk modulus above 180 GPa", budget_s=120)
        for event in events:
            print(event_line(event))
        events.result.to_pandas()
    """
    return RunEvents(
        lambda listener, stop: design(
            objective,
            settings=settings,
            out=out,
            seed=seed,
            budget_s=budget_s,
            candidates=candidates,
            reasoner=reasoner,
            new_only=new_only,
            accept_known=accept_known,
            approve=approve,
            on_event=listener,
            stop=stop,
        )
    )


def resume_events(
    run: Path | str,
    *,
    settings: Settings | None = None,
    decision: Decision | None = None,
    spec: DesignSpec | None = None,
) -> RunEvents:
    """Go on with a run and iterate over its events, as `design_events` does."""
    return RunEvents(
        lambda listener, stop: resume(
            run, settings=settings, decision=decision, spec=spec, on_event=listener, stop=stop
        )
    )


async def design_async(
    objective: str | PlanCheck, *, on_event: Listener | None = None, **options: Any
) -> RunResult:
    """`design` without blocking the event loop; `options` are those of `design_events`, and `on_event` is called in the loop's thread.

    A task that is cancelled stops the run, which can be resumed.
    """
    async with design_events(objective, **options) as events:
        async for event in events:
            if on_event is not None:
                on_event(event)
        return events.result


def open_run(run: Path | str, *, settings: Settings | None = None) -> SavedRun:
    """A run by its folder, its name or the beginning of its name, finished or not. Raises `UsageError` when there is none such."""
    return SavedRun(folder=find_run(str(run), settings=settings or load_settings()))


def my_runs(*, settings: Settings | None = None) -> list[RunInfo]:
    """All runs that can be read, newest first."""
    return list_runs(settings or load_settings())


def ask(
    question: str,
    *,
    library: Path | str | EllipsisType | None = ...,
    settings: Settings | None = None,
    reasoner: str | None = None,
) -> ShownAnswer:
    """Ask the literature: statements on quotes that stand in their sources, or none, and then `refusal` says so.

    Searched is the library in the folder `library`; by default yours where there is one, else the built-in notes, which None asks for alone.
    Raises `UsageError` for an empty question or a folder without a library.

    >>> found = ask("what limits the ionic conductivity of garnet electrolytes?", library=None, reasoner="rules")
    >>> found.answered, all(quote.citation for quote in found.quotes)
    (True, True)
    """
    from matsmith.agents.literature_answer import answer
    from matsmith.knowledge.literature.corpus import open_corpus

    settings = settings or load_settings()
    chosen = make_reasoner(reasoner or settings.reasoner, settings=settings)
    named = library is not ... and library is not None
    folder = settings.library_dir if library is ... else None if library is None else Path(library)
    with open_corpus(folder, required=named) as corpus:
        return _shown(answer(question, corpus=corpus, reasoner=chosen), ShownAnswer)


def _shown(plain: Any, kind: type[_T]) -> _T:
    """The same values as the class that a notebook shows."""
    return kind(**{field.name: getattr(plain, field.name) for field in fields(plain)})
