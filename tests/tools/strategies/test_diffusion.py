"""The strategy asks the model for what the specification says, and whatever comes conforms to it."""

from __future__ import annotations

from itertools import islice
from pathlib import Path

import pytest
from crystal_models import tiny_model, tiny_weights

from matsmith.core.candidate import Candidate, Lineage
from matsmith.core.crystal import Crystal
from matsmith.core.directive import Directive
from matsmith.core.quantity import Relation
from matsmith.core.settings import Settings
from matsmith.core.spec import Chemistry, DesignSpec, StructureWish, Target
from matsmith.tools.crystal_facts import is_broken
from matsmith.tools.flat_nets import holds_motif
from matsmith.tools.strategies import diffusion
from matsmith.tools.strategies.chemistry_filter import conforms
from matsmith.tools.strategies.diffusion import STRATEGY, conditions_of, steering_target
from matsmith.tools.strategies.interface import StrategyRequest

SALT = Crystal(
    lattice=((0.0, 2.8, 2.8), (2.8, 0.0, 2.8), (2.8, 2.8, 0.0)),
    species=("Na", "Cl"),
    positions=((0.0, 0.0, 0.0), (0.5, 0.5, 0.5)),
)


@pytest.fixture(scope="module")
def with_model(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    folder: Path = tmp_path_factory.mktemp("diffusion")
    weights = tiny_weights(folder / "tiny.safetensors")
    return Settings(data_dir=folder, cache_dir=folder, diffusion_weights=weights, device="cpu", threads=1)


@pytest.fixture(autouse=True)
def _unhurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """A busy machine must not decide how many candidates come; a few steps do for a network that knows nothing."""
    monkeypatch.setattr(diffusion, "STEPS", 5)
    monkeypatch.setattr(diffusion, "LONGEST_S", 60.0)


def _taken(request: StrategyRequest, settings: Settings, count: int) -> list[Candidate]:
    return list(islice(STRATEGY.propose(request, settings=settings), count))


def test_candidates_conform_and_say_where_they_come_from(with_model: Settings) -> None:
    spec = DesignSpec(
        chemistry=Chemistry(
            required=["Na"], any_of=[["Cl", "Br"]], excluded=["O"], elements_min=2, elements_max=3
        ),
        targets=[Target(property="bulk_modulus", relation=Relation.ABOVE, value=20.0)],
    )
    found = _taken(StrategyRequest(spec=spec, seed=3), with_model, 12)
    assert len(found) == 12
    assert len({candidate.id for candidate in found}) == 12
    for candidate in found:
        assert conforms(spec, candidate.crystal, space_group=None) is None
        assert not is_broken(candidate.crystal)
        assert candidate.lineage.strategy == "diffusion"
        assert f"diffusion model {tiny_model().sha256[:12]}" in candidate.lineage.note
        assert "bulk_modulus_gpa 22" in candidate.lineage.note


def test_the_flat_net_that_is_wanted_is_built_in(with_model: Settings) -> None:
    spec = DesignSpec(
        chemistry=Chemistry(required=["Fe", "Sn"], elements_min=2, elements_max=2),
        structure=StructureWish(motif="kagome", space_groups=[*range(1, 231)]),
    )
    found = _taken(StrategyRequest(spec=spec, seed=3), with_model, 4)
    assert len(found) == 4
    for candidate in found:
        assert holds_motif(candidate.crystal, "kagome")
    assert conforms(spec, SALT, space_group=None) is not None
    kept = spec.model_copy(update={"chemistry": Chemistry()})
    assert conforms(kept, SALT, space_group=None) == "It holds no kagome net."


def test_the_same_seed_gives_the_same_candidates_and_seen_ones_do_not_come_again(
    with_model: Settings,
) -> None:
    spec = DesignSpec(chemistry=Chemistry(formula="NaCl"))
    one, same = (_taken(StrategyRequest(spec=spec, seed=1), with_model, 6) for _ in range(2))
    assert [candidate.id for candidate in one] == [candidate.id for candidate in same]
    assert {candidate.formula for candidate in one} == {"NaCl"}
    seen = frozenset(candidate.id for candidate in one)
    more = _taken(StrategyRequest(spec=spec, seed=1, seen=seen), with_model, 4)
    assert not seen & {candidate.id for candidate in more}


def test_parents_are_varied_and_forbidden_elements_stay_away(with_model: Settings) -> None:
    parent = Candidate.of(SALT, lineage=Lineage(strategy="made"))
    request = StrategyRequest(
        spec=DesignSpec(chemistry=Chemistry(allowed=["Na", "K", "Cl", "Br"], elements_max=3)),
        parents=(parent,),
        directive=Directive(elements={"Br": 0.0}),
        seed=2,
    )
    found = _taken(request, with_model, 90)
    assert not any("Br" in candidate.crystal.elements for candidate in found)
    varied = [candidate for candidate in found if candidate.lineage.parents == (parent.id,)]
    assert any("a variation of NaCl" in candidate.lineage.note for candidate in varied)
    assert any(candidate.lineage.note.find("free, ") > 0 for candidate in found)


def test_a_named_structure_type_is_left_to_the_others(with_model: Settings) -> None:
    spec = DesignSpec(structure=StructureWish(prototype="perovskite"))
    assert _taken(StrategyRequest(spec=spec), with_model, 1) == []


@pytest.mark.parametrize(
    ("target", "name", "value"),
    [
        (Target(property="bulk_modulus", relation=Relation.ABOVE, value=150.0), "bulk_modulus_gpa", 165.0),
        (Target(property="bulk_modulus", relation=Relation.BELOW, value=50.0), "bulk_modulus_gpa", 45.0),
        (Target(property="density", relation=Relation.BETWEEN, value=3.0, upper=5.0), "density_g_cm3", 4.0),
        (Target(property="density", relation=Relation.MINIMISE), "density_g_cm3", 1.0),
        (Target(property="bulk_modulus", relation=Relation.MAXIMISE), "bulk_modulus_gpa", 200.0),
    ],
)
def test_targets_become_conditions(target: Target, name: str, value: float) -> None:
    found = conditions_of(DesignSpec(targets=[target]), tiny_model().card)
    assert found == {name: pytest.approx(value)}


def test_what_the_model_has_no_condition_for_steers_where_a_composition_model_knows_it() -> None:
    card = tiny_model().card
    spec = DesignSpec(targets=[Target(property="shear_modulus", relation=Relation.ABOVE, value=50.0)])
    assert conditions_of(spec, card) == {}
    assert steering_target(spec, card) == ("shear_modulus", pytest.approx(55.0))
    known = DesignSpec(targets=[Target(property="bulk_modulus", relation=Relation.ABOVE, value=50.0)])
    assert steering_target(known, card) is None
