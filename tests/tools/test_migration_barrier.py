"""Barriers: copper's vacancy in effective medium theory, the network of hops, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest

from matsmith.core.crystal import Crystal
from matsmith.core.record import Outcome
from matsmith.core.settings import Settings
from matsmith.models.hops import Hop
from matsmith.tools.base import Deps
from matsmith.tools.migration_barrier import BarrierArgs, percolation, run_many


def copper() -> Crystal:
    half = 3.61 / 2
    return Crystal(
        lattice=((0.0, half, half), (half, 0.0, half), (half, half, 0.0)),
        species=("Cu",),
        positions=((0.0, 0.0, 0.0),),
    )


def measured(crystal: Crystal, settings: Settings, **args: object) -> Outcome:
    deps = Deps(settings=settings.model_copy(update={"potential": "emt"}), inputs={"c": crystal})
    ((_, outcome),) = run_many([BarrierArgs.model_validate({"structure": "c", **args})], deps=deps)
    return outcome


@pytest.fixture(scope="module")
def hop(plain: Settings) -> Outcome:
    return measured(copper(), plain, max_atoms=30)


def test_copper_in_effective_medium_theory(hop: Outcome) -> None:
    assert hop.failure is None
    # The model's own barrier, near the measured 0.70 eV.
    assert hop.facts["uncorrected_barrier_ev"] == pytest.approx(0.7, abs=0.15)
    assert hop.facts["directions"] == 3
    listed = hop.facts["hops"]
    assert isinstance(listed, list)
    assert len(listed) == 1
    profile = hop.facts["profile_ev"]
    assert isinstance(profile, list)
    numbers = np.array([float(str(energy)) for energy in profile])
    np.testing.assert_allclose(numbers, numbers[::-1], atol=0.01)
    assert hop.crystal is not None
    assert len(hop.crystal.species) == 26


def test_a_supercell_gives_the_same(plain: Settings, hop: Outcome) -> None:
    doubled = copper().to_pymatgen()
    doubled.make_supercell([2, 1, 1])
    again = measured(Crystal.from_pymatgen(doubled), plain, max_atoms=30)
    assert again.quantities["migration_barrier"].value == pytest.approx(
        hop.quantities["migration_barrier"].value, abs=0.01
    )


@pytest.mark.parametrize(("args", "code"), [({"ion": "Li"}, "no_ion"), ({"max_atoms": 9}, "too_large")])
def test_what_is_refused(plain: Settings, args: dict[str, object], code: str) -> None:
    failure = measured(copper(), plain, **args).failure
    assert failure is not None
    assert failure.code == code
    assert failure.hint


def test_sites_too_far_apart_have_no_path(plain: Settings) -> None:
    half = 4.05
    spread = Crystal(  # palladium that holds one carbon in a cell of 8.1 Å
        lattice=((2 * half, 0.0, 0.0), (0.0, 2 * half, 0.0), (0.0, 0.0, 2 * half)),
        species=("C", *["Pd"] * 31),
        positions=tuple(
            (x / 4, y / 4, z / 4)
            for x in range(4)
            for y in range(4)
            for z in range(4)
            if (x + y + z) % 2 == 0
        ),
    )
    failure = measured(spread, plain, ion="C").failure
    assert failure is not None
    assert failure.code in ("no_path", "unconverged", "exploded")


def test_the_network_tells_in_how_many_directions_a_barrier_leads() -> None:
    def kind(*cells: tuple[int, int, int]) -> Hop:
        return Hop(start=0, end=0, vector_angstrom=np.zeros(3), edges=tuple((0, 0, cell) for cell in cells))

    hops = [kind((0, 0, 1)), kind((1, 0, 0), (0, 1, 0))]
    assert percolation(hops, {0: 0.3, 1: 0.9}) == {1: 0.3, 2: 0.9, 3: 0.9}
    assert percolation(hops, {0: 1.2, 1: 0.4}) == {1: 0.4, 2: 0.4, 3: 1.2}
    assert (
        percolation([Hop(start=0, end=1, vector_angstrom=np.zeros(3), edges=((0, 1, (0, 0, 0)),))], {0: 0.2})
        == {}
    )
