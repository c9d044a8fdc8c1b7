"""Potentials by name: what to install for each, and how it is made once it is asked for.

A choice is written `NAME` or `NAME:MODEL`, as in `mace` or `mace:medium-0b3` or `mace:/path/to/a.model`. Nothing is imported
before `load`. A package of one's own joins by an entry point of the group `matsmith.potentials`, whose name is the
potential's and whose object is a function `(model: str, device: str) -> an ASE calculator`.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import lru_cache
from importlib import import_module
from importlib.metadata import EntryPoint, PackageNotFoundError, entry_points, version
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from matsmith.core.errors import MatsmithError, PotentialError, UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matsmith.models.potentials.interface import ArrayPotential

DEFAULT = "chgnet"
_GROUP = "matsmith.potentials"
# Elements of the Materials Project's relaxations (MPtrj), on which the universal potentials are trained: 1 to 94 without
# Po, At, Rn, Fr and Ra.
UNIVERSAL = frozenset(range(1, 95)) - frozenset(range(84, 89))
_EMT = frozenset({1, 6, 7, 8, 13, 28, 29, 46, 47, 78, 79})


@dataclass(frozen=True, kw_only=True)
class PotentialEntry:
    """One potential that can be asked for by name.

    `package` is its name at the package index, `module` what is imported, `extra` matsmith's extra that installs it (empty
    when it always is). `make` builds the ASE calculator from model and device; None for the potential that is our own.
    `fetches` says that its weights are downloaded on first use.
    """

    name: str
    title: str
    package: str
    module: str
    model: str
    source: str
    extra: str = ""
    fetches: bool = False
    elements: frozenset[int] = UNIVERSAL
    make: Callable[[str, str], Any] | None = None

    @property
    def installed(self) -> bool:
        """Whether its package is here; nothing is imported."""
        try:
            return find_spec(self.module) is not None
        except (ImportError, ValueError):
            return False

    @property
    def version(self) -> str:
        """Version of its package, empty when it is not installed."""
        try:
            return version(self.package)
        except PackageNotFoundError:
            return ""

    @property
    def install(self) -> str:
        """The line that installs it."""
        return f'pip install "matsmith[{self.extra}]"' if self.extra else f"pip install {self.package}"

    @property
    def missing(self) -> str | None:
        """What is missing, in one sentence; None when it can be made."""
        if self.installed:
            return None
        return f"The potential {self.name} needs the package {self.package}, which is not installed."


def _mace(model: str, device: str) -> Any:
    package: Any = import_module("mace.calculators")
    # Single precision blurs small forces, and a relaxation lives on these.
    return package.mace_mp(model=model, device=device, default_dtype="float64")


def _sevennet(model: str, device: str) -> Any:
    package: Any = import_module("sevenn.calculator")
    name, _, modal = model.partition("@")  # models of several data sets: 7net-mf-ompa@mpa
    return package.SevenNetCalculator(name, device=device, **({"modal": modal} if modal else {}))


def _mattersim(model: str, device: str) -> Any:
    package: Any = import_module("mattersim.forcefield")
    return package.MatterSimCalculator(load_path=model, device=device)


def _orb(model: str, device: str) -> Any:
    pretrained: Any = import_module("orb_models.forcefield.pretrained")
    loader = getattr(pretrained, model.replace("-", "_"), None)
    if loader is None:
        raise ValueError(f"orb-models has no model {model}")
    # Full single precision: the package's default rounds products to fewer bits.
    made: Any = loader(device=device, precision="float32-highest")
    # From version 0.6 on: the network, and what turns atoms into its graphs.
    parts: list[Any] = list(cast("Sequence[Any]", made)) if isinstance(made, tuple) else [made]
    place = (
        "orb_models.forcefield.inference.calculator" if len(parts) > 1 else "orb_models.forcefield.calculator"
    )
    package: Any = import_module(place)
    return package.ORBCalculator(*parts, device=device)


def _grace(model: str, device: str) -> Any:
    del device  # TensorFlow takes the accelerator that it sees
    package: Any = import_module("tensorpotential.calculator")
    return package.TPCalculator(model) if Path(model).exists() else package.grace_fm(model)


def _emt(model: str, device: str) -> Any:
    del model, device
    package: Any = import_module("ase.calculators.emt")
    return package.EMT()


_BUILT_IN = (
    PotentialEntry(
        name="chgnet",
        title="CHGNet",
        package="chgnet",
        module="chgnet",
        model="0.3.0",
        source="Deng et al. 2023, Nat. Mach. Intell. 5, 1031",
    ),
    PotentialEntry(
        name="mace",
        title="MACE",
        package="mace-torch",
        module="mace",
        model="medium-mpa-0",
        source="Batatia et al. 2023, arXiv:2401.00096",
        extra="mace",
        fetches=True,
        make=_mace,
    ),
    PotentialEntry(
        name="sevennet",
        title="SevenNet",
        package="sevenn",
        module="sevenn",
        model="7net-0",
        source="Park et al. 2024, J. Chem. Theory Comput. 20, 4857",
        extra="sevennet",
        make=_sevennet,
    ),
    PotentialEntry(
        name="mattersim",
        title="MatterSim",
        package="mattersim",
        module="mattersim",
        model="MatterSim-v1.0.0-1M.pth",
        source="Yang et al. 2024, arXiv:2405.04967",
        extra="mattersim",
        fetches=True,
        make=_mattersim,
    ),
    PotentialEntry(
        name="orb",
        title="Orb",
        package="orb-models",
        module="orb_models",
        model="orb-v3-conservative-inf-omat",
        source="Rhodes et al. 2025, arXiv:2504.06231",
        extra="orb",
        fetches=True,
        make=_orb,
    ),
    PotentialEntry(
        name="grace",
        title="GRACE",
        package="tensorpotential",
        module="tensorpotential",
        model="GRACE-2L-OAM",
        source="Bochkarev et al. 2024, Phys. Rev. X 14, 021036",
        extra="grace",
        fetches=True,
        make=_grace,
    ),
    PotentialEntry(
        name="emt",
        title="effective medium theory",
        package="ase",
        module="ase",
        model="EMT",
        source="Jacobsen et al. 1996, Surf. Sci. 366, 394; a quick model of eleven elements, for trying things out",
        elements=_EMT,
        make=_emt,
    ),
)


def potential_names() -> list[str]:
    """Every name that can be asked for, installed or not, the default first."""
    return list(_entries())


@lru_cache(maxsize=1)
def _entries() -> dict[str, PotentialEntry]:
    found = {entry.name: entry for entry in _BUILT_IN}
    for point in entry_points(group=_GROUP):
        if point.name not in found:
            found[point.name] = _foreign(point)
    return found


def _foreign(point: EntryPoint) -> PotentialEntry:
    def make(model: str, device: str) -> Any:
        return point.load()(model, device)

    package = point.dist.name if point.dist is not None else point.module
    return PotentialEntry(
        name=point.name,
        title=point.name,
        package=package,
        module=point.module.partition(".")[0],
        model="default",
        source=f"package {package}",
        make=make,
    )


def entry_of(choice: str) -> PotentialEntry:
    """The potential that a choice such as `mace` or `mace:medium` names, with its model.

    Raises `UsageError` with the nearest name for one that does not exist.
    """
    name, colon, model = choice.strip().partition(":")
    found = _entries().get(name.lower())
    if found is None:
        near = difflib.get_close_matches(name.lower(), _entries(), n=1)
        hint = f"Did you mean {near[0]}? " if near else ""
        raise UsageError(
            f"There is no potential {name!r}.", hint=f"{hint}There are: {', '.join(_entries())}."
        )
    if colon and not model:
        raise UsageError(f"{choice!r} names no model.", hint=f"Write {name}, or {name}:MODEL.")
    if model and model != found.model and found.name in (DEFAULT, "emt"):
        raise UsageError(f"{found.title} has no model {model!r} here.", hint=f"Write {found.name}.")
    return replace(found, model=model) if model else found


def installed() -> list[PotentialEntry]:
    """The potentials whose packages are here."""
    return [entry for entry in _entries().values() if entry.installed]


def load(entry: PotentialEntry, *, device: str) -> ArrayPotential:
    """Make the potential. Raises `PotentialError` when its package is missing or its weights cannot be had."""
    missing = entry.missing
    if missing is not None:
        raise PotentialError(missing, hint=f"Run `{entry.install}`.")
    if entry.make is None:
        from matsmith.models.potentials.chgnet_batch import BatchedCHGNet

        return BatchedCHGNet(device=device)
    from ase.data import chemical_symbols

    from matsmith.models.potentials.ase_calculator import AsePotential

    try:
        calculator = entry.make(entry.model, device)
    except MatsmithError:
        raise
    except (
        Exception
    ) as error:  # other people's packages raise what they like: kept as the cause, and said in one line
        text = " ".join(str(error).split())[:300]
        fetched = " Its weights are downloaded on first use: check the network." if entry.fetches else ""
        raise PotentialError(
            f"The potential {entry.name} (model {entry.model}) cannot be made: {type(error).__name__}: {text}",
            hint=f"Check the name of the model and the version of {entry.package} ({entry.version}).{fetched}",
            retryable=entry.fetches,
        ) from error
    return AsePotential(
        calculator,
        name=entry.name,
        version=f"{entry.model} ({entry.package} {entry.version})",
        elements=(chemical_symbols[number] for number in entry.elements),
    )
