"""Requests of one padded size as tensors: what the crystals start from, what is known of them and how their parts are bound."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

import numpy as np
import torch
from torch import Tensor

from matsmith.models.diffusion import lattice_code
from matsmith.models.diffusion.constraints import Constraints
from matsmith.models.diffusion.element_code import MASKED, N_ELEMENTS
from matsmith.models.diffusion.lattice_code import LatticeScale
from matsmith.models.diffusion.motifs import Motif, Seed, Slab
from matsmith.models.diffusion.requests import CrystalRequest, permitted_elements
from matsmith.models.diffusion.symmetric_sites import arrange, metric_projector, reduced_axes
from matsmith.models.diffusion.weights import ModelCard

_MIDDLE = 0.5
_ROOT = math.sqrt(0.5)
# Combinations of xx, yy, zz, √2·(yz, xz, xy): a plane's shape, an upright third vector, the plane's size, the third vector's length.
_SHAPE = ((_ROOT, -_ROOT, 0.0, 0.0, 0.0, 0.0), (0.0, 0.0, 0.0, 0.0, 0.0, 1.0))
_UPRIGHT = ((0.0, 0.0, 0.0, 1.0, 0.0, 0.0), (0.0, 0.0, 0.0, 0.0, 1.0, 0.0))
_HEIGHT = ((0.0, 0.0, 1.0, 0.0, 0.0, 0.0),)


@dataclass(frozen=True, slots=True, eq=False)
class Start:
    """Species known so far (b, n), 0 where open; who is there (b, n); who may come (b, 119); conditions; constraints; and what seeds give.

    `frac` (b, n, 3) and `lattice` (b, 6), normalised, are the clean seeds, or for a space group places drawn on its positions (`placed` (b,) bool).
    """

    numbers: Tensor
    present: Tensor
    permitted: Tensor
    scalars: Tensor
    categories: Tensor
    constraints: Constraints
    frac: Tensor
    lattice: Tensor
    placed: Tensor


def to_start(
    requests: Sequence[CrystalRequest],
    sizes: Sequence[int],
    *,
    padded: int,
    card: ModelCard,
    generator: torch.Generator,
) -> Start:
    """Set up requests of at most `padded` atoms each; all chance from `generator`.

    Required elements are put on atoms at random, once each, and stay there. Raises `SpecError` for a space group whose arrangements of these
    atoms all have a higher symmetry.
    """
    b = len(requests)
    constraints = Constraints.none(b, padded)
    if any(request.space_group for request in requests):
        constraints = constraints.with_symmetry()
    start = Start(
        numbers=torch.full((b, padded), MASKED),
        present=torch.arange(padded)[None, :] < torch.tensor(list(sizes))[:, None],
        permitted=torch.zeros(b, N_ELEMENTS + 1, dtype=torch.bool),
        scalars=torch.full((b, len(card.network.scalars)), torch.nan),
        categories=torch.full((b, len(card.network.categories)), torch.nan),
        constraints=constraints,
        frac=torch.zeros(b, padded, 3),
        lattice=torch.zeros(b, 6),
        placed=torch.zeros(b, dtype=torch.bool),
    )
    for row, (request, size) in enumerate(zip(requests, sizes, strict=True)):
        _conditions(start, row, request, card=card)
        if request.motif is not None:
            _motif(start, row, request.motif, request=request, scale=card.lattice, generator=generator)
        elif request.seed is not None:
            _seed(start, row, request.seed, scale=card.lattice)
        elif request.space_group:
            _space_group(start, row, request, size=size, generator=generator)
        else:
            start.numbers[row, : len(request.numbers)] = torch.tensor(request.numbers, dtype=torch.int64)
        if request.slab is not None:
            _slab(start, row, request.slab, size=size, scale=card.lattice)
        if not request.numbers and (request.seed is None or request.seed.free_species):
            start.permitted[row, sorted(permitted_elements(request, card))] = True
            _require(start, row, request, size=size, generator=generator)
    return start


def _conditions(start: Start, row: int, request: CrystalRequest, *, card: ModelCard) -> None:
    for column, name in enumerate(card.network.scalars):
        if name in request.conditions:
            mean, spread = card.scalars.mean[column], card.scalars.spread[column]
            start.scalars[row, column] = (request.conditions[name] - mean) / spread
    for column, (name, _) in enumerate(card.network.categories):
        start.categories[row, column] = request.conditions.get(name, math.nan)


def _require(
    start: Start, row: int, request: CrystalRequest, *, size: int, generator: torch.Generator
) -> None:
    """Put every required element that is not there yet on an open atom and on those that share its species."""
    leader = start.constraints.leader[row]
    numbers = start.numbers[row]
    heads = [i for i in range(size) if int(leader[i]) == i and int(numbers[i]) == MASKED]
    there = set(cast("list[int]", numbers.tolist())) if request.seed is None else set[int]()
    lacking = sorted(request.required - there)
    order = cast("list[int]", torch.randperm(len(heads), generator=generator).tolist())
    for number, place in zip(lacking, order, strict=False):
        numbers[leader == heads[place]] = number


def _known_lattice(
    start: Start, row: int, directions: Sequence[Sequence[float]], code: Tensor, scale: LatticeScale
) -> None:
    """Add orthogonal directions of the code (6,) to those that are known."""
    part = torch.tensor(directions)
    constraints = start.constraints
    projector = part.T @ part
    constraints.lattice[row] += projector @ (
        scale.normalise(code.unsqueeze(0))[0].float() - constraints.lattice[row]
    )
    constraints.lattice_known[row] += projector


def _motif(
    start: Start,
    row: int,
    motif: Motif,
    *,
    request: CrystalRequest,
    scale: LatticeScale,
    generator: torch.Generator,
) -> None:
    constraints, m = start.constraints, motif.atoms
    places = torch.tensor([(*place, _MIDDLE) for place in motif.places])
    constraints.known[row, :m] = True
    constraints.places[row, :m] = places
    constraints.leader[row, :m] = 0
    rows = np.eye(3)
    rows[:2, :2] = motif.plane
    code = lattice_code.encode(torch.tensor(rows).unsqueeze(0), torch.ones(1))[0]
    _known_lattice(start, row, (*_SHAPE, *_UPRIGHT), code, scale)
    if request.numbers:
        able = sorted(number for number, count in Counter(request.numbers).items() if count >= m)
        chosen = able[int(torch.randint(len(able), (1,), generator=generator))]
        rest = list(request.numbers)
        for _ in range(m):
            rest.remove(chosen)
        start.numbers[row, : len(request.numbers)] = torch.tensor([chosen] * m + rest)


def _slab(start: Start, row: int, slab: Slab, *, size: int, scale: LatticeScale) -> None:
    half = 0.5 * slab.thickness_a / slab.seen_a
    start.constraints.band[row] = torch.tensor([_MIDDLE - half, _MIDDLE + half])
    rows = torch.diag_embed(torch.tensor([[1.0, 1.0, slab.seen_a]], dtype=torch.float64))
    code = lattice_code.encode(rows, torch.tensor([float(size)]))[0]
    upright = () if start.constraints.lattice_known[row].any() else _UPRIGHT
    _known_lattice(start, row, (*upright, *_HEIGHT), code, scale)


def _seed(start: Start, row: int, seed: Seed, *, scale: LatticeScale) -> None:
    n = len(seed.numbers)
    kept = torch.tensor([site in seed.keep for site in range(n)])
    places = torch.remainder(torch.tensor(seed.places, dtype=torch.float64), 1.0).float()
    numbers = torch.tensor(seed.numbers)
    cell = torch.tensor([seed.lattice], dtype=torch.float64)
    code = lattice_code.encode(cell, torch.tensor([float(n)]))[0]
    start.frac[row, :n] = places
    start.lattice[row] = scale.normalise(code.unsqueeze(0))[0].float()
    start.constraints.known[row, :n] = kept
    start.constraints.places[row, :n] = places
    start.numbers[row, :n] = torch.where(kept, numbers, MASKED) if seed.free_species else numbers
    if seed.keep_lattice:
        _known_lattice(start, row, cast("list[list[float]]", torch.eye(6).tolist()), code, scale)


def _space_group(
    start: Start, row: int, request: CrystalRequest, *, size: int, generator: torch.Generator
) -> None:
    random = np.random.default_rng(int(torch.randint(2**31, (1,), generator=generator)))
    amounts = dict(Counter(request.numbers)) if request.numbers else {0: size}
    cell = arrange(request.space_group, amounts, random=random, orbits_min=max(1, len(request.required)))
    # The model knows reduced cells, in which a group's axis may be any of the three: rutile's is the first, being the shortest.
    orders = reduced_axes(request.space_group)
    axes = orders[int(random.integers(len(orders)))]
    cell = cell.turned(axes)
    constraints = start.constraints
    start.numbers[row, :size] = torch.tensor(cell.labels)
    start.frac[row, :size] = torch.tensor(cell.places(4.0 * random.random((size, 3)))).float()
    start.placed[row] = True
    constraints.leader[row, :size] = torch.tensor(cell.leader)
    if constraints.averaging is not None:
        constraints.averaging[row, :size, :size] = torch.tensor(cell.averaging()).float()
    if constraints.metric is not None:
        constraints.metric[row] = torch.tensor(metric_projector(request.space_group, axes)).float()
