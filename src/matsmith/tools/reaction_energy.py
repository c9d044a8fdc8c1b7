"""Enthalpy, entropy and Gibbs energy of a reaction at temperature and partial pressures, from the tables."""

from __future__ import annotations

from pydantic import Field

from matsmith.core.errors import MatsmithError
from matsmith.core.quantity import Quantity, Truth
from matsmith.core.record import Method, Outcome
from matsmith.knowledge.thermochemistry.atmosphere import Atmosphere
from matsmith.knowledge.thermochemistry.calibration import thermochemical_errors
from matsmith.knowledge.thermochemistry.reaction import read_reaction
from matsmith.knowledge.thermochemistry.species import KJ_PER_MOL_IN_EV
from matsmith.tools.base import Args, Deps, tool
from matsmith.tools.thermochemical import Pressures, refused, tables_version

_BEYOND_K = 50.0


class ReactionEnergyArgs(Args):
    """Which reaction, at which temperature."""

    formula: str = Field(
        min_length=3, max_length=500, description='the reaction, such as "CaCO3 -> CaO + CO2"'
    )
    temperature_k: float = Field(default=298.15, ge=298.0, le=3500.0)
    pressures_bar: Pressures


@tool(name="reaction_energy", title="Energy of a reaction", cost_s=0.005, identity=tables_version)
def run(args: ReactionEnergyArgs, *, deps: Deps) -> Outcome:
    """Enthalpy, entropy and Gibbs energy of a reaction per mole of its first reactant; it is balanced where it is not.

    Each solid is taken in its most stable tabulated form at the temperature; (g), (l) after a formula names the phase. Gases
    stand at 1 bar unless given. Typed failures: outside_domain (no reaction, not to be balanced, a substance that the tables
    lack), no_data.

    Example: matsmith tool reaction_energy formula="CaCO3 -> CaO + CO2" temperature_k=1000
    """
    del deps
    temperature = args.temperature_k
    try:
        Atmosphere(temperature_k=temperature, pressures_bar=args.pressures_bar)
        reaction = read_reaction(args.formula, temperature_k=temperature)
    except MatsmithError as error:
        return refused(error)
    sigma = thermochemical_errors().tables_sigma_ev_per_atom * KJ_PER_MOL_IN_EV * reaction.solid_atoms()
    beyond = [
        term.species.name
        for term in reaction.terms
        if not term.species.low_k - _BEYOND_K <= temperature <= term.species.high_k + _BEYOND_K
    ]
    values = {
        "reaction_enthalpy": (reaction.enthalpy(temperature), "kJ/mol"),
        "reaction_gibbs_energy": (reaction.gibbs(temperature, args.pressures_bar), "kJ/mol"),
    }
    return Outcome(
        quantities={
            name: Quantity(value=value, unit=unit, sigma=sigma, truth=Truth.EXPERIMENT_AT_CONDITIONS)
            for name, (value, unit) in values.items()
        },
        facts={
            "reaction": reaction.text,
            "reaction_entropy_j_per_mol_k": round(1000 * reaction.entropy(temperature), 3),
            "temperature_k": temperature,
            "gases_bar": {
                term.species.name: args.pressures_bar.get(term.species.name, 1.0)
                for term in reaction.terms
                if term.species.phase == "gas"
            },
        },
        method=Method(
            name="tabulated enthalpies and entropies",
            reference="; ".join(dict.fromkeys(term.species.source for term in reaction.terms)),
        ),
        warnings=tuple(
            f"{name} is not tabulated at {temperature:g} K: continued with the heat capacity of the edge"
            for name in beyond
        ),
    )


TOOL = run
