"""Stock CHGNet for the independent check: relaxed cell, formation energy on the table's basis, bulk modulus; no code of the package.

The network and its weights are the same as the package uses, so this shows errors of its own code and of its bookkeeping, and
not an error of the network itself: that is what the measured and DFT values are for.

CHGNet (Deng et al. 2023, Nat. Mach. Intell. 5, 1031) was trained on energies with the MP2020 corrections (Wang et al. 2021,
Sci. Rep. 11, 15496). The table's formation energies carry the older ones (Jain et al. 2011, Phys. Rev. B 84, 045115). Both sets
ship with pymatgen: the newer is taken off, the older put on, and the elements are taken as the older scheme takes them.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import math
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import cached_property
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from independent_facts import Facts
from pymatgen.analysis.eos import EOS, EOSError
from pymatgen.analysis.structure_analyzer import (
    oxide_type,
    sulfide_type,  # pyright: ignore[reportUnknownVariableType]
)
from pymatgen.core import Composition, Structure
from pymatgen.entries.computed_entries import ComputedEntry

VOLUME_FACTORS = (0.92, 0.947, 0.973, 1.0, 1.027, 1.053, 1.08)
# Measured crystals of small cells and different bonding, on which the factors are fitted.
HANDFUL = ["MgO", "CaO", "NaCl", "Cu", "Al", "W", "Si", "TiN", "TiC", "NiAl", "BeO", "SnO2"]
_GASES = ("N2", "F2", "Cl2", "H2")
_LEAST_SPREAD_EV_PER_ATOM = 2e-3  # of the seven energies; below it the roughness of the surface decides


@dataclass(frozen=True, kw_only=True)
class Relaxed:
    """A relaxed structure: energy in eV/atom (MP2020-corrected scale), volume in angstrom3/atom, largest force in eV/angstrom."""

    energy_ev_per_atom: float
    volume_angstrom3_per_atom: float
    largest_force_ev_per_angstrom: float
    structure: dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Calibration:
    """Measured over computed, fitted on a handful of measured crystals; sigma is the scatter of one crystal, relative."""

    modulus_factor: float
    modulus_sigma: float
    volume_factor: float
    volume_sigma: float
    crystals: int


class Corrections:
    """The two sets of energy corrections of the Materials Project, as pymatgen ships them."""

    @cached_property
    def _old(self) -> dict[str, Any]:
        return _shipped("MPCompatibility.yaml")

    @cached_property
    def _new(self) -> dict[str, Any]:
        return _shipped("MP2020Compatibility.yaml")["Corrections"]

    def difference_ev_per_atom(self, structure: Structure) -> float:
        """Older minus newer correction of a compound; zero for an element."""
        composition = structure.composition
        if len(composition) == 1:
            return 0.0
        amounts = {str(element): float(amount) for element, amount in composition.items()}
        strongest = str(max(composition.elements, key=lambda element: element.X))
        total = 0.0
        if "O" in amounts:
            kind = str(oxide_type(structure, 1.05))
            kind = "oxide" if kind in ("hydroxide", "None") else kind
            total += amounts["O"] * (
                self._old["OxideCorrections"][kind] - self._new["CompositionCorrections"][kind]
            )
        if "S" in amounts:
            kind = sulfide_type(structure)
            newer = self._new["CompositionCorrections"]["S"] if kind in ("sulfide", "polysulfide") else 0.0
            older = self._old["SulfideCorrections"]["sulfide"] if kind == "sulfide" else 0.0
            total += amounts["S"] * (older - newer)
        states = _oxidation_states(composition)
        for anion in ("Br", "I", "Se", "Si", "Sb", "Te", "H", "N", "F", "Cl"):
            if anion in amounts and (states.get(anion, 0.0) < 0 or anion == strongest):
                total -= amounts[anion] * self._new["CompositionCorrections"][anion]
        if strongest in ("O", "F"):
            older, newer = self._old["Advanced"]["UCorrections"], self._new["GGAUMixingCorrections"]
            for symbol, amount in amounts.items():
                total += amount * (older[strongest].get(symbol, 0.0) - newer[strongest].get(symbol, 0.0))
        return total / sum(amounts.values())

    def gas_ev_per_atom(self, symbol: str) -> float | None:
        """Energy that the older scheme gives to an elemental gas in place of the computed one."""
        fitted = self._old["Advanced"]["CompoundEnergies"]
        return fitted[f"{symbol}2"] if f"{symbol}2" in _GASES else None


def _shipped(name: str) -> dict[str, Any]:
    text = (resources.files("pymatgen.analysis") / "compatibility" / name).read_text(encoding="utf-8")
    return yaml.safe_load(text)


def _oxidation_states(composition: Composition) -> dict[str, float]:
    try:
        guesses: Any = composition.oxi_state_guesses(max_sites=-20)  # pyright: ignore[reportUnknownVariableType]
    except ValueError:
        return {}
    return dict(guesses[0]) if guesses else {}


class StockPotential:
    """CHGNet as its authors ship it, with its answers kept in a file between calls."""

    def __init__(self, *, data: Path, cache: Path | None = None, device: str = "cpu") -> None:
        self._data, self._cache, self._device = data, cache, device
        self._held: dict[str, Any] = {}
        if cache is not None and cache.is_file():
            self._held = json.loads(cache.read_text(encoding="utf-8"))
        self._corrections = Corrections()

    @cached_property
    def _model(self) -> Any:
        from chgnet.model.model import CHGNet

        return CHGNet.load(use_device=self._device, verbose=False)

    @cached_property
    def _optimizer(self) -> Any:
        from chgnet.model.dynamics import StructOptimizer

        return StructOptimizer(model=self._model, use_device=self._device)

    @cached_property
    def _elements(self) -> dict[str, float]:
        """Energy per atom of every element: computed, but for the gases that the older scheme fits."""
        path = self._data / "mp_elemental_reference_entries.json.gz"
        with gzip.open(path, "rt", encoding="utf-8") as file:
            rows: dict[str, dict[str, Any]] = json.load(file)
        computed = {
            symbol: float(ComputedEntry.from_dict(row).energy_per_atom) for symbol, row in rows.items()
        }
        gases = {symbol: self._corrections.gas_ev_per_atom(symbol) for symbol in computed}
        return {
            symbol: energy if (gas := gases[symbol]) is None else gas for symbol, energy in computed.items()
        }

    def _kept(self, what: str, structure: Structure, compute: Callable[[], Any]) -> Any:
        name = f"{what}:{_digest(structure)}"
        if name not in self._held:
            self._held[name] = compute()
            if self._cache is not None:
                partial = self._cache.with_suffix(".part")
                partial.write_text(json.dumps(self._held), encoding="utf-8")
                partial.replace(self._cache)
        return self._held[name]

    def relaxed(self, structure: Structure) -> Relaxed:
        """Relax cell and atoms of the primitive cell (to 0.03 eV/angstrom, 300 steps)."""
        return Relaxed(**self._kept("relaxed", structure, lambda: self._relax(structure)))

    def _relax(self, structure: Structure) -> dict[str, Any]:
        start = structure.get_primitive_structure()
        final: Structure = self._optimizer.relax(start, fmax=0.03, steps=300, verbose=False)[
            "final_structure"
        ]
        final = Structure(final.lattice, final.species, final.frac_coords)
        answer = self._model.predict_structure(final)
        return asdict(
            Relaxed(
                energy_ev_per_atom=float(answer["e"]),
                volume_angstrom3_per_atom=final.volume / len(final),
                largest_force_ev_per_angstrom=float(np.linalg.norm(answer["f"], axis=1).max()),
                structure=final.as_dict(),
            )
        )

    def formation_energy(self, structure: Structure) -> float:
        """Formation energy of the relaxed structure on the basis of the table of DFT formation energies, eV/atom."""
        found = self.relaxed(structure)
        relaxed = Structure.from_dict(found.structure)
        amounts = relaxed.composition.fractional_composition
        elements = sum(float(share) * self._elements[str(element)] for element, share in amounts.items())
        return found.energy_ev_per_atom + self._corrections.difference_ev_per_atom(relaxed) - elements

    def bulk_modulus_gpa(self, structure: Structure) -> float | None:
        """Birch-Murnaghan modulus, uncorrected: seven volumes, atoms relaxed, cell scaled; None when there is no minimum."""
        return self._kept("modulus", structure, lambda: self._modulus(structure))

    def _modulus(self, structure: Structure) -> float | None:
        centre = Structure.from_dict(self.relaxed(structure).structure)
        volumes: list[float] = []
        energies: list[float] = []
        for factor in VOLUME_FACTORS:
            scaled = centre.copy()
            scaled.scale_lattice(centre.volume * factor)
            moved = self._optimizer.relax(scaled, fmax=0.05, steps=60, relax_cell=False, verbose=False)
            answer = self._model.predict_structure(moved["final_structure"])
            volumes.append(scaled.volume / len(scaled))
            energies.append(float(answer["e"]))
        if np.ptp(energies) < _LEAST_SPREAD_EV_PER_ATOM or np.argmin(energies) in (0, len(energies) - 1):
            return None
        try:
            modulus = float(EOS("birch_murnaghan").fit(volumes, energies).b0_GPa)
        except (EOSError, RuntimeError):
            return None
        return modulus if 0.0 < modulus < 1000.0 else None

    def calibration(self, facts: Facts) -> Calibration:
        """Fit the factors on a handful of measured crystals (medians of logarithms; sigma is the scatter)."""
        moduli: list[float] = []
        volumes: list[float] = []
        for crystal in facts.crystals():
            if crystal.formula not in HANDFUL or not crystal.stable or crystal.bulk_modulus_gpa is None:
                continue
            measured = crystal.structure.volume / len(crystal.structure)
            volumes.append(math.log(measured / self.relaxed(crystal.structure).volume_angstrom3_per_atom))
            found = self.bulk_modulus_gpa(crystal.structure)
            if found is not None:
                moduli.append(math.log(crystal.bulk_modulus_gpa / found))
        return Calibration(
            modulus_factor=math.exp(float(np.median(moduli))),
            modulus_sigma=float(np.std(moduli, ddof=1)),
            volume_factor=math.exp(float(np.median(volumes))),
            volume_sigma=float(np.std(volumes, ddof=1)),
            crystals=len(moduli),
        )


def _digest(structure: Structure) -> str:
    form = [np.round(structure.lattice.matrix, 4).tolist(), np.round(structure.frac_coords, 4).tolist()]
    form.append([str(site.specie) for site in structure])
    return hashlib.sha256(json.dumps(form).encode()).hexdigest()[:24]
