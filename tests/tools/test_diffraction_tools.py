"""The diffraction tools: a pattern of magnesia, a mixture in a file, refusals, and a changed file that is another call."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
from pydantic import ValidationError

from matsmith.core.crystal import Crystal
from matsmith.core.record import Outcome
from matsmith.core.settings import Settings
from matsmith.knowledge.crystals import find
from matsmith.knowledge.diffraction.sticks import radiation, sticks_of
from matsmith.tools.base import Deps
from matsmith.tools.registry import get_tool


def ask(name: str, settings: Settings, inputs: dict[str, Crystal], **args: Any) -> Outcome:
    tool = get_tool(name)
    return tool.run(tool.args.model_validate(args), deps=Deps(settings=settings, inputs=dict(inputs)))


def write_scan(path: Path, shares: dict[str, float]) -> Path:
    angles = np.arange(25.0, 80.0, 0.04)
    total = np.zeros_like(angles)
    for formula, share in shares.items():
        sticks = sticks_of(
            find(formula)[0].structure(), name=formula, lines=radiation("CuKa1"), two_theta_deg=(25.0, 80.0)
        )
        for place, strength in zip(sticks.two_theta(1.540593), sticks.intensity, strict=True):
            if np.isfinite(place):
                total += share / sticks.mass_factor * strength * np.exp(-11.1 * (angles - place) ** 2 / 0.04)
    counts = np.asarray(np.random.default_rng(0).poisson(total * 5000 / total.max() + 100), dtype=float)
    path.write_text(
        "\n".join(f"{a:.3f} {c:.0f}" for a, c in zip(angles, counts, strict=True)), encoding="utf-8"
    )
    return path


def test_magnesia_shows_its_lines(plain: Settings, rocksalt: Callable[..., Crystal]) -> None:
    found = ask("xray_pattern", plain, {"m": rocksalt("Mg")}, structure="m")
    lines = cast("list[dict[str, float | str]]", found.facts["lines"])
    strongest = max(lines, key=lambda line: float(line["percent"]))
    # JCPDS 45-0946: 200 is the strongest line of periclase, at 42.9 degrees with copper.
    assert float(strongest["two_theta_deg"]) == pytest.approx(42.9, abs=0.6)
    assert found.quantities["strongest_line_two_theta"].sigma == 0


def test_noise_of_a_relaxed_cell_splits_no_line(plain: Settings) -> None:
    corners = [(0.0, 0.0, 0.0), (0.0, 0.5, 0.5), (0.5, 0.0, 0.5), (0.5, 0.5, 0.0)]
    noisy = Crystal(
        lattice=((4.2566, 0.0, 0.0), (0.0, 4.25661, 0.0), (0.0, 0.0, 4.25662)),
        species=("Mg",) * 4 + ("O",) * 4,
        positions=(*corners, *((x + 0.5, y, z) for x, y, z in corners)),
    )
    lines = cast(
        "list[dict[str, float | str]]",
        ask("xray_pattern", plain, {"m": noisy}, structure="m").facts["lines"],
    )
    assert len(lines) == 5
    # JCPDS 45-0946 gives the 220 line of periclase 52 % of the strongest.
    second = sorted(float(line["percent"]) for line in lines)[-2]
    assert second == pytest.approx(54, abs=4)


@pytest.mark.parametrize(
    ("args", "code"),
    [
        ({"radiation": "ZzKa"}, "no_pattern"),
        ({"two_theta_min": 5.0, "two_theta_max": 9.0}, "no_pattern"),
    ],
)
def test_patterns_that_cannot_be(
    plain: Settings, rocksalt: Callable[..., Crystal], args: dict[str, Any], code: str
) -> None:
    failure = ask("xray_pattern", plain, {"m": rocksalt("Mg")}, structure="m", **args).failure
    assert failure is not None
    assert failure.code == code
    assert failure.hint


def test_a_mixture_in_a_file_is_identified(plain: Settings, tmp_path: Path) -> None:
    scan = write_scan(tmp_path / "scan.xy", {"MgO": 0.3, "Al2O3": 0.7})
    found = ask(
        "identify_phases", plain, {}, pattern=str(scan), elements=["Mg", "Al", "O"], radiation="CuKa1"
    )
    phases = cast("list[dict[str, Any]]", found.facts["phases"])
    assert [phase["phase"].split(" ")[0] for phase in phases] == ["Al2O3", "MgO"]
    assert found.quantities["weight_fraction_1"].value == pytest.approx(0.7, abs=0.05)
    assert any("absorption contrast" in warning for warning in found.warnings)


def test_a_given_structure_joins_the_search(
    plain: Settings, tmp_path: Path, rocksalt: Callable[..., Crystal]
) -> None:
    scan = write_scan(tmp_path / "scan.xy", {"MgO": 1.0})
    given = Crystal.from_pymatgen(find("MgO")[0].structure())
    found = ask(
        "identify_phases",
        plain,
        {"m": given},
        pattern=str(scan),
        elements=["Al"],
        structure="m",
        radiation="CuKa1",
    )
    phases = cast("list[dict[str, Any]]", found.facts["phases"])
    assert [phase["phase"] for phase in phases] == ["MgO (given)"]


def test_a_changed_file_is_another_call(tmp_path: Path) -> None:
    args = get_tool("identify_phases").args
    scan = write_scan(tmp_path / "scan.xy", {"MgO": 1.0})
    first = args.model_validate({"pattern": str(scan)})
    write_scan(scan, {"Al2O3": 1.0})
    assert args.model_validate({"pattern": str(scan)}) != first


@pytest.mark.parametrize(
    ("text", "code"),
    [(None, "unreadable"), ("hello", "unreadable"), ("flat", "no_phases")],
)
def test_what_holds_no_phases_is_refused(
    plain: Settings, tmp_path: Path, text: str | None, code: str
) -> None:
    path = tmp_path / "scan.xy"
    if text == "flat":
        text = "\n".join(f"{a:.2f} 100" for a in np.arange(20.0, 60.0, 0.05))
    if text is not None:
        path.write_text(text, encoding="utf-8")
    failure = ask("identify_phases", plain, {}, pattern=str(path), elements=["Mg", "O"]).failure
    assert failure is not None
    assert failure.code == code
    assert failure.hint


def test_an_element_that_does_not_exist_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValidationError, match="Zz"):
        get_tool("identify_phases").args.model_validate({"pattern": str(tmp_path / "x"), "elements": ["Zz"]})
