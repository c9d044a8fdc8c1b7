"""What can be predicted from a composition: the table behind each property, its scale, and what the number is of."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from matsmith.core.errors import UsageError
from matsmith.core.properties import PROPERTIES
from matsmith.models.predictors.compositions import FloatArray

Scale = Literal["linear", "log10", "probability"]
_DUNN = "Dunn et al. 2020, npj Comput. Mater. 6, 138 (Matbench v0.1)"
_AFLOW = "AFLOW, Automatic GIBBS Library: Toher et al. 2014, Phys. Rev. B 90, 174107; table of the CrabNet benchmark: Wang et al. 2021, npj Comput. Mater. 7, 77"


@dataclass(frozen=True, kw_only=True)
class PredictedProperty:
    """One property: `table` and `column` of its training file, which may hold log10 of it; `floor` is the least value.

    `choice` says which of a formula's polymorphs the model aims at, `helpers` which predictions it takes as descriptors.
    `errors_in_unit` says that on a logarithm, too, errors count in the unit when views are weighed, as in published figures. `crabnet` is the published error of CrabNet on Matbench's random rows, in log10 where the table is.
    """

    name: str
    title: str
    unit: str
    of: str
    table: str
    column: str
    citation: str
    scale: Scale = "linear"
    table_is_log10: bool = False
    floor: float = -np.inf
    choice: Literal["lowest", "median"] = "median"
    helpers: tuple[str, ...] = ()
    absolute_loss: bool = False
    errors_in_unit: bool = False
    published: str = ""
    crabnet: float | None = None

    def to_scale(self, values: FloatArray) -> FloatArray:
        """Values of the table on the scale that the model works on."""
        return np.log10(values) if self.scale == "log10" and not self.table_is_log10 else values

    def from_scale(self, values: FloatArray) -> FloatArray:
        """Back from the model's scale to the unit."""
        if self.scale == "probability":
            return np.clip(values, 0.0, 1.0)
        return np.clip(10.0**values if self.scale == "log10" else values, self.floor, self.ceiling)

    def on_scale(self, outputs: FloatArray) -> FloatArray:
        """What has no bounds of its own, on the model's scale: chances of log-odds, and nothing below the least value."""
        if self.scale == "probability":
            return logistic(outputs)
        return np.maximum(outputs, self.floor) if self.scale == "linear" else outputs

    @property
    def ceiling(self) -> float:
        """The most that any solid has, where the registry of properties knows it."""
        return PROPERTIES[self.name].high if self.name in PROPERTIES else np.inf


_PBE = "computed (PBE, 0 K)"
_LISTED = (
    PredictedProperty(
        name="formation_energy",
        title="formation energy",
        unit="eV/atom",
        of=f"{_PBE} with the Materials Project's corrections of 2019, of the lowest polymorph listed",
        table="mp_formation_energy",
        column="formation_energy_eV_per_atom",
        citation=f"{_DUNN}; Jain et al. 2013, APL Mater. 1, 011002",
        choice="lowest",
        published="CrabNet 0.086 eV/atom, with structure coGN 0.017",
        crabnet=0.086,
    ),
    PredictedProperty(
        name="computed_band_gap",
        title="band gap, computed (PBE)",
        unit="eV",
        of=f"{_PBE}; 30 to 50 % below measured gaps",
        table="mp_band_gap",
        column="band_gap_eV",
        citation=f"{_DUNN}; Jain et al. 2013, APL Mater. 1, 011002",
        floor=0.0,
        helpers=("formation_energy",),
        absolute_loss=True,
        published="CrabNet 0.266 eV, with structure coGN 0.156",
        crabnet=0.266,
    ),
    PredictedProperty(
        name="measured_band_gap",
        title="band gap, measured",
        unit="eV",
        of="measured, near 300 K; 0 for a metal",
        table="expt_band_gap",
        column="band_gap_eV",
        citation=f"{_DUNN}; Zhuo et al. 2018, J. Phys. Chem. Lett. 9, 1668",
        floor=0.0,
        helpers=("formation_energy", "computed_band_gap"),
        absolute_loss=True,
        published="CrabNet 0.346 eV, best 0.287",
        crabnet=0.346,
    ),
    PredictedProperty(
        name="bulk_modulus",
        title="bulk modulus",
        unit="GPa",
        of=f"{_PBE}, Voigt-Reuss-Hill average",
        table="mp_log10_bulk_modulus",
        column="log10_K_VRH_GPa",
        citation=f"{_DUNN}; de Jong et al. 2015, Sci. Data 2, 150009",
        scale="log10",
        table_is_log10=True,
        helpers=("formation_energy", "computed_band_gap"),
        published="CrabNet 0.076 in log10, with structure coNGN 0.049",
        crabnet=0.076,
    ),
    PredictedProperty(
        name="shear_modulus",
        title="shear modulus",
        unit="GPa",
        of=f"{_PBE}, Voigt-Reuss-Hill average",
        table="mp_log10_shear_modulus",
        column="log10_G_VRH_GPa",
        citation=f"{_DUNN}; de Jong et al. 2015, Sci. Data 2, 150009",
        scale="log10",
        table_is_log10=True,
        helpers=("formation_energy", "computed_band_gap"),
        published="CrabNet 0.101 in log10, with structure coNGN 0.067",
        crabnet=0.101,
    ),
    PredictedProperty(
        name="refractive_index",
        title="refractive index",
        unit="",
        of=f"{_PBE}, static electronic response",
        table="mp_refractive_index",
        column="refractive_index",
        citation=f"{_DUNN}; Petousis et al. 2017, Sci. Data 4, 160134",
        scale="log10",
        floor=1.0,
        helpers=("formation_energy", "computed_band_gap"),
        absolute_loss=True,
        errors_in_unit=True,
        published="MODNet 0.271, CrabNet 0.323",
        crabnet=0.323,
    ),
    PredictedProperty(
        name="phonon_peak",
        title="highest peak of the phonon density of states",
        unit="1/cm",
        of=f"{_PBE}",
        table="mp_phonon_peak",
        column="last_phdos_peak_per_cm",
        citation=f"{_DUNN}; Petretto et al. 2018, Sci. Data 5, 180065",
        scale="log10",
        helpers=("formation_energy", "computed_band_gap", "bulk_modulus", "shear_modulus"),
        errors_in_unit=True,
        published="CrabNet 55 1/cm, with structure MEGNet 29",
        crabnet=55.0,
    ),
    PredictedProperty(
        name="exfoliation_energy",
        title="exfoliation energy of a layered form",
        unit="meV/atom",
        of="computed (OptB88vdW), of formulas that have a layered form",
        table="jarvis_exfoliation_energy",
        column="exfoliation_energy_meV_per_atom",
        citation=f"{_DUNN}; Choudhary et al. 2017, Sci. Rep. 7, 5179",
        scale="log10",
        helpers=("formation_energy", "computed_band_gap"),
        absolute_loss=True,
    ),
    PredictedProperty(
        name="agl_thermal_conductivity",
        title="lattice thermal conductivity, quasi-harmonic Debye model",
        unit="W/(m*K)",
        of="computed by the quasi-harmonic Debye model at 300 K, not measured (AlN 107 there, near 300 measured); no electrons",
        table="aflow_thermal_conductivity_300K",
        column="thermal_conductivity_W_per_mK",
        citation=_AFLOW,
        scale="log10",
        helpers=("formation_energy", "computed_band_gap", "bulk_modulus", "shear_modulus"),
    ),
    PredictedProperty(
        name="agl_thermal_expansion",
        title="volumetric thermal expansion, quasi-harmonic Debye model",
        unit="1/K",
        of="computed by the quasi-harmonic Debye model at 300 K, not measured; volumetric: a third of it is linear",
        table="aflow_thermal_expansion_300K",
        column="thermal_expansion_per_K",
        citation=_AFLOW,
        scale="log10",
        helpers=("formation_energy", "computed_band_gap", "bulk_modulus", "shear_modulus"),
    ),
    PredictedProperty(
        name="agl_debye_temperature",
        title="Debye temperature, quasi-harmonic Debye model",
        unit="K",
        of="computed by the quasi-harmonic Debye model, not measured",
        table="aflow_debye_temperature",
        column="debye_temperature_K",
        citation=_AFLOW,
        scale="log10",
        helpers=("formation_energy", "computed_band_gap", "bulk_modulus", "shear_modulus"),
    ),
    PredictedProperty(
        name="metallic_glass",
        title="probability of a metallic glass",
        unit="",
        of="whether an alloy was reported to form a glass when cooled from the melt",
        table="expt_metallic_glass",
        column="forms_glass",
        citation=f"{_DUNN}; Kawazoe et al. 1997, Nonequilibrium Phase Diagrams of Ternary Amorphous Alloys",
        scale="probability",
        published="MODNet ROC-AUC 0.960 (rows split at random)",
    ),
)
PREDICTED: dict[str, PredictedProperty] = {entry.name: entry for entry in _LISTED}


def logistic(values: FloatArray) -> FloatArray:
    """Chances of log-odds."""
    return 1.0 / (1.0 + np.exp(-np.clip(values, -50.0, 50.0)))


def predicted_property(name: str) -> PredictedProperty:
    """The entry of a property. Raises `UsageError` with the nearest name."""
    found = PREDICTED.get(name)
    if found is None:
        import difflib

        near = difflib.get_close_matches(name, PREDICTED, n=1, cutoff=0.4)
        hint = f"Did you mean {near[0]}? " if near else ""
        raise UsageError(
            f"No model predicts {name!r} from a composition.",
            hint=f"{hint}There are: {', '.join(PREDICTED)}.",
        )
    return found
