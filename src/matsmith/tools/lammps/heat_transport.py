"""Thermal conductivity from molecular dynamics: by an imposed flow of heat, or by the fluctuations of the heat current.

    κ = J / |dT/dz|,                               J = ΔE / (2 A t)         (F. Müller-Plathe, J. Chem. Phys. 106, 6082 (1997))
    κ = 1 / (3 V k T²) ∫ <J(0) · J(t)> dt                                   (M. S. Green 1954, R. Kubo 1957)

Units: eV, Å, ps, K inside, W/(m K) outside. The atoms' heat alone: electrons of a metal are not in it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from matsmith.models.dynamics import BOLTZMANN_EV_PER_K
from matsmith.models.potentials.interface import FloatArray
from matsmith.tools.lammps.failures import DynamicsError
from matsmith.tools.lammps.statistics import Line, block_means, line

WATT_PER_METRE_KELVIN = 1602.176634
"""1 eV/(Å ps K) in W/(m K)."""
_BLOCKS = 6
_FLOW_BLOCKS = 8
_AWAY = 2
"""Bins left out on either side of those where heat is put in and taken out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Flow:
    """What an imposed flow of heat told: the conductivity with its error, the profile it was read from, and whether it stood still.

    `places_angstrom` (m,) and `temperatures_k` (m,) are those of both halves of the cell, folded onto each other, with errors (m,).
    """

    conductivity_w_per_m_k: float
    sigma_w_per_m_k: float
    flux_ev_per_angstrom2_ps: float
    gradient: Line
    places_angstrom: FloatArray
    temperatures_k: FloatArray
    sigma_k: FloatArray
    steady: bool

    @property
    def span_k(self) -> float:
        """Difference of temperature between the ends of the straight part."""
        return float(np.ptp(self.temperatures_k))


@dataclass(frozen=True, slots=True, kw_only=True)
class Fluctuation:
    """What the fluctuations of the heat current told: the conductivity read at `plateau_ps`, and it as a function of the time it is summed to.

    `correlation` (k,) is that of the current, 1 at the beginning; `running` (k,) in W/(m K) with errors (k,) over times (k,) in ps.
    """

    conductivity_w_per_m_k: float
    sigma_w_per_m_k: float
    plateau_ps: float
    resolved: bool
    times_ps: FloatArray
    correlation: FloatArray
    running: FloatArray
    running_sigma: FloatArray


@dataclass(frozen=True, slots=True, kw_only=True)
class Extrapolation:
    """The conductivity of an endless crystal from cells of several lengths, by a straight line of 1/κ over 1/L."""

    conductivity_w_per_m_k: float
    sigma_w_per_m_k: float


def flow_of(
    profiles_k: FloatArray,
    *,
    exchanged_ev: FloatArray,
    times_ps: FloatArray,
    length_angstrom: float,
    area_angstrom2: float,
) -> Flow:
    """The conductivity from temperature profiles (blocks, bins) and the heat (k,) exchanged up to times (k,), in a cell of a length.

    Heat is put in and taken out in the first bin and in the middle one.
    """
    bins = profiles_k.shape[1]
    half = bins // 2
    # Bins at one distance from the first: on its one side and on its other.
    folded = np.stack(
        [0.5 * (profiles_k[:, place] + profiles_k[:, -place]) for place in range(_AWAY, half - _AWAY + 1)],
        axis=1,
    )
    places: FloatArray = np.arange(_AWAY, half - _AWAY + 1, dtype=np.float64) * (length_angstrom / bins)
    if len(places) < 3 or len(folded) < 4:
        raise DynamicsError(
            "too_short", "The profile of temperatures is too short for a gradient.", hint="Run longer."
        )
    parts = block_means(folded, blocks=min(_FLOW_BLOCKS, len(folded)))
    slopes = np.array([line(places, part).slope for part in parts])
    mean = folded.mean(axis=0)
    sigma = parts.std(axis=0, ddof=1) / math.sqrt(len(parts))
    gradient = line(places, mean, np.maximum(sigma, 1e-9))
    flux = line(times_ps, np.abs(exchanged_ev)).slope / (2 * area_angstrom2)
    slope = float(np.mean(slopes))
    relative = float(np.std(slopes, ddof=1)) / math.sqrt(len(slopes)) / abs(slope) if slope else math.inf
    value = flux / abs(slope) * WATT_PER_METRE_KELVIN if slope else math.inf
    middle = len(slopes) // 2
    gap = abs(float(slopes[:middle].mean() - slopes[middle:].mean()))
    # Within the halves, for a drift between them would hide itself in the scatter of all.
    scatter = math.hypot(
        float(slopes[:middle].std(ddof=1)) / math.sqrt(middle),
        float(slopes[middle:].std(ddof=1)) / math.sqrt(len(slopes) - middle),
    )
    return Flow(
        conductivity_w_per_m_k=value,
        sigma_w_per_m_k=relative * value,
        flux_ev_per_angstrom2_ps=flux,
        gradient=gradient,
        places_angstrom=places,
        temperatures_k=mean,
        sigma_k=sigma,
        steady=gap < 3 * scatter,
    )


def fluctuation_of(
    currents: FloatArray, *, step_ps: float, volume_angstrom3: float, temperature_k: float, longest_ps: float
) -> Fluctuation:
    """The conductivity from heat currents (n, 3) in eV Å/ps, of the whole cell, `step_ps` apart; correlated up to a time.

    The sum is read where the correlation first is lost in its own noise, over half of that time again.
    """
    lags = min(math.ceil(longest_ps / step_ps), len(currents) // (2 * _BLOCKS))
    if lags < 10:
        raise DynamicsError(
            "too_short", "The heat current was followed for too short a time.", hint="Run longer."
        )
    size = len(currents) // _BLOCKS
    centred = currents - currents.mean(axis=0)
    parts = np.array(
        [_correlation(centred[block * size : (block + 1) * size], lags=lags) for block in range(_BLOCKS)]
    )
    factor = WATT_PER_METRE_KELVIN / (3 * volume_angstrom3 * BOLTZMANN_EV_PER_K * temperature_k**2)
    # The trapezoidal rule, from nothing at the beginning.
    sums = np.cumsum(0.5 * (parts[:, 1:] + parts[:, :-1]), axis=1) * step_ps * factor
    running = np.concatenate([np.zeros((_BLOCKS, 1)), sums], axis=1)
    mean, error = parts.mean(axis=0), parts.std(axis=0, ddof=1) / math.sqrt(_BLOCKS)
    width = max(1, lags // 100)
    smooth = np.convolve(mean, np.ones(width) / width, mode="same")
    lost = np.flatnonzero(smooth < np.maximum(error, 0.0))
    begin = int(lost[0]) if len(lost) else lags - 1
    end = min(lags, max(begin + 2, round(1.5 * begin)))
    # A current that rings is followed over its rings: at least a tenth of what was asked for.
    begin, end = max(begin, lags // 10), max(end, lags // 10 + 2)
    values = running[:, begin:end].mean(axis=1)
    return Fluctuation(
        conductivity_w_per_m_k=float(values.mean()),
        sigma_w_per_m_k=float(values.std(ddof=1)) / math.sqrt(_BLOCKS),
        plateau_ps=begin * step_ps,
        resolved=len(lost) > 0,
        times_ps=step_ps * np.arange(lags, dtype=np.float64),
        correlation=mean / mean[0],
        running=running.mean(axis=0),
        running_sigma=running.std(axis=0, ddof=1) / math.sqrt(_BLOCKS),
    )


def endless(lengths_angstrom: FloatArray, values: FloatArray, sigmas: FloatArray) -> Extrapolation | None:
    """κ of an endless crystal from conductivities (k,) with errors (k,) of cells of lengths (k,) in Å.

    By P. K. Schelling, S. R. Phillpot and P. Keblinski, Phys. Rev. B 65, 144306 (2002). None where the line tells no end.
    """
    found = line(1 / lengths_angstrom, 1 / values, sigmas / values**2)
    inverse, error = found.at(0.0)
    if not inverse > error:
        return None
    return Extrapolation(conductivity_w_per_m_k=1 / inverse, sigma_w_per_m_k=error / inverse**2)


def _correlation(currents: FloatArray, *, lags: int) -> FloatArray:
    """Sum over the components of the correlation (lags,) of currents (n, 3), each lag over all origins."""
    count = len(currents)
    size = 1 << (2 * count - 1).bit_length()
    spectrum = np.fft.rfft(currents, size, axis=0)
    raw: FloatArray = np.fft.irfft((spectrum * spectrum.conj()).sum(axis=1), size)[:lags]
    return raw / (count - np.arange(lags))
