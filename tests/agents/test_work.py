"""What counts for a verdict: computations and tables, and predictions only where neither speaks."""

from __future__ import annotations

from collections.abc import Callable

from pydantic import JsonValue

from matsmith.agents.work import measurements
from matsmith.core.quantity import Quantity, Relation, Truth
from matsmith.core.record import Outcome, Record
from matsmith.core.spec import DesignSpec, Target
from matsmith.core.verdict import Answer, judge

STIFF = Target(property="bulk_modulus", relation=Relation.ABOVE, value=150.0)
CAVEAT: dict[str, JsonValue] = {"inconclusive": {"bulk_modulus": "predicted from the formula alone"}}


def made(tool: str, value: float | None, *, sigma: float = 10.0) -> Record:
    quantity = Quantity(value=value or 0.0, unit="GPa", sigma=sigma, truth=Truth.EXPERIMENT_300K)
    outcome = (
        Outcome.failed("not_converged", "It did not converge.")
        if value is None
        else Outcome(
            quantities={"bulk_modulus": quantity}, facts=CAVEAT if tool == "composition_prediction" else {}
        )
    )
    return Record.of(outcome, tool=tool, tool_version="1", inputs={"value": value}, identity="", seed=0)


def answer(spec: DesignSpec, *records: Record) -> Answer:
    found = measurements(spec, 0, records)
    return judge(spec.targets[0], found, spec=spec, candidate="c", index=0).answer


def test_a_prediction_rules_out_and_never_confirms(make_spec: Callable[..., DesignSpec]) -> None:
    spec = make_spec(targets=[STIFF])
    assert answer(spec, made("composition_prediction", 60.0)) is Answer.NOT_MET
    assert answer(spec, made("composition_prediction", 300.0)) is Answer.UNKNOWN
    assert answer(spec) is Answer.UNKNOWN


def test_a_prediction_can_doubt_a_computation_and_not_a_measurement(
    make_spec: Callable[..., DesignSpec],
) -> None:
    spec = make_spec(targets=[STIFF])
    doubt = made("composition_prediction", 60.0)
    assert answer(spec, made("equation_of_state", 200.0)) is Answer.MET
    assert answer(spec, made("equation_of_state", 200.0), doubt) is Answer.UNKNOWN
    assert answer(spec, made("known_crystal", 200.0), doubt) is Answer.MET


def test_a_prediction_fills_no_gap(make_spec: Callable[..., DesignSpec]) -> None:
    spec = make_spec(targets=[STIFF])
    records = [made("equation_of_state", None), made("composition_prediction", 60.0)]
    assert measurements(spec, 0, records) == []
    assert [one.tool for one in measurements(spec, 0, records[1:])] == ["composition_prediction"]
