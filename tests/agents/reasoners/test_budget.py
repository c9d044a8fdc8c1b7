from __future__ import annotations

import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from matsmith.agents.reasoners.budget import ModelBudget, estimate_tokens
from matsmith.agents.reasoners.interface import Usage
from matsmith.core.errors import BudgetExceeded, SettingsError


def test_calls_are_counted_and_end() -> None:
    budget = ModelBudget(calls=2)
    budget.take_call()
    budget.take_call()
    with pytest.raises(BudgetExceeded, match="All 2 calls"):
        budget.take_call()
    assert budget.spent.calls == 2


def test_a_call_must_fit_in_the_tokens_left() -> None:
    budget = ModelBudget(tokens=100)
    budget.spend(Usage(input_tokens=60, output_tokens=20))
    budget.check(tokens=20)
    with pytest.raises(BudgetExceeded, match="20 of 100 are left"):
        budget.check(tokens=21)
    assert budget.spent.calls == 0


def test_what_an_interrupted_run_has_spent_counts() -> None:
    with pytest.raises(BudgetExceeded):
        ModelBudget(calls=5, spent=Usage(calls=5)).check()
    assert ModelBudget(tokens=10, spent=Usage(input_tokens=50)).tokens_left == 0


def test_no_calls_at_all_may_be_allowed() -> None:
    with pytest.raises(BudgetExceeded):
        ModelBudget(calls=0).check()


def test_a_negative_budget_is_refused() -> None:
    with pytest.raises(SettingsError):
        ModelBudget(calls=-1)


def test_threads_share_one_budget() -> None:
    budget = ModelBudget(calls=500)
    refused: list[int] = []

    def work() -> None:
        for number in range(100):
            try:
                budget.take_call()
            except BudgetExceeded:
                refused.append(number)

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert budget.spent.calls == 500
    assert len(refused) == 300


@given(st.text(max_size=300))
def test_an_estimate_is_never_below_a_quarter_of_the_characters(text: str) -> None:
    assert estimate_tokens(text) >= len(text) / 4


def test_usage_adds_up() -> None:
    total = Usage(calls=1, input_tokens=2, output_tokens=3, seconds=0.5) + Usage(calls=1, estimated=True)
    assert total == Usage(calls=2, input_tokens=2, output_tokens=3, seconds=0.5, estimated=True)
    assert total.tokens == 5
