"""Elastic constants, vacancies, surfaces and thermal expansion of the potential against measurement, with what is published.

Thermal expansion is the Debye-Grueneisen estimate from the equation of state alone (Moruzzi, Janak & Schwarz 1988, Phys. Rev. B 37,
790): the Debye temperature from bulk modulus, volume and mass, the Grueneisen parameter from dK/dP, and
alpha = gamma·C_v / (3·K·V). It was made for metals.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import reference_computed as computed
from numpy.typing import NDArray

from matsmith.knowledge.calibration import Calibration
from matsmith.knowledge.crystals import MeasuredCrystal, measured_crystals
from matsmith.knowledge.reference_values import ReferenceValue, reference_values
from matsmith.models.relaxation import EV_PER_ANGSTROM3_IN_GPA

if TYPE_CHECKING:
    from matsmith.models.potentials.chgnet_batch import BatchedCHGNet

FloatArray = NDArray[np.float64]
Key = tuple[str, str]
Curve = tuple[float, float | None, float | None]
"""Volume in Å³ per atom, bulk modulus in GPa, dK/dP where it can be trusted."""

BOLTZMANN_EV_PER_K = 8.617333262e-5
_BOHR_ANGSTROM = 0.529177210903
_ROOM_K = 298.0
TRUSTED_ERROR = 0.30
"""A property whose 90th percentile of the corrected, left-out error lies above this is refused."""

PUBLISHED = (
    "CHGNet 0.3.0 on its own test set: 30 meV/atom, 77 meV/Å, 0.348 GPa, 0.032 Bohr magnetons "
    "(Deng et al. 2023, Nat. Mach. Intell. 5, 1031)",
    "on 256,963 crystals it was not trained on: energy above hull MAE 61 meV/atom, F1 of stability 0.61, conductivity error "
    "kappa_SRME 1.72 of at most 2 (Riebesell et al. 2025, Matbench Discovery)",
    "M3GNet, CHGNet and MACE-MP-0 alike are too soft: energies and forces of surfaces, defects, phonons and barriers come out "
    "too low, and systematically so (Deng et al. 2025, npj Comput. Mater. 11, 9)",
    "elastic constants: the least accurate of four universal potentials against some 11,000 DFT tensors "
    "(Gao & Wang 2025, arXiv:2510.22999)",
)


def compute(crystals: Sequence[MeasuredCrystal], *, potential: BatchedCHGNet, store: computed.Store) -> None:
    """Everything of the table that needs the potential, smallest cells first."""
    wanted = {
        name: {(value.formula, value.name) for value in reference_values() if value.property == name}
        for name in ("elastic_constant", "vacancy_formation_energy", "surface_energy")
    }
    by_size = sorted(crystals, key=lambda crystal: len(crystal.structure()))

    def of(name: str) -> list[MeasuredCrystal]:
        return [crystal for crystal in by_size if (crystal.formula, crystal.name) in wanted[name]]

    computed.surfaces(of("surface_energy"), potential=potential, store=store)
    computed.elastic_constants(of("elastic_constant"), potential=potential, store=store)
    computed.vacancies(of("vacancy_formation_energy"), potential=potential, store=store)


def report(
    *,
    potential: BatchedCHGNet,
    store: computed.Store,
    curves: Mapping[Key, Curve],
    calibration: dict[str, Any],
) -> int:
    """Print the tables; returns the number of values compared."""
    crystals = {(crystal.formula, crystal.name): crystal for crystal in measured_crystals()}
    known = Calibration.model_validate(calibration)
    found: dict[str, list[tuple[ReferenceValue, float]]] = {}
    for value in reference_values():
        crystal = crystals[value.formula, value.name]
        number = _computed(value, crystal, potential=potential, store=store, curves=curves, calibration=known)
        if number is not None and math.isfinite(number):
            found.setdefault(_line_of(value), []).append((value, number))
    print(
        "\nOther properties: computed / measured - 1, then with one factor fitted without the crystal that is judged"
    )
    print(f"  {'':28s}   n   median     size: median, 90th %   factor   left out: median, 90th %")
    for line in sorted(found):
        _print(line, found[line])
    _print_born(found)
    print("Published of the potential:")
    for sentence in PUBLISHED:
        print(f"  {sentence}")
    return sum(len(pairs) for pairs in found.values())


def thermal_expansion_per_k(
    *, volume_angstrom3: float, bulk_modulus_gpa: float, pressure_derivative: float, mass_g_per_mol: float
) -> float:
    """Linear expansion at 298 K from volume and mass of the mean atom, bulk modulus and dK/dP.

    >>> alpha = thermal_expansion_per_k(
    ...     volume_angstrom3=11.81, bulk_modulus_gpa=137.0, pressure_derivative=5.3, mass_g_per_mol=63.55
    ... )
    >>> 1.2e-5 < alpha < 2.0e-5  # copper: 1.65e-5
    True
    """
    radius_bohr = (3 * volume_angstrom3 / (4 * math.pi)) ** (1 / 3) / _BOHR_ANGSTROM
    debye_k = 41.63 * math.sqrt(radius_bohr * 10 * bulk_modulus_gpa / mass_g_per_mol)
    gamma = (1 + pressure_derivative) / 2 - 2 / 3
    heat_ev_per_k = 3 * BOLTZMANN_EV_PER_K * _debye_heat(debye_k / _ROOM_K)
    modulus_ev_per_angstrom3 = bulk_modulus_gpa / EV_PER_ANGSTROM3_IN_GPA
    return gamma * heat_ev_per_k / (3 * modulus_ev_per_angstrom3 * volume_angstrom3)


def _debye_heat(ratio: float) -> float:
    """C_v over 3·k_B at Debye temperature / temperature."""
    x = np.linspace(1e-6, ratio, 2001)
    integrand = x**4 * np.exp(x) / np.expm1(x) ** 2
    return float(3 / ratio**3 * np.trapezoid(integrand, x))


def _computed(
    value: ReferenceValue,
    crystal: MeasuredCrystal,
    *,
    potential: BatchedCHGNet,
    store: computed.Store,
    curves: Mapping[Key, Curve],
    calibration: Calibration,
) -> float | None:
    if value.property == "linear_thermal_expansion":
        volume, modulus, derivative = curves.get((value.formula, value.name), (0.0, None, None))
        if modulus is None or derivative is None:
            return None
        composition: Any = crystal.structure().composition
        amounts = {str(symbol): float(n) for symbol, n in composition.as_dict().items()}
        corrected = modulus * calibration.correction(amounts, computed=modulus)
        return 1e6 * thermal_expansion_per_k(
            volume_angstrom3=volume,
            bulk_modulus_gpa=corrected,
            pressure_derivative=derivative,
            mass_g_per_mol=float(composition.weight) / float(composition.num_atoms),
        )
    kind = {
        "elastic_constant": "elastic",
        "vacancy_formation_energy": "vacancy",
        "surface_energy": "surface",
    }[value.property]
    held: dict[str, Any] = store.get(computed.key_of(kind, crystal, potential)) or {}
    if kind == "elastic":
        return held.get("constants", {}).get(value.component)
    return held.get("energy_ev" if kind == "vacancy" else "energy_j_per_m2")


def _line_of(value: ReferenceValue) -> str:
    return value.component if value.property == "elastic_constant" else value.property


def _print(line: str, pairs: list[tuple[ReferenceValue, float]]) -> None:
    """One line: raw errors, then those with a factor that was fitted on the other crystals; refused when they stay large."""
    ratio = np.array([number / value.value for value, number in pairs])
    raw = 100 * (ratio - 1)
    left = np.array([ratio[k] / float(np.median(np.delete(ratio, k))) - 1 for k in range(len(ratio))])
    size = 100 * np.abs(left)
    ninetieth = float(np.percentile(size, 90))
    verdict = "" if ninetieth <= 100 * TRUSTED_ERROR else "   refused: not to be trusted"
    print(
        f"  {line:28s} {len(pairs):3d} {np.median(raw):+8.1f} {np.median(np.abs(raw)):15.1f} {np.percentile(np.abs(raw), 90):8.1f} "
        f"{1 / float(np.median(ratio)):9.2f} {np.median(size):14.1f} {ninetieth:8.1f}{verdict}"
    )


def _print_born(found: Mapping[str, list[tuple[ReferenceValue, float]]]) -> None:
    """How many crystals, all of them stable, the potential calls unstable against a shear or a stretch."""
    constants: dict[Key, dict[str, float]] = {}
    for name in ("C11", "C12", "C44"):
        for value, number in found.get(name, []):
            constants.setdefault((value.formula, value.name), {})[name] = number
    wrong = [
        formula
        for (formula, _), held in constants.items()
        if held.get("C44", 1.0) <= 0 or held.get("C11", 1.0) <= held.get("C12", 0.0)
    ]
    print(
        f"  mechanically unstable by the potential: {len(wrong)} of {len(constants)}: {', '.join(wrong) or 'none'}"
    )
