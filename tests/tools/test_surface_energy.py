"""Surface energies: the order of copper's faces, the cube of magnesia, polar planes refused, and the shape's weights."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from matsmith.core.crystal import Crystal
from matsmith.core.record import Outcome
from matsmith.core.settings import Settings
from matsmith.models.slabs import conventional_cell
from matsmith.tools.base import Deps
from matsmith.tools.runner import ToolRunner
from matsmith.tools.surface_energy import SurfaceArgs, run_many, wulff_weights

Offer = Callable[[ToolRunner, Crystal], str]


def copper() -> Crystal:
    half = 3.61 / 2
    return Crystal(
        lattice=((0.0, half, half), (half, 0.0, half), (half, half, 0.0)),
        species=("Cu",),
        positions=((0.0, 0.0, 0.0),),
    )


def measured(crystal: Crystal, settings: Settings, **args: object) -> Outcome:
    deps = Deps(settings=settings.model_copy(update={"potential": "emt"}), inputs={"c": crystal})
    ((_, outcome),) = run_many([SurfaceArgs.model_validate({"structure": "c", **args})], deps=deps)
    return outcome


@pytest.fixture(scope="module")
def faces(plain: Settings) -> Outcome:
    return measured(copper(), plain)


def test_the_densest_face_is_the_lowest(faces: Outcome) -> None:
    listed = faces.facts["faces"]
    assert isinstance(listed, list)
    rows = [row for row in listed if isinstance(row, list)]
    assert [row[0] for row in rows] == ["(111)", "(100)", "(110)"]
    energies = [row[1] for row in rows]
    assert energies == sorted(energies, key=lambda each: each if isinstance(each, float) else 0.0)
    assert sum(float(row[2]) for row in rows if isinstance(row[2], int | float)) == pytest.approx(
        1.0, abs=0.01
    )
    assert faces.facts["lowest_face"] == "(111)"


def test_the_mean_lies_between_the_faces(faces: Outcome) -> None:
    value = faces.quantities["surface_energy"].value
    listed = faces.facts["faces"]
    assert isinstance(listed, list)
    energies = [float(row[1]) for row in listed if isinstance(row, list) and isinstance(row[1], int | float)]
    assert min(energies) <= value <= max(energies)
    # The model's own (111) of copper: 0.9 J/m2 in effective medium theory.
    assert min(energies) == pytest.approx(0.9, abs=0.2)


def test_one_plane_alone(plain: Settings, faces: Outcome) -> None:
    alone = measured(copper(), plain, plane=[1, 1, 1])
    assert alone.quantities["surface_energy"].value == pytest.approx(
        float(str(faces.facts["lowest_face_energy_j_per_m2"])), rel=0.01
    )
    assert alone.facts["mean_is_over"] == "the one face computed"


def test_the_thickness_hardly_matters(faces: Outcome) -> None:
    drift = faces.facts["thickness_difference_j_per_m2"]
    assert isinstance(drift, float)
    assert drift < 0.03


def test_no_plane_and_too_small_slabs_are_refused(plain: Settings) -> None:
    nothing = measured(copper(), plain, plane=[0, 0, 0]).failure
    assert nothing is not None
    assert nothing.code == "no_plane"
    small = measured(copper(), plain, max_atoms=4).failure
    assert small is not None
    assert small.code in ("too_large", "no_slab")


def test_equal_energies_of_the_cube_faces_make_a_cube() -> None:
    cubic = conventional_cell(copper().to_pymatgen())
    weights = wulff_weights(cubic, {(1, 0, 0): 1.0, (1, 1, 0): 1.6, (1, 1, 1): 2.0})
    assert weights is not None
    assert weights[(1, 0, 0)] == pytest.approx(1.0, abs=1e-6)
    # At equal energies every face of the three families shows.
    round_shape = wulff_weights(cubic, {(1, 0, 0): 1.0, (1, 1, 0): 1.0, (1, 1, 1): 1.0})
    assert round_shape is not None
    assert min(round_shape.values()) > 0.1


def test_magnesia_cleaves_on_the_cube_and_its_polar_plane_is_refused(
    physics: ToolRunner, offer: Offer, rocksalt: Callable[..., Crystal]
) -> None:
    structure = offer(physics, rocksalt("Mg"))
    calls = [{"structure": structure, "plane": plane} for plane in ([1, 0, 0], [1, 1, 1])]
    found = dict(physics.run_many("surface_energy", calls))
    quantity = found[0].quantities["surface_energy"]
    # 1.04 J/m2: Jura & Garland 1952, J. Am. Chem. Soc. 74, 6033.
    assert abs(quantity.value - 1.04) < 1.5 * quantity.sigma
    failure = found[1].outcome.failure
    assert failure is not None
    assert failure.code == "polar"
    assert "Tasker" in failure.message
