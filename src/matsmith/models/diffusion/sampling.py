"""Crystals from noise: predictor-corrector sampling of a trained model, with hard element rules and guidance.

Coordinates (score process): reverse diffusion f -= -(σ_t² - σ_s²)·score, with noise of variance σ_s²(σ_t² - σ_s²)/σ_t², after Langevin
corrector steps f += δ·score + √(2δ)·z with δ a fixed share of σ²; the last step only removes noise (Song et al. 2021).
Lattice: the posterior of the variance-preserving process given the predicted clean lattice. Species: a masked atom takes a
species with probability (t - s)/t from the network's distribution over the permitted elements (Austin et al. 2021).
Guidance (Ho and Salimans 2022): output without conditions + strength · (output with them - output without).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import cast

import numpy as np
import torch
from torch import Tensor

from matsmith.core.errors import SpecError
from matsmith.models.diffusion import lattice_code
from matsmith.models.diffusion.batches import bucket_of
from matsmith.models.diffusion.data_format import CrystalTable, formula_key
from matsmith.models.diffusion.element_code import MASKED
from matsmith.models.diffusion.network import CrystalNetwork, Prediction, State
from matsmith.models.diffusion.noise import FIRST_TIME, NoiseConfig, drift, lattice_levels, sigma_at
from matsmith.models.diffusion.requests import CrystalRequest, check_request, draw_size, to_start
from matsmith.models.diffusion.weights import DiffusionModel

_LATTICE_REACH = 6.0


@dataclass(frozen=True, slots=True)
class SamplingSettings:
    """How to sample. `steps` are predictor steps, each after `corrector_steps` of size `corrector_size`·σ².

    `guidance` maps a condition to its strength: 1 (the default) follows the conditional model, 0 ignores the condition, more exaggerates
    it. Conditions of one strength act together. `batch` crystals are made at a time.
    """

    steps: int = 100
    corrector_steps: int = 1
    corrector_size: float = 0.05
    batch: int = 256
    guidance: Mapping[str, float] = field(default_factory=dict[str, float])


def _guided(network: CrystalNetwork, state: State, strengths: tuple[Tensor, Tensor] | None) -> Prediction:
    """Predict with each condition at its strength; `strengths` (p,) and (q,), None when all that are given have strength 1."""
    if strengths is None:
        return network(state)
    bare = network(
        replace(
            state,
            scalars=torch.full_like(state.scalars, torch.nan),
            categories=torch.full_like(state.categories, torch.nan),
        )
    )
    parts: list[Tensor] = [bare.coordinates, bare.lattice, bare.logits]
    distinct = cast("list[float]", torch.cat(strengths).unique().tolist())
    for strength in filter(None, distinct):
        told = network(
            replace(
                state,
                scalars=state.scalars.masked_fill(strengths[0] != strength, torch.nan),
                categories=state.categories.masked_fill(strengths[1] != strength, torch.nan),
            )
        )
        pairs = (
            (told.coordinates, bare.coordinates),
            (told.lattice, bare.lattice),
            (told.logits, bare.logits),
        )
        parts = [part + strength * (a - b) for part, (a, b) in zip(parts, pairs, strict=True)]
    return Prediction(*parts)


def _strengths(
    state: State, network: CrystalNetwork, guidance: Mapping[str, float]
) -> tuple[Tensor, Tensor] | None:
    """Strength of every condition, 0 where no crystal asks for it; None when guidance changes nothing."""
    config, device = network.config, state.frac.device
    scalars = torch.tensor([guidance.get(name, 1.0) for name in config.scalars], device=device)
    categories = torch.tensor([guidance.get(name, 1.0) for name, _ in config.categories], device=device)
    scalars = scalars * (~state.scalars.isnan()).any(0)
    categories = categories * (~state.categories.isnan()).any(0)
    asked = torch.cat(
        [scalars[(~state.scalars.isnan()).any(0)], categories[(~state.categories.isnan()).any(0)]]
    )
    return None if bool((asked == 1).all()) else (scalars, categories)


def _next_lattice(
    lattice: Tensor, output: Tensor, *, time: float, then: float, config: NoiseConfig, noise: Tensor
) -> Tensor:
    """Bring normalised lattices (b, 6) from one time to an earlier one."""
    if config.process == "flow":
        return lattice - (time - then) * output
    now, later = lattice_levels(torch.tensor(time)), lattice_levels(torch.tensor(then))
    (alpha, s), (alpha_then, s_then) = (map(float, now), map(float, later))
    clean = (alpha * lattice + s * output).clamp(-_LATTICE_REACH, _LATTICE_REACH)
    if then <= 0:
        return clean
    ratio = alpha / alpha_then
    variance = max(0.0, s * s - ratio * ratio * s_then * s_then)
    mean = (ratio * s_then * s_then * lattice + alpha_then * variance * clean) / (s * s)
    return mean + (variance * s_then * s_then / (s * s)) ** 0.5 * noise


def _choose_species(
    numbers: Tensor,
    logits: Tensor,
    *,
    present: Tensor,
    permitted: Tensor,
    chance: float,
    generator: torch.Generator,
) -> Tensor:
    """Give masked atoms (b, n) a permitted species with the given chance, drawn from the logits (b, n, 119)."""
    open_sites = (numbers == MASKED) & present
    if not bool(open_sites.any()):
        return numbers
    masked = logits.masked_fill(~permitted.unsqueeze(1), -torch.inf)
    uniform = torch.rand(masked.shape, generator=generator, device=masked.device).clamp(min=1e-20)
    drawn = (masked - (-uniform.log()).log()).argmax(-1)
    now = torch.rand(numbers.shape, generator=generator, device=numbers.device) < chance
    return torch.where(open_sites & now, drawn, numbers)


@torch.inference_mode()
def denoise(
    network: CrystalNetwork,
    state: State,
    *,
    permitted: Tensor,
    config: NoiseConfig,
    settings: SamplingSettings,
    generator: torch.Generator,
) -> State:
    """Take a state of pure noise (its time is ignored) to crystals; all chance from `generator`, on the state's device."""
    device, shape = state.frac.device, state.frac.shape
    strengths = _strengths(state, network, settings.guidance)
    frac, lattice, numbers = state.frac, state.lattice, state.numbers

    def predict(moment: float) -> tuple[Prediction, Tensor]:
        times = torch.full((shape[0],), max(moment, FIRST_TIME), device=device)
        found = _guided(
            network, replace(state, frac=frac, lattice=lattice, numbers=numbers, time=times), strengths
        )
        return found, drift(found.coordinates, times, config)

    def normal(*size: int) -> Tensor:
        return torch.randn(*size, generator=generator, device=device)

    for index in range(settings.steps):
        time, then = 1 - index / settings.steps, 1 - (index + 1) / settings.steps
        if config.process == "flow":
            found, velocity = predict(time)
            frac = torch.remainder(frac - (time - then) * velocity, 1.0)
        else:
            sigma, sigma_then = (float(sigma_at(torch.tensor(moment), config)) for moment in (time, then))
            for _ in range(settings.corrector_steps):
                size = settings.corrector_size * sigma**2
                frac = torch.remainder(
                    frac + size * predict(time)[1] + (2 * size) ** 0.5 * normal(*shape), 1.0
                )
            found, score = predict(time)
            gain = sigma**2 - sigma_then**2
            frac = frac + gain * score + sigma_then / sigma * gain**0.5 * normal(*shape)
            frac = torch.remainder(frac, 1.0)
        lattice = _next_lattice(
            lattice, found.lattice, time=time, then=then, config=config, noise=normal(shape[0], 6)
        )
        numbers = _choose_species(
            numbers,
            found.logits,
            present=state.present,
            permitted=permitted,
            chance=(time - then) / time if then > 0 else 1.0,
            generator=generator,
        )
    if config.process == "score":
        frac = torch.remainder(frac + config.sigma_min**2 * predict(0.0)[1], 1.0)
    return replace(state, frac=frac, lattice=lattice, numbers=numbers)


def _check_settings(settings: SamplingSettings, network: CrystalNetwork) -> None:
    names = {*network.config.scalars, *(name for name, _ in network.config.categories)}
    unknown = sorted(set(settings.guidance) - names)
    if unknown:
        raise SpecError(
            f"This model knows no condition {unknown[0]!r}.",
            hint=f"It knows {', '.join(sorted(names)) or 'none'}.",
        )
    if settings.steps < 1 or settings.corrector_steps < 0 or settings.batch < 1:
        raise SpecError("Sampling needs at least one step and a batch of one.", hint="100 steps are usual.")


def generate(
    model: DiffusionModel,
    requests: Sequence[CrystalRequest],
    *,
    settings: SamplingSettings = SamplingSettings(),
    seed: int = 0,
    report: Callable[[int, int], None] | None = None,
) -> CrystalTable:
    """Make one crystal per request, in their order; `report` is told how many of how many are made.

    Lattices come out as symmetric matrices in Å, coordinates in [0, 1). The same requests, settings and seed give the same crystals on the
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
    numbers = [np.zeros(0, np.int64)] * len(requests)
    frac = [np.zeros((0, 3), np.float32)] * len(requests)
    lattice = np.zeros((len(requests), 3, 3), np.float32)
    done = 0
    for padded in sorted({bucket_of(size) for size in sizes}):
        members = [i for i, size in enumerate(sizes) if bucket_of(size) == padded]
        for begin in range(0, len(members), settings.batch):
            rows = members[begin : begin + settings.batch]
            start = to_start(
                [requests[i] for i in rows],
                [sizes[i] for i in rows],
                padded=padded,
                card=card,
                generator=planner,
            )
            b = len(rows)
            noise = State(
                numbers=start.numbers.to(device),
                frac=torch.rand(b, padded, 3, generator=generator, device=device),
                lattice=torch.randn(b, 6, generator=generator, device=device),
                present=start.present.to(device),
                time=torch.ones(b, device=device),
                scalars=start.scalars.to(device),
                categories=start.categories.to(device),
            )
            made = denoise(
                network,
                noise,
                permitted=start.permitted.to(device),
                config=card.noise,
                settings=settings,
                generator=generator,
            )
            count = made.present.sum(-1)
            cells = (
                lattice_code.decode(card.lattice.restore(made.lattice.double()), count).float().cpu().numpy()
            )
            for place, row in enumerate(rows):
                n = sizes[row]
                numbers[row] = made.numbers[place, :n].cpu().numpy().astype(np.int64)
                frac[row] = made.frac[place, :n].cpu().numpy().astype(np.float32)
                lattice[row] = cells[place]
            done += b
            if report is not None:
                report(done, len(requests))
    return CrystalTable(
        counts=np.array(sizes, np.int64),
        numbers=np.concatenate(numbers),
        frac=np.concatenate(frac),
        lattice=lattice,
        formulas=[formula_key(atoms) for atoms in numbers],
        names=[f"sample-{index}" for index in range(len(requests))],
        split=np.zeros(len(requests), np.uint8),
        properties={"request": np.arange(len(requests), dtype=np.float32)},
    )
