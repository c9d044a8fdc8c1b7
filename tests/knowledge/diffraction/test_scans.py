"""Reading scans: the formats people have, and what is refused with a reason."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from matsmith.core.errors import DataError
from matsmith.knowledge.diffraction.scans import background, line_width, read_scan, scan_of

ANGLES = np.arange(20.0, 60.0, 0.05)


def counts() -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    peaks = sum(
        h * np.exp(-4 * np.log(2) * ((ANGLES - c) / 0.3) ** 2) for h, c in ((1000, 30.0), (400, 45.0))
    )
    return np.asarray(peaks + 50.0 + 0.5 * ANGLES, dtype=float)


@pytest.mark.parametrize(
    ("head", "form"),
    [
        ("", "{a:.3f} {c:.2f}"),
        ("# made by hand\n", "{a:.3f}\t{c:.2f}"),
        ("2theta,counts\n", "{a:.3f},{c:.2f}"),
        ("Angle;Intensity;Error\n", "{a:.3f};{c:.2f};1.0"),
        ("'Title'\n! comment\n", "  {a:.3f}   {c:.2f}  0.5"),
    ],
)
def test_the_usual_forms_are_read(tmp_path: Path, head: str, form: str) -> None:
    path = tmp_path / "scan.xy"
    rows = [form.format(a=a, c=c) for a, c in zip(ANGLES, counts(), strict=True)]
    path.write_text(head + "\n".join(rows) + "\n", encoding="utf-8")
    scan = read_scan(path)
    assert scan.range_deg == pytest.approx((20.0, 59.95), abs=1e-6)
    assert scan.step_deg == pytest.approx(0.05, abs=1e-6)
    assert scan.counts == pytest.approx(counts(), abs=0.02)


def test_a_decimal_comma_is_read(tmp_path: Path) -> None:
    path = tmp_path / "scan.csv"
    rows = [f"{a:.3f};{c:.2f}".replace(".", ",") for a, c in zip(ANGLES, counts(), strict=True)]
    path.write_text("\n".join(rows), encoding="utf-8")
    assert read_scan(path).counts == pytest.approx(counts(), abs=0.02)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "too few"),
        ("1 2\n3 4\n", "too few"),
        ("\n".join(f"{a:.2f} 5" for a in ANGLES[::-1]), "do not rise"),
        ("\n".join(f"{a:.2f} 0" for a in ANGLES), "no counts"),
        ("\n".join(f"{a:.2f} {-100 if i % 2 else 5}" for i, a in enumerate(ANGLES)), "negative"),
        ("\n".join(f"{a + 500:.2f} 5" for a in ANGLES), "no angles"),
        ("\n".join(f"{a / 100:.5f} 5" for a in ANGLES), "spans"),
        ("\n".join(f"{a:.2f} nan" for a in ANGLES), "not finite"),
        ("\x00\x01\x02", "binary"),
    ],
)
def test_what_is_no_scan_is_refused(tmp_path: Path, text: str, reason: str) -> None:
    path = tmp_path / "scan.xy"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(DataError, match=reason) as caught:
        read_scan(path)
    assert caught.value.hint


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="cannot be read"):
        read_scan(tmp_path / "none.xy")


def test_the_background_passes_under_the_lines_and_their_width_is_found() -> None:
    scan = scan_of(ANGLES, counts(), source="made")
    level = background(scan)
    true = 50.0 + 0.5 * ANGLES
    assert np.abs(level - true)[40:-40].max() < 6.0
    assert line_width(scan, scan.counts - level) == pytest.approx(0.3, abs=0.1)
