"""Values by other means than the package's tools: from a cell, from Bragg's law, from a measured enthalpy, from the raw tables."""

from __future__ import annotations

import csv
import gzip
import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from matsmith.agents.bench.answer_checks import Expected, Recomputed, Wish
from matsmith.agents.bench.task import CrystalFile, Task
from matsmith.agents.bench.task_files import structure_of, two_theta_degrees
from matsmith.core.errors import DataError, UsageError

if TYPE_CHECKING:
    from matsmith.core.crystal import Crystal

# CODATA 2018.
_GRAMS_PER_DALTON = 1.66053906660e-24
_KJ_PER_MOL_PER_EV = 96.48533212


@dataclass(frozen=True, kw_only=True)
class _Table:
    file: str
    column: int
    power_of_ten: bool
    relative_margin: float
    absolute_margin: float


# How far every row must lie beyond a threshold before a claim is called refuted: PBE moduli lie up to a fifth off, measured
# gaps of one formula differ by its forms and their doping, and energies above the hull by the hull's version.
_TABLES = {
    "bulk_modulus": _Table(
        file="mp_log10_bulk_modulus.csv.gz",
        column=1,
        power_of_ten=True,
        relative_margin=0.2,
        absolute_margin=5.0,
    ),
    "shear_modulus": _Table(
        file="mp_log10_shear_modulus.csv.gz",
        column=1,
        power_of_ten=True,
        relative_margin=0.2,
        absolute_margin=5.0,
    ),
    "measured_band_gap": _Table(
        file="expt_band_gap.csv.gz", column=1, power_of_ten=False, relative_margin=0.1, absolute_margin=0.3
    ),
    "energy_above_hull": _Table(
        file="mp_energy_above_hull.csv.gz",
        column=1,
        power_of_ten=False,
        relative_margin=0.0,
        absolute_margin=0.1,
    ),
}
_DENSITY_MARGIN = 0.12


def expected_value(expected: Expected, *, task: Task) -> float:
    """The right value in its unit. Raises `UsageError` for a recomputation that cannot be done."""
    if expected.value is not None:
        return expected.value
    recompute = expected.recompute
    if recompute is None:
        raise UsageError("A check expects nothing.", hint="Give a value or a recomputation.")
    return _recomputed(recompute, task=task)


def _recomputed(recompute: Recomputed, *, task: Task) -> float:
    if recompute.way == "enthalpy":
        if recompute.kj_per_mol is None or recompute.atoms is None:
            raise UsageError(
                "An enthalpy needs its value and the atoms of a formula unit.", hint="Give both."
            )
        return recompute.kj_per_mol / _KJ_PER_MOL_PER_EV / recompute.atoms
    file = task.files.get(recompute.file or "")
    if not isinstance(file, CrystalFile):
        raise UsageError(
            f"{recompute.file!r} is no crystal of the task {task.id}.", hint="Name one of its crystals."
        )
    if recompute.way == "bragg":
        angle = two_theta_degrees(
            a_angstrom=file.lattice[0],
            hkl=recompute.hkl or (1, 1, 1),
            wavelength_angstrom=recompute.wavelength_angstrom,
        )
        if angle is None:
            raise UsageError(
                f"The task {task.id} asks for a line that the wavelength cannot reach.", hint="Correct it."
            )
        return angle
    structure = structure_of(file)
    symbols = [str(site.specie.symbol) for site in structure]
    volume = float(structure.volume)
    return density_g_per_cm3(symbols, volume) if recompute.way == "density" else volume / len(symbols)


def density_g_per_cm3(symbols: list[str], volume_angstrom3: float) -> float:
    """Density of a cell from ASE's standard atomic weights.

    >>> round(density_g_per_cm3(["Na", "Cl"] * 4, 5.6402**3), 2)
    2.16
    """
    from ase.data import atomic_masses, atomic_numbers

    mass = sum(float(atomic_masses[atomic_numbers[symbol]]) for symbol in symbols)
    return mass * _GRAMS_PER_DALTON / (volume_angstrom3 * 1e-24)


def contradiction(wish: Wish, *, formula: str, crystal: Crystal | None, data_dir: Path) -> str | None:
    """What an independent source says against a wish that is claimed to be kept, as a sentence; None when nothing does.

    Every form of the formula in a table must lie beyond the threshold by a wide margin: a table does not say which form is meant.
    """
    if wish.property == "density" and crystal is not None:
        found = density_g_per_cm3(list(crystal.species), crystal.volume_angstrom3)
        return _beyond(wish, [found], margin=_DENSITY_MARGIN * found, what=f"the cell of {formula}")
    table = _TABLES.get(wish.property)
    if table is None:
        return None
    rows = table_rows(data_dir / table.file, formula=formula, power_of_ten=table.power_of_ten)
    if not rows:
        return None
    margin = max(table.absolute_margin, table.relative_margin * max(map(abs, rows)))
    return _beyond(wish, rows, margin=margin, what=f"every row of {formula} in {table.file}")


def _beyond(wish: Wish, values: list[float], *, margin: float, what: str) -> str | None:
    low, high = min(values), max(values)
    if wish.above is not None and high + margin < wish.above:
        return f"{wish.property} above {wish.above:g} is claimed, and {what} has at most {high:.4g}"
    if wish.below is not None and low - margin > wish.below:
        return f"{wish.property} below {wish.below:g} is claimed, and {what} has at least {low:.4g}"
    return None


def table_rows(path: Path, *, formula: str, power_of_ten: bool = False) -> list[float]:
    """Every value that a raw table holds of a formula; empty without the table or a row. Raises `DataError` for a damaged one."""
    if not path.is_file():
        return []
    wanted = _reduced(formula)
    values = [value for name, value in _table(path) if _reduced(name) == wanted]
    return [10.0**value for value in values] if power_of_ten else values


@lru_cache(maxsize=8)
def _table(path: Path) -> tuple[tuple[str, float], ...]:
    return tuple(_read_table(path))


def _read_table(path: Path) -> Iterator[tuple[str, float]]:
    try:
        with gzip.open(path, "rt", encoding="utf-8", newline="") as file:
            rows = csv.reader(file)
            next(rows, None)
            for row in rows:
                value = float(row[1])
                if math.isfinite(value):
                    yield row[0], value
    except (OSError, EOFError, ValueError, IndexError) as error:
        raise DataError(
            f"The table {path} is damaged: {error}.", hint="Fetch it again: `matsmith data get`."
        ) from error


@lru_cache(maxsize=200_000)
def _reduced(formula: str) -> str:
    """Amounts divided by their greatest common divisor, elements in alphabetical order, without any chemistry library.

    >>> _reduced("Al4O6"), _reduced("O3Al2"), _reduced("Ca(OH)2")
    ('Al2O3', 'Al2O3', 'Ca1H2O2')
    """
    amounts = _amounts(formula)
    whole = [round(value * 1000) for value in amounts.values()]
    divisor = math.gcd(*whole) or 1
    return "".join(
        f"{symbol}{count // divisor:d}"
        for symbol, count in sorted(zip(amounts, whole, strict=True), key=lambda p: p[0])
    )


def elements_of(formula: str) -> set[str]:
    """The symbols in a formula."""
    return set(_amounts(formula))


def _amounts(formula: str) -> dict[str, float]:
    stack: list[dict[str, float]] = [{}]
    for symbol, number, opening, closing, times in re.findall(
        r"([A-Z][a-z]?)(\d*\.?\d*)|([(\[{])|([)\]}])(\d*\.?\d*)", formula
    ):
        if opening:
            stack.append({})
        elif closing and len(stack) > 1:
            inner = stack.pop()
            for name, count in inner.items():
                stack[-1][name] = stack[-1].get(name, 0.0) + count * float(times or 1)
        elif symbol:
            stack[-1][symbol] = stack[-1].get(symbol, 0.0) + float(number or 1)
    return stack[0]
