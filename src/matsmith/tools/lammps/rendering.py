"""From a template and checked values to the text that LAMMPS reads; whatever the template does not allow is refused.

A template is written by whoever writes a protocol and belongs to the program; values come from requests. A value is an integer, a
finite number, an element's symbol, several of them, or a plain name: none can hold a blank, a line break, `$`, `&`, a quote
or a path. The rendered script is then read again line by line, and only commands, styles and file names of the lists below pass.
`${x}`, `$(...)` and `v_x` are LAMMPS' own variables and stand in the template alone.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence

from matsmith.core.elements import is_element
from matsmith.core.errors import ToolError

Value = int | float | str | Sequence[str]


class ScriptError(ToolError):
    """A value or a line that must not reach LAMMPS."""


_PLACEHOLDER = re.compile(r"(?<!\$)\{([a-z][a-z0-9_]*)\}")
_NAME = re.compile(r"[a-z][a-z0-9_]{0,40}")
_FILE = re.compile(r"[a-z][a-z0-9_]{0,40}\.(profile|dump)")
_LARGEST = 1e15
_COMMANDS = frozenset(
    [
        "change_box",
        "compute",
        "compute_modify",
        "create_atoms",
        "delete_atoms",
        "displace_atoms",
        "dump",
        "dump_modify",
        "fix",
        "fix_modify",
        "group",
        "lattice",
        "min_modify",
        "min_style",
        "minimize",
        "neigh_modify",
        "neighbor",
        "region",
        "replicate",
        "reset_timestep",
        "run",
        "run_style",
        "set",
        "thermo_modify",
        "thermo",
        "timestep",
        "uncompute",
        "undump",
        "unfix",
        "variable",
        "velocity",
        "comm_modify",
    ]
)
_FIXES = frozenset(
    [
        "adapt",
        "addforce",
        "atom/swap",
        "ave/atom",
        "ave/chunk",
        "ave/correlate",
        "ave/histo",
        "ave/time",
        "aveforce",
        "box/relax",
        "deform",
        "ehex",
        "enforce2d",
        "halt",
        "heat",
        "langevin",
        "lineforce",
        "momentum",
        "move",
        "msst",
        "nph",
        "npt",
        "nve",
        "nve/limit",
        "nve/noforce",
        "nvk",
        "nvt",
        "nvt/sllod",
        "planeforce",
        "press/berendsen",
        "press/langevin",
        "recenter",
        "setforce",
        "spring",
        "spring/self",
        "store/state",
        "temp/berendsen",
        "temp/csld",
        "temp/csvr",
        "temp/rescale",
        "thermal/conductivity",
        "ti/spring",
        "vector",
        "viscosity",
        "viscous",
        "wall/reflect",
    ]
)
_VARIABLES = frozenset({"equal", "atom", "internal", "vector"})
# Functions of variables that look outside, and the way to code in another language.
_OUTSIDE = re.compile(r"\b(?:py_|is_file|is_os|getenv|next|python|extract_setting|is_available|is_defined)")
_SLASHED = re.compile(r"[A-Za-z0-9_*-]+(?:/[A-Za-z0-9_]+)+")
_RUN_WORDS = frozenset({"upto", "start", "stop", "pre", "post", "yes", "no"})


def render(template: str, values: Mapping[str, Value]) -> str:
    """Put values into the placeholders `{name}` of a template and check the script that comes out.

    Raises `ScriptError` for a placeholder without a value, a value of another kind, and any line that is not allowed.

    >>> render("fix 1 all nvt temp {t} {t} 0.1", {"t": 300}).strip()
    'fix 1 all nvt temp 300 300 0.1'
    """

    def filled(match: re.Match[str]) -> str:
        name = match.group(1)
        if name not in values:
            raise ScriptError(f"The template has no value for {{{name}}}.")
        return written(values[name], name=name)

    body = "\n".join(line.strip() for line in template.splitlines() if line.strip())
    script = _PLACEHOLDER.sub(filled, body)
    if script.count("$") != body.count("$") or script.count("\n") != body.count("\n"):
        raise ScriptError("A value would add a line or a variable to the script.")
    check(script)
    return script + "\n"


def written(value: Value, *, name: str = "value") -> str:
    """A value as it stands in a script: numbers in full precision, element symbols and plain names as they are.

    >>> written(0.1), written(3), written(("Cu", "Ni")), written("x")
    ('0.1', '3', 'Cu Ni', 'x')
    """
    if isinstance(value, bool):
        raise ScriptError(f"{name} has to be a number or a name, not a truth value.")
    if isinstance(value, int):
        if abs(value) > _LARGEST:
            raise ScriptError(f"{name} is too large: {value}.")
        return str(int(value))
    if isinstance(value, float):
        number = float(value)
        if not math.isfinite(number) or abs(number) > _LARGEST:
            raise ScriptError(f"{name} has to be a finite number, not {number!r}.")
        return repr(number)
    if isinstance(value, str):
        if is_element(value) or _NAME.fullmatch(value):
            return str(value)
        raise ScriptError(
            f"{name} has to be an element or a plain name, not {value[:60]!r}.",
            hint="Names have small letters, digits and underscores alone.",
        )
    parts = list(value)
    if not parts or not all(isinstance(part, str) and is_element(part) for part in parts):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise ScriptError(f"{name} has to be a list of elements.")
    return " ".join(parts)


def check(script: str) -> None:
    """Raise `ScriptError` unless every line of a script is one that a protocol may have."""
    if not script.isascii() or any(ord(letter) < 32 and letter != "\n" for letter in script):
        raise ScriptError("A script has plain letters alone.")
    for line in script.split("\n"):
        _check_line(line)


def _check_line(line: str) -> None:
    words = line.split()
    if not words:
        return
    command = words[0]
    if command not in _COMMANDS:
        raise _refused(line, f"the command {command!r} is not one that a protocol may use")
    if any(mark in line for mark in ("&", "#", "\\", "`", ";", '"""')):
        raise _refused(line, "continuations, comments and marks of a shell are not allowed")
    if command == "variable":
        _check_variable(line, words)
        return
    if '"' in line or "'" in line:
        raise _refused(line, "quotes stand on lines of variables alone")
    _check_files(line, words)
    if command == "fix" and (len(words) < 4 or words[3] not in _FIXES):
        raise _refused(line, f"the fix {' '.join(words[3:4])!r} is not one that a protocol may use")
    if command == "dump" and words[3:4] != ["custom"]:
        raise _refused(line, "only `dump ... custom` is allowed")
    if command == "compute" and (len(words) < 4 or not re.fullmatch(r"[a-z0-9/]+", words[3])):
        raise _refused(line, "a compute names its style")
    if command == "run" and not all(
        word in _RUN_WORDS or word.isdigit() or _is_variable(word) for word in words[1:]
    ):
        raise _refused(line, "a run has a number of steps, and no commands of its own")


def _check_variable(line: str, words: list[str]) -> None:
    if len(words) < 4 or not re.fullmatch(r"[A-Za-z][A-Za-z0-9_]*", words[1]) or words[2] not in _VARIABLES:
        raise _refused(line, f"variables are of the styles {', '.join(sorted(_VARIABLES))}")
    if _OUTSIDE.search(line):
        raise _refused(line, "functions that look outside are not allowed")


def _check_files(line: str, words: list[str]) -> None:
    """Every word that could name a file is a declared one of the run's folder, or the name of a style."""
    for place, word in enumerate(words):
        if word in ("file", "append") and words[0] not in ("dump_modify", "group"):
            if words[0] == "fix" and place >= 4:
                continue
            raise _refused(line, "files are written by `fix ave/...` and `dump` alone")
        if place and words[place - 1] in ("file", "append") and words[0] == "fix":
            if not (_FILE.fullmatch(word) and word.endswith(".profile") and words[3].startswith("ave/")):
                raise _refused(line, "an average is written to NAME.profile")
            continue
        if words[0] == "dump" and place == 5:
            if not (_FILE.fullmatch(word) and word.endswith(".dump")):
                raise _refused(line, "frames are written to NAME.dump")
            continue
        if ".." in word or word.startswith(("/", "~")) or (":" in word and "/" in word):
            raise _refused(line, "there is a path")
        if "/" in word and not (_SLASHED.fullmatch(word) or word.startswith(("$(", "v_", "${"))):
            raise _refused(line, "there is a path")


def _is_variable(word: str) -> bool:
    return re.fullmatch(r"\$\{[A-Za-z][A-Za-z0-9_]*\}", word) is not None


def _refused(line: str, why: str) -> ScriptError:
    return ScriptError(f"The line {line[:80]!r} cannot be run: {why}.")
