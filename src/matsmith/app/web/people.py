"""Who may use a server that several people share: a file of names, each with the hash of a token.

    # name  SHA-256 of the token
    ada     9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08

Tokens are made here, from 24 random bytes: nothing shorter of a person's own may stand for them, since a fast hash does not protect a
guessable word. The file is read again when it changes, so that somebody is let in or shut out without a restart.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import re
import secrets
import sys
import threading
from pathlib import Path

from matsmith.core.errors import UsageError

NAME = re.compile(r"[a-z][a-z0-9_-]{0,31}")
_HASH = re.compile(r"[0-9a-f]{64}")
_HEAD = "# name  SHA-256 of the token; made by `matsmith serve --users FILE --add NAME`\n"


class People:
    """The people of one file. Raises `UsageError` when it cannot be read, names nobody, or has a line that is none."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = threading.Lock()
        self._stamp = _stamp(path)
        self._hashes = read_people(path)
        if not self._hashes:
            raise UsageError(
                f"{path} names nobody.", hint=f"Let somebody in: matsmith serve --users {path} --add NAME."
            )

    def who(self, token: str) -> str | None:
        """Whose token it is; None for a stranger's. Every hash is compared, so that the time tells nothing."""
        self._look_again()
        given = hash_of(token)
        found: str | None = None
        for name, kept in self._hashes.items():
            if hmac.compare_digest(given, kept):
                found = name
        return found

    def names(self) -> list[str]:
        """Everybody."""
        self._look_again()
        return list(self._hashes)

    def _look_again(self) -> None:
        stamp = _stamp(self.path)
        if stamp == self._stamp:
            return
        with self._lock:
            if stamp == self._stamp:
                return
            try:
                self._hashes = read_people(self.path)
            except UsageError as error:
                # Half a file, while somebody edits it: those known before stay until it can be read.
                print(f"matsmith: {error}", file=sys.stderr, flush=True)
            self._stamp = stamp


def hash_of(token: str) -> str:
    """What is kept of a token."""
    return hashlib.sha256(token.encode("utf-8", errors="surrogatepass")).hexdigest()


def read_people(path: Path) -> dict[str, str]:
    """Name -> hash of the token. Raises `UsageError` that names the line at fault."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(
            f"The list of people {path} cannot be read: {error}.",
            hint=f"Make one: matsmith serve --users {path} --add NAME.",
        ) from error
    found: dict[str, str] = {}
    for number, line in enumerate(text.splitlines(), start=1):
        words = line.split("#")[0].split()
        if not words:
            continue
        if len(words) != 2 or not NAME.fullmatch(words[0]) or not _HASH.fullmatch(words[1]):
            raise UsageError(
                f"Line {number} of {path} is no name with the hash of a token.",
                hint="A line looks like: ada 9f86d0... (64 characters).",
            )
        if words[0] in found:
            raise UsageError(f"{path} names {words[0]} twice.", hint="Take one of the lines out.")
        found[words[0]] = words[1]
    return found


def add_person(path: Path, name: str) -> str:
    """Let somebody in; returns the token, which is kept nowhere. Raises `UsageError` for a name that is taken or cannot be one."""
    if not NAME.fullmatch(name):
        raise UsageError(
            f"Nobody can be called {name[:40]!r} here.",
            hint="Use at most 32 small letters, digits, hyphens and underscores, a letter first.",
        )
    people = read_people(path) if path.exists() else {}
    if name in people:
        raise UsageError(f"{name} has a token already.", hint=f"--remove {name} first to make another.")
    token = secrets.token_urlsafe(24)
    _write(path, {**people, name: hash_of(token)})
    return token


def remove_person(path: Path, name: str) -> None:
    """Shut somebody out; what they made stays. Raises `UsageError` when there is nobody of the name."""
    people = read_people(path)
    if name not in people:
        raise UsageError(
            f"{path} names no {name[:40]!r}.", hint=f"It names: {', '.join(people) or 'nobody'}."
        )
    del people[name]
    _write(path, people)


def _write(path: Path, people: dict[str, str]) -> None:
    body = _HEAD + "".join(f"{name} {kept}\n" for name, kept in people.items())
    fresh = path.with_name(f"{path.name}.{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            file.write(body)
        fresh.replace(path)
    except OSError as error:
        raise UsageError(
            f"The list of people {path} cannot be written: {error.strerror}.", hint="Choose another place."
        ) from error


def _stamp(path: Path) -> tuple[int, int, int]:
    try:
        found = path.stat()
    except OSError:
        return (0, 0, 0)
    return (found.st_mtime_ns, found.st_size, found.st_ino)
