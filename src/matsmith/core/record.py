"""`Record`: what a tool returned, and on what it rests. Its id names the computation, not the attempt."""

from __future__ import annotations

from datetime import UTC, datetime
from enum import StrEnum

from pydantic import BaseModel, ConfigDict, Field, JsonValue

from matsmith.core.crystal import Crystal, content_hash
from matsmith.core.quantity import Quantity


class Status(StrEnum):
    """How an attempt ended. Only success is reused; a retryable failure runs again."""

    SUCCESS = "success"
    FAILURE = "failure"
    RETRYABLE = "retryable"


class Method(BaseModel):
    """What computed a value: the model with its weights, the files and the reference data."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    model: str = ""
    weights_hash: str = ""
    files: dict[str, str] = Field(default_factory=dict, description="file name -> sha256")
    reference: str = ""


class Failure(BaseModel):
    """A typed failure that was expected to be possible."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    code: str
    message: str
    hint: str = ""
    retryable: bool = False


DRAWN_FACTS = frozenset(
    {"competition_drawn", "bands", "heating_curve", "fitted_scan", "traces", "contributions"}
)
"""Names of the facts that `tools/drawn_facts.py` and `tools/drawn_series.py` make."""


class Outcome(BaseModel):
    """What a tool returns: quantities, facts and a structure, or a failure."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    quantities: dict[str, Quantity] = Field(default_factory=dict)
    facts: dict[str, JsonValue] = Field(default_factory=dict)
    crystal: Crystal | None = None
    method: Method | None = None
    warnings: tuple[str, ...] = ()
    failure: Failure | None = None
    wall_s: float = 0.0

    @property
    def facts_to_read(self) -> dict[str, JsonValue]:
        """The facts without the rows of numbers that are kept to be drawn; those are for pictures, neither for people nor for models."""
        return {name: value for name, value in self.facts.items() if name not in DRAWN_FACTS}

    @classmethod
    def failed(cls, code: str, message: str, *, hint: str = "", retryable: bool = False) -> Outcome:
        """Make the outcome of an expected failure."""
        return cls(failure=Failure(code=code, message=message, hint=hint, retryable=retryable))


class Record(BaseModel):
    """One attempt at one computation."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str
    tool: str
    tool_version: str
    inputs: dict[str, JsonValue]
    identity: str = Field(
        default="", description="hash of the weights and reference files that the result depends on"
    )
    seed: int = 0
    status: Status
    outcome: Outcome
    started_at: datetime

    @staticmethod
    def id_of(*, tool: str, tool_version: str, inputs: dict[str, JsonValue], identity: str, seed: int) -> str:
        """Hash of tool, version, inputs, weights and seed."""
        return content_hash([tool, tool_version, inputs, identity, seed])

    @classmethod
    def of(
        cls,
        outcome: Outcome,
        *,
        tool: str,
        tool_version: str,
        inputs: dict[str, JsonValue],
        identity: str,
        seed: int,
        started_at: datetime | None = None,
    ) -> Record:
        """Make the record of an outcome."""
        status = Status.SUCCESS
        if outcome.failure is not None:
            status = Status.RETRYABLE if outcome.failure.retryable else Status.FAILURE
        return cls(
            id=cls.id_of(tool=tool, tool_version=tool_version, inputs=inputs, identity=identity, seed=seed),
            tool=tool,
            tool_version=tool_version,
            inputs=inputs,
            identity=identity,
            seed=seed,
            status=status,
            outcome=outcome,
            started_at=started_at or datetime.now(UTC),
        )

    @property
    def recomputed_id(self) -> str:
        """The id that the stored content gives; it differs from `id` when the record was tampered with."""
        return self.id_of(
            tool=self.tool,
            tool_version=self.tool_version,
            inputs=self.inputs,
            identity=self.identity,
            seed=self.seed,
        )

    @property
    def quantities(self) -> dict[str, Quantity]:
        """The quantities of a success; none for a failure."""
        return self.outcome.quantities if self.status is Status.SUCCESS else {}

    def reference(self, quantity: str) -> str:
        """The way to name one of its numbers in text."""
        return f"{{r:{self.id[:8]}.{quantity}}}"
