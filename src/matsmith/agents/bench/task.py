"""`Task`: what is asked, with which files and limits, and how code checks the answer. Read from YAML."""

from __future__ import annotations

from enum import StrEnum
from pathlib import PurePosixPath
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from matsmith.agents.bench.answer_checks import Check
from matsmith.core.elements import is_element
from matsmith.core.spec import Budget

_STRICT = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)
_NAME = r"^[a-z0-9][a-z0-9_-]{1,60}$"


class Kind(StrEnum):
    """The four kinds of tasks."""

    DESIGN = "design"
    CALCULATION = "calculation"
    LITERATURE = "literature"
    TRAP = "trap"


class Door(StrEnum):
    """The way in that a user would take: `matsmith design`, `matsmith chat` or `matsmith ask`."""

    DESIGN = "design"
    CHAT = "chat"
    ASK = "ask"


class TaskBudget(BaseModel):
    """What one attempt may spend, the same for every arm."""

    model_config = _STRICT

    wall_time_s: float = Field(default=120.0, gt=0, le=7200)
    evaluations: int = Field(default=2_000, ge=1)
    model_calls: int = Field(default=40, ge=0)
    model_tokens: int = Field(default=200_000, ge=0)
    tool_rounds: int = Field(default=12, ge=1, le=100)

    def of_run(self) -> Budget:
        """The same as the budget of a design run."""
        return Budget(
            wall_time_s=self.wall_time_s,
            evaluations=self.evaluations,
            model_calls=self.model_calls,
            model_tokens=self.model_tokens,
        )


class CrystalFile(BaseModel):
    """A crystal, written as CIF: space group, lattice (a, b, c in Å, angles in degrees) and one atom of each orbit."""

    model_config = _STRICT

    kind: Literal["crystal"] = "crystal"
    space_group: int = Field(ge=1, le=230)
    lattice: tuple[float, float, float, float, float, float]
    sites: list[tuple[str, float, float, float]] = Field(min_length=1)
    source: str = Field(
        min_length=3, description="where lattice and positions come from, or that they are made up"
    )
    comment: str = Field(default="", description="written into the file as comment lines")
    primitive: bool = True

    @field_validator("sites")
    @classmethod
    def _elements(cls, sites: list[tuple[str, float, float, float]]) -> list[tuple[str, float, float, float]]:
        for symbol, *_ in sites:
            if not is_element(symbol):
                raise ValueError(f"there is no element {symbol!r}")
        return sites


class TextFile(BaseModel):
    """A text as it stands; a document is taken into the attempt's library before the clock starts."""

    model_config = _STRICT

    kind: Literal["text", "document"]
    text: str


class PatternFile(BaseModel):
    """An X-ray powder pattern (two columns: two theta in degrees, counts) made from Bragg's law for cubic crystals.

    Each phase gives its lattice constant and its lines with relative intensities as tabulated; nothing of the package computes it.
    """

    model_config = _STRICT

    kind: Literal["pattern"]
    wavelength_angstrom: float = Field(default=1.5406, gt=0)
    phases: list[CubicPhase] = Field(min_length=1)
    noise_counts: float = Field(default=0.0, ge=0)
    seed: int = 0


class CubicPhase(BaseModel):
    """One cubic phase of a pattern: lattice constant in Å and its lines (h, k, l, relative intensity)."""

    model_config = _STRICT

    a_angstrom: float = Field(gt=0)
    lines: list[tuple[int, int, int, float]] = Field(min_length=1)
    scale: float = Field(default=1.0, gt=0)


TaskFile = Annotated[CrystalFile | TextFile | PatternFile, Field(discriminator="kind")]


class Task(BaseModel):
    """One task."""

    model_config = _STRICT

    id: str = Field(pattern=_NAME)
    kind: Kind
    door: Door
    prompt: str = Field(min_length=1)
    files: dict[str, TaskFile] = Field(default_factory=dict[str, TaskFile])
    budget: TaskBudget = TaskBudget()
    accept_known: bool = Field(default=False, description="design: whether known materials count")
    candidates: int | None = Field(default=None, ge=1, le=100, description="design: how many are wanted")
    needs: list[str] = Field(
        default_factory=list[str],
        description="tools without which the task cannot be solved; an attempt without them fails like any other",
    )
    success: Literal["answered", "refused"] = Field(
        default="answered", description="whether a right answer exists, or refusing is the right answer"
    )
    answer: list[Check] = Field(min_length=1, description="every one must hold")
    note: str = ""

    @field_validator("files")
    @classmethod
    def _plain_names(cls, files: dict[str, TaskFile]) -> dict[str, TaskFile]:
        for name in files:
            path = PurePosixPath(name)
            if path.name != name or name.startswith("."):
                raise ValueError(f"the file name {name!r} must be a plain name")
        return files

    @model_validator(mode="after")
    def _files_exist(self) -> Self:
        for check in self.answer:
            wanted = check.file_wanted
            if wanted is not None and wanted not in self.files:
                raise ValueError(
                    f"the check {check.check!r} names the file {wanted!r}, which the task does not give"
                )
        return self
