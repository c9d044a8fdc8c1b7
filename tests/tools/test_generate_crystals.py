"""The tool that gives chat and other programs generated crystals."""

from __future__ import annotations

from pathlib import Path

import pytest
from crystal_models import tiny_weights

from matsmith.core.elements import parse_formula
from matsmith.core.settings import Settings
from matsmith.tools.base import Deps
from matsmith.tools.crystal_facts import is_broken
from matsmith.tools.crystal_model import SHIPPED
from matsmith.tools.generate_crystals import TOOL, GenerateArgs
from matsmith.tools.sound_crystals import TRIES


@pytest.fixture(scope="module")
def deps(tmp_path_factory: pytest.TempPathFactory) -> Deps:
    folder = tmp_path_factory.mktemp("model")
    weights = tiny_weights(folder / "tiny.safetensors")
    return Deps(settings=Settings(cache_dir=folder, diffusion_weights=weights, device="cpu", threads=1))


def test_elements_hold_ranks_differ_and_everything_is_counted(deps: Deps) -> None:
    args = GenerateArgs(formula="Li,Mg", count=12, atoms=2, density_g_per_cm3=1.0, guidance=2.0)
    outcome = TOOL.run(args, deps=deps)
    assert outcome.failure is None, outcome.failure
    assert outcome.crystal is not None
    assert set(outcome.crystal.elements) == {"Li", "Mg"}
    assert not is_broken(outcome.crystal)
    facts = outcome.facts
    ranking = facts["ranking"]
    assert isinstance(ranking, list)
    assert facts["made"] == 12
    assert len(ranking) + int(str(facts["broken"])) + int(str(facts["alike"])) == 12
    # a model that was hardly trained makes unsound ones, which are drawn again
    assert 12 < int(str(facts["draws"])) <= 12 * TRIES
    assert facts["conditions"] == {"density_g_cm3": 1.0}
    assert outcome.method is not None
    assert outcome.method.weights_hash == TOOL.identity(deps.settings)
    same = TOOL.run(args, deps=deps)
    assert same.crystal == outcome.crystal
    other = TOOL.run(args.model_copy(update={"seed": 1}), deps=deps)
    assert other.crystal != outcome.crystal


def test_others_may_come_with_a_plus_and_the_excluded_ones_never(deps: Deps) -> None:
    args = GenerateArgs(formula="Li,+", count=8, atoms=4, excluded=("O", "F"))
    ranking = TOOL.run(args, deps=deps).facts["ranking"]
    assert isinstance(ranking, list)
    for row in ranking:
        assert isinstance(row, dict)
        elements = set(parse_formula(str(row["formula"])))
        assert "Li" in elements
        assert not {"O", "F"} & elements


@pytest.mark.parametrize(
    ("args", "code"),
    [
        (GenerateArgs(formula="Xx2"), "impossible"),
        (GenerateArgs(formula="Na200Cl199"), "impossible"),
        (GenerateArgs(formula="Li,O", motif="paisley"), "impossible"),
        (GenerateArgs(formula="NaCl", excluded=("O",)), "impossible"),
        (GenerateArgs(formula="Li,Mg", atoms=2, count=2, rank=50), "no_such_rank"),
    ],
)
def test_what_cannot_be_is_a_typed_failure_with_a_hint(deps: Deps, args: GenerateArgs, code: str) -> None:
    failure = TOOL.run(args, deps=deps).failure
    assert failure is not None
    assert failure.code == code
    assert failure.hint


def test_without_weights_the_tool_says_how_to_get_some(tmp_path: Path) -> None:
    gone = Settings(cache_dir=tmp_path, diffusion_weights=tmp_path / "none.safetensors")
    assert "matsmith train diffusion" in str(TOOL.missing(gone))
    failure = TOOL.run(GenerateArgs(formula="NaCl"), deps=Deps(settings=gone)).failure
    assert failure is not None
    assert failure.code == "no_model"
    assert SHIPPED.name == "crystal_diffusion.safetensors"
