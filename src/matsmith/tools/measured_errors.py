"""The measured error that a tool's result carries, by the kind of material and the potential of the settings."""

from __future__ import annotations

from typing import TYPE_CHECKING

from matsmith.core.settings import Settings
from matsmith.knowledge.method_errors import Measured, MethodError, method_error
from matsmith.tools.potential import identity, is_default, name_of

if TYPE_CHECKING:
    from pymatgen.core import Structure

KINDS = ("element", "compound")


def kind_of(structure: Structure) -> str:
    """Whether a crystal is an element or a compound: their errors differ."""
    return "element" if len(structure.composition.elements) == 1 else "compound"


def error_of(name: Measured, *, kind: str, settings: Settings) -> MethodError:
    """The correction and the error of a quantity for a kind of material; of another potential than the default, assumed."""
    return method_error(name, kind=kind, foreign=None if is_default(settings) else name_of(settings))


def identity_with_errors(name: Measured, *, settings: Settings, kinds: tuple[str, ...] = KINDS) -> str:
    """What a result depends on: the potential, and the versions of its errors."""
    versions = ":".join(error_of(name, kind=kind, settings=settings).version for kind in kinds)
    return f"{identity(settings)}:{versions}"
