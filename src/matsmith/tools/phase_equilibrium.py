"""Equilibrium phases of an alloy from a thermodynamic database of the user (TDB), by pycalphad; solidus and liquidus on request.

The answer is as good as the database: its SHA-256 is part of the record's inputs.
"""

from __future__ import annotations

import hashlib
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, JsonValue

from matsmith.core.errors import SpecError
from matsmith.core.quantity import Quantity, Truth
from matsmith.core.record import Method, Outcome
from matsmith.core.settings import Settings
from matsmith.tools.base import Args, Deps, tool
from matsmith.tools.lammps.alloys import Alloy, read_alloy

_LARGEST_BYTES = 20_000_000
_ATMOSPHERE_PA = 101325.0
_LEAST_FRACTION = 1e-6
_STEP_K, _HALVINGS = 50.0, 8
_LIQUID = ("LIQUID", "LIQ", "LIQUID_PHASE", "IONIC_LIQ", "IONIC_LIQUID")

TdbRef = Annotated[
    str,
    Field(
        min_length=1,
        description="path of a thermodynamic database (TDB)",
        json_schema_extra={"x-reference": "file"},
    ),
]


class PhaseEquilibriumArgs(Args):
    """Which alloy, by which database, at which temperature."""

    file: TdbRef
    formula: str = Field(min_length=1, max_length=120, description="the alloy: Al0.8Si0.2, or Al-4Cu wt.%")
    basis: Literal["at", "wt"] | None = Field(
        default=None,
        description="whether per cent are of the atoms or of the weight, where the text does not say",
    )
    temperature_k: float = Field(default=300.0, ge=100, le=6000)
    melting: bool = Field(default=False, description="find solidus and liquidus as well")


def _missing(settings: Settings) -> str | None:
    del settings
    return (
        None
        if find_spec("pycalphad")
        else 'pycalphad is not installed: run `pip install "matsmith[calphad]"`.'
    )


def _parse_errors() -> tuple[type[Exception], ...]:
    """What reading a file that is no database raises."""
    from pyparsing import ParseBaseException

    return (
        ParseBaseException,
        ValueError,
        SyntaxError,
        LookupError,
        TypeError,
        AttributeError,
        ArithmeticError,
    )


class _Database:
    """A database for one alloy."""

    def __init__(self, path: Path, alloy: Alloy) -> None:
        import pycalphad
        from pycalphad.core import utils

        calphad: Any = pycalphad
        filters: Any = utils
        self._equilibrium: Any = calphad.equilibrium
        self._variables: Any = calphad.variables
        self._database: Any = calphad.Database.from_string(path.read_text(encoding="utf-8"), fmt="tdb")
        self.alloy = alloy
        known = {str(one).upper() for one in self._database.elements}
        lacking = [symbol for symbol in alloy.elements if symbol.upper() not in known]
        if lacking:
            raise SpecError(
                f"The database does not hold {' and '.join(lacking)}.",
                hint=f"It holds {', '.join(sorted(one.title() for one in known - {'VA', '/-', '%'}))}.",
            )
        self._components = [*(symbol.upper() for symbol in alloy.elements), "VA"]
        species: Any = filters.unpack_species(self._database, self._components)
        self.phases: list[str] = [str(one) for one in filters.filter_phases(self._database, species)]

    def fractions(self, temperature_k: float) -> dict[str, float]:
        """Fraction of the atoms in each phase that is present."""
        v = self._variables
        conditions: Any = {v.T: temperature_k, v.P: _ATMOSPHERE_PA, v.N: 1}
        for symbol in self.alloy.elements[1:]:
            conditions[v.X(symbol.upper())] = self.alloy.fractions[symbol]
        found: Any = self._equilibrium(self._database, self._components, self.phases, conditions)
        names: list[str] = [str(name) for name in found.Phase.values.ravel()]
        amounts: list[float] = [float(amount) for amount in found.NP.values.ravel()]
        shares: dict[str, float] = {}
        for name, amount in zip(names, amounts, strict=True):
            if name and amount > _LEAST_FRACTION:
                shares[name] = shares.get(name, 0.0) + amount
        return shares

    def liquid(self, temperature_k: float) -> float:
        """Fraction of the atoms that is molten."""
        return sum(share for name, share in self.fractions(temperature_k).items() if name.upper() in _LIQUID)


@tool(
    name="phase_equilibrium",
    title="Equilibrium phases from a database",
    cost_s=5.0,
    needs_worker=True,
    missing=_missing,
)
def run(args: PhaseEquilibriumArgs, *, deps: Deps) -> Outcome:
    """Find the equilibrium phases of an alloy at a temperature from a thermodynamic database (TDB) of your own.

    Facts: the fraction of the atoms in each phase. With `melting` also the quantities solidus and liquidus in K: an alloy has two.

    Example: `matsmith tool phase_equilibrium file=alsi.tdb formula=Al0.88Si0.12 temperature_k=800 melting=true`
    """
    del deps
    path = Path(args.file)
    if not path.is_file() or path.stat().st_size > _LARGEST_BYTES:
        return Outcome.failed(
            "no_database", f"{path.name[:80]} is no database that can be read.", hint="Check the path."
        )
    try:
        alloy = read_alloy(args.formula, basis=args.basis)
        database = _Database(path, alloy)
    except SpecError as error:
        return Outcome.failed("no_alloy", error.message, hint=error.hint)
    except _parse_errors() as error:
        return Outcome.failed(
            "bad_database",
            f"The database cannot be read: {str(error)[:200]}.",
            hint="Check that it is a TDB file.",
        )
    if len(alloy.elements) < 2:
        return Outcome.failed("no_alloy", "One element alone is no alloy.", hint="Give two elements or more.")
    shares = database.fractions(args.temperature_k)
    if not shares:
        return Outcome.failed(
            "no_equilibrium",
            f"No equilibrium was found at {args.temperature_k:g} K.",
            hint="Ask for a temperature within the database's range.",
        )
    facts: dict[str, JsonValue] = {
        "composition": alloy.describe(),
        "temperature_k": args.temperature_k,
        "phases": {
            name: round(share, 6) for name, share in sorted(shares.items(), key=lambda pair: -pair[1])
        },
        "phases_of_the_database": [*database.phases],
    }
    quantities = _melting(database) if args.melting else {}
    warnings = ["as good as the database, which was not held against anything here"]
    if args.melting and not quantities:
        warnings.append("no liquid phase was found up to 4,000 K: there is no solidus to give")
    return Outcome(
        quantities=quantities,
        facts=facts,
        method=Method(
            name="least Gibbs energy over the phases of a database, 1 atm (pycalphad)",
            files={path.name: hashlib.sha256(path.read_bytes()).hexdigest()},
            reference="the user's database",
        ),
        warnings=tuple(warnings),
    )


def _melting(database: _Database) -> dict[str, Quantity]:
    """Solidus and liquidus, by a scan and halvings; empty where nothing melts up to 4,000 K."""
    last_solid, molten = None, None
    temperature = 250.0
    while temperature <= 4000.0:
        share = database.liquid(temperature)
        if share < _LEAST_FRACTION:
            last_solid = temperature
        if share > 1 - 1e-4:
            molten = temperature
            break
        temperature += _STEP_K
    if last_solid is None or molten is None:
        return {}

    def crossing(low: float, high: float, *, least: float) -> float:
        for _ in range(_HALVINGS):
            middle = (low + high) / 2
            if database.liquid(middle) > least:
                high = middle
            else:
                low = middle
        return (low + high) / 2

    solidus = crossing(last_solid, last_solid + _STEP_K, least=_LEAST_FRACTION)
    liquidus = crossing(molten - _STEP_K, molten, least=1 - 1e-4)
    return {
        name: Quantity(
            value=value, unit="K", sigma=_STEP_K / 2**_HALVINGS, truth=Truth.EXPERIMENT_AT_CONDITIONS
        )
        for name, value in (("solidus", solidus), ("liquidus", liquidus))
    }


TOOL = run
