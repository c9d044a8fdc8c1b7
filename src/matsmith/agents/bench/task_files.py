"""Puts a task's files into a folder: crystals as CIF, X-ray patterns from Bragg's law, texts as they stand."""

from __future__ import annotations

import math
import random
from pathlib import Path
from typing import TYPE_CHECKING

from matsmith.agents.bench.task import CrystalFile, CubicPhase, PatternFile, Task, TextFile

if TYPE_CHECKING:
    from pymatgen.core import Structure

_DOCUMENTS = "documents"
_STEP_DEGREES = 0.02
_RANGE_DEGREES = (20.0, 90.0)
_WIDTH_DEGREES = 0.08
_BACKGROUND_COUNTS = 20.0
_STRONGEST_COUNTS = 2000.0


def write_files(task: Task, folder: Path) -> list[Path]:
    """Write the files and return the paths of those that the prompt may name; documents go into a folder of their own."""
    folder.mkdir(parents=True, exist_ok=True)
    shown: list[Path] = []
    for name, file in task.files.items():
        match file:
            case CrystalFile():
                path = folder / name
                path.write_text(cif_text(file), encoding="utf-8")
                shown.append(path)
            case PatternFile():
                path = folder / name
                path.write_text(pattern_text(file), encoding="utf-8")
                shown.append(path)
            case TextFile(kind="document"):
                path = documents_folder(folder) / name
                path.parent.mkdir(exist_ok=True)
                path.write_text(file.text, encoding="utf-8")
            case TextFile():
                path = folder / name
                path.write_text(file.text, encoding="utf-8")
                shown.append(path)
    return shown


def documents_folder(folder: Path) -> Path:
    """Where the documents of a task lie."""
    return folder / _DOCUMENTS


def structure_of(file: CrystalFile) -> Structure:
    """The crystal of a file."""
    from pymatgen.core import Lattice, Structure

    made = Structure.from_spacegroup(
        file.space_group,
        Lattice.from_parameters(*file.lattice),
        [symbol for symbol, *_ in file.sites],
        [list(place) for _, *place in file.sites],
    )
    return made.get_primitive_structure() if file.primitive else made


def cif_text(file: CrystalFile) -> str:
    """The file as CIF, its comment first."""
    from pymatgen.io.cif import CifWriter

    comment = "".join(f"# {line}\n" for line in file.comment.splitlines())
    return comment + str(CifWriter(structure_of(file)))


def two_theta_degrees(
    *, a_angstrom: float, hkl: tuple[int, int, int], wavelength_angstrom: float
) -> float | None:
    """Angle of a line of a cubic crystal by Bragg's law, None when the wavelength is too long for it.

    >>> round(two_theta_degrees(a_angstrom=5.4307, hkl=(1, 1, 1), wavelength_angstrom=1.5406), 2)
    28.44
    """
    spacing = a_angstrom / math.sqrt(sum(index * index for index in hkl))
    sine = wavelength_angstrom / (2.0 * spacing)
    return 2.0 * math.degrees(math.asin(sine)) if sine <= 1.0 else None


def pattern_text(file: PatternFile) -> str:
    """Two columns: two theta in degrees and counts, with Gaussian lines on a flat background."""
    noise = random.Random(file.seed)  # noqa: S311 - makes a measurement, guards nothing
    lines = [
        (angle, height) for phase in file.phases for angle, height in _lines(phase, file.wavelength_angstrom)
    ]
    strongest = max(height for _, height in lines) if lines else 1.0
    low, high = _RANGE_DEGREES
    rows: list[str] = []
    for step in range(round((high - low) / _STEP_DEGREES) + 1):
        angle = low + step * _STEP_DEGREES
        counts = _BACKGROUND_COUNTS + sum(
            _STRONGEST_COUNTS * height / strongest * math.exp(-0.5 * ((angle - centre) / _WIDTH_DEGREES) ** 2)
            for centre, height in lines
            if abs(angle - centre) < 6 * _WIDTH_DEGREES
        )
        counts += noise.gauss(0.0, file.noise_counts) if file.noise_counts else 0.0
        rows.append(f"{angle:.3f} {max(0.0, counts):.1f}")
    return "\n".join(rows) + "\n"


def _lines(phase: CubicPhase, wavelength_angstrom: float) -> list[tuple[float, float]]:
    found: list[tuple[float, float]] = []
    for h, k, l, intensity in phase.lines:  # noqa: E741 - the Miller indices are called so
        angle = two_theta_degrees(
            a_angstrom=phase.a_angstrom, hkl=(h, k, l), wavelength_angstrom=wavelength_angstrom
        )
        if angle is not None and _RANGE_DEGREES[0] <= angle <= _RANGE_DEGREES[1]:
            found.append((angle, phase.scale * intensity))
    return found
