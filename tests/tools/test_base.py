"""Declaring a tool: what is taken from the function, what is refused, what references stand for."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from pydantic import ValidationError

from matsmith.core.crystal import Crystal
from matsmith.core.errors import ToolError
from matsmith.core.quantity import Quantity
from matsmith.core.record import Outcome, Record
from matsmith.core.settings import Settings
from matsmith.tools.base import Args, Deps, RecordRef, StructureRef, Tool, tool


class MadeArgs(Args):
    structure: StructureRef
    relaxed: RecordRef | None = None
    factor: float = 1.0


@tool(name="volume", title="Volume", measures=("volume_per_atom",), cost_s=0.01)
def volume(args: MadeArgs, *, deps: Deps) -> Outcome:
    """Volume times a factor.

    More words.
    """
    crystal = deps.crystal(args.structure)
    value = args.factor * crystal.volume_angstrom3 / len(crystal.species)
    return Outcome(quantities={"volume_per_atom": Quantity(value=value, unit="angstrom3/atom", sigma=0)})


def _record(outcome: Outcome) -> Record:
    return Record.of(outcome, tool="made", tool_version="1", inputs={}, identity="", seed=0)


def test_the_declaration_is_taken_from_the_function() -> None:
    assert isinstance(volume, Tool)
    assert volume.args is MadeArgs
    assert volume.description.startswith("Volume times a factor.")
    assert not volume.needs_worker
    assert volume.side_effects == "none"
    properties = volume.schema()["properties"]
    assert set(properties) == {"structure", "relaxed", "factor"}
    assert "CIF" in properties["structure"]["description"]


def test_what_a_tool_depends_on_is_nothing_unless_it_says_so(plain: Settings) -> None:
    assert volume.identity(plain) == ""
    assert volume.missing(plain) is None


def test_reference_fields_are_told_apart() -> None:
    class Both(Args):
        structure: StructureRef
        relaxed: RecordRef
        factor: float = 1.0

    assert Both.reference_fields() == {"structure": "structure", "relaxed": "record"}


@pytest.mark.parametrize(
    "raw",
    [
        {},
        {"structure": ""},
        {"structure": "x", "volume": 3},
        {"structure": "x", "factor": float("nan")},
        {"structure": "x", "factor": float("inf")},
    ],
)
def test_arguments_are_held_to_their_model(raw: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        MadeArgs.model_validate(raw)


def test_a_function_without_typed_arguments_is_no_tool() -> None:
    def run(args: int, *, deps: Deps) -> Outcome:
        return Outcome(facts={"args": args})

    with pytest.raises(ToolError, match="derived from Args"):
        tool(name="wrong", title="Wrong", cost_s=0.0)(run)


def test_a_batch_runs_one_by_one_in_order_and_is_timed(
    plain: Settings, rocksalt: Callable[..., Crystal]
) -> None:
    crystal = rocksalt("Mg", edge=4.0)
    deps = Deps(settings=plain, inputs={"a": crystal})
    batch = [MadeArgs(structure="a", factor=factor) for factor in (1.0, 2.0)]
    outcomes = list(volume.run_many(batch, deps=deps))
    assert [index for index, _ in outcomes] == [0, 1]
    # A quarter of the cubic cell holds two atoms: 4^3 / 8.
    assert [o.quantities["volume_per_atom"].value for _, o in outcomes] == pytest.approx([8.0, 16.0])
    assert all(outcome.wall_s > 0 for _, outcome in outcomes)


def test_references_stand_for_structures_and_records(
    plain: Settings, rocksalt: Callable[..., Crystal]
) -> None:
    crystal = rocksalt("Mg")
    holds, empty = _record(Outcome(crystal=crystal)), _record(Outcome(facts={"n": 1}))
    deps = Deps(settings=plain, inputs={"c": crystal, "r": holds, "e": empty})
    assert deps.crystal("c") is crystal
    assert deps.crystal("r") is crystal
    assert deps.record("r") is holds
    with pytest.raises(ToolError, match="no structure"):
        deps.crystal("e")
    with pytest.raises(ToolError, match="no structure"):
        deps.crystal("absent")
    with pytest.raises(ToolError, match="no record"):
        deps.record("c")
