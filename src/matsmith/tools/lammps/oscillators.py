"""Free energy of a crystal from the work of switching it into independent oscillators and back.

    F = F_E - ΔF + F_cm,        ΔF = (W_forward - W_backward) / 2,        W = ∫ (U_E - U) dλ
    F_E = kT Σ_i 3 ln(ħω / kT),   F_cm = kT ln[(N / V) (2π kT / M ω²)^{3/2}]

(D. Frenkel and A. J. C. Ladd, J. Chem. Phys. 81, 3188 (1984); R. Freitas, M. Asta and M. de Koning, Comput. Mater. Sci. 112, 333 (2016);
the centre of mass: J. M. Polson et al., J. Chem. Phys. 112, 5339 (2000)). The springs k_i = m_i ω² have one frequency, so that the centre
of mass stays at rest. Classical: without the quantum mechanics of vibrations, which matters below the Debye temperature.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from matsmith.models.dynamics import BOLTZMANN_EV_PER_K
from matsmith.models.potentials.interface import FloatArray
from matsmith.tools.lammps.failures import DynamicsError
from matsmith.tools.lammps.structures import mass_of, symbols_of

if TYPE_CHECKING:
    from ase import Atoms

_HBAR_EV_PS = 6.582119569e-4
EV_PER_ANGSTROM2_AMU_IN_PER_PS2 = 9648.53321
"""Square of the frequency in 1/ps² of a spring of 1 eV/Å² on 1 g/mol."""


@dataclass(frozen=True, kw_only=True)
class Switching:
    """Work in eV of switching into oscillators and back, and what follows."""

    forward_ev: float
    backward_ev: float

    @property
    def difference_ev(self) -> float:
        """Free energy of the oscillators less that of the crystal."""
        return (self.forward_ev - self.backward_ev) / 2

    @property
    def dissipated_ev(self) -> float:
        """Work lost on one way: never negative but for noise."""
        return (self.forward_ev + self.backward_ev) / 2


@dataclass(frozen=True, kw_only=True)
class FreeEnergy:
    """Free energy of one form in eV/atom, its error, and what it rests on."""

    form: str
    free_energy_ev: float
    sigma_ev: float
    internal_ev: float
    internal_sigma_ev: float
    dissipated_ev: float
    volume_angstrom3: float
    atoms: int
    springs_ev_per_angstrom2: dict[str, float]
    path: tuple[FloatArray, FloatArray]
    steps: int

    def entropy_kb(self, temperature_k: float) -> float:
        """Entropy in Boltzmann's constants an atom."""
        return (self.internal_ev - self.free_energy_ev) / (BOLTZMANN_EV_PER_K * temperature_k)

    def entropy_sigma_kb(self, temperature_k: float) -> float:
        """Error of the entropy: that of both energies, which come from runs of their own."""
        return math.hypot(self.sigma_ev, self.internal_sigma_ev) / (BOLTZMANN_EV_PER_K * temperature_k)


def oscillators_ev(*, count: int, omega_per_ps: float, temperature_k: float) -> float:
    """Classical free energy of 3 N independent oscillators of one frequency.

    >>> round(oscillators_ev(count=1, omega_per_ps=30.0, temperature_k=300.0), 4)
    -0.0209
    """
    thermal = BOLTZMANN_EV_PER_K * temperature_k
    return 3 * count * thermal * math.log(_HBAR_EV_PS * omega_per_ps / thermal)


def centre_of_mass_ev(
    *, count: int, mass_g_per_mol: float, omega_per_ps: float, volume_angstrom3: float, temperature_k: float
) -> float:
    """What the resting centre of mass of so many atoms, of so much mass in all, takes from the free energy of the whole cell."""
    thermal = BOLTZMANN_EV_PER_K * temperature_k
    spring = mass_g_per_mol * omega_per_ps**2 / EV_PER_ANGSTROM2_AMU_IN_PER_PS2
    return thermal * math.log(count / volume_angstrom3 * (2 * math.pi * thermal / spring) ** 1.5)


def switching(
    steps: FloatArray, coupling: FloatArray, excess_ev: FloatArray, *, rest: int, switch: int
) -> Switching:
    """Work from the excess of the oscillators' energy over the crystal's, (n,), at steps of a run that rests, switches, rests, switches back."""
    there = (steps >= rest) & (steps <= rest + switch)
    back = (steps >= 2 * rest + switch) & (steps <= 2 * (rest + switch))
    if int(there.sum()) < 10 or int(back.sum()) < 10:
        raise DynamicsError(
            "too_few_points", "The switching was sampled too rarely.", hint="Switch more slowly."
        )
    return Switching(
        forward_ev=float(np.trapezoid(excess_ev[there], coupling[there])),
        backward_ev=float(np.trapezoid(excess_ev[back], coupling[back])),
    )


def combined_of(
    form: str,
    mean: Atoms,
    *,
    works: Sequence[Switching],
    path: tuple[FloatArray, FloatArray],
    springs: Mapping[str, float],
    internal_ev: float,
    internal_sigma_ev: float,
    sampled: int,
    temperature_k: float,
) -> FreeEnergy:
    """The free energy of a form from the works of its switchings, with the error that they scatter by or that their dissipation allows."""
    count = len(mean)
    symbol, spring = next(iter(springs.items()))
    omega = math.sqrt(spring / mass_of(symbol) * EV_PER_ANGSTROM2_AMU_IN_PER_PS2)
    differences = np.array([work.difference_ev for work in works]) / count
    lost = float(np.mean([work.dissipated_ev for work in works])) / count
    scatter = float(np.std(differences, ddof=1)) / math.sqrt(len(works)) if len(works) > 1 else 0.0
    thermal = BOLTZMANN_EV_PER_K * temperature_k
    # Work of a slow switching scatters normally with the variance 2 kT times what it dissipates.
    fluctuation = math.sqrt(2 * thermal * max(lost, 0.0) * count / (2 * len(works))) / count
    whole = oscillators_ev(count=count, omega_per_ps=omega, temperature_k=temperature_k)
    resting = centre_of_mass_ev(
        count=count,
        mass_g_per_mol=sum(mass_of(name) for name in symbols_of(mean)),
        omega_per_ps=omega,
        volume_angstrom3=mean.get_volume(),
        temperature_k=temperature_k,
    )
    return FreeEnergy(
        form=form,
        free_energy_ev=(whole + resting) / count - float(differences.mean()),
        sigma_ev=max(scatter, fluctuation),
        internal_ev=internal_ev,
        internal_sigma_ev=internal_sigma_ev,
        dissipated_ev=lost,
        volume_angstrom3=mean.get_volume() / count,
        atoms=count,
        springs_ev_per_angstrom2=dict(springs),
        path=path,
        steps=sampled,
    )
