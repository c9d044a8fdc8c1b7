"""Supply of the elements in a composition: price, crustal abundance, concentration of production and reserves, toxicity."""

from __future__ import annotations

import math
from typing import Self

from pydantic import Field, JsonValue, model_validator

from matsmith.core.elements import parse_formula
from matsmith.core.errors import MatsmithError
from matsmith.core.quantity import Quantity, Truth
from matsmith.core.record import Method, Outcome
from matsmith.knowledge.elements import (
    ABUNDANT_IN_AIR,
    PRICE_SPREAD_FACTOR,
    facts,
    is_toxic,
    mass_fractions,
    price_usd_per_kg,
    source,
    supply_risk,
)
from matsmith.tools.base import Args, Deps, tool

# Yearly figures of production move the index by about this much between editions of the source's own tables.
_HHI_SIGMA = 200.0
# Estimates of the abundance of an element in the crust differ by about this factor (Rudnick and Gao 2014, Treatise on
# Geochemistry 4, against the CRC Handbook).
_ABUNDANCE_FACTOR = 1.5


class SupplyArgs(Args):
    """Whose composition."""

    structure: str | None = Field(
        default=None,
        min_length=1,
        description="a structure: id of a candidate, id of a record that holds one, or path of a CIF or POSCAR file",
        json_schema_extra={"x-reference": "structure"},
    )
    formula: str | None = Field(default=None, min_length=1, description="a formula, in place of a structure")

    @model_validator(mode="after")
    def _one(self) -> Self:
        if (self.structure is None) == (self.formula is None):
            raise ValueError("give either a structure or a formula")
        return self


@tool(
    name="supply",
    title="Supply and toxicity of the elements",
    measures=("price", "hhi_production", "hhi_reserves", "scarcest_abundance", "toxic_mass_fraction"),
    cost_s=0.002,
)
def run(args: SupplyArgs, *, deps: Deps) -> Outcome:
    """Price (USD/kg), Herfindahl-Hirschman index of production and of reserves, abundance of the scarcest element, toxic share.

    Indices are means by mass (Gaultois et al. 2013), as are prices; abundance is that of the scarcest element in the continental
    crust, elements of the air aside. Toxic is what is regulated as such in every compound. Quantities that one element lacks are
    left out and named in the warnings. Typed failure: bad_formula.

    Example: matsmith tool supply formula=LiCoO2
    """
    try:
        if args.structure is None:
            amounts = parse_formula(args.formula or "")
        else:
            amounts = {symbol: float(n) for symbol, n in deps.crystal(args.structure).amounts.items()}
        shares = mass_fractions(amounts)
    except MatsmithError as error:
        return Outcome.failed("bad_formula", error.message, hint=error.hint)
    known = {symbol: facts(symbol) for symbol in shares}
    quantities: dict[str, Quantity] = {}
    warnings: list[str] = []
    price = price_usd_per_kg(amounts)
    if (
        price.usd_per_kg is not None
        and price.low_usd_per_kg is not None
        and price.high_usd_per_kg is not None
    ):
        sigma = 0.5 * (price.high_usd_per_kg - price.low_usd_per_kg)
        quantities["price"] = _quantity(price.usd_per_kg, "USD/kg", sigma)
    else:
        warnings.append(f"no quoted price of {', '.join(price.unpriced)}")
    for name in ("hhi_production", "hhi_reserves"):
        values = {symbol: getattr(one, name) for symbol, one in known.items()}
        missing = [symbol for symbol, value in values.items() if value is None]
        if missing:
            warnings.append(f"no {name.replace('_', ' ')} of {', '.join(missing)}")
            continue
        mean = sum(shares[symbol] * float(value) for symbol, value in values.items() if value is not None)
        quantities[name] = _quantity(mean, "", _HHI_SIGMA)
    abundances = {s: one.crustal_abundance_mg_per_kg for s, one in known.items() if s not in ABUNDANT_IN_AIR}
    told = {symbol: value for symbol, value in abundances.items() if value is not None}
    scarcest = min(told, key=lambda symbol: told[symbol], default=None)
    if scarcest is not None and len(told) == len(abundances):
        value = told[scarcest]
        quantities["scarcest_abundance"] = _quantity(value, "mg/kg", value * math.log(_ABUNDANCE_FACTOR))
    elif len(told) < len(abundances):
        absent = ", ".join(symbol for symbol in abundances if symbol not in told)
        warnings.append(f"no crustal abundance of {absent}")
    toxic = {symbol for symbol in known if is_toxic(symbol)}
    quantities["toxic_mass_fraction"] = Quantity(
        value=sum(shares[symbol] for symbol in toxic), unit="", sigma=0.0, truth=Truth.EXACT
    )
    elements: dict[str, JsonValue] = {
        symbol: {
            "mass_fraction": round(shares[symbol], 4),
            "usd_per_kg": None if one.price is None else round(one.price.usd_per_kg, 3),
            "crustal_abundance_mg_per_kg": one.crustal_abundance_mg_per_kg,
            "hhi_production": one.hhi_production,
            "hhi_reserves": one.hhi_reserves,
            "supply_risk": supply_risk(symbol),
            "toxicity": f"{one.toxicity}: {one.toxicity_rule}" if one.toxicity_rule else one.toxicity,
            "radioactive": one.radioactive,
        }
        for symbol, one in known.items()
    }
    if any(one.radioactive for one in known.values()):
        warnings.append("radioactive: " + ", ".join(s for s, one in known.items() if one.radioactive))
    forms = [s for s, one in known.items() if one.toxicity == "form dependent"]
    if forms:
        warnings.append(f"toxic in some forms: {', '.join(forms)}")
    sources = {
        source(symbol, field)
        for symbol in known
        for field in ("price", "abundance", "hhi_production", "toxicity")
    }
    return Outcome(
        quantities=quantities,
        facts={
            "elements": elements,
            "scarcest": scarcest,
            "toxic": ", ".join(sorted(toxic)) or "none",
            "price_spread_factor": PRICE_SPREAD_FACTOR,
        },
        method=Method(
            name="means by mass of facts about the elements",
            reference="; ".join(sorted(text for text in sources if text is not None)),
        ),
        warnings=tuple(warnings),
    )


def _quantity(value: float, unit: str, sigma: float) -> Quantity:
    return Quantity(value=value, unit=unit, sigma=sigma, truth=Truth.EXPERIMENT_300K)


TOOL = run
