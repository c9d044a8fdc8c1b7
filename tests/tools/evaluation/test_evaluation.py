"""The whole evaluation with the real potential: shares over all samples, energies, and what a second call does not repeat."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest
from pydantic import JsonValue

from matsmith.core.crystal import Crystal
from matsmith.core.settings import Settings
from matsmith.knowledge.crystals import find
from matsmith.tools.evaluation.energies import way_angstrom
from matsmith.tools.evaluation.evaluation import FIGURES, ROWS, Choices, evaluate
from matsmith.tools.evaluation.rows import KEPT
from matsmith.tools.evaluation.samples import Sample


def known(formula: str) -> Crystal:
    return Crystal.from_pymatgen(find(formula)[0].structure().get_primitive_structure())


def pressed(crystal: Crystal, factor: float) -> Crystal:
    structure = crystal.to_pymatgen()
    structure.scale_lattice(structure.volume * factor)
    return Crystal.from_pymatgen(structure)


OVERLAPPING = Crystal(
    lattice=((5, 0, 0), (0, 5, 0), (0, 0, 5)), species=("O", "O"), positions=((0, 0, 0), (0.06, 0, 0))
)
HIGH = Crystal(  # MgO in zinc blende stands above its rocksalt
    lattice=((0, 2.3, 2.3), (2.3, 0, 2.3), (2.3, 2.3, 0)),
    species=("Mg", "O"),
    positions=((0, 0, 0), (0.25, 0.25, 0.25)),
)
ASKED: dict[str, JsonValue] = {"required": ["O"], "conditions": {"density_g_cm3": 3.58}}


def silent(stage: str, done: int, total: int) -> None:
    del stage, done, total


def test_shares_energies_and_what_is_kept(plain: Settings, tmp_path: Path) -> None:
    samples = [
        Sample(name="a.cif", crystal=pressed(known("MgO"), 1.04), asked=ASKED),
        Sample(name="b.cif", crystal=known("MgO"), asked=ASKED),
        Sample(name="c.cif", crystal=HIGH, asked=ASKED),
        Sample(name="d.cif", crystal=OVERLAPPING, asked=ASKED),
        Sample(name="e.cif", problem="unreadable: nothing", asked=ASKED),
    ]
    choices = Choices(relax=True, arguments={"max_steps": 200})
    found = evaluate(samples, out=tmp_path, settings=plain, choices=choices, reference=None, hear=silent)
    values = {figure.name: figure.value for figure in found.figures}
    assert values["readable"] == pytest.approx(4 / 5)
    assert values["structure_valid"] == pytest.approx(3 / 5)
    assert values["unique"] == pytest.approx(2 / 5)
    assert values["obeys_elements"] == pytest.approx(4 / 5)
    assert values["relaxed"] == pytest.approx(3 / 5)
    assert values["hull_0.1"] == pytest.approx(2 / 5)
    assert values["hit_density_g_cm3"] == pytest.approx(2 / 5)
    assert values["new_prototype"] == 0
    assert values["sun_0.1"] == 0  # rocksalt magnesia is known
    by_name = {one.sample.name: one for one in found.judged}
    high, low = by_name["c.cif"].energy, by_name["a.cif"].energy
    assert high is not None
    assert low is not None
    assert high.above_hull is not None
    assert low.above_hull is not None
    assert high.above_hull > low.above_hull + 0.1
    assert by_name["d.cif"].energy is None
    assert low.tier == "shipped"
    assert low.moved_angstrom == pytest.approx(0, abs=0.01)
    assert low.volume_ratio is not None
    assert low.volume_ratio < 1
    told = json.loads((tmp_path / FIGURES).read_text())
    assert {figure["name"]: figure["value"] for figure in told["figures"]} == values
    with (tmp_path / ROWS).open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert [row["sample"] for row in rows] == [sample.name for sample in samples]
    assert rows[4]["problem"] == "unreadable: nothing"
    assert (tmp_path / "relaxed" / "000000.cif").is_file()
    assert not (tmp_path / "relaxed" / "000003.cif").exists()

    # A second call finds everything; a line that a kill has cut off is measured again.
    kept = (tmp_path / KEPT).read_text()
    (tmp_path / KEPT).write_text(kept[:-20])
    again = evaluate(samples, out=tmp_path, settings=plain, choices=choices, reference=None, hear=silent)
    assert [one.energy for one in again.judged] == [one.energy for one in found.judged]
    assert again.figures == found.figures
    assert len((tmp_path / KEPT).read_text().splitlines()) == len(kept.splitlines()) + 1
    unchanged = (tmp_path / KEPT).read_bytes()
    evaluate(samples, out=tmp_path, settings=plain, choices=Choices(), reference=None, hear=silent)
    assert (tmp_path / KEPT).read_bytes() == unchanged


def test_what_stands_in_the_reference_is_not_new(plain: Settings, tmp_path: Path) -> None:
    made = Crystal(
        lattice=((4, 0, 0), (0, 4, 0), (0, 0, 4)),
        species=("Sc", "Y", "O", "O", "O"),
        positions=((0, 0, 0), (0.5, 0.5, 0.5), (0.5, 0.5, 0), (0.5, 0, 0.5), (0, 0.5, 0.5)),
    )
    samples = [Sample(name="a", crystal=made)]
    alone = evaluate(
        samples, out=tmp_path / "1", settings=plain, choices=Choices(), reference=None, hear=silent
    )
    beside = evaluate(
        samples, out=tmp_path / "2", settings=plain, choices=Choices(), reference=samples, hear=silent
    )
    shares = [{figure.name: figure.value for figure in one.figures} for one in (alone, beside)]
    assert shares[0]["new_formula"] == 1
    assert shares[0]["new"] == 1
    assert shares[1]["new_formula"] == 0
    assert shares[1]["new"] == 0
    assert shares[1]["reference_composition_valid"] == 1


def test_the_way_of_atoms_knows_neither_drift_nor_cell_edges() -> None:
    crystal = known("TiO2")
    moved = crystal.model_copy(
        update={"positions": tuple((x + 0.77, y - 0.4, z + 2.0) for x, y, z in crystal.positions)}
    )
    assert way_angstrom(crystal, moved) == pytest.approx(0, abs=1e-9)
    positions = np.array(crystal.positions)
    positions[0, 2] += 0.1
    step = 0.1 * float(np.linalg.norm(crystal.lattice[2]))
    one = crystal.model_copy(
        update={"positions": tuple((float(x), float(y), float(z)) for x, y, z in positions)}
    )
    n = len(crystal.species)
    assert way_angstrom(crystal, one) == pytest.approx(step * np.sqrt((1 - 1 / n) / n), rel=1e-6)
