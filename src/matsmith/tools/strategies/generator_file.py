"""`generators.toml`: the programs of others that make crystals, how they are called, and what they can be asked for."""

from __future__ import annotations

import hashlib
import shutil
import tomllib
from functools import lru_cache
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from matsmith.core.errors import SettingsError
from matsmith.core.properties import PROPERTIES
from matsmith.core.settings import Settings

FILE = "generators.toml"
PLACES = ("out", "count", "batch", "batches", "seed", "checkpoint", "formula", "elements", "conditions")
"""What may stand in braces in a command."""
# Names of what each of MatterGen's published checkpoints takes (its README); what has another unit than ours is left out.
_MATTERGEN_CHECKPOINTS: dict[str, tuple[str, ...]] = {
    "mattergen_base": (),
    "chemical_system": ("chemical_system",),
    "space_group": (),
    "dft_mag_density": (),
    "dft_band_gap": ("dft_band_gap",),
    "ml_bulk_modulus": ("ml_bulk_modulus",),
    "dft_mag_density_hhi_score": (),
    "chemical_system_energy_above_hull": ("chemical_system", "energy_above_hull"),
}
_MATTERGEN_PROPERTIES = {
    "dft_band_gap": "computed_band_gap",
    "ml_bulk_modulus": "bulk_modulus",
    "energy_above_hull": "energy_above_hull",
}
_SECRET = ("KEY", "TOKEN", "SECRET", "PASSWORD", "CREDENTIAL")


class Generator(BaseModel):
    """One program. `elements`, `formula` and `conditions` are the words that are added where there is such a thing to ask.

    `conditions_as_elements` names the condition that takes the elements joined by hyphens, where they go among the conditions. `environment`
    names variables that the program gets besides PATH, HOME, USER, LANG and those that choose a GPU.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(pattern=r"^[A-Za-z0-9_.-]{1,40}$")
    command: list[str] = Field(min_length=1)
    formula: list[str] = Field(default_factory=list[str])
    elements: list[str] = Field(default_factory=list[str])
    conditions: list[str] = Field(default_factory=list[str])
    conditions_as_elements: str = ""
    properties: dict[str, str] = Field(default_factory=dict[str, str])
    checkpoint: str = Field(min_length=1, description="which trained model it uses; named in the records")
    checkpoint_file: Path | None = None
    batch: int = Field(default=16, ge=1, le=4096)
    time_limit_s: float = Field(default=300.0, gt=0, le=86_400)
    disk_gb: float = Field(default=2.0, gt=0)
    environment: list[str] = Field(default_factory=list[str])

    @field_validator("command", "formula", "elements", "conditions")
    @classmethod
    def _known_places(cls, words: list[str]) -> list[str]:
        for word in words:
            try:
                word.format(**dict.fromkeys(PLACES, ""))
            except (KeyError, IndexError, ValueError) as error:
                raise ValueError(f"{word!r} holds a place that is none of {', '.join(PLACES)}") from error
        return words

    @field_validator("properties")
    @classmethod
    def _known_properties(cls, names: dict[str, str]) -> dict[str, str]:
        unknown = sorted(set(names) - set(PROPERTIES))
        if unknown:
            raise ValueError(f"there is no property {unknown[0]!r}; it goes from our name to the program's")
        return names

    @field_validator("environment")
    @classmethod
    def _no_secrets(cls, names: list[str]) -> list[str]:
        secret = [name for name in names if any(part in name.upper() for part in _SECRET)]
        if secret:
            raise ValueError(f"{secret[0]} looks like a secret, which no other program gets")
        return names

    @property
    def program(self) -> str | None:
        """Full path of the program, None where it is not there."""
        return shutil.which(self.command[0])

    @property
    def label(self) -> str:
        """Name and checkpoint, with the beginning of its file's hash where the file is named."""
        return f"{self.name}, checkpoint {self.checkpoint}{self.checkpoint_hash}"

    @property
    def checkpoint_hash(self) -> str:
        """` (sha256 ...)` of the checkpoint's file; empty where none is named."""
        if self.checkpoint_file is None:
            return ""
        stamp = self.checkpoint_file.stat()
        return f" (sha256 {_hash(self.checkpoint_file, stamp.st_mtime_ns, stamp.st_size)[:12]})"


@lru_cache(maxsize=16)
def _hash(file: Path, changed_ns: int, size: int) -> str:
    del changed_ns, size
    digest = hashlib.sha256()
    with file.open("rb") as stream:
        while chunk := stream.read(1 << 20):
            digest.update(chunk)
    return digest.hexdigest()


def generators(settings: Settings) -> list[Generator]:
    """The programs of the file, in its order. Raises `SettingsError` that names what is wrong with it."""
    file = settings.state_dir / FILE
    try:
        held: dict[str, Any] = tomllib.loads(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise SettingsError(f"{file} cannot be read: {error}.", hint="Correct it or take it away.") from error
    found: list[Generator] = []
    for name, entry in held.items():
        try:
            if not isinstance(entry, dict):
                raise ValueError("it is no table of settings")
            one = Generator.model_validate({"name": name, **_preset(dict(entry))})  # pyright: ignore[reportUnknownArgumentType]
            if one.checkpoint_file is not None and not one.checkpoint_file.is_file():
                raise ValueError(f"there is no checkpoint {one.checkpoint_file}")
        except (ValidationError, ValueError) as error:
            reason = _first(error) if isinstance(error, ValidationError) else str(error)
            raise SettingsError(
                f"[{name}] in {file} cannot be used: {reason}.", hint="Correct it or take it out."
            ) from error
        found.append(one)
    if not found:
        raise SettingsError(f"{file} names no generator.", hint="Add one, or take the file away.")
    return found


def _first(error: ValidationError) -> str:
    first = error.errors()[0]
    place = ".".join(str(part) for part in first["loc"])
    return f"{place}: {first['msg']}" if place else first["msg"]


def _preset(entry: dict[str, Any]) -> dict[str, Any]:
    """Fill in what a preset knows. MatterGen takes structures of given elements by a condition, and a formula only by other checkpoints."""
    preset = entry.pop("preset", None)
    if preset is None:
        return entry
    if preset != "mattergen":
        raise ValueError(f"there is no preset {preset!r}; there is mattergen")
    checkpoint = str(entry.get("checkpoint") or "mattergen_base")
    takes = _MATTERGEN_CHECKPOINTS.get(checkpoint)
    command: Any = entry.get("command") or ["mattergen-generate"]
    if not isinstance(command, list):
        raise ValueError("command: a list of words is wanted")
    # A folder is a model of one's own; what it was trained on stands in `properties`.
    model = (
        "--pretrained-name={checkpoint}"
        if takes is not None
        else f"--model_path={entry.get('model_path', checkpoint)}"
    )
    entry.pop("model_path", None)
    filled: dict[str, Any] = {
        "checkpoint": checkpoint,
        "conditions": [
            "--properties_to_condition_on={conditions}",
            f"--diffusion_guidance_factor={float(entry.pop('guidance', 2.0)):g}",
        ],
        "conditions_as_elements": "chemical_system" if "chemical_system" in (takes or ()) else "",
        "properties": {
            _MATTERGEN_PROPERTIES[name]: name for name in takes or () if name in _MATTERGEN_PROPERTIES
        },
        **entry,
    }
    filled["command"] = [
        *(str(word) for word in command),  # pyright: ignore[reportUnknownArgumentType,reportUnknownVariableType]
        "{out}",
        model,
        "--batch_size={batch}",
        "--num_batches={batches}",
        "--record_trajectories=False",
    ]
    return filled
