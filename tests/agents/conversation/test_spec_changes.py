from __future__ import annotations

from typing import Any

import pytest

from matsmith.agents.conversation.spec_changes import changed_by_words
from matsmith.agents.objective import parse_objective
from matsmith.core.errors import SpecError
from matsmith.core.spec import DesignSpec

SPEC = parse_objective(
    "three stable oxides without cobalt, bulk modulus above 150 GPa, density below 5 g/cm3"
).spec


def at(spec: DesignSpec, path: str) -> Any:
    value: Any = spec
    for part in path.split("."):
        value = getattr(value, part)
    return value


def limits(spec: DesignSpec) -> dict[str, tuple[str, float | None]]:
    return {target.property: (str(target.relation), target.value) for target in spec.targets}


@pytest.mark.parametrize(
    ("words", "path", "value"),
    [
        ("without nickel", "chemistry.excluded", ["Co", "Ni"]),
        ("also exclude lead and cadmium", "chemistry.excluded", ["Co", "Cd", "Pb"]),
        ("no cobalt and no nickel", "chemistry.excluded", ["Co", "Ni"]),
        ("allow cobalt", "chemistry.excluded", []),
        ("make it five candidates", "candidates", 5),
        ("10 candidates please", "candidates", 10),
        ("budget 20 minutes", "budget.wall_time_s", 1200.0),
        ("spend at most 1.5 hours", "budget.wall_time_s", 5400.0),
        ("give it 90 s", "budget.wall_time_s", 90.0),
        ("only new ones", "new_only", True),
        ("known materials are fine", "accept_known", True),
        ("it must contain magnesium", "chemistry.required", ["O", "Mg"]),
        ("use only perovskites", "structure.prototype", "perovskite"),
        ("make it ternary", "chemistry.elements_max", 3),
    ],
)  # fmt: skip
def test_words_change_the_plan(words: str, path: str, value: object) -> None:
    assert at(changed_by_words(SPEC, words), path) == value


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("raise the bulk modulus to 200 GPa", {"bulk_modulus": ("above", 200.0)}),
        ("lower the density to 4 g/cm3", {"density": ("below", 4.0)}),
        ("bulk modulus above 2 Mbar", {"bulk_modulus": ("above", 200.0)}),
        (
            "add a band gap above 2 eV",
            {"measured_band_gap": ("above", 2.0), "bulk_modulus": ("above", 150.0)},
        ),
    ],
)
def test_targets_are_changed_in_place(words: str, expected: dict[str, tuple[str, float]]) -> None:
    found = limits(changed_by_words(SPEC, words))
    assert {name: found[name] for name in expected} == expected
    assert set(limits(SPEC)) <= set(found)


def test_a_target_is_dropped() -> None:
    assert "density" not in limits(changed_by_words(SPEC, "drop the density target"))


@pytest.mark.parametrize("words", ["make it nicer", "change", "without", "raise it", "use magic"])
def test_words_that_change_nothing_say_so(words: str) -> None:
    with pytest.raises(SpecError, match="changes the plan"):
        changed_by_words(SPEC, words)


def test_the_given_specification_is_left_alone() -> None:
    before = SPEC.model_copy(deep=True)
    changed = changed_by_words(SPEC, "without nickel")
    assert before == SPEC
    assert changed.objective.endswith("; without nickel")
