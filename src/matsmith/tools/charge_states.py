"""The states of charge of a host whose voltage is wanted: which ion leaves, how many of them may, and how those left arrange themselves."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pydantic import Field

from matsmith.core.crystal import Crystal
from matsmith.core.record import Outcome
from matsmith.knowledge.redox import ION_CHARGES, mean_charges, removable
from matsmith.tools.base import Args, Deps, StructureRef
from matsmith.tools.mobile_ion import mobile_ion

if TYPE_CHECKING:
    from pymatgen.core import Structure

    from matsmith.models.relaxation import RelaxationFailure, Relaxed


class VoltageArgs(Args):
    """The discharged host, which of its ions moves, and how far it is charged."""

    structure: StructureRef
    ion: str | None = Field(
        default=None,
        description="the mobile ion; without it the alkali of the structure, else Mg, Ca, Zn, Al or Y",
    )
    remaining: tuple[float, ...] = Field(
        default=(),
        max_length=8,
        description="shares of the ions left in the charged states, such as [0, 0.5]; without it, as few as the redox "
        "elements allow",
    )
    charged: StructureRef | None = Field(
        default=None,
        description="the charged host, when it is known and not the same frame",
        json_schema_extra={"x-reference": "structure"},
    )
    orderings: int = Field(
        default=3,
        ge=1,
        le=30,
        description="arrangements of the ions left, by electrostatic energy, that are relaxed",
    )


@dataclass(kw_only=True)
class ChargeJob:
    """One host: its states to relax, with the ions each keeps per host formula as given, and what came out."""

    args: VoltageArgs
    ion: str
    given: Crystal
    limit: float | None
    states: list[tuple[float, Structure]]
    warnings: list[str]
    results: dict[int, Relaxed | RelaxationFailure] = field(
        default_factory=dict[int, "Relaxed | RelaxationFailure"]
    )


def charge_job(args: VoltageArgs, *, deps: Deps) -> ChargeJob | Outcome:
    """The states to relax, or why there are none."""
    given = deps.crystal(args.structure)
    ion = args.ion or mobile_ion(given.elements)
    if ion is None or ion not in given.elements or ion not in ION_CHARGES:
        return Outcome.failed(
            "no_ion",
            f"{given.formula} holds no {ion or 'ion that a battery shuttles'}."
            if ion is None or ion in ION_CHARGES
            else f"{ion} is no ion that a battery shuttles.",
            hint=f"Give the discharged host with one of {', '.join(ION_CHARGES)} in it.",
        )
    if len(given.elements) == 1:
        return Outcome.failed(
            "no_host", f"{given.formula} is the metal itself.", hint="Give a host with the ions in it."
        )
    if args.charged is not None:
        return _with_given_charged(args, given, ion, deps.crystal(args.charged))
    amounts = {symbol: float(n) for symbol, n in given.amounts.items()}
    limit = removable(amounts, ion=ion)
    total = given.amounts[ion]
    warnings: list[str] = []
    if limit is not None and limit < 1.0 - 1e-6 and not args.remaining:
        return Outcome.failed(
            "no_redox",
            f"No element of {given.formula} gives up an electron when {ion} leaves: every one is at the highest oxidation "
            "state that cathodes reach.",
            hint="Charge taken from oxygen is outside this method. To compute it all the same, give `remaining`; whether "
            "it withstands a voltage as an electrolyte is told by electrochemical_window.",
        )
    if limit is None:
        warnings.append(
            "oxidation states cannot tell how many ions may leave: taken as a host that all of them leave"
        )
    left = {_count(share, total) for share in args.remaining} or {math.ceil(total - (limit or total) - 1e-6)}
    if not all(0 <= count < total for count in left):
        return Outcome.failed(
            "no_charge",
            f"Of {total} {ion} in the cell none leaves at the shares {list(args.remaining)}.",
            hint="Give shares below 1 that the cell can show; a supercell shows finer ones.",
        )
    if limit is not None and total - min(left) > limit + 1e-6:
        warnings.append(
            f"beyond {limit / total:.0%} of the {ion} the charge comes from oxygen or another anion, or an unusual oxidation "
            "state: the potential does not know such states"
        )
    structure = given.to_pymatgen()
    states: list[tuple[float, Structure]] = [(float(total), structure)]
    for count in sorted(left, reverse=True):
        states += [
            (float(count), each)
            for each in _charged(structure, ion, count, most=args.orderings, seed=deps.seed)
        ]
    return ChargeJob(args=args, ion=ion, given=given, limit=limit, states=states, warnings=warnings)


def _count(share: float, total: int) -> int:
    return round(share * total) if 0 <= share <= 1 else -1


def _with_given_charged(args: VoltageArgs, given: Crystal, ion: str, charged: Crystal) -> ChargeJob | Outcome:
    """Both ends are given: their hosts must be the same formula."""
    here = {symbol: n for symbol, n in given.amounts.items() if symbol != ion}
    there = {symbol: n for symbol, n in charged.amounts.items() if symbol != ion}
    ratios = {symbol: there.get(symbol, 0) / n for symbol, n in here.items()}
    scale = next(iter(ratios.values()), 0.0)
    left = charged.amounts.get(ion, 0) / scale if scale else math.inf
    if (
        here.keys() != there.keys()
        or max(ratios.values()) - min(ratios.values()) > 1e-9
        or left >= given.amounts[ion]
    ):
        return Outcome.failed(
            "not_the_same_host",
            f"{charged.formula} is not {given.formula} with less {ion}.",
            hint="Give the same host with fewer ions as `charged`.",
        )
    states = [(float(given.amounts[ion]), given.to_pymatgen()), (left, charged.to_pymatgen())]
    return ChargeJob(args=args, ion=ion, given=given, limit=None, states=states, warnings=[])


def _charged(structure: Structure, ion: str, count: int, *, most: int, seed: int) -> list[Structure]:
    """The host with `count` ions left, in the arrangements of lowest electrostatic energy."""
    from matsmith.models.site_orderings import Sublattice, orderings

    if count == 0:
        bare = structure.copy()
        bare.remove_species([ion])
        return [bare]
    sites = tuple(k for k, site in enumerate(structure) if str(site.specie.symbol) == ion)
    amounts: dict[str, float] = {str(k): float(v) for k, v in structure.composition.as_dict().items()}
    charges = mean_charges({**amounts, ion: float(count)}) or {ion: float(ION_CHARGES[ion])}
    found = orderings(
        structure, [Sublattice(sites=sites, counts={ion: count})], charges=charges, most=most, seed=seed
    )
    return [each.structure for each in found.found]
