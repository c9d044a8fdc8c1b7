"""Crystals as padded tensors: gathered into buckets of like size, drawn by the number of the step.

A batch depends on the seed and the step alone, so training that is resumed sees what it would have seen.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from matsmith.core.errors import DataError
from matsmith.models.diffusion import lattice_code
from matsmith.models.diffusion.data_format import CrystalTable
from matsmith.models.diffusion.lattice_code import LatticeScale
from matsmith.models.diffusion.network import NetworkConfig

BUCKETS = (1, 2, 3, 4, 5, 6, 8, 10, 12, 16, 20)
_STRIDE, _APART = 1_000_003, 49_979_687


@dataclass(frozen=True, slots=True, eq=False)
class CrystalBatch:
    """b clean crystals padded to n atoms.

    numbers (b, n) int64, 0 where absent; frac (b, n, 3); lattice (b, 6), normalised code; present (b, n) bool; scalars (b, p), normalised, and
    categories (b, q), NaN where unknown.
    """

    numbers: Tensor
    frac: Tensor
    lattice: Tensor
    present: Tensor
    scalars: Tensor
    categories: Tensor

    def __len__(self) -> int:
        return len(self.numbers)

    def rows(self, indices: Tensor) -> CrystalBatch:
        """Return the crystals of the given rows."""
        return CrystalBatch(**{f.name: getattr(self, f.name)[indices] for f in fields(self)})

    def to(self, device: torch.device) -> CrystalBatch:
        """Return the batch on a device."""
        return CrystalBatch(**{f.name: getattr(self, f.name).to(device) for f in fields(self)})


def turn_axes(batch: CrystalBatch, generator: torch.Generator) -> CrystalBatch:
    """Rename and reverse the lattice vectors of every crystal at random: 48 descriptions of one crystal."""
    b, device = len(batch), batch.frac.device
    order = torch.rand(b, 3, generator=generator, device=device).argsort(-1)
    sign = torch.randint(2, (b, 3), generator=generator, device=device) * 2.0 - 1
    frac = batch.frac.gather(-1, order[:, None, :].expand_as(batch.frac)) * sign[:, None, :]
    matrix = lattice_code.from_six(batch.lattice)
    matrix = matrix.gather(1, order[:, :, None].expand(b, 3, 3)).gather(2, order[:, None, :].expand(b, 3, 3))
    matrix = matrix * sign[:, :, None] * sign[:, None, :]
    return replace(batch, frac=torch.remainder(frac, 1.0), lattice=lattice_code.to_six(matrix))


@dataclass(frozen=True, slots=True)
class ScalarScale:
    """Mean and spread of each scalar condition over the training set, in the property's own unit."""

    mean: tuple[float, ...] = ()
    spread: tuple[float, ...] = ()

    @classmethod
    def fit(cls, table: CrystalTable, names: tuple[str, ...]) -> ScalarScale:
        """Fit to a table. Raises `DataError` when a property is not in it or has no spread."""
        mean: list[float] = []
        spread: list[float] = []
        for name in names:
            values = column_of(table, name)
            values = values[np.isfinite(values)]
            if len(values) < 2 or float(values.std()) == 0:
                raise DataError(
                    f"The property {name} has fewer than two different values in the training set.",
                    hint="Leave it out of --conditions.",
                )
            mean.append(float(values.mean()))
            spread.append(float(values.std()))
        return cls(tuple(mean), tuple(spread))


def column_of(table: CrystalTable, name: str) -> NDArray[np.float32]:
    """Return a property of all crystals (m,). Raises `DataError` when the table has none of that name."""
    if name not in table.properties:
        raise DataError(
            f"The table has no property {name}.", hint=f"It has {', '.join(table.properties) or 'none'}."
        )
    return table.properties[name]


def bucket_of(atoms: int) -> int:
    """Return the padded size for a number of atoms; above 20 the number itself.

    >>> bucket_of(7), bucket_of(20), bucket_of(23)
    (8, 20, 23)
    """
    return next((size for size in BUCKETS if size >= atoms), atoms)


def to_batch(
    table: CrystalTable,
    *,
    size: int,
    network: NetworkConfig,
    scale: LatticeScale,
    scalars: ScalarScale,
) -> CrystalBatch:
    """Pad all crystals of a table to `size` atoms; properties that the table lacks are unknown."""
    m = len(table)
    numbers = np.zeros((m, size), np.int64)
    frac = np.zeros((m, size, 3), np.float32)
    present = np.arange(size)[None, :] < table.counts[:, None]
    numbers[present] = table.numbers
    frac[present] = table.frac
    unknown = np.full(m, np.nan, np.float32)
    values = [table.properties.get(name, unknown) for name in network.scalars]
    kinds = [table.properties.get(name, unknown) for name, _ in network.categories]
    columns = [(v - a) / s for v, a, s in zip(values, scalars.mean, scalars.spread, strict=True)]
    code = lattice_code.encode(
        torch.from_numpy(table.lattice.astype(np.float64)), torch.from_numpy(table.counts)
    )
    return CrystalBatch(
        numbers=torch.from_numpy(numbers),
        frac=torch.from_numpy(np.mod(frac, 1.0)),
        lattice=scale.normalise(code).float(),
        present=torch.from_numpy(present),
        scalars=torch.from_numpy(np.stack(columns, 1) if columns else np.zeros((m, 0), np.float32)).float(),
        categories=torch.from_numpy(np.stack(kinds, 1) if kinds else np.zeros((m, 0), np.float32)).float(),
    )


class Buckets:
    """A split of a table on one device, bucket by bucket, from which batches are drawn."""

    def __init__(
        self,
        table: CrystalTable,
        *,
        network: NetworkConfig,
        scale: LatticeScale,
        scalars: ScalarScale,
        device: torch.device,
    ) -> None:
        sizes = np.array([bucket_of(int(count)) for count in table.counts])
        self.batches: list[CrystalBatch] = []
        for size in sorted(set(sizes.tolist())):
            part = table.select(np.flatnonzero(sizes == size))
            batch = to_batch(part, size=int(size), network=network, scale=scale, scalars=scalars)
            self.batches.append(batch.to(device))
        self._weights = torch.tensor([float(len(batch)) for batch in self.batches])
        self._device = device

    def draw(self, count: int, *, seed: int, step: int, rank: int = 0) -> CrystalBatch:
        """Draw crystals of one bucket, with repeats, by seed, step and rank alone; buckets come up as often as they have crystals.

        Processes of one step (ranks) draw from the same bucket, so that none waits for another.
        """
        generator = torch.Generator().manual_seed(seed * _STRIDE + step)
        bucket = self.batches[int(torch.multinomial(self._weights, 1, generator=generator))]
        if rank:
            generator.manual_seed(seed * _STRIDE + step + _APART * rank)
        rows = torch.randint(len(bucket), (count,), generator=generator)
        return bucket.rows(rows.to(self._device, non_blocking=True))
