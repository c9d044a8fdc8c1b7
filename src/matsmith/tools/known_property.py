"""What the tables at hand already hold for a formula: computed moduli, gaps and refractive indices, measured gaps."""

from __future__ import annotations

import math

from pydantic import Field

from matsmith.core.quantity import Quantity, Truth
from matsmith.core.record import Method, Outcome
from matsmith.core.settings import Settings
from matsmith.knowledge.calibration import calibration
from matsmith.knowledge.references import known_tables
from matsmith.tools.base import Args, Deps, StructureRef, tool
from matsmith.tools.reference_identity import tables_identity

# One-sigma error of a row against the truth it is quoted for, relative or absolute. The moduli's were measured here
# against crystals whose modulus is known (knowledge/calibration.json); repeated measurements of a gap differ by 0.1 eV
# (Zhuo et al. 2018, J. Phys. Chem. Lett. 9, 1668); the computed gap and index are their own truth up to convergence.
_ABSOLUTE_SIGMA = {"measured_band_gap": 0.1, "computed_band_gap": 0.05, "refractive_index": 0.05}
_PROPERTIES = ("bulk_modulus", "shear_modulus", "measured_band_gap", "computed_band_gap", "refractive_index")
_TRUTH = {"measured_band_gap": Truth.EXPERIMENT_300K, "bulk_modulus": Truth.EXPERIMENT_300K}


_POLYMORPH_UNTOLD = "the table does not say which structure of the formula its value belongs to"


class KnownPropertyArgs(Args):
    """Whose formula."""

    structure: StructureRef
    structure_known: bool = Field(
        default=False, description="whether the structure was recognised as a known crystal of its formula"
    )


def _missing(settings: Settings) -> str | None:
    tables = known_tables(settings.data_dir, cache_dir=settings.cache_dir)
    if any(tables.has(name) for name in ("mp_log10_bulk_modulus", "expt_band_gap", "mp_band_gap")):
        return None
    return "the tables are not here: `matsmith data get` downloads them, or set MATSMITH_DATA."


def _sigma(property_name: str, *, value: float, spread: float) -> float:
    # A row belongs to a formula: which polymorph it is, is not told. Several rows show by their spread what that means.
    if property_name in ("bulk_modulus", "shear_modulus"):
        own = calibration("table_bulk_modulus").relative_sigma * value
    else:
        own = _ABSOLUTE_SIGMA[property_name]
    return math.hypot(own, spread / 2.0)


@tool(
    name="known_property",
    version="2",
    title="Tables of known values",
    measures=_PROPERTIES,
    cost_s=0.001,
    identity=tables_identity,
    missing=_missing,
)
def run(args: KnownPropertyArgs, *, deps: Deps) -> Outcome:
    """Values that tables hold for this formula, with the table, its date and its citation.

    Sigma includes the spread over the formula's polymorphs. Typed failure `not_listed` when no table has the formula.
    """
    formula = deps.crystal(args.structure).formula
    tables = known_tables(deps.settings.data_dir, cache_dir=deps.settings.cache_dir)
    quantities: dict[str, Quantity] = {}
    labels: dict[str, str] = {}
    citations: set[str] = set()
    for name in _PROPERTIES:
        known = tables.lookup(name, formula)
        if known is None:
            continue
        # The computed bulk moduli lie below measured ones by a factor that was fitted; the others are stated as they stand.
        factor = calibration("table_bulk_modulus").factor if name == "bulk_modulus" else 1.0
        value = factor * known.value
        sigma = _sigma(name, value=value, spread=factor * known.spread)
        quantities[name] = Quantity(
            value=value, unit=known.unit, sigma=sigma, truth=_TRUTH.get(name, Truth.DFT_0K)
        )
        labels[name] = f"{known.label}, {known.rows} row{'s' if known.rows > 1 else ''}"
        citations.add(known.citation)
    if not quantities:
        return Outcome.failed("not_listed", f"No table at hand holds {formula}.")
    return Outcome(
        quantities=quantities,
        facts={
            "sources": dict(labels),
            "inconclusive": {} if args.structure_known else dict.fromkeys(quantities, _POLYMORPH_UNTOLD),
        },
        method=Method(
            name="lookup by reduced formula; the polymorph is not told apart",
            reference="; ".join(sorted(citations)),
        ),
    )


TOOL = run
