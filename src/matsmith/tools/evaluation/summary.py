"""From samples, each judged, to figures: shares over all samples, the unreadable ones included.

Uniqueness and novelty are those of the crystals as they were generated; stable, unique and new together count equal crystals once, by the lowest.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from matsmith.tools.evaluation.asked import NEEDS_ENERGY, hit_words, is_hit
from matsmith.tools.evaluation.energies import Energy
from matsmith.tools.evaluation.figures import Figure, drawn, mean, share
from matsmith.tools.evaluation.measures import composition_method
from matsmith.tools.evaluation.rows import Row
from matsmith.tools.evaluation.samples import Sample

HULL_STEPS_EV_PER_ATOM = (0.1, 0.05, 0.0)


@dataclass(frozen=True, kw_only=True)
class Judged:
    """One sample with all that was found of it. `group` numbers equal crystals, -1 for what was not compared."""

    sample: Sample
    row: Row
    group: int = -1
    disorder_group: int = -1
    energy: Energy | None = None
    wanted: Mapping[str, float] = field(default_factory=dict[str, float])
    values: Mapping[str, float | None] = field(default_factory=dict[str, float | None])
    obeys: bool | None = None


def summarised(judged: Sequence[Judged], *, relaxed: bool) -> list[Figure]:
    """Every share is over all samples; those of energies only where samples were `relaxed`."""
    count = len(judged)
    rows = [one.row for one in judged]

    def over_all(name: str, title: str, hits: int, method: str = "") -> Figure:
        return share(name, title, hits, count, method=method)

    unique = _first_of_groups(judged)
    figures = [
        over_all("readable", "readable", sum(not row.problem for row in rows)),
        over_all(
            "structure_valid",
            "structural validity",
            sum(row.structure_valid for row in rows),
            "smallest distance above 0.5 Å, own images included; cell above 0.1 Å³",
        ),
        over_all(
            "atoms_apart",
            "no two atoms too close",
            sum(row.atoms_apart for row in rows),
            "every distance at least 0.7 of the sum of the covalent radii",
        ),
        over_all(
            "composition_valid",
            "composition validity (icsd24)",
            sum(row.composition_valid for row in rows),
            composition_method(),
        ),
        over_all(
            "composition_valid_smact14",
            "composition validity (smact14)",
            sum(row.composition_valid_smact14 for row in rows),
            composition_method(),
        ),
        over_all("valid", "valid in both", sum(row.valid for row in rows)),
        over_all(
            "unique",
            "unique",
            len({one.group for one in judged if one.group >= 0}),
            "different crystals among the structurally valid ones: StructureMatcher, ltol 0.1, stol 0.2, angle 4°, volumes within 10 %",
        ),
        over_all("unique_disorder", "unique, orderings let count as one", len(unique)),
        over_all(
            "new_formula",
            "new formula",
            sum(row.structure_valid and row.new_formula for row in rows),
            "in no list at hand, nor in the reference",
        ),
        over_all(
            "new",
            "new structure",
            sum(row.structure_valid and row.new for row in rows),
            "equal to no known crystal of its formula (StructureMatcher, also up to disorder); known where only the formula is listed",
        ),
        over_all("unique_new", "unique and new", sum(one.row.new for one in unique)),
        over_all(
            "new_prototype",
            "in no AFLOW prototype",
            sum(row.structure_valid and not row.prototype for row in rows),
            "anonymous StructureMatcher against the library's prototypes of at most 40 atoms",
        ),
    ]
    if relaxed:
        figures += _energy_figures(judged, unique)
    ruled = [one.obeys for one in judged if one.obeys is not None]
    if ruled:
        figures.append(
            share("obeys_elements", "has the elements or the formula asked for", sum(ruled), len(ruled))
        )
    for name in sorted({name for one in judged for name in one.wanted}):
        figures += _condition_figures(judged, name, relaxed=relaxed)
    return figures


def _first_of_groups(judged: Sequence[Judged]) -> list[Judged]:
    """Of equal crystals the one that lies lowest, or the first."""
    best: dict[int, Judged] = {}
    for one in judged:
        held = best.get(one.disorder_group)
        if one.disorder_group >= 0 and (held is None or _above(one) < _above(held)):
            best[one.disorder_group] = one
    return list(best.values())


def _above(one: Judged) -> float:
    above = None if one.energy is None else one.energy.above_hull
    return float("inf") if above is None else above


def _energy_figures(judged: Sequence[Judged], unique: Sequence[Judged]) -> list[Figure]:
    count = len(judged)
    energies = [one.energy for one in judged if one.energy is not None]
    tiers = sorted({energy.tier for energy in energies if energy.tier})
    method = f"after relaxation, against the hull of: {', '.join(tiers) or 'none'}; the potential's energy on its basis"
    held = sum(energy.above_hull is not None for energy in energies)
    figures = [
        share("relaxed", "relaxed", sum(energy.relaxed is not None for energy in energies), count),
        share("hull_known", "with a hull to judge by", held, count),
    ]
    # What has no hull counts as far from it, but where nothing has one nothing was measured.
    of = count if held else 0
    figures += [
        share(
            f"hull_{step:g}",
            f"within {step:g} eV/atom of the hull",
            sum(_above(one) <= step for one in judged),
            of,
            method=method,
        )
        for step in HULL_STEPS_EV_PER_ATOM
    ]
    figures += [
        share(
            f"sun_{step:g}",
            f"within {step:g} eV/atom, unique and new",
            sum(one.row.new and _above(one) <= step for one in unique),
            of,
            method="equal crystals count once, by the lowest of them",
        )
        for step in HULL_STEPS_EV_PER_ATOM
    ]
    ways = np.array([energy.moved_angstrom for energy in energies if energy.moved_angstrom is not None])
    figures += [
        drawn(
            "rmsd",
            "way to the relaxed structure, median",
            ways,
            of=lambda values: float(np.median(values)),
            unit="Å",
            method="root mean square over atoms in their order, drift taken off",
        ),
        mean("rmsd_mean", "way to the relaxed structure, mean", ways.tolist(), unit="Å"),
        share("rmsd_0.2", "relaxed within 0.2 Å", int((ways < 0.2).sum()), count),
    ]
    return figures


def _condition_figures(judged: Sequence[Judged], name: str, *, relaxed: bool) -> list[Figure]:
    """Hit rate of one condition and the mean distance from what was asked; values that could not be had are no hits.

    What needs energies has no rate where nothing was `relaxed`: it was not measured, which is no miss.
    """
    title = f"{name} as asked for"
    if name in NEEDS_ENERGY and not relaxed:
        return [share(f"hit_{name}", f"{title} (needs --relax)", 0, 0, method="needs --relax")]
    asked = [one for one in judged if name in one.wanted]
    hits = sum(is_hit(name, value=one.values.get(name), wanted=one.wanted[name]) for one in asked)
    pairs = [(value, one.wanted[name]) for one in asked if (value := one.values.get(name)) is not None]
    figures = [
        share(f"hit_{name}", title, hits, len(asked), method=hit_words(name)),
    ]
    if name not in ("crystal_system", "space_group", "atoms"):
        figures.append(
            mean(f"off_{name}", f"{name} less what was asked, mean", [a - b for a, b in pairs], unit="")
        )
        figures.append(
            mean(f"error_{name}", f"{name}, mean absolute distance", [abs(a - b) for a, b in pairs], unit="")
        )
    return figures
