"""Properties predicted from the formula alone, in milliseconds: they rule candidates out and order them, and confirm nothing.

A formula does not say which polymorph is meant, and the best of many predictions is the one whose error is luckiest: where a
prediction speaks for a candidate, a tool that sees the structure, a table or a measurement has to confirm it.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pydantic import Field, JsonValue

from matsmith.core.quantity import Quantity, Truth
from matsmith.core.record import Method, Outcome
from matsmith.core.settings import Settings
from matsmith.tools.base import Args, Deps, StructureRef, tool

# Those that stand in the registry of properties; the others are asked for by name.
_MEASURES = (
    "bulk_modulus",
    "shear_modulus",
    "measured_band_gap",
    "computed_band_gap",
    "refractive_index",
    "formation_energy",
    "phonon_peak",
    "exfoliation_energy",
)
_CAVEAT = (
    "predicted from the formula alone, which does not tell the structure: it can rule out and not confirm"
)
_OUTSIDE = "outside of the domain of the composition model"
TRUTHS = {"measured_band_gap": Truth.EXPERIMENT_300K, "metallic_glass": Truth.EXPERIMENT_300K}
_TRAINED_ON = "trained on "


class CompositionPredictionArgs(Args):
    """Whose composition, and which properties."""

    structure: StructureRef | None = Field(
        default=None,
        description="a structure; only its formula is used",
        json_schema_extra={"x-reference": "structure"},
    )
    formula: str | None = Field(
        default=None, min_length=1, max_length=400, description="or a formula, such as BaTiO3 or Ga0.5In0.5As"
    )
    properties: tuple[str, ...] = Field(
        default=(),
        max_length=20,
        description="which to predict; those that targets name by default. Also agl_thermal_conductivity, agl_thermal_expansion, "
        "agl_debye_temperature (quasi-harmonic Debye model) and metallic_glass",
    )


def _missing(settings: Settings) -> str | None:
    del settings
    from matsmith.models.predictors.library import shipped

    return None if shipped() else "the weights of the composition models are not here: reinstall matsmith."


def _default() -> tuple[str, ...]:
    from matsmith.models.predictors.library import shipped

    return tuple(name for name in shipped() if name in _MEASURES)


def _identity(settings: Settings) -> str:
    del settings
    from matsmith.models.predictors.library import shipped, weights_identity

    return weights_identity(shipped())


def _run_many(batch: Sequence[CompositionPredictionArgs], *, deps: Deps) -> Iterator[tuple[int, Outcome]]:
    """Predict for all at once; what cannot be read fails alone."""
    from matsmith.core.errors import SpecError, UsageError
    from matsmith.models.predictors.compositions import gather, read_formula
    from matsmith.models.predictors.library import check_covered, predict_arrays
    from matsmith.models.predictors.targets import predicted_property

    started = time.perf_counter()
    readable: dict[tuple[str, ...], list[tuple[int, str, Mapping[str, float]]]] = {}
    for index, args in enumerate(batch):
        try:
            names = (
                tuple(dict.fromkeys(predicted_property(name).name for name in args.properties)) or _default()
            )
            formula = formula_of(args.structure, args.formula, deps=deps)
            fractions = read_formula(formula)
            check_covered(fractions)
        except (SpecError, UsageError) as error:
            code = "no_composition" if isinstance(error, SpecError) else "no_such_property"
            yield index, Outcome.failed(code, error.message, hint=error.hint)
            continue
        readable.setdefault(names, []).append((index, formula, fractions))
    for names, group in readable.items():
        found = predict_arrays(names, gather([fractions for _, _, fractions in group]))
        each_s = (time.perf_counter() - started) / len(batch)
        for row, (index, formula, _) in enumerate(group):
            yield index, _outcome(found, row, formula=formula).model_copy(update={"wall_s": each_s})


@tool(
    name="composition_prediction",
    title="Prediction from the formula",
    measures=_MEASURES,
    cost_s=0.02,
    identity=_identity,
    missing=_missing,
    run_many=_run_many,
)
def run(args: CompositionPredictionArgs, *, deps: Deps) -> Outcome:
    """Gaps (eV), moduli (GPa), formation energy, index and more of a formula, each with its sigma and 90 % interval.

    Sigma was calibrated on formulas left out and counts that the polymorph is not told; `in_domain` says whether the formula is
    like those trained on. A prediction can rule a candidate out and never confirms one. Typed failures: `no_composition` for
    what is no formula, has variables, unknown elements or a thousand atoms, `no_such_property`.

    Example: matsmith tool composition_prediction --args '{"formula": "BaTiO3", "properties": ["measured_band_gap"]}'
    """
    return next(outcome for _, outcome in _run_many([args], deps=deps))


def formula_of(structure: str | None, formula: str | None, *, deps: Deps) -> str:
    """The formula that is meant, of the one of the two that is given. Raises `UsageError` for none or both."""
    from matsmith.core.errors import UsageError

    if (structure is None) == (formula is None):
        raise UsageError("Give either a structure or a formula.", hint='Such as {"formula": "BaTiO3"}.')
    return formula if formula is not None else deps.crystal(structure or "").formula


def _outcome(found: Mapping[str, Any], row: int, *, formula: str) -> Outcome:
    from matsmith.models.predictors.library import method_words, model_of, one_of

    quantities: dict[str, Quantity] = {}
    details: dict[str, JsonValue] = {}
    inconclusive: dict[str, JsonValue] = {}
    citations: list[str] = []
    warnings: list[str] = []
    for name, predictions in found.items():
        one = one_of(predictions, row, name=name, formula=formula)
        quantities[name] = Quantity(
            value=one.value, unit=one.unit, sigma=one.sigma, truth=TRUTHS.get(name, Truth.DFT_0K)
        )
        details[name] = {
            "of": one.of,
            "interval_90": [one.low90, one.high90],
            "in_domain": one.in_domain,
            **({"chance_of_metal": one.chance_of_metal} if one.chance_of_metal is not None else {}),
            **({"outside_because": one.outside_because} if one.outside_because else {}),
        }
        inconclusive[name] = _CAVEAT if one.in_domain else f"{_CAVEAT}; {_OUTSIDE}: {one.outside_because}"
        if not one.in_domain:
            warnings.append(f"{name}: {_OUTSIDE}: {one.outside_because}.")
        citations.append(model_of(name).card["citation"])
    return Outcome(
        quantities=quantities,
        facts={"formula": formula, "predictions": details, "inconclusive": inconclusive},
        method=Method(
            name=f"{method_words(*found.values())}; the polymorph is not told",
            model="composition models",
            reference=_TRAINED_ON + "; ".join(dict.fromkeys(citations)),
        ),
        warnings=tuple(warnings),
    )


TOOL = run
