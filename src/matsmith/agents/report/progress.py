"""How the run went: convergence over rounds, the critic's words, and the trade-off between targets."""

from __future__ import annotations

from itertools import combinations

from matsmith.agents.pareto import goodness
from matsmith.agents.report.charts import Axis, Point, pareto_front, steps_chart, trade_off_chart
from matsmith.agents.report.front import front_table
from matsmith.agents.report.markup import Child, Markup, anchor, element, join
from matsmith.agents.report.model import CandidateReport, RoundReport
from matsmith.agents.report.pieces import View, cell, overall, table
from matsmith.agents.report.wording import target_text, title_of, unit_text, value_text
from matsmith.core.quantity import Quantity
from matsmith.core.spec import Target

_MOST_POINTS = 400
_MOST_PAIRS = 3


def convergence(view: View) -> Markup | None:
    """Candidates that meet and the best score against structures simulated, then what each round tried and was told."""
    rounds = view.report.rounds
    if not rounds:
        return None
    charts: list[Markup] = []
    wanted = view.report.spec.candidates if view.report.spec else None
    met = [
        Point(
            x=float(row.evaluated_so_far),
            y=float(row.met_so_far),
            kind="step",
            label=_round_label(row, f"{row.met_so_far} met"),
        )
        for row in rounds
    ]
    charts.append(
        _figure(
            "Candidates that meet every hard target",
            "after each round",
            steps_chart(
                met,
                x="structures simulated",
                y="candidates met",
                title="Candidates met against structures simulated",
                whole=True,
                goal=float(wanted) if wanted else None,
            ),
        )
    )
    scored = [
        Point(
            x=float(row.evaluated_so_far),
            y=row.best_score_so_far,
            kind="step",
            label=_round_label(row, f"best score {row.best_score_so_far:.3g}"),
        )
        for row in rounds
        if row.best_score_so_far is not None
    ]
    if scored:
        charts.append(
            _figure(
                "Best score so far",
                "log-probability of meeting all targets, then the optimised ones; higher is better",
                steps_chart(
                    scored,
                    x="structures simulated",
                    y="best score",
                    title="Best score against structures simulated",
                    whole=False,
                ),
            )
        )
    return element(
        "section",
        element("h2", "Progress"),
        element("div", *charts, class_="charts"),
        element("div", _rounds_table(view, rounds), class_="scroll", style="margin-top:1rem"),
        id="progress",
    )


def _round_label(row: RoundReport, words: str) -> str:
    return f"Round {row.summary.round}: {words} after {row.evaluated_so_far} simulated"


def _rounds_table(view: View, rounds: list[RoundReport]) -> Markup:
    rows: list[Markup] = []
    for row in rounds:
        summary = row.summary
        drawn = ", ".join(
            f"{name} {judged} judged, {met} met" for name, (judged, met) in summary.by_strategy.items()
        )
        failures = ", ".join(f"{name.replace('_', ' ')} {count}" for name, count in summary.failures.items())
        words: list[Child] = [element("div", view.text(row.critique))] if row.critique else []
        words += [element("div", warning, class_="note") for warning in row.critique_warnings]
        if summary.directive.reason:
            words.append(element("div", summary.directive.reason, class_="under"))
        rows.append(
            element(
                "tr",
                cell(str(summary.round), label="Round"),
                cell(str(summary.generated), label="Generated"),
                cell(str(summary.simulated), label="Simulated"),
                cell(str(row.met_so_far), label="Met so far"),
                cell(
                    drawn or "–",
                    element("span", failures, class_="under") if failures else None,
                    label="Drawn from",
                ),
                cell(*(words or ["–"]), label="What the critic said"),
            )
        )
    heads: list[Child] = [
        "Round",
        "Generated",
        "Simulated",
        "Met so far",
        "Drawn from",
        "What the critic said",
    ]
    return table(heads, rows)


def trade_offs(view: View) -> Markup | None:
    """For each pair of targets the candidates and the front that no candidate beats in both."""
    figures: list[Markup] = []
    listed = front_table(view)
    for first, second in combinations(range(len(view.targets)), 2):
        figure = _pair(view, first, second)
        if figure is not None and len(figures) < _MOST_PAIRS:
            figures.append(figure)
    if not figures and listed is None:
        return None
    key = element(
        "p",
        element("span", "meets all", class_="word met"),
        element("span", "not settled", class_="word unknown"),
        element("span", "does not meet", class_="word not-met"),
        element(
            "span",
            "Larger marks lie on the front; bars are one sigma; the shaded region meets the targets. Each mark leads to its candidate.",
        ),
        class_="key small quiet",
    )
    return element(
        "section",
        element("h2", "Trade-offs"),
        listed,
        *([element("div", *figures, class_="charts"), key] if figures else []),
        id="trade-offs",
    )


def _pair(view: View, first: int, second: int) -> Markup | None:
    one, other = view.targets[first], view.targets[second]
    found: list[tuple[CandidateReport, Quantity, Quantity]] = []
    for candidate in [*view.cards, *view.rows][:_MOST_POINTS]:
        x, y = view.verdict(candidate, first), view.verdict(candidate, second)
        if x and y and x.quantity and y.quantity:
            found.append((candidate, x.quantity, y.quantity))
    if len(found) < 2:
        return None
    points = [
        Point(
            x=x.value,
            y=y.value,
            x_sigma=x.sigma,
            y_sigma=y.sigma,
            kind=overall(candidate)[0],
            href=f"#{anchor('c', candidate.id)}",
            label=f"{candidate.formula}: {title_of(one.property)} {value_text(x)}, {title_of(other.property)} {value_text(y)}",
        )
        for candidate, x, y in found
    ]
    front = pareto_front([(goodness(one, x), goodness(other, y)) for _, x, y in found])
    names = f"{title_of(one.property)} against {title_of(other.property)}"
    chart = trade_off_chart(
        points,
        x=_axis(one, [x for _, x, _ in found]),
        y=_axis(other, [y for _, _, y in found]),
        front=front,
        title=names,
    )
    return _figure(names.capitalize(), f"wanted: {target_text(one)} and {target_text(other)}", chart)


def _axis(target: Target, quantities: list[Quantity]) -> Axis:
    unit = f" ({unit_text(target.unit)})" if target.unit else ""
    interval = target.interval
    return Axis(
        name=title_of(target.property) + unit,
        values=[quantity.value for quantity in quantities],
        low=interval.low,
        high=interval.high,
    )


def _figure(name: str, explanation: str, chart: Markup) -> Markup:
    caption = element("figcaption", element("b", name), join([explanation]))
    return element("figure", caption, chart, class_="card")
