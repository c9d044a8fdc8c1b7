"""Another potential than the default: its own identity, its own errors, and no comparison across potentials."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from matsmith.core.crystal import Crystal
from matsmith.core.errors import PotentialError, UsageError
from matsmith.core.executor import ProcessExecutor
from matsmith.core.ledger import Ledger
from matsmith.core.record import Record, Status
from matsmith.core.settings import Settings
from matsmith.tools import potential as module
from matsmith.tools.potential import NAME, hash_of, identity, is_default, name_of, weights_hash
from matsmith.tools.runner import ToolRunner


@pytest.fixture
def emt(plain: Settings, tmp_path: Path) -> Settings:
    return plain.model_copy(update={"potential": "emt", "cache_dir": tmp_path / "cache"})


@pytest.fixture
def other(tmp_path: Path, emt: Settings, worker: ProcessExecutor) -> Iterator[ToolRunner]:
    with Ledger(tmp_path / "ledger.sqlite") as ledger:
        yield ToolRunner(ledger, settings=emt, executor=worker)


@pytest.fixture
def copper() -> Crystal:
    half = 1.84
    return Crystal(
        lattice=((0.0, half, half), (half, 0.0, half), (half, half, 0.0)),
        species=("Cu",),
        positions=((0.0, 0.0, 0.0),),
    )


@pytest.fixture
def relaxed_copper(other: ToolRunner, copper: Crystal, offer: Callable[[ToolRunner, Crystal], str]) -> Record:
    record = other.run("relax", {"structure": offer(other, copper)})
    assert record.status is Status.SUCCESS, record.outcome.failure
    return record


def test_the_default_is_known_by_its_weights(plain: Settings) -> None:
    assert is_default(plain)
    assert identity(plain) == weights_hash()
    assert name_of(plain) == NAME


def test_another_has_name_version_and_hash_in_its_identity(emt: Settings) -> None:
    digest = hash_of(emt)
    assert len(digest) == 64
    assert digest != weights_hash()
    assert digest in identity(emt)
    assert name_of(emt) in identity(emt)
    assert "ase" in name_of(emt)


def test_the_hash_is_kept_and_found_without_loading(emt: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    module._load_other.cache_clear()  # pyright: ignore[reportPrivateUsage]
    digest = hash_of(emt)
    kept = json.loads((emt.cache_dir / "potential-weights.json").read_text())
    assert list(kept.values()) == [digest]

    def never(settings: Settings) -> None:
        raise AssertionError("loaded again")

    monkeypatch.setattr(module, "potential", never)
    assert hash_of(emt) == digest


def test_weights_that_changed_are_told_once_and_then_known(emt: Settings) -> None:
    module._load_other.cache_clear()  # pyright: ignore[reportPrivateUsage]
    digest = hash_of(emt)
    path = emt.cache_dir / "potential-weights.json"
    path.write_text(json.dumps(dict.fromkeys(json.loads(path.read_text()), "0" * 64)))
    module._load_other.cache_clear()  # pyright: ignore[reportPrivateUsage]
    with pytest.raises(PotentialError) as caught:
        module.potential(emt)
    assert caught.value.retryable
    assert module.potential(emt).weights_hash == digest


def test_a_name_that_does_not_exist_is_told(plain: Settings) -> None:
    with pytest.raises(UsageError, match="sevenet"):
        identity(plain.model_copy(update={"potential": "sevenet"}))


def test_its_records_carry_its_name_and_a_wider_error(relaxed_copper: Record, emt: Settings) -> None:
    method = relaxed_copper.outcome.method
    assert method is not None
    assert method.model == name_of(emt)
    assert method.weights_hash == hash_of(emt)
    assert "not measured" in method.reference
    assert relaxed_copper.quantities["energy"].sigma > 0.03
    crystal = relaxed_copper.outcome.crystal
    assert crystal is not None
    # The model's own lattice constant is 3.59 Å.
    assert (4 * crystal.volume_angstrom3) ** (1 / 3) == pytest.approx(3.59, abs=0.02)


def test_stability_refuses_energies_of_another_potential(other: ToolRunner, relaxed_copper: Record) -> None:
    record = other.run("stability", {"relaxed": relaxed_copper.id})
    failure = record.outcome.failure
    assert failure is not None
    assert failure.code == "foreign_energy"
    assert NAME in failure.message
    assert "chgnet" in failure.hint
    assert record.quantities == {}


def test_competing_phases_refuse_another_potential(other: ToolRunner) -> None:
    failure = other.run("competing_phases", {"elements": ["Mg", "Al", "O"]}).outcome.failure
    assert failure is not None
    assert failure.code == "foreign_energy"


def test_its_bulk_modulus_is_not_corrected_and_says_so(other: ToolRunner, relaxed_copper: Record) -> None:
    record = other.run("equation_of_state", {"structure": relaxed_copper.id})
    quantity = record.quantities["bulk_modulus"]
    # Copper in EMT: its bulk modulus was fitted to the measured 134 to 142 GPa.
    assert quantity.value == pytest.approx(137, rel=0.12)
    assert record.outcome.facts["correction_factor"] == 1.0
    assert quantity.sigma >= 0.25 * quantity.value


def test_density_follows_the_potential_of_the_relaxation(
    physics: ToolRunner, periclase: Record, other: ToolRunner, relaxed_copper: Record
) -> None:
    ours = physics.run("density", {"relaxed": periclase.id})
    assert ours.outcome.facts["volume_correction_factor"] != 1.0
    theirs = other.run("density", {"relaxed": relaxed_copper.id})
    assert theirs.outcome.facts["volume_correction_factor"] == 1.0
    method = theirs.outcome.method
    assert method is not None
    assert method.model.startswith("effective medium theory")
