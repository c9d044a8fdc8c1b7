"""What the thermochemical tools share: whose Gibbs energy is asked for, and in which gases."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping
from functools import lru_cache
from importlib.resources import files
from typing import Annotated, Self

from pydantic import Field, model_validator

from matsmith.core.crystal import Crystal
from matsmith.core.elements import parse_formula
from matsmith.core.errors import MatsmithError, UsageError
from matsmith.core.record import Method, Outcome
from matsmith.core.settings import Settings
from matsmith.knowledge.crystals import find
from matsmith.knowledge.thermochemistry.atmosphere import Atmosphere, named
from matsmith.knowledge.thermochemistry.calibration import thermochemical_errors
from matsmith.knowledge.thermochemistry.formation import SolidGibbs, tabulated
from matsmith.tools.base import Args, Deps
from matsmith.tools.novelty import label

Pressures = Annotated[
    dict[str, float],
    Field(
        description='partial pressures in bar by molecule, such as {"O2": 0.21, "CO2": 0.0004}',
        default_factory=dict,
    ),
]
# A form that is not the tabulated one, and whose excess was not computed, lies above it by as much as most known
# metastable forms do (Sun et al. 2016, Sci. Adv. 2, e1600225: 90 % within 0.067 eV/atom).
_OTHER_FORM_SIGMA_EV_PER_ATOM = 0.067


class SolidArgs(Args):
    """Which solid: a structure, or a formula alone for the form that the tables hold."""

    structure: str | None = Field(
        default=None,
        min_length=1,
        description="a structure: id of a candidate, id of a record that holds one, or path of a CIF or POSCAR file",
        json_schema_extra={"x-reference": "structure"},
    )
    formula: str | None = Field(
        default=None, min_length=1, description="a formula of the tables, in place of a structure"
    )
    formation: str | None = Field(
        default=None,
        description="id of a record of stability for a solid that the tables lack: its formation energy and hull",
        json_schema_extra={"x-reference": "record"},
    )
    structure_known: bool | None = Field(
        default=None,
        description="whether the structure was recognised as a known crystal of its formula; looked up when not given",
    )

    @model_validator(mode="after")
    def _one(self) -> Self:
        if (self.structure is None) == (self.formula is None):
            raise ValueError("give either a structure or a formula")
        return self


class Subject:
    """The solid that was asked about, with its Gibbs energy and what is uncertain about it."""

    def __init__(
        self, solid: SolidGibbs, *, formula: str, caveat: str, hull_0k: tuple[float, float] | None
    ) -> None:
        self.solid = solid
        self.formula = formula
        self.caveat = caveat
        self.hull_0k = hull_0k

    def method(self, name: str) -> Method:
        """The method of a result about it."""
        return Method(
            name=name,
            reference=f"{self.solid.source}; competitors and gases: tables of knowledge/thermochemistry",
        )


def subject_of(args: SolidArgs, *, deps: Deps) -> Subject | Outcome:
    """The solid with its Gibbs energy, or the failure `no_enthalpy` that says what is missing."""
    if args.structure is None:
        amounts: dict[str, float] = parse_formula(args.formula or "")
        solid, formula, known = tabulated(amounts), args.formula or "", True
    else:
        crystal = deps.crystal(args.structure)
        amounts = parse_formula(crystal.formula)
        solid, formula = tabulated(amounts), crystal.formula
        known = args.structure_known
        if known is None:
            known = solid is not None and label(crystal, settings=deps.settings).structure_matched
        known = known and not _metastable(crystal)
    record = None if args.formation is None else deps.record(args.formation)
    hull = None if record is None else record.quantities.get("energy_above_hull")
    hull_0k = None if hull is None else (hull.value, hull.sigma)
    if solid is not None and known:
        return Subject(solid, formula=formula, caveat="", hull_0k=None)
    if solid is not None:
        excess, sigma, caveat = 0.0, _OTHER_FORM_SIGMA_EV_PER_ATOM, ""
        lowest = (
            None if record is None else record.outcome.facts.get("lowest_known_formation_energy_ev_per_atom")
        )
        formation = None if record is None else record.quantities.get("formation_energy")
        if formation is not None and isinstance(lowest, float):
            excess, sigma = max(0.0, formation.value - lowest), formation.sigma
        else:
            caveat = (
                f"the tables hold {formula} in its stable form, and this structure was not recognised as that"
            )
        changed = SolidGibbs(
            amounts=solid.amounts,
            source=solid.source,
            measured=True,
            excess_ev_per_atom=excess,
            enthalpy_sigma_ev_per_atom=sigma,
        )
        return Subject(changed, formula=formula, caveat=caveat, hull_0k=None)
    if record is None or args.structure is None:
        return _no_enthalpy(formula)
    formation = record.quantities.get("formation_energy")
    if formation is None:
        return _no_enthalpy(formula)
    enthalpy, fit_sigma = thermochemical_errors().enthalpy_of(amounts, formation.value)
    crystal = deps.crystal(args.structure)
    estimated = SolidGibbs(
        amounts=amounts,
        source="formation energy of stability with fitted references of the elements, and the descriptor of Bartel et al. "
        "2018, Nat. Commun. 9, 4168",
        measured=False,
        enthalpy_ev_per_atom=enthalpy,
        enthalpy_sigma_ev_per_atom=math.hypot(fit_sigma, formation.sigma),
        volume_angstrom3_per_atom=crystal.volume_angstrom3 / len(crystal.species),
    )
    caveat = "competitors of more than its tabulated phases are known at 0 K alone"
    return Subject(estimated, formula=formula, caveat=caveat, hull_0k=hull_0k)


def _metastable(crystal: Crystal) -> bool:
    """Whether a structure is a measured form that is known to be metastable: the tables' values belong to the stable one."""
    forms = [form for form in find(crystal.formula) if form.stable_at_ambient is False]
    if not forms:
        return False
    from pymatgen.analysis.structure_matcher import StructureMatcher

    matcher, structure = StructureMatcher(), crystal.to_pymatgen()
    return any(matcher.fit(structure, form.structure()) for form in forms)


def _no_enthalpy(formula: str) -> Outcome:
    return Outcome.failed(
        "no_enthalpy",
        f"The thermochemical tables do not hold {formula}.",
        hint="Give its structure and, as formation, the record of stability of its relaxation: matsmith tool relax, "
        "then matsmith tool stability.",
    )


def atmosphere_of(
    *, temperature_k: float, name: str | None, pressures_bar: Mapping[str, float], evolved_bar: float = 1.0
) -> Atmosphere:
    """The atmosphere from a name, from partial pressures, or from both (the pressures then replace those of the name)."""
    base: Mapping[str, float] = named(name, temperature_k=temperature_k).pressures_bar if name else {}
    return Atmosphere(
        temperature_k=temperature_k, pressures_bar={**base, **pressures_bar}, evolved_bar=evolved_bar
    )


def refused(error: MatsmithError) -> Outcome:
    """The typed failure of conditions or substances outside the method's domain."""
    code = "outside_domain" if isinstance(error, UsageError) else "no_data"
    return Outcome.failed(code, error.message, hint=error.hint)


def tables_version(settings: Settings) -> str:
    """Identity of a result: hash of the tables and the measured errors that it rests on."""
    del settings
    return package_hash(
        "matsmith.knowledge.thermochemistry", "species.json.gz", "solids.json", "errors.json", "ions.json"
    )


@lru_cache(maxsize=16)
def package_hash(package: str, *names: str) -> str:
    """Hash of data files of a package."""
    folder = files(package)
    digest = hashlib.sha256()
    for name in names:
        digest.update(folder.joinpath(name).read_bytes())
    return digest.hexdigest()[:16]
