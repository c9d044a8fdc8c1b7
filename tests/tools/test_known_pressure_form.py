"""Forms recognised under pressure, and voltages recognised of electrodes: known values, look-alikes, and what is not listed."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from pymatgen.core import Lattice, Structure

from matsmith.core.crystal import Crystal
from matsmith.core.record import Outcome
from matsmith.core.settings import Settings
from matsmith.core.spec import DesignSpec, StructureWish
from matsmith.knowledge.crystals import measured_crystals
from matsmith.knowledge.measured_voltages import measured_voltages
from matsmith.tools.base import Deps
from matsmith.tools.registry import get_tool
from matsmith.tools.strategies.chemistry_filter import conforms

NAME = "energy_above_hull_at_conditions"


def measured(name: str) -> Crystal:
    return Crystal.from_pymatgen(next(one for one in measured_crystals() if one.name == name).structure())


def ask(settings: Settings, tool_name: str, crystal: Crystal, **arguments: object) -> Outcome:
    tool = get_tool(tool_name)
    args = tool.args.model_validate({"structure": "x", **arguments})
    return tool.run(args, deps=Deps(settings=settings, inputs={"x": crystal}))


@pytest.mark.parametrize(
    ("name", "low", "high"), [("stishovite", -0.001, 0.001), ("alpha-quartz", 0.08, 0.2)]
)
def test_silica_at_ten_gigapascal(plain: Settings, name: str, low: float, high: float) -> None:
    outcome = ask(plain, "known_pressure_form", measured(name), pressure_gpa=10)
    assert low <= outcome.quantities[NAME].value <= high
    assert outcome.facts["form"] == name
    assert outcome.facts["stable_form_there"] == "stishovite"
    assert outcome.method is not None
    assert "Zhang" in outcome.method.reference


def test_a_compressed_cell_is_still_recognised(plain: Settings) -> None:
    dense = Crystal.from_pymatgen(Structure.from_spacegroup("Fm-3m", Lattice.cubic(4.19), ["Zn", "O"], [[0, 0, 0], [0.5, 0.5, 0.5]]))  # pyright: ignore[reportUnknownMemberType, reportUnknownArgumentType]  # fmt: skip
    outcome = ask(plain, "known_pressure_form", dense, pressure_gpa=10)
    assert outcome.facts["form"] == "rocksalt"
    assert outcome.quantities[NAME].value == 0.0


@pytest.mark.parametrize(
    ("name", "arguments", "code"),
    [
        ("alpha-cristobalite", {"pressure_gpa": 10}, "not_listed"),
        ("anatase", {"pressure_gpa": 10}, "not_listed"),
        ("zincite", {"pressure_gpa": 400}, "not_measured"),
        ("zincite", {"pressure_gpa": 10, "temperature_k": 1500}, "not_measured"),
    ],
)
def test_what_was_not_measured_is_left_to_the_computation(
    plain: Settings, name: str, arguments: dict[str, float], code: str
) -> None:
    failure = ask(plain, "known_pressure_form", measured(name), **arguments).failure
    assert failure is not None
    assert failure.code == code
    assert "pressure_stability" in failure.hint


def test_the_voltage_of_triphylite_is_the_measured_one(plain: Settings) -> None:
    triphylite = measured("triphylite")
    outcome = ask(plain, "known_voltage", triphylite)
    assert outcome.quantities["voltage"].value == pytest.approx(3.45)
    assert outcome.method is not None
    assert "Padhi" in outcome.method.reference
    sodium = ask(plain, "known_voltage", triphylite, ion="Na").failure
    assert sodium is not None
    assert sodium.code == "not_listed"


def test_another_form_of_the_formula_has_no_measured_voltage(
    plain: Settings, rocksalt: Callable[..., Crystal]
) -> None:
    for crystal in (rocksalt("Mg"), measured("lithium cobaltate")):
        outcome = ask(plain, "known_voltage", crystal)
        assert (outcome.failure is None) == (crystal.formula == "LiCoO2")
    structure = measured("lithium cobaltate").to_pymatgen()
    structure.translate_sites([0], [0.05, 0.0, 0.0])
    failure = ask(plain, "known_voltage", Crystal.from_pymatgen(structure)).failure
    assert failure is not None
    assert failure.code == "not_listed"


def test_every_electrode_holds_its_ion_and_a_voltage_that_water_or_salts_allow() -> None:
    for one in measured_voltages():
        assert one.ion in one.formula
        assert 0 < one.voltage_v < 5.5
        assert 0 <= one.left < 1
        assert one.citation.text


def test_a_known_crystal_may_be_larger_where_no_size_was_asked() -> None:
    triphylite = measured("triphylite")
    free, asked = DesignSpec(), DesignSpec(structure=StructureWish(atoms_max=20))
    assert conforms(free, triphylite, space_group=62, known=True) is None
    assert conforms(free, triphylite, space_group=62) is not None
    assert conforms(asked, triphylite, space_group=62, known=True) is not None
    assert (
        DesignSpec.model_validate_json(free.model_dump_json()).structure.known_atoms_max
        == free.structure.known_atoms_max
    )
