from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from matsmith.core.errors import SpecError
from matsmith.models.diffusion.data_format import CrystalTable
from matsmith.models.diffusion.lattice_code import LatticeScale
from matsmith.models.diffusion.network import CrystalNetwork, NetworkConfig
from matsmith.models.diffusion.noise import NoiseConfig
from matsmith.models.diffusion.requests import CrystalRequest
from matsmith.models.diffusion.sampling import SamplingSettings, generate
from matsmith.models.diffusion.weights import DiffusionModel, ModelCard

QUICK = SamplingSettings(steps=4)


def _elements(table: CrystalTable) -> list[set[int]]:
    return [set(table.atoms_of(index)[0].tolist()) for index in range(len(table))]


@settings(max_examples=15, deadline=None)
@given(
    allowed=st.sets(st.integers(1, 118), min_size=3, max_size=6),
    required=st.integers(0, 3),
    atoms=st.integers(3, 9),
    seed=st.integers(0, 99),
)
def test_no_other_element_appears_and_every_required_one_does(
    allowed: set[int], required: int, atoms: int, seed: int
) -> None:
    torch.manual_seed(seed)
    config = NetworkConfig(width=16, layers=1, hidden=16, condition_width=8)
    model = DiffusionModel(CrystalNetwork(config, LatticeScale(0.9, 0.2, 0.1)), ModelCard(network=config))
    must = frozenset(sorted(allowed)[:required])
    request = CrystalRequest(atoms=atoms, allowed=frozenset(allowed), required=must)
    made = generate(model, [request] * 6, settings=SamplingSettings(steps=2), seed=seed)
    assert made.counts.tolist() == [atoms] * 6
    for found in _elements(made):
        assert must <= found <= allowed


def test_exact_formulas_excluded_elements_and_sizes_are_kept_in_the_order_asked(
    random_model: DiffusionModel,
) -> None:
    requests = [
        CrystalRequest(numbers=(56, 22, 8, 8, 8)),
        CrystalRequest(atoms=7, excluded=frozenset({8})),
        CrystalRequest(numbers=(3, 9)),
        CrystalRequest(),
    ]
    made = generate(random_model, requests, settings=QUICK)
    assert made.formulas[0] == "BaO3Ti"
    assert made.formulas[2] == "FLi"
    assert made.counts[1] == 7
    assert 8 not in _elements(made)[1]
    assert int(made.counts[3]) in random_model.card.sizes
    assert _elements(made)[3] <= set(random_model.card.elements)


@pytest.mark.parametrize("process", ["score", "flow"])
def test_what_comes_out_is_a_crystal_and_the_same_for_the_same_seed(
    random_model: DiffusionModel, process: str
) -> None:
    noise = NoiseConfig(process="flow" if process == "flow" else "score")
    card = ModelCard(
        random_model.card.network, noise, random_model.card.lattice, random_model.card.scalars, {4: 1}
    )
    model = DiffusionModel(random_model.network, card)
    requests = [CrystalRequest(atoms=4)] * 5
    one, same, other = (generate(model, requests, settings=QUICK, seed=seed) for seed in (1, 1, 2))
    np.testing.assert_array_equal(one.frac, same.frac)
    np.testing.assert_array_equal(one.numbers, same.numbers)
    assert not np.array_equal(one.frac, other.frac)
    assert np.isfinite(one.lattice).all()
    assert (np.linalg.det(one.lattice) > 0).all()
    assert one.frac.min() >= 0
    assert one.frac.max() <= 1
    assert (one.numbers > 0).all()


def test_guidance_of_one_is_the_conditional_model_and_of_zero_the_free_one(
    random_model: DiffusionModel,
) -> None:
    free = generate(random_model, [CrystalRequest(numbers=(3, 9))] * 3, settings=QUICK)

    def guided(**strength: float) -> CrystalTable:
        request = CrystalRequest(numbers=(3, 9), conditions={"density_g_cm3": 6.0, "band_gap_ev": 0.0})
        return generate(random_model, [request] * 3, settings=SamplingSettings(steps=4, guidance=strength))

    plain = guided()
    assert np.abs(plain.lattice - free.lattice).max() > 1e-4
    ones = guided(density_g_cm3=1.0, band_gap_ev=1.0)
    np.testing.assert_array_equal(ones.lattice, plain.lattice)
    none = guided(density_g_cm3=0.0, band_gap_ev=0.0)
    np.testing.assert_allclose(none.lattice, free.lattice, atol=1e-5)
    mixed = guided(density_g_cm3=3.0, band_gap_ev=0.5)
    assert np.abs(mixed.lattice - plain.lattice).max() > 1e-5


def test_cold_species_repeat_themselves_and_calm_lattices_differ_less(random_model: DiffusionModel) -> None:
    def made(settings: SamplingSettings) -> CrystalTable:
        return generate(random_model, [CrystalRequest(atoms=4)] * 24, settings=settings, seed=5)

    usual = made(SamplingSettings(steps=12))
    cold = made(SamplingSettings(steps=12, species_temperature=0.02))
    assert np.bincount(cold.numbers).max() > 1.5 * np.bincount(usual.numbers).max()
    spread = float(np.log(np.linalg.det(usual.lattice)).std())
    assert (
        float(np.log(np.linalg.det(made(SamplingSettings(steps=12, lattice_noise=0.0)).lattice)).std())
        < 0.8 * spread
    )


@pytest.mark.parametrize(
    ("request_", "message"),
    [
        (CrystalRequest(numbers=(8,) * 400), "400 atoms"),
        (CrystalRequest(atoms=21), "at most 20"),
        (CrystalRequest(atoms=-1), "cannot be"),
        (CrystalRequest(numbers=(0, 8)), "not an atomic number"),
        (CrystalRequest(allowed=frozenset({8}), excluded=frozenset({8})), "No element is left"),
        (CrystalRequest(required=frozenset({8}), excluded=frozenset({8})), "O is both required and excluded"),
        (CrystalRequest(atoms=2, required=frozenset({3, 8, 26})), "cannot all be"),
        (CrystalRequest(numbers=(8, 12), atoms=2), "formula is given together"),
        (CrystalRequest(conditions={"hardness": 3.0}), "knows no condition 'hardness'"),
        (CrystalRequest(conditions={"density_g_cm3": float("nan")}), "not a finite number"),
        (CrystalRequest(conditions={"crystal_system": 7.0}), "whole number from 0 to 6"),
    ],
)
def test_what_cannot_be_is_refused_with_a_hint(
    random_model: DiffusionModel, request_: CrystalRequest, message: str
) -> None:
    with pytest.raises(SpecError, match=message) as caught:
        generate(random_model, [CrystalRequest(atoms=2), request_], settings=QUICK)
    assert caught.value.hint


def test_settings_that_cannot_be_are_refused(random_model: DiffusionModel) -> None:
    one = [CrystalRequest(atoms=2)]
    with pytest.raises(SpecError, match="knows no condition"):
        generate(random_model, one, settings=SamplingSettings(guidance={"colour": 2.0}))
    with pytest.raises(SpecError, match="at least one step"):
        generate(random_model, one, settings=SamplingSettings(steps=0))
    with pytest.raises(SpecError, match="sharpness of 0"):
        generate(random_model, one, settings=SamplingSettings(sharpness=0.0))
    for cold in (SamplingSettings(species_temperature=0.0), SamplingSettings(lattice_noise=-0.1)):
        with pytest.raises(SpecError, match="species temperature of"):
            generate(random_model, one, settings=cold)
    with pytest.raises(SpecError, match="No crystal is asked for"):
        generate(random_model, [], settings=QUICK)
