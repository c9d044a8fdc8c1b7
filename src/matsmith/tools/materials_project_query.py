"""Materials of the Materials Project by typed query: stability, gaps, moduli, density."""

from __future__ import annotations

from matsmith.core.errors import ToolError, UsageError
from matsmith.core.record import Outcome
from matsmith.core.settings import Settings
from matsmith.knowledge.exchange import ServiceError
from matsmith.knowledge.project_summaries import ask_project, exchange_for
from matsmith.tools.base import Deps, tool
from matsmith.tools.database_rows import DatabaseArgs, failed, outcome_of


class MaterialsProjectArgs(DatabaseArgs):
    """What is wanted of the Materials Project."""


def _missing(settings: Settings) -> str | None:
    return None if settings.mp_api_key else "there is no key for the Materials Project: set MP_API_KEY."


@tool(
    name="materials_project",
    title="Materials Project",
    cost_s=3.0,
    side_effects="asks the Materials Project over the network; answers are kept for 30 days with date and licence",
    missing=_missing,
)
def run(args: MaterialsProjectArgs, *, deps: Deps) -> Outcome:
    """Materials that fulfil a typed query, with stability, gap, moduli and density as the project computed them.

    Values are facts for a person and for choosing; verdicts rest on records of tools that measure. Typed failure `service_failed` when the
    project refuses or is silent.
    """
    key = deps.settings.mp_api_key
    if key is None:
        raise ToolError("There is no key for the Materials Project.", hint="Set MP_API_KEY.")
    try:
        exchange = exchange_for(key.get_secret_value(), cache_dir=deps.settings.cache_dir)
        return outcome_of(ask_project(args.query(), exchange=exchange))
    except UsageError as error:
        raise ToolError(error.message, hint=error.hint) from error
    except ServiceError as error:
        return failed(error)


TOOL = run
