"""How stiff a crystal is along each direction: Young's modulus and linear compressibility in the three planes of the axes."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Annotated

import numpy as np
from pydantic import Field

from matsmith.agents.figures.build import Lacking
from matsmith.agents.figures.model import Axis, Figure, Series, Tone
from matsmith.agents.figures.reading import Facts, Number

if TYPE_CHECKING:
    from matsmith.core.record import Record

_STEP_DEG = 3
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
        _figure("youngs-modulus", "Young's modulus by direction", note=note, unit="GPa", symbol="E", series=young,
                reach=outermost),
        _figure("linear-compressibility", "Linear compressibility by direction", note="Shrinking along each direction under pressure, of the potential's own tensor; "
                "a round shape is a crystal that shrinks alike along all of them.", unit="1/TPa", symbol="β", series=squeezed, reach=squeeze_most),
    ]  # fmt: skip


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
