"""The tool that makes a cell of an alloy: what it tells of it, and typed failures."""

from __future__ import annotations

import math

import pytest

from matsmith.core.quantity import Truth
from matsmith.core.settings import Settings
from matsmith.tools.alloy_cell import AlloyCellArgs
from matsmith.tools.base import Deps
from matsmith.tools.registry import get_tool


def made(plain: Settings, **args: object):
    return get_tool("alloy_cell").run(AlloyCellArgs.model_validate(args), deps=Deps(settings=plain, seed=2))


def test_a_cell_says_what_it_is(plain: Settings) -> None:
    outcome = made(plain, formula="Al0.75Cu0.25", atoms=32)
    assert outcome.crystal is not None
    assert outcome.crystal.amounts == {"Al": 24, "Cu": 8}
    assert outcome.facts["lattice"] == "fcc"
    assert outcome.facts["lattice_reason"] == "every element of it is fcc"
    entropy = outcome.quantities["configurational_entropy"]
    assert entropy.value == pytest.approx(-8.314 * (0.75 * math.log(0.75) + 0.25 * math.log(0.25)), rel=1e-3)
    assert entropy.truth is Truth.EXACT
    assert any("metastable" in warning for warning in outcome.warnings)


def test_a_cell_that_is_too_small_for_the_composition_says_so(plain: Settings) -> None:
    outcome = made(plain, formula="Al-4Cu at.%", atoms=4)
    assert any("not Al 96 Cu 4 at.%" in warning for warning in outcome.warnings)


@pytest.mark.parametrize(
    ("formula", "words"), [("Al-4Cu", "of the atoms or of the weight"), ("SiGe", "no metal"), ("NaCl", "Cl")]
)
def test_what_is_no_alloy_fails_with_its_reason(plain: Settings, formula: str, words: str) -> None:
    failure = made(plain, formula=formula).failure
    assert failure is not None
    assert failure.code == "no_alloy"
    assert words in failure.message
    assert failure.hint
