"""Crystals for requests: sizes are drawn, requests of like size go through `denoising` together, and what comes out is a table of crystals."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from matsmith.core.errors import SpecError
from matsmith.models.diffusion import lattice_code
from matsmith.models.diffusion.batches import bucket_of
from matsmith.models.diffusion.data_format import CrystalTable, formula_key
from matsmith.models.diffusion.denoising import SamplingSettings, denoise, levels, place_level
from matsmith.models.diffusion.network import CrystalNetwork, State
from matsmith.models.diffusion.noise import NoiseConfig
from matsmith.models.diffusion.requests import CrystalRequest, check_request, draw_size
from matsmith.models.diffusion.start import Start, to_start
from matsmith.models.diffusion.steering import Population, Steering
from matsmith.models.diffusion.weights import DiffusionModel

_Made = tuple[NDArray[np.int64], NDArray[np.float32], NDArray[np.float32]]


def _noise(
    start: Start, *, time: float, config: NoiseConfig, generator: torch.Generator, device: torch.device
) -> State:
    """The state that sampling begins with: pure noise at time 1, seeds with noise on at an earlier one, places on Wyckoff positions."""
    b, padded = start.numbers.shape
    frac = torch.rand(b, padded, 3, generator=generator, device=device)
    lattice = torch.randn(b, 6, generator=generator, device=device)
    if time < 1:
        alpha, s = levels(time, config)
        moved = place_level(time, config) * torch.randn(b, padded, 3, generator=generator, device=device)
        frac = torch.remainder(start.frac.to(device) + moved, 1.0)
        lattice = alpha * start.lattice.to(device) + s * lattice
    placed = start.placed.to(device)[:, None, None]
    return State(
        numbers=start.numbers.to(device),
        frac=torch.where(placed, start.frac.to(device), frac),
        lattice=lattice,
        present=start.present.to(device),
        time=torch.full((b,), time, device=device),
        scalars=start.scalars.to(device),
        categories=start.categories.to(device),
    )


def _check_settings(settings: SamplingSettings, network: CrystalNetwork) -> None:
    names = {*network.config.scalars, *(name for name, _ in network.config.categories)}
    unknown = sorted(set(settings.guidance) - names)
    if unknown:
        raise SpecError(
            f"This model knows no condition {unknown[0]!r}.",
            hint=f"It knows {', '.join(sorted(names)) or 'none'}.",
        )
    if settings.steps < 1 or settings.corrector_steps < 0 or settings.batch < 1 or settings.resample < 1:
        raise SpecError("Sampling needs at least one step and a batch of one.", hint="100 steps are usual.")
    if not 0 < settings.sharpness <= 20:
        raise SpecError(
            f"A sharpness of {settings.sharpness:g} cannot be.",
            hint="Give one of 0.5 to 10; 1 is the model's own.",
        )
    if not 0 < settings.species_temperature <= 10 or not 0 <= settings.lattice_noise <= 2:
        raise SpecError(
            f"A species temperature of {settings.species_temperature:g} with a lattice noise of {settings.lattice_noise:g} cannot be.",
            hint="Give a temperature above 0 and a noise from 0; 1 is the model's own of both.",
        )


def generate(
    model: DiffusionModel,
    requests: Sequence[CrystalRequest],
    *,
    settings: SamplingSettings = SamplingSettings(),  # noqa: B008
    seed: int = 0,
    steering: Steering | None = None,
    report: Callable[[int, int], None] | None = None,
) -> CrystalTable:
    """Make one crystal per request, in their order; `report` is told how many of how many are made.

    With `steering` crystals of equal requests take each other's place on the way, by what a predictor says of their composition. Lattices come out as symmetric matrices in Å, coordinates in [0, 1). The same requests, settings and seed give the same crystals on the
    same device. Raises `SpecError` for a request that cannot be met, before anything is computed.
    """
    card, network = model.card, model.network.eval()
    _check_settings(settings, network)
    if not requests:
        raise SpecError("No crystal is asked for.", hint="Ask for at least one.")
    for request in {id(request): request for request in requests}.values():
        check_request(request, card)
    device = next(network.parameters()).device
    planner = torch.Generator().manual_seed(seed)
    generator = torch.Generator(device=device).manual_seed(seed)
    sizes = [draw_size(request, card, planner) for request in requests]
    crystals: list[_Made | None] = [None] * len(requests)
    kinds = [(bucket_of(size), request.start_time) for size, request in zip(sizes, requests, strict=True)]
    done = 0
    for padded, start_time in sorted(set(kinds)):
        members = [i for i, kind in enumerate(kinds) if kind == (padded, start_time)]
        for begin in range(0, len(members), settings.batch):
            rows = members[begin : begin + settings.batch]
            asked = [requests[i] for i in rows]
            start = to_start(asked, [sizes[i] for i in rows], padded=padded, card=card, generator=planner)
            made = denoise(
                network,
                _noise(start, time=start_time, config=card.noise, generator=generator, device=device),
                permitted=start.permitted.to(device),
                config=card.noise,
                settings=settings,
                generator=generator,
                constraints=start.constraints,
                start_time=start_time,
                population=None if steering is None else Population(steering, asked, generator=planner),
            )
            for row, crystal in zip(rows, _crystals(made, asked, model), strict=True):
                crystals[row] = crystal
            done += len(rows)
            if report is not None:
                report(done, len(requests))
    return _to_table([crystal for crystal in crystals if crystal is not None])


def _crystals(made: State, requests: Sequence[CrystalRequest], model: DiffusionModel) -> Iterator[_Made]:
    """Numbers (n,), places (n, 3) and lattice (3, 3) in Å of every crystal; slabs get the rest of their vacuum."""
    counts = made.present.sum(-1)
    codes = model.card.lattice.restore(made.lattice.double())
    cells = lattice_code.decode(codes, counts).cpu().numpy()
    for place, request in enumerate(requests):
        n = int(counts[place])
        frac = made.frac[place, :n].double().cpu().numpy()
        cell = cells[place]
        if request.slab is not None:
            share = request.slab.seen_a / request.slab.cell_a
            frac[:, 2] = 0.5 + (frac[:, 2] - 0.5) * share
            cell = cell / np.array([[1.0], [1.0], [share]])
        yield (
            made.numbers[place, :n].cpu().numpy().astype(np.int64),
            np.mod(frac, 1.0).astype(np.float32),
            cell.astype(np.float32),
        )


def _to_table(crystals: Sequence[_Made]) -> CrystalTable:
    return CrystalTable(
        counts=np.array([len(numbers) for numbers, _, _ in crystals], np.int64),
        numbers=np.concatenate([numbers for numbers, _, _ in crystals]),
        frac=np.concatenate([frac for _, frac, _ in crystals]),
        lattice=np.stack([lattice for _, _, lattice in crystals]),
        formulas=[formula_key(numbers) for numbers, _, _ in crystals],
        names=[f"sample-{index}" for index in range(len(crystals))],
        split=np.zeros(len(crystals), np.uint8),
        properties={"request": np.arange(len(crystals), dtype=np.float32)},
    )
