"""Phases and weight fractions in a measured powder scan, from measured crystals and a structure of the user's own."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Self, cast

from pydantic import Field, model_validator

from matsmith.core.elements import check_elements
from matsmith.core.errors import MatsmithError
from matsmith.core.quantity import Quantity, Truth
from matsmith.core.record import Method, Outcome
from matsmith.core.settings import Settings
from matsmith.knowledge.diffraction.mixture import Mixture, MixtureSearch
from matsmith.knowledge.diffraction.scans import file_hash, read_scan
from matsmith.knowledge.diffraction.sticks import Sticks, crystal_sticks, measured_sticks, radiation
from matsmith.tools.base import Args, Deps, tool
from matsmith.tools.drawn_facts import scan_fact

# A further phase must lower the misfit by this share. Set on mixtures made with other seeds than those of the figures that
# `benchmarks/diffraction.py` prints.
IMPROVEMENT = 0.1
# Root mean square error of weight fractions in the made mixtures of that benchmark, which have no absorption contrast.
_FRACTION_SIGMA = 0.02
_UNEXPLAINED = 0.25


class IdentifyPhasesArgs(Args):
    """Which scan, which elements can be in the sample."""

    pattern: str = Field(
        min_length=1,
        description="path of a scan: text with 2θ in degrees and counts in two columns (xy, csv)",
    )
    elements: list[str] = Field(
        default_factory=list[str],
        description="elements that may occur; none given means all, which errs more often",
    )
    structure: str | None = Field(
        default=None,
        min_length=1,
        description="a structure to look for besides the measured crystals: path of a CIF, id of a candidate or record",
        json_schema_extra={"x-reference": "structure"},
    )
    radiation: str = Field(default="CuKa", description="CuKa, CuKa1, CoKa, MoKa ... or a wavelength in Å")
    phases_max: int = Field(default=4, ge=1, le=6)
    pattern_hash: str = Field(
        default="", description="filled in: hash of the scan, so that a changed file is another call"
    )

    @model_validator(mode="before")
    @classmethod
    def _hashed(cls, data: Any) -> Any:
        given = cast("dict[str, Any]", data) if isinstance(data, dict) else None
        if given is None or not isinstance(given.get("pattern"), str) or given.get("pattern_hash"):
            return data  # pyright: ignore[reportUnknownVariableType]
        try:
            return {**given, "pattern_hash": file_hash(Path(given["pattern"]))}
        except MatsmithError:
            return given  # the tool says what is wrong with it

    @model_validator(mode="after")
    def _known(self) -> Self:
        try:
            check_elements(self.elements)
        except MatsmithError as error:
            raise ValueError(str(error)) from error
        return self


def _identity(settings: Settings) -> str:
    del settings
    from matsmith.tools.thermochemical import package_hash

    return package_hash("matsmith.knowledge", "crystals.json")


@tool(name="identify_phases", title="Phases in a powder scan", cost_s=4.0, identity=_identity)
def run(args: IdentifyPhasesArgs, *, deps: Deps) -> Outcome:
    """Phases and weight fractions in an X-ray powder scan, searched among the measured crystals of knowledge/crystals.

    Zero shift, line width, background and an isotropic strain of each phase (up to 0.8 %) are fitted. Fractions by scale factor,
    cell mass and volume; texture and absorption contrast between heavy and light phases are not corrected. Facts: each phase with
    its strain, the share that stays unexplained, phases that fit nearly as well. Typed failures: unreadable (no scan of two
    columns), no_phases (nothing fits, no line above the noise, nothing to look for).

    Example: matsmith tool identify_phases pattern=scan.xy elements='["Mg","Al","O"]'
    """
    try:
        lines = radiation(args.radiation)
        scan = read_scan(Path(args.pattern))
    except MatsmithError as error:
        return Outcome.failed("unreadable", error.message, hint=error.hint)
    span = scan.range_deg
    try:
        phases = library(args.elements, lines=lines, two_theta_deg=span)
        if args.structure is not None:
            crystal = deps.crystal(args.structure)
            own = crystal_sticks(crystal, name=f"{crystal.formula} (given)", lines=lines, two_theta_deg=span)
            phases.insert(0, own)
        found = MixtureSearch(scan, phases, lines=lines).run(most=args.phases_max, improvement=IMPROVEMENT)
    except MatsmithError as error:
        return Outcome.failed("no_phases", error.message, hint=error.hint)
    sigma = _FRACTION_SIGMA if len(found.parts) > 1 else 0.0
    return Outcome(
        quantities={
            f"weight_fraction_{index}": Quantity(
                value=part.weight_fraction, unit="", sigma=sigma, truth=Truth.EXPERIMENT_AT_CONDITIONS
            )
            for index, part in enumerate(found.parts, start=1)
        },
        facts={
            "phases": [
                {
                    "phase": part.sticks.name,
                    "weight_fraction": round(part.weight_fraction, 4),
                    "strain_percent": round(100 * part.strain, 3),
                    "share_of_intensity": round(part.intensity_share, 4),
                }
                for part in found.parts
            ],
            "zero_shift_deg": round(found.zero_shift_deg, 4),
            "line_width_deg": round(found.width_deg, 4),
            "unexplained_share": round(found.unexplained, 4),
            "searched": f"{len(phases)} phases",
            "fitted_scan": scan_fact(
                scan.two_theta_deg, found, wavelength_angstrom=sum(length * share for length, share in lines)
            ),
            "nearly_as_good": [f"{other} in the place of {taken}" for taken, other, _ in found.alternatives],
        },
        method=Method(
            name="search by non-negative least squares of whole profiles",
            reference="knowledge/crystals.json; weight fractions by Hill and Howard 1987, J. Appl. Cryst. 20, 467",
        ),
        warnings=tuple(_warnings(found, args)),
    )


def library(
    elements: list[str], *, lines: tuple[tuple[float, float], ...], two_theta_deg: tuple[float, float]
) -> list[Sticks]:
    """Lines of the measured crystals whose elements all may occur; of all where none are named."""
    from matsmith.core.errors import StructureError
    from matsmith.knowledge.crystals import measured_crystals

    allowed = set(elements)
    found: list[Sticks] = []
    for place, crystal in enumerate(measured_crystals()):
        if allowed and not {site.element for site in crystal.sites} <= allowed:
            continue
        try:
            found.append(measured_sticks(place, lines, two_theta_deg))
        except StructureError:
            continue  # no line in this range: the scan cannot show it
    return found


def _warnings(found: Mixture, args: IdentifyPhasesArgs) -> list[str]:
    warnings: list[str] = []
    if found.unexplained > _UNEXPLAINED:
        warnings.append(
            f"{found.unexplained:.0%} of the intensity is explained by none of them: a further phase, texture or an "
            "amorphous part"
        )
    if not args.elements:
        warnings.append(
            "no elements were named: isostructural phases of other elements are told apart poorly"
        )
    for taken, other, worse in found.alternatives:
        if worse < 0.05:
            warnings.append(f"{other} explains the scan nearly as well as {taken}")
    if len(found.parts) > 1:
        warnings.append(
            "weight fractions assume no texture and no absorption contrast; amorphous parts do not count"
        )
    return warnings


TOOL = run
