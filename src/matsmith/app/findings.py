"""What `matsmith doctor` finds: one line a thing, with what mends it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class State(StrEnum):
    """How a thing stands. Only `bad` keeps the main job from running."""

    GOOD = "good"
    ABSENT = "absent"
    WARNING = "warning"
    BAD = "bad"


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One line of the examination; `mend` is what to do about it."""

    section: str
    name: str
    state: State
    detail: str
    mend: str = ""
