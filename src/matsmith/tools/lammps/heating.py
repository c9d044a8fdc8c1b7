"""A crystal taken through several temperatures one after the other, as expansion and heat capacity need it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Self

from pydantic import Field, model_validator

from matsmith.tools.lammps.failures import DynamicsError
from matsmith.tools.lammps.protocol import MdArgs
from matsmith.tools.lammps.states import HOTTEST_K, State, held, shape_of
from matsmith.tools.lammps.structures import supercell_near

if TYPE_CHECKING:
    from matsmith.tools.lammps.protocol import Md, System

_FEWEST = 3


class HeatingArgs(MdArgs):
    """At which temperature the answer is wanted, and from which temperatures it is told."""

    temperature_k: float = Field(
        default=300.0, ge=10.0, le=HOTTEST_K, description="temperature of the answer in K"
    )
    temperatures_k: tuple[float, ...] = Field(
        default=(),
        max_length=24,
        description="temperatures to run at in K; empty: five around temperature_k",
    )
    pressure_gpa: float = Field(default=0.0, ge=-5.0, le=500.0, description="pressure in GPa")
    length_ps: float = Field(
        default=20.0, ge=1.0, le=10000.0, description="length of the run at each temperature in ps"
    )
    size: int = Field(default=500, ge=32, le=200000, description="atoms aimed at")

    @model_validator(mode="after")
    def _surrounded(self) -> Self:
        if not self.temperatures_k:
            return self
        if len(set(self.temperatures_k)) < _FEWEST:
            raise ValueError(f"temperatures_k needs {_FEWEST} different temperatures or more")
        if not all(10.0 <= each <= HOTTEST_K for each in self.temperatures_k):
            raise ValueError(f"temperatures_k have to lie between 10 and {HOTTEST_K:g} K")
        if not min(self.temperatures_k) <= self.temperature_k <= max(self.temperatures_k):
            raise ValueError("temperature_k has to lie within temperatures_k: nothing is extrapolated")
        return self

    @property
    def ladder_k(self) -> tuple[float, ...]:
        """The temperatures, ascending.

        >>> HeatingArgs(element="Cu").ladder_k
        (150.0, 225.0, 300.0, 375.0, 450.0)
        """
        if self.temperatures_k:
            return tuple(sorted(set(self.temperatures_k)))
        step = min(100.0, self.temperature_k / 4)
        return tuple(self.temperature_k + place * step for place in (-2, -1, 0, 1, 2))


def states_of(args: HeatingArgs, *, system: System, md: Md) -> list[State]:
    """The states at all temperatures, ascending, up to the first at which the crystal melts.

    Raises `DynamicsError` where the temperature of the answer is not among those that stay solid, or fewer than three do.
    """
    shape = shape_of(system)
    cell = supercell_near(md.relaxed_cell(system, shape=shape).atoms, atoms_aimed=args.size)
    simulation = md.simulation("heating", cell)
    found: list[State] = []
    for place, temperature in enumerate(args.ladder_k):
        state = held(
            simulation,
            f"hold_{place}",
            temperature_k=temperature,
            pressure_gpa=args.pressure_gpa,
            length_ps=args.length_ps,
            shape=shape,
            # On their sites at first: half of the kinetic energy becomes potential.
            start_k=2 * temperature if place == 0 else None,
        )
        if state.molten:
            break
        found.append(state)
    if len(found) < _FEWEST or found[-1].temperature_k < args.temperature_k:
        last = f"stayed solid up to {found[-1].temperature_k:g} K alone" if found else "did not stay solid"
        raise DynamicsError(
            "molten",
            f"{system.formula} {last} with this potential.",
            hint="Give a lower temperature_k, or temperatures_k that end below melting.",
        )
    return found


def doubts_of(states: Sequence[State], *, beyond: float) -> tuple[str, ...]:
    """What speaks against some state, and that motion is classical."""
    return (
        *(doubt for state in states for doubt in state.doubts),
        *(
            ()
            if beyond <= states[-1].temperature_k
            else (
                f"the crystal melted above {states[-1].temperature_k:g} K: temperatures beyond are left out",
            )
        ),
        *(
            ()
            if len(states) > _FEWEST
            else ("three temperatures give the mean slope between them alone: give four or more",)
        ),
        "motion is classical: below about the Debye temperature, heat capacity and expansion are too large",
    )
