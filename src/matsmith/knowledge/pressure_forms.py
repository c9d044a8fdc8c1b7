"""Which form of a compound or element pressure brings, as measured: boundaries between forms with citations, and what lies beside them.

Above a boundary at p* the form before it lies higher in Gibbs energy by (p - p*) dV to first order, dV being the volume that the
change saves; below it, the form after. Volumes are those at ambient pressure, which makes this estimate too large by up to a third.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib import resources
from typing import Any, cast

from matsmith.core.errors import DataError
from matsmith.knowledge.crystals import Citation
from matsmith.knowledge.formulas import reduced_key

_EV_PER_ANGSTROM3_IN_GPA = 160.21766208
ROOM_K = 298.15
# How far an estimate from volumes at ambient pressure can be off, and what is left of an observed equilibrium.
_RELATIVE_SIGMA, _OBSERVED_SIGMA_EV_PER_ATOM = 0.3, 0.01
_NEAR_SIGMAS = 2.0


@dataclass(frozen=True, kw_only=True)
class PressureForm:
    """One form: its space groups, atoms in the primitive cell, and volume per atom in Å³ at ambient pressure."""

    name: str
    space_groups: tuple[int, ...]
    atoms: int
    volume_angstrom3: float


@dataclass(frozen=True, kw_only=True)
class Boundary:
    """Where a form gives way to the next: GPa at 298 K with one sigma, its slope, and the temperatures it was followed over."""

    pressure_gpa: float
    sigma_gpa: float
    slope_gpa_per_k: float
    temperature_k: tuple[float, float]
    citation: Citation

    def at(self, temperature_k: float) -> float:
        """The pressure in GPa at a temperature. Raises `DataError` where the boundary was not followed."""
        low, high = self.temperature_k
        if not low <= temperature_k <= high:
            raise DataError(
                f"The boundary at {self.pressure_gpa:g} GPa was measured from {low:g} to {high:g} K, not at {temperature_k:g} K.",
                hint="pressure_stability computes Gibbs energies there.",
            )
        return self.pressure_gpa + self.slope_gpa_per_k * (temperature_k - ROOM_K)


@dataclass(frozen=True, kw_only=True)
class Field:
    """What the boundaries say of a form: eV/atom above the stable one with one sigma, which one that is, and who measured it."""

    above_ev_per_atom: float
    sigma_ev_per_atom: float
    stable: PressureForm
    citations: tuple[Citation, ...]


@dataclass(frozen=True, kw_only=True)
class PressureSystem:
    """The forms of one formula in the order in which pressure brings them, and the boundaries between neighbours."""

    formula: str
    forms: tuple[PressureForm, ...]
    boundaries: tuple[Boundary, ...]
    observed_to_gpa: float
    citation: Citation | None
    temperature_k: tuple[float, float]

    def form(self, *, space_group: int, atoms: int, volume_angstrom3: float) -> PressureForm | None:
        """The form with this symmetry, primitive cell and volume per atom (of a crystal under any pressure), or None."""
        for form in self.forms:
            share = volume_angstrom3 / form.volume_angstrom3
            if space_group in form.space_groups and atoms == form.atoms and 0.6 <= share <= 1.15:
                return form
        return None

    def field(self, form: PressureForm, *, pressure_gpa: float, temperature_k: float | None = None) -> Field:
        """How far a form lies above the one that is stable there.

        Raises `DataError` beyond the pressures and temperatures that were measured.

        >>> silica = next(one for one in pressure_systems().values() if one.formula == "SiO2")
        >>> found = silica.field(silica.forms[0], pressure_gpa=10)
        >>> found.stable.name, round(found.above_ev_per_atom, 2)
        ('stishovite', 0.14)
        """
        if not 0 <= pressure_gpa <= self.observed_to_gpa:
            raise DataError(
                f"{self.formula} was followed to {self.observed_to_gpa:g} GPa here, not to {pressure_gpa:g} GPa.",
                hint="pressure_stability computes enthalpies there.",
            )
        temperature = ROOM_K if temperature_k is None else temperature_k
        if not self.boundaries and not self.temperature_k[0] <= temperature <= self.temperature_k[1]:
            low, high = self.temperature_k
            raise DataError(
                f"{self.formula} was followed from {low:g} to {high:g} K, not at {temperature:g} K.",
                hint="pressure_stability computes Gibbs energies there.",
            )
        place = self.forms.index(form)
        above, variance = 0.0, _OBSERVED_SIGMA_EV_PER_ATOM**2
        stable, cited = form, list[Citation]()
        # Upwards from the form, then downwards: every boundary that it has been left behind by, and the next one.
        upward = [(step, 1) for step in range(place, len(self.boundaries))]
        downward = [(step, -1) for step in range(place - 1, -1, -1)]
        for steps in (upward, downward):
            for step, direction in steps:
                line = self.boundaries[step]
                beyond = direction * (pressure_gpa - line.at(temperature))
                saved = self.forms[step].volume_angstrom3 - self.forms[step + 1].volume_angstrom3
                per_gpa = abs(saved) / _EV_PER_ANGSTROM3_IN_GPA
                cited.append(line.citation)
                if beyond > -_NEAR_SIGMAS * line.sigma_gpa:
                    variance += (line.sigma_gpa * per_gpa) ** 2
                if beyond <= 0:
                    break
                above += beyond * per_gpa
                stable = self.forms[step + 1 if direction > 0 else step]
        if self.citation is not None:
            cited.append(self.citation)
        return Field(
            above_ev_per_atom=above,
            sigma_ev_per_atom=math.sqrt(variance + (_RELATIVE_SIGMA * above) ** 2),
            stable=stable,
            citations=tuple(dict.fromkeys(cited)),
        )


@lru_cache(maxsize=1)
def pressure_systems() -> Mapping[str, PressureSystem]:
    """Every formula whose forms under pressure ship, by its reduced key. Raises `DataError` when the file is damaged."""
    try:
        text = resources.files("matsmith.knowledge").joinpath("pressure_forms.json").read_text("utf-8")
        data = cast("dict[str, Any]", json.loads(text))
        citations = {key: Citation(**value) for key, value in data["citations"].items()}
        found = [_system(row, citations) for row in data["systems"]]
    except (OSError, KeyError, TypeError, ValueError) as error:
        raise DataError(
            f"The table of forms under pressure is damaged: {error!r}.", hint="Reinstall matsmith."
        ) from error
    return {reduced_key(system.formula): system for system in found}


def pressure_system(amounts: Mapping[str, float]) -> PressureSystem | None:
    """The forms of the formula of these amounts, or None where none were typed in.

    >>> [form.name for form in pressure_system({"Zn": 2, "O": 2}).forms]
    ['wurtzite', 'rocksalt']
    """
    return pressure_systems().get(reduced_key(amounts))


def _system(row: dict[str, Any], citations: dict[str, Citation]) -> PressureSystem:
    forms = tuple(
        PressureForm(
            name=form["name"],
            space_groups=tuple(form["space_groups"]),
            atoms=form["atoms"],
            volume_angstrom3=float(form["volume"]),
        )
        for form in row["forms"]
    )
    boundaries = tuple(
        Boundary(
            pressure_gpa=float(line["pressure_gpa"]),
            sigma_gpa=float(line["sigma_gpa"]),
            slope_gpa_per_k=float(line.get("slope_gpa_per_k", 0.0)),
            temperature_k=(float(line["temperature_k"][0]), float(line["temperature_k"][1])),
            citation=citations[line["citation"]],
        )
        for line in row["transitions"]
    )
    if len(boundaries) != len(forms) - 1:
        raise ValueError(
            f"{row['formula']}: {len(forms)} forms have {len(forms) - 1} boundaries between them"
        )
    low, high = row.get("temperature_k", (0, 400))
    return PressureSystem(
        formula=row["formula"],
        forms=forms,
        boundaries=boundaries,
        observed_to_gpa=float(row["observed_to_gpa"]),
        citation=citations[row["citation"]] if "citation" in row else None,
        temperature_k=(float(low), float(high)),
    )
