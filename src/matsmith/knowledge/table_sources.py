"""Which tables the data folder may hold: file, columns, what a row is, where it comes from and when it was taken."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

Choice = Literal["lowest", "median", "lower median"]

_DUNN = "Dunn et al. 2020, npj Comput. Mater. 6, 138 (Matbench v0.1)"
_JAIN = "Jain et al. 2013, APL Mater. 1, 011002 (Materials Project, CC BY 4.0)"
_MATBENCH_DATE = "2019-04-02"
"""When Matbench v0.1 took its rows from the Materials Project, as the data set's own description states it."""
_HULL_DATE = "2018 to 2021"
"""The repacked hull distances do not state the day; they belong to database releases of these years."""


@dataclass(frozen=True, kw_only=True)
class TableSource:
    """One table of formula and value. `property` is the registry's name of what it holds, or empty; rows above `credible` tell of no formula."""

    name: str
    column: str
    property: str
    unit: str
    truth: str
    choice: Choice
    title: str
    date: str
    citation: str
    log10: bool = False
    credible: float = math.inf

    @cached_property
    def file(self) -> str:
        """Name of the file in the data folder."""
        return f"{self.name}.csv.gz"

    @cached_property
    def label(self) -> str:
        """How a report names the table."""
        return f"{self.title} ({self.date})"


_MATBENCH_TITLE = "Materials Project via Matbench v0.1"

_LISTED = (
    TableSource(
        name="mp_formation_energy",
        column="formation_energy_eV_per_atom",
        property="formation_energy",
        unit="eV/atom",
        truth="DFT (PBE and PBE+U with the Materials Project's corrections of 2019), 0 K",
        choice="lowest",
        title=_MATBENCH_TITLE,
        date=_MATBENCH_DATE,
        citation=f"{_DUNN}; {_JAIN}",
    ),
    TableSource(
        name="mp_energy_above_hull",
        column="energy_above_hull_eV_per_atom",
        property="energy_above_hull",
        unit="eV/atom",
        truth="DFT (PBE and PBE+U), 0 K, against every phase in the Materials Project",
        choice="lowest",
        title="Materials Project",
        date=_HULL_DATE,
        citation=_JAIN,
    ),
    TableSource(
        name="mp_stability",
        column="is_stable",
        property="",
        unit="",
        truth="on the Materials Project's hull",
        choice="median",
        title="Materials Project via ECSG",
        date="not stated",
        citation="Zou et al. 2025 (ECSG)",
    ),
    TableSource(
        name="mp_log10_bulk_modulus",
        column="log10_K_VRH_GPa",
        property="bulk_modulus",
        unit="GPa",
        truth="DFT (PBE), 0 K, Voigt-Reuss-Hill average",
        choice="median",
        title=_MATBENCH_TITLE,
        date=_MATBENCH_DATE,
        citation=f"{_DUNN}; de Jong et al. 2015, Sci. Data 2, 150009",
        log10=True,
    ),
    TableSource(
        name="mp_log10_shear_modulus",
        column="log10_G_VRH_GPa",
        property="shear_modulus",
        unit="GPa",
        truth="DFT (PBE), 0 K, Voigt-Reuss-Hill average",
        choice="median",
        title=_MATBENCH_TITLE,
        date=_MATBENCH_DATE,
        citation=f"{_DUNN}; de Jong et al. 2015, Sci. Data 2, 150009",
        log10=True,
    ),
    TableSource(
        name="mp_band_gap",
        column="band_gap_eV",
        property="computed_band_gap",
        unit="eV",
        truth="DFT (PBE and PBE+U), 0 K",
        choice="median",
        title=_MATBENCH_TITLE,
        date=_MATBENCH_DATE,
        citation=f"{_DUNN}; {_JAIN}",
    ),
    TableSource(
        name="expt_band_gap",
        column="band_gap_eV",
        property="measured_band_gap",
        unit="eV",
        truth="experiment",
        choice="median",
        title="Zhuo et al. via Matbench v0.1",
        date="2018",
        citation=f"{_DUNN}; Zhuo et al. 2018, J. Phys. Chem. Lett. 9, 1668",
    ),
    TableSource(
        name="mp_refractive_index",
        column="refractive_index",
        property="refractive_index",
        unit="",
        truth="DFT (PBE), 0 K, static electronic response",
        # Of two forms the average may be no form's. By n**4 * gap = 95 eV (Moss 1985, Phys. Status Solidi B 131, 415) an index above 10 belongs to
        # a computed gap below 0.01 eV: it tells of a gap that PBE nearly closes (ZnO 33, measured 2.0), and of no material.
        choice="lower median",
        credible=10.0,
        title=_MATBENCH_TITLE,
        date=_MATBENCH_DATE,
        citation=f"{_DUNN}; Petousis et al. 2017, Sci. Data 4, 160134",
    ),
)

SOURCES: dict[str, TableSource] = {source.name: source for source in _LISTED}
BY_PROPERTY: dict[str, TableSource] = {source.property: source for source in _LISTED if source.property}
