"""The property registry: unit, names in plain language, physical range and tools of each property.

Tools stand cheapest first.

The range is what no known solid leaves; a target outside it is impossible, and a computed value outside it is refused.
A property with no tool is still listed: people ask for it, and the planner must say that nothing installed measures it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Property:
    """One measurable property of a crystal."""

    name: str
    title: str
    unit: str
    synonyms: tuple[str, ...]
    low: float = -math.inf
    high: float = math.inf
    tools: tuple[str, ...] = ()
    range_reason: str = ""
    note: str = ""


_LISTED = (
    Property(
        name="energy_above_hull",
        title="energy above hull",
        unit="eV/atom",
        synonyms=(
            "energy above hull",
            "energy above the hull",
            "energy above convex hull",
            "energy above the convex hull",
            "hull distance",
            "distance to the hull",
            "decomposition energy",
            "e_hull",
            "ehull",
            "e_above_hull",
        ),
        low=-2.0,
        high=20.0,
        tools=("known_crystal", "stability"),
        note="above the convex hull of competing phases at 0 K and no pressure",
    ),
    Property(
        name="energy_above_hull_at_conditions",
        title="Gibbs energy above hull at temperature or pressure",
        unit="eV/atom",
        synonyms=("gibbs energy above hull", "free energy above hull"),
        low=-2.0,
        high=20.0,
    ),
    Property(
        name="formation_energy",
        title="formation energy",
        unit="eV/atom",
        synonyms=(
            "formation energy",
            "energy of formation",
            "formation enthalpy",
            "enthalpy of formation",
            "heat of formation",
        ),
        low=-6.0,
        high=10.0,
        tools=("stability",),
        range_reason="the most stable fluorides and oxides lie near -4.5 eV/atom",
    ),
    Property(
        name="bulk_modulus",
        title="bulk modulus",
        unit="GPa",
        synonyms=(
            "bulk modulus",
            "bulk moduli",
            "incompressibility",
            "modulus of compression",
            "compression modulus",
            "k_vrh",
        ),
        low=0.0,
        high=500.0,
        tools=("known_property", "known_crystal", "equation_of_state"),
        range_reason="diamond, the least compressible solid known, has 443 GPa",
    ),
    Property(
        name="compressibility",
        title="compressibility",
        unit="1/GPa",
        synonyms=("compressibility",),
        low=0.0,
        note="the inverse of the bulk modulus: ask for that",
    ),
    Property(
        name="shear_modulus",
        title="shear modulus",
        unit="GPa",
        synonyms=("shear modulus", "shear moduli", "modulus of rigidity", "rigidity", "g_vrh"),
        low=0.0,
        high=550.0,
        tools=("known_property",),
        range_reason="diamond has 535 GPa",
    ),
    Property(
        name="youngs_modulus",
        title="Young's modulus",
        unit="GPa",
        synonyms=(
            "young's modulus",
            "youngs modulus",
            "young modulus",
            "elastic modulus",
            "tensile modulus",
            "stiffness",
        ),
        low=0.0,
        high=1250.0,
        range_reason="diamond has about 1,140 GPa",
    ),
    Property(
        name="hardness",
        title="Vickers hardness",
        unit="GPa",
        synonyms=("hardness", "vickers hardness", "hard", "harder", "hardest", "superhard"),
        low=0.0,
        high=150.0,
        range_reason="diamond has about 60 to 120 GPa",
    ),
    Property(
        name="poisson_ratio",
        title="Poisson ratio",
        unit="",
        synonyms=("poisson ratio", "poisson's ratio", "poissons ratio"),
        low=-1.0,
        high=0.5,
        range_reason="elastic stability of an isotropic solid",
    ),
    Property(
        name="density",
        title="density",
        unit="g/cm3",
        synonyms=(
            "density",
            "mass density",
            "dense",
            "denser",
            "densest",
            "light",
            "lighter",
            "lightest",
            "lightweight",
            "light-weight",
            "heavy",
            "heavier",
        ),
        low=0.02,
        high=25.0,
        tools=("known_crystal", "density"),
        range_reason="osmium, the densest solid at ambient pressure, has 22.6 g/cm3",
    ),
    Property(
        name="volume_per_atom",
        title="volume per atom",
        unit="angstrom3/atom",
        synonyms=("volume per atom", "atomic volume"),
        low=3.0,
        high=200.0,
        tools=("density",),
    ),
    Property(
        name="measured_band_gap",
        title="band gap, measured",
        unit="eV",
        synonyms=(
            "band gap",
            "bandgap",
            "band-gap",
            "gap",
            "optical gap",
            "measured band gap",
            "experimental band gap",
        ),
        low=0.0,
        high=16.0,
        tools=("known_property",),
        range_reason="LiF, among the widest gaps measured, has 13.6 eV",
    ),
    Property(
        name="computed_band_gap",
        title="band gap, computed (PBE)",
        unit="eV",
        synonyms=(
            "computed band gap",
            "pbe band gap",
            "pbe gap",
            "dft band gap",
            "dft gap",
            "calculated band gap",
        ),
        low=0.0,
        high=18.0,
        tools=("known_property",),
        note="PBE gaps are 30 to 50 % below measured ones",
    ),
    Property(
        name="refractive_index",
        title="refractive index",
        unit="",
        synonyms=("refractive index", "index of refraction"),
        low=1.0,
        high=60.0,
        tools=("known_property",),
    ),
    Property(
        name="price",
        title="price of the elements",
        unit="USD/kg",
        synonyms=("price", "cost", "raw material cost", "element cost"),
        low=0.0,
        tools=("element_price",),
        note="sum over the elements' prices by mass; making the material is not in it",
    ),
    Property(
        name="magnetisation",
        title="magnetisation per atom",
        unit="mu_B/atom",
        synonyms=(
            "magnetisation",
            "magnetization",
            "saturation magnetisation",
            "saturation magnetization",
            "spontaneous magnetisation",
            "spontaneous magnetization",
            "net magnetisation",
            "net magnetization",
            "total magnetisation",
            "total magnetization",
            "magnetic moment",
            "magnetic moment per atom",
            "magnetic moments",
            "net magnetic moment",
            "total magnetic moment",
        ),
        low=0.0,
        high=12.0,
        tools=("magnetisation",),
        range_reason="holmium and dysprosium, the highest elements, have 10.3 Bohr magnetons",
        note="the sum of unsigned moments: an upper bound, which an antiferromagnet stays far below",
    ),
    Property(
        name="dielectric_constant",
        title="dielectric constant",
        unit="",
        synonyms=("dielectric constant", "permittivity", "relative permittivity"),
        low=1.0,
    ),
    Property(
        name="thermal_conductivity",
        title="thermal conductivity",
        unit="W/(m*K)",
        synonyms=("thermal conductivity", "heat conductivity", "lattice thermal conductivity"),
        low=0.0,
        high=4000.0,
        range_reason="isotopically pure diamond has about 3,300 W/(m K)",
    ),
    Property(
        name="thermal_expansion",
        title="thermal expansion, linear",
        unit="1/K",
        synonyms=("thermal expansion", "expansion coefficient", "coefficient of thermal expansion", "cte"),
        low=-1e-3,
        high=1e-3,
    ),
    Property(
        name="debye_temperature",
        title="Debye temperature",
        unit="K",
        synonyms=("debye temperature",),
        low=10.0,
        high=2500.0,
        range_reason="diamond has about 2,230 K",
    ),
    Property(
        name="melting_point",
        title="melting point",
        unit="K",
        synonyms=("melting point", "melting temperature"),
        low=0.0,
        high=4500.0,
        range_reason="hafnium carbonitride, the highest reported, melts near 4,300 K",
    ),
    Property(
        name="ionic_conductivity",
        title="ionic conductivity",
        unit="S/cm",
        synonyms=("ionic conductivity", "ion conductivity", "lithium conductivity", "li-ion conductivity"),
        low=0.0,
    ),
    Property(
        name="electrical_conductivity",
        title="electrical conductivity",
        unit="S/m",
        synonyms=("electrical conductivity", "electric conductivity", "conductivity", "resistivity"),
        low=0.0,
    ),
    Property(
        name="migration_barrier",
        title="migration barrier",
        unit="eV",
        synonyms=("migration barrier", "diffusion barrier", "activation energy"),
        low=0.0,
        high=20.0,
    ),
    Property(
        name="voltage",
        title="intercalation voltage",
        unit="V",
        synonyms=("voltage", "intercalation voltage", "cathode voltage", "open-circuit voltage"),
        low=-1.0,
        high=8.0,
    ),
    Property(
        name="specific_capacity",
        title="specific capacity",
        unit="mA*h/g",
        synonyms=("capacity", "specific capacity", "gravimetric capacity"),
        low=0.0,
        high=4000.0,
    ),
    Property(
        name="yield_strength",
        title="yield strength",
        unit="MPa",
        synonyms=("yield strength", "yield stress", "tensile strength", "ultimate strength"),
        low=0.0,
    ),
    Property(
        name="fracture_toughness",
        title="fracture toughness",
        unit="MPa*m**0.5",
        synonyms=("fracture toughness", "toughness", "tough", "ductile", "ductility"),
        low=0.0,
    ),
    Property(
        name="superconducting_temperature",
        title="superconducting transition temperature",
        unit="K",
        synonyms=(
            "superconducting",
            "superconductor",
            "critical temperature",
            "transition temperature",
            "tc",
        ),
        low=0.0,
    ),
    Property(
        name="curie_temperature",
        title="Curie temperature",
        unit="K",
        synonyms=("curie temperature", "curie point"),
        low=0.0,
        high=1500.0,
        range_reason="cobalt, the highest, orders at 1,390 K",
    ),
    Property(
        name="work_function",
        title="work function",
        unit="eV",
        synonyms=("work function",),
        low=0.0,
        high=10.0,
    ),
    Property(
        name="surface_energy",
        title="surface energy",
        unit="J/m**2",
        synonyms=("surface energy",),
        low=0.0,
        high=10.0,
    ),
    Property(
        name="seebeck_coefficient",
        title="Seebeck coefficient",
        unit="uV/K",
        synonyms=("seebeck coefficient", "thermopower", "seebeck"),
    ),
    Property(
        name="thermoelectric_figure_of_merit",
        title="thermoelectric figure of merit",
        unit="",
        synonyms=("figure of merit", "zt", "thermoelectric efficiency"),
        low=0.0,
    ),
    Property(
        name="piezoelectric_coefficient",
        title="piezoelectric coefficient",
        unit="pC/N",
        synonyms=("piezoelectric coefficient", "d33", "piezoelectric"),
    ),
)

PROPERTIES: dict[str, Property] = {entry.name: entry for entry in _LISTED}


def physical_problem(name: str, value: float) -> str | None:
    """Say in one sentence why a value cannot belong to a solid, or None when it can."""
    entry = PROPERTIES[name]
    if not math.isfinite(value):
        return f"A {entry.title} of {value} is not a number."
    if entry.low <= value <= entry.high:
        return None
    side = f"below {entry.low:g}" if value < entry.low else f"above {entry.high:g}"
    reason = f": {entry.range_reason}" if entry.range_reason else ""
    return f"No solid has a {entry.title} of {value:g} {entry.unit} ({side}{reason})."
