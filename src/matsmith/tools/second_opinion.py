"""A second opinion on a modulus: what a model that knows the composition alone says, held against what a potential gave.

The two err for different reasons, so that where they agree more can be concluded than from either, and where they differ beyond
their errors nothing can. The model's values are those of tables of computed moduli, and are brought to measurement as these are
(knowledge/table_moduli.py).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from pydantic import JsonValue

from matsmith.core.errors import DataError, SpecError
from matsmith.core.verdict import DISAGREEMENT_SIGMAS
from matsmith.knowledge.table_moduli import table_moduli
from matsmith.models.predictors.library import predicted, weights_identity

if TYPE_CHECKING:
    from pymatgen.core import Structure

Modulus = Literal["bulk_modulus", "shear_modulus"]


@dataclass(frozen=True, kw_only=True)
class Opinion:
    """A modulus in GPa against experiment at 300 K with its one-sigma error, and who says so."""

    value_gpa: float
    sigma_gpa: float
    source: str

    def differs(self, value_gpa: float, sigma_gpa: float) -> bool:
        """Whether another value lies farther away than both errors allow; as verdicts hold two methods against each other."""
        gap = abs(self.value_gpa - value_gpa)
        return gap > DISAGREEMENT_SIGMAS * math.hypot(self.sigma_gpa, sigma_gpa)


def opinion_on(name: Modulus, formula: str) -> Opinion | str:
    """The opinion on a modulus of a formula, or in words why there is none."""
    try:
        found = predicted(name, formula)
    except (SpecError, DataError) as error:
        return error.message
    if not found.in_domain:
        return f"{formula} lies outside what the model of compositions was trained on"
    known = table_moduli()
    factor = known.bulk_factor if name == "bulk_modulus" else known.shear_factor
    value = factor * found.value
    return Opinion(
        value_gpa=value,
        sigma_gpa=math.hypot(factor * found.sigma, known.errors[name].of(value)),
        source=found.method,
    )


@dataclass(frozen=True, kw_only=True)
class ShearOpinion:
    """What the composition says beside a shear modulus of the potential: an opinion or why there is none, and the one that differs."""

    said: Opinion | str
    doubted: Opinion | None
    words: str

    @property
    def fact(self) -> JsonValue:
        """As it stands among the facts of a record."""
        if isinstance(self.said, str):
            return self.said
        return {
            "shear_modulus_gpa": round(self.said.value_gpa, 2),
            "sigma_gpa": round(self.said.sigma_gpa, 2),
            "agrees": self.doubted is None,
            "source": self.said.source,
        }


def opinion_on_shear(
    structure: Structure, *, shear_gpa: float, sigma_gpa: float, pressure_gpa: float = 0.0
) -> ShearOpinion:
    """Hold a shear modulus of the potential against what the composition of the crystal says; `words` are empty where both agree."""
    formula = str(structure.composition.reduced_formula)
    said = (
        "models of compositions know ambient pressure alone"
        if pressure_gpa
        else opinion_on("shear_modulus", formula)
    )
    if isinstance(said, str) or not said.differs(shear_gpa, sigma_gpa):
        return ShearOpinion(said=said, doubted=None, words="")
    words = (
        f"two methods disagree on the shear modulus: {shear_gpa:.0f} GPa by the potential, {said.value_gpa:.0f} ± "
        f"{said.sigma_gpa:.0f} GPa by the composition"
    )
    return ShearOpinion(said=said, doubted=said, words=words)


def opinions_identity() -> str:
    """What opinions depend on: the weights of the models."""
    return weights_identity(["bulk_modulus", "shear_modulus"])
