"""Single tools from Python: any form of a structure gives the same record, results feed tools, and wrong calls say what is meant."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from matsmith.agents import ToolResult, release_worker, run_tool, tool_help, tool_names
from matsmith.agents.notebook_view import outcome_html
from matsmith.agents.single_tools import CALLS
from matsmith.agents.structure_exchange import atoms_of, crystal_of_any
from matsmith.core.crystal import Crystal
from matsmith.core.errors import StructureError, ToolError, UsageError
from matsmith.core.ledger import Ledger
from matsmith.core.settings import Settings
from matsmith.tools.registry import get_tool

_HALF = 3.615 / 2
COPPER = Crystal(
    lattice=((0.0, _HALF, _HALF), (_HALF, 0.0, _HALF), (_HALF, _HALF, 0.0)),
    species=("Cu",),
    positions=((0.0, 0.0, 0.0),),
)


@pytest.fixture
def home(house: Settings) -> Settings:
    return house.model_copy(update={"potential": "emt"})


@pytest.fixture(scope="module", autouse=True)
def worker_ends() -> Iterator[None]:
    yield
    release_worker()


def test_every_form_of_a_structure_gives_the_same_record(home: Settings, tmp_path: Path) -> None:
    path = tmp_path / "copper.cif"
    path.write_text(COPPER.to_cif(), encoding="utf-8")
    forms = [COPPER, COPPER.to_pymatgen(), atoms_of(COPPER), path, str(path)]
    results = [run_tool("symmetry", form, settings=home) for form in forms]
    assert {one.id for one in results} == {results[0].id}
    assert results[0].facts["space_group_number"] == 225
    assert run_tool("symmetry", structure=COPPER, settings=home).id == results[0].id
    with Ledger(home.state_dir / CALLS, create=False) as ledger:
        assert sum(1 for _ in ledger.entries("record")) == 1
        assert ledger.verify().intact


def test_results_feed_other_tools_and_nothing_is_computed_twice(home: Settings) -> None:
    stretched = COPPER.model_copy(
        update={"lattice": tuple(tuple(1.03 * x for x in row) for row in COPPER.lattice)}
    )
    relaxed = run_tool("relax", Crystal.model_validate(stretched.model_dump()), settings=home).raise_failure()
    # EMT copper: 3.59 Å in ASE's own documentation of the calculator.
    edge = (4 * relaxed.structure().volume) ** (1 / 3)
    assert edge == pytest.approx(3.59, abs=0.02)
    assert relaxed.atoms().get_volume() == pytest.approx(relaxed.structure().volume)
    modulus = run_tool("equation_of_state", relaxed, settings=home)["bulk_modulus"]
    assert modulus.unit == "GPa"
    assert 100 < modulus.value < 180
    density = run_tool("density", relaxed, settings=home)
    assert density["density"].value == pytest.approx(8.96, rel=0.1)
    assert run_tool("density", relaxed.record, settings=home).record == density.record
    assert run_tool("density", relaxed=relaxed.id[:10], settings=home).record == density.record
    assert "bulk modulus" in outcome_html(run_tool("equation_of_state", relaxed, settings=home).record)
    # A structure in place of a relaxation is relaxed first.
    assert run_tool("density", COPPER, settings=home)["density"].value == pytest.approx(
        density["density"].value, rel=1e-3
    )
    elsewhere = run_tool("density", relaxed, settings=home, keep=False)
    assert elsewhere.quantities == density.quantities


def test_nothing_is_kept_where_that_is_asked(home: Settings) -> None:
    found = run_tool("symmetry", COPPER, settings=home, keep=False)
    assert found.ok
    assert not (home.state_dir / CALLS).exists()
    with pytest.raises(UsageError, match="keep=False"):
        run_tool("symmetry", COPPER, settings=home, keep=False, run="some-run")
    with pytest.raises(UsageError, match="no run 'some-run'"):
        run_tool("symmetry", COPPER, settings=home, run="some-run")


def test_a_failure_is_a_value_that_refuses_to_be_used(home: Settings) -> None:
    crowded = Crystal(
        lattice=((3.0, 0.0, 0.0), (0.0, 3.0, 0.0), (0.0, 0.0, 3.0)),
        species=("Cu", "Cu"),
        positions=((0.0, 0.0, 0.0), (0.05, 0.0, 0.0)),
    )
    failed = run_tool("relax", crowded, settings=home)
    assert not failed.ok
    assert failed.failure is not None
    assert failed.failure.code == "overlap"
    for use in (
        lambda: failed["energy"],
        failed.structure,
        failed.raise_failure,
        lambda: run_tool("density", failed, settings=home),
    ):
        with pytest.raises(ToolError, match=r"relax failed \(overlap\)"):
            use()
    with pytest.raises(ToolError, match="failed and cannot be used"):
        run_tool("density", failed.record, settings=home)


@pytest.mark.parametrize(
    ("tool", "given", "says"),
    [
        ("elastisity", {}, "no tool 'elastisity'. Did you mean elasticity?"),
        ("relax", {"max_step": 3}, "no argument 'max_step'. Did you mean max_steps?"),
        ("relax", {"max_steps": -1}, "max_steps: Input should be greater"),
        ("relax", {"structure": COPPER}, "given structure twice"),
        ("competing_phases", {}, "takes no structure"),
        ("orderings", {}, "file takes the path of a file"),
    ],
)
def test_wrong_calls_say_what_is_meant(tool: str, given: dict[str, Any], says: str, home: Settings) -> None:
    with pytest.raises(ToolError, match=re.escape(says)):
        run_tool(tool, COPPER, settings=home, **given)


def test_what_is_lacking_is_named(home: Settings) -> None:
    with pytest.raises(ToolError, match=r"relax needs structure. See tool_help"):
        run_tool("relax", settings=home)
    with pytest.raises(ToolError, match="symmetry gave no 'energy'"):
        _ = run_tool("symmetry", COPPER, settings=home)["energy"]
    with pytest.raises(ToolError, match=r"Did you mean relax\?"):
        tool_help("relaxx")


def test_what_is_no_crystal_is_refused_in_a_sentence(home: Settings, tmp_path: Path) -> None:
    with pytest.raises(StructureError, match="neither a file nor the id"):
        run_tool("symmetry", tmp_path / "missing.cif", settings=home)
    with pytest.raises(StructureError, match="An object of dict is no structure"):
        run_tool("symmetry", {"Cu": 1}, settings=home)
    slab = atoms_of(COPPER)
    slab.pbc = (True, True, False)
    with pytest.raises(StructureError, match="not periodic"):
        run_tool("symmetry", slab, settings=home)
    alloy = COPPER.to_pymatgen()
    alloy.replace_species({"Cu": {"Cu": 0.5, "Au": 0.5}})  # pyright: ignore[reportArgumentType]
    with pytest.raises(StructureError, match="partially occupied"):
        crystal_of_any(alloy)
    with pytest.raises(UsageError, match="no potential 'emtt'"):
        run_tool("relax", COPPER, settings=home, potential="emtt")


def test_every_tool_explains_itself() -> None:
    for name in tool_names():
        text = tool_help(name)
        assert text.startswith(f"{name}: {get_tool(name).title}")
        for field in get_tool(name).args.model_fields:
            assert f"\n  {field}: " in text


def test_a_result_is_an_outcome_with_its_record(home: Settings) -> None:
    found = run_tool("symmetry", COPPER, settings=home)
    assert isinstance(found, ToolResult)
    assert found.record.outcome.facts == found.facts
    assert found.id == found.record.id == found.record.recomputed_id
    with pytest.raises(ToolError, match="returns no structure"):
        found.structure()
