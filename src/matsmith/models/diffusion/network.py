"""The denoising network: a dense, factorised CSPNet.

Every atom of a cell exchanges messages with every other and with itself (its own images):
m_ij = silu(W_s·n_i + W_t·n_j + W_e·e_ij), h_i += g·W_o·mean_j m_ij, then a gated two-layer step on each atom; n is h after layer normalisation whose
scale, shift and gate come from time, number of atoms, lattice and conditions (adaptive layer norm, Peebles and Xie 2023). The sum in the
first layer of the message, in place of one wide matrix over joined features, is what makes it fast. e_ij holds sin and cos of 2πk times
the fractional difference f_j - f_i and the distance of the nearest image (Jiao et al. 2023 use the first).

Invariances by construction: moving all atoms together or an atom by a lattice vector, turning the crystal, and exchanging
atoms (outputs are exchanged with them). Domain: ordered periodic crystals of at most `max_atoms` atoms in a reduced cell.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from matsmith.models.diffusion import lattice_code
from matsmith.models.diffusion.element_code import CODE_WIDTH, N_ELEMENTS, element_codes
from matsmith.models.diffusion.lattice_code import LatticeScale
from matsmith.models.diffusion.noise import centre

_TIME_WAVES = 16
_VALUE_WAVES = 6
_SILENT = -1e4


@dataclass(frozen=True, slots=True)
class NetworkConfig:
    """Sizes of the network and the names of its conditions.

    `scalars` are properties given as numbers, `categories` those given as one of so many kinds (0 the first). The last `adapters` of the
    scalars were learned later on frozen weights.
    """

    width: int = 256
    layers: int = 6
    hidden: int = 384
    condition_width: int = 128
    waves: tuple[int, ...] = (1, 2, 3, 4, 6, 8, 12, 16, 24, 32)
    radial: int = 16
    radial_reach_a: float = 8.0
    max_atoms: int = 20
    scalars: tuple[str, ...] = ()
    categories: tuple[tuple[str, int], ...] = ()
    adapters: int = 0


@dataclass(frozen=True, slots=True, eq=False)
class State:
    """What the network sees of b crystals padded to n atoms.

    numbers (b, n) int64, 0 where masked or absent; frac (b, n, 3); lattice (b, 6), normalised code; present (b, n) bool; time (b,) in [0, 1];
    scalars (b, p) in units of the training set's spread and categories (b, q) as whole numbers in floats, NaN where not asked for.
    """

    numbers: Tensor
    frac: Tensor
    lattice: Tensor
    present: Tensor
    time: Tensor
    scalars: Tensor
    categories: Tensor


@dataclass(frozen=True, slots=True, eq=False)
class Prediction:
    """Outputs in float32: coordinates (b, n, 3) with zero mean over the atoms, lattice (b, 6), logits (b, n, 119)."""

    coordinates: Tensor
    lattice: Tensor
    logits: Tensor


def _value_features(value: Tensor) -> Tensor:
    """Features (..., 2·waves + 2) of normalised values (...): one, the value, and its waves, the longest 24 spreads; NaN counts as 0."""
    value = value.nan_to_num(0.0).clamp(-6, 6).unsqueeze(-1)
    octaves = 2.0 ** torch.arange(_VALUE_WAVES, device=value.device) * (math.pi / 12)
    return torch.cat([torch.ones_like(value), value, (value * octaves).sin(), (value * octaves).cos()], -1)


class _Adapter(nn.Module):
    """A condition learned on a frozen network: what it adds to the modulation of every layer, at first and where it is not given nothing."""

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        self.inner = nn.Linear(2 * _VALUE_WAVES + 2 + config.condition_width, config.condition_width)
        self.outer = nn.Linear(config.condition_width, config.layers * 6 * config.width)
        nn.init.zeros_(self.outer.weight)
        nn.init.zeros_(self.outer.bias)

    def forward(self, value: Tensor, condition: Tensor) -> Tensor:
        """Value (b,), NaN where not given, condition (b, c) -> (b, layers·6·w)."""
        known = torch.cat([_value_features(value), condition], -1)
        return self.outer(functional.silu(self.inner(known))) * (~value.isnan()).unsqueeze(-1)


class _Layer(nn.Module):
    def __init__(self, config: NetworkConfig, edge_width: int) -> None:
        super().__init__()
        width = config.width
        self.ends = nn.Linear(width, 2 * width)
        self.edge = nn.Linear(edge_width, width, bias=False)
        self.message = nn.Linear(width, width)
        self.widen = nn.Linear(width, config.hidden)
        self.narrow = nn.Linear(config.hidden, width)

    def forward(self, h: Tensor, edges: Tensor, modulation: Tensor, present: Tensor) -> Tensor:
        """H (b, n, w), edges (b, n, n, e), modulation (b, 6·w), present (b, n) -> h (b, n, w)."""
        width = h.shape[-1]
        parts = modulation.unsqueeze(1).chunk(6, dim=-1)
        normed = functional.layer_norm(h, (width,)) * (1 + parts[0]) + parts[1]
        near, far = self.ends(normed).chunk(2, dim=-1)
        # What silu makes zero is no message: absent atoms cost no multiplication of all messages by a mask.
        far = far.masked_fill(~present.unsqueeze(-1), _SILENT)
        messages = functional.silu(self.edge(edges).add_(near.unsqueeze(2)).add_(far.unsqueeze(1)))
        count = present.sum(-1)[:, None, None]
        h = h + (1 + parts[2]) * self.message(messages.sum(2) / count)
        normed = functional.layer_norm(h, (width,)) * (1 + parts[3]) + parts[4]
        return h + parts[5] * self.narrow(functional.silu(self.widen(normed)))


class CrystalNetwork(nn.Module):
    """The network with its embeddings and heads; `forward` takes a `State` and returns a `Prediction`."""

    def __init__(self, config: NetworkConfig, scale: LatticeScale) -> None:
        super().__init__()
        self.config = config
        self.scale = scale
        width, narrow = config.width, config.condition_width
        edge_width = 6 * len(config.waves) + config.radial
        self.element_code = nn.Linear(CODE_WIDTH, width, bias=False)
        self.element_own = nn.Parameter(0.02 * torch.randn(N_ELEMENTS + 1, width))
        self.lattice_in = nn.Linear(6, narrow)
        self.time_in = nn.Linear(2 * _TIME_WAVES + 1, narrow)
        self.size_in = nn.Embedding(config.max_atoms + 1, narrow)
        self.condition_mix = nn.Linear(narrow, narrow)
        own = len(config.scalars) - config.adapters
        self.scalar_in = nn.Parameter(torch.zeros(own, 2 * _VALUE_WAVES + 2, narrow), requires_grad=own > 0)
        self.category_in = nn.ParameterList([torch.zeros(kinds, narrow) for _, kinds in config.categories])
        self.adapters = nn.ModuleList([_Adapter(config) for _ in range(config.adapters)])
        self.modulation = nn.Linear(narrow, config.layers * 6 * width)
        self.layers = nn.ModuleList([_Layer(config, edge_width) for _ in range(config.layers)])
        self.coordinate_out = nn.Linear(width, 3, bias=False)
        self.lattice_out = nn.Linear(width, 6)
        self.species_out = nn.Linear(width, width)
        self.species_own = nn.Parameter(torch.zeros(N_ELEMENTS + 1, width))
        self.species_bias = nn.Parameter(torch.zeros(N_ELEMENTS + 1))
        for head in (self.coordinate_out, self.lattice_out, self.modulation):
            nn.init.zeros_(head.weight)
        for head in (self.lattice_out, self.modulation):
            nn.init.zeros_(head.bias)
        images = torch.tensor(list(itertools.product((-1, 0, 1), repeat=3)), dtype=torch.float32)
        self.register_buffer("codes", element_codes(), persistent=False)
        self.register_buffer("code_mean", scale.restore(torch.zeros(6)), persistent=False)
        self.register_buffer(
            "code_spread", scale.restore(torch.ones(6)) - scale.restore(torch.zeros(6)), persistent=False
        )
        self.register_buffer("images", images, persistent=False)
        self.register_buffer("wave_numbers", 2 * math.pi * torch.tensor(config.waves), persistent=False)
        self.register_buffer(
            "radii", torch.linspace(0, config.radial_reach_a, config.radial), persistent=False
        )

    def _squared_distances(self, difference: Tensor, metric: Tensor) -> Tensor:
        """Nearest image's squared distance (b, n, n) in Å² of fractional differences (b, n, n, 3); an atom's own image is the nearest other."""
        images = self.get_buffer("images")
        b, n = difference.shape[:2]
        short = (difference - difference.round()).view(b, n * n, 3)
        through = short @ metric
        own = (through * short).sum(-1, keepdim=True)
        cross = through @ images.T
        shift = ((images @ metric) * images).sum(-1).unsqueeze(1)
        square = (own + 2 * cross + shift).view(b, n, n, len(images))
        itself = torch.eye(n, dtype=torch.bool, device=square.device).unsqueeze(-1)
        middle = itself & (torch.arange(len(images), device=square.device) == len(images) // 2)
        return square.masked_fill(middle, torch.inf).amin(-1)

    def _edges(self, state: State) -> Tensor:
        """Edge features (b, n, n, 6·waves + radial), index [i, j] for the way from i to j."""
        count = state.present.sum(-1)
        difference = state.frac.unsqueeze(1) - state.frac.unsqueeze(2)
        phase = (difference.unsqueeze(-1) * self.get_buffer("wave_numbers")).flatten(-2)
        code = state.lattice.clamp(-8, 8) * self.get_buffer("code_spread") + self.get_buffer("code_mean")
        metric = lattice_code.metric(code, count)
        distance = self._squared_distances(difference, metric).clamp(min=0).sqrt()
        step = self.config.radial_reach_a / (self.config.radial - 1)
        # Cut at e^-30: smaller ones become denormal numbers, which make a matrix product on a CPU thirty times slower.
        away = ((distance.unsqueeze(-1) - self.get_buffer("radii")) / step).square()
        radial = torch.exp(-away.clamp(max=30.0))
        return torch.cat([phase.sin(), phase.cos(), radial], dim=-1)

    def _condition(self, state: State) -> Tensor:
        """Vector (b, c) of time, number of atoms, lattice and the conditions that are given."""
        turns = torch.arange(1, _TIME_WAVES + 1, device=state.time.device) * (math.pi / 2)
        phase = state.time[:, None] * turns
        time = torch.cat([state.time[:, None], phase.sin(), phase.cos()], dim=-1)
        vector = (
            self.time_in(time)
            + self.size_in(state.present.sum(-1))
            + self.lattice_in(state.lattice.clamp(-8, 8))
        )
        own = state.scalars[:, : len(self.scalar_in)]
        if own.shape[1]:
            features = _value_features(own) * (~own.isnan()).unsqueeze(-1)
            vector = vector + torch.einsum("bpf,pfc->bc", features, self.scalar_in)
        for index, table in enumerate(self.category_in):
            kind = state.categories[:, index]
            row = table[kind.nan_to_num(0.0).long().clamp(0, len(table) - 1)]
            vector = vector + row * (~kind.isnan()).unsqueeze(-1)
        return functional.silu(self.condition_mix(functional.silu(vector)) + vector)

    def _modulation(self, state: State) -> Tensor:
        """What time, number of atoms, lattice and conditions do to every layer, (b, layers·6·w)."""
        condition = self._condition(state)
        found = self.modulation(condition)
        for column, adapter in enumerate(self.adapters, start=len(self.scalar_in)):
            found = found + adapter(state.scalars[:, column], condition)
        return found

    def forward(self, state: State) -> Prediction:
        """Predict from b crystals with their noise on; see `noise` for what the numbers mean."""
        present = state.present
        codes = self.get_buffer("codes")
        share = present / present.sum(-1, keepdim=True)
        with torch.autocast(present.device.type, enabled=False):
            edges = self._edges(state)
            modulation = self._modulation(state).chunk(self.config.layers, dim=-1)
            h = self.element_code(codes)[state.numbers] + self.element_own[state.numbers]
        if torch.is_autocast_enabled(present.device.type):
            edges = edges.to(torch.get_autocast_dtype(present.device.type))
        for layer, part in zip(self.layers, modulation, strict=True):
            h = layer(h, edges, part, present)
        with torch.autocast(present.device.type, enabled=False):
            h = functional.layer_norm(h.float(), (self.config.width,))
            pooled = (h * share.unsqueeze(-1)).sum(1)
            rows = self.element_code(codes) + self.species_own
            logits = self.species_out(h) @ rows.T / math.sqrt(self.config.width) + self.species_bias
            return Prediction(centre(self.coordinate_out(h), present), self.lattice_out(pooled), logits)
