"""Curves behind a value: energy over volume with its fit, the energy along a hop, and what a crystal does on heating."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from matsmith.agents.figures.build import Lacking
from matsmith.agents.figures.model import Axis, Figure, Guide, Series
from matsmith.agents.figures.reading import Facts, Number, Numbers

if TYPE_CHECKING:
    from matsmith.core.record import Record

FloatArray = NDArray[np.float64]
_CURVE_POINTS = 81


class _EnergyOverVolume(Facts):
    volumes_angstrom3_per_atom: Numbers = Field(min_length=4)
    energies_ev_per_atom: Numbers = Field(min_length=4)
    uncorrected_bulk_modulus_gpa: Number
    equilibrium_volume_angstrom3_per_atom: Number
    largest_residual_mev_per_atom: Number


class _Hop(Facts):
    profile_ev: Numbers = Field(min_length=3)
    uncorrected_barrier_ev: Number
    ion: str


class _Heating(Facts):
    temperature_k: Numbers = Field(min_length=2)
    volume_angstrom3_per_atom: Numbers = Field(min_length=2)
    linear_expansion_per_k: list[Number | None] = Field(default_factory=list[Number | None])
    bulk_modulus_gpa: list[Number | None] = Field(default_factory=list[Number | None])


class _QuasiHarmonic(Facts):
    temperature_k: Number
    pressure_gpa: Number = 0.0
    heating_curve: _Heating | None = None


def equation_of_state(record: Record) -> list[Figure]:
    """Energies at fixed volumes and the Birch-Murnaghan curve through them."""
    from matsmith.tools.equation_of_state import fit_birch_murnaghan

    facts = _EnergyOverVolume.model_validate(record.outcome.facts)
    volumes, energies = np.array(facts.volumes_angstrom3_per_atom), np.array(facts.energies_ev_per_atom)
    fit = fit_birch_murnaghan(volumes, energies)
    if fit is None:
        raise ValueError("no minimum lies within the volumes")
    lowest = fit.energy_ev
    dense: FloatArray = np.linspace(float(volumes.min()), float(volumes.max()), _CURVE_POINTS)
    x: FloatArray = dense ** (-2 / 3)
    centre = float((volumes ** (-2 / 3)).mean())
    cubic = np.poly1d(np.polyfit(volumes ** (-2 / 3) - centre, energies, 3))
    curve: FloatArray = np.asarray(cubic(x - centre), dtype=np.float64)
    above = 1000 * (energies - lowest)
    bulk = record.quantities.get("bulk_modulus")
    given = f" With the correction and its error: {bulk}." if bulk else ""
    return [
        Figure(
            id="energy-over-volume",
            title="Energy over volume, with the Birch-Murnaghan fit",
            note=f"The potential's own bulk modulus is {facts.uncorrected_bulk_modulus_gpa:g} GPa; the largest distance of a point from the curve is "
            f"{facts.largest_residual_mev_per_atom:g} meV/atom.{given}",
            x=Axis(name="volume", unit="Å³/atom"),
            y=Axis(name="energy above minimum", unit="meV/atom"),
            series=(
                Series(
                    name="fit",
                    style="line",
                    x=tuple(dense.tolist()),
                    y=tuple((1000 * (curve - lowest)).tolist()),
                    tone="second",
                ),
                Series(
                    name="computed",
                    x=tuple(volumes.tolist()),
                    y=tuple(above.tolist()),
                    labels=tuple(
                        f"{v:.3f} Å³/atom: {e:.1f} meV/atom above the minimum"
                        for v, e in zip(volumes, above, strict=True)
                    ),
                ),
            ),
            guides=(Guide(axis="x", at=fit.volume_angstrom3, name="minimum"),),
        )
    ]


def migration(record: Record) -> list[Figure]:
    """Energy of the images along the hop whose barrier is given."""
    facts = _Hop.model_validate(record.outcome.facts)
    count = len(facts.profile_ev)
    path = [100 * i / (count - 1) for i in range(count)]
    barrier = record.quantities.get("migration_barrier")
    given = f" The barrier as it is given out, corrected: {barrier}." if barrier else ""
    return [
        Figure(
            id="hop-profile",
            title=f"Energy along the hop of {facts.ion}",
            note=f"Images of the nudged elastic band, the potential's own energies; the line only leads the eye. Its barrier is "
            f"{facts.uncorrected_barrier_ev:g} eV.{given}",
            x=Axis(name="image along the hop", unit="%"),
            y=Axis(name="energy above the start", unit="eV"),
            series=(
                Series(
                    name="",
                    style="line",
                    x=tuple(path),
                    y=tuple(facts.profile_ev),
                    tone="second",
                    quiet=True,
                ),
                Series(
                    name="image",
                    x=tuple(path),
                    y=tuple(facts.profile_ev),
                    labels=tuple(
                        f"image {i + 1} of {count}: {e:.3f} eV" for i, e in enumerate(facts.profile_ev)
                    ),
                ),
            ),
            guides=(Guide(axis="y", at=0.0),),
        )
    ]


def quasi_harmonic(record: Record) -> list[Figure]:
    """Volume, expansion and bulk modulus over temperature at the pressure of the record."""
    facts = _QuasiHarmonic.model_validate(record.outcome.facts)
    heating = facts.heating_curve
    if heating is None:
        raise Lacking(
            "This record keeps one temperature alone.", hint="Run quasi_harmonic again for its curves."
        )
    temperatures = tuple(heating.temperature_k)
    at = Guide(axis="x", at=facts.temperature_k, name="of the record")
    kelvin = Axis(name="temperature", unit="K")
    where = f"at {facts.pressure_gpa:g} GPa, frequencies corrected"

    def over_temperature(
        name: str, *, title: str, axis: Axis, values: list[Number | None], note: str
    ) -> Figure:
        labels = tuple(
            f"{t:.0f} K: {'outside' if v is None else f'{v:.4g}'} {axis.unit}"
            for t, v in zip(temperatures, values, strict=True)
        )
        line = Series(name="", style="line", x=temperatures, y=tuple(values), tone="second", quiet=True)
        marks = Series(name=axis.name, x=temperatures, y=tuple(values), labels=labels)
        return Figure(id=name, title=title, note=note, x=kelvin, y=axis, series=(line, marks), guides=(at,))

    found = [
        over_temperature(
            "volume-over-temperature",
            title="Volume on heating",
            axis=Axis(name="volume", unit="Å³/atom"),
            values=list(heating.volume_angstrom3_per_atom),
            note=f"Quasi-harmonic, {where}.",
        )
    ]
    if any(value is not None for value in heating.linear_expansion_per_k):
        given = record.quantities.get("thermal_expansion")
        told = (
            f" At {facts.temperature_k:g} K, corrected and with its error: {1e6 * given.value:.2f} ± {1e6 * given.sigma:.2f} 10⁻⁶/K."
            if given
            else ""
        )
        found.append(
            over_temperature(
                "expansion-over-temperature",
                title="Linear thermal expansion",
                axis=Axis(name="linear expansion", unit="10⁻⁶/K"),
                values=[None if v is None else 1e6 * v for v in heating.linear_expansion_per_k],
                note=f"Of the volume that minimises, {where}, the expansion itself uncorrected.{told}",
            )
        )
    if any(value is not None for value in heating.bulk_modulus_gpa):
        found.append(
            over_temperature(
                "bulk-modulus-over-temperature",
                title="Isothermal bulk modulus on heating",
                axis=Axis(name="bulk modulus", unit="GPa"),
                values=list(heating.bulk_modulus_gpa),
                note=f"The potential's own, {where}.",
            )
        )
    return found
