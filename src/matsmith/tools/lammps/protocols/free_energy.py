"""Absolute free energy of a crystal by switching it reversibly into independent oscillators, and polymorphs against each other.

The method stands in `oscillators`. It is done at the mean cell under no pressure, where the Gibbs energy is the Helmholtz energy.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Literal

import numpy as np
from pydantic import Field, JsonValue

from matsmith.core.quantity import Quantity, Truth
from matsmith.core.record import Outcome
from matsmith.knowledge.thermochemistry.species import GAS_CONSTANT
from matsmith.models.dynamics import BOLTZMANN_EV_PER_K
from matsmith.models.potentials.interface import FloatArray
from matsmith.tools.drawn_series import Trace, TracePlot, traces_fact
from matsmith.tools.lammps.alloys import alloy_of
from matsmith.tools.lammps.failures import DynamicsError
from matsmith.tools.lammps.mean_cell import mean_cell
from matsmith.tools.lammps.oscillators import (
    EV_PER_ANGSTROM2_AMU_IN_PER_PS2,
    FreeEnergy,
    Switching,
    combined_of,
    switching,
)
from matsmith.tools.lammps.protocol import Md, MdArgs, System, protocol
from matsmith.tools.lammps.statistics import Average, average
from matsmith.tools.lammps.structures import lattice_cell, mass_of, supercell_near, symbols_of

if TYPE_CHECKING:
    from ase import Atoms

    from matsmith.tools.lammps.simulation import Simulation

_JOULE_PER_MOL_K = 1000 * GAS_CONSTANT
_ROWS = 4000
_RESTING_SHARE = 0.1
_STRAYED = 0.06
_WANDERED_ANGSTROM2 = 1.5
_SITES = {"fcc": 4, "bcc": 2, "diamond": 8, "hcp": 4}
_MOVE = """velocity all create {double_k} {seed} mom yes rot no dist gaussian
fix move all nve
"""
_BATH = """fix bath all langevin {temperature_k} {temperature_k} {damp_t} {seed} zero yes
compute inner all temp/com
fix_modify bath temp inner
"""
_RUN = "run {steps}\n"


class FreeEnergyArgs(MdArgs):
    """Of which crystal, at which temperature, how slowly it is switched, and which other forms it is compared with."""

    size: int = Field(default=500, ge=32, le=100_000, description="atoms aimed at")
    temperature_k: float = Field(default=300.0, ge=10, le=5000, description="temperature in K")
    switch_ps: float = Field(
        default=20.0, ge=1, le=2000, description="time of one switching, in ps; slower gives a smaller error"
    )
    cycles: int = Field(default=2, ge=1, le=20, description="how often it is switched there and back")
    warm_ps: float = Field(
        default=15.0, ge=1, le=1000, description="time for the mean cell and the swings, each, in ps"
    )
    compare: tuple[Literal["fcc", "bcc", "hcp", "diamond"], ...] = Field(
        default=(),
        max_length=4,
        description="other forms of an element to compare with, such as fcc, bcc, hcp",
    )


@protocol(
    name="md_free_energy",
    title="Absolute free energy by reversible switching",
    measures=(),
    cost_s=180.0,
    prefers="free_energy",
    version="2",
)
def run(args: FreeEnergyArgs, *, system: System, md: Md) -> Outcome:
    """Gibbs energy (eV/atom, under no pressure) and entropy (J/(mol K) of atoms) of a crystal at a temperature, and of an element's other forms.

    Classical. An alloy is one arrangement of its atoms: the entropy of mixing is not in it, but stands beside it in the facts.

    Facts: work both ways, dissipation, springs, mean volume, and the differences between the forms with their errors. Typed failures:
    molten (atoms leave their sites), unsteady, not_an_element, and those of the runs.

    Example: matsmith tool md_free_energy --args '{"element": "Cu", "temperature_k": 600, "compare": ["hcp"]}'
    """
    cells: dict[str, Atoms] = {system.prototype or "crystal": system.atoms}
    if args.compare:
        if len(system.elements) != 1:
            raise DynamicsError(
                "not_an_element",
                f"{system.formula} is no element: its other forms have to be given as structures, one by one.",
                hint="Leave out `compare`, and run each structure.",
            )
        volume = system.atoms.get_volume() / len(system.atoms)
        for form in args.compare:
            if form not in cells:
                cells[form] = _other_form(system.elements[0], form, volume_angstrom3=volume)
    found = [_of_form(form, atoms, args=args, md=md) for form, atoms in cells.items()]
    own = found[0]
    truth = Truth.EXPERIMENT_AT_CONDITIONS
    quantities = {
        "gibbs_energy": Quantity(value=own.free_energy_ev, unit="eV/atom", sigma=own.sigma_ev, truth=truth),
        "entropy": Quantity(
            value=own.entropy_kb(args.temperature_k) * _JOULE_PER_MOL_K,
            unit="J/(mol*K)",
            sigma=own.entropy_sigma_kb(args.temperature_k) * _JOULE_PER_MOL_K,
            truth=truth,
        ),
    }
    for other in found[1:]:
        quantities[f"{other.form}_above_{own.form}"] = Quantity(
            value=1000 * (other.free_energy_ev - own.free_energy_ev),
            unit="meV/atom",
            sigma=1000 * math.hypot(own.sigma_ev, other.sigma_ev),
            truth=truth,
        )
    lowest = min(found, key=lambda each: each.free_energy_ev)
    lost = max(each.dissipated_ev for each in found)
    warnings = list(md.warnings)
    if lost > BOLTZMANN_EV_PER_K * args.temperature_k * 0.1:
        warnings.append(f"{1000 * lost:.1f} meV/atom are dissipated: switch more slowly (switch_ps)")
    mixing = _mixing(system, temperature_k=args.temperature_k)
    if mixing:
        warnings.append(
            f"one arrangement of the elements is kept: where they share their sites at random, up to {mixing['ideal_entropy_of_mixing_kb_per_atom']} k "
            f"an atom of entropy, {1000 * mixing['ideal_mixing_term_ev_per_atom']:.1f} meV/atom of Gibbs energy, are missing"
        )
    rows: list[JsonValue] = [_row(each, temperature_k=args.temperature_k) for each in found]
    return Outcome(
        quantities=quantities,
        facts={
            "temperature_k": args.temperature_k,
            "pressure_gpa": 0.0,
            "forms": rows,
            "lowest_form": lowest.form,
            **mixing,
            "quantum_effects": "left out: the energy is classical",
            **traces_fact(
                TracePlot(
                    id="switching",
                    title="Excess of the oscillators' energy over the crystal's",
                    x=("coupling", ""),
                    y=("excess", "eV/atom"),
                    traces=[Trace(name=each.form, x=each.path[0], y=each.path[1]) for each in found],
                )
            ),
        },
        method=md.method(
            f"switching into oscillators in {args.switch_ps:g} ps and back, {args.cycles} times",
            steps=sum(each.steps for each in found),
            atoms=own.atoms,
            ensemble="NPT, then Langevin",
        ),
        warnings=tuple(warnings),
    )


def _mixing(system: System, *, temperature_k: float) -> dict[str, float]:
    """The ideal entropy of a random arrangement of several elements, and what it takes from the Gibbs energy; nothing for one element.

    An ordered compound has none of it; that of an alloy is at most as much.
    """
    if system.element is not None:
        return {}
    symbols = symbols_of(system.atoms)
    entropy = alloy_of({symbol: float(symbols.count(symbol)) for symbol in set(symbols)}).mixing_entropy
    return {
        "ideal_entropy_of_mixing_kb_per_atom": round(entropy, 4),
        "ideal_mixing_term_ev_per_atom": round(-BOLTZMANN_EV_PER_K * temperature_k * entropy, 6),
    }


def _other_form(
    symbol: str, form: Literal["fcc", "bcc", "hcp", "diamond"], *, volume_angstrom3: float
) -> Atoms:
    edge = (volume_angstrom3 * (2 if form == "bcc" else 8 if form == "diamond" else 4)) ** (1 / 3)
    if form == "hcp":
        edge /= math.sqrt(2.0)
    return lattice_cell(form, symbol, edge)


def _row(each: FreeEnergy, *, temperature_k: float) -> dict[str, JsonValue]:
    return {
        "form": each.form,
        "gibbs_energy_ev_per_atom": round(each.free_energy_ev, 6),
        "sigma_ev_per_atom": round(each.sigma_ev, 7),
        "internal_energy_ev_per_atom": round(each.internal_ev, 6),
        "entropy_kb_per_atom": round(each.entropy_kb(temperature_k), 4),
        "dissipated_mev_per_atom": round(1000 * each.dissipated_ev, 4),
        "volume_angstrom3_per_atom": round(each.volume_angstrom3, 4),
        "atoms": each.atoms,
        "springs_ev_per_angstrom2": {name: round(k, 4) for name, k in each.springs_ev_per_angstrom2.items()},
    }


def _of_form(form: str, atoms: Atoms, *, args: FreeEnergyArgs, md: Md) -> FreeEnergy:
    right = np.allclose(atoms.cell.angles(), 90.0, atol=0.05)
    shape = "iso" if form in ("fcc", "bcc", "diamond") else "aniso" if right else "tri"
    relaxed = md.relaxed_cell(atoms, shape=shape)
    whole = supercell_near(relaxed.atoms, atoms_aimed=args.size)
    simulation = md.simulation(f"free_energy_{form}", whole)
    values: dict[str, int | float | str] = {
        "temperature_k": args.temperature_k,
        "double_k": 2 * args.temperature_k,
    }
    steps = max(2000, round(args.warm_ps / md.timestep_ps))
    md.note(f"{form}: mean cell of {len(whole)} atoms at {args.temperature_k:g} K")
    mean = mean_cell(simulation, whole, temperature_k=args.temperature_k, steps=steps, shape=shape).atoms
    springs, energy = _swings(simulation, mean, values=values, steps=steps, args=args)
    works, path = _switched(simulation, mean, form=form, springs=springs, values=values, args=args, md=md)
    return combined_of(
        form, mean, works=works, path=path, springs=springs,
        internal_ev=energy.mean + 1.5 * BOLTZMANN_EV_PER_K * args.temperature_k, internal_sigma_ev=energy.sigma,
        sampled=2 * steps + args.cycles * _cycle(args, md)[2],
        temperature_k=args.temperature_k,
    )  # fmt: skip


def _swings(
    simulation: Simulation,
    mean: Atoms,
    *,
    values: Mapping[str, int | float | str],
    steps: int,
    args: FreeEnergyArgs,
) -> tuple[dict[str, float], Average]:
    """Springs in eV/Å² by element, all of one frequency, from how far atoms swing, and the mean potential energy in eV/atom."""
    kinds = _elements(simulation, mean)
    followed = "".join(
        f"group kind{n} type {n}\ncompute swing{n} kind{n} msd\n" for n, _ in enumerate(kinds, start=1)
    )
    columns = [f"c_swing{n}[4]" for n, _ in enumerate(kinds, start=1)]
    stage = simulation.stage(
        "swings",
        _MOVE + _BATH + followed + _RUN,
        steps=steps,
        atoms=mean,
        values=values,
        columns=columns,
        title="swings of the atoms",
    )
    thermal = BOLTZMANN_EV_PER_K * args.temperature_k
    counts = [symbols_of(mean).count(symbol) for symbol in kinds]
    omegas: list[float] = []
    for symbol, column in zip(kinds, columns, strict=True):
        rows = stage.thermo[column]
        square = float(rows[len(rows) // 4 :].mean())
        if square > _WANDERED_ANGSTROM2 or not square > 0:
            raise DynamicsError(
                "molten",
                f"Atoms of {symbol} stray {math.sqrt(max(square, 0.0)):.1f} Å from their sites: they do not stay in the crystal.",
                hint="Take a lower temperature, or another form.",
            )
        omegas.append(3 * thermal / square * EV_PER_ANGSTROM2_AMU_IN_PER_PS2 / mass_of(symbol))
    square_omega = float(np.average(omegas, weights=counts))
    energy = stage.thermo["pe"][len(stage.thermo["pe"]) // 4 :]
    return {
        symbol: mass_of(symbol) * square_omega / EV_PER_ANGSTROM2_AMU_IN_PER_PS2 for symbol in kinds
    }, average(energy).times(1 / len(mean))


def _elements(simulation: Simulation, mean: Atoms) -> tuple[str, ...]:
    """Elements in the order of the simulator's types, those of this cell alone."""
    own = set(symbols_of(mean))
    return tuple(symbol for symbol in simulation.elements if symbol in own)


def _cycle(args: FreeEnergyArgs, md: Md) -> tuple[int, int, int]:
    """Steps of a switching, of the rest before it, and of the whole cycle."""
    switch = max(1000, round(args.switch_ps / md.timestep_ps))
    rest = max(500, round(_RESTING_SHARE * switch))
    return switch, rest, 2 * (switch + rest)


def _switched(
    simulation: Simulation,
    mean: Atoms,
    *,
    form: str,
    springs: Mapping[str, float],
    values: Mapping[str, int | float | str],
    args: FreeEnergyArgs,
    md: Md,
) -> tuple[list[Switching], tuple[FloatArray, FloatArray]]:
    kinds = _elements(simulation, mean)
    switch, rest, steps = _cycle(args, md)
    numbers = range(1, len(kinds) + 1)
    # The springs scale all forces that are there before them, so the thermostat's have to come after.
    turns = "".join(
        f"group kind{n} type {n}\nfix turn{n} kind{n} ti/spring {{spring{n}}} {{switch}} {{rest}} function 2\n"
        for n in numbers
    )
    given: dict[str, int | float | str] = {**values, "switch": switch, "rest": rest}
    given |= {f"spring{n}": springs[symbol] for n, symbol in zip(numbers, kinds, strict=True)}
    columns = [f"f_turn{n}" for n in numbers] + ["f_turn1[1]"]
    works: list[Switching] = []
    path: tuple[FloatArray, FloatArray] = (np.zeros(0), np.zeros(0))
    for number in range(args.cycles):
        md.note(f"{form}: switching {number + 1} of {args.cycles}")
        stage = simulation.stage(
            f"switch_{number}",
            _MOVE + turns + _BATH + _RUN,
            steps=steps,
            atoms=mean,
            values=given,
            columns=columns,
            every=max(1, switch // _ROWS),
            title=f"{form}: switching",
        )
        rows = stage.thermo
        mean_k = float(rows["temp"][len(rows["temp"]) // 20 :].mean())
        if abs(mean_k / args.temperature_k - 1) > _STRAYED:
            raise DynamicsError(
                "not_thermal",
                f"The temperature was {mean_k:.0f} K instead of {args.temperature_k:g} K while the crystal was switched.",
                hint="Switch more slowly (switch_ps), or take more atoms (size).",
            )
        excess = np.sum([rows[f"f_turn{n}"] for n in numbers], axis=0) - rows["pe"]
        coupling = rows["f_turn1[1]"]
        since = rows["step"] - rows["step"][0]
        works.append(switching(since, coupling, excess, rest=rest, switch=switch))
        there = (since >= rest) & (since <= rest + switch)
        path = (coupling[there], excess[there] / len(mean))
    return works, path


TOOL = run
