"""Temperature at which a solid decomposes or melts, in its own gases at 1 bar or in an atmosphere, by tabulated Gibbs energies."""

from __future__ import annotations

from pydantic import Field

from matsmith.core.errors import MatsmithError
from matsmith.core.quantity import Quantity, Truth
from matsmith.core.record import Outcome
from matsmith.knowledge.thermochemistry.descriptor import HIGHEST_K
from matsmith.knowledge.thermochemistry.species import last_temperature
from matsmith.knowledge.thermochemistry.transitions import NeverStable, decomposition_temperature
from matsmith.tools.base import Deps, tool
from matsmith.tools.thermochemical import (
    Pressures,
    SolidArgs,
    atmosphere_of,
    refused,
    subject_of,
    tables_version,
)

_TABLES_END_K = 3500.0


class DecompositionTemperatureArgs(SolidArgs):
    """Which solid, in which gases."""

    atmosphere: str | None = Field(
        default=None, description="a name such as air, argon, hydrogen, steam, vacuum"
    )
    pressures_bar: Pressures
    from_k: float = Field(default=300.0, ge=200.0, le=3000.0)


@tool(
    name="decomposition_temperature",
    title="Decomposition temperature",
    measures=("decomposition_temperature",),
    cost_s=0.4,
    identity=tables_version,
)
def run(args: DecompositionTemperatureArgs, *, deps: Deps) -> Outcome:
    """Temperature (K) at which a solid stops being the state of lowest Gibbs energy on heating, and the reaction there.

    Without an atmosphere its own gases leave at 1 bar each. Thermodynamics alone: a slow reaction lets solids last longer.
    Sigma is the error of the Gibbs energies over the entropy of the reaction. Typed failures: no_enthalpy for a solid that
    the tables lack and no record of stability is given for, never_stable, lasts (to the highest temperature tabulated),
    outside_domain, no_data.

    Example: matsmith tool decomposition_temperature formula=CaCO3 atmosphere=air
    """
    subject = subject_of(args, deps=deps)
    if isinstance(subject, Outcome):
        return subject
    reach = last_temperature(subject.solid.amounts)
    highest = min(_TABLES_END_K if subject.solid.measured else HIGHEST_K, reach)
    if highest <= args.from_k:
        return Outcome.failed(
            "outside_domain",
            f"The tables hold the elements of {subject.formula} to {highest:g} K, no higher than the start.",
            hint="Start lower (from_k), or compute a hull of its own phases.",
        )
    try:
        around = atmosphere_of(
            temperature_k=args.from_k, name=args.atmosphere, pressures_bar=args.pressures_bar
        )
        found = decomposition_temperature(
            subject.solid, pressures_bar=around.pressures_bar, low_k=args.from_k, high_k=highest
        )
    except MatsmithError as error:
        return refused(error)
    if found is None:
        return Outcome.failed(
            "lasts",
            f"{subject.formula} neither decomposes nor melts up to {highest:g} K by the tables.",
            hint="Its melt may not be tabulated: look up its melting point.",
        )
    equation = found.state.equation(subject.formula)
    if isinstance(found, NeverStable):
        return Outcome.failed(
            "never_stable",
            f"{subject.formula} is stable at no temperature from {args.from_k:g} to {highest:g} K there: {equation}.",
            hint="Ask reaction_energy for the driving force, or give another atmosphere.",
        )
    warnings = (subject.caveat,) if subject.caveat else ()
    return Outcome(
        quantities={
            "decomposition_temperature": Quantity(
                value=found.temperature_k,
                unit="K",
                sigma=found.sigma_k,
                truth=Truth.EXPERIMENT_AT_CONDITIONS,
            )
        },
        facts={
            "reaction": equation,
            "melts": found.state.melts,
            "stable_from_k": round(found.stable_from_k, 1),
            "atmosphere": dict(around.pressures_bar) or "own gases at 1 bar each",
            "tabulated": subject.solid.measured,
            **({"inconclusive": {"decomposition_temperature": subject.caveat}} if subject.caveat else {}),
        },
        method=subject.method("crossing of Gibbs energies, linear programme over tabulated phases"),
        warnings=warnings,
    )


TOOL = run
