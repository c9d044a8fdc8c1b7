"""X-ray powder pattern of a structure: angles, spacings, intensities and indices of its lines."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from matsmith.core.crystal import Crystal
from matsmith.core.errors import MatsmithError
from matsmith.core.quantity import Quantity, Truth
from matsmith.core.record import Method, Outcome
from matsmith.core.space_group import spglib_or_none
from matsmith.knowledge.diffraction.sticks import crystal_sticks, radiation
from matsmith.tools.base import Args, Deps, StructureRef, tool


class XrayPatternArgs(Args):
    """Which structure, which radiation, which angles."""

    structure: StructureRef
    radiation: str = Field(default="CuKa", description="CuKa, CuKa1, CoKa, MoKa ... or a wavelength in Å")
    two_theta_min: float = Field(default=10.0, ge=1.0, le=170.0, description="degrees")
    two_theta_max: float = Field(default=90.0, ge=5.0, le=175.0, description="degrees")
    least_percent: float = Field(
        default=0.5, ge=0.0, le=100.0, description="leave out lines below this share of the strongest"
    )

    @model_validator(mode="after")
    def _range(self) -> Self:
        if self.two_theta_min >= self.two_theta_max:
            raise ValueError(f"the range {self.two_theta_min:g} to {self.two_theta_max:g} degrees is empty")
        return self


_ONE_LINE_DEGREES = 2e-3


@tool(name="xray_pattern", title="X-ray powder pattern", version="2", cost_s=0.1)
def run(args: XrayPatternArgs, *, deps: Deps) -> Outcome:
    """Lines of the X-ray powder pattern of a structure: angle 2θ (of the mean wavelength of a doublet), spacing, intensity.

    Kinematic intensities with multiplicity and Lorentz-polarisation factor; no thermal motion, texture, absorption or
    anomalous scattering. Exact for the structure as given: a computed cell that is 1 % too large moves its lines. Typed
    failure: no_pattern (no line in the range, cell too large, unknown radiation).

    Example: matsmith tool xray_pattern structure=MgO.cif radiation=CuKa
    """
    crystal = deps.crystal(args.structure)
    span = (args.two_theta_min, args.two_theta_max)
    try:
        lines = radiation(args.radiation)
        sticks = crystal_sticks(crystal, name=crystal.formula, lines=lines, two_theta_deg=span)
    except MatsmithError as error:
        return Outcome.failed("no_pattern", error.message, hint=error.hint)
    mean = sum(wavelength * weight for wavelength, weight in lines)
    angles = sticks.two_theta(mean)
    inside = (angles >= span[0]) & (angles <= span[1])
    if not inside.any():
        return Outcome.failed(
            "no_pattern",
            f"{crystal.formula} has no line between {span[0]:g} and {span[1]:g} degrees.",
            hint="Widen the range, or take a shorter wavelength.",
        )
    found = _together(np.flatnonzero(inside).tolist(), angles)
    heights = [float(sticks.intensity[line].sum()) for line in found]
    strongest = max(heights)
    indices = _conventional(sticks.indices, crystal)
    table: list[dict[str, float | str]] = []
    for line, height in zip(found, heights, strict=True):
        percent = 100.0 * height / strongest
        if percent >= args.least_percent:
            i = max(line, key=lambda stick: float(sticks.intensity[stick]))
            table.append(
                {
                    "two_theta_deg": round(float(angles[i]), 4),
                    "d_angstrom": round(float(sticks.d_angstrom[i]), 5),
                    "percent": round(percent, 2),
                    "hkl": " ".join(str(index) for index in indices[i]),
                }
            )
    top = max(table, key=lambda line: float(line["percent"]))
    return Outcome(
        quantities={
            "strongest_line_two_theta": Quantity(
                value=float(top["two_theta_deg"]), unit="degree", sigma=0.0, truth=Truth.EXACT
            )
        },
        facts={"lines": [dict(line) for line in table], "wavelength_angstrom": round(mean, 6)},
        method=Method(name="kinematic powder pattern", reference="pymatgen's calculator of X-ray patterns"),
    )


def _conventional(indices: Sequence[tuple[int, ...]], crystal: Crystal) -> Sequence[tuple[int, ...]]:
    """Indices of the conventional cell for a crystal that is written in the primitive cell of a centred lattice; others as they are.

    The angles are those of the cell as given: only the names of the planes change, 1 0 0 of a primitive cube's rhombohedron to 1 1 1.
    """
    structure = crystal.to_pymatgen()
    cell = (np.array(structure.lattice.matrix), structure.frac_coords, list(structure.atomic_numbers))
    dataset: Any = spglib_or_none("get_symmetry_dataset", cell, tolerance_angstrom=0.01)
    if dataset is None:
        return indices
    whole = np.linalg.inv(np.asarray(dataset.transformation_matrix, dtype=np.float64)).T
    rows = np.rint(whole)
    if not np.allclose(whole, rows, atol=1e-3) or round(abs(float(np.linalg.det(rows)))) < 2:
        return indices
    found: list[tuple[int, ...]] = []
    cubic = int(dataset.number) >= 195
    for plane in indices:
        h, k, l = (int(index) for index in rows @ np.array([plane[0], plane[1], plane[-1]]))  # noqa: E741
        if cubic:  # all planes of the family are one line: it is named by its first
            h, k, l = sorted((abs(h), abs(k), abs(l)), reverse=True)  # noqa: E741
        sign = next((-1 if index < 0 else 1 for index in (h, k, l) if index), 1)
        found.append((sign * h, sign * k, sign * l))
    return found


def _together(sticks: Sequence[int], angles: NDArray[np.float64]) -> list[list[int]]:
    """Sticks at one angle as one line: a relaxed cell is symmetric to its noise only, which sets equal planes apart."""
    lines: list[list[int]] = []
    for stick in sorted(sticks, key=lambda one: float(angles[one])):
        if lines and angles[stick] - angles[lines[-1][0]] < _ONE_LINE_DEGREES:
            lines[-1].append(stick)
        else:
            lines.append([stick])
    return lines


TOOL = run
