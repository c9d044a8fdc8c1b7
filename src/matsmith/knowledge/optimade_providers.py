"""The OPTIMADE providers that matsmith knows: addresses, the fields in which they tell properties, how to cite them.

OPTIMADE is one query language over many databases (Andersen et al. 2021, Sci. Data 8, 217). Fields beyond the standard carry the
provider's prefix; a property that a provider has no field for cannot be asked of it. A licence is stated where the provider states one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from matsmith.core.errors import UsageError


@dataclass(frozen=True, kw_only=True)
class ProviderField:
    """A field of a provider: its path (nested keys after the first are not filterable) and what its numbers rest on."""

    path: tuple[str, ...]
    label: str
    factor: float = 1.0

    @property
    def filterable(self) -> bool:
        """Whether the field can stand in a filter."""
        return len(self.path) == 1


@dataclass(frozen=True, kw_only=True)
class Provider:
    """One database behind OPTIMADE. `fields` maps properties of the registry to the provider's own."""

    name: str
    title: str
    base_url: str
    citation: str
    licence: str
    fields: Mapping[str, ProviderField] = field(default_factory=dict[str, ProviderField])
    space_group_field: str = ""
    experimental: bool = False
    names: tuple[str, ...] = ()


_SEE = "see the provider's terms"


def _pbe(prefix: str) -> dict[str, ProviderField]:
    return {
        "energy_above_hull": ProviderField(path=(f"{prefix}_hull_distance",), label="PBE"),
        "formation_energy": ProviderField(path=(f"{prefix}_formation_energy_per_atom",), label="PBE"),
        "computed_band_gap": ProviderField(path=(f"{prefix}_band_gap",), label="PBE"),
    }


PROVIDERS: dict[str, Provider] = {
    provider.name: provider
    for provider in (
        Provider(
            name="mp",
            title="Materials Project (OPTIMADE)",
            base_url="https://optimade.materialsproject.org",
            citation="Jain et al. 2013, doi:10.1063/1.4812323",
            licence="CC BY 4.0",
            fields={
                "energy_above_hull": ProviderField(
                    path=("_mp_stability", "gga_gga+u", "energy_above_hull"), label="PBE, PBE+U"
                ),
                "formation_energy": ProviderField(
                    path=("_mp_stability", "gga_gga+u", "formation_energy_per_atom"), label="PBE, PBE+U"
                ),
            },
            names=("materials project optimade",),
        ),
        Provider(
            name="oqmd",
            title="OQMD",
            base_url="https://oqmd.org/optimade",
            citation="Saal et al. 2013, doi:10.1007/s11837-013-0755-4; Kirklin et al. 2015, doi:10.1038/npjcompumats.2015.10",
            licence="CC BY 4.0",
            fields={
                "energy_above_hull": ProviderField(path=("_oqmd_stability",), label="PBE, distance to OQMD's hull"),
                "formation_energy": ProviderField(path=("_oqmd_delta_e",), label="PBE with OQMD's fitted elements"),
                "computed_band_gap": ProviderField(path=("_oqmd_band_gap",), label="PBE"),
            },
            space_group_field="_oqmd_spacegroup",
            names=("open quantum materials database",),
        ),
        Provider(
            name="alexandria",
            title="Alexandria (PBE)",
            base_url="https://alexandria.icams.rub.de/pbe",
            citation="Schmidt et al. 2023, doi:10.1002/adma.202210788",
            licence="CC BY 4.0",
            fields=_pbe("_alexandria"),
            space_group_field="_alexandria_space_group",
        ),
        Provider(
            name="aflow",
            title="AFLOW",
            base_url="https://aflow.org/API/optimade",
            citation="Curtarolo et al. 2012, doi:10.1016/j.commatsci.2012.02.002",
            licence=_SEE,
            fields={
                "formation_energy": ProviderField(path=("_aflow_enthalpy_formation_atom",), label="PBE"),
                "computed_band_gap": ProviderField(path=("_aflow_Egap",), label="PBE"),
                "density": ProviderField(path=("_aflow_density",), label="PBE cell"),
            },
        ),
        Provider(
            name="jarvis",
            title="JARVIS-DFT",
            base_url="https://jarvis.nist.gov/optimade/jarvisdft",
            citation="Choudhary et al. 2020, doi:10.1038/s41524-020-00440-1",
            licence=_SEE,
            fields={
                "energy_above_hull": ProviderField(path=("_jarvis_ehull",), label="OptB88vdW"),
                "formation_energy": ProviderField(path=("_jarvis_formation_energy_peratom",), label="OptB88vdW"),
                "computed_band_gap": ProviderField(path=("_jarvis_optb88vdw_bandgap",), label="OptB88vdW, not PBE"),
                "bulk_modulus": ProviderField(path=("_jarvis_bulk_modulus_kv",), label="OptB88vdW, Voigt"),
                "shear_modulus": ProviderField(path=("_jarvis_shear_modulus_gv",), label="OptB88vdW, Voigt"),
            },
        ),
        Provider(
            name="cod",
            title="Crystallography Open Database",
            base_url="https://www.crystallography.net/cod/optimade",
            citation="Gražulis et al. 2012, doi:10.1093/nar/gkr900",
            licence="CC0 1.0",
            experimental=True,
            names=("crystallography open database",),
        ),
        Provider(
            name="nomad",
            title="NOMAD",
            base_url="https://nomad-lab.eu/prod/v1/api/optimade",
            citation="Scheidgen et al. 2023, doi:10.21105/joss.05388",
            licence="CC BY 4.0",
        ),
    )
}  # fmt: skip


def get_provider(name: str) -> Provider:
    """The provider of a name. Raises `UsageError` with the names there are."""
    provider = PROVIDERS.get(name.lower())
    if provider is None:
        raise UsageError(
            f"There is no OPTIMADE provider {name!r}.", hint=f"Choose from {', '.join(PROVIDERS)}."
        )
    return provider
