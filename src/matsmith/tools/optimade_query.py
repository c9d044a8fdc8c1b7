"""Crystals that a database behind OPTIMADE holds: AFLOW, OQMD, Alexandria, JARVIS, COD and others."""

from __future__ import annotations

from pydantic import Field

from matsmith.core.errors import ToolError, UsageError
from matsmith.core.record import Outcome
from matsmith.knowledge.exchange import ServiceError
from matsmith.knowledge.optimade import ask, exchange_for
from matsmith.knowledge.optimade_providers import get_provider
from matsmith.tools.base import Deps, tool
from matsmith.tools.database_rows import DatabaseArgs, failed, outcome_of


class OptimadeArgs(DatabaseArgs):
    """Which database, and what of it."""

    provider: str = Field(description="mp, oqmd, alexandria, aflow, jarvis, cod or nomad")


@tool(
    name="optimade",
    title="Crystal databases through OPTIMADE",
    cost_s=3.0,
    side_effects="asks the database over the network; answers are kept for 30 days with date and licence",
)
def run(args: OptimadeArgs, *, deps: Deps) -> Outcome:
    """Entries of a database that fulfil a typed query, with what the database tells of them.

    Values are facts for a person and for choosing; verdicts never rest on them, since each database has its own method. Typed failure
    `service_failed` when the database refuses or is silent.
    """
    try:
        provider = get_provider(args.provider)
        exchange = exchange_for(
            provider, cache_dir=deps.settings.cache_dir, contact=deps.settings.contact_email or ""
        )
        return outcome_of(ask(args.query(), provider, exchange=exchange))
    except UsageError as error:
        raise ToolError(error.message, hint=error.hint) from error
    except ServiceError as error:
        return failed(error)


TOOL = run
