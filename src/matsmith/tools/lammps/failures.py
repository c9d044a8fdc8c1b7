"""What can go wrong in a run of LAMMPS, as typed failures that say what to change."""

from __future__ import annotations

import re
from collections.abc import Mapping

from pydantic import JsonValue

from matsmith.core.errors import ToolError


class DynamicsError(ToolError):
    """A run that was refused, or that failed in a way one has to expect; `code` is that of the typed failure."""

    def __init__(
        self,
        code: str,
        message: str,
        *,
        hint: str = "",
        retryable: bool = False,
        facts: Mapping[str, JsonValue] | None = None,
    ) -> None:
        super().__init__(message, hint=hint, retryable=retryable)
        self.code = code
        self.facts: dict[str, JsonValue] = dict(facts or {})


_QUOTED = re.compile(r"'[^']*'?|\"[^\"]*\"?")
CALMER = "Take a lower temperature, start from a relaxed cell, or choose another potential."
# What LAMMPS says -> code, what happened, what to do. The first that fits is taken, so the particular stands before the general.
_SAID: tuple[tuple[str, str, str, str], ...] = (
    (
        r"[Tt]he learned potential",
        "refused_by_potential",
        "The learned potential gives no answer for these atoms.",
        CALMER,
    ),
    (r"Lost atoms|atoms? (?:have been )?lost", "lost_atoms", "Atoms left the box.", CALMER),
    (
        r"Out of range atoms|cannot compute PPPM",
        "out_of_range",
        "Atoms moved farther than the box allows in one step.",
        CALMER,
    ),
    (
        r"Non-numeric (?:pressure|box dimensions|atom coords|positions)|[Nn]on-numeric",
        "diverged",
        "Energy or positions became infinite.",
        CALMER,
    ),
    (
        r"Bond atom|Neighbor list overflow|Too many neighbors|neighbor list overflow|Too many atoms to dump sort",
        "neighbour_overflow",
        "An atom has more neighbours than the list can hold: the cell is too dense.",
        "Start from a larger cell, or check the density and the elements of the structure.",
    ),
    (
        r"Fix (?:box/relax|npt|nph).*(?:skew|tilt)|box is too (?:tilted|skewed)|Box flips|tilt factors",
        "box_sheared",
        "The cell sheared too far.",
        "Keep its angles fixed, or start from a reduced cell.",
    ),
    (
        r"Domain too large for neighbor bins|Too many neighbor bins|Did not assign all atoms correctly",
        "box_exploded",
        "The cell grew without bound: the crystal fell apart.",
        "Lower the temperature, raise the pressure damping, or use a potential that was fitted for this crystal.",
    ),
    (
        r"Illegal box|Simulation box has shrunk|box size .*too small|Box bounds are invalid|cutoff is longer than",
        "cell_too_small",
        "The cell is smaller than the potential's reach allows.",
        "Ask for more atoms (size).",
    ),
    (
        r"Unrecognized pair style|Unknown pair style|[Uu]nrecognized (?:fix|compute|dump|minimize) style|package is not installed",
        "missing_style",
        "This build of LAMMPS lacks a style that the run needs.",
        "Choose another potential (`potential`), or install a build that has it.",
    ),
    (
        r"No matching element in (?:EAM|ADP|MEAM)|Element .* not (?:found|defined)|Incorrect args for pair coeff"
        r"|All pair coeffs are not set|does not have (?:a )?pair.coeff|Potential file .* (?:is missing|does not contain)",
        "bad_potential",
        "The potential file does not describe these elements.",
        "Choose another potential (`matsmith md --list-potentials`), or check the file and its pair style.",
    ),
    (
        r"potential file|Potential file|EAM|[Tt]ersoff|Stillinger|MEAM|SNAP|snap(?:coeff|param)|Cannot open .*file|[Uu]nexpected end of file"
        r"|Invalid .*format|Not a valid (?:integer|floating)",
        "bad_potential",
        "The potential file cannot be read as its pair style wants it.",
        "Check the file and its pair style, or use one of the catalogue.",
    ),
    (
        r"Failed to allocate|Failed to reallocate|bad_alloc|Cannot allocate memory|Out of memory",
        "out_of_memory",
        "The run needs more memory than it is allowed.",
        "Ask for fewer atoms (size).",
    ),
    (
        r"No space left|Error writing|[Ww]rite error|File size limit",
        "disk_full",
        "The disk, or what the run may write, is full.",
        "Free space, or ask for fewer frames or steps.",
    ),
    (
        r"Energy was not finite|linesearch alpha is zero",
        "diverged",
        "The minimisation found no finite energy.",
        "Check for atoms that overlap.",
    ),
)


def from_output(text: str, *, elements: tuple[str, ...] = ()) -> DynamicsError:
    """The typed failure behind what LAMMPS printed before it stopped; `text` is the end of its output.

    >>> from_output("ERROR: Lost atoms: original 500 current 498").code
    'lost_atoms'
    """
    said = _error_line(text)
    for pattern, code, message, hint in _SAID:
        if re.search(pattern, said):
            named = f" ({'-'.join(elements)})" if elements and code == "bad_potential" else ""
            if code == "bad_potential":
                # What it quotes is text out of the file, which need not be a potential: no one is to read other files that way.
                said = _QUOTED.sub("'...'", said)
            return DynamicsError(code, f"{message}{named} LAMMPS says: {said}", hint=hint)
    return DynamicsError(
        "lammps_error",
        f"LAMMPS stopped: {said or 'without a message'}",
        hint="The run's folder holds its script and its output.",
    )


def from_signal(number: int) -> DynamicsError:
    """The typed failure of a process that a signal ended."""
    if number == 9:
        return DynamicsError(
            "killed",
            "LAMMPS was killed (signal 9).",
            hint="Usually memory ran out: ask for fewer atoms (size). The same call goes on from its last restart file.",
            retryable=True,
        )
    if number in (24, 25):
        what = "computing time" if number == 24 else "bytes in a file"
        code = "time_limit" if number == 24 else "disk_full"
        return DynamicsError(
            code, f"LAMMPS used up the {what} that it is allowed.", hint="Ask for fewer atoms or steps."
        )
    if number in (2, 15):
        return DynamicsError(
            "stopped", f"LAMMPS was stopped (signal {number}).", hint="The same call goes on.", retryable=True
        )
    return DynamicsError(
        "crashed",
        f"LAMMPS crashed (signal {number}).",
        hint="A damaged potential file does that: check its checksum, or use one of the catalogue. Else take a lower temperature.",
    )


def _error_line(text: str) -> str:
    """The first line that reports an error, cut to what a person reads, without paths and places in the source."""
    lines = text.splitlines()
    for index, line in enumerate(lines):
        if "ERROR" in line:
            said = re.sub(r"^.*?ERROR(?: on proc \d+)?:[ \t]*", "", line)
            said = re.sub(r"\s*\((?:src|/|\.\.)[^)]*\)", "", said)
            following = lines[index + 1] if index + 1 < len(lines) else ""
            if not said.strip() or said.rstrip().endswith(":"):
                said += " " + following.strip()
            return " ".join(said.split())[:300]
    for line in reversed(lines):
        if line.strip():
            return " ".join(line.split())[:300]
    return ""
