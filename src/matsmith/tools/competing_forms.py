"""Other forms of one formula: every structure type that takes it, by static energies, and the lowest few relaxed.

A candidate of a new formula has no table to say that it is the lowest form. Before it counts as stable, the types that
nobody proposed for this formula, or that the objective does not want, have to be shown to lie higher.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from pydantic import Field, field_validator

from matsmith.core.crystal import Crystal
from matsmith.core.errors import SpecError
from matsmith.core.quantity import Quantity
from matsmith.core.record import Outcome
from matsmith.core.settings import Settings
from matsmith.knowledge.formulas import key_amounts, reduced_key
from matsmith.knowledge.prototypes import prototypes
from matsmith.tools.base import Args, Deps, tool
from matsmith.tools.competing_screening import ATOMS_MAX, Screened, screen
from matsmith.tools.potential import identity, potential
from matsmith.tools.reference_evaluation import crystal_of
from matsmith.tools.reference_plan import Decoration
from matsmith.tools.relax import ENERGY_SIGMA_EV_PER_ATOM
from matsmith.tools.results import method_of
from matsmith.tools.strategies.assignment import placements

if TYPE_CHECKING:
    from pymatgen.core import Structure

NAME = "competing_forms"
# Static energies order forms roughly, so several are relaxed.
RELAXED_FORMS = 4
_MOST_SCREENED = 60
_MAX_STEPS = 120
_LARGEST_FORCE_EV_PER_ANGSTROM = 0.2


class CompetingFormsArgs(Args):
    """Which formula."""

    formula: str = Field(description="such as NdAlO3; whole numbers of atoms")

    @field_validator("formula")
    @classmethod
    def _reduced(cls, value: str) -> str:
        try:
            key = reduced_key(value)
            amounts = key_amounts(key)
        except SpecError as error:
            raise ValueError(error.message) from error
        if any(amount != round(amount) for amount in amounts.values()):
            raise ValueError("the formula must have whole numbers of atoms")
        return key


def run_many(batch: Sequence[CompetingFormsArgs], *, deps: Deps) -> Iterator[tuple[int, Outcome]]:
    """Search one formula after the other."""
    for index, args in enumerate(batch):
        started = time.perf_counter()
        outcome = _searched(args, deps=deps)
        yield index, outcome.model_copy(update={"wall_s": time.perf_counter() - started})


def _searched(args: CompetingFormsArgs, *, deps: Deps) -> Outcome:
    from matsmith.models.relaxation import RelaxationSettings, Relaxed, relax

    amounts = {symbol: round(amount) for symbol, amount in key_amounts(args.formula).items()}
    tried = placements(amounts, prototypes(atoms_max=ATOMS_MAX))
    if not tried:
        return Outcome.failed(
            "no_prototypes",
            f"No structure type of at most {ATOMS_MAX} atoms takes {args.formula}.",
            hint="Its other forms cannot be searched here.",
        )
    model = potential(deps.settings)
    decorations = [Decoration(place.prototype, place.symbols) for place in tried[:_MOST_SCREENED]]
    screened = sorted(
        screen(decorations, potential=model),
        key=lambda s: (s.energy_ev_per_atom, s.decoration.prototype.name),
    )
    chosen = screened[:RELAXED_FORMS]
    settings = RelaxationSettings(max_steps=_MAX_STEPS)
    forms: list[tuple[float, str, Crystal]] = []
    for place, result in relax((_start(s) for s in chosen), potential=model, settings=settings):
        last = result if isinstance(result, Relaxed) else result.last
        sound = isinstance(result, Relaxed) or result.code == "unconverged"
        if last is not None and sound and last.max_force_ev_per_angstrom <= _LARGEST_FORCE_EV_PER_ANGSTROM:
            name = chosen[place].decoration.prototype.name
            forms.append((last.energy_ev_per_atom, name, Crystal.from_pymatgen(last.structure)))
    if not forms:
        return Outcome.failed(
            "none_relaxed",
            f"None of the {len(chosen)} forms of {args.formula} that were tried relaxed soundly.",
        )
    forms.sort(key=lambda form: (form[0], form[1]))
    return Outcome(
        quantities={"energy": Quantity(value=forms[0][0], unit="eV/atom", sigma=ENERGY_SIGMA_EV_PER_ATOM)},
        facts={
            "forms": [
                {"prototype": name, "energy_ev_per_atom": round(energy, 5)} for energy, name, _ in forms
            ],
            "structure_types_screened": len(screened),
            "structure_types_relaxed": len(chosen),
            "not_searched": f"types outside the library, and cells of more than {ATOMS_MAX} atoms",
        },
        crystal=forms[0][2],
        method=method_of(
            deps.settings,
            name=f"decorated prototypes: static energies at three volumes, the lowest {RELAXED_FORMS} relaxed",
        ),
    )


def _start(screened: Screened) -> Structure:
    structure = crystal_of(screened.decoration)
    structure.scale_lattice(structure.volume * math.exp(screened.log_volume_change))
    return structure


def _identity(settings: Settings) -> str:
    from matsmith.knowledge.prototypes import library_version

    return f"{identity(settings)}:{library_version()}"


@tool(
    version="2",
    name=NAME,
    title="Competing forms of one formula",
    cost_s=2.0,
    needs_worker=True,
    identity=_identity,
    run_many=run_many,
)
def run(args: CompetingFormsArgs, *, deps: Deps) -> Outcome:
    """Search the library of structure types for the lowest form of a formula by the potential.

    Quantity `energy` (eV/atom, the potential's own reference) and the crystal are those of the lowest form; facts list all
    that were relaxed. Hand the record to `stability` as `lower_form`. Typed failures: `no_prototypes`, `none_relaxed`.
    """
    return next(iter(run_many([args], deps=deps)))[1]


TOOL = run
