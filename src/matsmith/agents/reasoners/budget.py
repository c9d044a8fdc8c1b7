"""The limits on what a language model may cost, enforced before each request."""

from __future__ import annotations

import math
import threading

from matsmith.agents.reasoners.interface import Usage
from matsmith.core.errors import BudgetExceeded, SettingsError

CHARACTERS_PER_TOKEN = 3.0
"""Deliberately low for the JSON and formulas sent here, so that an estimate errs towards too many tokens."""


def estimate_tokens(text: str) -> int:
    """Upper-side estimate of the tokens in a text, for servers that report none.

    >>> estimate_tokens("bulk modulus")
    4
    """
    return math.ceil(len(text.encode("utf-8", errors="replace")) / CHARACTERS_PER_TOKEN)


class ModelBudget:
    """Calls and tokens that may be spent, shared by whoever holds it; safe to use from several threads."""

    def __init__(
        self,
        *,
        calls: int = 200,
        tokens: int = 1_000_000,
        cost_usd: float | None = None,
        spent: Usage | None = None,
    ) -> None:
        """Set the limits; `cost_usd` None sets none on cost. `spent` is what an interrupted run had already used."""
        if calls < 0 or tokens < 0 or (cost_usd is not None and not cost_usd >= 0):
            raise SettingsError(
                "A model budget cannot be negative.", hint="Give calls, tokens and cost as 0 or more."
            )
        self.calls = calls
        self.tokens = tokens
        self.cost_usd = cost_usd
        self._spent = spent or Usage()
        self._lock = threading.Lock()

    def __repr__(self) -> str:
        return (
            f"ModelBudget(calls={self._spent.calls}/{self.calls}, tokens={self._spent.tokens}/{self.tokens})"
        )

    @property
    def spent(self) -> Usage:
        """What was spent so far."""
        return self._spent

    @property
    def tokens_left(self) -> int:
        """Tokens that may still be spent; never negative, although a server may overrun its last answer."""
        return max(0, self.tokens - self._spent.tokens)

    @property
    def cost_left_usd(self) -> float:
        """US dollars that may still be spent; infinite without a limit."""
        return math.inf if self.cost_usd is None else max(0.0, self.cost_usd - (self._spent.cost_usd or 0.0))

    def check(self, *, tokens: int = 0, cost_usd: float = 0.0) -> None:
        """Raise `BudgetExceeded` when one more call of that many tokens, at that cost, does not fit."""
        with self._lock:
            self._check(tokens, cost_usd)

    def take_call(self, *, tokens: int = 0, cost_usd: float = 0.0) -> None:
        """Check, and count one call, in one step. Tokens and cost are counted by `spend` when they are known."""
        with self._lock:
            self._check(tokens, cost_usd)
            self._spent += Usage(calls=1)

    def spend(self, usage: Usage) -> None:
        """Count what a request has cost."""
        with self._lock:
            self._spent += usage

    def _check(self, tokens: int, cost_usd: float) -> None:
        if self._spent.calls >= self.calls:
            raise BudgetExceeded(
                f"All {self.calls} calls to the language model are spent.",
                hint="Raise the budget's model_calls, or go on with --reasoner rules.",
            )
        if self._spent.tokens + tokens > self.tokens:
            raise BudgetExceeded(
                f"The next call needs about {tokens} tokens and {self.tokens_left} of {self.tokens} are left.",
                hint="Raise the budget's model_tokens, or go on with --reasoner rules.",
            )
        if cost_usd > self.cost_left_usd:
            raise BudgetExceeded(
                f"The next call costs about {cost_usd:.2g} USD and {self.cost_left_usd:.2g} of {self.cost_usd:.2g} USD are left.",
                hint="Raise the limit on cost (--max-cost), or go on with --reasoner rules.",
            )
