"""A folder of generated crystals: CIFs, one line of JSON each in a manifest, and what they were asked to be.

Crystals are made in parts of a fixed size, each from its own seed, so that a folder that was left half-way goes on with the same crystals: what
stands in the manifest is not made again. A folder with anything else in it is left alone.
"""

from __future__ import annotations

import json
import os
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from matsmith.core.crystal import Crystal
from matsmith.core.elements import SYMBOLS
from matsmith.core.errors import DataError, UsageError
from matsmith.tools.crystal_facts import closest_distance, density_of, space_group_of
from matsmith.tools.crystal_model import crystals_of
from matsmith.tools.crystal_wishes import CrystalWishes, requests_of
from matsmith.tools.duplicates import merge
from matsmith.tools.sound_crystals import FAULTS, TRIES, Fault, generate_sound
from matsmith.tools.structure_files import read_structure

if TYPE_CHECKING:
    from matsmith.models.diffusion.sampling import SamplingSettings
    from matsmith.models.diffusion.steering import Steering
    from matsmith.models.diffusion.weights import DiffusionModel

MANIFEST, CALL = "manifest.jsonl", "generate.json"
PART = 32
"""Crystals made together."""


@dataclass(frozen=True, kw_only=True)
class MadeCrystal:
    """One generated crystal: its number from 1, its space group within 0.1 Å, its shortest distance in Å, how often it was drawn and what is still wrong."""

    number: int
    crystal: Crystal
    space_group: int
    closest_angstrom: float
    tries: int
    fault: Fault


@dataclass(kw_only=True)
class Generation:
    """How many crystals of which wishes, by which model, from which seed, and how often unsound ones are drawn at most."""

    model: DiffusionModel
    wishes: CrystalWishes
    count: int
    seed: int
    settings: SamplingSettings
    steering: Steering | None = None
    steered_by: str = ""
    tries: int = TRIES

    def call(self) -> dict[str, Any]:
        """Everything that the crystals depend on, as plain data."""
        from dataclasses import asdict

        wishes = asdict(self.wishes)
        if self.wishes.seed is not None:
            wishes["seed"]["keep"] = sorted(self.wishes.seed.keep)
        settings = {**asdict(self.settings), "guidance": dict(self.settings.guidance)}
        whole = {
            "wishes": wishes,
            "settings": settings,
            "steered_by": self.steered_by,
            "count": self.count,
            "seed": self.seed,
            "tries": self.tries,
            "part": PART,
            "weights": self.model.sha256,
        }
        # As it comes back from a file: tuples are lists there.
        return json.loads(json.dumps(whole))

    def parts(self) -> range:
        """The numbers of the parts, from 0."""
        return range(-(-self.count // PART))

    def make(self, part: int) -> list[MadeCrystal]:
        """Make one part: the same crystals on the same machine whenever it is called."""
        first = part * PART
        count = min(PART, self.count - first)
        random = np.random.default_rng([self.seed, part])
        requests = requests_of(self.wishes, self.model.card, count=count, random=random)
        made = generate_sound(
            self.model,
            requests,
            settings=replace(self.settings, batch=PART),
            seed=int(random.integers(2**31)),
            tries=self.tries,
            steering=self.steering,
        )
        rows = zip(crystals_of(made.table), made.tries, made.faults, strict=True)
        return [
            MadeCrystal(
                number=first + index,
                crystal=crystal,
                space_group=space_group_of(crystal),
                closest_angstrom=closest_distance(crystal),
                tries=tries,
                fault=fault,
            )
            for index, (crystal, tries, fault) in enumerate(rows, start=1)
        ]


def write_folder(
    job: Generation, out: Path, *, tell: Callable[[int, int, float], None] | None = None
) -> Iterator[dict[str, Any]]:
    """Make what is lacking in a folder and yield every line of its manifest, those that stood there already first.

    In the end the manifest is in the order of the crystals' numbers, and of crystals that are the same the later ones name the first (`same_as`). `tell` hears how many of how many there are, and the seconds since the call. Raises `UsageError` for a folder that holds anything else, or
    crystals that were asked for otherwise.
    """
    _claim(job, out)
    began = time.monotonic()
    done = _finished_parts(job, out)
    lines = [line for part in sorted(done) for line in done[part]]
    _write(out / MANIFEST, _as_text(lines))
    yield from lines
    have = len(lines)
    if tell is not None:
        tell(have, job.count, 0.0)
    for part in job.parts():
        if part in done:
            continue
        made = [_write_crystal(job, one, out) for one in job.make(part)]
        with (out / MANIFEST).open("a", encoding="utf-8") as stream:
            stream.write(_as_text(made))
            stream.flush()
            os.fsync(stream.fileno())
        have += len(made)
        yield from made
        lines += made
        if tell is not None:
            tell(have, job.count, time.monotonic() - began)
    # Parts that were lost in the middle came last.
    lines.sort(key=lambda line: line["number"])
    _name_the_same(lines, out)
    _write(out / MANIFEST, _as_text(lines))


def _name_the_same(lines: list[dict[str, Any]], out: Path) -> None:
    """Write into the line of a crystal that equals an earlier one which that is."""
    # One whose atoms are too close cannot even be read back.
    sound = [line for line in lines if line.get("fault", "") in (FAULTS[Fault.NONE], FAULTS[Fault.REPEATED])]
    several = Counter(line["formula"] for line in sound)
    compared = [line for line in sound if several[line["formula"]] > 1]
    first: dict[int, str] = {}
    groups = merge([read_structure(out / str(line["file"])) for line in compared])
    for line, group in zip(compared, groups, strict=True):
        if first.setdefault(group, line["file"]) != line["file"]:
            line["same_as"] = first[group]


def _as_text(lines: list[dict[str, Any]]) -> str:
    return "".join(json.dumps(line) + "\n" for line in lines)


def _claim(job: Generation, out: Path) -> None:
    """Make the folder this call's own, or find it to be so."""
    if out.exists() and not out.is_dir():
        raise UsageError(f"{out} is a file.", hint="Give --out a folder.")
    call = job.call()
    stored = out / CALL
    if stored.is_file():
        try:
            before: Any = json.loads(stored.read_text(encoding="utf-8"))
        except ValueError as error:
            raise DataError(f"{stored} is damaged.", hint="Give another folder with --out.") from error
        if before != call:
            differing = sorted(
                key for key in call if not isinstance(before, dict) or before.get(key) != call[key]
            )  # pyright: ignore[reportUnknownMemberType]
            raise UsageError(
                f"{out} holds crystals that were asked for otherwise ({', '.join(differing)}).",
                hint="Give another folder with --out, or the options of before to go on.",
            )
        return
    if out.is_dir() and any(out.iterdir()):
        raise UsageError(
            f"{out} is not empty and was not made by `matsmith generate`.",
            hint="Give a new folder with --out.",
        )
    out.mkdir(parents=True, exist_ok=True)
    _write(stored, json.dumps(call, indent=2) + "\n")


def _finished_parts(job: Generation, out: Path) -> dict[int, list[dict[str, Any]]]:
    """Lines of the manifest by part; of a part that is torn, or whose files are gone, nothing counts."""
    found: dict[int, list[dict[str, Any]]] = {}
    try:
        text = (out / MANIFEST).read_text(encoding="utf-8")
    except FileNotFoundError:
        return found
    for raw in text.splitlines():
        try:
            line: Any = json.loads(raw)
            part = (int(line["number"]) - 1) // PART
        except (ValueError, KeyError, TypeError):
            continue
        if (out / str(line["file"])).is_file():
            found.setdefault(part, []).append(line)
    whole = {part: min(PART, job.count - part * PART) for part in job.parts()}
    return {part: lines for part, lines in found.items() if len(lines) == whole.get(part)}


def _write_crystal(job: Generation, made: MadeCrystal, out: Path) -> dict[str, Any]:
    crystal = made.crystal
    name = f"{made.number:0{len(str(job.count))}d}-{crystal.formula}.cif"
    _write(out / name, crystal.to_cif())
    wishes = job.wishes
    named = sorted({*wishes.required, *wishes.allowed}, key=SYMBOLS.index)
    line: dict[str, Any] = {
        "number": made.number,
        "file": name,
        "formula": crystal.formula,
        "atoms": len(crystal.species),
        "space_group": made.space_group,
        "density_g_cm3": round(density_of(crystal), 4),
        "closest_angstrom": round(made.closest_angstrom, 4),
        "tries": made.tries,
        "seed": job.seed,
        "weights": job.model.sha256,
        "conditions": dict(wishes.conditions),
    }
    asked = {
        "allowed": named if named and not wishes.others else [],
        "required": list(wishes.required),
        "excluded": list(wishes.excluded),
        "fault": FAULTS[made.fault],
        "asked_formula": wishes.formula,
        "asked_atoms": wishes.atoms,
        "asked_space_group": wishes.space_group,
        "motif": "" if wishes.motif is None else wishes.motif.name,
        "steered_by": job.steered_by,
    }
    return line | {key: value for key, value in asked.items() if value}


def _write(path: Path, text: str) -> None:
    draft = path.with_name(path.name + ".part")
    draft.write_text(text, encoding="utf-8")
    draft.replace(path)
