"""Displacements about a straight dislocation in an anisotropic crystal, by the sextic formalism.

    u(x, y) = (1 / 2πi) Σ_α ± A_α (L_α · b) ln(x + p_α y),      E / length = K ln(R / r) with K = b · [ (i / 4π) Σ_α ± L_α L_α ] · b

(A. N. Stroh, Phil. Mag. 3, 625 (1958); P. M. Anderson, J. P. Hirth and J. Lothe, Theory of Dislocations, 3rd ed. (2017), chapter 13):
the line along z, signs those of the imaginary part of the roots p_α. For an isotropic screw K = μ b² / 4π.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from matsmith.models.elastic_tensor import VOIGT
from matsmith.models.potentials.interface import FloatArray

_EV_PER_ANGSTROM3_IN_GPA = 160.2176634
# An isotropic crystal has equal roots, which the formalism does not take: a tensor is split by a hair.
_SPLIT = 1e-5


@dataclass(frozen=True, kw_only=True)
class DislocationField:
    """The field of one dislocation with Burgers vector (3,) in Å; `prelogarithmic_ev_per_angstrom` is K."""

    roots: NDArray[np.complex128]
    strengths: NDArray[np.complex128]
    prelogarithmic_ev_per_angstrom: float

    def displacements(self, places_angstrom: FloatArray) -> FloatArray:
        """Displacements (n, 3) in Å at places (n, 2) off the line; the cut lies along the negative x axis."""
        x, y = places_angstrom.T
        total = np.zeros((len(x), 3), dtype=np.complex128)
        for root, strength in zip(self.roots, self.strengths, strict=True):
            # The angle of x + p y runs from -π to π with that of (x, y) when the imaginary part of p is positive.
            logarithm = np.log(x + root * y)
            total += logarithm[:, None] * strength[None, :]
        return np.asarray(total.real, dtype=np.float64)


def full_tensor(tensor_gpa: FloatArray) -> FloatArray:
    """The tensor (3, 3, 3, 3) of a Voigt matrix (6, 6)."""
    places = np.zeros((3, 3), dtype=np.int64)
    for number, (i, j) in enumerate(VOIGT):
        places[i, j] = places[j, i] = number
    return np.asarray(tensor_gpa[places[:, :, None, None], places[None, None, :, :]], dtype=np.float64)


def field_of(tensor_gpa: FloatArray, burgers_angstrom: FloatArray) -> DislocationField:
    """The field of a dislocation along z in a crystal with this tensor (6, 6; Voigt; GPa) in the same axes."""
    uneven = tensor_gpa.copy()
    uneven[3, 3] *= 1 + _SPLIT
    uneven[5, 5] *= 1 - _SPLIT
    c = full_tensor(uneven) / _EV_PER_ANGSTROM3_IN_GPA
    q, r, t = c[:, 0, :, 0], c[:, 0, :, 1], c[:, 1, :, 1]
    inverse = np.linalg.inv(t)
    matrix = np.block([[-inverse @ r.T, -inverse], [q - r @ inverse @ r.T, -r @ inverse]])
    found = np.linalg.eig(matrix)
    roots = found.eigenvalues.astype(np.complex128)
    vectors = found.eigenvectors.astype(np.complex128)
    above = np.flatnonzero(roots.imag > 0)
    strengths: list[NDArray[np.complex128]] = []
    energy = 0.0 + 0.0j
    for k in above:
        a, load = vectors[:3, k], vectors[3:, k]
        norm = 2 * (a @ load)
        share = (load @ burgers_angstrom) / norm
        # The conjugate roots add the complex conjugate: twice the real part.
        strengths.append(2 * a * share / (2j * np.pi))
        energy += 2 * (load @ burgers_angstrom) * share * 1j / (4 * np.pi)
    return DislocationField(
        roots=roots[above],
        strengths=np.array(strengths),
        prelogarithmic_ev_per_angstrom=float(energy.real),
    )
