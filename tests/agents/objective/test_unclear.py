"""Words that were not understood: which stand in the place of a requirement, and which only describe."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

import matsmith.agents.bench as bench
from matsmith.agents.objective import parse_objective
from matsmith.agents.objective.unclear import unclear_words
from matsmith.core.errors import MatsmithError

REPOSITORY = Path(__file__).parents[3]

REQUIRED = {
    "a stable compound of oxygen and unobtainium": ["unobtainium"],
    "an oxide with a flurbosity above 3": ["flurbosity above 3"],
    "an oxide with high flurbosity": ["high flurbosity"],
    "a nitride having a flurbosity of 3 flubs": ["flurbosity", "3 flubs"],
    "an oxide with unobtainium": ["unobtainium"],
    "a nitride made from unobtainium": ["unobtainium"],
    "an oxide of titanium and flubber, stable": ["flubber"],
    "an unobtainium-free oxide": ["unobtainium-free"],
    "bluk modulus above 200 GPa, oxide": ["bluk modulus above 200 GPa"],
    "lattice parameter 4.2 Å oxide": ["lattice parameter 4.2 Å"],
    "oxide with less than 5 % cobalt": ["less than 5 % cobalt"],
    "oxide, no silicon dioxide": ["no silicon dioxide"],
    "not a perovskite, but a stable oxide": ["not a perovskite"],
    "I want a Y and Ba cuprate": ["Y"],
    "an oxide with good corrosion resistance": ["good corrosion resistance"],
}
DESCRIBING = (
    "layered sulfide",
    "a beautiful oxide",
    "a 2D sulfide",
    "an oxide of high quality",
    "an oxide of interest with potential for use in batteries",
    "Looking for a lead-free perovskite for solar cells with a direct band gap between 1.1 and 1.6 eV",
    "refractive index above 2.2, transparent, oxide",
    "low-density high-strength alloy of Al, Mg and Li",
    "stainless steel with yield strength > 1 GPa",
    "not too heavy and not expensive oxide",
    "a thermal barrier coating with thermal conductivity under 1 W/(m K)",
    "no Pb, in other words lead-free",
    "cathode: Li, Mn, O; voltage 3.9-4.2 V; stable",
    "stable perovskite oxides with Ba on the A site",
    "an oxide that is stable in water",
)


@pytest.mark.parametrize(("objective", "unclear"), REQUIRED.items())
def test_a_requirement_that_was_not_understood_is_found(objective: str, unclear: list[str]) -> None:
    assert unclear_words(objective, parse_objective(objective).not_understood) == unclear


@pytest.mark.parametrize("objective", DESCRIBING)
def test_words_that_only_describe_change_nothing(objective: str) -> None:
    left = parse_objective(objective).not_understood
    assert unclear_words(objective, left) == []


def _design_prompts() -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    for path in sorted((Path(bench.__file__).parent / "suites").glob("*.yaml")):
        tasks: list[dict[str, Any]] = yaml.safe_load(path.read_text(encoding="utf-8"))["tasks"]
        found += [(task["id"], task["prompt"]) for task in tasks if task.get("door") == "design"]
    objectives = REPOSITORY / "benchmarks" / "objectives.yaml"
    if objectives.is_file():
        listed: dict[str, list[dict[str, Any]]] = yaml.safe_load(objectives.read_text(encoding="utf-8"))
        found += [(entry["name"], entry["objective"]) for group in listed.values() for entry in group]
    return found


def test_no_benchmark_stops_but_the_one_that_should() -> None:
    stopped: list[str] = []
    prompts = _design_prompts()
    for name, prompt in prompts:
        try:
            left = parse_objective(prompt).not_understood
        except MatsmithError:
            continue
        stopped += [name] if unclear_words(prompt, left) else []
    assert len(prompts) >= 20
    assert stopped == ["trap-no-such-element"]


def test_the_words_of_a_model_are_held_against_the_same_places() -> None:
    objective = "A stable  oxide with Flurbosity above 3, that feels velvety"
    assert unclear_words(objective, ["that feels velvety", "flurbosity above 3"]) == ["Flurbosity above 3"]
    assert unclear_words(objective, ["", "words that do not stand there"]) == []


@given(objective=st.text(max_size=80), phrases=st.lists(st.text(max_size=12), max_size=4))
def test_any_text_is_taken(objective: str, phrases: list[str]) -> None:
    joined = " ".join(objective.split())
    assert all(words in joined for words in unclear_words(objective, phrases))
