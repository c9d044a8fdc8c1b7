"""What records keep so that they can be drawn: bands, heating curves, scans and hulls, each bounded in size.

They are plain facts of the record, rounded to what a picture shows; nothing is judged by them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from pydantic import JsonValue

if TYPE_CHECKING:
    from matsmith.knowledge.diffraction.mixture import Mixture
    from matsmith.knowledge.references import ReferenceSet
    from matsmith.models.phonon_bands import Bands
    from matsmith.models.quasi_harmonic import QuasiHarmonicCrystal

FloatArray = NDArray[np.float64]
MOST_PHASES, MOST_SCAN_POINTS, MOST_LINES = 80, 1200, 80
_TEMPERATURES = 21
_WARMEST_BEYOND = 1.5
_LEAST_PERCENT = 1.0


def competition_fact(references: ReferenceSet, formula: str) -> dict[str, JsonValue]:
    """The phases that a candidate was judged against, those nearest to the hull when there are many: all corners are kept."""
    phases, count = references.phases, len(references.phases)
    above = [
        references.energy_above_hull(phase.formula, phase.formation_energy_ev_per_atom) for phase in phases
    ]
    corners = set(references.hull.stable)
    order = sorted(range(count), key=lambda index: (index not in corners, above[index]))
    kept = order[: max(MOST_PHASES, len(corners))]
    rows: list[JsonValue] = [
        {
            "formula": phases[index].formula,
            "formation_energy_ev_per_atom": round(phases[index].formation_energy_ev_per_atom, 5),
            "sigma_ev_per_atom": round(phases[index].sigma_ev_per_atom, 4),
        }
        for index in kept
    ]
    return {
        "formula": formula,
        "elements": list(references.elements),
        "phases": rows,
        "left_out": count - len(kept),
    }


def bands_fact(bands: Bands | None, *, factor: float) -> dict[str, JsonValue]:
    """Bands with corrected frequencies, a list for each branch; empty where there is no path."""
    if bands is None:
        return {}
    return {
        "bands": {
            "distance": _rounded(bands.distances_per_angstrom, 4),
            "breaks": list(bands.breaks),
            "ticks": [{"place": round(place, 4), "label": label} for place, label in bands.ticks],
            "frequency_thz": [_rounded(branch, 3) for branch in factor * bands.frequencies_thz.T],
        }
    }


def heating_fact(
    crystal: QuasiHarmonicCrystal, *, temperature_k: float, pressure_gpa: float
) -> dict[str, JsonValue]:
    """Volume, expansion and bulk modulus from 0 K to beyond the temperature asked for, as far as a minimum lies within the volumes."""
    found: dict[str, list[JsonValue]] = {
        "temperature_k": [],
        "volume_angstrom3_per_atom": [],
        "linear_expansion_per_k": [],
        "bulk_modulus_gpa": [],
    }
    for temperature in np.linspace(0.0, max(600.0, _WARMEST_BEYOND * temperature_k), _TEMPERATURES).tolist():
        at = {"temperature_k": temperature, "pressure_gpa": pressure_gpa}
        state = crystal.state(**at)
        if not state.inside:
            break
        expansion, modulus = crystal.linear_expansion_per_k(**at), crystal.bulk_modulus_gpa(**at)
        found["temperature_k"].append(round(temperature, 2))
        found["volume_angstrom3_per_atom"].append(round(state.volume_angstrom3, 5))
        found["linear_expansion_per_k"].append(None if expansion is None else float(f"{expansion:.4g}"))
        found["bulk_modulus_gpa"].append(None if modulus is None else round(modulus, 2))
    return {"heating_curve": dict(found.items())} if len(found["temperature_k"]) > 1 else {}


def scan_fact(angles_deg: FloatArray, found: Mixture, *, wavelength_angstrom: float) -> dict[str, JsonValue]:
    """The scan less its background with the fit of all phases, thinned by the highest of neighbours, and each phase's lines as fitted."""
    size = -(-angles_deg.size // MOST_SCAN_POINTS)
    starts = range(0, angles_deg.size, size)
    peaks = [start + int(np.argmax(found.net[start : start + size])) for start in starts]
    phases: list[JsonValue] = []
    for part in found.parts:
        angles = part.sticks.two_theta(wavelength_angstrom, strain=part.strain) + found.zero_shift_deg
        percent = 100 * part.sticks.intensity / part.sticks.intensity.max()
        inside = np.isfinite(angles) & (angles >= angles_deg[0]) & (angles <= angles_deg[-1])
        strongest: list[int] = np.argsort(-percent).tolist()
        strong = [i for i in strongest if inside[i] and percent[i] >= _LEAST_PERCENT][:MOST_LINES]
        strong.sort(key=lambda i: float(angles[i]))
        phases.append(
            {
                "phase": part.sticks.name,
                "two_theta_deg": _rounded(angles[strong], 3),
                "percent": _rounded(percent[strong], 1),
                "hkl": [" ".join(str(index) for index in part.sticks.indices[i]) for i in strong],
            }
        )
    return {
        "two_theta_deg": _rounded(angles_deg[peaks], 3),
        "counts": _rounded(found.net[peaks], 1),
        "fitted": _rounded(found.fitted[peaks], 1),
        "phases": phases,
    }


def _rounded(values: FloatArray, digits: int) -> list[JsonValue]:
    return [round(float(value), digits) + 0.0 for value in values]
