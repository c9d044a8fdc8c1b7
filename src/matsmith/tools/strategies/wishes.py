"""How likely a formula is to meet the targets, guessed from its known neighbours and elements; it only orders candidates."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from matsmith.core.elements import SYMBOLS
from matsmith.core.quantity import Relation
from matsmith.core.spec import DesignSpec, Target
from matsmith.knowledge.crystals import MeasuredCrystal, measured_crystals
from matsmith.knowledge.formulas import reduced_key
from matsmith.knowledge.table_sources import BY_PROPERTY
from matsmith.knowledge.tables import KnownTables, Table
from matsmith.tools.strategies.neighbours import Stoichiometry, expected_values, families, roles
from matsmith.tools.strategies.similarity import COVERED

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

# A guess has at least this relative uncertainty: the mean absolute error of the neighbours for bulk moduli.
_RELATIVE_SIGMA = 0.15
_STABILITY_SIGMA_EV_PER_ATOM = 0.03
# Below this log-probability a target is as good as missed; how far it is missed does not matter any more.
_FLOOR = -5.0
_SOFT = 0.5
# What is wanted of stability when no target asks for it: an unstable crystal helps nobody.
_STABLE_EV_PER_ATOM = 0.05
_ALWAYS_KNOWN = frozenset({"density", "price", "bulk_modulus", "energy_above_hull"})
_DALTON_PER_ANGSTROM3_IN_G_PER_CM3 = 1.66053906660


def target_scores(
    spec: DesignSpec, elements: IntArray, *, stoichiometry: Stoichiometry, tables: KnownTables
) -> FloatArray:
    """Return the summed log-probability (m,) of meeting the targets, for formulas (m, k) in their roles.

    Targets that nothing here can guess add nothing. Without a target on stability, lying within 0.05 eV/atom of the hull
    counts as one.
    """
    total = np.zeros(len(elements))
    for target in _with_stability(spec):
        guess = guessed(target.property, elements, stoichiometry=stoichiometry, tables=tables)
        if guess is not None:
            total += target.weight * (1.0 if target.hard else _SOFT) * _log_met(target, *guess)
    return total


def facts_scores(spec: DesignSpec, keys: Sequence[str], *, tables: KnownTables) -> dict[str, float]:
    """Return the summed log-probability of meeting the targets for the formulas of which every target's value is known.

    A measured value goes before a table's. Density and price are known of every formula, roughly.
    """
    targets = _with_stability(spec)
    scores = dict.fromkeys(keys, 0.0)
    for target in targets:
        source = BY_PROPERTY.get(target.property)
        table = tables.table(source.name) if source is not None and tables.has(source.name) else None
        if table is None and target.property not in _ALWAYS_KNOWN:
            continue
        known = {
            key: fact for key in scores if (fact := _fact(target.property, key, table=table)) is not None
        }
        value = np.array([fact[0] for fact in known.values()])
        sigma = np.array([fact[1] for fact in known.values()])
        gain = target.weight * (1.0 if target.hard else _SOFT) * _log_met(target, value, sigma)
        scores = {key: scores[key] + float(extra) for key, extra in zip(known, gain, strict=True)}
    return scores


def _with_stability(spec: DesignSpec) -> list[Target]:
    targets = list(spec.targets)
    if not any(target.property == "energy_above_hull" for target in targets):
        targets.append(
            Target(property="energy_above_hull", relation=Relation.BELOW, value=_STABLE_EV_PER_ATOM)
        )
    return targets


def _fact(property_name: str, key: str, *, table: Table | None) -> tuple[float, float] | None:
    """Return (value, sigma) of what is known of a formula, in the property's unit, or None."""
    crystal = _measured().get(key)
    if crystal is not None and property_name == "bulk_modulus" and crystal.bulk_modulus_gpa is not None:
        return crystal.bulk_modulus_gpa, 0.03 * crystal.bulk_modulus_gpa
    if crystal is not None and property_name == "density":
        return crystal.density_g_per_cm3, 0.01 * crystal.density_g_per_cm3
    if property_name in {"density", "price"}:
        role = roles(key)
        if role is None:
            return None
        elements, amounts = np.array([role[1]], dtype=np.int64), np.array(role[0], dtype=np.float64)
        if property_name == "density":
            value, relative = float(estimated_density_g_per_cm3(elements, amounts=amounts)[0]), 0.35
        else:
            value, relative = float(_price_usd_per_kg(elements, amounts=amounts)[0]), 0.5
        return (value, relative * value) if np.isfinite(value) else None
    if table is not None and len(rows := table.credible(key)):
        value = table.chosen(rows)
        floor = 0.01 if "energy" in property_name else 0.07 * abs(value)
        return value, floor
    if crystal is not None and property_name == "energy_above_hull" and crystal.stable_at_ambient:
        return 0.0, 0.01
    return None


@lru_cache(maxsize=1)
def _measured() -> dict[str, MeasuredCrystal]:
    """The stable measured form of each formula."""
    found: dict[str, MeasuredCrystal] = {}
    for crystal in measured_crystals():
        key = reduced_key(crystal.formula)
        if key not in found or crystal.stable_at_ambient:
            found[key] = crystal
    return found


def guessed(
    property_name: str, elements: IntArray, *, stoichiometry: Stoichiometry, tables: KnownTables
) -> tuple[FloatArray, FloatArray] | None:
    """Return value and sigma (m,) of a property in its own unit, NaN where unknown; None when nothing can guess it."""
    amounts = np.array(stoichiometry, dtype=np.float64)
    if property_name == "density":
        value = estimated_density_g_per_cm3(elements, amounts=amounts)
        return value, 0.35 * value
    if property_name == "price":
        value = _price_usd_per_kg(elements, amounts=amounts)
        return value, 0.5 * value
    family = families(property_name, tables=tables).get(stoichiometry)
    if family is None:
        return None
    guess = expected_values(family, elements)
    floor = (
        _STABILITY_SIGMA_EV_PER_ATOM if "energy" in property_name else _RELATIVE_SIGMA * np.abs(guess.value)
    )
    # Farther from everything known, less is known.
    return guess.value, np.maximum(guess.spread, floor) * (1.0 + guess.distance)


def _log_met(target: Target, value: FloatArray, sigma: FloatArray) -> FloatArray:
    from scipy.special import ndtr

    known = np.isfinite(value) & np.isfinite(sigma)
    value, sigma = np.where(known, value, 0.0), np.where(known, np.maximum(sigma, 1e-9), 1.0)
    if target.is_constraint:
        interval = target.interval
        chance: Any = ndtr((interval.high - value) / sigma) - ndtr((interval.low - value) / sigma)
        score = np.maximum(np.log(np.maximum(chance, 1e-9)), _FLOOR)
        return np.where(known, score, -1.0)
    scale = float(np.std(value[known])) if known.any() else 1.0
    centred = (value - float(np.mean(value[known]))) / max(scale, 1e-9) if known.any() else value
    sign = 1.0 if target.relation is Relation.MAXIMISE else -1.0
    return np.where(known, sign * np.clip(centred, -3.0, 3.0), 0.0)


def estimated_density_g_per_cm3(elements: IntArray, *, amounts: FloatArray) -> FloatArray:
    """Estimate the density (m,) from masses and covalent volumes, scaled by the median over the measured crystals."""
    masses, volumes = _masses_and_volumes()
    return _packing() * (masses[elements] @ amounts) / (volumes[elements] @ amounts)


@lru_cache(maxsize=1)
def _masses_and_volumes() -> tuple[FloatArray, FloatArray]:
    from ase.data import atomic_masses, covalent_radii

    masses = np.array([float(atomic_masses[z]) for z in range(1, COVERED + 1)])
    radii = np.array([float(covalent_radii[z]) for z in range(1, COVERED + 1)])
    return masses * _DALTON_PER_ANGSTROM3_IN_G_PER_CM3, 4.0 / 3.0 * np.pi * radii**3


@lru_cache(maxsize=1)
def _packing() -> float:
    from matsmith.core.elements import parse_formula

    masses, volumes = _masses_and_volumes()
    ratios: list[float] = []
    for crystal in measured_crystals():
        amounts = {SYMBOLS.index(symbol): amount for symbol, amount in parse_formula(crystal.formula).items()}
        mass = sum(masses[index] * amount for index, amount in amounts.items())
        volume = sum(volumes[index] * amount for index, amount in amounts.items())
        ratios.append(crystal.density_g_per_cm3 * float(volume / mass))
    return float(np.median(ratios))


def _price_usd_per_kg(elements: IntArray, *, amounts: FloatArray) -> FloatArray:
    masses, _ = _masses_and_volumes()
    weights = masses[elements] * amounts
    return (weights * _prices()[elements]).sum(axis=1) / weights.sum(axis=1)


@lru_cache(maxsize=1)
def _prices() -> FloatArray:
    from matsmith.knowledge.elements import facts

    found = [facts(symbol).price for symbol in SYMBOLS[:COVERED]]
    return np.array([np.nan if price is None else price.usd_per_kg for price in found])
