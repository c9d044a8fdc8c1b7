"""A person in the loop: where a run waits, what a decision changes, and that a kill in between repeats nothing."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from matsmith.agents.approvals import (
    AwaitingApproval,
    Decision,
    Pause,
    Point,
    decide,
    open_pause,
    points_of,
)
from matsmith.agents.context import RunContext, last_plan
from matsmith.agents.planner import PlanCheck
from matsmith.agents.rejudging import take_in_edited_spec
from matsmith.agents.runs import CHECKPOINT, LEDGER, describe
from matsmith.agents.session import RunResult, current_spec, design, resume, waiting
from matsmith.core.candidate import Candidate
from matsmith.core.errors import ImpossibleObjective, UsageError
from matsmith.core.ledger import Ledger
from matsmith.core.quantity import Relation
from matsmith.core.record import Record
from matsmith.core.run import Event, EventKind, Judgement, StopReason
from matsmith.core.settings import Settings
from matsmith.core.spec import Budget, DesignSpec, Target

MakeContext = Callable[..., RunContext]
MakeSpec = Callable[..., DesignSpec]
ALL = frozenset(Point)

pytestmark = pytest.mark.usefixtures("shared_worker")


def checked(settings: Settings, **changes: Any) -> PlanCheck:
    """Known binary oxides, settled by what was measured of them: a whole run in a second."""
    fields: dict[str, Any] = {
        "objective": "a binary oxide with a bulk modulus above 180 GPa",
        "targets": [Target(property="bulk_modulus", relation=Relation.ABOVE, value=180.0)],
        "chemistry": {"required": ["O"], "elements_min": 2, "elements_max": 2},
        "candidates": 1,
        "accept_known": True,
        "budget": Budget(wall_time_s=600.0),
    }
    return PlanCheck.from_spec(DesignSpec.model_validate(fields | changes), settings=settings)


def empty_rounds(settings: Settings) -> PlanCheck:
    """No oxide of astatine is known or can be computed: the rounds are empty, and two of them are a stall."""
    return checked(settings, chemistry={"required": ["At", "O"], "elements_max": 2})


def paused(run: Callable[[], RunResult]) -> Pause:
    with pytest.raises(AwaitingApproval) as caught:
        run()
    return caught.value.pause


def kinds(folder: Path) -> Counter[str]:
    with Ledger(folder / LEDGER, create=False) as ledger:
        return Counter(entry.kind for entry in ledger.entries())


def keys(folder: Path, kind: str) -> list[str]:
    with Ledger(folder / LEDGER, create=False) as ledger:
        return [entry.key for entry in ledger.entries(kind)]


def test_a_run_waits_at_each_point_and_goes_on(house: Settings, tmp_path: Path) -> None:
    folder, events = tmp_path / "run", list[Event]()
    pause = paused(
        lambda: design(checked(house), settings=house, out=folder, approve=ALL, on_event=events.append)
    )
    assert (pause.key, pause.point) == ("plan", Point.PLAN)
    assert waiting(folder) == pause
    assert describe(folder).state == "waiting"
    # Nothing was spent: no search, no candidate, no record.
    assert not {"answer", "evidence", "candidate", "record"} & set(kinds(folder))
    told = [event for event in events if event.kind is EventKind.WAITING]
    assert [(event.data["key"], event.data["folder"]) for event in told] == [("plan", str(folder))]

    pause = paused(lambda: resume(folder, settings=house, decision=Decision.APPROVE))
    assert pause.key == "spend/0"
    assert pause.shows["candidates"] == len(json.loads(_latest(folder, "proposed", "0")))
    assert pause.shows["by_strategy"] == {"known": pause.shows["candidates"]}
    assert "record" not in kinds(folder)

    result = resume(folder, settings=house, decision=Decision.APPROVE)
    assert result.stop.reason is StopReason.MET
    assert waiting(folder) is None
    plain = design(checked(house), settings=house, out=tmp_path / "plain")
    assert result.stop.met == plain.stop.met
    assert keys(folder, "record") == keys(plain.folder, "record")


def _latest(folder: Path, kind: str, key: str) -> str:
    with Ledger(folder / LEDGER, create=False) as ledger:
        found = ledger.latest(kind, key)
    assert found is not None
    return found


def test_another_round_waits_for_its_yes(house: Settings, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    points = [Point.ROUND, Point.SPEND]
    pause = paused(lambda: design(empty_rounds(house), settings=house, out=folder, approve=points))
    # An empty round spends nothing, so nobody is asked whether it may.
    assert (pause.key, pause.shows["round"].get("generated", 0)) == ("round/1", 0)
    assert "critique" in pause.shows
    assert pause.shows["left"]["rounds"] == 49
    result = resume(folder, settings=house, decision=Decision.APPROVE)
    assert result.stop.reason is StopReason.STALLED
    assert keys(folder, "pause") == ["round/1"]


@pytest.mark.parametrize("cut_after", ["pause", "approval"])
def test_a_kill_between_interrupt_and_resume_repeats_nothing(
    house: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cut_after: str
) -> None:
    folder = tmp_path / "run"
    write = Ledger.append_many

    def killed(ledger: Ledger, rows: Any) -> None:
        listed = list(rows)
        write(ledger, listed)
        if any(row[0] == cut_after for row in listed):
            raise KeyboardInterrupt

    points = {Point.PLAN, Point.SPEND}
    with monkeypatch.context() as patch:
        if cut_after == "pause":
            patch.setattr(Ledger, "append_many", killed)
            with pytest.raises(KeyboardInterrupt):
                design(checked(house), settings=house, out=folder, approve=points)
        else:
            paused(lambda: design(checked(house), settings=house, out=folder, approve=points))
            patch.setattr(Ledger, "append_many", killed)
            with pytest.raises(KeyboardInterrupt):
                resume(folder, settings=house, decision=Decision.APPROVE)
    if cut_after == "pause":
        # Still undecided: it asks again, and the pause is not written twice.
        assert paused(lambda: resume(folder, settings=house)).key == "plan"
        resuming: dict[str, Any] = {"decision": Decision.APPROVE}
    else:
        resuming = {}  # the decision stands in the ledger
    assert paused(lambda: resume(folder, settings=house, **resuming)).key == "spend/0"
    # Killed once more while it waits, before anything of the round is computed.
    assert paused(lambda: resume(folder, settings=house)).key == "spend/0"
    result = resume(folder, settings=house, decision=Decision.APPROVE)
    assert result.stop.reason is StopReason.MET
    counted = kinds(folder)
    assert (counted["pause"], counted["approval"], counted["stop"]) == (2, 2, 1)
    for kind in ("record", "candidate", "proposed", "answer", "evidence"):
        assert len(keys(folder, kind)) == len(set(keys(folder, kind))), kind
    with Ledger(folder / LEDGER, create=False) as ledger:
        assert ledger.verify().intact


def test_a_lost_checkpoint_forgets_no_decision(house: Settings, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    points = {Point.PLAN, Point.SPEND}
    paused(lambda: design(checked(house), settings=house, out=folder, approve=points))
    paused(lambda: resume(folder, settings=house, decision=Decision.APPROVE))
    for path in folder.glob(f"{CHECKPOINT}*"):
        path.unlink()
    result = resume(folder, settings=house, decision=Decision.APPROVE)
    assert result.stop.reason is StopReason.MET
    assert keys(folder, "pause") == ["plan", "spend/0"]


@pytest.mark.parametrize("at", ["plan", "spend/0"])
def test_a_refusal_ends_the_run_with_what_it_has(house: Settings, tmp_path: Path, at: str) -> None:
    folder = tmp_path / "run"
    point = Point.PLAN if at == "plan" else Point.SPEND
    assert paused(lambda: design(checked(house), settings=house, out=folder, approve=[point])).key == at
    result = resume(folder, settings=house, decision=Decision.REFUSE)
    assert result.stop.reason is StopReason.REFUSED
    assert result.stop.reason.exit_code == 3
    assert result.stop.sentence.startswith("Not met:")
    assert result.report.is_file()
    assert "record" not in kinds(folder)
    # It is over: asked again it says the same and computes nothing.
    assert resume(folder, settings=house).stop == result.stop
    with pytest.raises(UsageError, match="does not wait"):
        resume(folder, settings=house, decision=Decision.APPROVE)


def test_an_edited_plan_is_what_is_searched_for(house: Settings, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    paused(lambda: design(checked(house), settings=house, out=folder, approve=[Point.PLAN]))
    spec = current_spec(folder)
    edited = spec.model_copy(
        update={
            "targets": [Target(property="bulk_modulus", relation=Relation.ABOVE, value=240.0)],
            "objective": "somebody else's words",
        }
    )
    result = resume(folder, settings=house, spec=edited)
    assert current_spec(folder).targets == edited.targets
    assert current_spec(folder).objective == spec.objective
    with Ledger(folder / LEDGER, create=False) as ledger:
        for name in result.stop.met:
            judgement = Judgement.model_validate_json(ledger.latest("judgement", name) or "")
            assert judgement.verdicts[0].quantity is not None
            assert judgement.verdicts[0].quantity.value > 240.0
    assert len(keys(folder, "plan")) == 2


def test_a_plan_that_cannot_be_met_leaves_the_run_waiting(house: Settings, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    paused(lambda: design(checked(house), settings=house, out=folder, approve=[Point.PLAN]))
    impossible = current_spec(folder).model_copy(
        update={"targets": [Target(property="bulk_modulus", relation=Relation.ABOVE, value=5000.0)]}
    )
    before = kinds(folder)
    with pytest.raises(ImpossibleObjective, match="changed plan"):
        resume(folder, settings=house, spec=impossible)
    assert kinds(folder) == before
    assert waiting(folder) is not None
    with pytest.raises(UsageError, match="not both"):
        resume(folder, settings=house, spec=impossible, decision=Decision.REFUSE)


def test_a_run_that_does_not_wait_takes_no_decision(house: Settings, tmp_path: Path) -> None:
    result = design(checked(house), settings=house, out=tmp_path / "run")
    with pytest.raises(UsageError, match="does not wait for approval"):
        resume(result.folder, settings=house, decision=Decision.REFUSE)


def test_an_edit_in_mid_run_judges_again_from_the_records(
    make_context: MakeContext, make_spec: MakeSpec, made_candidate: Callable[..., Candidate]
) -> None:
    from matsmith.agents.critic import summarise
    from matsmith.agents.simulator import simulate

    context = make_context(make_spec(accept_known=True, candidates=5))
    known = [made_candidate(cation, strategy="known") for cation in ("Mg", "Ca")]
    for candidate in known:
        context.ledger.append("candidate", candidate.id, candidate)
    context.ledger.append("proposed", "0", json.dumps([candidate.id for candidate in known]))
    simulate(context, known, round_number=0)
    before = summarise(context, round_number=0)
    assert before.met == 1
    records = [entry.key for entry in context.ledger.entries("record")]
    pause = Pause(key="round/1", point=Point.ROUND, round=1)
    context.ledger.append("pause", pause.key, pause)
    easier = context.spec.model_copy(
        update={"targets": [Target(property="bulk_modulus", relation=Relation.ABOVE, value=90.0)]}
    )
    approval = decide(context.ledger, pause, decision=Decision.APPROVE, spec=easier)
    assert approval.edited
    assert open_pause(context.ledger) is None
    del context.plan  # the next session reads it anew
    assert take_in_edited_spec(context) == 2
    assert take_in_edited_spec(context) == 0
    assert all(context.judgements()[candidate.id].meets for candidate in known)
    (after,) = context.history()
    assert (after.met, after.generated) == (2, before.generated)
    assert [entry.key for entry in context.ledger.entries("record")] == records


def test_what_no_longer_fits_is_rejected(
    make_context: MakeContext, make_spec: MakeSpec, made_candidate: Callable[..., Candidate]
) -> None:
    from matsmith.agents.simulator import simulate

    context = make_context(make_spec(accept_known=True))
    magnesia = made_candidate("Mg", strategy="known")
    context.ledger.append("candidate", magnesia.id, magnesia)
    simulate(context, [magnesia], round_number=0)
    pause = Pause(key="round/1", point=Point.ROUND, round=1)
    without = context.spec.model_copy(
        update={"chemistry": context.spec.chemistry.model_copy(update={"excluded": ["Mg"]})}
    )
    decide(context.ledger, pause, decision=Decision.APPROVE, spec=without)
    del context.plan
    take_in_edited_spec(context)
    judgement = context.judgements()[magnesia.id]
    assert "contains Mg" in judgement.rejected
    assert not judgement.meets
    assert judgement.verdicts == []


def test_a_decision_is_taken_once(make_context: MakeContext) -> None:
    context = make_context()
    pause = Pause(key="plan", point=Point.PLAN)
    first = decide(context.ledger, pause, decision=Decision.APPROVE)
    head = context.ledger.head
    assert decide(context.ledger, pause, decision=Decision.REFUSE) == first
    assert context.ledger.head == head
    # A plan that comes back as it was is no edit.
    again = decide(
        context.ledger, Pause(key="spend/0", point=Point.SPEND), decision=Decision.APPROVE, spec=context.spec
    )
    assert not again.edited
    assert last_plan(context.ledger) == context.plan


@pytest.mark.parametrize(
    ("names", "says"), [("plans", "no point 'plans'"), ("", "No point"), (",", "No point")]
)
def test_points_that_do_not_exist_are_named(names: str, says: str) -> None:
    with pytest.raises(UsageError, match=says) as caught:
        points_of(names)
    assert "plan, spend, round" in caught.value.hint


def test_no_record_is_made_while_a_run_waits(house: Settings, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    paused(lambda: design(checked(house), settings=house, out=folder, approve=[Point.SPEND]))
    with Ledger(folder / LEDGER, create=False) as ledger:
        assert [Record.model_validate_json(entry.body) for entry in ledger.entries("record")] == []


def test_a_refused_round_ends_as_met_when_it_has_what_was_asked_for(house: Settings, tmp_path: Path) -> None:
    # New ones are sought beside the known ones, so the run would go on; the known answers are enough by themselves.
    check = checked(house, accept_known=False)
    folder = tmp_path / "run"
    pause = paused(lambda: design(check, settings=house, out=folder, approve=[Point.ROUND]))
    assert pause.shows["round"]["met"] >= 1
    result = resume(folder, settings=house, decision=Decision.REFUSE)
    assert result.stop.reason is StopReason.MET
    assert "Another round was refused" in result.stop.sentence
    assert result.stop.met
