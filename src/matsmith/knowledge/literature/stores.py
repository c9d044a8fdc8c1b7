"""The protocol behind which passages are found: a store ranks the row numbers of a library's passages for a question."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from matsmith.knowledge.literature.library import Library

Told = Callable[[int, int], None]
"""Called with how many passages are done and how many there are."""


class PassageStore(Protocol):
    """One way to find passages. What it keeps is derived from the library and can be made again."""

    def update(self, library: Library, *, tell: Told | None = None) -> None:
        """Bring the store up to the library; what is there already stays. DataError when it cannot be written."""
        ...

    def search(self, library: Library, question: str, *, limit: int) -> list[tuple[int, float]]:
        """Row numbers with their scores, best first; rows may be gone from the library since."""
        ...
