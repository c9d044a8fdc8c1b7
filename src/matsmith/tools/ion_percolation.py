"""Migration network of an ion and the barriers at which it leads through the crystal, by bond valence: a look before any band.

The site energy of an ion in the frame that stands still follows from the bond valences it would have (S. Adams and R. P. Rao, in
Bond Valences, Springer 2014), and the barrier is the height at which the regions below it join through the cell (bvlain: A. A.
Golov and J. Carrasco). The frame does not relax and ions do not see each other, so the numbers order paths and crystals and
decide nothing.
"""

from __future__ import annotations

import contextlib
import io
import math
import warnings
from functools import lru_cache
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from pydantic import Field, JsonValue

from matsmith.core.quantity import Quantity, Truth
from matsmith.core.record import Method, Outcome
from matsmith.core.settings import Settings
from matsmith.knowledge.redox import mean_charges
from matsmith.tools.base import Args, Deps, StructureRef, tool
from matsmith.tools.mobile_ion import ion_of

if TYPE_CHECKING:
    from pymatgen.core import Structure

_CUT_EV = 8.0
_GRID_ANGSTROM = 0.2
_REACH_ANGSTROM = 10.0
# Assumed: bond-valence barriers lie mostly within a factor of two of those by density-functional theory.
_RELATIVE_SIGMA, _ABSOLUTE_SIGMA_EV = 0.5, 0.2
_MOST_ATOMS = 400


class PercolationArgs(Args):
    """Of which ion in which crystal."""

    structure: StructureRef
    ion: str | None = Field(
        default=None, description="the element that moves; without it the structure's mobile ion"
    )


def _missing(settings: Settings) -> str | None:
    del settings
    return (
        None
        if find_spec("bvlain") is not None
        else 'bvlain is not installed: `pip install "matsmith[percolation]"`.'
    )


@lru_cache(maxsize=1)
def _version() -> str:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("bvlain")
    except PackageNotFoundError:
        return "none"


def _identity(settings: Settings) -> str:
    del settings
    return f"bvlain {_version()}"


@tool(
    name="ion_percolation",
    title="Percolation of an ion by bond valence",
    cost_s=3.0,
    needs_worker=True,
    identity=_identity,
    missing=_missing,
)
def run(args: PercolationArgs, *, deps: Deps) -> Outcome:
    """Barriers (eV) at which an ion's network leads through the crystal in one, two and three directions, by bond valence.

    The structure is taken as it stands. Quantity `bond_valence_barrier`: the lowest of them. Facts: all three; a direction that
    is missing is closed. For a barrier to decide on, use migration_barrier. Typed failures: no_ion, no_oxidation_states,
    no_parameters, closed, too_large.
    """
    crystal = deps.crystal(args.structure)
    ion = ion_of(crystal.elements, formula=crystal.formula, named=args.ion, own_atoms=False)
    if isinstance(ion, Outcome):
        return ion
    if len(crystal.species) > _MOST_ATOMS:
        return Outcome.failed(
            "too_large", f"{len(crystal.species)} atoms are too many.", hint="Give a smaller cell."
        )
    structure = crystal.to_pymatgen().get_primitive_structure()
    charges = _whole_charges(structure, amounts={s: float(n) for s, n in crystal.amounts.items()})
    if charges is None:
        return Outcome.failed(
            "no_oxidation_states",
            f"No whole oxidation states fit {crystal.formula}.",
            hint="Bond valence needs them: use migration_barrier.",
        )
    levels = _barriers(structure, ion, charges)
    if levels is None:
        return Outcome.failed(
            "no_parameters",
            f"There are no bond-valence parameters for {ion} in {crystal.formula}.",
            hint="Use migration_barrier.",
        )
    if not levels:
        return Outcome.failed(
            "closed",
            f"Below {_CUT_EV:g} eV no path of {ion} leads through {crystal.formula}.",
            hint="The ion does not move in the frame as it stands; migration_barrier lets the frame relax.",
        )
    lowest = min(levels.values())
    listed: dict[str, JsonValue] = {str(count): round(level, 3) for count, level in levels.items()}
    return Outcome(
        quantities={
            "bond_valence_barrier": Quantity(
                value=lowest,
                unit="eV",
                sigma=math.hypot(_RELATIVE_SIGMA * lowest, _ABSOLUTE_SIGMA_EV),
                truth=Truth.DFT_0K,
            )
        },
        facts={
            "ion": ion,
            "barrier_by_directions_ev": listed,
            "directions": max(levels),
            "grid_angstrom": _GRID_ANGSTROM,
            "sigma_is": "assumed, not measured here",
        },
        method=Method(
            name="bond-valence site energy", model=f"bvlain {_version()}", reference="softBV parameters"
        ),
        warnings=(
            "the frame stands still and ions do not see each other: an order of paths, not a barrier to decide on",
        ),
    )


def _whole_charges(structure: Structure, *, amounts: dict[str, float]) -> list[int] | None:
    """Oxidation state of each site: by its bonds, or by the formula where that leaves no fraction."""
    from pymatgen.analysis.bond_valence import BVAnalyzer

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            valences: Any = BVAnalyzer().get_valences(structure)
            return [round(float(valence)) for valence in valences]
        except ValueError:  # it finds none
            found = mean_charges(amounts)
    if found is None or any(abs(charge - round(charge)) > 1e-6 for charge in found.values()):
        return None
    return [round(found[str(site.specie.symbol)]) for site in structure]


def _barriers(structure: Structure, ion: str, charges: list[int]) -> dict[int, float] | None:
    """Barriers by number of directions; None without parameters. What the library prints is held back."""
    from bvlain import Lain  # pyright: ignore[reportMissingTypeStubs, reportUnknownVariableType]

    decorated = structure.copy()
    decorated.add_oxidation_state_by_site([float(charge) for charge in charges])
    own = {charge for site, charge in zip(structure, charges, strict=True) if str(site.specie.symbol) == ion}
    if len(own) != 1:
        return None
    charge = own.pop()
    library: Any = Lain(verbose=False)
    with contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        library.read_structure(decorated, oxi_check=False)
        try:
            library.bvse_distribution(
                mobile_ion=f"{ion}{abs(charge)}{'+' if charge > 0 else '-'}",
                r_cut=_REACH_ANGSTROM,
                resolution=_GRID_ANGSTROM,
            )
        except KeyError:
            return None
        found: dict[str, Any] = library.percolation_barriers(encut=_CUT_EV)
    levels = {count: float(found[f"E_{count}D"]) for count in (1, 2, 3)}
    return {count: level for count, level in levels.items() if math.isfinite(level)}


TOOL = run
