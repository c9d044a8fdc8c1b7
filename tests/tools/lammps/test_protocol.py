from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from matsmith.core.crystal import Crystal
from matsmith.core.quantity import Quantity, Truth
from matsmith.core.record import Outcome
from matsmith.core.settings import Settings
from matsmith.tools.base import Deps
from matsmith.tools.lammps.program import missing
from matsmith.tools.lammps.protocol import Md, MdArgs, System, protocol, system_of


class _Args(MdArgs):
    shape: str = "aniso"


@protocol(name="md_edge", title="edge", cost_s=1.0, prefers="elastic")
def _edge(args: _Args, *, system: System, md: Md) -> Outcome:
    """Edge of the relaxed cell."""
    found = md.relaxed_cell(system, shape=args.shape)  # pyright: ignore[reportArgumentType]
    lengths: Any = found.atoms.cell
    return Outcome(
        quantities={
            "edge": Quantity(value=float(lengths[0, 0]), unit="angstrom", sigma=0.0, truth=Truth.EXACT)
        },
        facts={"energy_ev_per_atom": found.energy_ev_per_atom},
        method=md.method("edge", steps=0, atoms=len(found.atoms), ensemble="at rest"),
    )


@pytest.fixture(autouse=True)
def installed(md_settings: Settings) -> None:
    if missing(md_settings) is not None:
        pytest.skip("LAMMPS is not installed")


def _primitive_copper() -> Crystal:
    half = 1.79
    return Crystal(
        lattice=((0, half, half), (half, 0, half), (half, half, 0)), species=("Cu",), positions=((0, 0, 0),)
    )


@pytest.mark.parametrize("shape", ["iso", "tri"])
def test_the_cell_relaxes_to_the_lattice_of_the_potential_s_paper(shape: str, md_settings: Settings) -> None:
    """Cu: Mishin et al. 2001, 3.615 Å and 3.54 eV."""
    outcome = _edge.run(_Args(element="Cu", shape=shape, cores=1), deps=Deps(settings=md_settings))
    assert outcome.failure is None, outcome.failure
    assert outcome.quantities["edge"].value == pytest.approx(3.615, abs=5e-4)
    assert outcome.facts["energy_ev_per_atom"] == pytest.approx(-3.54, abs=5e-4)
    assert outcome.facts["potential"] == "cu_mishin1"
    assert Path(str(outcome.facts["folder"])).is_dir()
    assert outcome.method is not None
    assert list(outcome.method.files) == ["Cu_mishin1.eam.alloy"]
    assert any(warning.startswith("cu_mishin1:") for warning in outcome.warnings)


def test_a_structure_becomes_its_conventional_cell_with_its_prototype(md_settings: Settings) -> None:
    deps = Deps(settings=md_settings, inputs={"x": _primitive_copper()})
    system = system_of(_Args(structure="x"), deps=deps, prefers=None)
    assert (len(system.atoms), system.prototype, system.element) == (4, "fcc", "Cu")
    assert system.a_angstrom == pytest.approx(3.58)


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ({}, "no_structure"),
        ({"element": "Ga"}, "no_simple_lattice"),
        ({"element": "Zn"}, "no_potential"),
        ({"element": "Cu", "potential": "al_mm"}, "wrong_elements"),
        ({"element": "Cu", "potential": "nonsense"}, "unknown_potential"),
        ({"element": "Cu", "potential_file": "/nowhere", "potential_style": "eam/alloy"}, "bad_potential"),
    ],
)
def test_what_cannot_run_is_a_typed_failure_with_advice(
    given: dict[str, str], code: str, md_settings: Settings
) -> None:
    outcome = _edge.run(_Args(**given), deps=Deps(settings=md_settings))  # pyright: ignore[reportArgumentType]
    assert outcome.failure is not None
    assert outcome.failure.code == code
    assert outcome.failure.hint


def test_two_of_the_same_call_at_once_do_not_mix(
    md_settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    inner: list[Outcome] = []
    deps = Deps(settings=md_settings)
    original: Callable[..., Any] = Md.relaxed_cell

    def nested(self: Md, what: Any, **more: Any) -> Any:
        if not inner:
            inner.append(Outcome())
            inner[0] = _edge.run(_Args(element="Cu", cores=1), deps=deps)
        return original(self, what, **more)

    monkeypatch.setattr(Md, "relaxed_cell", nested)
    assert _edge.run(_Args(element="Cu", cores=1), deps=deps).failure is None
    assert inner[0].failure is not None
    assert inner[0].failure.code == "busy"
    assert inner[0].failure.retryable
