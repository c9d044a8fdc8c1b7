"""Load a prompt, check its variables, and keep text from outside apart from instructions.

A prompt file opens with front matter between two lines `---`: `role`, `version`, `variables`, `answer` (the model of the answer) and
`untrusted`, the variables whose text comes from outside. Its sections are Role, Task, Rules, Output, Example and Input. Everything
before Input is the system message; Input is the user message, and the only place for an untrusted variable, written `{{name}}`.
"""

from __future__ import annotations

import hashlib
import re
import secrets
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from typing import Literal, TypedDict

from matsmith.core.errors import PromptError

SECTIONS = ("Role", "Task", "Rules", "Output", "Example", "Input")
_FRONT_MATTER = re.compile(r"\A---\n(.*?)\n---\n(.*)\Z", re.DOTALL)
_FIELDS = {"role", "version", "variables", "answer", "untrusted"}
_VARIABLE = re.compile(r"\{\{\s*([a-z_]+)\s*\}\}")
_HEADING = re.compile(r"^# (.+)$", re.MULTILINE)
_FENCE = re.compile(r"```json\n(.*?)\n```", re.DOTALL)
_ROLE = re.compile(r"[a-z][a-z_]*")
_INVISIBLE = frozenset({"Cc", "Cf", "Co", "Cs"})
_BLANK_LETTERS = frozenset("\u115f\u1160\u3164\uffa0\u034f\u17b4\u17b5")


class Message(TypedDict):
    """One message of a chat, as chat-completions servers take it."""

    role: Literal["system", "user", "assistant"]
    content: str


@dataclass(frozen=True, kw_only=True)
class Prompt:
    """A prompt file that has been read and found complete."""

    role: str
    version: str
    variables: frozenset[str]
    untrusted: frozenset[str]
    answer: str
    system: str
    user: str
    sha256: str

    def render(self, *, seed: int | None = None, **variables: str) -> list[Message]:
        """Fill in the variables and return the system and the user message.

        Untrusted text is cleaned of invisible characters and put between two lines with a mark. The mark is random; with a seed it
        is a hash of the seed and the text, so it repeats and still cannot be foreseen by whoever wrote the text. Raises
        `PromptError` for a variable that is missing or that the prompt does not have.
        """
        missing = sorted(self.variables - set(variables))
        unknown = sorted(set(variables) - self.variables)
        if missing or unknown:
            problem = f"lacks {', '.join(missing)}" if missing else f"has no variable {', '.join(unknown)}"
            raise PromptError(
                f"The prompt of the {self.role} {problem}.", hint="Give each variable once, by its name."
            )
        values = {
            name: fence(value, name=name, seed=seed) if name in self.untrusted else value
            for name, value in variables.items()
        }
        return [
            {"role": "system", "content": _fill(self.system, values)},
            {"role": "user", "content": _fill(self.user, values)},
        ]

    @property
    def example(self) -> tuple[str, str]:
        """Question and answer of the worked example, as JSON."""
        blocks = _FENCE.findall(self.system)
        return blocks[0], blocks[1]


@lru_cache(maxsize=16)
def load_prompt(role: str) -> Prompt:
    """Read the prompt of a role. Raises `PromptError` when there is none."""
    if not _ROLE.fullmatch(role):
        raise PromptError(f"There is no role {role!r}.", hint="Roles are lower-case words, such as planner.")
    source = files("matsmith.prompts").joinpath(f"{role}.md")
    if not source.is_file():
        raise PromptError(f"There is no prompt for the role {role!r}.", hint="Reinstall matsmith.")
    return parse_prompt(source.read_text(encoding="utf-8"), name=f"{role}.md")


def parse_prompt(text: str, *, name: str) -> Prompt:
    """Read the text of a prompt file. Raises `PromptError` that says what is wrong with it."""
    match = _FRONT_MATTER.match(text)
    if match is None:
        raise _damaged(name, "does not open with front matter between two lines ---")
    fields = _front_matter(match[1], name=name)
    body = match[2]
    found = tuple(_HEADING.findall(body))
    if found != SECTIONS:
        raise _damaged(
            name, f"has the sections {', '.join(found) or 'none'} in place of {', '.join(SECTIONS)}"
        )
    system, user = body.split("\n# Input\n")
    variables, untrusted = _names(fields["variables"]), _names(fields["untrusted"])
    used = frozenset(str(found) for found in _VARIABLE.findall(body))
    if used != variables:
        raise _damaged(name, f"uses the variables {sorted(used)} and declares {sorted(variables)}")
    if not untrusted <= set(_VARIABLE.findall(user)) or untrusted & set(_VARIABLE.findall(system)):
        raise _damaged(name, "puts an untrusted variable outside its section Input")
    if len(_FENCE.findall(system)) != 2:
        raise _damaged(
            name, "does not hold exactly one worked example: a question and an answer, each a JSON block"
        )
    return Prompt(
        role=fields["role"],
        version=fields["version"],
        variables=variables,
        untrusted=untrusted,
        answer=fields["answer"],
        system=system.strip(),
        user=user.strip(),
        sha256=hashlib.sha256(text.encode()).hexdigest(),
    )


def fence(text: str, *, name: str, seed: int | None = None) -> str:
    """Put cleaned text from outside between two lines that carry the same mark, which does not occur in it."""
    cleaned = clean(text)
    attempt = 0
    while True:
        material = f"{seed}|{attempt}|{name}|{cleaned}".encode()
        mark = secrets.token_hex(8) if seed is None else hashlib.sha256(material).hexdigest()[:16]
        if mark not in cleaned:
            return f"<<<DATA {mark} {name}>>>\n{cleaned}\n<<<END {mark}>>>"
        attempt += 1


def clean(text: str) -> str:
    r"""Remove what a reader cannot see: control and format characters, lone surrogates, variation selectors, blank letters.

    >>> clean("bulk\u200b modulus\x07")
    'bulk modulus'
    """
    text = text.replace("\r\n", "\n").replace("\u2028", "\n").replace("\u2029", "\n")
    return "".join(letter for letter in text if letter in "\n\t" or _is_visible(letter))


def _is_visible(letter: str) -> bool:
    if unicodedata.category(letter) in _INVISIBLE or letter in _BLANK_LETTERS:
        return False
    return not ("\ufe00" <= letter <= "\ufe0f" or "\U000e0100" <= letter <= "\U000e01ef")


def _fill(template: str, values: Mapping[str, str]) -> str:
    """Fill in all variables in one pass, so that a value which looks like a variable stays text."""
    return _VARIABLE.sub(lambda match: values[match[1]], template)


def _front_matter(text: str, *, name: str) -> dict[str, str]:
    fields: dict[str, str] = {}
    for line in text.splitlines():
        key, separator, value = line.partition(":")
        if not separator or key.strip() in fields:
            raise _damaged(name, f"has the front matter line {line!r}, which is no single `name: value`")
        fields[key.strip()] = value.strip()
    if set(fields) != _FIELDS:
        raise _damaged(name, f"has the front matter fields {sorted(fields)} in place of {sorted(_FIELDS)}")
    return fields


def _names(text: str) -> frozenset[str]:
    return frozenset(part.strip() for part in text.strip("[]").split(",") if part.strip())


def _damaged(name: str, problem: str) -> PromptError:
    return PromptError(f"The prompt file {name} {problem}.", hint="Correct the file or reinstall matsmith.")
