"""Young's modulus, hardness, Poisson and Pugh ratio of known compositions, from the tables of computed bulk and shear moduli.

For shear the tables are far better than the potential: their error against measured crystals is a tenth, not a quarter to a half
(knowledge/table_moduli.py). A row belongs to a formula, and which structure it had is not told.
"""

from __future__ import annotations

import math

from pydantic import Field

from matsmith.core.quantity import Quantity, Truth
from matsmith.core.record import Method, Outcome
from matsmith.core.settings import Settings
from matsmith.knowledge.references import known_tables
from matsmith.knowledge.table_moduli import table_moduli
from matsmith.models.elastic_averages import chen_hardness_gpa, poisson_ratio, youngs_modulus_gpa
from matsmith.tools.base import Args, Deps, StructureRef, tool
from matsmith.tools.reference_identity import tables_identity

_MEASURES = ("youngs_modulus", "hardness", "poisson_ratio", "pugh_ratio")
_UNITS = {"youngs_modulus": "GPa", "hardness": "GPa"}
_POLYMORPH_UNTOLD = "the tables do not say which structure of the formula their moduli belong to"


class KnownModuliArgs(Args):
    """Whose formula."""

    structure: StructureRef
    structure_known: bool = Field(
        default=False, description="whether the structure was recognised as a known crystal of its formula"
    )


def _missing(settings: Settings) -> str | None:
    tables = known_tables(settings.data_dir, cache_dir=settings.cache_dir)
    if all(tables.has(name) for name in ("mp_log10_bulk_modulus", "mp_log10_shear_modulus")):
        return None
    return "the tables of moduli are not here: `matsmith data get` downloads them, or set MATSMITH_DATA."


def _identity(settings: Settings) -> str:
    return f"{tables_identity(settings)}:{table_moduli().version}"


def _derived(bulk_gpa: float, shear_gpa: float) -> dict[str, float]:
    return {
        "youngs_modulus": youngs_modulus_gpa(bulk_gpa, shear_gpa),
        "hardness": chen_hardness_gpa(bulk_gpa, shear_gpa),
        "poisson_ratio": poisson_ratio(bulk_gpa, shear_gpa),
        "pugh_ratio": bulk_gpa / shear_gpa,
    }


@tool(
    name="known_moduli",
    title="Moduli and hardness from tables",
    measures=_MEASURES,
    cost_s=0.001,
    identity=_identity,
    missing=_missing,
)
def run(args: KnownModuliArgs, *, deps: Deps) -> Outcome:
    """Young's modulus, Chen's hardness (GPa), Poisson and Pugh ratio of a formula from tabulated bulk and shear moduli.

    Sigma is that against measured crystals, with the spread over the formula's polymorphs. Typed failures: `not_listed` when no
    table has the formula, `unphysical` for a tabulated modulus that no stable solid has.

    Example: matsmith tool known_moduli --args '{"structure": "TiC.cif"}'
    """
    formula = deps.crystal(args.structure).formula
    tables = known_tables(deps.settings.data_dir, cache_dir=deps.settings.cache_dir)
    bulk, shear = (tables.lookup(name, formula) for name in ("bulk_modulus", "shear_modulus"))
    if bulk is None or shear is None:
        return Outcome.failed(
            "not_listed",
            f"No table at hand holds both moduli of {formula}.",
            hint="elasticity computes them, with a larger error.",
        )
    if not (bulk.value > 0 and shear.value > 0):
        return Outcome.failed(
            "unphysical",
            f"The tables list a modulus of {formula} that is not positive.",
            hint="elasticity computes the moduli, with a larger error.",
        )
    known = table_moduli()
    k, g = known.bulk_factor * bulk.value, known.shear_factor * shear.value
    values = _derived(k, g)
    # Half the spread over the formula's rows, one modulus at a time, as far as it moves each property.
    moved = [
        _derived(k * (1 + min(bulk.spread / (2 * bulk.value), 0.9)), g),
        _derived(k, g * (1 + min(shear.spread / (2 * shear.value), 0.9))),
    ]
    quantities = {
        name: Quantity(
            value=value,
            unit=_UNITS.get(name, ""),
            sigma=math.hypot(known.errors[name].of(value), *(other[name] - value for other in moved)),
            truth=Truth.EXPERIMENT_300K,
        )
        for name, value in values.items()
    }
    return Outcome(
        quantities=quantities,
        facts={
            "tabulated_bulk_modulus_gpa": round(bulk.value, 2),
            "tabulated_shear_modulus_gpa": round(shear.value, 2),
            "rows": max(bulk.rows, shear.rows),
            "inconclusive": {} if args.structure_known else dict.fromkeys(quantities, _POLYMORPH_UNTOLD),
        },
        method=Method(
            name="isotropic averages of tabulated moduli; Chen's hardness; the polymorph is not told apart",
            reference=f"{bulk.citation}; {known.source}, version {known.version}",
        ),
    )


TOOL = run
