"""Which targets a computation here can order and refute, and only a measurement can confirm."""

from __future__ import annotations

import math

from matsmith.agents.conditions import UNDER_PRESSURE, is_pressed
from matsmith.core.properties import PROPERTIES
from matsmith.core.settings import Settings
from matsmith.core.spec import DesignSpec, Target
from matsmith.knowledge.calibration import calibration
from matsmith.tools.measured_errors import error_of
from matsmith.tools.registry import LOOK_UPS, tools_for


def confirmed_by_measurement_only(spec: DesignSpec, *, settings: Settings) -> dict[str, str]:
    """Properties of hard targets that have a table of measurements and no computation that could confirm them: with the reason each."""
    found: dict[str, str] = {}
    for target in spec.hard_targets:
        tools = {tool.name for tool in tools_for(target.property, settings=settings)}
        if not tools & LOOK_UPS:
            continue
        title = PROPERTIES[target.property].title
        if is_pressed(spec.conditions) and tools & UNDER_PRESSURE:
            found[target.property] = (
                "Computed enthalpies under pressure refute and confirm nothing, as competitors may be missing: measured "
                "phase boundaries confirm."
            )
            continue
        sigma = _least_sigma(target, settings=settings)
        if sigma is not None and _best_probability(target, sigma) < spec.probability_met:
            low, high = target.interval.low, target.interval.high
            found[target.property] = (
                f"The {title} is computed with an error of {sigma:.2g} {target.unit} (one sigma): between {low:g} and {high:g} "
                f"{target.unit} nothing but a measured value can be confirmed."
            )
    return found


def _best_probability(target: Target, sigma: float) -> float:
    """Of a computed value in the middle of the window, the probability that the true one lies within it."""
    width = target.interval.high - target.interval.low
    return math.erf(width / 2 / (sigma * math.sqrt(2.0))) if math.isfinite(width) else 1.0


def _least_sigma(target: Target, *, settings: Settings) -> float | None:
    """The smallest error of a computed value near the target, where it was measured; None where it was not."""
    if target.property == "voltage":
        return error_of("voltage", kind="redox", settings=settings).sigma(target.value or 0.0)
    if target.property == "bulk_modulus":
        return calibration("bulk_modulus").relative_sigma * (target.value or 0.0)
    return None
