"""The convex hull that a candidate was judged against, with the candidate on it: over one fraction, in a triangle, or as a table."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from pydantic import Field

from matsmith.agents.figures.build import Lacking
from matsmith.agents.figures.model import Axis, Figure, Series, Words
from matsmith.agents.figures.reading import Facts, Number
from matsmith.core.elements import parse_formula
from matsmith.core.quantity import Quantity, format_value

if TYPE_CHECKING:
    from matsmith.core.record import Record
    from matsmith.knowledge.hull import ConvexHull

_MOST_PHASES = 400
_ON_HULL_EV = 1e-6
_CORNERS = ((0.0, 0.0), (1.0, 0.0), (0.5, math.sqrt(3) / 2))


class _Phase(Facts):
    formula: str = Field(max_length=120)
    formation_energy_ev_per_atom: Number
    sigma_ev_per_atom: Number = 0.0


class _Competition(Facts):
    formula: str = Field(max_length=120)
    elements: list[str] = Field(min_length=1, max_length=10)
    phases: list[_Phase] = Field(max_length=_MOST_PHASES)
    left_out: int = 0


class _Stability(Facts):
    competition_drawn: _Competition | None = None
    references: str = ""
    complete: bool = False


@dataclass(frozen=True, kw_only=True)
class _Diagram:
    """A chemical system with its hull; `fractions` (n, k) of its phases, elements last, and of the candidate (k,)."""

    elements: tuple[str, ...]
    names: tuple[str, ...]
    fractions: np.ndarray
    energies: np.ndarray
    sigmas: tuple[float, ...]
    above: np.ndarray
    hull: ConvexHull
    candidate: str
    place: np.ndarray
    formation: Quantity
    distance: Quantity
    note: str

    @property
    def on_hull(self) -> list[int]:
        """Phases and elements that are corners of the hull."""
        corners = {int(corner) for corner in self.hull.facets.ravel()}
        return sorted(corners)

    def told(self, index: int) -> str:
        """A phase in words."""
        if index >= len(self.names) - len(self.elements):
            return f"{self.names[index]}, element"
        sigma = self.sigmas[index]
        energy = format_value(float(self.energies[index]), sigma=sigma, unit="eV/atom")
        above = float(self.above[index])
        where = "on the hull" if above < _ON_HULL_EV else f"{1000 * above:.0f} meV/atom above the hull"
        return f"{self.names[index]}: formation energy {energy}, {where}"

    @property
    def told_candidate(self) -> str:
        """The candidate in words."""
        return f"{self.candidate}, this candidate: formation energy {self.formation}, {self.distance} above the hull"


def figures(record: Record) -> list[Figure]:
    """A diagram of two or three elements; of more a table of the phases nearest to the hull."""
    facts = _Stability.model_validate(record.outcome.facts)
    kept = facts.competition_drawn
    if kept is None:
        raise Lacking(
            "This record does not keep the phases it was judged against.",
            hint="Run stability again to draw its diagram.",
        )
    diagram = _diagram(record, kept, facts)
    match len(diagram.elements):
        case 1:
            return []
        case 2:
            return [_binary(diagram)]
        case 3:
            return [_ternary(diagram), _table(diagram)]
        case _:
            return [_table(diagram)]


def _diagram(record: Record, kept: _Competition, facts: _Stability) -> _Diagram:
    from pymatgen.core import Composition

    from matsmith.knowledge.formulas import key_amounts, reduced_key
    from matsmith.knowledge.hull import ConvexHull

    # As the formula writes them, from the most metallic on: Mg–O, not by atomic number.
    written = [symbol for symbol in parse_formula(kept.formula) if symbol in kept.elements]
    elements = (*written, *(symbol for symbol in kept.elements if symbol not in written))

    def fractions(formula: str) -> list[float]:
        amounts = key_amounts(reduced_key(formula))
        if not set(amounts) <= set(elements):
            raise ValueError(f"{formula} is not of the system")
        total = sum(amounts.values())
        return [amounts.get(symbol, 0.0) / total for symbol in elements]

    # The elements stand at zero by definition, whatever rows of theirs the references hold.
    compounds = [phase for phase in kept.phases if len(key_amounts(reduced_key(phase.formula))) > 1]
    rows = np.array([fractions(phase.formula) for phase in compounds]).reshape(-1, len(elements))
    energies = np.array([phase.formation_energy_ev_per_atom for phase in compounds])
    hull = ConvexHull.build(elements, rows, energies)
    partial = (
        "" if facts.complete else " These references are not complete: a missing phase would lower the hull."
    )
    left = f" {kept.left_out} phases farther above the hull are left out." if kept.left_out else ""
    return _Diagram(
        elements=elements,
        names=(*(Composition(phase.formula).reduced_formula for phase in compounds), *elements),
        fractions=np.vstack([rows, np.eye(len(elements))]),
        energies=np.append(energies, np.zeros(len(elements))),
        sigmas=(*(phase.sigma_ev_per_atom for phase in compounds), *(0.0 for _ in elements)),
        above=np.append(hull.energy_above_hull(rows, energies) if len(rows) else [], np.zeros(len(elements))),
        hull=hull,
        candidate=kept.formula,
        place=np.array(fractions(kept.formula)),
        formation=record.quantities["formation_energy"],
        distance=record.quantities["energy_above_hull"],
        note=f"Against {facts.references}.{left}{partial}",
    )  # fmt: skip


def _binary(diagram: _Diagram) -> Figure:
    first, second = diagram.elements
    x = diagram.fractions[:, 1]
    corners = sorted(diagram.on_hull, key=lambda index: x[index])
    others = [index for index in range(len(x)) if index not in set(corners)]
    return Figure(
        id="phase-diagram",
        title=f"Phase diagram {first}–{second}",
        note=diagram.note,
        x=Axis(name=f"fraction of {second}", low=0.0, high=1.0),
        y=Axis(name="formation energy", unit="eV/atom"),
        series=(
            Series(name="hull", style="line", x=tuple(x[corners].tolist()), y=tuple(diagram.energies[corners].tolist()), tone="second", quiet=True),
            _phases(diagram, "on the hull", corners, x, diagram.energies, named=True, hollow=False),
            _phases(diagram, "above the hull", others, x, diagram.energies, named=False, hollow=True),
            Series(name="this candidate", x=(float(diagram.place[1]),), y=(diagram.formation.value,), y_sigma=(diagram.formation.sigma,),
                   labels=(diagram.told_candidate,), names=(diagram.candidate,), tone="fifth", large=True),
        ),
    )  # fmt: skip


def _phases(
    diagram: _Diagram,
    name: str,
    chosen: Sequence[int],
    x: np.ndarray,
    y: np.ndarray,
    *,
    named: bool,
    hollow: bool,
) -> Series:
    own = diagram.candidate
    return Series(
        name=name,
        x=tuple(float(x[index]) for index in chosen),
        y=tuple(float(y[index]) for index in chosen),
        labels=tuple(diagram.told(index) for index in chosen),
        names=tuple(
            diagram.names[index] if named and diagram.names[index] != own else "" for index in chosen
        ),
        tone="quiet" if hollow else "first",
        hollow=hollow,
    )


def _ternary(diagram: _Diagram) -> Figure:
    corners = np.array(_CORNERS)
    places = diagram.fractions @ corners
    here = diagram.place @ corners
    x, y = places[:, 0], places[:, 1]
    ties_x: list[float | None] = []
    ties_y: list[float | None] = []
    seen: set[tuple[int, int]] = set()
    for facet in diagram.hull.facets.tolist():
        for i in range(3):
            edge = (min(facet[i], facet[i - 1]), max(facet[i], facet[i - 1]))
            if edge in seen:
                continue
            seen.add(edge)
            ties_x += [float(x[edge[0]]), float(x[edge[1]]), None]
            ties_y += [float(y[edge[0]]), float(y[edge[1]]), None]
    elements = len(diagram.names) - len(diagram.elements)
    stable = [index for index in diagram.on_hull if index < elements]
    others = [index for index in range(elements) if index not in set(stable)]
    return Figure(
        id="phase-diagram",
        title=f"Phase diagram {'–'.join(diagram.elements)}",
        note=f"{diagram.candidate} lies {diagram.distance} above the hull. Corners are the elements; lines join phases that exist side by side. {diagram.note}",
        series=(
            Series(name="frame", style="line", x=(0.0, 1.0, 0.5, 0.0), y=(0.0, 0.0, _CORNERS[2][1], 0.0), tone="quiet", quiet=True),
            Series(name="tie lines", style="line", x=tuple(ties_x), y=tuple(ties_y), tone="second", quiet=True),
            _phases(diagram, "above the hull", others, x, y, named=False, hollow=True),
            _phases(diagram, "on the hull", stable, x, y, named=True, hollow=False),
            Series(name="this candidate", x=(float(here[0]),), y=(float(here[1]),), labels=(diagram.told_candidate,), names=(diagram.candidate,),
                   tone="fifth", large=True),
        ),
        words=tuple(Words(x=cx, y=cy, text=symbol) for symbol, (cx, cy) in zip(diagram.elements, _CORNERS, strict=True)),
        framed=False,
        equal=True,
    )  # fmt: skip


def _table(diagram: _Diagram) -> Figure:
    """What the candidate would fall apart into, and the phases of the system nearest to the hull."""
    count = len(diagram.names) - len(diagram.elements)
    shares = dict(diagram.hull.decomposition(diagram.place))
    order = [index for index in shares if index >= count]
    order += sorted(range(count), key=lambda index: (-shares.get(index, 0.0), diagram.above[index]))
    rows = [
        (
            diagram.names[index],
            format_value(float(diagram.energies[index]), sigma=diagram.sigmas[index], unit=""),
            f"{1000 * max(0.0, float(diagram.above[index])):.0f}",
            f"{100 * shares[index]:.1f} %" if index in shares else "",
        )
        for index in order
    ]
    own = (
        f"{diagram.candidate} (this candidate)",
        format_value(diagram.formation.value, sigma=diagram.formation.sigma, unit=""),
        format_value(1000 * diagram.distance.value, sigma=1000 * diagram.distance.sigma, unit=""),
        "",
    )
    return Figure(
        id="phases",
        title=f"Phases of {'–'.join(diagram.elements)}",
        note=f"The share is of the atoms that {diagram.candidate} would fall apart into. {diagram.note}",
        columns=("phase", "formation energy (eV/atom)", "above the hull (meV/atom)", "share"),
        rows=(own, *rows),
    )
