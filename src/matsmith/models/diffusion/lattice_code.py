"""A lattice as six numbers that do not change when the crystal is turned.

The rows of A (Å) are the lattice vectors. A = S·Q with S = (A·Aᵀ)^½ symmetric and Q a rotation, so S holds lengths and angles
alone. The code is K = log S - (ln N / 3)·1: its trace is the logarithm of the volume per atom, whatever the number N of atoms. The six
numbers are xx, yy, zz and √2·(yz, xz, xy) of K, so that distances between codes are those between the matrices.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor

_SQUARINGS = 6
_TERMS = 8


def encode(lattice: Tensor, atoms: Tensor) -> Tensor:
    """Return the codes (n, 6) of lattices (n, 3, 3) in Å with `atoms` (n,) in each cell."""
    squares = lattice @ lattice.transpose(-1, -2)
    values, vectors = cast("tuple[Tensor, Tensor]", torch.linalg.eigh(squares))
    logarithm = vectors @ torch.diag_embed(0.5 * values.log()) @ vectors.transpose(-1, -2)
    logarithm = logarithm - torch.eye(3).to(lattice) * (atoms.to(lattice).log() / 3)[:, None, None]
    return to_six(logarithm)


def to_six(matrix: Tensor) -> Tensor:
    """Return the six numbers (n, 6) of symmetric matrices (n, 3, 3)."""
    return torch.stack(
        [
            matrix[:, 0, 0],
            matrix[:, 1, 1],
            matrix[:, 2, 2],
            math.sqrt(2) * matrix[:, 1, 2],
            math.sqrt(2) * matrix[:, 0, 2],
            math.sqrt(2) * matrix[:, 0, 1],
        ],
        dim=-1,
    )


def from_six(code: Tensor) -> Tensor:
    """Return the symmetric matrices (n, 3, 3) of six numbers (n, 6)."""
    xx, yy, zz, yz, xz, xy = code.unbind(-1)
    yz, xz, xy = yz / math.sqrt(2), xz / math.sqrt(2), xy / math.sqrt(2)
    rows = [torch.stack(row, -1) for row in ((xx, xy, xz), (xy, yy, yz), (xz, yz, zz))]
    return torch.stack(rows, -2)


def matrix_logarithm(code: Tensor, atoms: Tensor) -> Tensor:
    """Return log S, shape (n, 3, 3), of codes (n, 6) with `atoms` (n,) in each cell."""
    size = (atoms.to(code.dtype).log() / 3)[:, None, None]
    return from_six(code) + size * torch.eye(3, dtype=code.dtype, device=code.device)


def symmetric_exponential(matrix: Tensor) -> Tensor:
    """Return the exponentials of symmetric matrices (n, 3, 3) by scaling and squaring; exact to float32 for norms under 30.

    A Taylor series in place of eigenvectors: it needs no call to a solver and no wait for the GPU.
    """
    scaled = matrix / 2**_SQUARINGS
    identity = torch.eye(3, dtype=matrix.dtype, device=matrix.device).expand_as(matrix)
    result = identity
    for order in range(_TERMS, 0, -1):
        result = identity + scaled @ result / order
    for _ in range(_SQUARINGS):
        result = result @ result
    return result


def metric(code: Tensor, atoms: Tensor) -> Tensor:
    """Return the metric tensors A·Aᵀ = exp(2·log S), shape (n, 3, 3), in Å²."""
    return symmetric_exponential(2 * matrix_logarithm(code, atoms))


def decode(code: Tensor, atoms: Tensor) -> Tensor:
    """Return the lattices S, shape (n, 3, 3), in Å, as symmetric matrices whose rows are the lattice vectors."""
    return symmetric_exponential(matrix_logarithm(code, atoms))


@dataclass(frozen=True, slots=True)
class LatticeScale:
    """Brings codes to zero mean and unit spread: one mean for the diagonal, one spread each for diagonal and off-diagonal.

    The three axes share their numbers, so that no axis is preferred.
    """

    mean: float = 0.0
    diagonal: float = 1.0
    off_diagonal: float = 1.0

    @classmethod
    def fit(cls, codes: Tensor) -> LatticeScale:
        """Fit to codes (n, 6); a spread under 0.03 (a set of one shape) counts as 0.03, so that noise stays visible."""
        mean = codes[:, :3].mean()
        diagonal = (codes[:, :3] - mean).square().mean().sqrt()
        off_diagonal = codes[:, 3:].square().mean().sqrt()
        return cls(float(mean), max(float(diagonal), 0.03), max(float(off_diagonal), 0.03))

    def _spread(self, like: Tensor) -> Tensor:
        return torch.tensor([self.diagonal] * 3 + [self.off_diagonal] * 3).to(like)

    def _mean(self, like: Tensor) -> Tensor:
        return torch.tensor([self.mean] * 3 + [0.0] * 3).to(like)

    def normalise(self, codes: Tensor) -> Tensor:
        """Return codes (n, 6) in units of the set's spread."""
        return (codes - self._mean(codes)) / self._spread(codes)

    def restore(self, normalised: Tensor) -> Tensor:
        """Return the codes (n, 6) of normalised ones."""
        return normalised * self._spread(normalised) + self._mean(normalised)
