"""What is wished of generated crystals, in a user's words, made into requests to the diffusion model."""

from __future__ import annotations

import difflib
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import reduce
from math import gcd
from pathlib import Path
from typing import TYPE_CHECKING

from matsmith.core.crystal import Crystal
from matsmith.core.elements import SYMBOLS, check_elements, parse_formula
from matsmith.core.errors import SpecError
from matsmith.core.space_group import CRYSTAL_SYSTEMS, LAST_GROUP, crystal_system, system_number

if TYPE_CHECKING:
    import numpy as np

    from matsmith.models.diffusion.motifs import Motif, Seed, Slab
    from matsmith.models.diffusion.requests import CrystalRequest
    from matsmith.models.diffusion.steering import Steering
    from matsmith.models.diffusion.weights import ModelCard

_TYPICAL_SPREADS = 3.0
_STEP = 0.1
_STRONGEST = 50.0
_GROUP_SIZES = 2


@dataclass(frozen=True, kw_only=True)
class CrystalWishes:
    """Symbols and numbers as people give them.

    `required` must all be there; without `others` nothing but `required` and `allowed` may. `conditions` goes by the model's names (see
    `condition_of`). Crystals of a `formula` have `atoms` atoms, or as many formula units as training had cells of that size; in a
    space group the fewest or second fewest that it holds.
    """

    formula: str = ""
    required: tuple[str, ...] = ()
    allowed: tuple[str, ...] = ()
    excluded: tuple[str, ...] = ()
    others: bool = True
    atoms: int = 0
    space_group: int = 0
    conditions: Mapping[str, float] = field(default_factory=dict[str, float])
    motif: Motif | None = None
    slab: Slab | None = None
    seed: Seed | None = None


def element_rules(words: Sequence[str]) -> tuple[tuple[str, ...], bool]:
    """Read a list of elements, with + among them where others may come too.

    >>> element_rules(["Li", "O", "+"])
    (('Li', 'O'), True)
    """
    named = [word.strip() for word in words if word.strip()]
    return tuple(check_elements(word for word in named if word != "+")), "+" in named


def condition_of(name: str, card: ModelCard) -> str:
    """The model's name of a condition, given with its unit or without. Raises `SpecError` where the model has none such.

    `density` stands for `density_g_cm3`.
    """
    names = sorted({*card.network.scalars, *(known for known, _ in card.network.categories)})
    if name in names:
        return name
    found = [known for known in names if known.startswith(f"{name}_")]
    if len(found) == 1:
        return found[0]
    near = difflib.get_close_matches(name, names, n=1)
    raise SpecError(
        f"This model knows no condition {name!r}.",
        hint=(f"Did you mean {near[0]}? " if near else "")
        + f"It knows {', '.join(names) or 'none'}; others can be steered by, or learned with `matsmith train adapter`.",
    )


def condition_value(name: str, text: str) -> float:
    """Read a condition's value: a number, or the name of a crystal system. Raises `SpecError` for anything else."""
    if name == "crystal_system" and text.lower() in CRYSTAL_SYSTEMS:
        return float(system_number(text.lower()))
    try:
        return float(text)
    except ValueError as error:
        known = (
            f"one of {', '.join(CRYSTAL_SYSTEMS)}" if name == "crystal_system" else "a number, such as 5.2"
        )
        raise SpecError(f"{name} cannot be {text!r}.", hint=f"Give {known}.") from error


def unusual_conditions(wishes: CrystalWishes, card: ModelCard) -> list[str]:
    """A sentence for every condition that lies far from what the model was trained on: it will not be followed as asked."""
    told: list[str] = []
    for name, mean, spread in zip(card.network.scalars, card.scalars.mean, card.scalars.spread, strict=True):
        value = wishes.conditions.get(name)
        if value is not None and abs(value - mean) > _TYPICAL_SPREADS * spread:
            told.append(
                f"{name} {value:g} is far from what the model was trained on ({mean:.3g} ± {spread:.2g})."
            )
    return told


def seed_of(
    crystal: Crystal,
    *,
    keep: Sequence[str] = (),
    strength: float = 0.4,
    keep_cell: bool = False,
    free: bool = False,
) -> Seed:
    """Make a seed of a crystal; `keep` names sites by their number from 1 or by their element. Raises `SpecError` for what it has not."""
    from matsmith.models.diffusion.motifs import Seed

    kept: set[int] = set()
    for word in keep:
        sites = [site for site, symbol in enumerate(crystal.species) if symbol == word]
        if word.isdigit() and 1 <= int(word) <= len(crystal.species):
            sites = [int(word) - 1]
        if not sites:
            raise SpecError(
                f"The seed structure {crystal.formula} has no site {word!r}.",
                hint=f"Name one of its elements ({', '.join(crystal.elements)}) or a site from 1 to {len(crystal.species)}.",
            )
        kept.update(sites)
    return Seed(
        numbers=tuple(SYMBOLS.index(symbol) + 1 for symbol in crystal.species),
        places=crystal.positions,
        lattice=crystal.lattice,
        strength=strength,
        keep=frozenset(kept),
        keep_lattice=keep_cell,
        free_species=free,
    )


def motif_called(name: str) -> Motif:
    """A motif by name, or that of a CIF or POSCAR of one flat layer. Raises `SpecError` for a name that is neither."""
    from matsmith.models.diffusion.motifs import MOTIFS, motif_of_structure

    if name.lower() in MOTIFS:
        return MOTIFS[name.lower()]
    path = Path(name)
    if not path.is_file():
        raise SpecError(
            f"There is no motif {name!r}.",
            hint=f"Take one of {', '.join(sorted(MOTIFS))}, or a CIF or POSCAR file of one flat layer.",
        )
    from matsmith.tools.structure_files import read_structure

    crystal = read_structure(path)
    return motif_of_structure(path.stem, lattice=crystal.lattice, places=crystal.positions)


def requests_of(
    wishes: CrystalWishes, card: ModelCard, *, count: int, random: np.random.Generator
) -> list[CrystalRequest]:
    """Make so many requests; equal ones are one object. Raises `SpecError` for wishes that no crystal of this model can meet."""
    from matsmith.models.diffusion.requests import CrystalRequest, check_request

    conditions = dict(wishes.conditions)
    if 0 < wishes.space_group <= LAST_GROUP and any(
        name == "crystal_system" for name, _ in card.network.categories
    ):
        conditions.setdefault("crystal_system", float(system_number(crystal_system(wishes.space_group))))
    if not wishes.formula:
        named = {*wishes.required, *wishes.allowed}
        request = CrystalRequest(
            atoms=wishes.atoms,
            allowed=_numbers(named) if named and not wishes.others else None,
            required=_numbers(wishes.required),
            excluded=_numbers(wishes.excluded),
            conditions=conditions,
            motif=wishes.motif,
            slab=wishes.slab,
            seed=wishes.seed,
            space_group=wishes.space_group,
        )
        check_request(request, card)
        return [request] * count
    if wishes.required or wishes.allowed or wishes.excluded:
        raise SpecError(
            "A formula is given together with element rules.", hint="The formula says the elements already."
        )
    made: dict[int, CrystalRequest] = {}
    problem: SpecError | None = None
    for units in _formula_units(wishes, card):
        request = CrystalRequest(
            numbers=_atoms(wishes.formula, units),
            conditions=conditions,
            motif=wishes.motif,
            slab=wishes.slab,
            seed=wishes.seed,
            space_group=wishes.space_group,
        )
        try:
            check_request(request, card)
        except SpecError as error:
            problem = problem or error
        else:
            made[units] = request
            if wishes.space_group and len(made) == _GROUP_SIZES:
                break  # the larger the cell, the likelier atoms drift onto a smaller one of another group
    if not made:
        raise problem or SpecError(f"{wishes.formula} cannot be made.", hint="Check the formula.")
    units = list(made)
    weights = [float(card.sizes.get(len(made[each].numbers), 0)) for each in units]
    total = sum(weights)
    chances = [weight / total for weight in weights] if total else [float(each == units[0]) for each in units]
    return [made[int(each)] for each in random.choice(units, size=count, p=chances)]


def _numbers(symbols: Sequence[str] | set[str]) -> frozenset[int]:
    return frozenset(SYMBOLS.index(symbol) + 1 for symbol in check_elements(sorted(symbols)))


def _reduced(formula: str) -> dict[str, int]:
    amounts = parse_formula(formula)
    whole = {symbol: round(amount) for symbol, amount in amounts.items()}
    if any(abs(amount - whole[symbol]) > 1e-6 for symbol, amount in amounts.items()):
        raise SpecError(
            f"{formula} has parts of atoms.", hint="Write it with whole numbers, such as Li2NiMnO4."
        )
    divisor = reduce(gcd, whole.values())
    return {symbol: amount // divisor for symbol, amount in whole.items()}


def _formula_units(wishes: CrystalWishes, card: ModelCard) -> list[int]:
    atoms = sum(_reduced(wishes.formula).values())
    most = card.network.max_atoms
    if wishes.atoms:
        if wishes.atoms % atoms:
            raise SpecError(
                f"{wishes.atoms} atoms are no whole number of formula units of {wishes.formula}, which has {atoms}.",
                hint=f"Ask for {atoms} or a multiple of it.",
            )
        return [wishes.atoms // atoms]
    # One that is too large stays, so that the refusal says how large it is.
    return list(range(1, max(most // atoms, 1) + 1))


def _atoms(formula: str, units: int) -> tuple[int, ...]:
    amounts = _reduced(formula).items()
    return tuple(SYMBOLS.index(symbol) + 1 for symbol, amount in amounts for _ in range(amount * units))


def steering_of(name: str, wanted: float | None, *, strength: float = 1.0) -> Steering:
    """Steer by the composition model of a property: towards a value, or as high as it goes with None.

    Weights are those of the predicted value being the wanted one with its own error; without a wanted value, of the logarithm of what is
    predicted in steps of a tenth.
    """
    from matsmith.models.diffusion.steering import Steering
    from matsmith.models.predictors.library import predict_formulas
    from matsmith.models.predictors.targets import predicted_property

    known = predicted_property(name).name

    def prefer(compositions: list[tuple[int, ...]]) -> list[float]:
        formulas = ["".join(SYMBOLS[number - 1] for number in sorted(atoms)) for atoms in compositions]
        found = [row[known] for row in predict_formulas([known], formulas)]
        if wanted is None:
            raw = [math.log(max(one.value, 1e-6)) / _STEP for one in found]
        else:
            raw = [
                -0.5 * ((one.value - wanted) / max(one.sigma, _STEP * abs(wanted), 1e-9)) ** 2
                for one in found
            ]
        return [strength * max(value, -_STRONGEST) for value in raw]

    return Steering(prefer)
