"""Crystals from noise: predictor-corrector sampling of a trained model, with hard element rules and guidance.

Coordinates (score process): reverse diffusion f -= -(σ_t² - σ_s²)·score, with noise of variance σ_s²(σ_t² - σ_s²)/σ_t², after Langevin
corrector steps f += δ·score + √(2δ)·z with δ a fixed share of σ²; the last step only removes noise (Song et al. 2021).
Lattice: the posterior of the variance-preserving process given the predicted clean lattice. Species: a masked atom takes a
species with probability (t - s)/t from the network's distribution over the permitted elements (Austin et al. 2021).
Guidance (Ho and Salimans 2022): output without conditions + strength · (output with them - output without).
What is known or bound (motifs, seeds, slabs, space groups) is put back after every step, see `constraints`; where places are known each step is gone through
`resample` times, with noise put back on in between, so that the rest fits them (Lugmayr et al. 2022).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import cast

import torch
from torch import Tensor

from matsmith.models.diffusion.constraints import Constraints
from matsmith.models.diffusion.element_code import MASKED
from matsmith.models.diffusion.network import CrystalNetwork, Prediction, State
from matsmith.models.diffusion.noise import FIRST_TIME, NoiseConfig, drift, lattice_levels, sigma_at
from matsmith.models.diffusion.steering import Population

_LATTICE_REACH = 6.0


@dataclass(frozen=True, slots=True)
class SamplingSettings:
    """How to sample. `steps` are predictor steps, each after `corrector_steps` of size `corrector_size`·σ².

    `guidance` maps a condition to its strength: 1 (the default) follows the conditional model, 0 ignores the condition, more exaggerates
    it. Conditions of one strength act together. `batch` crystals are made at a time. Where places of atoms are known each step is
    gone through `resample` times. The score of the coordinates is multiplied by `sharpness` on the way (not in the last step, which only removes
    noise): above 1 samples keep nearer to the likeliest places and differ less from each other. The flow's velocity is multiplied by
    1 + (`sharpness` - 1)(1 - t) instead, which does the same (Miller et al. 2024, FlowMM). So they do with a `species_temperature` under 1, by
    which the logits of species are divided, and a `lattice_noise` under 1, by which the noise of the lattice's steps (score process) is multiplied.
    """

    steps: int = 100
    corrector_steps: int = 1
    corrector_size: float = 0.05
    batch: int = 256
    resample: int = 2
    sharpness: float = 1.0
    species_temperature: float = 1.0
    lattice_noise: float = 1.0
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
    constraints: Constraints | None = None,
    start_time: float = 1.0,
    population: Population | None = None,
) -> State:
    """Take a state of noise to crystals; all chance from `generator`, on the state's device.

    The noise is that of `start_time`, whatever time the state carries: 1 is pure noise. With a `population` crystals may take each other's place
    on the way (see `steering`).
    """
    device, shape = state.frac.device, state.frac.shape
    strengths = _strengths(state, network, settings.guidance)
    held = (constraints or Constraints.none(shape[0], shape[1])).to(device)
    frac, lattice, numbers = state.frac, state.lattice, state.numbers
    open_sites = numbers == MASKED
    passes = settings.resample if held.puts_back else 1

    def predict(moment: float) -> tuple[Prediction, Tensor]:
        times = torch.full((shape[0],), max(moment, FIRST_TIME), device=device)
        seen = held.shown(frac, lambda: place_level(moment, config) * normal(*shape))
        found = _guided(
            network, replace(state, frac=seen, lattice=lattice, numbers=numbers, time=times), strengths
        )
        found = replace(found, logits=held.tie_logits(found.logits))
        return found, drift(found.coordinates, times, config)

    def normal(*size: int) -> Tensor:
        return torch.randn(*size, generator=generator, device=device)

    def put_back(moment: float) -> None:
        """Put known parts back at the noise of this time; none at the end."""
        nonlocal frac, lattice, numbers
        sigma = place_level(moment, config) if moment > 0 else 0.0
        frac = held.put_places(frac, sigma * normal(*shape))
        alpha, s = levels(moment, config)
        noised = alpha * held.lattice + s * normal(shape[0], 6)
        lattice = held.put_lattice(lattice, noised, scale=network.scale, count=state.present.sum(-1))
        numbers = held.tie_species(numbers)

    put_back(start_time)
    for index in range(settings.steps):
        time = start_time * (1 - index / settings.steps)
        then = start_time * (1 - (index + 1) / settings.steps)
        for turn in range(passes):
            if config.process == "flow":
                found, velocity = predict(time)
                gain = (time - then) * (1 + (settings.sharpness - 1) * (1 - time))
                frac = held.move(frac, drift=-gain * velocity, noise=torch.zeros_like(frac))
            else:
                sigma, sigma_then = place_level(time, config), place_level(then, config)
                for _ in range(settings.corrector_steps):
                    size = settings.corrector_size * sigma**2
                    frac = held.move(
                        frac,
                        drift=settings.sharpness * size * predict(time)[1],
                        noise=(2 * size) ** 0.5 * normal(*shape),
                    )
                found, score = predict(time)
                gain = sigma**2 - sigma_then**2
                frac = held.move(
                    frac,
                    drift=settings.sharpness * gain * score,
                    noise=sigma_then / sigma * gain**0.5 * normal(*shape),
                )
            lattice = _next_lattice(
                lattice,
                found.lattice,
                time=time,
                then=then,
                config=config,
                noise=settings.lattice_noise * normal(shape[0], 6),
            )
            numbers = _choose_species(
                numbers,
                found.logits / settings.species_temperature,
                present=state.present,
                permitted=permitted,
                chance=(time - then) / time if then > 0 else 1.0,
                generator=generator,
            )
            put_back(then)
            if turn + 1 < passes and then > 0:
                extra = max(place_level(time, config) ** 2 - place_level(then, config) ** 2, 0.0) ** 0.5
                frac = held.move(frac, drift=torch.zeros_like(frac), noise=extra * normal(*shape))
                (alpha, s), (alpha_then, s_then) = levels(time, config), levels(then, config)
                ratio = alpha / alpha_then
                spread = max(s * s - ratio * ratio * s_then * s_then, 0.0) ** 0.5
                lattice = ratio * lattice + spread * normal(shape[0], 6)
                hidden = torch.rand(shape[:2], generator=generator, device=device) < (time - then) / (
                    1 - then
                )
                numbers = held.tie_species(torch.where(hidden & open_sites, MASKED, numbers))
                put_back(time)
        if population is not None and population.due(time=time, then=then):
            guess = _choose_species(
                numbers, predict(then)[0].logits, present=state.present, permitted=permitted, chance=1.0,
                generator=generator,
            )  # fmt: skip
            order = population.order(held.tie_species(guess), state.present)
            frac, lattice, numbers, open_sites = (
                frac[order],
                lattice[order],
                numbers[order],
                open_sites[order],
            )
            permitted, held = permitted[order], held.rows(order)
            state = replace(
                state,
                present=state.present[order],
                scalars=state.scalars[order],
                categories=state.categories[order],
            )
    if config.process == "score":
        frac = held.move(frac, drift=config.sigma_min**2 * predict(0.0)[1], noise=torch.zeros_like(frac))
        frac = held.put_places(frac, torch.zeros_like(frac))
    return replace(state, frac=frac, lattice=lattice, numbers=numbers)


def levels(moment: float, config: NoiseConfig) -> tuple[float, float]:
    """How much of the clean lattice and of noise is in the lattice at this time."""
    if config.process == "flow":
        return 1 - moment, moment
    alpha, s = lattice_levels(torch.tensor(moment))
    return float(alpha), float(s)


def place_level(moment: float, config: NoiseConfig) -> float:
    """Noise of the coordinates at this time, in fractions of a cell."""
    if config.process == "flow":
        return moment * config.sigma_max
    return float(sigma_at(torch.tensor(moment), config))
