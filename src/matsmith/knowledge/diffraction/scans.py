"""Measured powder scans: reading two columns from a text file, checking them, taking off the background."""

from __future__ import annotations

import hashlib
import math
import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from matsmith.core.errors import DataError

Floats = NDArray[np.float64]
_LARGEST_BYTES = 20_000_000
_FEWEST_POINTS = 200
_SHORTEST_RANGE_DEG = 15.0
_COARSEST_STEP_DEG = 0.1
_SPLIT = re.compile(r"[\s,;]+")
_COMMENT = ("#", "!", "'", "/", "*", "_", "%")
_DECIMAL_COMMA = re.compile(r"(?<=\d),(?=\d)")


@dataclass(frozen=True, kw_only=True)
class Scan:
    """Angles 2θ in degrees on an even grid, and counts."""

    two_theta_deg: Floats
    counts: Floats

    @property
    def step_deg(self) -> float:
        """Distance of two points."""
        return float(self.two_theta_deg[1] - self.two_theta_deg[0])

    @property
    def range_deg(self) -> tuple[float, float]:
        """First and last angle."""
        return float(self.two_theta_deg[0]), float(self.two_theta_deg[-1])


def file_hash(path: Path) -> str:
    """SHA-256 of a file, cut to 16 digits. Raises `DataError` when it cannot be read."""
    try:
        if path.stat().st_size > _LARGEST_BYTES:
            raise DataError(f"{path} is too large for a scan.", hint="Give the two columns alone.")
        return hashlib.sha256(path.read_bytes()).hexdigest()[:16]
    except OSError as error:
        raise DataError(
            f"The scan {path} cannot be read: {error.strerror}.", hint="Check the path."
        ) from error


def read_scan(path: Path) -> Scan:
    """Read a scan: text with 2θ in degrees and counts in the first two columns, parted by blanks, commas or semicolons.

    Headers and comments are passed over; a decimal comma is taken where columns are parted otherwise. Raises `DataError`
    that says what is wrong.
    """
    file_hash(path)
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        text = path.read_text(encoding="latin-1")
    if "\x00" in text:
        raise DataError(
            f"{path} is a binary file.", hint="Export the scan as text with two columns (xy, csv)."
        )
    rows: list[tuple[float, float]] = []
    odd = 0
    decimal_comma = _has_decimal_comma(text)
    for line in text.splitlines():
        stripped = line.strip()
        if not stripped or stripped.startswith(_COMMENT):
            continue
        if decimal_comma:
            stripped = _DECIMAL_COMMA.sub(".", stripped)
        parts = [part for part in _SPLIT.split(stripped) if part]
        try:
            rows.append((float(parts[0]), float(parts[1])))
        except (ValueError, IndexError):
            odd += 1
            if rows and odd > 50:
                break
    if len(rows) < _FEWEST_POINTS:
        raise DataError(
            f"{path} holds {len(rows)} points of two numbers, too few for a scan.",
            hint=f"Give 2θ in degrees and counts in two columns, at least {_FEWEST_POINTS} rows.",
        )
    angles, counts = (np.array(column) for column in zip(*rows, strict=True))
    return scan_of(angles, counts, source=str(path))


def _has_decimal_comma(text: str) -> bool:
    """Whether numbers are written as 10,02: then columns are parted by blanks or semicolons."""
    sample = [line for line in text.splitlines() if line.strip()][:400]
    commas = sum(bool(re.match(r"^\s*\d+,\d+[\s;]+\d", line)) for line in sample)
    return commas > 0.5 * len(sample)


def scan_of(angles: Floats, counts: Floats, *, source: str) -> Scan:
    """Check angles and counts and bring them onto an even grid. Raises `DataError` that says what is wrong."""
    if angles.shape != counts.shape or angles.size < _FEWEST_POINTS:
        raise DataError(f"{source} holds too few points.", hint=f"At least {_FEWEST_POINTS} are needed.")
    if not (np.isfinite(angles).all() and np.isfinite(counts).all()):
        raise DataError(f"{source} holds numbers that are not finite.", hint="Take these rows out.")
    steps = np.diff(angles)
    if (steps <= 0).any():
        raise DataError(f"The angles of {source} do not rise.", hint="Give one scan, sorted by 2θ.")
    if angles[0] < 0 or angles[-1] > 180:
        raise DataError(
            f"The first column of {source} runs from {angles[0]:g} to {angles[-1]:g}: these are no angles 2θ.",
            hint="Give 2θ in degrees; patterns against Q or d have to be converted.",
        )
    span = float(angles[-1] - angles[0])
    if span < _SHORTEST_RANGE_DEG or float(np.median(steps)) > _COARSEST_STEP_DEG:
        raise DataError(
            f"{source} spans {span:.1f} degrees in steps of {float(np.median(steps)):.3f}.",
            hint=f"At least {_SHORTEST_RANGE_DEG:g} degrees in steps of at most {_COARSEST_STEP_DEG:g} are needed.",
        )
    if (counts < 0).any():
        if counts.min() < -0.05 * counts.max():
            raise DataError(f"{source} holds negative counts.", hint="Give raw counts, no difference curve.")
        counts = np.clip(counts, 0.0, None)
    if not counts.max() > 0:
        raise DataError(f"{source} holds no counts.", hint="Check the second column.")
    number = max(_FEWEST_POINTS, 1 + math.floor(span / float(np.median(steps)) + 0.5))
    even = np.linspace(float(angles[0]), float(angles[-1]), number)
    return Scan(two_theta_deg=even, counts=np.interp(even, angles, counts))


def background(scan: Scan, *, width_deg: float = 2.5) -> Floats:
    """Background by repeated clipping of peaks (SNIP; Ryan et al. 1988, Nucl. Instrum. Methods B 34, 396), in counts."""
    values = np.log(np.log(np.sqrt(_smooth(scan.counts) + 1.0) + 1.0) + 1.0)
    widest = max(2, round(width_deg / scan.step_deg))
    for reach in range(widest, 0, -1):
        shifted = values.copy()
        shifted[reach:-reach] = 0.5 * (values[: -2 * reach] + values[2 * reach :])
        values = np.minimum(values, shifted)
    return np.square(np.exp(np.exp(values) - 1.0) - 1.0) - 1.0


def _smooth(counts: Floats) -> Floats:
    kernel = np.array([1.0, 4.0, 6.0, 4.0, 1.0]) / 16.0
    return np.convolve(np.pad(counts, 2, mode="edge"), kernel, mode="valid")


def line_width(scan: Scan, net: Floats) -> float:
    """Full width at half maximum in degrees of the typical strong line: the median over the ten strongest."""
    smooth = _smooth(net)
    taken = np.zeros(smooth.size, dtype=bool)
    widths: list[float] = []
    for place in np.argsort(-smooth):
        if taken[place] or len(widths) == 10 or smooth[place] < 0.05 * smooth.max():
            if len(widths) == 10 or smooth[place] < 0.05 * smooth.max():
                break
            continue
        half = 0.5 * smooth[place]
        left, right = int(place), int(place)
        while left > 0 and smooth[left] > half:
            left -= 1
        while right < smooth.size - 1 and smooth[right] > half:
            right += 1
        taken[max(0, left - (right - left)) : right + (right - left) + 1] = True
        widths.append((right - left - 1) * scan.step_deg)
    return float(np.clip(np.median(widths) if widths else 0.2, 2 * scan.step_deg, 2.0))
