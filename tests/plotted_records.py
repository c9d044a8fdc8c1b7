"""Real records of every tool that has a figure: copper and its alloy in effective medium theory, magnesia and spinel against the shipped phases."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from pydantic import JsonValue
from pymatgen.core import Lattice, Structure

from matsmith.core.crystal import Crystal
from matsmith.core.quantity import Quantity
from matsmith.core.record import Outcome, Record
from matsmith.core.settings import Settings
from matsmith.knowledge.crystals import find
from matsmith.knowledge.diffraction.sticks import radiation, sticks_of
from matsmith.knowledge.phases import element_energies
from matsmith.tools.base import Deps
from matsmith.tools.drawn_series import Contributions, Part, Trace, TracePlot, contributions_fact, traces_fact
from matsmith.tools.registry import get_tool

COPPER = Crystal(
    lattice=((0.0, 1.805, 1.805), (1.805, 0.0, 1.805), (1.805, 1.805, 0.0)),
    species=("Cu",),
    positions=((0.0, 0.0, 0.0),),
)
ALLOY = Crystal.from_pymatgen(
    Structure(
        Lattice.cubic(3.75),
        ["Au", "Cu", "Cu", "Cu"],
        [[0, 0, 0], [0.5, 0.5, 0], [0.5, 0, 0.5], [0, 0.5, 0.5]],
    )
)
MAGNESIA = Crystal.from_pymatgen(
    Structure.from_spacegroup("Fm-3m", Lattice.cubic(4.21), ["Mg", "O"], [[0, 0, 0], [0.5, 0.5, 0.5]])
)
OXYNITRIDE = Crystal.from_pymatgen(
    Structure(
        Lattice.cubic(3.9),
        ["Sr", "Ti", "O", "O", "N"],
        [[0, 0, 0], [0.5, 0.5, 0.5], [0.5, 0.5, 0], [0.5, 0, 0.5], [0, 0.5, 0.5]],
    )
)


def spinel() -> Crystal:
    """The measured crystal of MgAl2O4."""
    return Crystal.from_pymatgen(find("MgAl2O4")[0].structure())


def record_of(
    name: str, crystal: Crystal | Record | None, *, potential: str = "emt", **args: object
) -> Record:
    """What a tool finds of a crystal, of a relaxation, or of a file that `args` name."""
    tool = get_tool(name)
    given = {} if crystal is None else {"relaxed" if isinstance(crystal, Record) else "structure": "c"}
    checked = tool.args.model_validate({**given, **args})
    with TemporaryDirectory() as folder:
        settings = Settings(
            data_dir=Path(folder) / "none", cache_dir=Path(folder), potential=potential, threads=1
        )
        deps = Deps(settings=settings, inputs={} if crystal is None else {"c": crystal})
        outcome = tool.run(checked, deps=deps)
    assert outcome.failure is None, outcome.failure
    return Record.of(
        outcome,
        tool=name,
        tool_version=tool.version,
        inputs=checked.model_dump(mode="json"),
        identity="",
        seed=0,
    )


def relaxed(crystal: Crystal, *, formation_ev_per_atom: float) -> Record:
    """A relaxation that ended at a formation energy."""
    energies, amounts = element_energies(), crystal.amounts
    share = sum(energies[symbol] * amount for symbol, amount in amounts.items()) / sum(amounts.values())
    energy = Quantity(value=share + formation_ev_per_atom, unit="eV/atom", sigma=0.03)
    return Record.of(
        Outcome(quantities={"energy": energy}, crystal=crystal),
        tool="relax",
        tool_version="1",
        inputs={},
        identity="",
        seed=0,
    )


def stability(crystal: Crystal, *, formation_ev_per_atom: float) -> Record:
    """A crystal judged against the phases that ship."""
    start = relaxed(crystal, formation_ev_per_atom=formation_ev_per_atom)
    return record_of("stability", start, potential="chgnet")


def scan(folder: Path) -> Record:
    """A made scan of magnesia and corundum, identified."""
    angles = np.arange(25.0, 80.0, 0.04)
    total = np.zeros_like(angles)
    for formula, share in {"MgO": 0.3, "Al2O3": 0.7}.items():
        found = sticks_of(
            find(formula)[0].structure(), name=formula, lines=radiation("CuKa1"), two_theta_deg=(25.0, 80.0)
        )
        for place, strength in zip(found.two_theta(1.540593), found.intensity, strict=True):
            if np.isfinite(place):
                total += share / found.mass_factor * strength * np.exp(-11.1 * (angles - place) ** 2 / 0.04)
    counts = np.asarray(np.random.default_rng(0).poisson(total * 5000 / total.max() + 100), dtype=np.float64)
    path = folder / "scan.xy"
    path.write_text(
        "\n".join(f"{a:.3f} {c:.0f}" for a, c in zip(angles, counts, strict=True)), encoding="utf-8"
    )
    return record_of(
        "identify_phases", None, pattern=str(path), elements=["Mg", "Al", "O"], radiation="CuKa1"
    )


def kept(facts: dict[str, JsonValue], *, tool: str) -> Record:
    """A record of a tool that has no figures of its own, with what is drawn whatever the tool."""
    return Record.of(Outcome(facts=facts), tool=tool, tool_version="1", inputs={}, identity="", seed=0)


def dynamics() -> Record:
    """Stress over strain with its error, displacement with its fit, and the distances of a liquid, as molecular dynamics keeps them."""
    strain, time, far = np.linspace(0, 12, 900), np.linspace(0, 50, 120), np.linspace(0.5, 8, 400)
    stress = 9 * np.sin(strain / 5) * np.exp(-strain / 30)
    moved = 0.35 * (1 - np.exp(-time)) + 0.31 * time
    shells = 1 + 1.8 * np.exp(-(((far - 2.6) / 0.22) ** 2)) - 0.6 * np.exp(-(((far - 3.6) / 0.4) ** 2))
    return kept(
        traces_fact(
            TracePlot(
                id="stress-strain",
                title="Stress over strain",
                x=("strain", "%"),
                y=("stress", "GPa"),
                traces=[Trace(name="tension", x=strain, y=stress, sigma=0.2 + 0.03 * strain)],
                guides=[("x", 6.5, "yield")],
                note="Along <100> at 300 K and 10⁹/s; the band is one sigma of block averages.",
            ),
            TracePlot(
                id="displacement",
                title="Mean-square displacement",
                x=("time", "ps"),
                y=("displacement", "Å²"),
                traces=[
                    Trace(name="Cu", x=time, y=moved),
                    Trace(name="fit", x=time[40:], y=0.35 + 0.31 * time[40:], dashed=True),
                ],
            ),
            TracePlot(
                id="pair-distances",
                title="Radial distribution",
                x=("distance", "Å"),
                y=("g(r)", ""),
                traces=[
                    Trace(name="1400 K", x=far, y=np.where(far < 2, 0.0, shells)),
                    Trace(
                        name="measured",
                        x=far[::40],
                        y=np.maximum(0.0, shells[::40]),
                        sigma=np.full(10, 0.1),
                        style="points",
                    ),
                ],
            ),
        ),
        tool="density",
    )


def explained() -> Record:
    """A prediction taken apart into descriptors and into elements."""
    parts = [
        Part(name="mean electronegativity difference", value=0.82, given="1.74"),
        Part(name="mean covalent radius", value=-0.41, given="128 pm"),
        Part(name="share of d electrons", value=-0.23, given="0.31"),
        Part(name="largest melting point of its elements", value=0.12, given="2128 K"),
        Part(name="number of elements", value=0.05, given="3"),
    ]
    return kept(
        contributions_fact(
            Contributions(
                id="band-gap",
                of="band gap",
                unit="eV",
                base=2.15,
                value=2.5,
                parts=parts,
                note="Shapley values.",
            ),
            Contributions(
                id="band-gap-by-element",
                of="band gap",
                unit="eV",
                base=2.15,
                value=2.5,
                parts=[Part(name="O", value=0.6), Part(name="Zr", value=-0.3), Part(name="Ba", value=0.05)],
            ),
        ),
        tool="composition_prediction",
    )


@lru_cache(maxsize=1)
def plotted_records() -> dict[str, Record]:
    """One record a figure, by what it shows; computed once a session."""
    with TemporaryDirectory() as folder:
        scanned = scan(Path(folder))
    return {
        "binary": stability(MAGNESIA, formation_ev_per_atom=-3.0),
        "ternary": stability(spinel(), formation_ev_per_atom=-3.2),
        "quaternary": stability(OXYNITRIDE, formation_ev_per_atom=-2.9),
        "pattern": record_of("xray_pattern", MAGNESIA),
        "scan": scanned,
        "elasticity": record_of("elasticity", ALLOY),
        "phonons": record_of("phonons", ALLOY),
        "equation of state": record_of("equation_of_state", ALLOY),
        "hop": record_of("migration_barrier", COPPER, max_atoms=30),
        "heating": record_of("quasi_harmonic", COPPER),
        "dynamics": dynamics(),
        "explained": explained(),
    }
