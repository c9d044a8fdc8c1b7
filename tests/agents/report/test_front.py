"""The front in the report: who stands on it, with which values, and none where nothing is traded off."""

from __future__ import annotations

from collections.abc import Callable

from matsmith.agents.decisions import Plan
from matsmith.agents.report.collect import collect
from matsmith.agents.report.front import front_table
from matsmith.agents.report.page import render_page
from matsmith.agents.report.pieces import View
from matsmith.agents.report.wording import value_text
from matsmith.core.ledger import Ledger
from matsmith.core.quantity import Relation
from matsmith.core.spec import DesignSpec, Target

MakeRun = Callable[..., Ledger]


def _with_two_open_targets(ledger: Ledger) -> DesignSpec:
    """Write a plan that leaves bulk modulus and density open; the judgements of the run keep their places of targets."""
    report = collect(ledger)
    assert report.spec is not None
    first = report.spec.targets[0]
    targets = [
        first,
        Target(property="bulk_modulus", relation=Relation.MAXIMISE),
        Target(property="density", relation=Relation.MINIMISE),
    ]
    spec = report.spec.model_copy(update={"targets": targets})
    ledger.append("plan", report.header.run, Plan(spec=spec))
    return spec


def test_nobody_on_the_front_is_beaten_and_everybody_off_it_is(make_run: MakeRun) -> None:
    ledger = make_run()
    _with_two_open_targets(ledger)
    report = collect(ledger)
    assert report.front
    meeting = [c for c in report.candidates if c.meets]
    values = {
        c.id: tuple((v.quantity.value, v.quantity.sigma) for v in c.verdicts[1:] if v.quantity)
        for c in meeting
    }
    values = {name: value for name, value in values.items() if len(value) == 2}

    def beats(one: str, other: str) -> bool:
        (k1, s1), (d1, e1) = values[one]
        (k2, s2), (d2, e2) = values[other]
        clear = k1 - k2 > (s1**2 + s2**2) ** 0.5 or d2 - d1 > (e1**2 + e2**2) ** 0.5
        return k1 >= k2 and d1 <= d2 and clear

    for name in values:
        assert (name in report.front) == (not any(beats(other, name) for other in values))
    # The front comes first among those that meet and are as new.
    by_novelty = [c.id in report.front for c in meeting if c.novelty == meeting[0].novelty and c.id in values]
    assert by_novelty == sorted(by_novelty, reverse=True)


def test_the_page_lists_the_front_with_values_that_lead_to_their_records(make_run: MakeRun) -> None:
    ledger = make_run()
    _with_two_open_targets(ledger)
    report = collect(ledger)
    table = front_table(View.of(report, cards=24, rows=300))
    assert table is not None
    kept = next(c for c in report.candidates if c.id == report.front[0])
    for verdict in kept.verdicts[1:]:
        assert verdict.quantity is not None
        assert value_text(verdict.quantity) in table
        assert f"{verdict.record[:8]}" in table
    assert "The front" in render_page(report)


def test_with_one_open_target_there_is_no_front(make_run: MakeRun) -> None:
    report = collect(make_run())
    assert report.front == []
    assert front_table(View.of(report, cards=24, rows=300)) is None
    assert "The front" not in render_page(report)
