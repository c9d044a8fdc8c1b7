"""What a potential is off by is part of a number's error, and what the run left open is kept beside it."""

from __future__ import annotations

import pytest

from matsmith.core.quantity import Quantity, Truth
from matsmith.tools.lammps.model_errors import share_of, with_model_errors


def test_coppers_melting_point_by_its_potential_agrees_with_coppers() -> None:
    told = Quantity(value=1325.0, unit="K", sigma=8.0, truth=Truth.EXPERIMENT_AT_CONDITIONS)
    widened, statistical = with_model_errors({"melting_point": told}, learned=False)
    assert statistical == {"melting_point": 8.0}
    assert widened["melting_point"].value == 1325.0
    assert abs(1358.0 - 1325.0) < widened["melting_point"].sigma < 0.1 * 1325.0


def test_what_is_the_potentials_own_is_left_as_it_is() -> None:
    own = {
        "potential_energy": Quantity(value=-3.54, unit="eV/atom", sigma=0.0, truth=Truth.EXACT),
        "density": Quantity(value=8.9, unit="g/cm**3", sigma=0.0, truth=Truth.EXACT),
        "gibbs_energy": Quantity(
            value=-3.6, unit="eV/atom", sigma=0.001, truth=Truth.EXPERIMENT_AT_CONDITIONS
        ),
    }
    assert with_model_errors(own, learned=False) == (own, {})


@pytest.mark.parametrize("name", ["shear_modulus", "c44", "youngs_modulus_at_temperature"])
def test_the_learned_potential_is_trusted_less_in_shear(name: str) -> None:
    assert share_of(name, learned=True) >= 2 * share_of(name, learned=False) > 0
