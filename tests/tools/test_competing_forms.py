"""Other forms of a formula: the known ground state comes out lowest, and what cannot be searched says so."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from matsmith.core.record import Status
from matsmith.tools.competing_forms import CompetingFormsArgs
from matsmith.tools.runner import ToolRunner


@pytest.mark.parametrize(
    ("formula", "prototype"), [("MgAl2O4", "A2BC4_cF56_227_d_a_e"), ("SrTiO3", "AB3C_cP5_221_a_c_b")]
)
def test_the_known_structure_is_the_lowest(physics: ToolRunner, formula: str, prototype: str) -> None:
    record = physics.run("competing_forms", {"formula": formula})
    assert record.status is Status.SUCCESS, record.outcome.failure
    forms = record.outcome.facts["forms"]
    assert isinstance(forms, list)
    rows = [form for form in forms if isinstance(form, dict)]
    energies = [float(str(row["energy_ev_per_atom"])) for row in rows]
    lowest = energies[0]
    assert energies == sorted(energies)
    assert prototype in [
        row["prototype"] for row, energy in zip(rows, energies, strict=True) if energy < lowest + 0.002
    ]
    assert record.quantities["energy"].value == pytest.approx(lowest, abs=1e-4)
    assert record.outcome.crystal is not None
    # A second request for another way of writing the formula is the same computation.
    assert physics.run("competing_forms", {"formula": f"({formula})2"}).id == record.id


def test_a_stoichiometry_without_structure_types_is_a_typed_failure(physics: ToolRunner) -> None:
    record = physics.run("competing_forms", {"formula": "Mg7Al13O29"})
    assert record.outcome.failure is not None
    assert record.outcome.failure.code == "no_prototypes"


@pytest.mark.parametrize("formula", ["Xx2O3", "", "not a formula"])
def test_what_is_no_formula_is_refused(formula: str) -> None:
    with pytest.raises(ValidationError):
        CompetingFormsArgs(formula=formula)
