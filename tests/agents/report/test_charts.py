from __future__ import annotations

from xml.etree import ElementTree

from hypothesis import given
from hypothesis import strategies as st

from matsmith.agents.report.charts import Axis, Point, pareto_front, steps_chart, ticks, trade_off_chart

numbers = st.floats(min_value=-1e6, max_value=1e6, allow_nan=False)
small = st.integers(min_value=0, max_value=6).map(float)


@given(st.lists(st.tuples(small, small), min_size=1, max_size=25))
def test_the_front_is_what_nothing_beats(points: list[tuple[float, float]]) -> None:
    def beaten(one: tuple[float, float]) -> bool:
        return any(other != one and other[0] >= one[0] and other[1] >= one[1] for other in points)

    assert pareto_front(points) == [place for place, point in enumerate(points) if not beaten(point)]


@given(numbers, numbers)
def test_ticks_cover_the_range_with_few_round_steps(first: float, second: float) -> None:
    low, high = min(first, second), max(first, second)
    found = ticks(low, high)
    room = 1e-6 * max(1.0, abs(low), abs(high))
    assert found[0] <= low + room
    assert found[-1] >= high - room
    assert 2 <= len(found) <= 9
    assert found == sorted(set(found))


def test_counts_get_whole_ticks() -> None:
    assert all(tick == int(tick) for tick in ticks(0, 2, whole=True))


def test_marks_lead_somewhere_and_say_what_they_are() -> None:
    points = [
        Point(x=1, y=10, label="MgO <best>", kind="met", href="#c-1", x_sigma=0.2, y_sigma=2),
        Point(x=2, y=5, label="CaO", kind="unknown", href="#c-2"),
        Point(x=3, y=1, label="BaO", kind="not-met", href="#c-3"),
    ]
    chart = trade_off_chart(
        points,
        x=Axis(name="x", values=[1, 2, 3], high=2.5),
        y=Axis(name="y", values=[1, 5, 10], low=4),
        front=[0],
        title="A & B",
    )
    tree = ElementTree.fromstring(chart)
    assert [link.get("href") for link in tree.iter("a")] == [
        "#c-2",
        "#c-3",
        "#c-1",
    ]  # the front is drawn last
    assert "MgO <best>" in {title.text for title in tree.iter("title")}
    assert len([line for line in tree.iter("line") if line.get("class") == "whisker"]) == 2
    wanted = next(rect for rect in tree.iter("rect") if rect.get("class") == "wanted")
    assert float(wanted.get("width", 0)) > 0
    assert float(wanted.get("height", 0)) > 0


def test_steps_rise_on_the_page_when_the_value_rises() -> None:
    points = [Point(x=10, y=0, label="one", kind="step"), Point(x=20, y=3, label="two", kind="step")]
    tree = ElementTree.fromstring(steps_chart(points, x="n", y="met", title="t", whole=True, goal=3))
    heights = [float(mark.get("cy", 0)) for mark in tree.iter("circle")]
    assert heights[1] < heights[0]


def test_one_flat_point_is_drawn_too() -> None:
    tree = ElementTree.fromstring(
        steps_chart([Point(x=0, y=-3.0, label="only", kind="step")], x="n", y="s", title="t", whole=False)
    )
    assert len(list(tree.iter("circle"))) == 1
