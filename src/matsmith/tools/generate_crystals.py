"""Crystals of a formula, or of some elements, made by the diffusion model and ranked; one of them is returned as the structure.

They are as the model leaves them, unsound ones drawn again as by `matsmith generate`. For one formula the potential's static energy orders them, which says
little before they are relaxed; those that stayed broken (atoms closer than seven tenths of the sum of their covalent radii) and repeats are left out and counted.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from pydantic import Field, JsonValue

from matsmith.core.crystal import Crystal
from matsmith.core.errors import DataError, SpecError
from matsmith.core.record import Method, Outcome
from matsmith.core.settings import Settings
from matsmith.tools.base import Args, Deps, tool
from matsmith.tools.crystal_facts import density_of, space_group_of
from matsmith.tools.crystal_model import (
    crystal_model,
    crystals_of,
    missing,
    usual_sampling,
    weights_hash,
)
from matsmith.tools.crystal_wishes import (
    CrystalWishes,
    condition_of,
    element_rules,
    motif_called,
    requests_of,
)
from matsmith.tools.sound_crystals import Fault, generate_sound

if TYPE_CHECKING:
    from matsmith.models.diffusion.weights import ModelCard


class GenerateArgs(Args):
    """What the crystals must be, and what is aimed at."""

    formula: str = Field(
        min_length=1,
        description="exactly this formula (BaTiO3), or the elements that must all be there (Li,P,S), with + others too (Li,O,+)",
    )
    count: int = Field(default=16, ge=1, le=64, description="how many are made")
    rank: int = Field(
        default=0, ge=0, le=63, description="which of them is returned as the structure: 0 is the best"
    )
    excluded: tuple[str, ...] = Field(default=(), description="elements that must not come")
    atoms: int = Field(default=0, ge=0, le=20, description="atoms in the cell; 0 as in training")
    space_group: int = Field(default=0, ge=0, le=230, description="number of the space group; 0 any")
    motif: str = Field(default="", description="kagome, lieb, honeycomb, square or triangular")
    density_g_per_cm3: float | None = Field(default=None, ge=0, description="aimed at")
    bulk_modulus_gpa: float | None = Field(default=None, ge=0, description="aimed at")
    guidance: float = Field(default=1.0, ge=0, le=10, description="how strongly what is aimed at is followed")
    seed: int = Field(default=0, ge=0, description="another one gives other crystals")


@tool(
    name="generate_crystals",
    title="Generated crystals",
    cost_s=15.0,
    needs_worker=True,
    version="2",
    identity=weights_hash,
    missing=missing,
)
def run(args: GenerateArgs, *, deps: Deps) -> Outcome:
    """Generate crystals with the diffusion model and return one of them; relax it before anything is measured.

    Facts: how many were made, in how many draws, broken or alike, and of those left, ranked, formula, atoms, space group, density and, for one formula, the static
    energy above the lowest. Typed failures: `impossible` for what no crystal of the model can be, `no_model`, `all_broken`, `no_such_rank`.
    """
    try:
        model = crystal_model(deps.settings)
        wishes = _wishes(args, model.card)
        random = np.random.default_rng([deps.seed, args.seed])
        requests = requests_of(wishes, model.card, count=args.count, random=random)
        sound = generate_sound(
            model,
            requests,
            settings=usual_sampling(dict.fromkeys(wishes.conditions, args.guidance)),
            seed=int(random.integers(2**31)),
        )
    except SpecError as error:
        return Outcome.failed("impossible", error.message, hint=error.hint)
    except DataError as error:
        return Outcome.failed("no_model", error.message, hint=error.hint)
    made = crystals_of(sound.table)
    whole = [crystal for crystal, fault in zip(made, sound.faults, strict=True) if fault != Fault.TOO_CLOSE]
    distinct = list({crystal.canonical_hash: crystal for crystal in whole}.values())
    if not distinct:
        return Outcome.failed(
            "all_broken",
            f"In all {len(made)} crystals atoms came too close.",
            hint="Ask for more, for another number of atoms or less guidance.",
        )
    energies = _energies(distinct, settings=deps.settings) if wishes.formula else [0.0] * len(distinct)
    order = sorted(range(len(distinct)), key=lambda place: energies[place])
    if args.rank >= len(order):
        return Outcome.failed(
            "no_such_rank", f"{len(order)} crystals are left.", hint=f"Give a rank of 0 to {len(order) - 1}."
        )
    lowest = energies[order[0]]
    rows: list[JsonValue] = [_row(distinct[place]) for place in order]
    if wishes.formula:
        rows = [
            {**_row(distinct[place]), "static_above_lowest_ev_per_atom": round(energies[place] - lowest, 4)}
            if np.isfinite(energies[place])
            else _row(distinct[place])
            for place in order
        ]
    return Outcome(
        crystal=distinct[order[args.rank]],
        facts={
            "made": len(made),
            "draws": sum(sound.tries),
            "broken": len(made) - len(whole),
            "alike": len(whole) - len(distinct),
            "ranking": rows,
            "conditions": dict(wishes.conditions),
        },
        method=Method(name="diffusion model of crystals", weights_hash=model.sha256),
        warnings=("not relaxed, and nothing is said of stability: relax it first",),
    )


def _wishes(args: GenerateArgs, card: ModelCard) -> CrystalWishes:
    conditions: dict[str, float] = {}
    for name, value in (("density", args.density_g_per_cm3), ("bulk_modulus", args.bulk_modulus_gpa)):
        if value is not None:
            conditions[condition_of(name, card)] = value
    common = CrystalWishes(
        atoms=args.atoms,
        space_group=args.space_group,
        conditions=conditions,
        motif=motif_called(args.motif) if args.motif else None,
    )
    if "," not in args.formula:
        if args.excluded:
            raise SpecError("A formula excludes nothing.", hint="Leave `excluded` out.")
        return replace(common, formula=args.formula)
    required, others = element_rules(args.formula.split(","))
    excluded, _ = element_rules(args.excluded)
    return replace(common, required=required, others=others, excluded=excluded)


def _energies(crystals: list[Crystal], *, settings: Settings) -> list[float]:
    """Static energies in eV/atom; infinite where the potential refuses a crystal."""
    from matsmith.models.potentials.interface import Refusal
    from matsmith.tools.potential import potential

    structures = [crystal.to_pymatgen() for crystal in crystals]
    answers = potential(settings).evaluate_each(structures, forces=False, stress=False)
    return [
        float("inf") if isinstance(answer, Refusal) else answer.energy_ev / len(structure)
        for answer, structure in zip(answers, structures, strict=True)
    ]


def _row(crystal: Crystal) -> dict[str, JsonValue]:
    return {
        "formula": crystal.formula,
        "atoms": len(crystal.species),
        "space_group": space_group_of(crystal),
        "density_g_per_cm3": round(density_of(crystal), 3),
    }


TOOL = run
