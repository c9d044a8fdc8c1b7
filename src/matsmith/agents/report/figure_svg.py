"""Figures as still SVG for the report: the same data as the page draws, with what is read out at a point as its title."""

from __future__ import annotations

from dataclasses import dataclass, field

from matsmith.agents.figures.model import Axis, Figure, Series
from matsmith.agents.report.charts import line, number_text, text_at, ticks
from matsmith.agents.report.markup import Child, Markup, element, join, own_text
from matsmith.agents.report.surface_svg import surface_svg

_WIDTH, _HEIGHT = 460.0, 300.0
_LEFT, _RIGHT, _TOP, _BOTTOM = 62.0, 16.0, 16.0, 46.0
_LETTER, _LINE = 6.6, 13.0
_ROW, _MOST_BESIDE = 24.0, 200.0


@dataclass
class _Plane:
    """Maps values to places, and remembers which places hold words already."""

    x: tuple[float, float]
    y: tuple[float, float]
    left: float
    right: float
    top: float
    base: float
    boxes: list[tuple[float, float, float, float]] = field(
        default_factory=list[tuple[float, float, float, float]]
    )

    def at_x(self, value: float) -> float:
        return self.left + (value - self.x[0]) / (self.x[1] - self.x[0]) * (self.right - self.left)

    def at_y(self, value: float) -> float:
        return self.base - (value - self.y[0]) / (self.y[1] - self.y[0]) * (self.base - self.top)

    def claims(self, x: float, y: float, text: str) -> bool:
        """Take the place of words centred at x with their foot at y, when nothing else stands there."""
        half = _LETTER * len(text) / 2
        box = (x - half, y - _LINE + 3, x + half, y + 3)
        free = all(
            box[2] < other[0] or box[0] > other[2] or box[3] < other[1] or box[1] > other[3]
            for other in self.boxes
        )
        if free and box[0] > 0 and box[2] < _WIDTH:
            self.boxes.append(box)
            return True
        return False


def svg_of(figure: Figure) -> Markup:
    """A plot as a still picture."""
    if figure.surface is not None:
        return surface_svg(figure, figure.surface)
    height = _HEIGHT if not figure.y.ticks else _TOP + _ROW * len(figure.y.ticks) + _BOTTOM
    span_x, span_y = _range(figure, "x"), _range(figure, "y")
    beside = min(_MOST_BESIDE, max((_LETTER * len(text) + 14 for _, text in figure.y.ticks), default=0.0))
    left, right, top, base = max(_LEFT, beside), _WIDTH - _RIGHT, _TOP, height - _BOTTOM
    if figure.equal:
        side = min(right - left, 300.0)
        left = (_WIDTH - side) / 2
        right = left + side
        top = _TOP if figure.framed else _TOP + 12
        base = top + side * (span_y[1] - span_y[0]) / (span_x[1] - span_x[0])
        height = base + _BOTTOM
    plane = _Plane(x=span_x, y=span_y, left=left, right=right, top=top, base=base)
    parts: list[Child] = [_frame(figure, plane, height=height)] if figure.framed else []
    parts += [_guide(plane, axis=guide.axis, at=guide.at) for guide in figure.guides]
    for words in figure.words:
        low = plane.at_y(words.y) > base - 5
        y = plane.at_y(words.y) + (18 if low else -9)
        plane.claims(plane.at_x(words.x), y, words.text)
        parts.append(text_at(words.text, plane.at_x(words.x), y, "axis-title"))
    parts += [_series(plane, series) for series in figure.series]
    parts += [_names(plane, series) for series in sorted(figure.series, key=lambda series: not series.large)]
    return element(
        "svg",
        element("title", figure.title),
        element("desc", figure.note),
        *parts,
        viewBox=f"0 0 {_WIDTH:g} {height:.0f}",
        role="img",
        class_="chart",
    )


def figure_element(figure: Figure) -> Markup:
    """A figure with its caption."""
    return element("figure", element("figcaption", element("b", figure.title), figure.note), svg_of(figure))


def _range(figure: Figure, axis: str) -> tuple[float, float]:
    one: Axis = figure.x if axis == "x" else figure.y
    values = [value for series in figure.series for value in getattr(series, axis) if value is not None]
    values += [guide.at for guide in figure.guides if guide.axis == axis]
    if axis == "y":
        for series in figure.series:
            pairs = zip(series.y, series.y_sigma, strict=False)
            values += [y + sign * sigma for y, sigma in pairs if y is not None for sign in (1, -1)]
    low, high = min(values, default=0.0), max(values, default=1.0)
    if low == high:
        low, high = low - (0.1 * abs(low) or 1.0), high + (0.1 * abs(high) or 1.0)
    room = 0.06 * (high - low) if figure.framed and not one.ticks else 0.0
    return (
        one.low if one.low is not None and one.low <= low else low - room,
        one.high if one.high is not None and one.high >= high else high + room,
    )


def _frame(figure: Figure, plane: _Plane, *, height: float) -> Markup:
    parts: list[Child] = []
    named = figure.x.ticks or tuple(
        (value, number_text(value)) for value in ticks(*plane.x) if plane.x[0] <= value <= plane.x[1]
    )
    for value, text in named:
        x = plane.at_x(value)
        parts.append(line(x, plane.top, x, plane.base, "grid"))
        if plane.claims(x, plane.base + 17, text):
            parts.append(text_at(text, x, plane.base + 17, "tick"))
    fits = int((plane.left - 14) / _LETTER)
    for value, text in figure.y.ticks:
        short = text if len(text) <= fits else text[: fits - 1] + "…"
        parts.append(text_at(short, plane.left - 8, plane.at_y(value) + 4, "tick", anchor="end"))
    for value in () if figure.y.ticks else ticks(*plane.y):
        if plane.y[0] <= value <= plane.y[1]:
            y = plane.at_y(value)
            parts.append(line(plane.left, y, plane.right, y, "grid"))
            parts.append(text_at(number_text(value), plane.left - 7, y + 4, "tick", anchor="end"))
    middle = (plane.top + plane.base) / 2
    edge = plane.left - _LEFT + 13
    parts.append(text_at(figure.x.title, (plane.left + plane.right) / 2, height - 8, "axis-title"))
    parts.append(
        text_at(figure.y.title, edge, middle, "axis-title", transform=f"rotate(-90 {edge:.1f} {middle:.1f})")
    )
    return join(parts)


def _guide(plane: _Plane, *, axis: str, at: float) -> Markup:
    if axis == "x":
        return line(plane.at_x(at), plane.top, plane.at_x(at), plane.base, "fig-guide")
    return line(plane.left, plane.at_y(at), plane.right, plane.at_y(at), "fig-guide")


def _series(plane: _Plane, series: Series) -> Markup:
    kind = f"fig {series.tone}" + (" dashed" if series.dashed else "")
    if series.style in ("line", "area"):
        heavy = " heavy" if series.large else ""
        drawn = element("path", d=_path(plane, series), class_=f"{kind} {series.style}{heavy}")
        band = own_text(_band(plane, series))
        return join([element("path", d=band, class_=f"fig {series.tone} band"), drawn]) if band else drawn
    parts: list[Child] = []
    for index, (x, y) in enumerate(zip(series.x, series.y, strict=True)):
        if x is None or y is None:
            continue
        px, py = plane.at_x(x), plane.at_y(y)
        label = series.labels[index] if series.labels else f"{number_text(x)}, {number_text(y)}"
        sigma = series.y_sigma[index] if series.y_sigma else 0.0
        if sigma:
            parts.append(line(px, plane.at_y(y - sigma), px, plane.at_y(y + sigma), "whisker"))
        if series.style == "sticks":
            foot = plane.at_y(max(0.0, plane.y[0]))
            shape = element("path", d=f"M{px:.1f} {foot:.1f}V{py:.1f}", class_=f"{kind} line mark")
        elif series.style == "bars":
            outline = f"M{plane.at_x(0.0):.1f} {py - 8:.1f}H{px:.1f}V{py + 8:.1f}H{plane.at_x(0.0):.1f}Z"
            shape = element("path", d=outline, class_=f"{kind} mark")
        else:
            hollow = " hollow" if series.hollow else ""
            shape = element(
                "circle", cx=f"{px:.1f}", cy=f"{py:.1f}", r=6.0 if series.large else 4.0, class_=f"{kind} mark{hollow}"
            )  # fmt: skip
        parts.append(element("g", element("title", label), shape))
    return join(parts)


def _names(plane: _Plane, series: Series) -> Markup:
    """Names beside their points, where there is room for them."""
    parts: list[Child] = []
    for x, y, name in zip(series.x, series.y, series.names, strict=False):
        if x is None or y is None or not name:
            continue
        px, py = plane.at_x(x), plane.at_y(y)
        aside = 10 + _LETTER * len(name) / 2
        for tx, ty in ((px, py - 8), (px + aside, py + 4), (px - aside, py + 4), (px, py + 18)):
            if plane.claims(tx, ty, name):
                parts.append(text_at(name, tx, ty, "axis-title" if series.large else "tick"))
                break
    return join(parts)


def _pieces(plane: _Plane, series: Series, *, aside: int = 0) -> list[list[tuple[float, float]]]:
    """Corners of a line, in its pieces; `aside` is how many sigmas from it."""
    pieces: list[list[tuple[float, float]]] = [[]]
    sigmas = series.y_sigma or (0.0,) * len(series.x)
    for x, y, sigma in zip(series.x, series.y, sigmas, strict=True):
        if x is None or y is None:
            pieces.append([])
        else:
            pieces[-1].append((plane.at_x(x), plane.at_y(y + aside * sigma)))
    return [piece for piece in pieces if piece]


def _band(plane: _Plane, series: Series) -> str:
    """One sigma to both sides of a line."""
    if series.style != "line" or not any(series.y_sigma):
        return ""
    above, below = _pieces(plane, series, aside=1), _pieces(plane, series, aside=-1)
    path = ""
    for upper, lower in zip(above, below, strict=True):
        path += "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in [*upper, *reversed(lower)]) + "Z"
    return path


def _path(plane: _Plane, series: Series) -> Markup:
    floor = plane.at_y(max(0.0, plane.y[0]))
    path = ""
    for piece in _pieces(plane, series):
        path += "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in piece)
        if series.style == "area":
            path += f"L{piece[-1][0]:.1f} {floor:.1f}L{piece[0][0]:.1f} {floor:.1f}Z"
    return own_text(path)
