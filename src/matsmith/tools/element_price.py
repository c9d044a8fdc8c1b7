"""Price of the elements in a composition, by mass: a fact about raw materials, not the cost of making the crystal."""

from __future__ import annotations

from matsmith.core.quantity import Quantity, Truth
from matsmith.core.record import Method, Outcome
from matsmith.knowledge.elements import price_usd_per_kg
from matsmith.tools.base import Args, Deps, StructureRef, tool


class ElementPriceArgs(Args):
    """Whose composition."""

    structure: StructureRef


@tool(name="element_price", title="Price of the elements", measures=("price",), cost_s=0.001)
def run(args: ElementPriceArgs, *, deps: Deps) -> Outcome:
    """Price of the elements (USD/kg) by mass fraction; sigma is half of the quoted range.

    Typed failure `unpriced` when an element has no quote.
    """
    crystal = deps.crystal(args.structure)
    estimate = price_usd_per_kg({symbol: float(amount) for symbol, amount in crystal.amounts.items()})
    if estimate.usd_per_kg is None or estimate.low_usd_per_kg is None or estimate.high_usd_per_kg is None:
        return Outcome.failed("unpriced", f"There is no quoted price of {', '.join(estimate.unpriced)}.")
    sigma = 0.5 * (estimate.high_usd_per_kg - estimate.low_usd_per_kg)
    return Outcome(
        quantities={
            "price": Quantity(
                value=estimate.usd_per_kg, unit="USD/kg", sigma=sigma, truth=Truth.EXPERIMENT_300K
            )
        },
        facts={"oldest_quote": estimate.oldest_year},
        method=Method(
            name="element prices by mass fraction",
            reference="knowledge/elements.json, with the source of each",
        ),
    )


TOOL = run
