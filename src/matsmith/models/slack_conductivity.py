"""Lattice thermal conductivity by Slack's estimate, from moduli, mass and volume alone.

    kappa = A · M · theta_a³ · delta · n^(1/3) / (gamma² · T),    A = 2.43e-6 / (1 - 0.514/gamma + 0.228/gamma²),

with the mean mass M in atomic units, delta³ the volume of an atom in Å³, n the atoms of the primitive cell and theta_a = theta ·
n^(-1/3) the Debye temperature of the acoustic modes, in K (Slack 1979, Solid State Physics 34, 1; Morelli & Slack 2006, High
Thermal Conductivity Materials, chapter 2). The Grueneisen parameter is that of Poisson's ratio, 3/2 · (1 + nu) / (2 - 3·nu)
(Belomestnykh 2004, Tech. Phys. Lett. 30, 91). Heat carried by electrons is not in it, nor what boundaries and impurities take away.
"""

from __future__ import annotations

from matsmith.core.errors import UsageError


def grueneisen_parameter(poisson_ratio: float) -> float:
    """Acoustic Grueneisen parameter from the Poisson ratio of an isotropic solid; the ratio has to be below 2/3.

    >>> round(grueneisen_parameter(0.25), 3)
    1.5
    """
    if not -1 < poisson_ratio < 0.6:
        raise UsageError(f"A Poisson ratio of {poisson_ratio:.2f} gives no Grueneisen parameter.")
    return 1.5 * (1 + poisson_ratio) / (2 - 3 * poisson_ratio)


def slack_conductivity_w_per_m_k(
    *,
    debye_k: float,
    grueneisen: float,
    mass_g_per_mol_atoms: float,
    volume_angstrom3_per_atom: float,
    atoms_in_primitive_cell: int,
    temperature_k: float,
) -> float:
    """Slack's estimate; it holds near and above the Debye temperature of the acoustic modes.

    >>> round(slack_conductivity_w_per_m_k(debye_k=645, grueneisen=1.06, mass_g_per_mol_atoms=28.09,
    ...     volume_angstrom3_per_atom=20.0, atoms_in_primitive_cell=2, temperature_k=300))  # silicon: 148 to 166 measured
    129
    """
    if not (debye_k > 0 and grueneisen > 0 and temperature_k > 0 and atoms_in_primitive_cell > 0):
        raise UsageError(
            "Slack's estimate needs a positive Debye temperature, Grueneisen parameter, temperature and cell."
        )
    prefactor = 2.43e-6 / (1 - 0.514 / grueneisen + 0.228 / grueneisen**2)
    n = atoms_in_primitive_cell
    acoustic = debye_k * n ** (-1 / 3)
    delta = volume_angstrom3_per_atom ** (1 / 3)
    return (
        prefactor
        * mass_g_per_mol_atoms
        * acoustic**3
        * delta
        * n ** (1 / 3)
        / (grueneisen**2 * temperature_k)
    )
