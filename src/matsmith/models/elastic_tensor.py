"""Elastic tensors from stresses of strained cells: which strains a point group needs, and the fit that keeps its symmetry.

With small symmetric strains e_j about a cell under the hydrostatic pressure P the Cauchy stress is

    sigma_i = -P·delta_i + sum_j B_ij e_j          (i, j = 1 ... 6, Voigt)

and B is the tensor of stress-strain coefficients: at no pressure the elastic constants C_ij, under pressure what decides on
mechanical stability and on wave velocities (Wallace 1972, Thermodynamics of Crystals; Barron & Klein 1965, Proc. Phys. Soc. 85,
523). B is written as a sum over the tensors that the point group leaves alone, and their weights are fitted by least squares to
all stresses: the result has the symmetry exactly. Strains are engineering strains: 4, 5, 6 are twice the tensor's.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from matsmith.core.errors import UsageError

FloatArray = NDArray[np.float64]
VOIGT = ((0, 0), (1, 1), (2, 2), (1, 2), (0, 2), (0, 1))
_ROOT_TWO = np.sqrt(2.0)
_KELVIN = np.array([1.0, 1.0, 1.0, _ROOT_TWO, _ROOT_TWO, _ROOT_TWO])
_RANK_TOLERANCE = 1e-6


@dataclass(frozen=True, kw_only=True)
class StrainPoint:
    """One strained cell: which strain (1 to 6), how much, and its Cauchy stress (3, 3) in GPa, positive under tension."""

    component: int
    amount: float
    stress_gpa: FloatArray


@dataclass(frozen=True, kw_only=True)
class TensorFit:
    """Elastic tensor (6, 6) in GPa, its standard deviation over the amplitudes, and the tensor at each amplitude."""

    tensor_gpa: FloatArray
    spread_gpa: FloatArray
    by_amplitude: dict[float, FloatArray]


def strain_matrix(component: int, amount: float) -> FloatArray:
    """Symmetric strain (3, 3) of one Voigt component; for 4, 5, 6 `amount` is the engineering shear.

    >>> strain_matrix(4, 0.02)[1, 2]
    np.float64(0.01)
    """
    if component not in range(1, 7):
        raise UsageError(f"There is no strain {component}.", hint="Strains are numbered 1 to 6.")
    i, j = VOIGT[component - 1]
    strain = np.zeros((3, 3))
    strain[i, j] = strain[j, i] = amount if i == j else amount / 2
    return strain


def strained_lattice(lattice: FloatArray, *, component: int, amount: float) -> FloatArray:
    """Lattice vectors (3, 3; rows) after a homogeneous strain without rotation."""
    return np.asarray(lattice @ (np.eye(3) + strain_matrix(component, amount)), dtype=np.float64)


def to_voigt(stress: FloatArray) -> FloatArray:
    """The six independent components of a symmetric stress (3, 3)."""
    return np.array([(stress[i, j] + stress[j, i]) / 2 for i, j in VOIGT])


def kelvin_rotation(rotation: FloatArray) -> FloatArray:
    """Orthogonal (6, 6) matrix by which a rotation (3, 3) turns symmetric tensors in Kelvin's notation.

    Kelvin's notation weighs the shears with the square root of two, so that turning a fourth-rank tensor is Q C Qᵀ.
    """
    turned = np.zeros((6, 6))
    for column, (i, j) in enumerate(VOIGT):
        unit = np.zeros((3, 3))
        unit[i, j] = unit[j, i] = 1.0 if i == j else 1.0 / _ROOT_TWO
        image = rotation @ unit @ rotation.T
        turned[:, column] = [image[a, b] * (1.0 if a == b else _ROOT_TWO) for a, b in VOIGT]
    return turned


def rotated(tensor_gpa: FloatArray, rotation: FloatArray) -> FloatArray:
    """An elastic tensor (6, 6; Voigt) seen after the crystal was turned by a rotation (3, 3)."""
    weights = np.outer(_KELVIN, _KELVIN)
    turn = kelvin_rotation(rotation)
    return np.asarray(turn @ (tensor_gpa * weights) @ turn.T / weights, dtype=np.float64)


def invariant_basis(rotations: FloatArray) -> FloatArray:
    """Orthonormal elastic tensors (k, 6, 6; Voigt) that every rotation (g, 3, 3) leaves alone: k is 3 if cubic, 21 if triclinic."""
    turns = np.array([kelvin_rotation(rotation) for rotation in rotations])
    images: list[FloatArray] = []
    for i in range(6):
        for j in range(i, 6):
            unit = np.zeros((6, 6))
            unit[i, j] = unit[j, i] = 1.0 if i == j else 1.0 / _ROOT_TWO
            images.append(np.einsum("gab,bc,gdc->ad", turns, unit, turns).ravel() / len(turns))
    _, sizes, rows = np.linalg.svd(np.array(images))
    kept = rows[: len(sizes)][sizes > 0.5].reshape(-1, 6, 6)
    return np.asarray(kept / np.outer(_KELVIN, _KELVIN), dtype=np.float64)


def needed_strains(basis: FloatArray) -> tuple[int, ...]:
    """The fewest single strains (1 to 6) whose stresses fix every weight of the basis (k, 6, 6).

    >>> import numpy as np
    >>> needed_strains(invariant_basis(np.eye(3)[None]))
    (1, 2, 3, 4, 5, 6)
    """
    chosen: list[int] = []
    rank = 0
    while rank < len(basis):
        ranks = {
            component: int(np.linalg.matrix_rank(_design(basis, [*chosen, component]), tol=_RANK_TOLERANCE))
            for component in range(1, 7)
            if component not in chosen
        }
        best = max(ranks, key=lambda component: (ranks[component], -component))
        chosen.append(best)
        rank = ranks[best]
    return tuple(sorted(chosen))


def fit_tensor(points: Sequence[StrainPoint], *, basis: FloatArray) -> TensorFit:
    """Fit the tensor to central differences of the stress, at each amplitude alone and at all of them together.

    Every strain needs both signs at each amplitude: then what is odd in the strain is left, and no offset of the stress matters.
    Raises `UsageError` when a point lacks its opposite or the strains do not fix the tensor.
    """
    slopes = _slopes(points)
    amplitudes = sorted({amplitude for _, amplitude in slopes})
    tensors = {
        amplitude: _solve(
            {component: slope for (component, size), slope in slopes.items() if size == amplitude},
            basis=basis,
        )
        for amplitude in amplitudes
    }
    stack = np.array([tensors[amplitude] for amplitude in amplitudes])
    return TensorFit(
        tensor_gpa=stack.mean(axis=0),
        spread_gpa=stack.std(axis=0, ddof=1) if len(stack) > 1 else np.zeros((6, 6)),
        by_amplitude=tensors,
    )


def _slopes(points: Sequence[StrainPoint]) -> dict[tuple[int, float], FloatArray]:
    held = {(point.component, round(point.amount, 9)): point.stress_gpa for point in points}
    slopes: dict[tuple[int, float], FloatArray] = {}
    for component, amount in held:
        opposite = held.get((component, -amount))
        if opposite is None:
            raise UsageError(
                f"Strain {component} of {amount:g} lacks its opposite.", hint="Strain both ways."
            )
        if amount > 0:
            slopes[component, amount] = to_voigt(held[component, amount] - opposite) / (2 * amount)
    return slopes


def _solve(slopes: Mapping[int, FloatArray], *, basis: FloatArray) -> FloatArray:
    components = sorted(slopes)
    design = _design(basis, components)
    if np.linalg.matrix_rank(design, tol=_RANK_TOLERANCE) < len(basis):
        raise UsageError(
            "These strains do not fix the elastic tensor.", hint="Add those that needed_strains names."
        )
    # Weighted as in Kelvin's notation, so that the fit does not depend on how the crystal lies.
    target = np.concatenate([slopes[component] * _KELVIN for component in components])
    weights = np.asarray(np.linalg.lstsq(design, target, rcond=None)[0], dtype=np.float64)
    return np.asarray(np.einsum("k,kij->ij", weights, basis), dtype=np.float64)


def _design(basis: FloatArray, components: Sequence[int]) -> FloatArray:
    """Kelvin-weighted stresses (6·n, k) of unit strains, a column for each tensor of the basis."""
    return np.concatenate([(basis[:, :, component - 1] * _KELVIN).T for component in components])
