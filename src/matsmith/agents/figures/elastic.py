"""How stiff a crystal is along each direction: Young's modulus as a surface, and with the linear compressibility in the three planes of the axes."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Annotated

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from matsmith.agents.figures.build import Lacking
from matsmith.agents.figures.model import Axis, Figure, Series, Surface, Tone
from matsmith.agents.figures.reading import Facts, Number

if TYPE_CHECKING:
    from matsmith.core.record import Record

FloatArray = NDArray[np.float64]
_STEP_DEG = 3
# Steps of nine degrees meet the axes, the diagonals of their planes, and come within a degree of those of the cube.
_POLAR_DEG = tuple(9.0 * step for step in range(21))
_AZIMUTH_DEG = tuple(9.0 * step for step in range(41))
_PLANES: tuple[tuple[str, int, int, Tone], ...] = (
    ("xy", 0, 1, "first"),
    ("xz", 0, 2, "second"),
    ("yz", 1, 2, "third"),
)
_Row = Annotated[list[Number], Field(min_length=6, max_length=6)]


class _Tensor(Facts):
    elastic_tensor_gpa: list[_Row] = Field(min_length=6, max_length=6)
    born_stable: bool
    axes: str = ""


def figures(record: Record) -> list[Figure]:
    """Cuts of the directional Young's modulus, scaled as the modulus that is given out, and of the linear compressibility."""
    from matsmith.models.elastic_averages import averages, youngs_modulus_along, youngs_modulus_gpa

    facts = _Tensor.model_validate(record.outcome.facts)
    tensor = np.array(facts.elastic_tensor_gpa)
    if not facts.born_stable:
        raise Lacking(
            "The potential's tensor is unstable, and along some directions it has no modulus to draw.",
            hint="The tensor stands among the facts.",
        )
    mean = averages(tensor)
    own = youngs_modulus_gpa(mean.bulk_hill_gpa, mean.shear_hill_gpa)
    given = record.quantities.get("youngs_modulus")
    scale = given.value / own if given else 1.0
    extreme = record.quantities.get("largest_youngs_modulus")
    share = extreme.sigma / extreme.value if extreme and extreme.value else 0.0
    angles = np.radians(np.arange(0, 360 + _STEP_DEG, _STEP_DEG))
    young: list[Series] = []
    squeezed: list[Series] = []
    compliance = np.linalg.inv(tensor)
    outermost = squeeze_most = 0.0
    for name, first, second, tone in _PLANES:
        unit = np.zeros((len(angles), 3))
        unit[:, first], unit[:, second] = np.cos(angles), np.sin(angles)
        modulus = scale * youngs_modulus_along(tensor, unit)
        outermost = max(outermost, float(modulus.max()))
        young.append(_cut(f"{name} plane", angles, modulus, tone=tone, unit="GPa", sigma=share))
        x, y, z = unit.T
        load = np.stack([x * x, y * y, z * z, y * z, x * z, x * y], axis=1)
        # Strain along a direction under unit pressure, per TPa.
        shrink = 1000 * (load @ compliance[:, :3].sum(axis=1))
        squeeze_most = max(squeeze_most, float(np.abs(shrink).max()))
        squeezed.append(_cut(f"{name} plane", angles, shrink, tone=tone, unit="1/TPa"))
    note = (
        f"Distance from the middle is the modulus along that direction. Axes {facts.axes or 'of the standard cell'}. "
        f"The potential's tensor scaled by {scale:.3f}, as the quantities are"
        + (f"; one sigma is {100 * share:.0f} % of a value." if share else ".")
    )
    return [
        _surface(tensor, scale=scale, axes=facts.axes or "of the standard cell", share=share),
        _figure("youngs-modulus", "Young's modulus by direction", note=note, unit="GPa", symbol="E", series=young,
                reach=outermost),
        _figure("linear-compressibility", "Linear compressibility by direction", note="Shrinking along each direction under pressure, of the potential's own tensor; "
                "a round shape is a crystal that shrinks alike along all of them.", unit="1/TPa", symbol="β", series=squeezed, reach=squeeze_most),
    ]  # fmt: skip


def _surface(tensor: FloatArray, *, scale: float, axes: str, share: float) -> Figure:
    from matsmith.models.elastic_averages import directional_modulus, youngs_modulus_along

    polar, azimuth = np.meshgrid(np.radians(_POLAR_DEG), np.radians(_AZIMUTH_DEG), indexing="ij")
    units = np.stack(
        [np.sin(polar) * np.cos(azimuth), np.sin(polar) * np.sin(azimuth), np.cos(polar)], axis=-1
    )
    values = scale * youngs_modulus_along(tensor, units.reshape(-1, 3)).reshape(polar.shape)
    ends = directional_modulus(tensor)

    def along(vector: tuple[float, float, float]) -> str:
        return "(" + ", ".join(f"{part:.2f}" for part in vector) + ")"

    return Figure(
        id="youngs-surface",
        title="Young's modulus as a surface",
        note=f"Distance from the middle is the modulus along that direction: {scale * ends.largest_gpa:.3g} GPa along {along(ends.largest_along)} at most, "
        f"{scale * ends.smallest_gpa:.3g} GPa along {along(ends.smallest_along)} at least, {ends.largest_gpa / ends.smallest_gpa:.2f} times apart. "
        f"Axes {axes}" + (f"; one sigma is {100 * share:.0f} % of a value." if share else "."),
        framed=False,
        equal=True,
        surface=Surface(
            polar_deg=_POLAR_DEG,
            azimuth_deg=_AZIMUTH_DEG,
            distances=tuple(tuple(float(f"{value:.5g}") for value in row) for row in values.tolist()),
            name="Young's modulus",
            unit="GPa",
        ),
    )


def _figure(
    name: str, title: str, *, note: str, unit: str, symbol: str, series: list[Series], reach: float
) -> Figure:
    edge = 1.06 * reach
    return Figure(
        id=name,
        title=title,
        note=note,
        x=Axis(name=f"{symbol} along the plane's first axis", unit=unit, low=-edge, high=edge),
        y=Axis(name=f"{symbol} along its second axis", unit=unit, low=-edge, high=edge),
        series=tuple(series),
        equal=True,
    )


def _cut(
    name: str, angles: np.ndarray, values: np.ndarray, *, tone: Tone, unit: str, sigma: float = 0.0
) -> Series:
    labels = tuple(
        f"{name}, {math.degrees(a):.0f}° from {name[0]} to {name[1]}: {v:.3g}{f' ± {sigma * v:.2g}' if sigma else ''} {unit}"
        for a, v in zip(angles.tolist(), values.tolist(), strict=True)
    )
    return Series(
        name=name,
        style="line",
        x=tuple((values * np.cos(angles)).tolist()),
        y=tuple((values * np.sin(angles)).tolist()),
        labels=labels,
        tone=tone,
        # The cuts of a cubic crystal lie on each other: a broad line, a plain one and a dashed one are all seen.
        large=name == "xy plane",
        dashed=name == "yz plane",
    )
