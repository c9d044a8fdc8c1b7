"""The quasi-harmonic crystal: Gibbs energy and volume at temperature and pressure, from energies and spectra at several volumes.

    G(T, P) = min over V of E(V) + F_vib(V, T) + P·V

with the third-order Birch-Murnaghan energy E(V), fitted, and F_vib at every temperature a parabola in the volume fitted to its
values, which smooths the roughness of the potential. The thermal expansion is given twice: of the volume that minimises, and as
gamma·C_v / (3·K·V) with the bulk modulus set from outside (Grueneisen 1912, Ann. Phys. 344, 257): there the modulus may be one that
was corrected towards measurement. All energies and volumes are per atom.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from matsmith.core.errors import UsageError
from matsmith.models.vibrational import EV_IN_J_PER_MOL, Spectrum

FloatArray = NDArray[np.float64]
EV_PER_ANGSTROM3_IN_GPA = 160.21766208
_FEWEST = 5
_GRID = 4001
_TEMPERATURE_STEP_K = 5.0


@dataclass(frozen=True, kw_only=True)
class State:
    """The crystal at one temperature and pressure, in equilibrium; `inside` is False when no minimum lies within the volumes."""

    temperature_k: float
    pressure_gpa: float
    volume_angstrom3: float
    gibbs_ev: float
    inside: bool


class QuasiHarmonicCrystal:
    """Energies (n,) in eV and spectra at volumes (n,) in Å³, all per atom; at least five volumes."""

    def __init__(
        self, *, volumes_angstrom3: FloatArray, energies_ev: FloatArray, spectra: Sequence[Spectrum]
    ) -> None:
        if len(volumes_angstrom3) < _FEWEST or not len(volumes_angstrom3) == len(energies_ev) == len(spectra):
            raise UsageError(
                f"A quasi-harmonic crystal needs energies and spectra at {_FEWEST} volumes or more."
            )
        order = np.argsort(volumes_angstrom3)
        self.volumes = np.asarray(volumes_angstrom3[order], dtype=np.float64)
        self.energies = np.asarray(energies_ev[order], dtype=np.float64)
        self.spectra = [spectra[int(place)] for place in order]
        self._grid: FloatArray = np.linspace(float(self.volumes[0]), float(self.volumes[-1]), _GRID)
        x = self._reduced(self.volumes)
        self._static = np.poly1d(np.polyfit(x, self.energies, 3))

    def _reduced(self, volumes: FloatArray) -> FloatArray:
        """V^(-2/3) against that of the middle volume: the energy is a cubic in it (Birch & Murnaghan)."""
        middle = self.volumes[len(self.volumes) // 2]
        return np.asarray((volumes / middle) ** (-2 / 3) - 1, dtype=np.float64)

    @property
    def residual_ev(self) -> float:
        """Largest distance of an energy from the fitted curve, in eV per atom."""
        return float(np.abs(self._static(self._reduced(self.volumes)) - self.energies).max())

    def state(self, *, temperature_k: float, pressure_gpa: float) -> State:
        """Volume and Gibbs energy at a temperature and pressure."""
        vibrations = self._vibrations(temperature_k)
        pressure = pressure_gpa / EV_PER_ANGSTROM3_IN_GPA
        gibbs = self._static(self._reduced(self._grid)) + vibrations(self._grid) + pressure * self._grid
        place = int(np.argmin(gibbs))
        inside = 0 < place < len(self._grid) - 1
        volume, energy = float(self._grid[place]), float(gibbs[place])
        if inside:
            near = slice(place - 1, place + 2)
            bend, slope, constant = np.polyfit(self._grid[near] - volume, gibbs[near], 2)
            shift = -slope / (2 * bend)
            volume, energy = volume + float(shift), float(constant + slope * shift / 2)
        return State(
            temperature_k=temperature_k,
            pressure_gpa=pressure_gpa,
            volume_angstrom3=volume,
            gibbs_ev=energy,
            inside=inside,
        )

    def static_enthalpy_ev(self, *, pressure_gpa: float) -> float:
        """Least E(V) + PV of the fitted curve within the volumes, without any vibration, in eV."""
        pressure = pressure_gpa / EV_PER_ANGSTROM3_IN_GPA
        return float((self._static(self._reduced(self._grid)) + pressure * self._grid).min())

    def linear_expansion_per_k(self, *, temperature_k: float, pressure_gpa: float) -> float | None:
        """Linear thermal expansion of the volume that minimises; None where a minimum lies outside."""
        low, high = max(0.0, temperature_k - _TEMPERATURE_STEP_K), temperature_k + _TEMPERATURE_STEP_K
        one, other = (self.state(temperature_k=t, pressure_gpa=pressure_gpa) for t in (low, high))
        if not (one.inside and other.inside):
            return None
        mean = (one.volume_angstrom3 + other.volume_angstrom3) / 2
        return (other.volume_angstrom3 - one.volume_angstrom3) / (3 * mean * (high - low))

    def bulk_modulus_gpa(self, *, temperature_k: float, pressure_gpa: float) -> float | None:
        """Isothermal bulk modulus; None where the minimum lies outside."""
        at = self.state(temperature_k=temperature_k, pressure_gpa=pressure_gpa)
        if not at.inside:
            return None
        step = 0.005 * at.volume_angstrom3
        vibrations = self._vibrations(temperature_k)
        places = at.volume_angstrom3 + step * np.array([-1.0, 0.0, 1.0])
        values = self._static(self._reduced(places)) + vibrations(places)
        second = (values[0] - 2 * values[1] + values[2]) / step**2
        return float(at.volume_angstrom3 * second * EV_PER_ANGSTROM3_IN_GPA)

    def thermal_pressure_slope_gpa_per_k(self, *, temperature_k: float, volume_angstrom3: float) -> float:
        """dP/dT at constant volume: the Grueneisen parameter times C_v over the volume."""
        low, high = max(0.0, temperature_k - _TEMPERATURE_STEP_K), temperature_k + _TEMPERATURE_STEP_K
        pressures = [-self._vibrations(t).deriv()(volume_angstrom3) for t in (low, high)]
        return float((pressures[1] - pressures[0]) / (high - low) * EV_PER_ANGSTROM3_IN_GPA)

    def grueneisen_parameter(self, *, temperature_k: float, volume_angstrom3: float) -> float:
        """Thermodynamic Grueneisen parameter, V·(dP/dT)/C_v, at a volume within those given."""
        place = int(np.argmin(np.abs(self.volumes - volume_angstrom3)))
        heat_ev_per_k = self.spectra[place].heat_capacity_j_per_mol_atoms_k(temperature_k) / EV_IN_J_PER_MOL
        slope = self.thermal_pressure_slope_gpa_per_k(
            temperature_k=temperature_k, volume_angstrom3=volume_angstrom3
        )
        return slope / EV_PER_ANGSTROM3_IN_GPA * volume_angstrom3 / heat_ev_per_k

    def expansion_with_modulus_per_k(
        self, *, temperature_k: float, volume_angstrom3: float, bulk_modulus_gpa: float
    ) -> float:
        """Linear thermal expansion (dP/dT)/(3·K) with a bulk modulus from elsewhere."""
        slope = self.thermal_pressure_slope_gpa_per_k(
            temperature_k=temperature_k, volume_angstrom3=volume_angstrom3
        )
        return slope / (3 * bulk_modulus_gpa)

    def _vibrations(self, temperature_k: float) -> np.poly1d:
        values = [spectrum.free_energy_ev_per_atom(temperature_k) for spectrum in self.spectra]
        return np.poly1d(np.polyfit(self.volumes, np.array(values), 2))
