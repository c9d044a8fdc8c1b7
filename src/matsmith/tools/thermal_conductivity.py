"""Lattice thermal conductivity of an insulator or semiconductor by Slack's estimate from the corrected elastic moduli.

An estimate of the order of magnitude: its error, measured on crystals left out of the fit of its correction, is three quarters of the
value. Metals are refused, since their heat travels with electrons. A value that decides anything needs third-order force
constants from density-functional theory: the conductivities of universal potentials themselves are worse than this estimate.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pydantic import Field

from matsmith.core.quantity import Quantity, Truth
from matsmith.core.record import Outcome
from matsmith.core.settings import Settings
from matsmith.knowledge.calibration import features_of
from matsmith.knowledge.conductivity_errors import conductivity_errors, features
from matsmith.knowledge.references import known_tables
from matsmith.models.elastic_averages import poisson_ratio, stiffnesses_gpa
from matsmith.models.elastic_response import ElasticResponse
from matsmith.models.grueneisen_expansion import mean_square_displacement_angstrom2
from matsmith.models.slack_conductivity import grueneisen_parameter, slack_conductivity_w_per_m_k
from matsmith.tools.base import Args, Deps, StructureRef, tool
from matsmith.tools.elastic_moduli import debye_temperature_of, elastic_identity, moduli_of, sound_responses
from matsmith.tools.melting import near_melting, refused_as_molten, swing_ratio
from matsmith.tools.potential import is_default, name_of
from matsmith.tools.reference_identity import tables_identity
from matsmith.tools.results import method_of
from matsmith.tools.second_opinion import opinion_on_shear, opinions_identity

if TYPE_CHECKING:
    from pymatgen.core import Structure

_UNTESTED_RELATIVE_SIGMA = 1.0
_ROOM_K, _TESTED_AROUND_ROOM_K = 300.0, 50.0
# A gap below this leaves carriers enough at room temperature to count.
_GAP_EV = 0.1
_NONMETALS = frozenset(
    ("H", "B", "C", "N", "O", "F", "Si", "P", "S", "Cl", "Ge", "As", "Se", "Br", "Sb", "Te", "I")
)
# Their carbides, nitrides and borides conduct like metals; oxides and halides of theirs mostly do not.
_CONDUCTING_PARTNERS = frozenset(("B", "C", "N"))
_TRANSITION = frozenset(
    "Ti V Cr Mn Fe Co Ni Zr Nb Mo Tc Ru Rh Pd Hf Ta W Re Os Ir Pt".split()  # noqa: SIM905
)
_SEMICONDUCTING_ELEMENTS = frozenset(("B", "C", "Si", "Ge", "P", "S", "Se", "Te", "I"))


class ThermalConductivityArgs(Args):
    """Which structure, and the temperature."""

    structure: StructureRef
    temperature_k: float = Field(default=300.0, ge=150, le=3000, description="temperature in K")


def why_metallic(amounts: Mapping[str, float]) -> str | None:
    """Why a composition is taken for a metal by its elements alone, or None.

    >>> why_metallic({"Cu": 1}), why_metallic({"Ti": 1, "C": 1}) is None, why_metallic({"Mg": 1, "O": 1})
    ('it holds no nonmetal', False, None)
    """
    elements = set(amounts)
    if len(elements) == 1 and not elements <= _SEMICONDUCTING_ELEMENTS:
        return (
            "it holds no nonmetal" if not elements & _NONMETALS else "the element conducts or is a molecule"
        )
    anions = elements & _NONMETALS
    if not anions:
        return "it holds no nonmetal"
    if anions <= _CONDUCTING_PARTNERS and elements & _TRANSITION:
        return "carbides, nitrides and borides of transition metals conduct like metals"
    return None


def run_many(batch: Sequence[ThermalConductivityArgs], *, deps: Deps) -> Iterator[tuple[int, Outcome]]:
    """All crystals share the batches of their strained cells."""
    asked: dict[int, Structure] = {}
    for index, args in enumerate(batch):
        refusal = _metal(args, deps=deps)
        if refusal is None:
            asked[index] = deps.crystal(args.structure).to_pymatgen()
        else:
            yield index, refusal
    for index, found, seconds in sound_responses(asked, settings=deps.settings):
        outcome = found if isinstance(found, Outcome) else _outcome(found, args=batch[index], deps=deps)
        yield index, outcome.model_copy(update={"wall_s": seconds})


def _metal(args: ThermalConductivityArgs, *, deps: Deps) -> Outcome | None:
    """The typed failure of a metal: by a gap that a table at hand lists, else by its elements."""
    crystal = deps.crystal(args.structure)
    reason = None
    tables = known_tables(deps.settings.data_dir, cache_dir=deps.settings.cache_dir)
    gap = tables.lookup("measured_band_gap", crystal.formula) or tables.lookup(
        "computed_band_gap", crystal.formula
    )
    if gap is None:
        reason = why_metallic({symbol: float(amount) for symbol, amount in crystal.amounts.items()})
    elif gap.value + gap.spread < _GAP_EV and why_metallic(crystal.amounts) is not None:
        reason = f"{gap.label} lists no gap"
    if reason is None:
        return None
    return Outcome.failed(
        "metal",
        f"{crystal.formula} is taken for a metal ({reason}): its heat travels with electrons, which Slack's estimate leaves out.",
        hint="Take the electrical conductivity and the law of Wiedemann and Franz; nothing here measures it.",
    )


@dataclass(frozen=True, kw_only=True)
class _Estimate:
    """Slack's conductivity in W/(m K) with and without its fitted factor, and what it was made of."""

    slack_w_per_m_k: float
    factor: float
    debye_k: float
    grueneisen: float

    @property
    def value_w_per_m_k(self) -> float:
        """The conductivity as it is given out."""
        return self.factor * self.slack_w_per_m_k


def _estimate(
    structure: Structure, *, bulk_gpa: float, shear_gpa: float, temperature_k: float, settings: Settings
) -> _Estimate:
    mass = float(structure.composition.weight) / len(structure)
    volume = structure.volume / len(structure)
    debye = debye_temperature_of(structure, bulk_gpa=bulk_gpa, shear_gpa=shear_gpa)
    gamma = grueneisen_parameter(poisson_ratio(bulk_gpa, shear_gpa))
    slack = slack_conductivity_w_per_m_k(
        debye_k=debye,
        grueneisen=gamma,
        mass_g_per_mol_atoms=mass,
        volume_angstrom3_per_atom=volume,
        atoms_in_primitive_cell=len(structure),
        temperature_k=temperature_k,
    )
    amounts = {str(symbol): float(n) for symbol, n in structure.composition.as_dict().items()}
    found = features_of(amounts, computed=1.0) if is_default(settings) else None
    factor = 1.0
    if found is not None:
        spread = found["electronegativity_spread"]
        factor = conductivity_errors().law.factor(
            features(
                debye_k=debye, mass_g_per_mol=mass, volume_angstrom3=volume, electronegativity_spread=spread
            )
        )
    return _Estimate(slack_w_per_m_k=slack, factor=factor, debye_k=debye, grueneisen=gamma)


def _outcome(result: ElasticResponse, *, args: ThermalConductivityArgs, deps: Deps) -> Outcome:
    moduli = moduli_of(result, settings=deps.settings)
    structure = result.structure

    def with_shear(shear_gpa: float) -> _Estimate:
        return _estimate(
            structure,
            bulk_gpa=moduli.bulk_gpa,
            shear_gpa=shear_gpa,
            temperature_k=args.temperature_k,
            settings=deps.settings,
        )

    made = with_shear(moduli.shear_gpa)
    known = conductivity_errors()
    amounts = {str(symbol): float(n) for symbol, n in structure.composition.as_dict().items()}
    relative, reference = known.relative_sigma, f"{known.source}, version {known.version}"
    if not is_default(deps.settings) or features_of(amounts, computed=1.0) is None:
        relative = _UNTESTED_RELATIVE_SIGMA
        reference = f"{name_of(deps.settings)} was not held against measurement here: no correction, and an assumed error"
    mass = float(structure.composition.weight) / len(structure)
    square = mean_square_displacement_angstrom2(args.temperature_k, debye_k=made.debye_k, mass_g_per_mol=mass)
    ratio = swing_ratio(structure, mean_square_angstrom2=square)
    refusal = refused_as_molten(structure, temperature_k=args.temperature_k, ratio=ratio)
    if refusal is not None:
        return refusal
    opinion = opinion_on_shear(
        structure,
        shear_gpa=moduli.shear_gpa,
        sigma_gpa=moduli.error("shear_modulus").of(moduli.shear_gpa),
    )
    caveat = (
        near_melting(ratio) or _caveat(result, args=args, largest_cell=known.largest_cell) or opinion.words
    )
    value = made.value_w_per_m_k
    # Where the second opinion differs beyond the errors, both are possible, and so is what lies between.
    other = value if opinion.doubted is None else with_shear(opinion.doubted.value_gpa).value_w_per_m_k
    warning = f"an order of magnitude: the error of {100 * relative:.0f} % was measured on {known.crystals} crystals"
    return Outcome(
        quantities={
            "thermal_conductivity": Quantity(
                value=value,
                unit="W/(m*K)",
                sigma=math.hypot(relative * value, other - value),
                truth=Truth.EXPERIMENT_300K,
            )
        },
        facts={
            "temperature_k": args.temperature_k,
            "uncorrected_slack_w_per_m_k": round(made.slack_w_per_m_k, 3),
            "correction_factor": round(made.factor, 4),
            "debye_temperature_k": round(made.debye_k, 1),
            "grueneisen_parameter": round(made.grueneisen, 3),
            "second_opinion_on_shear": opinion.fact,
            "atoms_in_primitive_cell": len(structure),
            "inconclusive": {"thermal_conductivity": caveat} if caveat else {},
        },
        method=method_of(
            deps.settings, name="Slack's estimate from corrected elastic moduli", reference=reference
        ),
        warnings=(warning, caveat) if caveat else (warning,),
    )


def _caveat(result: ElasticResponse, *, args: ThermalConductivityArgs, largest_cell: int) -> str:
    if stiffnesses_gpa(result.relaxed_ion.tensor_gpa)[0] <= 0:
        return "the potential finds the crystal mechanically unstable"
    if len(result.structure) > largest_cell:
        return f"the estimate was held against cells of at most {largest_cell} atoms, and this one has {len(result.structure)}"
    if abs(args.temperature_k - _ROOM_K) > _TESTED_AROUND_ROOM_K:
        return "the estimate was held against measurement at 300 K alone"
    return ""


def _identity(settings: Settings) -> str:
    versions = f"{conductivity_errors().version}:{opinions_identity()}"
    return f"{elastic_identity(settings)}:{versions}:{tables_identity(settings)}"


@tool(
    name="thermal_conductivity",
    title="Lattice thermal conductivity, estimate",
    version="2",
    measures=("thermal_conductivity",),
    cost_s=8.0,
    needs_worker=True,
    identity=_identity,
    run_many=run_many,
)
def run(args: ThermalConductivityArgs, *, deps: Deps) -> Outcome:
    """Lattice thermal conductivity (W/(m K)) of a nonmetal by Slack's estimate, corrected, with its (large) measured error.

    Typed failures: metal, molten, too_large, dispersion_bound, and those of the relaxation.

    Example: matsmith tool thermal_conductivity --args '{"structure": "MgO.cif"}'
    """
    return next(iter(run_many([args], deps=deps)))[1]


TOOL = run
