"""The loss curve of a training as CSV and as a picture (SVG): training's loss and that of held-out crystals, on logarithmic axes."""

from __future__ import annotations

import csv
import math
from collections.abc import Sequence
from pathlib import Path

_WIDTH, _HEIGHT, _LEFT, _BASE, _TOP, _RIGHT = 560, 320, 58, 280, 16, 16
_COLOURS = {"train": "#7a8ca5", "validation": "#c2410c"}


def write_curve(path: Path, rows: Sequence[dict[str, float]]) -> None:
    """Write the rows as CSV, and as an SVG beside it when there are two points or more; each appears whole or not at all."""
    draft = path.with_name(path.name + ".part")
    with draft.open("w", newline="") as stream:
        writer = csv.DictWriter(stream, fieldnames=list(rows[0]) if rows else ["step"])
        writer.writeheader()
        writer.writerows({key: f"{value:.6g}" for key, value in row.items()} for row in rows)
    draft.replace(path)
    lines = {name: _points(rows, name) for name in _COLOURS}
    if len(lines["train"]) > 1:
        draft.write_text(_picture(lines), encoding="utf-8")
        draft.replace(path.with_suffix(".svg"))


def _points(rows: Sequence[dict[str, float]], name: str) -> list[tuple[float, float]]:
    return [(row["step"], row[name]) for row in rows if row["step"] > 0 and 0 < row[name] < math.inf]


def _picture(lines: dict[str, list[tuple[float, float]]]) -> str:
    steps = [step for points in lines.values() for step, _ in points]
    values = [value for points in lines.values() for _, value in points]
    low, high = math.log10(min(values)), math.log10(max(values))
    low, high = (low, high) if high - low > 1e-3 else (low - 0.05, high + 0.05)
    first, last = math.log10(min(steps)), math.log10(max(steps))

    def place(step: float, value: float) -> tuple[float, float]:
        across = (math.log10(step) - first) / max(last - first, 1e-9)
        up = (math.log10(value) - low) / (high - low)
        return _LEFT + across * (_WIDTH - _LEFT - _RIGHT), _BASE - up * (_BASE - _TOP)

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" font-family="sans-serif" font-size="12">',
        f'<rect width="{_WIDTH}" height="{_HEIGHT}" fill="white"/>',
        f'<path d="M{_LEFT} {_TOP}V{_BASE}H{_WIDTH - _RIGHT}" fill="none" stroke="#444"/>',
    ]
    for share in (0.0, 0.5, 1.0):
        value = 10 ** (low + share * (high - low))
        y = place(10**first, value)[1]
        parts.append(f'<text x="{_LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{value:.3g}</text>')
        step = 10 ** (first + share * (last - first))
        x = place(step, 10**low)[0]
        anchor = "end" if share == 1 else "middle"
        parts.append(f'<text x="{x:.1f}" y="{_BASE + 18}" text-anchor="{anchor}">{step:.0f}</text>')
    parts.append(f'<text x="{_WIDTH / 2}" y="{_HEIGHT - 6}" text-anchor="middle">step</text>')
    for row, (name, points) in enumerate(lines.items()):
        if not points:
            continue
        way = " ".join(f"{x:.1f},{y:.1f}" for x, y in (place(*point) for point in points))
        colour = _COLOURS[name]
        parts.append(f'<polyline points="{way}" fill="none" stroke="{colour}" stroke-width="1.5"/>')
        parts += [
            f'<circle cx="{x:.1f}" cy="{y:.1f}" r="2" fill="{colour}"/>'
            for x, y in (place(*point) for point in points)
            if len(points) < 60
        ]
        parts.append(
            f'<text x="{_WIDTH - _RIGHT}" y="{_TOP + 14 + 16 * row}" text-anchor="end" fill="{colour}">{name} loss</text>'
        )
    return "\n".join([*parts, "</svg>", ""])
