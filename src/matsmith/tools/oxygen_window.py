"""Partial pressures of oxygen between which a solid is stable at a temperature: its place in the Ellingham diagram."""

from __future__ import annotations

from pydantic import Field

from matsmith.core.errors import MatsmithError
from matsmith.core.quantity import Quantity, Truth
from matsmith.core.record import Outcome
from matsmith.knowledge.thermochemistry.transitions import window
from matsmith.tools.base import Deps, tool
from matsmith.tools.thermochemical import (
    Pressures,
    SolidArgs,
    atmosphere_of,
    refused,
    subject_of,
    tables_version,
)


class OxygenWindowArgs(SolidArgs):
    """Which solid, at which temperature."""

    temperature_k: float = Field(ge=300.0, le=3500.0)
    pressures_bar: Pressures
    gas: str = Field(default="O2", min_length=1, description="another gas than oxygen, such as Cl2 or N2")


@tool(
    name="oxygen_window",
    title="Window of stability in oxygen",
    cost_s=0.5,
    identity=tables_version,
)
def run(args: OxygenWindowArgs, *, deps: Deps) -> Outcome:
    """Lowest and highest partial pressure of oxygen (log10 of bar) at which a solid is stable, and what it turns into beyond.

    A side without a limit between 1e-95 and 1000 bar is left out. Typed failures: no_enthalpy, never_stable, outside_domain,
    no_data.

    Example: matsmith tool oxygen_window formula=NiO temperature_k=1000
    """
    subject = subject_of(args, deps=deps)
    if isinstance(subject, Outcome):
        return subject
    try:
        around = atmosphere_of(temperature_k=args.temperature_k, name=None, pressures_bar=args.pressures_bar)
        found = window(subject.solid, around, gas=args.gas)
    except MatsmithError as error:
        return refused(error)
    if found is None:
        return Outcome.failed(
            "never_stable",
            f"{subject.formula} is stable at no pressure of {args.gas} at {args.temperature_k:g} K.",
            hint="Lower the temperature, or ask decomposition_temperature.",
        )
    sides = {"low": (found.low, found.below), "high": (found.high, found.above)}
    return Outcome(
        quantities={
            f"log10_{side}_pressure_bar": Quantity(
                value=value, unit="", sigma=found.sigma, truth=Truth.EXPERIMENT_AT_CONDITIONS
            )
            for side, (value, _) in sides.items()
            if value is not None
        },
        facts={
            "gas": args.gas,
            "temperature_k": args.temperature_k,
            **{
                f"beyond_{side}": state.equation(subject.formula)
                for side, (_, state) in sides.items()
                if state is not None
            },
        },
        method=subject.method("edges of the window where the excess Gibbs energy is zero"),
        warnings=(subject.caveat,) if subject.caveat else (),
    )


TOOL = run
