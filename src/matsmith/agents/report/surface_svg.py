"""A closed surface about a point as a still picture, seen from above its side: the far faces first, coloured by their distance."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from matsmith.agents.figures.model import Figure, Surface
from matsmith.agents.report.charts import line, number_text, text_at
from matsmith.agents.report.markup import Child, Markup, element

FloatArray = NDArray[np.float64]
_SIZE, _MIDDLE, _REACH = 440.0, 205.0, 158.0
_TURN_DEG, _TILT_DEG = 35.0, 22.0
_LIGHT = np.array([-0.35, 0.5, 0.8]) / np.linalg.norm([-0.35, 0.5, 0.8])
# The colours of viridis: even in lightness, read in grey and by the colour-blind.
_RAMP = np.array(
    [[68, 1, 84], [72, 40, 120], [62, 74, 137], [49, 104, 142], [38, 130, 142], [31, 158, 137], [53, 183, 121], [109, 205, 89], [180, 222, 44], [253, 231, 37]],
    dtype=np.float64,
)  # fmt: skip


def surface_svg(figure: Figure, surface: Surface) -> Markup:
    """The surface with its axes and the key of its colours."""
    distances = np.array(surface.distances, dtype=np.float64)
    low, high = float(distances.min()), float(distances.max())
    span = high - low if high - low > 1e-4 * high else 0.0
    view, scale = _view(), _REACH / (high or 1.0)
    corners, means = _faces(surface, distances)
    normals = np.cross(corners[:, 2] - corners[:, 0], corners[:, 3] - corners[:, 1])
    normals /= np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-12)
    middles: FloatArray = corners.mean(axis=1)
    normals *= np.where(np.einsum("ij,ij->i", normals, middles) < 0, -1.0, 1.0)[:, None]
    light = 0.62 + 0.38 * np.maximum(0.0, normals @ view.T @ _LIGHT)
    shares = (means - low) / span if span else np.full(means.shape, 0.5)
    flat = _on_page(corners, view=view, scale=scale)
    arms: dict[bool, list[Child]] = {True: [], False: []}
    for axis, name in enumerate("xyz"):
        along = np.eye(3)[axis]
        root, tip = (
            _on_page(along * far, view=view, scale=scale).tolist()
            for far in (_reach(surface, axis), 1.22 * high)
        )
        towards = float(view[2] @ along) >= 0
        aside = 8.0 if tip[0] >= _MIDDLE else -8.0
        below = -5.0 if tip[1] < _MIDDLE else 13.0
        arms[towards] += [
            line(root[0], root[1], tip[0], tip[1], "fig-arm"),
            text_at(name, tip[0] + aside, tip[1] + below, "axis-title"),
        ]
    order: list[int] = np.argsort(middles @ view[2]).tolist()
    faces: list[Child] = []
    for place in order:
        if float(normals[place] @ view[2]) < 0:
            continue  # it looks away, and another one hides it
        ink = _colour(float(shares[place]), light=float(light[place]))
        path = "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in flat[place].tolist()) + "Z"
        faces.append(element("path", d=path, fill=ink, stroke=ink, stroke_width="0.6"))
    return element(
        "svg",
        element("title", figure.title),
        element("desc", figure.note),
        *arms[False],
        *faces,
        *arms[True],
        *_key(surface, low=low, high=high, span=span),
        viewBox=f"0 0 {_SIZE:g} {_SIZE:g}",
        role="img",
        class_="chart",
    )


def _view() -> FloatArray:
    """Rows (3, 3): to the right, up, and towards whoever looks; z stays upright."""
    turn, tilt = np.radians(_TURN_DEG), np.radians(_TILT_DEG)
    return np.array(
        [
            [-np.sin(turn), np.cos(turn), 0.0],
            [-np.cos(turn) * np.sin(tilt), -np.sin(turn) * np.sin(tilt), np.cos(tilt)],
            [np.cos(turn) * np.cos(tilt), np.sin(turn) * np.cos(tilt), np.sin(tilt)],
        ]
    )


def _on_page(points: FloatArray, *, view: FloatArray, scale: float) -> FloatArray:
    """Places (..., 2) of points (..., 3)."""
    right, up = points @ view[0], points @ view[1]
    return np.stack([_MIDDLE + scale * right, _MIDDLE - scale * up], axis=-1)


def _faces(surface: Surface, distances: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Corners (n, 4, 3) of the faces between neighbouring directions, and their mean distances (n,)."""
    polar, azimuth = np.meshgrid(
        np.radians(surface.polar_deg), np.radians(surface.azimuth_deg), indexing="ij"
    )
    points = distances[..., None] * np.stack(
        [np.sin(polar) * np.cos(azimuth), np.sin(polar) * np.sin(azimuth), np.cos(polar)], axis=-1
    )
    corners = np.stack([points[:-1, :-1], points[1:, :-1], points[1:, 1:], points[:-1, 1:]], axis=2)
    means = (distances[:-1, :-1] + distances[1:, :-1] + distances[1:, 1:] + distances[:-1, 1:]) / 4
    return corners.reshape(-1, 4, 3), means.reshape(-1)


def _reach(surface: Surface, axis: int) -> float:
    """Distance along an axis, of the nearest direction there is."""
    polar, azimuth = ((90.0, 0.0), (90.0, 90.0), (0.0, 0.0))[axis]
    row = int(np.argmin(np.abs(np.array(surface.polar_deg) - polar)))
    column = int(np.argmin(np.abs(np.array(surface.azimuth_deg) - azimuth)))
    return surface.distances[row][column]


def _colour(share: float, *, light: float = 1.0) -> str:
    place = min(0.9999, max(0.0, share)) * (len(_RAMP) - 1)
    at = int(place)
    mixed = light * (_RAMP[at] + (place - at) * (_RAMP[at + 1] - _RAMP[at]))
    return "#" + "".join(f"{round(float(part)):02x}" for part in mixed)


def _key(surface: Surface, *, low: float, high: float, span: float) -> list[Child]:
    left, wide, top = 110.0, 220.0, _SIZE - 34
    unit = f" {surface.unit}" if surface.unit else ""
    if not span:
        return [text_at(f"{number_text(high)}{unit} along every direction", _SIZE / 2, top + 26, "tick")]
    steps = 44
    parts: list[Child] = [
        element(
            "rect", x=f"{left + step * wide / steps:.1f}", y=top, width=f"{wide / steps + 0.5:.1f}", height=9, fill=_colour(step / (steps - 1))
        )
        for step in range(steps)
    ]  # fmt: skip
    ends = ((left, low), (left + wide, high))
    return [*parts, *(text_at(f"{float(f'{value:.4g}'):g}{unit}", x, top + 26, "tick") for x, value in ends)]
