"""The report says which quote steered which round, and leads to the candidates that came of it."""

from __future__ import annotations

from collections.abc import Callable

from matsmith.agents.report.background import lead_text
from matsmith.agents.report.collect import collect
from matsmith.agents.report.page import render_page
from matsmith.core.candidate import Candidate
from matsmith.core.ledger import Ledger
from matsmith.core.run import Lead, LeadKind, Stance
from matsmith.core.steering import Effect, Steer, Steering

MakeRun = Callable[..., Ledger]


def steer(ledger: Ledger, *rounds: Steering) -> None:
    for number, one in enumerate(rounds):
        ledger.append("steering", str(number), one)


def test_each_quote_says_what_it_steered_and_where_that_led(make_run: MakeRun) -> None:
    ledger = make_run(count=4)
    first = Candidate.model_validate_json(next(ledger.entries("candidate")).body)
    proposed = Steer(evidence="e1", name="Al2MgO4", effect=Effect.PROPOSED, candidates=[first.id])
    put_back = Steer(evidence="e1", name="CsCl", effect=Effect.DISFAVOURED)
    steer(ledger, Steering(steers=[proposed]), Steering(steers=[proposed, put_back]))
    report = collect(ledger)
    assert report.steering[1].steers == [proposed, put_back]
    page = render_page(report)
    assert "MgAl2O4 proposed early, rounds 0, 1" in page
    assert "CsCl put back, round 1" in page
    part = page[page.index('id="literature"') :]
    assert f'href="#c-{first.id}"' in part[: part.index("</section>")]


def test_a_run_that_nothing_steered_says_nothing_of_it(make_run: MakeRun) -> None:
    ledger = make_run(count=2)
    assert collect(ledger).steering == {}
    assert "Steered the search" not in render_page(collect(ledger))


def test_a_steer_by_evidence_that_is_not_shown_is_left_out(make_run: MakeRun) -> None:
    ledger = make_run(count=2)
    steer(ledger, Steering(steers=[Steer(evidence="gone", name="<b>", effect=Effect.FAVOURED)]))
    assert "&lt;b&gt;" not in render_page(collect(ledger)).split('id="literature"')[1].split("</section>")[0]


def test_open_sides_of_a_lead_are_said() -> None:
    lead = Lead(
        kind=LeadKind.CHEMISTRY,
        name="HfB2",
        stance=Stance.REPORTED,
        property="bulk_modulus",
        low=200,
        unit="GPa",
    )
    assert lead_text(lead) == "HfB2: bulk modulus above 200 GPa, reported"
