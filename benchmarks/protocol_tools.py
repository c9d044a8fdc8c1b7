"""Every tool of the protocol server, called once by the official client over standard input and output: seconds and outcome.

    python benchmarks/protocol_tools.py
    python benchmarks/protocol_tools.py --potential emt --skip design_material

The crystals are small and the settings cheap: it shows that each tool can be called by a program and what such a call costs, not how good
its numbers are. A typed failure is an outcome (EMT knows no lithium); a call that is refused for its arguments, an error of the
protocol or a tool that was not called makes the exit status 1.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
import tempfile
import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import anyio

PATIENCE_S = 600.0


def _cubic(edge: float, *sites: tuple[str, tuple[float, float, float]], group: str = "Fm-3m") -> str:
    from pymatgen.core import Lattice, Structure

    species, positions = [site for site, _ in sites], [list(position) for _, position in sites]
    return str(Structure.from_spacegroup(group, Lattice.cubic(edge), species, positions).to(fmt="cif"))


def copper() -> str:
    """Copper, 4 atoms, a little expanded."""
    return _cubic(3.7, ("Cu", (0, 0, 0)))


def halite() -> str:
    """Rock salt."""
    return _cubic(5.64, ("Na", (0, 0, 0)), ("Cl", (0.5, 0.5, 0.5)))


def lithium_cobalt_oxide() -> str:
    """LiCoO2, R-3m."""
    from pymatgen.core import Lattice, Structure

    cell = Structure.from_spacegroup(
        "R-3m", Lattice.hexagonal(2.815, 14.05), ["Li", "Co", "O"], [[0, 0, 0], [0, 0, 0.5], [0, 0, 0.24]]
    )
    return str(cell.get_primitive_structure().to(fmt="cif"))


def half_gold() -> str:
    """Copper with every second atom gold, nobody knows which."""
    from pymatgen.core import Composition, Lattice, Structure

    mixed = Composition({"Cu": 0.5, "Au": 0.5})
    cell = Structure.from_spacegroup("Fm-3m", Lattice.cubic(3.85), [mixed], [[0, 0, 0]])
    return str(cell.to(fmt="cif"))


def halite_scan() -> str:
    """A powder scan of rock salt: Gaussian lines of 0.15 degrees on a flat background, without noise."""
    import numpy as np
    from pymatgen.analysis.diffraction.xrd import XRDCalculator
    from pymatgen.core import Structure

    lines: Any = XRDCalculator("CuKa").get_pattern(
        Structure.from_str(halite(), fmt="cif"), two_theta_range=(15, 90)
    )
    angles: Any = np.arange(15.0, 90.0, 0.03)
    counts: Any = np.full_like(angles, 50.0)
    for centre, height in zip(lines.x, lines.y, strict=True):
        counts += 40.0 * height * np.exp(-0.5 * ((angles - centre) / 0.064) ** 2)
    return "\n".join(f"{angle:.3f} {count:.1f}" for angle, count in zip(angles, counts, strict=True))


def vacant_copper(empty: int) -> str:
    """Copper, 3 x 3 x 3 primitive cells with one site empty: 26 atoms, in an order in which one neighbour has hopped."""
    from pymatgen.core import Lattice, Structure

    cell = Structure.from_spacegroup(
        "Fm-3m", Lattice.cubic(3.615), ["Cu"], [[0, 0, 0]]
    ).get_primitive_structure()
    cell.make_supercell(3)
    whole: Any = cell
    first = whole[0]
    near = min(range(1, len(whole)), key=lambda index: first.distance(whole[index]))
    kept = [whole[index].frac_coords for index in range(len(whole)) if index not in (0, near)]
    there = whole[near if empty == 0 else 0].frac_coords
    return str(Structure(whole.lattice, ["Cu"] * (len(kept) + 1), [there, *kept]).to(fmt="poscar"))


def mixed_alloy() -> str:
    """A cell of aluminium and copper, one kind of atom a layer."""
    from pymatgen.core import Lattice, Structure

    cell = Structure(
        Lattice.cubic(3.85),
        ["Al", "Al", "Cu", "Cu"],
        [[0, 0, 0], [0.5, 0.5, 0], [0.5, 0, 0.5], [0, 0.5, 0.5]],
    )
    cell.make_supercell(2)
    return str(cell.to(fmt="cif"))


# An ideal solution of two metals that share no crystal: Gibbs energies of melting from heats and points of fusion.
BISMUTH_CADMIUM = """
 ELEMENT VA VACUUM 0 0 0 !
 ELEMENT BI BCC_A2 208.98 0 0 !
 ELEMENT CD HCP_A3 112.41 0 0 !
 PHASE LIQUID % 1 1.0 !
 CONSTITUENT LIQUID :BI,CD: !
 PARAMETER G(LIQUID,BI;0) 298.15 +11300-20.7511*T; 6000 N !
 PARAMETER G(LIQUID,CD;0) 298.15 +6210-10.45067*T; 6000 N !
 PHASE RHOMBO % 1 1.0 !
 CONSTITUENT RHOMBO :BI: !
 PARAMETER G(RHOMBO,BI;0) 298.15 +0; 6000 N !
 PHASE HEXAGONAL % 1 1.0 !
 CONSTITUENT HEXAGONAL :CD: !
 PARAMETER G(HEXAGONAL,CD;0) 298.15 +0; 6000 N !
"""
ARGON = {"element": "Ar", "size": 108, "cores": 1}
# As short as each takes: it shows that it can be called, and not a number to use.
SHORT_DYNAMICS: dict[str, dict[str, Any]] = {
    "md_expansion": {"temperature_k": 40, "length_ps": 5},
    "md_heat_capacity": {"temperature_k": 40, "length_ps": 5},
    "md_tensile": {"temperature_k": 20, "direction": [1, 0, 0], "strain": 0.02, "rate_per_s": 1e10},
    "md_radial_distribution": {"temperature_k": 40, "length_ps": 5},
    "md_diffusion": {"temperature_k": 95, "phase": "melt", "length_ps": 10},
    "md_thermal_conductivity": {"temperature_k": 90, "phase": "melt", "length_ps": 10},
    "md_free_energy": {"temperature_k": 40, "switch_ps": 2, "warm_ps": 1},
    "md_glass": {"rate_k_per_ps": 20, "length_ps": 5},
    "md_melting": {"size": 250, "length_ps": 5, "attempts": 2},
}
Ids = Mapping[str, str]
"""Name of a call -> id of the record that it returned."""
CALLS: tuple[tuple[str, Callable[[Ids], dict[str, Any]]], ...] = (
    ("relax", lambda _: {"structure": copper()}),
    ("density", lambda ids: {"relaxed": ids["relax"]}),
    ("stability", lambda ids: {"relaxed": ids["relax"], "structure_known": True}),
    ("symmetry", lambda _: {"structure": copper()}),
    ("xray_pattern", lambda _: {"structure": halite()}),
    ("identify_phases", lambda _: {"pattern": halite_scan(), "elements": ["Na", "Cl"]}),
    ("known_crystal", lambda _: {"structure": halite()}),
    ("known_property", lambda _: {"structure": halite()}),
    ("known_pressure_form", lambda _: {"structure": halite(), "pressure_gpa": 10}),
    ("known_voltage", lambda _: {"structure": lithium_cobalt_oxide()}),
    ("known_moduli", lambda _: {"structure": halite()}),
    ("element_price", lambda _: {"structure": copper()}),
    ("supply", lambda _: {"formula": "LiCoO2"}),
    ("reaction_energy", lambda _: {"formula": "CaCO3 -> CaO + CO2"}),
    ("screen", lambda _: {"structure": copper()}),
    ("composition_prediction", lambda _: {"formula": "MgO", "properties": ["bulk_modulus"]}),
    ("magnetisation", lambda ids: {"structure": ids["relax"]}),
    ("atmosphere_stability", lambda _: {"formula": "CaCO3", "temperature_k": 600, "atmosphere": "air"}),
    ("decomposition_temperature", lambda _: {"formula": "CaCO3"}),
    ("oxygen_window", lambda _: {"formula": "FeO", "temperature_k": 1000}),
    ("pourbaix", lambda _: {"formula": "Fe2O3", "ph": 7.0, "potential_v": 0.3}),
    ("equation_of_state", lambda ids: {"structure": ids["relax"]}),
    ("elasticity", lambda ids: {"structure": ids["relax"]}),
    ("thermal_conductivity", lambda ids: {"structure": ids["relax"]}),
    ("thermal_expansion", lambda ids: {"structure": ids["relax"]}),
    ("phonons", lambda ids: {"structure": ids["relax"], "image_distance_angstrom": 7.0}),
    ("quasi_harmonic", lambda ids: {"structure": ids["relax"]}),
    ("surface_energy", lambda ids: {"structure": ids["relax"], "plane": [1, 1, 1], "max_atoms": 40}),
    ("vacancy_formation", lambda ids: {"structure": ids["relax"], "max_atoms": 40}),
    (
        "migration_barrier",
        lambda ids: {"structure": ids["relax"], "max_hops": 1, "images": 3, "max_atoms": 40},
    ),
    (
        "diffusivity",
        lambda ids: {
            "structure": ids["relax"],
            "ion": "Cu",
            "temperatures_k": [500, 700, 900],
            "length_ps": 0.3,
            "max_atoms": 40,
        },
    ),
    ("pressure_stability", lambda ids: {"structure": ids["relax"], "pressure_gpa": 10}),
    ("orderings", lambda _: {"file": half_gold(), "max_atoms": 8, "most": 2}),
    ("competing_forms", lambda _: {"formula": "CuAu"}),
    ("polymorphs", lambda ids: {"structure": ids["relax"], "most_types": 1}),
    ("competing_phases", lambda _: {"elements": ["Cu", "Ag", "Au"], "prototypes": ["ABC_cF12_216_b_c_a"]}),
    ("electrochemical_window", lambda _: {"structure": lithium_cobalt_oxide()}),
    ("intercalation_voltage", lambda _: {"structure": lithium_cobalt_oxide(), "orderings": 1}),
    ("ion_percolation", lambda _: {"structure": lithium_cobalt_oxide()}),
    ("known_synthesis", lambda _: {"formula": "BaTiO3"}),
    ("synthesis", lambda _: {"formula": "BaTiO3"}),
    ("formula_stability", lambda _: {"formula": "BaTiO3"}),
    ("explain_prediction", lambda _: {"formula": "BaZrO3", "property": "measured_band_gap"}),
    ("generate_crystals", lambda _: {"formula": "Cu,Au", "count": 4, "atoms": 2}),
    ("alloy_cell", lambda _: {"formula": "Cu0.5Au0.5", "atoms": 8}),
    ("ideal_eutectic", lambda _: {"elements": ["Cd", "Bi"]}),
    ("phase_equilibrium", lambda _: {"file": BISMUTH_CADMIUM, "formula": "Bi0.5Cd0.5", "temperature_k": 500}),
    ("md_minimise", lambda _: {"element": "Cu", "size": 32}),
    ("md_elastic", lambda _: {"element": "Cu", "size": 32}),
    ("md_surface", lambda _: {"element": "Cu", "plane": [1, 1, 1], "size": 32}),
    ("md_stacking_fault", lambda _: {"element": "Cu", "points": 5}),
    ("md_vacancy", lambda _: {"element": "Cu", "size": 108, "migration": False}),
    ("md_neb", lambda _: {"structure": vacant_copper(0), "end": vacant_copper(1), "images": 3}),
    ("md_screw_dislocation", lambda _: {"element": "Fe", "potential": "fe_mm"}),
    ("md_mixing_energy", lambda _: {"structure": mixed_alloy()}),
    ("md_monte_carlo", lambda _: {"structure": mixed_alloy(), "temperatures_k": [800], "sweeps": 5}),
    *((tool, lambda _, more=more: {**ARGON, **more}) for tool, more in SHORT_DYNAMICS.items()),
    ("plan_objective", lambda _: {"objective": "a stable oxide with a bulk modulus above 150 GPa"}),
    ("ask_literature", lambda _: {"question": "Which garnet conducts lithium ions?"}),
    (
        "design_material",
        lambda _: {
            "objective": "a copper-gold intermetallic, bulk modulus above 100 GPa",
            "budget_s": 20,
            "candidates": 1,
        },
    ),
    # These two ask a database over the network: what they say without it, or to a database that there is not, is an outcome too.
    ("materials_project", lambda _: {"formula": "MgO", "limit": 1}),
    ("optimade", lambda _: {"formula": "MgO", "limit": 1, "provider": "nowhere"}),
)


@dataclass(frozen=True, kw_only=True)
class Called:
    """One call: how long it took, `success`, `failed: CODE` or `refused: SENTENCE`, and what came back."""

    tool: str
    seconds: float
    outcome: str
    body: dict[str, Any]

    @property
    def refused(self) -> bool:
        """Whether the server took the call for malformed."""
        return self.outcome.startswith("refused")


async def call_all(client: Any, *, listed: Collection[str], skip: Collection[str] = ()) -> list[Called]:
    """Call each listed tool once, in an order in which every record is there when it is needed."""
    ids: dict[str, str] = {}
    found: list[Called] = []
    for tool, arguments in CALLS:
        if tool not in listed or tool in skip:
            continue
        begun = time.monotonic()
        result = await client.call_tool(tool, arguments(ids), read_timeout_seconds=PATIENCE_S)
        body: dict[str, Any] = result.structured_content or {}
        if isinstance(body.get("record"), str):
            ids[tool] = body["record"]
        failure: dict[str, Any] = body.get("failure") or {}
        match body.get("status"):
            case "refused":
                outcome = f"refused: {failure.get('message', '')}"
            case _ if failure:
                outcome = f"failed: {failure.get('code', '')}"
            case _:
                outcome = "success" if not result.is_error else "failed: unknown"
        found.append(Called(tool=tool, seconds=time.monotonic() - begun, outcome=outcome, body=body))
    return found


def parameters(home: Path, *, potential: str, data: str = "") -> Any:
    """How the client starts the server, in an empty home."""
    from mcp import StdioServerParameters

    passed = ("PATH", "PYTHONPATH", "HOME", "LANG", "OPENBLAS_NUM_THREADS")
    environment = {name: os.environ[name] for name in passed if name in os.environ}
    environment |= {
        "MATSMITH_STATE_DIR": str(home / "state"), "MATSMITH_CACHE_DIR": str(home / "cache"), "MATSMITH_RUNS_DIR": str(home / "runs"),
        "MATSMITH_LIBRARY": str(home / "library"), "MATSMITH_DATA": data or str(home / "none"), "MATSMITH_POTENTIAL": potential,
        "MATSMITH_REASONER": "rules",
    }  # fmt: skip
    return StdioServerParameters(
        command=sys.executable, args=["-m", "matsmith", "mcp"], env=environment, cwd=str(home)
    )


async def over_stdio(
    home: Path, *, potential: str, data: str = "", skip: Collection[str] = ()
) -> tuple[set[str], list[Called]]:
    """Names of the tools that the server lists, and a call of each."""
    from mcp import Client

    async with Client(parameters(home, potential=potential, data=data)) as client:
        listed = {tool.name for tool in (await client.list_tools()).tools}
        return listed, await call_all(client, listed=listed, skip=skip)


def main() -> int:
    """Call every tool and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--potential", default=os.environ.get("MATSMITH_POTENTIAL", "chgnet"))
    parser.add_argument("--skip", action="append", default=[], metavar="TOOL")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        listed, found = anyio.run(
            lambda: over_stdio(
                Path(folder),
                potential=options.potential,
                data=os.environ.get("MATSMITH_DATA", ""),
                skip=options.skip,
            )
        )
    print(
        f"{datetime.now(UTC):%Y-%m-%d} UTC, {platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}, "
        f"potential {options.potential}\n"
    )
    print(f"{'tool':26} {'seconds':>8}  outcome")
    for call in found:
        quantities: dict[str, dict[str, Any]] = call.body.get("quantities") or {}
        values = {name: round(quantity["value"], 4) for name, quantity in quantities.items()}
        print(
            f"{call.tool:26} {call.seconds:8.2f}  {call.outcome[:120]} {json.dumps(values)[:110] if values else ''}".rstrip()
        )
    left = listed - {call.tool for call in found} - set(options.skip)
    print(
        f"\n{len(found)} of {len(listed)} listed tools called; not called: {', '.join(sorted(left)) or 'none'}"
    )
    return int(bool(left) or any(call.refused for call in found))


if __name__ == "__main__":
    raise SystemExit(main())
