"""One tree of errors: each says what happened, what to do about it, and whether trying again can help."""

from __future__ import annotations


class MatsmithError(Exception):
    """Base of every error that matsmith raises on purpose.

    `hint` is one sentence on what to do; `retryable` says whether the same call may succeed later.
    """

    exit_code = 1

    def __init__(self, message: str, *, hint: str = "", retryable: bool = False) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.retryable = retryable

    def __str__(self) -> str:
        return f"{self.message} {self.hint}".strip()


class UsageError(MatsmithError):
    """A command or a call was given something it cannot take."""

    exit_code = 2


class SettingsError(UsageError):
    """A setting or an environment variable has a value that cannot be used."""


class SpecError(UsageError):
    """A design specification is malformed: an unknown element, a unit of the wrong dimension, nothing to aim at."""


class UnitError(SpecError):
    """A unit is unknown or has the wrong dimension."""


class ImpossibleObjective(MatsmithError):
    """The targets contradict each other or what is physically possible."""

    exit_code = 4


class BudgetExceeded(MatsmithError):
    """Wall time, model calls, tokens or evaluations are used up."""

    exit_code = 3


class Interrupted(MatsmithError):
    """The user stopped the run; it can be resumed."""

    exit_code = 5


class StructureError(MatsmithError):
    """A crystal structure is missing, unreadable or unphysical."""


class PotentialError(MatsmithError):
    """An interatomic potential cannot be loaded or cannot evaluate a structure."""


class ContractError(PotentialError):
    """A potential breaks one of the promises that every potential must keep."""


class DataError(MatsmithError):
    """A data table or a reference file is missing, damaged or foreign."""


class LedgerError(MatsmithError):
    """The ledger cannot be read or written, or its chain of hashes is broken."""


class ToolError(MatsmithError):
    """A tool does not exist, or was called with arguments it does not take."""


class WorkerError(MatsmithError):
    """The process that runs tools died, ran out of memory or out of time."""


class ReasonerError(MatsmithError):
    """The language model's server failed, or answered with something that cannot be used."""


class PromptError(MatsmithError):
    """A prompt file lacks a variable or names one that does not exist."""
