"""Keeps keys out of whatever is written, shown or raised."""

from __future__ import annotations

import re
from collections.abc import Iterable

_LOOKS_LIKE_A_KEY = re.compile(r"\b(?:sk|key)-[\w*-]{6,}")
_MASK = "***"


class Scrubber:
    """Knows the keys of this program and takes them out of texts."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        """Take the keys. Words such as `ollama`, which stand in for a key, are no secrets in an answer."""
        self._all = sorted({secret for secret in secrets if secret}, key=len, reverse=True)
        self._true = [secret for secret in self._all if len(secret) >= 20 or _is_no_word(secret)]

    def text(self, text: str) -> str:
        """The text of a model or a user without keys, otherwise as it is."""
        for secret in self._true:
            if secret in text:
                text = text.replace(secret, _MASK)
        return text

    def line(self, text: str, *, longest: int = 300) -> str:
        """Cut what a server said to one short line without anything like a key."""
        for secret in self._all:
            text = text.replace(secret, _MASK)
        text = _LOOKS_LIKE_A_KEY.sub(_MASK, text)
        line = " ".join("".join(letter if letter.isprintable() else " " for letter in text[:10_000]).split())
        return line if len(line) <= longest else line[: longest - 1] + "…"

    def held_back(self, text: str) -> int:
        """How many letters at the end of a text may be the beginning of a key, so that they wait for what follows."""
        longest = 0
        for secret in self._true:
            for length in range(min(len(secret) - 1, len(text)), longest, -1):
                if text.endswith(secret[:length]):
                    longest = length
                    break
        return longest


def _is_no_word(secret: str) -> bool:
    return len(secret) >= 8 and any(letter.isdigit() for letter in secret)
