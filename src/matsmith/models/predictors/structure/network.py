"""A graph network over a crystal's bonds whose layers are turned by the conditions, for one intensive property.

    h_i  = E[z_i];   c = silu(C [conditions; known])                             conditions, standardised, and which of them are known
    m_ij = s(|r_ij|) sigmoid(a . p_ij) silu(p_ij),  p_ij = A h_i + B h_j + R g(|r_ij|)   over all neighbours j within the cutoff
    h_i += G_l [ (1 + F_l c) * n(sum_j m_ij) + b_l c ]
    y    = w . silu(D [mean_i n(h_i); c]) + b

s falls smoothly to 0 at the cutoff, g are Gaussians; distances alone are seen, so that neither turning, shifting nor repeating the cell changes y.
Relatives: CGCNN (Xie and Grossman 2018, Phys. Rev. Lett. 120, 145301); FiLM (Perez et al. 2018, AAAI) for the conditions.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from matsmith.core.errors import DataError
from matsmith.models.potentials.interface import CrystalArrays
from matsmith.models.potentials.periodic_graph import EVERY_ELEMENT, check_cell, find_neighbours

ELEMENTS = 119


@dataclass(frozen=True, kw_only=True)
class StructureSettings:
    """Size of the network and course of its training."""

    width: int = 48
    layers: int = 3
    gaussians: int = 20
    cutoff_angstrom: float = 5.0
    conditions: int = 0
    batch: int = 64
    steps: int = 600
    learning_rate: float = 4e-3
    weight_decay: float = 0.01
    average: float = 0.98
    seed: int = 20


@dataclass(frozen=True)
class Graphs:
    """Crystals as directed bonds: per crystal `numbers` (n,), `start`, `end` (e,) atoms of a bond and its `length` (e,) in Å."""

    numbers: list[NDArray[np.int64]]
    start: list[NDArray[np.int64]]
    end: list[NDArray[np.int64]]
    length: list[NDArray[np.float32]]

    def __len__(self) -> int:
        return len(self.numbers)


@dataclass(frozen=True)
class GraphTensors:
    """Several crystals numbered through: `owner` (n,) the crystal of each atom."""

    numbers: Tensor
    owner: Tensor
    start: Tensor
    end: Tensor
    length: Tensor
    count: int


def graphs_of(crystals: list[CrystalArrays], *, cutoff_angstrom: float) -> Graphs:
    """Bonds within the cutoff. Raises `DataError` for a cell that no solid has."""
    found = Graphs([], [], [], [])
    for place, crystal in enumerate(crystals):
        refusal = check_cell(crystal, covered=EVERY_ELEMENT)
        if refusal is not None:
            raise DataError(
                f"Structure {place + 1}: {refusal.message}", hint="Leave it out, or mend its cell."
            )
        bonds = find_neighbours(crystal, reach_angstrom=cutoff_angstrom)
        vector = (
            crystal.frac_coords[bonds.i] - crystal.frac_coords[bonds.j] - bonds.image
        ) @ crystal.lattice_angstrom
        length = np.linalg.norm(vector, axis=1).astype(np.float32)
        found.numbers.append(crystal.numbers)
        found.start.append(np.concatenate([bonds.i, bonds.j]))
        found.end.append(np.concatenate([bonds.j, bonds.i]))
        found.length.append(np.concatenate([length, length]))
    return found


def tensors_of(graphs: Graphs, rows: list[int]) -> GraphTensors:
    """Some of the crystals as one set of tensors."""
    counts = [len(graphs.numbers[row]) for row in rows]
    shift = np.concatenate([[0], np.cumsum(counts)[:-1]]).tolist()
    return GraphTensors(
        numbers=torch.from_numpy(np.concatenate([graphs.numbers[row] for row in rows])),
        owner=torch.from_numpy(np.repeat(np.arange(len(rows)), counts)),
        start=torch.from_numpy(
            np.concatenate([graphs.start[row] + at for row, at in zip(rows, shift, strict=True)])
        ),
        end=torch.from_numpy(
            np.concatenate([graphs.end[row] + at for row, at in zip(rows, shift, strict=True)])
        ),
        length=torch.from_numpy(np.concatenate([graphs.length[row] for row in rows])),
        count=len(rows),
    )


class _Layer(nn.Module):
    def __init__(self, width: int, gaussians: int) -> None:
        super().__init__()
        self.ends = nn.Linear(width, 2 * width)
        self.bond = nn.Linear(gaussians, width)
        self.listen = nn.Linear(width, 1)
        self.turn = nn.Linear(width, 2 * width)
        self.out = nn.Linear(width, width)
        nn.init.zeros_(self.turn.weight)
        nn.init.zeros_(self.turn.bias)

    def forward(
        self, h: Tensor, bonds: Tensor, fade: Tensor, graph: GraphTensors, condition: Tensor
    ) -> Tensor:
        here, there = self.ends(functional.rms_norm(h, h.shape[-1:])).chunk(2, dim=-1)
        pair = here[graph.start] + there[graph.end] + self.bond(bonds)
        message = fade * torch.sigmoid(self.listen(pair)) * functional.silu(pair)
        told = torch.zeros_like(h).index_add(0, graph.start, message)
        told = functional.rms_norm(told, told.shape[-1:])
        gain, offset = self.turn(condition)[graph.owner].chunk(2, dim=-1)
        return h + self.out((1 + gain) * told + offset)


class StructureNetwork(nn.Module):
    """See the head of this file."""

    def __init__(self, settings: StructureSettings) -> None:
        super().__init__()
        width = settings.width
        self.settings = settings
        self.embedding = nn.Embedding(ELEMENTS, width)
        self.told = nn.Linear(2 * settings.conditions, width) if settings.conditions else None
        self.layers = nn.ModuleList(_Layer(width, settings.gaussians) for _ in range(settings.layers))
        self.head = nn.Linear(2 * width, width)
        self.value = nn.Linear(width, 1)
        self.register_buffer("centres", torch.linspace(0.8, settings.cutoff_angstrom, settings.gaussians))

    def forward(self, graph: GraphTensors, conditions: Tensor) -> tuple[Tensor, Tensor]:
        """Standardised values (m,) and what they are read from, (m, width); `conditions` (m, c), not a number where unknown."""
        width, cutoff = self.settings.width, self.settings.cutoff_angstrom
        condition = torch.zeros(graph.count, width)
        if self.told is not None:
            known = torch.isfinite(conditions)
            given = torch.where(known, conditions, torch.zeros_like(conditions))
            condition = functional.silu(self.told(torch.cat([given, known.to(given.dtype)], dim=1)))
        spacing = (cutoff - 0.8) / (self.settings.gaussians - 1)
        centres: Tensor = self.get_buffer("centres")
        bonds = torch.exp(-0.5 * ((graph.length[:, None] - centres) / spacing) ** 2)
        fade = 0.5 * (1 + torch.cos(torch.pi * (graph.length / cutoff).clamp(max=1.0)))[:, None]
        h: Tensor = self.embedding(graph.numbers)
        for layer in self.layers:
            h = layer(h, bonds, fade, graph, condition)
        h = functional.rms_norm(h, h.shape[-1:])
        sums = torch.zeros(graph.count, width).index_add(0, graph.owner, h)
        atoms = torch.bincount(graph.owner, minlength=graph.count).to(h.dtype)
        pooled = sums / atoms[:, None]
        hidden = functional.silu(self.head(torch.cat([pooled, condition], dim=1)))
        return self.value(hidden)[:, 0], pooled
