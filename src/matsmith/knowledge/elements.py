"""Facts about the elements: price, crustal abundance, concentration of supply, toxicity, each with its source.

Abundances (mg per kg of the continental crust) are those of the CRC Handbook of Chemistry and Physics, read from the
installed `smact` table, except four entries that differ from the handbook there (S, Nb, Lu, Ru) and are corrected in
`elements.json`. Herfindahl-Hirschman indices of production and reserves are those of Gaultois et al. 2013, read from
the installed `pymatgen`. Prices and the toxicity rules stand in `elements.json`. What is not known is None.
"""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib import resources
from pathlib import Path
from typing import Any, Literal, cast

from matsmith.core.errors import DataError, SpecError

Toxicity = Literal["none listed", "form dependent", "toxic"]
SupplyRisk = Literal["low", "moderate", "high"]
Field = Literal["price", "abundance", "hhi_production", "hhi_reserves", "toxicity", "radioactive"]

EARTH_ABUNDANT_MG_PER_KG = 50.0
"""Copper (60 mg/kg) is the scarcest element that is commonly still called earth-abundant (as in Cu2ZnSnS4
absorbers, where tin is the one that is not); the next scarcer ones, Nd, La, Y, Co, Sc and Li, are critical raw materials."""
ABUNDANT_IN_AIR = frozenset({"N", "O", "Ar"})
"""More than 0.5 % of dry air: their crustal abundance says nothing about their supply."""
CHEAP_USD_PER_KG = 20.0
"""Above the base metals of bulk alloys (Ni 14, Sn 19), below the first ones that designers replace for cost (Co 33)."""
PRICE_SPREAD_FACTOR = 2.0
"""By convention a quoted price is taken to be uncertain by this factor either way: spot prices of traded metals
commonly double or halve within a decade, and purity moves them as much."""
HHI_LOW, HHI_HIGH = 1500.0, 2500.0
"""Markets below are unconcentrated, above highly concentrated (US Department of Justice and FTC, Horizontal Merger
Guidelines 2010), the limits that Gaultois et al. 2013 use."""

_CRC = "CRC Handbook of Chemistry and Physics, section 14, 'Abundance of Elements in the Earth's Crust and in the Sea'"
_HHI = "Gaultois et al. 2013, Chem. Mater. 25, 2911, doi:10.1021/cm400893e (table of pymatgen.analysis.hhi)"
_SYMBOL_TEXT = """
H He Li Be B C N O F Ne Na Mg Al Si P S Cl Ar K Ca Sc Ti V Cr Mn Fe Co Ni Cu Zn Ga Ge As Se Br Kr Rb Sr Y Zr
Nb Mo Tc Ru Rh Pd Ag Cd In Sn Sb Te I Xe Cs Ba La Ce Pr Nd Pm Sm Eu Gd Tb Dy Ho Er Tm Yb Lu Hf Ta W Re Os Ir
Pt Au Hg Tl Pb Bi Po At Rn Fr Ra Ac Th Pa U Np Pu Am Cm Bk Cf Es Fm Md No Lr
"""
_SYMBOLS = tuple(_SYMBOL_TEXT.split())


@dataclass(frozen=True, kw_only=True)
class Price:
    """What a kilogram of the element costs, as quoted: lower and upper quote, year, and the form that was priced."""

    low_usd_per_kg: float
    high_usd_per_kg: float
    year: int
    basis: str
    source: str

    @property
    def usd_per_kg(self) -> float:
        """Middle of the quoted range."""
        return 0.5 * (self.low_usd_per_kg + self.high_usd_per_kg)


@dataclass(frozen=True, kw_only=True)
class ElementFacts:
    """Facts about one element; None where none of the named sources gives a value."""

    symbol: str
    atomic_number: int
    atomic_mass_g_per_mol: float
    price: Price | None
    crustal_abundance_mg_per_kg: float | None
    hhi_production: float | None
    hhi_reserves: float | None
    toxicity: Toxicity
    toxicity_rule: str
    radioactive: bool


@dataclass(frozen=True, kw_only=True)
class PriceEstimate:
    """Raw-material price of a composition in USD per kg; None when an element in `unpriced` has no quote.

    `low` and `high` include `PRICE_SPREAD_FACTOR`. The price of making the compound is not in it.
    """

    usd_per_kg: float | None
    low_usd_per_kg: float | None
    high_usd_per_kg: float | None
    unpriced: tuple[str, ...]
    oldest_year: int | None


def symbols() -> tuple[str, ...]:
    """Every element of the table, by atomic number, hydrogen to lawrencium."""
    return _SYMBOLS


def facts(symbol: str) -> ElementFacts:
    """The facts of one element; SpecError when there is no such element.

    >>> facts("Si").crustal_abundance_mg_per_kg
    282000.0
    """
    found = _table().get(symbol)
    if found is None:
        raise SpecError(f"There is no element {symbol!r}.", hint="Use a symbol such as 'Fe' (H to Lr).")
    return found


def source(symbol: str, field: Field) -> str | None:
    """Where a field of an element comes from; None when the field itself is unknown.

    >>> source("Cd", "toxicity").split(",")[0]
    'Directive 2011/65/EU (RoHS)'
    """
    known = facts(symbol)
    data = _data()
    if field == "price":
        return known.price.source if known.price else None
    if field == "abundance":
        if known.crustal_abundance_mg_per_kg is None:
            return None
        corrected = symbol in data["abundance_corrections"]["mg_per_kg"]
        return _CRC if corrected else f"{_CRC}, as tabulated by smact"
    if field == "hhi_production":
        return _HHI if known.hhi_production is not None else None
    if field == "hhi_reserves":
        return _HHI if known.hhi_reserves is not None else None
    titles: dict[str, str] = data["toxicity_sources"]
    if field == "radioactive":
        return titles["decay"]
    entry = data["toxicity"].get(symbol)
    keys: list[str] = entry["sources"] if entry else ["rohs", "iarc", "clp", "reach"]
    return "; ".join(titles[key] for key in keys)


def is_earth_abundant(symbol: str) -> bool:
    """Whether the crust holds at least `EARTH_ABUNDANT_MG_PER_KG`, or the air more than 0.5 %.

    An element of unknown abundance is not earth-abundant: those are all radioactive.
    """
    abundance = facts(symbol).crustal_abundance_mg_per_kg
    return symbol in ABUNDANT_IN_AIR or (abundance is not None and abundance >= EARTH_ABUNDANT_MG_PER_KG)


def is_toxic(symbol: str, *, include_form_dependent: bool = False) -> bool:
    """Whether the element and its compounds are regulated as toxic, or it is radioactive.

    Form-dependent elements (Cr only when hexavalent, Sb when trivalent, V as V2O5 ...) count only on request. Dust
    hazards of a form (quartz dust, fibres) are no property of the element and are not covered.
    """
    known = facts(symbol)
    if known.toxicity == "form dependent":
        return include_form_dependent
    return known.toxicity == "toxic"


def is_cheap(symbol: str) -> bool | None:
    """Whether a kilogram costs at most `CHEAP_USD_PER_KG`; None when no price is known."""
    price = facts(symbol).price
    return None if price is None else price.usd_per_kg <= CHEAP_USD_PER_KG


def supply_risk(symbol: str) -> SupplyRisk | None:
    """Concentration of production by country, by the limits `HHI_LOW` and `HHI_HIGH`; None when unknown."""
    index = facts(symbol).hhi_production
    if index is None:
        return None
    if index < HHI_LOW:
        return "low"
    return "moderate" if index <= HHI_HIGH else "high"


def mass_fractions(composition: Mapping[str, float]) -> dict[str, float]:
    """Fractions by mass from amounts in atoms; SpecError when an amount is not positive or there is none."""
    if not composition:
        raise SpecError(
            "The composition is empty.", hint="Give at least one element, such as {'Mg': 1, 'O': 1}."
        )
    masses: dict[str, float] = {}
    for symbol, amount in composition.items():
        if not 0.0 < amount < float("inf"):
            raise SpecError(
                f"The amount of {symbol} is {amount!r}.", hint="Amounts are positive numbers of atoms."
            )
        masses[symbol] = amount * facts(symbol).atomic_mass_g_per_mol
    total = sum(masses.values())
    return {symbol: mass / total for symbol, mass in masses.items()}


def price_usd_per_kg(composition: Mapping[str, float]) -> PriceEstimate:
    """Price of the elements in a kilogram of a composition given in atoms: sum of mass fraction times price.

    >>> price_usd_per_kg({"Fe": 2, "O": 3}).usd_per_kg < 1.0
    True
    """
    fractions = mass_fractions(composition)
    prices = {symbol: facts(symbol).price for symbol in fractions}
    unpriced = tuple(sorted(symbol for symbol, price in prices.items() if price is None))
    priced = {symbol: price for symbol, price in prices.items() if price is not None}
    oldest = min((price.year for price in priced.values()), default=None)
    if unpriced:
        return PriceEstimate(
            usd_per_kg=None, low_usd_per_kg=None, high_usd_per_kg=None, unpriced=unpriced, oldest_year=oldest
        )
    return PriceEstimate(
        usd_per_kg=sum(fractions[s] * p.usd_per_kg for s, p in priced.items()),
        low_usd_per_kg=sum(fractions[s] * p.low_usd_per_kg for s, p in priced.items()) / PRICE_SPREAD_FACTOR,
        high_usd_per_kg=sum(fractions[s] * p.high_usd_per_kg for s, p in priced.items())
        * PRICE_SPREAD_FACTOR,
        unpriced=(),
        oldest_year=oldest,
    )


@lru_cache(maxsize=1)
def _data() -> dict[str, Any]:
    text = resources.files("matsmith.knowledge").joinpath("elements.json").read_text(encoding="utf-8")
    return cast("dict[str, Any]", json.loads(text))


def _installed_text(package: str, name: str) -> str:
    """A data file of an installed package, found without importing the package (which costs seconds)."""
    spec = importlib.util.find_spec(package)
    for folder in (spec.submodule_search_locations or []) if spec else []:
        path = Path(folder) / name
        if path.is_file():
            return path.read_text(encoding="utf-8")
    raise DataError(f"The table {name} of the package {package} is missing.", hint="Reinstall matsmith.")


def _smact_rows() -> dict[str, tuple[float, float | None]]:
    """Symbol -> (atomic mass in g/mol, crustal abundance in mg/kg or None), from smact's `element_data.txt`."""
    rows: dict[str, tuple[float, float | None]] = {}
    for line in _installed_text("smact", "data/element_data.txt").splitlines():
        parts = line.split()
        if len(parts) >= 9 and not line.startswith("#"):
            rows[parts[0]] = (float(parts[3]), None if parts[8] == "None" else float(parts[8]))
    return rows


def _hhi_rows() -> dict[str, tuple[float, float]]:
    """Symbol -> (production, reserves), from pymatgen's `hhi_data.csv`."""
    rows: dict[str, tuple[float, float]] = {}
    for line in _installed_text("pymatgen.analysis", "hhi_data.csv").splitlines():
        if line.strip() and not line.startswith("#"):
            symbol, production, reserves = line.split(",")
            rows[symbol] = (float(production), float(reserves))
    return rows


@lru_cache(maxsize=1)
def _table() -> dict[str, ElementFacts]:
    data, masses, hhi = _data(), _smact_rows(), _hhi_rows()
    corrections: dict[str, float] = data["abundance_corrections"]["mg_per_kg"]
    table: dict[str, ElementFacts] = {}
    for number, symbol in enumerate(_SYMBOLS, start=1):
        if symbol not in masses:
            raise DataError(
                f"smact's element table has no row for {symbol}.", hint="Install the pinned smact."
            )
        mass, abundance = masses[symbol]
        production, reserves = hhi.get(symbol, (None, None))
        toxic: dict[str, Any] = data["toxicity"].get(
            symbol, {"class": "none listed", "rule": "", "sources": []}
        )
        quote: dict[str, Any] | None = data["prices_usd_per_kg"].get(symbol)
        table[symbol] = ElementFacts(
            symbol=symbol,
            atomic_number=number,
            atomic_mass_g_per_mol=mass,
            price=None
            if quote is None
            else Price(
                low_usd_per_kg=quote["low"],
                high_usd_per_kg=quote["high"],
                year=quote["year"],
                basis=quote["basis"],
                source=data["price_sources"][quote["source"]],
            ),
            crustal_abundance_mg_per_kg=corrections.get(symbol, abundance),
            hhi_production=production,
            hhi_reserves=reserves,
            toxicity=cast("Toxicity", toxic["class"]),
            toxicity_rule=toxic["rule"],
            radioactive="decay" in toxic["sources"],
        )
    return table
