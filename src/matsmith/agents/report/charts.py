"""Charts as inline SVG: how the run converged, and the trade-off between two targets.

Colours come from the page's style sheet by class, so they follow its light and dark schemes; shapes and words say the
same as the colours do.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from matsmith.agents.report.markup import Child, Markup, element, join

_LEFT, _RIGHT, _TOP, _BOTTOM = 58.0, 16.0, 22.0, 46.0


@dataclass(frozen=True, kw_only=True)
class Point:
    """One mark: `kind` is 'met', 'unknown', 'not-met' or 'step' and chooses colour and shape; `href` is where it leads."""

    x: float
    y: float
    label: str
    kind: str = "met"
    href: str = ""
    x_sigma: float = 0.0
    y_sigma: float = 0.0


@dataclass(frozen=True, kw_only=True)
class Axis:
    """One axis: its name, what it must cover, and the range that its target accepts (shaded)."""

    name: str
    values: Sequence[float]
    low: float = -math.inf
    high: float = math.inf
    whole: bool = False


def ticks(low: float, high: float, *, most: int = 6, whole: bool = False) -> list[float]:
    """Round numbers that cover [low, high], in steps of 1, 2 or 5 times a power of ten.

    >>> ticks(0, 10)
    [0.0, 2.0, 4.0, 6.0, 8.0, 10.0]
    >>> ticks(0, 1, whole=True)
    [0.0, 1.0]
    """
    span = high - low
    if not span > 1e-12 * max(abs(low), abs(high), 1e-280):
        high = low + (abs(low) if abs(low) > 1e-280 else 1.0)
        span = high - low
    power = 10.0 ** math.floor(math.log10(span / most))
    step = next(power * factor for factor in (1, 2, 5, 10) if span / (power * factor) <= most)
    step = max(step, 1.0) if whole else step
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return [number * step for number in range(first, last + 1)]


class _Frame:
    """Maps values to places and draws the axes."""

    def __init__(self, x: Axis, y: Axis, *, width: float, height: float) -> None:
        self.width, self.height = width, height
        self.x_ticks, self.y_ticks = self._ticks(x), self._ticks(y)
        self.x_axis, self.y_axis = x, y

    @staticmethod
    def _ticks(axis: Axis) -> list[float]:
        wanted = [*axis.values, *(end for end in (axis.low, axis.high) if math.isfinite(end))] or [0.0, 1.0]
        low, high = min(wanted), max(wanted)
        if low == high and not axis.whole:
            low, high = low - 0.5 * (abs(low) or 1.0), high + 0.5 * (abs(high) or 1.0)
        room = 0.0 if axis.whole else 0.06 * (high - low)
        return ticks(low - room, high + room, whole=axis.whole)

    def at_x(self, value: float) -> float:
        low, high = self.x_ticks[0], self.x_ticks[-1]
        share = min(1.0, max(0.0, (value - low) / (high - low)))
        return _LEFT + share * (self.width - _LEFT - _RIGHT)

    def at_y(self, value: float) -> float:
        low, high = self.y_ticks[0], self.y_ticks[-1]
        share = min(1.0, max(0.0, (value - low) / (high - low)))
        return self.height - _BOTTOM - share * (self.height - _TOP - _BOTTOM)

    def drawn(self) -> Markup:
        left, right = _LEFT, self.width - _RIGHT
        top, bottom = _TOP, self.height - _BOTTOM
        parts: list[Child] = []
        for value in self.y_ticks:
            y = self.at_y(value)
            parts.append(line(left, y, right, y, "grid"))
            parts.append(text_at(number_text(value), left - 9, y + 4, "tick", anchor="end"))
        for value in self.x_ticks:
            x = self.at_x(value)
            parts.append(line(x, bottom, x, bottom + 5, "base"))
            parts.append(text_at(number_text(value), x, bottom + 19, "tick"))
        parts.append(line(left, bottom, right, bottom, "base"))
        parts.append(text_at(self.x_axis.name, (left + right) / 2, self.height - 7, "axis-title"))
        turn = f"rotate(-90 13 {(top + bottom) / 2:.1f})"
        parts.append(text_at(self.y_axis.name, 13, (top + bottom) / 2, "axis-title", transform=turn))
        return join(parts)

    def accepted(self) -> Markup | None:
        """The region that both targets accept."""
        ends = (self.x_axis.low, self.x_axis.high, self.y_axis.low, self.y_axis.high)
        if not any(math.isfinite(end) for end in ends):
            return None
        x1, x2 = self.at_x(self.x_axis.low), self.at_x(self.x_axis.high)
        y1, y2 = self.at_y(self.y_axis.high), self.at_y(self.y_axis.low)
        return element(
            "g",
            element("title", "Here the targets are met"),
            element(
                "rect",
                x=f"{x1:.1f}",
                y=f"{y1:.1f}",
                width=f"{x2 - x1:.1f}",
                height=f"{y2 - y1:.1f}",
                class_="wanted",
            ),
        )


def steps_chart(
    points: Sequence[Point], *, x: str, y: str, title: str, whole: bool, goal: float | None = None
) -> Markup:
    """A value that was held until the next round changed it, with a mark at each round."""
    width, height = 460.0, 250.0
    values = [point.y for point in points] + ([goal] if goal is not None else []) + ([0.0] if whole else [])
    frame = _Frame(
        Axis(name=x, values=[0.0, *(point.x for point in points)], whole=True),
        Axis(name=y, values=values, whole=whole),
        width=width,
        height=height,
    )
    path = ""
    for index, point in enumerate(points):
        place_x, place_y = frame.at_x(point.x), frame.at_y(point.y)
        path += f"M{place_x:.1f} {place_y:.1f}" if index == 0 else f"H{place_x:.1f}V{place_y:.1f}"
    parts: list[Child] = [frame.drawn()]
    if goal is not None:
        level = frame.at_y(goal)
        parts.append(line(_LEFT, level, width - _RIGHT, level, "goal"))
        parts.append(text_at(f"wanted: {goal:g}", width - _RIGHT - 4, level - 6, "goal-name", anchor="end"))
    parts.append(element("path", d=path, class_="steps"))
    parts += [_mark(frame, point) for point in points]
    return _chart(parts, title=title, width=width, height=height, text=_listing(points))


def trade_off_chart(points: Sequence[Point], *, x: Axis, y: Axis, front: Sequence[int], title: str) -> Markup:
    """Two targets against each other; `front` are the places of the points that no other one beats in both."""
    width, height = 460.0, 330.0
    frame = _Frame(x, y, width=width, height=height)
    parts: list[Child] = [frame.accepted(), frame.drawn()]
    chain = sorted(front, key=lambda place: (points[place].x, points[place].y))
    places = [f"{frame.at_x(points[place].x):.1f} {frame.at_y(points[place].y):.1f}" for place in chain]
    if len(places) > 1:
        parts.append(element("path", d="M" + "L".join(places), class_="front"))
    for place in chain:
        parts.append(_whiskers(frame, points[place]))
    on_front = set(front)
    parts += [_mark(frame, point) for index, point in enumerate(points) if index not in on_front]
    parts += [_mark(frame, points[index], strong=True) for index in chain]
    listed = [points[place] for place in chain]
    return _chart(parts, title=title, width=width, height=height, text="On the front: " + _listing(listed))


def pareto_front(goodness: Sequence[tuple[float, float]]) -> list[int]:
    """Places of the points that no other point beats in both senses; larger is better in each.

    >>> pareto_front([(1, 3), (2, 2), (1, 1), (3, 0)])
    [0, 1, 3]
    """
    order = sorted(range(len(goodness)), key=lambda place: (-goodness[place][0], -goodness[place][1]))
    front: list[int] = []
    best = -math.inf
    last: tuple[float, float] | None = None
    for place in order:
        if goodness[place][1] > best or goodness[place] == last:
            front.append(place)
            best, last = goodness[place][1], goodness[place]
    return sorted(front)


def _mark(frame: _Frame, point: Point, *, strong: bool = False) -> Markup:
    x, y = frame.at_x(point.x), frame.at_y(point.y)
    size = 5.5 if strong else 4.2
    kind = f"mark {point.kind}" + (" strong" if strong else "")
    if point.kind == "not-met":
        arm = size + 0.8
        corners = f"M{x:.1f} {y - arm:.1f}l{arm:g} {arm:g}l{-arm:g} {arm:g}l{-arm:g} {-arm:g}z"
        shape = element("path", d=corners, class_=kind)
    else:
        shape = element("circle", cx=f"{x:.1f}", cy=f"{y:.1f}", r=size, class_=kind)
    title = element("title", point.label)
    if not point.href:
        return element("g", title, shape)
    # A wider, unseen target: a finger is larger than a mark.
    reach = element("circle", cx=f"{x:.1f}", cy=f"{y:.1f}", r=10, class_="reach")
    return element("a", title, reach, shape, href=point.href, aria_label=point.label)


def _whiskers(frame: _Frame, point: Point) -> Markup:
    x, y = frame.at_x(point.x), frame.at_y(point.y)
    lines: list[Child] = []
    if point.x_sigma:
        lines.append(
            line(frame.at_x(point.x - point.x_sigma), y, frame.at_x(point.x + point.x_sigma), y, "whisker")
        )
    if point.y_sigma:
        lines.append(
            line(x, frame.at_y(point.y - point.y_sigma), x, frame.at_y(point.y + point.y_sigma), "whisker")
        )
    return join(lines)


def _chart(parts: Sequence[Child], *, title: str, width: float, height: float, text: str) -> Markup:
    return element(
        "svg",
        element("title", title),
        element("desc", text),
        *parts,
        viewBox=f"0 0 {width:g} {height:g}",
        role="group" if any("<a " in part for part in parts if isinstance(part, str)) else "img",
        class_="chart",
    )


def _listing(points: Sequence[Point]) -> str:
    return "; ".join(point.label for point in points[:30]) or "nothing to show"


def line(x1: float, y1: float, x2: float, y2: float, kind: str) -> Markup:
    """A straight line of a class."""
    return element("line", x1=f"{x1:.1f}", y1=f"{y1:.1f}", x2=f"{x2:.1f}", y2=f"{y2:.1f}", class_=kind)


def text_at(
    content: str, x: float, y: float, kind: str, *, anchor: str = "middle", transform: str | None = None
) -> Markup:
    """Words at a place, of a class."""
    return element(
        "text", content, x=f"{x:.1f}", y=f"{y:.1f}", text_anchor=anchor, class_=kind, transform=transform
    )


def number_text(value: float) -> str:
    """A number as it stands at a tick."""
    value = round(value, 12) + 0.0  # no negative zero
    text = f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.6g}"
    return text.replace("-", "−").replace(",", "\u2009")
