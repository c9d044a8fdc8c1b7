"""What is known or bound of crystals while they are made, as tensors, and how every step of sampling obeys it.

Known parts are noised to the level of the step and put back (inpainting: Lugmayr et al. 2022, RePaint; for crystals Okabe et al. 2024, SCIGEN): places of
atoms, and combinations of the lattice's six numbers. Known species are shown from the start, which for masked species is the exact
conditional. Bound parts move together: atoms of one orbit by the operations of a space group, its cell by the mean of its metric
over the group (after Jiao et al. 2024, DiffCSP++, which trains with them), species of tied atoms as one; where they cannot move the network is
still shown the noise that it was trained to expect. What holds at the end holds exactly.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from typing import Any, cast

import torch
from torch import Tensor

from matsmith.models.diffusion import lattice_code
from matsmith.models.diffusion.lattice_code import LatticeScale


@dataclass(frozen=True, slots=True, eq=False)
class Constraints:
    """Of b crystals padded to n atoms.

    `known` (b, n) bool marks atoms whose `places` (b, n, 3) are known; `lattice_known` (b, 6, 6) projects normalised codes onto the
    combinations that are, `lattice` (b, 6) holds them. Third coordinates stay in `band` (b, 2). `leader` (b, n) is the atom whose species an atom
    shares. Only with a space group: `averaging` (b, n, n, 3, 3) of `symmetric_sites`, and `metric` (b, 6, 6).
    """

    known: Tensor
    places: Tensor
    lattice_known: Tensor
    lattice: Tensor
    band: Tensor
    leader: Tensor
    averaging: Tensor | None = None
    metric: Tensor | None = None

    @classmethod
    def none(cls, b: int, n: int) -> Constraints:
        """Return those that ask for nothing."""
        return cls(
            known=torch.zeros(b, n, dtype=torch.bool),
            places=torch.zeros(b, n, 3),
            lattice_known=torch.zeros(b, 6, 6),
            lattice=torch.zeros(b, 6),
            band=torch.tensor([[0.0, 1.0]]).repeat(b, 1),
            leader=torch.arange(n).repeat(b, 1),
        )

    def with_symmetry(self) -> Constraints:
        """Return the same with room for space groups; until one is written there, nothing is bound."""
        if self.averaging is not None:
            return self
        b, n = self.known.shape
        free = torch.einsum("ij,ab->ijab", torch.eye(n), torch.eye(3)).repeat(b, 1, 1, 1, 1)
        return replace(self, averaging=free, metric=torch.eye(6).repeat(b, 1, 1))

    def to(self, device: torch.device) -> Constraints:
        """Return them on a device."""
        return self._each(lambda part: part.to(device))

    def rows(self, indices: Tensor) -> Constraints:
        """Return those of the given crystals."""
        return self._each(lambda part: part[indices])

    def _each(self, change: Callable[[Tensor], Tensor]) -> Constraints:
        parts: dict[str, Any] = {f.name: getattr(self, f.name) for f in fields(self)}
        changed: dict[str, Any] = {
            name: None if part is None else change(part) for name, part in parts.items()
        }
        return Constraints(**changed)

    @property
    def puts_back(self) -> bool:
        """Whether any place is known, so that going back and forth in time makes the rest fit better."""
        return bool(self.known.any())

    def move(self, frac: Tensor, *, drift: Tensor, noise: Tensor) -> Tensor:
        """Move atoms (b, n, 3) by drift and noise, bound to their orbits."""
        return torch.remainder(frac + self._bound(drift + noise), 1.0)

    def shown(self, frac: Tensor, noise: Callable[[], Tensor]) -> Tensor:
        """Places (b, n, 3) as the network shall see them: what a space group leaves no freedom to has the noise (b, n, 3) of the step too.

        Known to be nothing at the end, that part of the displacements is put back at every step like known places are.
        """
        if self.averaging is None:
            return frac
        drawn = noise()
        return torch.remainder(frac + drawn - self._bound(drawn), 1.0)

    def _bound(self, displacements: Tensor) -> Tensor:
        """The part of displacements (b, n, 3) that keeps every crystal in its space group."""
        if self.averaging is None:
            return displacements
        return torch.einsum("bijac,bjc->bia", self.averaging, displacements)

    def put_places(self, frac: Tensor, noise: Tensor) -> Tensor:
        """Put known atoms back with this noise (b, n, 3) on, and fold third coordinates into their band."""
        frac = torch.where(self.known.unsqueeze(-1), torch.remainder(self.places + noise, 1.0), frac)
        low, high = self.band[:, :1], self.band[:, 1:]
        width = high - low
        height = (frac[..., 2] - low) % (2 * width)
        folded = low + torch.where(height > width, 2 * width - height, height)
        bounded = (width < 1) & ~self.known
        return torch.cat([frac[..., :2], torch.where(bounded, folded, frac[..., 2]).unsqueeze(-1)], dim=-1)

    def put_lattice(self, lattice: Tensor, noised: Tensor, *, scale: LatticeScale, count: Tensor) -> Tensor:
        """Put the known combinations of normalised codes (b, 6) back, as `noised` (b, 6) has them, and make cells of a space group symmetric.

        `count` (b,) is the number of atoms of each.
        """
        lattice = lattice + torch.einsum("bij,bj->bi", self.lattice_known, noised - lattice)
        if self.metric is None:
            return lattice
        bound = (self.metric - torch.eye(6).to(self.metric)).abs().amax((1, 2)) > 1e-6
        code = scale.restore(lattice.double())
        six = lattice_code.to_six(lattice_code.metric(code, count))
        mean = lattice_code.from_six(torch.einsum("bij,bj->bi", self.metric.double(), six))
        rows = cast("Tensor", torch.linalg.cholesky(mean))
        symmetric = scale.normalise(lattice_code.encode(rows, count)).to(lattice)
        return torch.where(bound.unsqueeze(-1), symmetric, lattice)

    def tie_species(self, numbers: Tensor) -> Tensor:
        """Give every atom (b, n) the species of the one that it shares it with."""
        return numbers.gather(1, self.leader)

    def tie_logits(self, logits: Tensor) -> Tensor:
        """Average logits (b, n, k) over atoms that share their species."""
        n = self.leader.shape[1]
        if bool((self.leader == torch.arange(n, device=self.leader.device)).all()):
            return logits
        same = (self.leader.unsqueeze(2) == self.leader.unsqueeze(1)).to(logits)
        return (same / same.sum(-1, keepdim=True)) @ logits
