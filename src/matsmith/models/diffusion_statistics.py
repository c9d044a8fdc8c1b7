"""What a trajectory tells of diffusion: mean-square displacements with errors, hops, whether the host melts, and Arrhenius' law.

    D = lim <|r(t) - r(0)|²> / 6t            (A. Einstein, Ann. Phys. 322, 549 (1905)),      ln D = ln D0 - E_a / k T

Displacements are taken against the host's centre, over all time origins. The slope is fitted between a tenth and four tenths of the
trajectory; its error is the scatter between blocks of origins, of which only those that do not overlap count, joined by that of
counting as many hops as the displacement amounts to. Too few hops give an upper bound in place of a value.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from matsmith.models.dynamics import BOLTZMANN_EV_PER_K, masses_of
from matsmith.models.potentials.interface import FloatArray, IntArray
from matsmith.models.trajectories import Trajectory

CM2_PER_S = 0.1
"""1 Å²/fs in cm²/s."""
FEWEST_HOPS = 10.0
"""Below so many hops in the whole trajectory a slope is not told from vibrations."""
_FROM, _TO = 0.1, 0.4
_LAGS, _BLOCKS = 40, 4
_SMALLEST_RELATIVE = 0.05
_PARTS = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Displacement:
    """Mean-square displacement by lag: lags (k,) in fs, values (k,) in Å², and by block of origins (blocks, k)."""

    lags_fs: FloatArray
    mean_square_angstrom2: FloatArray
    by_block_angstrom2: FloatArray
    length_fs: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Diffusion:
    """A diffusivity in cm²/s with its one-sigma error, or where the hops are too few the bound below which it lies (95 %).

    `linear_share` is the part of the displacement at the longest lag that grew with time; the rest is vibration.
    """

    temperature_k: float
    value_cm2_per_s: float
    sigma_cm2_per_s: float
    bound_cm2_per_s: float
    hops: float
    linear_share: float

    @property
    def resolved(self) -> bool:
        """Whether the ion moved enough to tell."""
        return self.hops >= FEWEST_HOPS and self.value_cm2_per_s > 0

    @property
    def relative(self) -> float:
        """One-sigma error over the value."""
        return self.sigma_cm2_per_s / self.value_cm2_per_s if self.value_cm2_per_s > 0 else math.inf


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrhenius:
    """Activation energy in eV and ln(D0 in cm²/s), with their covariance (2, 2) in the order ln D0, E_a."""

    activation_ev: float
    ln_prefactor: float
    covariance: FloatArray

    @property
    def activation_sigma_ev(self) -> float:
        """One-sigma error of the activation energy, of the fit alone."""
        return math.sqrt(float(self.covariance[1, 1]))

    def at(self, temperature_k: float) -> tuple[float, float]:
        """The diffusivity in cm²/s at a temperature, and the one-sigma error of its logarithm."""
        row = np.array([1.0, -1.0 / (BOLTZMANN_EV_PER_K * temperature_k)])
        ln_value = float(row @ np.array([self.ln_prefactor, self.activation_ev]))
        return math.exp(ln_value), math.sqrt(max(float(row @ self.covariance @ row), 0.0))


@dataclass(frozen=True, slots=True, kw_only=True)
class HostMotion:
    """How far the atoms of one element of the host vibrate and drift, both over the distance of their nearest neighbours in the host.

    `swing` is the root mean square displacement about the mean place in a quarter of the trajectory (Lindemann's ratio), `drift` that of the mean places of the last
    quarter of the trajectory from those of the first.
    """

    element: str
    swing: float
    drift: float


def relative_positions(trajectory: Trajectory, frame: IntArray) -> FloatArray:
    """Positions (frames, n, 3) against the centre of mass of the atoms numbered in `frame`; of all where it is empty."""
    chosen = frame if len(frame) else np.arange(len(trajectory.numbers))
    weights = masses_of(trajectory.numbers[chosen])
    centre = np.einsum("fnk,n->fk", trajectory.positions_angstrom[:, chosen], weights) / weights.sum()
    return trajectory.positions_angstrom - centre[:, None, :]


def displacement(positions_angstrom: FloatArray, *, frame_fs: float) -> Displacement:
    """Mean-square displacement of the atoms of a trajectory (frames, n, 3), averaged over atoms and time origins."""
    frames = len(positions_angstrom)
    longest = max(2, int(_TO * frames))
    lags = np.unique(np.linspace(1, longest, min(_LAGS, longest)).round().astype(np.int64))
    edges = np.linspace(0, frames - longest, _BLOCKS + 1).round().astype(np.int64)
    by_block = np.empty((_BLOCKS, len(lags)))
    for place, lag in enumerate(lags):
        moved = positions_angstrom[lag:] - positions_angstrom[:-lag]
        by_origin = np.einsum("fnk,fnk->f", moved, moved) / positions_angstrom.shape[1]
        for block in range(_BLOCKS):
            # At least one origin, however short the trajectory.
            low, high = edges[block], max(edges[block + 1], edges[block] + 1)
            by_block[block, place] = float(by_origin[low:high].mean())
    return Displacement(
        lags_fs=lags.astype(np.float64) * frame_fs,
        mean_square_angstrom2=by_block.mean(axis=0),
        by_block_angstrom2=by_block,
        length_fs=frames * frame_fs,
    )


def pooled(parts: Sequence[Displacement]) -> Displacement:
    """The mean of displacements of trajectories of one length."""
    return Displacement(
        lags_fs=parts[0].lags_fs,
        mean_square_angstrom2=np.mean([part.mean_square_angstrom2 for part in parts], axis=0),
        by_block_angstrom2=np.mean([part.by_block_angstrom2 for part in parts], axis=0),
        length_fs=parts[0].length_fs,
    )


def diffusion(moved: Displacement, *, ions: int, hop_angstrom: float, temperature_k: float) -> Diffusion:
    """The diffusivity from a displacement, as that of `ions` atoms that hop by about `hop_angstrom`."""
    fitted = moved.lags_fs >= _FROM * moved.length_fs
    if fitted.sum() < 3:
        fitted = np.ones(len(moved.lags_fs), dtype=bool)
    lags = moved.lags_fs[fitted]
    slope, start = _line(lags, moved.mean_square_angstrom2[fitted])
    slopes = [_line(lags, block[fitted])[0] for block in moved.by_block_angstrom2]
    value = slope / 6 * CM2_PER_S
    # What one hop of one ion adds to the diffusivity of all.
    one = hop_angstrom**2 / (6 * ions * moved.length_fs) * CM2_PER_S
    hops = max(value, 0.0) / one
    independent = max(1.0, moved.length_fs / float(lags[-1]))
    scatter = float(np.std(slopes, ddof=1)) / 6 * CM2_PER_S / math.sqrt(min(independent, len(slopes)))
    sigma = math.hypot(scatter, math.sqrt(max(hops, 1.0)) * one, _SMALLEST_RELATIVE * max(value, 0.0))
    longest = slope * float(lags[-1])
    share = longest / (longest + max(start, 0.0)) if longest > 0 else 0.0
    return Diffusion(
        temperature_k=temperature_k,
        value_cm2_per_s=value,
        sigma_cm2_per_s=sigma,
        bound_cm2_per_s=_most_hops(hops) * one,
        hops=hops,
        linear_share=share,
    )


def _line(x: FloatArray, y: FloatArray) -> tuple[float, float]:
    """Slope and intercept of the straight line through points (k,)."""
    slope, start = np.polyfit(x, y, 1)
    return float(slope), float(start)


def _most_hops(counted: float) -> float:
    """The mean of Poisson's law that gives so few hops or fewer in one case of twenty.

    >>> round(_most_hops(0.0), 2)
    3.0
    """
    from scipy.stats import chi2

    return 0.5 * float(chi2.ppf(0.95, 2 * (counted + 1)))


def arrhenius(points: Sequence[Diffusion]) -> Arrhenius:
    """The law through diffusivities at two temperatures or more, weighted by their errors.

    Where the points scatter by more than their errors, these are widened by as much.
    """
    rows = np.array([[1.0, -1.0 / (BOLTZMANN_EV_PER_K * point.temperature_k)] for point in points])
    values = np.log([point.value_cm2_per_s for point in points])
    weights = 1.0 / np.array([max(point.relative, _SMALLEST_RELATIVE) for point in points])
    covariance: FloatArray = np.asarray(
        np.linalg.inv((rows * weights[:, None] ** 2).T @ rows), dtype=np.float64
    )
    found = covariance @ ((rows * weights[:, None] ** 2).T @ values)
    spare = len(points) - 2
    if spare > 0:
        excess = float((((values - rows @ found) * weights) ** 2).sum()) / spare
        covariance = covariance * max(1.0, excess)
    return Arrhenius(activation_ev=float(found[1]), ln_prefactor=float(found[0]), covariance=covariance)


def host_motion(
    positions_angstrom: FloatArray, *, numbers: IntArray, lattice_angstrom: FloatArray, host: Sequence[str]
) -> list[HostMotion]:
    """How far each element of the host swings and drifts, none of an element alone; positions (frames, n, 3) are against the host's centre."""
    from ase.data import atomic_numbers

    if not host:
        return []

    frames = len(positions_angstrom)
    part = max(1, frames // _PARTS)
    first, last = positions_angstrom[:part].mean(axis=0), positions_angstrom[-part:].mean(axis=0)
    framework = np.flatnonzero(np.isin(numbers, [atomic_numbers[element] for element in host]))
    # The ion's own atoms are no neighbours: where they run freely, as in α-AgI, a frame of far larger spacing holds.
    nearest = nearest_distances_angstrom(positions_angstrom[0, framework], lattice_angstrom)
    found: list[HostMotion] = []
    for element in host:
        own = np.flatnonzero(numbers == atomic_numbers[element])
        distance = float(nearest[np.isin(framework, own)].mean())
        # About the mean places of each quarter, so that a hop between them is drift and not swing.
        parts = [positions_angstrom[begin : begin + part, own] for begin in range(0, frames - part + 1, part)]
        swing = np.median([float(((each - each.mean(axis=0)) ** 2).sum(axis=2).mean()) for each in parts])
        drift = float(((last - first)[own] ** 2).sum(axis=1).mean())
        found.append(
            HostMotion(
                element=element,
                swing=math.sqrt(float(swing)) / distance,
                drift=math.sqrt(drift) / distance,
            )
        )
    return found


def nearest_distances_angstrom(positions_angstrom: FloatArray, lattice_angstrom: FloatArray) -> FloatArray:
    """Distance (n,) from each atom to its nearest neighbour or image, for a cell of at least two atoms or a reduced one."""
    from itertools import product

    frac = positions_angstrom @ np.linalg.inv(lattice_angstrom)
    gaps = frac[:, None] - frac[None]
    gaps -= np.round(gaps)
    best = np.full(len(frac), np.inf)
    for image in product((-1, 0, 1), repeat=3):
        lengths = np.linalg.norm((gaps + np.array(image)) @ lattice_angstrom, axis=2)
        lengths[lengths < 1e-6] = np.inf
        best = np.minimum(best, lengths.min(axis=1))
    return best
