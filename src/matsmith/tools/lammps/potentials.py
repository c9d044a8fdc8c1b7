"""Which potential a run uses: the catalogue of the files that ship with LAMMPS, a user's own file, or the learned potential.

The catalogue (knowledge/classical_potentials.json) holds for each potential its files with their SHA-256, its pair style and
lines, what it was fitted for, its source and its known weaknesses. A file that differs from its hash is refused, as is a style
that this build lacks. Nothing of a request's text enters a script: ids are looked up, files are copied under names of ours.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from importlib.resources import files
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field

from matsmith.core.elements import SYMBOLS, is_element
from matsmith.core.errors import DataError
from matsmith.core.settings import Settings
from matsmith.tools.lammps.failures import DynamicsError
from matsmith.tools.lammps.program import program, styles

LEARNED = "learned"
USER = "user"
_USER_FILE = "user.potential"
_LARGEST_USER_BYTES = 60_000_000
_MOST_ELEMENTS = 10
_USER_STYLES = [
    "eam/alloy",
    "eam/fs",
    "adp",
    "tersoff",
    "tersoff/mod",
    "tersoff/mod/c",
    "tersoff/zbl",
    "sw",
    "edip",
    "edip/multi",
    "vashishta",
    "extep",
    "gw",
    "gw/zbl",
    "bop",
    "meam/spline",
    "meam/sw/spline",
    "polymorphic",
]
USER_STYLES = tuple(_USER_STYLES)
"""Pair styles that one file describes, so that a user's file can be taken by its path."""


class CatalogueFile(BaseModel):
    """One file of a potential, as it ships."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$")
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")


class Entry(BaseModel):
    """One potential of the catalogue.

    `lines` are its commands: `{0}`, `{1}` are its files, `{elements}` the elements in the order of their types, `{names}` the
    names by which the files know them, `{library}` all those names. A line with `{type}` stands once for each type, with
    that type's `{element}`, `{file}` and atomic number `{z}`; one with `{type2}` and `{z2}` once for each pair of types.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str = Field(pattern=r"^[a-z0-9][a-z0-9_]*$")
    title: str
    pair_style: str
    elements: tuple[str, ...]
    lines: tuple[str, ...]
    files: tuple[CatalogueFile, ...] = ()
    names: dict[str, str] = Field(default_factory=dict[str, str])
    fitted_for: str
    citation: str
    weaknesses: tuple[str, ...] = ()
    good_for: tuple[str, ...] = ()
    poor_for: tuple[str, ...] = ()
    rank: int = Field(default=50, description="of several that cover the elements, the lowest is taken")
    cutoff_angstrom: float = Field(gt=0)
    max_timestep_ps: float = Field(default=0.002, gt=0)
    us_per_atom_step: float = Field(
        default=3.0, gt=0, description="usual microseconds an atom and step on one core"
    )
    needs: tuple[tuple[str, ...], ...] = Field(
        default=(),
        description="of each of these groups one element has to be there: compounds, and hosts of solutes",
    )
    many_body: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """The potential of a run, and why it is this one. `files` are names in the run's folder with their SHA-256."""

    id: str
    title: str
    pair_style: str
    elements: tuple[str, ...]
    sources: dict[str, Path]
    files: dict[str, str]
    reason: str
    citation: str
    weaknesses: tuple[str, ...]
    cutoff_angstrom: float
    many_body: bool
    max_timestep_ps: float
    us_per_atom_step: float
    learned: bool = False
    entry: Entry | None = field(default=None, repr=False)

    @property
    def hash(self) -> str:
        """One hash of everything that the potential is: id, lines and files."""
        lines = list(self.entry.lines) if self.entry is not None else [self.pair_style]
        text = json.dumps([self.id, lines, sorted(self.files.items())])
        return hashlib.sha256(text.encode()).hexdigest()

    def commands(self, elements: Sequence[str], *, at: str) -> list[str]:
        """The lines `pair_style` and `pair_coeff` for types in the order of `elements`; files are looked for in the folder `at`."""
        if self.learned:
            return [f"pair_style zero {self.cutoff_angstrom}", "pair_coeff * *"]
        if self.entry is None:
            return [f"pair_style {self.pair_style}", f"pair_coeff * * {at}/{_USER_FILE} {' '.join(elements)}"]
        return _written(self.entry, elements, at=at)

    def put_files(self, folder: Path) -> None:
        """Copy the files into a folder. Raises `DataError` when one is not what it was."""
        for name, source in self.sources.items():
            content = _read(source)
            if hashlib.sha256(content).hexdigest() != self.files[name]:
                raise DataError(
                    f"The potential file {source} changed while it was used.", hint="Run it again."
                )
            folder.mkdir(parents=True, exist_ok=True)
            target = folder / name
            if not target.exists() or target.read_bytes() != content:
                target.write_bytes(content)


@lru_cache(maxsize=1)
def catalogue() -> dict[str, Entry]:
    """All potentials of the catalogue by id. Raises `DataError` when it is damaged."""
    text = files("matsmith.knowledge").joinpath("classical_potentials.json").read_text(encoding="utf-8")
    entries = [Entry.model_validate(row) for row in json.loads(text)["potentials"]]
    found = {entry.id: entry for entry in entries}
    if len(found) != len(entries):
        raise DataError("Two potentials of the catalogue have one id.", hint="Reinstall matsmith.")
    return found


def covering(elements: Sequence[str]) -> list[Entry]:
    """Potentials of the catalogue that hold all these elements together, those to be preferred first."""
    wanted = set(elements)
    found = [
        entry
        for entry in catalogue().values()
        if wanted <= set(entry.elements) and all(wanted & set(group) for group in entry.needs)
    ]
    return sorted(found, key=lambda entry: (entry.rank, len(entry.elements), entry.id))


def choose(
    elements: Sequence[str],
    *,
    property_name: str | None = None,
    named: str | None = None,
    user_file: Path | None = None,
    user_style: str | None = None,
    settings: Settings,
) -> Choice:
    """The potential for these elements: the user's file, the one named by its id, or the best of the catalogue, with the reason.

    Raises `DynamicsError`: `no_potential` when none covers them, `unknown_potential`, `wrong_elements`, `missing_style`, `bad_potential`.
    """
    symbols = tuple(sorted(set(elements)))
    if not symbols or len(symbols) > _MOST_ELEMENTS or not all(is_element(symbol) for symbol in symbols):
        raise DynamicsError(
            "bad_elements", "A run has between one and ten elements.", hint="Name elements by their symbols."
        )
    if user_file is not None:
        return _of_user(user_file, user_style, symbols)
    if user_style is not None:
        raise DynamicsError(
            "bad_potential", "A pair style was given without a file.", hint="Give potential_file as well."
        )
    if named == LEARNED:
        return _learned(symbols, settings)
    if named is not None:
        return _named(named, symbols)
    known = covering(symbols)
    found = [entry for entry in known if _has_styles(entry)]
    if not found:
        lacking = (
            f" ({known[0].id} would, but this build lacks its pair style {known[0].pair_style})"
            if known
            else ""
        )
        raise DynamicsError(
            "no_potential",
            f"No classical potential covers {'-'.join(symbols)}{lacking}: use the learned one.",
            hint="Add --potential learned (slower), or give a file of your own with --potential-file and --potential-style.",
        )
    best = min(found, key=lambda entry: _preference(entry, property_name, found.index(entry)))
    return _of_entry(best, reason=_reason(best, symbols, property_name, of=len(found)))


def _preference(entry: Entry, property_name: str | None, place: int) -> tuple[int, int]:
    asked = property_name or ""
    return (1 if asked in entry.poor_for else -1 if asked in entry.good_for else 0, place)


def _reason(entry: Entry, symbols: tuple[str, ...], property_name: str | None, *, of: int) -> str:
    others = (
        f"the first of {of} in the catalogue that cover"
        if of > 1
        else "the only one in the catalogue that covers"
    )
    said = f"{others} {'-'.join(symbols)}; fitted for {entry.fitted_for}"
    if property_name is not None and property_name in entry.good_for:
        said += f"; known to be good for {property_name.replace('_', ' ')}"
    return said


def _named(named: str, symbols: tuple[str, ...]) -> Choice:
    entry = catalogue().get(named.strip().lower().replace(".", "_").replace("-", "_"))
    if entry is None:
        near = [each.id for each in covering(symbols)][:5]
        raise DynamicsError(
            "unknown_potential",
            f"There is no potential {named[:60]!r} in the catalogue.",
            hint=f"For {'-'.join(symbols)} there are: {', '.join([*near, LEARNED])}.",
        )
    lacking = sorted(set(symbols) - set(entry.elements))
    if lacking:
        raise DynamicsError(
            "wrong_elements",
            f"The potential {entry.id} does not know {', '.join(lacking)}: it is for {', '.join(entry.elements)}.",
            hint="Name another, or none: the best is then chosen.",
        )
    if not all(set(symbols) & set(group) for group in entry.needs):
        raise DynamicsError(
            "wrong_elements",
            f"The potential {entry.id} is not for {'-'.join(symbols)}: it was fitted for {entry.fitted_for}.",
            hint="Name another, or none: the best is then chosen.",
        )
    return _of_entry(entry, reason="named in the request")


def _of_entry(entry: Entry, *, reason: str) -> Choice:
    if not _has_styles(entry):
        raise DynamicsError(
            "missing_style",
            f"This build of LAMMPS lacks the pair style {entry.pair_style} of {entry.id}.",
            hint="Choose another potential, or install a build that has it.",
        )
    root = program().potentials_dir
    sources = {file.name: root / file.name for file in entry.files}
    for file in entry.files:
        if hashlib.sha256(_read(root / file.name)).hexdigest() != file.sha256:
            raise DynamicsError(
                "bad_potential",
                f"The potential file {file.name} is not the one that the catalogue knows.",
                hint="Reinstall LAMMPS, or give the file as your own with --potential-file.",
            )
    return Choice(
        id=entry.id,
        title=entry.title,
        pair_style=entry.pair_style,
        elements=entry.elements,
        sources=sources,
        files={file.name: file.sha256 for file in entry.files},
        reason=reason,
        citation=entry.citation,
        weaknesses=entry.weaknesses,
        cutoff_angstrom=entry.cutoff_angstrom,
        many_body=entry.many_body,
        max_timestep_ps=entry.max_timestep_ps,
        us_per_atom_step=entry.us_per_atom_step,
        entry=entry,
    )


def _of_user(path: Path, style: str | None, symbols: tuple[str, ...]) -> Choice:
    if style not in USER_STYLES:
        raise DynamicsError(
            "bad_potential",
            f"A potential file of one's own needs its pair style, not {str(style)[:40]!r}.",
            hint=f"Give potential_style, one of {', '.join(USER_STYLES)}.",
        )
    if style not in styles("pair"):
        raise DynamicsError(
            "missing_style",
            f"This build of LAMMPS lacks the pair style {style}.",
            hint="Choose another potential.",
        )
    content = _read(path)
    return Choice(
        id=USER,
        title=f"{' '.join(path.name.split())[:80]} (a file of the user)",
        pair_style=style,
        elements=symbols,
        sources={_USER_FILE: path},
        files={_USER_FILE: hashlib.sha256(content).hexdigest()},
        reason="given by the user",
        citation="not known: the file is the user's",
        weaknesses=("the potential is a file of the user, which was not held against anything here",),
        cutoff_angstrom=6.0,
        many_body=True,
        max_timestep_ps=0.002,
        us_per_atom_step=5.0,
    )


def _learned(symbols: tuple[str, ...], settings: Settings) -> Choice:
    from matsmith.tools.potential import hash_of, name_of

    return Choice(
        id=LEARNED,
        title=name_of(settings),
        pair_style="zero with fix external",
        elements=symbols,
        sources={},
        files={name_of(settings): hash_of(settings)},
        reason="the learned potential was asked for",
        citation="",
        weaknesses=("universal learned potentials are too soft: barriers and stiffness come out too low",),
        cutoff_angstrom=6.0,
        many_body=True,
        max_timestep_ps=0.002,
        us_per_atom_step=4000.0,
        learned=True,
    )


def _has_styles(entry: Entry) -> bool:
    parts = entry.pair_style.split()
    return all(part in styles("pair") for part in parts)


def _written(entry: Entry, elements: Sequence[str], *, at: str) -> list[str]:
    paths = [f"{at}/{file.name}" for file in entry.files]
    known = [entry.names.get(symbol, symbol) for symbol in elements]
    fixed = {
        "elements": " ".join(elements),
        "names": " ".join(known),
        "library": " ".join(entry.names.get(symbol, symbol) for symbol in entry.elements),
    }
    lines: list[str] = []
    for line in entry.lines:
        for number, symbol in enumerate(elements, start=1):
            own = paths[entry.elements.index(symbol)] if len(paths) == len(entry.elements) else ""
            one = {"type": number, "element": symbol, "file": own, "z": SYMBOLS.index(symbol) + 1}
            others = range(number, len(elements) + 1) if "{type2}" in line else (number,)
            for other in others:
                two = {"type2": other, "z2": SYMBOLS.index(elements[other - 1]) + 1}
                lines.append(line.format(*paths, **fixed, **one, **two))
            if "{type}" not in line:
                break
    return lines


def _read(path: Path) -> bytes:
    try:
        if not path.is_file():
            raise DynamicsError(
                "bad_potential",
                f"There is no potential file {path.name[:80]!r}.",
                hint="Give the path of a file.",
            )
        if path.stat().st_size > _LARGEST_USER_BYTES:
            raise DynamicsError(
                "bad_potential", f"{path.name[:80]} is too large for a potential.", hint="Check it."
            )
        return path.read_bytes()
    except (OSError, ValueError) as error:
        raise DynamicsError(
            "bad_potential",
            f"The potential file {path.name[:80]!r} cannot be read: {error}.",
            hint="Check the path.",
        ) from error
