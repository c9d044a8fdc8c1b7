"""Gibbs energy of a solid above everything it could turn into, at a temperature, alone or in an atmosphere."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Self

from pydantic import Field, model_validator

from matsmith.core.errors import MatsmithError
from matsmith.core.quantity import Quantity, Truth
from matsmith.core.record import Outcome
from matsmith.knowledge.thermochemistry.atmosphere import Atmosphere
from matsmith.knowledge.thermochemistry.equilibrium import Decomposition
from matsmith.knowledge.thermochemistry.species import all_species
from matsmith.knowledge.thermochemistry.transitions import reaction_sigma, state_at
from matsmith.tools.base import Deps, tool
from matsmith.tools.thermochemical import (
    Pressures,
    SolidArgs,
    Subject,
    atmosphere_of,
    refused,
    subject_of,
    tables_version,
)

ATMOSPHERIC_GPA = 0.001
# A vapour above this carries material away within hours (Langmuir: about 1e-5 bar takes off some mm a year at 1200 K).
_VOLATILE_BAR = 1e-5
_SMALLEST_BAR = 1e-30
_FLOWING_BAR = 1e-3


class AtmosphereStabilityArgs(SolidArgs):
    """Which solid, at which temperature, in which gases; a range of oxygen is judged at its worse end."""

    temperature_k: float = Field(ge=300.0, le=3500.0)
    pressure_gpa: float | None = Field(
        default=None, description="a pressure on the solid cannot be computed here"
    )
    atmosphere: str | None = Field(
        default=None, description="a name such as air, argon, hydrogen, steam, vacuum"
    )
    pressures_bar: Pressures
    oxygen_low_bar: float | None = Field(default=None, gt=0, description="lowest partial pressure of oxygen")
    oxygen_high_bar: float | None = Field(
        default=None, gt=0, description="highest partial pressure of oxygen"
    )
    evolved_bar: float | None = Field(
        default=None,
        gt=0,
        description="pressure at which gases that evolve leave; 1 bar without an atmosphere, else 0.001 bar, as a flow of gas "
        "carries them off",
    )

    @model_validator(mode="after")
    def _range(self) -> Self:
        low, high = self.oxygen_low_bar, self.oxygen_high_bar
        if low is not None and high is not None and low > high:
            raise ValueError(f"the range of oxygen {low:g} to {high:g} bar is empty")
        return self

    @property
    def leaves_at_bar(self) -> float:
        """Pressure at which gases that evolve leave."""
        if self.evolved_bar is not None:
            return self.evolved_bar
        alone = not self.atmosphere and not self.pressures_bar and self.oxygen_ends_bar == [None]
        return 1.0 if alone else _FLOWING_BAR

    @property
    def oxygen_ends_bar(self) -> list[float | None]:
        """The ends of the range of oxygen; [None] where it is not set apart from the atmosphere."""
        ends = sorted({end for end in (self.oxygen_low_bar, self.oxygen_high_bar) if end is not None})
        return [*ends] or [None]


@tool(
    name="atmosphere_stability",
    title="Stability at temperature and in an atmosphere",
    measures=("energy_above_hull_at_conditions", "energy_above_hull_in_atmosphere"),
    cost_s=0.05,
    identity=tables_version,
)
def run(args: AtmosphereStabilityArgs, *, deps: Deps) -> Outcome:
    """Gibbs energy (eV/atom) of a solid above what it can turn into at a temperature; negative where it is stable.

    In an atmosphere, whose gases are taken up and given off at their partial pressures, the answer is
    energy_above_hull_in_atmosphere, over a range of oxygen at its worse end. Without one it is
    energy_above_hull_at_conditions: gases that evolve leave at 1 bar. Competitors are all tabulated solids, liquids and gases;
    for a solid that the tables lack also its hull at 0 K from the record of stability, and the answer can refute, and confirm
    only as far as competitors are tabulated. Typed failures: no_enthalpy, pressure, outside_domain, no_data.

    Example: matsmith tool atmosphere_stability formula=Al2O3 temperature_k=1200 oxygen_low_bar=1e-15 oxygen_high_bar=0.21
    """
    if args.pressure_gpa is not None and abs(args.pressure_gpa) > ATMOSPHERIC_GPA:
        return Outcome.failed(
            "pressure",
            f"The tables hold solids at 1 bar, not at {args.pressure_gpa:g} GPa.",
            hint="pressure_stability compares enthalpies under a pressure, and Gibbs energies with a temperature.",
        )
    subject = subject_of(args, deps=deps)
    if isinstance(subject, Outcome):
        return subject
    try:
        base = atmosphere_of(
            temperature_k=args.temperature_k,
            name=args.atmosphere,
            pressures_bar=args.pressures_bar,
            evolved_bar=args.leaves_at_bar,
        )
        judged = [
            (around, state_at(subject.solid, around))
            for around in (
                base if end is None else base.with_pressure("O2", end) for end in args.oxygen_ends_bar
            )
        ]
    except MatsmithError as error:
        return refused(error)
    around, worst = max(judged, key=lambda pair: pair[1].excess_ev_per_atom)
    atoms = sum(subject.solid.amounts.values())
    value = worst.excess_ev_per_atom
    sigma = reaction_sigma(subject.solid, worst, args.temperature_k) / atoms
    basis = "tabulated phases"
    if subject.hull_0k is not None and subject.hull_0k[0] > value:
        # Phases that the tables lack, known at 0 K alone: no temperature is in it, but it bounds the excess from below.
        (value, sigma), basis = subject.hull_0k, "hull at 0 K"
    name = "energy_above_hull_in_atmosphere" if around.pressures_bar else "energy_above_hull_at_conditions"
    vapours = volatile(subject, [pair[0] for pair in judged if pair[1].excess_ev_per_atom <= 0])
    warnings = [subject.caveat] if subject.caveat else []
    if vapours:
        warnings.append(
            "evaporates: " + ", ".join(f"{gas} {bar:.1e} bar" for gas, bar in list(vapours.items())[:3])
        )
    return Outcome(
        quantities={
            name: Quantity(value=value, unit="eV/atom", sigma=sigma, truth=Truth.EXPERIMENT_AT_CONDITIONS)
        },
        facts={
            "conditions": around.describe(),
            "evolved_gases_leave_at_bar": around.evolved_bar,
            "stable": value <= 0,
            "reaction": worst.equation(subject.formula),
            "melts": worst.melts,
            "basis": basis,
            "tabulated": subject.solid.measured,
            **(
                {"each_end": [_told(subject, pair[0], pair[1]) for pair in judged]} if len(judged) > 1 else {}
            ),
            **(
                {"vapours_bar": {gas: float(f"{bar:.2e}") for gas, bar in vapours.items()}} if vapours else {}
            ),
            **({"inconclusive": {name: subject.caveat}} if subject.caveat else {}),
        },
        method=subject.method(
            "excess Gibbs energy, linear programme over tabulated solids, liquids and gases"
        ),
        warnings=tuple(warnings),
    )


def _told(subject: Subject, around: Atmosphere, found: Decomposition) -> str:
    return f"{around.describe()}: {found.excess_ev_per_atom:+.3f} eV/atom, {found.equation(subject.formula)}"


def volatile(subject: Subject, atmospheres: list[Atmosphere]) -> Mapping[str, float]:
    """Gases of the solid's own elements above it, in bar where more than `_VOLATILE_BAR`, largest first.

    Equilibrium of a binary oxide, where it is stable, with one gas of its metal and oxygen at the pressure of the atmosphere.
    Other solids are not told.
    """
    import math

    from matsmith.knowledge.thermochemistry.species import GAS_CONSTANT, gas

    found: dict[str, float] = {}
    for around in atmospheres:
        own = [symbol for symbol in subject.solid.amounts if symbol not in around.elements]
        if (
            len(own) != 1
            or "O2" not in around.pressures_bar
            or not {own[0], "O"}.issuperset(subject.solid.amounts)
        ):
            continue
        metal, temperature = own[0], around.temperature_k
        oxygen = 0.5 * around.potential(gas("O2"))
        total = subject.solid.gibbs_kj_per_mol(temperature) - oxygen * subject.solid.amounts.get("O", 0.0)
        per_metal = total / subject.solid.amounts[metal]
        for one in all_species():
            if one.phase != "gas" or metal not in one.amounts or not set(one.amounts) <= {metal, "O"}:
                continue
            count = one.amounts[metal]
            drive = count * per_metal + oxygen * one.amounts.get("O", 0.0) - one.gibbs(temperature)
            exponent = drive / (GAS_CONSTANT * temperature)
            bar = math.exp(min(exponent, 50.0)) if exponent > math.log(_SMALLEST_BAR) else 0.0
            if bar > _VOLATILE_BAR:
                found[one.name] = max(bar, found.get(one.name, 0.0))
    return dict(sorted(found.items(), key=lambda pair: -pair[1]))


TOOL = run
