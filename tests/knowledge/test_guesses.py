"""What guesses chosen for a low energy were measured to be off by, and damaged files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from matsmith.core.errors import DataError
from matsmith.knowledge import guesses, offsets


def test_what_ships_belongs_to_the_shipped_offsets() -> None:
    found = guesses.measured_guesses()
    assert found.weights_hash == offsets.shipped_offsets().weights_hash
    assert found.formulas >= 100
    # Choosing the lowest picks errors that point down.
    assert 0.0 < found.shift_ev_per_atom < 0.06
    # A guess is the lowest phase less often than a recognised crystal is.
    assert found.ground_share < offsets.shipped_offsets().polymorphs["ground_share"]
    assert found.met_true / found.met >= 0.84


def test_a_guess_is_moved_up_and_made_less_sure() -> None:
    found = guesses.measured_guesses()
    value, sigma = found.corrected(-1.0, 0.03)
    assert value == pytest.approx(-1.0 + found.shift_ev_per_atom)
    assert sigma == pytest.approx((0.03**2 + found.sigma_ev_per_atom**2) ** 0.5)
    # Against a table of DFT energies nothing that the potential says is surer than 40 meV/atom.
    assert (
        min(found.corrected(0.0, s)[1] for s in offsets.shipped_offsets().sigma_ev_per_atom.values()) >= 0.04
    )


def _changed(**changes: Any) -> str:
    return json.dumps(json.loads(guesses.GUESSES_FILE.read_text()) | changes)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{}",
        _changed(shift_ev_per_atom=float("nan")),
        _changed(ground_share=1.2),
        _changed(sigma_ev_per_atom=-0.1),
        _changed(more=1),
    ],
)
def test_a_damaged_file_is_refused(text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "guesses.json"
    path.write_text(text)
    monkeypatch.setattr(guesses, "GUESSES_FILE", path)
    with pytest.raises(DataError):
        guesses.measured_guesses()
