"""Order in an alloy: atoms of different elements change places by Metropolis' rule while all of them move at temperature.

Warren-Cowley's parameters of each shell of neighbours (J. M. Cowley, Phys. Rev. 77, 669 (1950)),

    α_ij = 1 - P(j beside i) / c_j,

are 0 in a random alloy, negative where unlike neighbours are preferred, positive where like ones are. The order-disorder temperature is where
the first shell's parameter falls steepest over the temperatures given; a small cell rounds and shifts it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from pydantic import Field, JsonValue, field_validator

from matsmith.core.crystal import Crystal
from matsmith.core.quantity import Quantity, Truth
from matsmith.core.record import Outcome
from matsmith.models.potentials.interface import FloatArray, IntArray
from matsmith.tools.drawn_series import Trace, TracePlot, traces_fact
from matsmith.tools.lammps.failures import DynamicsError
from matsmith.tools.lammps.protocol import Md, MdArgs, System, protocol
from matsmith.tools.lammps.statistics import FEWEST_SAMPLES, average, drift
from matsmith.tools.lammps.structures import restricted, supercell_near, symbols_of

if TYPE_CHECKING:
    from ase import Atoms

_SHELLS = 3
_SAME_SHELL = 0.06
_FRAMES = 60
_STEPS_BETWEEN = 10
_LEAST_FALL = 0.15
_MOVE = """velocity all create {temperature_k} {seed} mom yes rot no dist gaussian
fix box all npt temp {temperature_k} {temperature_k} {damp_t} {shape} 0.0 0.0 {damp_p} flip no
"""
_FOLLOW = """dump frames all custom {between_frames} frames.dump id type xu yu zu
run {steps}
"""


class MonteCarloArgs(MdArgs):
    """Of which alloy, at which temperatures, and how many swaps are tried."""

    size: int = Field(default=250, ge=32, le=50_000, description="atoms aimed at")
    temperatures_k: tuple[float, ...] = Field(
        default=(600.0,),
        min_length=1,
        max_length=20,
        description="temperatures in K, each from the state before it",
    )
    sweeps: float = Field(
        default=20.0, ge=1, le=5000, description="swaps tried at each temperature, in numbers of atoms"
    )

    @field_validator("temperatures_k")
    @classmethod
    def _sound(cls, value: tuple[float, ...]) -> tuple[float, ...]:
        if any(not 10 <= t <= 5000 for t in value):
            raise ValueError("temperatures lie between 10 and 5000 K")
        return value


@dataclass(frozen=True, kw_only=True)
class Shell:
    """Pairs (k, 2) of sites that stand a distance apart; each pair once each way."""

    distance_angstrom: float
    pairs: IntArray


def shells(atoms: Atoms, *, count: int = _SHELLS) -> list[Shell]:
    """The nearest shells of neighbours of a crystal on its sites; distances within 6 % of each other are one shell."""
    from ase.neighborlist import neighbor_list  # pyright: ignore[reportUnknownVariableType]

    # Beyond the third shell of fcc, at 1.225 of this length.
    reach = 1.3 * (4 * atoms.get_volume() / len(atoms)) ** (1 / 3)
    found: tuple[Any, Any, Any] = cast("Any", neighbor_list)("ijd", atoms, reach)
    first, second = (np.asarray(found[place], dtype=np.int64) for place in (0, 1))
    distances = np.asarray(found[2], dtype=np.float64)
    order = np.argsort(distances)
    sorted_distances = distances[order]
    breaks = np.flatnonzero(np.diff(sorted_distances) > _SAME_SHELL * sorted_distances[:-1]) + 1
    made: list[Shell] = []
    for part in np.split(order, breaks)[:count]:
        pairs = np.stack([first[part], second[part]], axis=1).astype(np.int64)
        made.append(Shell(distance_angstrom=float(distances[part].mean()), pairs=pairs))
    return made


def warren_cowley(kinds: IntArray, pairs: IntArray, *, number: int) -> FloatArray:
    """Parameters (number, number) of one arrangement: kinds (n,) counted from 0, ordered pairs (k, 2).

    >>> import numpy as np
    >>> ring = np.array([[0, 1], [1, 2], [2, 3], [3, 0]])
    >>> both = np.vstack([ring, ring[:, ::-1]])
    >>> warren_cowley(np.array([0, 1, 0, 1]), both, number=2).round(6).tolist()
    [[1.0, -1.0], [-1.0, 1.0]]
    """
    shares = np.bincount(kinds, minlength=number) / len(kinds)
    beside = np.zeros((number, number))
    np.add.at(beside, (kinds[pairs[:, 0]], kinds[pairs[:, 1]]), 1.0)
    total = beside.sum(axis=1, keepdims=True)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(1 - beside / total / shares[None, :], dtype=np.float64)


def steepest(temperatures_k: FloatArray, order: FloatArray) -> tuple[float, float] | None:
    """Where a curve of order over temperature falls steepest, with half the spacing there as error; None where it hardly falls."""
    if len(temperatures_k) < 4:
        return None
    rank = np.argsort(temperatures_k)
    t, s = temperatures_k[rank], np.abs(order[rank])
    if float(s.max() - s.min()) < _LEAST_FALL or s[0] < s[-1]:
        return None
    slopes = np.diff(s) / np.diff(t)
    k = int(np.argmin(slopes))
    return float(t[k] + t[k + 1]) / 2, float(t[k + 1] - t[k]) / 2


@protocol(
    name="md_monte_carlo",
    title="Order in an alloy by Monte Carlo swaps",
    measures=(),
    cost_s=120.0,
    prefers="alloy",
    version="2",
)
def run(args: MonteCarloArgs, *, system: System, md: Md) -> Outcome:
    """Warren-Cowley parameters of an alloy at temperatures, by swaps of unlike atoms under molecular dynamics; the order-disorder temperature.

    Quantities: the first shell's parameter of the two most frequent elements at the last temperature, and
    `order_disorder_temperature` (K) where at least four temperatures show a fall. The structure returned is the last arrangement. Typed failures:
    one_element, and those of the runs.

    Example: matsmith tool md_monte_carlo --args '{"structure": "FeCr.cif", "temperatures_k": [400, 700, 1000, 1300]}'
    """
    if len(system.elements) < 2:
        raise DynamicsError(
            "one_element", f"{system.formula} has one element: nothing can be swapped.", hint="Give an alloy."
        )
    right = np.allclose(system.atoms.cell.angles(), 90.0, atol=0.05)
    shape = "aniso" if right else "tri"
    relaxed = md.relaxed_cell(system, shape=shape)
    start = supercell_near(relaxed.atoms, atoms_aimed=args.size)
    # Atoms stray from their sites as they relax, so that shells would run into each other: neighbours are those of the sites, in the
    # cell that is run, whose vectors, and with them the numbers of the repeated sites, need not be those of the cell as given.
    sites, _ = restricted(system.atoms)
    sites.set_cell(relaxed.atoms.cell, scale_atoms=True)
    found_shells = shells(supercell_near(sites, atoms_aimed=args.size))
    simulation = md.simulation("swaps", start)
    elements = simulation.elements
    pairs = list(combinations(range(1, len(elements) + 1), 2))
    tried = max(1, round(args.sweeps * len(start)))
    per_pair = max(1, round(len(start) / 50 / len(pairs)))
    steps = _STEPS_BETWEEN * math.ceil(tried / (per_pair * len(pairs)))
    swaps = "".join(
        f"fix swap{n} all atom/swap {_STEPS_BETWEEN} {{tries}} {{seed}} {{temperature_k}} types {a} {b}\n"
        for n, (a, b) in enumerate(pairs)
    )
    columns = [f"f_swap{n}[{part}]" for n in range(len(pairs)) for part in (1, 2)]
    states: list[_State] = []
    atoms: Atoms | None = start
    for number, temperature in enumerate(args.temperatures_k):
        md.note(f"{tried} swaps at {temperature:g} K ({number + 1} of {len(args.temperatures_k)})")
        stage = simulation.stage(
            f"at_{number}",
            _MOVE + swaps + _FOLLOW,
            steps=steps,
            atoms=atoms,
            values={
                "temperature_k": temperature,
                "shape": shape,
                "tries": per_pair,
                "between_frames": max(_STEPS_BETWEEN, steps // _FRAMES),
            },
            columns=columns,
            title=f"swaps at {temperature:g} K",
        )
        kinds = stage.dump("frames").types - 1
        states.append(
            _state(
                kinds,
                found_shells,
                number=len(elements),
                temperature_k=temperature,
                accepted=sum(float(stage.thermo[f"f_swap{n}[2]"][-1]) for n in range(len(pairs))),
                tried=sum(float(stage.thermo[f"f_swap{n}[1]"][-1]) for n in range(len(pairs))),
            )
        )
        atoms = stage.final
    assert atoms is not None
    return _outcome(states, atoms, shells_=found_shells, elements=elements, system=system, steps=steps, md=md)


@dataclass(frozen=True, kw_only=True)
class _State:
    """Order at one temperature: mean parameters (shells, number, number), their errors, and the first shell's over the frames."""

    temperature_k: float
    mean: FloatArray
    sigma: FloatArray
    over_frames: FloatArray
    accepted: float
    steady: bool


def _state(
    kinds: IntArray,
    found: list[Shell],
    *,
    number: int,
    temperature_k: float,
    accepted: float,
    tried: float,
) -> _State:
    rows = np.array(
        [[warren_cowley(frame, shell.pairs, number=number) for shell in found] for frame in kinds]
    )
    kept = rows[len(rows) // 3 :]
    mean = kept.mean(axis=0)
    sigma = np.zeros_like(mean)
    if len(kept) >= FEWEST_SAMPLES:
        for index in np.ndindex(*mean.shape):
            sigma[index] = average(kept[(slice(None), *index)]).sigma
    first = rows[:, 0, 0, 1]
    steady = len(first) < 4 * FEWEST_SAMPLES or drift(kept[:, 0, 0, 1]).steady
    return _State(
        temperature_k=temperature_k,
        mean=mean,
        sigma=sigma,
        over_frames=first,
        accepted=accepted / max(tried, 1.0),
        steady=steady,
    )


def _outcome(
    states: list[_State],
    atoms: Atoms,
    *,
    shells_: list[Shell],
    elements: tuple[str, ...],
    system: System,
    steps: int,
    md: Md,
) -> Outcome:
    symbols = symbols_of(system.atoms)
    one, two = sorted(sorted(range(len(elements)), key=lambda k: -symbols.count(elements[k]))[:2])
    name = f"{elements[one]}-{elements[two]}"
    last = states[-1]
    truth = Truth.EXPERIMENT_AT_CONDITIONS
    quantities = {
        "warren_cowley_first_shell": Quantity(
            value=float(last.mean[0, one, two]), unit="", sigma=float(last.sigma[0, one, two]), truth=truth
        )
    }
    temperatures = np.array([state.temperature_k for state in states])
    order = np.array([float(state.mean[0, one, two]) for state in states])
    errors = np.array([float(state.sigma[0, one, two]) for state in states])
    fall = steepest(temperatures, order)
    if fall is not None:
        quantities["order_disorder_temperature"] = Quantity(
            value=fall[0], unit="K", sigma=fall[1], truth=truth
        )
    warnings = [
        *md.warnings,
        "a cell of this size rounds and shifts a transition: repeat with a larger one (size)",
    ]
    for state in states:
        if not state.steady:
            warnings.append(f"order still drifts at {state.temperature_k:g} K: try more swaps (sweeps)")
        if state.accepted < 0.005:
            warnings.append(
                f"only {100 * state.accepted:.2f} % of the swaps are accepted at {state.temperature_k:g} K: order may be frozen in"
            )
    rows: list[JsonValue] = [
        {
            "temperature_k": state.temperature_k,
            "accepted_share": round(state.accepted, 5),
            "warren_cowley": {
                f"{elements[i]}-{elements[j]}": [round(float(shell[i, j]), 4) for shell in state.mean]
                for i in range(len(elements))
                for j in range(i, len(elements))
            },
        }
        for state in states
    ]
    return Outcome(
        quantities=quantities,
        facts={
            "pair": name,
            "shell_distances_angstrom": [round(shell.distance_angstrom, 3) for shell in shells_],
            "neighbours_in_shells": [round(len(shell.pairs) / len(atoms), 2) for shell in shells_],
            "states": rows,
            "atoms": len(atoms),
            "parameter_of_a_random_cell_of_this_size": round(-1 / (len(atoms) - 1), 4),
            **traces_fact(
                TracePlot(
                    id="order-over-temperature",
                    title=f"Warren-Cowley parameter of {name}, first shell",
                    x=("temperature", "K"),
                    y=("parameter", ""),
                    traces=[Trace(name=name, x=temperatures, y=order, sigma=errors, style="points")],
                    guides=[] if fall is None else [("x", fall[0], "steepest")],
                ),
                TracePlot(
                    id="order-over-swaps",
                    title="The parameter on the way",
                    x=("share of the run", "%"),
                    y=("parameter", ""),
                    traces=[
                        Trace(
                            name=f"{state.temperature_k:g} K",
                            x=np.linspace(0, 100, len(state.over_frames)),
                            y=state.over_frames,
                        )
                        for state in states[:6]
                    ],
                ),
            ),
        },
        crystal=_crystal(atoms),
        method=md.method(
            "swaps of unlike atoms by Metropolis' rule under molecular dynamics",
            steps=steps * len(states),
            atoms=len(atoms),
            ensemble="NPT with swaps",
        ),
        warnings=tuple(warnings),
    )


def _crystal(atoms: Atoms) -> Crystal:
    """The last arrangement as plain data."""
    rows = np.asarray(atoms.cell.array, dtype=np.float64).tolist()
    places = np.asarray(atoms.get_scaled_positions(wrap=True), dtype=np.float64).tolist()
    return Crystal(lattice=rows, species=tuple(symbols_of(atoms)), positions=places)


TOOL = run
